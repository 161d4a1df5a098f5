"""What choosing images could gain if only classes had to be learnt: figures of docs/detection-efficiency.md.

python -m benchmarks.box_choice --data ../shared/data --weights ../shared/data/weights --sets cards --out choice.jsonl
python -m benchmarks.detection gains --out choice.jsonl

Frozen networks see the objects that are drawn, as for a light head; all are taken for found at their places, and a
small head learns their classes, in a moment. So methods are replayed on as many seeds as a difference of a point of
mAP@50 wants, from 20 images over 40 to 80. It tells of differences between methods, not how good a detector is.

Besides the methods that there are: `per_cost` is `auto` whose herding takes what gains most for each second that a
person spends; `least_sure` takes the images whose objects have no class of a high score, and `crowded` those with the
most objects. `hindsight_sum` and `hindsight_mean` take those whose objects the head is most wrong about, as nobody can
who hasn't drawn them.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from benchmarks.detection import divided, read_drawn
from nextlabel.core.data.boxes import BoxedImage, Detected, write_lines
from nextlabel.core.kinds.registry import parse_request
from nextlabel.core.kinds.selection import BOX_S, IMAGE_S, SelectionRequest
from nextlabel.core.methods.arrays import Matrix, Rows
from nextlabel.core.methods.base import Inputs
from nextlabel.core.methods.coverage import MaxHerding, sampled
from nextlabel.core.methods.detection import GIVEN_DOUBTS, ClassSum
from nextlabel.core.methods.found_boxes import FoundBoxes
from nextlabel.core.methods.registry import parse_method
from nextlabel.core.metrics.detection import Truth, quality, score
from nextlabel.core.neural.backbones import BackboneLoader
from nextlabel.core.neural.detection.frozen import Maps, Mixing
from nextlabel.core.neural.detection.network import STRIDES, positions
from nextlabel.core.neural.detection.targets import assign
from nextlabel.core.neural.detection.training import centred
from nextlabel.core.pipelines.detection.labelled import of_their_size, read_pool, truth_of
from nextlabel.core.pipelines.detection.light import MIXED_BY, mapped, seer_of
from nextlabel.core.pipelines.detection.selection import settle_for_boxes
from nextlabel.core.pipelines.detection.training_set import SIDE
from nextlabel.core.pipelines.run import Run
from nextlabel.core.settings import Settings

ROUNDS = (20, 40, 80)
METHODS = ("random", "auto", "per_cost", "det_sum", "det_mean", "class_sum", "maxherding")
RANKED = ("least_sure", "crowded")
HINDSIGHT = ("hindsight_sum", "hindsight_mean")
DIVIDED_BY = {"least_sure": 0.5, "hindsight_sum": 0, "hindsight_mean": 1}  # the number of objects, to this power
HIDDEN, STEPS, RATE, DECAY = 48, 60, 3e-3, 1e-2
FLOOR = 0.05  # the lowest score of a box that counts
HELD_OUT = 5  # one of so many labelled images tells how well a class is known
LEAST_SPREAD = 1e-3

Scores = NDArray[np.float64]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--sets", nargs="+", default=["cards"])
    parser.add_argument("--seeds", type=int, default=40)
    parser.add_argument("--methods", nargs="+", default=[*METHODS, *RANKED, *HINDSIGHT])
    given = parser.parse_args()
    torch.set_num_threads(1)
    with given.out.open("a") as out:
        for name in given.sets:
            objects = see(given.data.resolve() / name, given.weights)
            for seed in range(given.seeds):
                for method in given.methods:
                    for line in replay(objects, method, seed):
                        print(json.dumps({"set": name, "seed": seed, "method": method, **line}), file=out, flush=True)


@dataclass(frozen=True, eq=False)
class Objects:
    """The m objects that are drawn on N images, image by image.

    names: (N,). drawn: what is drawn. truth: (N,) the same, classes counted. features: (N, d) of the images.
    seen: (m, D) what the frozen networks see of each object, each column of mean 0 and spread 1.
    """

    names: Sequence[str]
    drawn: dict[str, BoxedImage]
    truth: Sequence[Truth]
    features: Matrix
    seen: Matrix

    @cached_property
    def counts(self) -> Rows:
        """(N,) how many objects each image has."""
        return np.array([len(one.classes) for one in self.truth])

    @cached_property
    def image(self) -> Rows:
        """(m,) the image of each object."""
        return np.repeat(np.arange(len(self.truth)), self.counts)

    @cached_property
    def classes(self) -> Rows:
        """(m,)"""
        return np.concatenate([one.classes for one in self.truth])

    @cached_property
    def n_classes(self) -> int:
        return int(self.classes.max()) + 1


# --- what is seen -----------------------------------------------------------------------------------------------


def see(data: Path, weights: Path) -> Objects:
    """Look at all images of a set."""
    drawn = read_drawn(data / "annotations.json")
    with TemporaryDirectory() as folder:
        labels = Path(folder) / "boxes-all.jsonl"
        labels.write_text(write_lines(drawn.items()))
        settings = Settings(
            data_roots=(data.resolve(), Path(folder).resolve()),
            weights_dir=weights.resolve(),
            cache_dir=Path(folder) / "cache",
            state_dir=Path(folder) / "state",
        )
        run = Run(settings, BackboneLoader(settings, "cpu"), check=lambda: None, publish=lambda *_: None)
        paths = {"path_to_img": str(data / "images"), "path_to_labels": str(labels)}
        request: Any = parse_request({"kind": "selection", "task": "detection", "add": 1, **paths})
        return _see(request, drawn, run)


def _see(request: SelectionRequest, drawn: dict[str, BoxedImage], run: Run) -> Objects:
    run.plan("read")
    run.stage("read")
    labelled = read_pool(request, run)
    by_row, _ = of_their_size(labelled, run)
    names = sorted({box.class_name for image in by_row.values() for box in image.boxes})
    index = {name: i for i, name in enumerate(names)}
    rows = sorted(by_row)
    seer = seer_of(request, run, SIDE)
    maps, shrunk = {}, {}
    for batch in mapped(seer, labelled.pool, rows, run):
        for row, image, one in batch.images:
            maps[row], shrunk[row] = one, image.shrink(by_row[row].places)
    mixing = Mixing.of([maps[row] for row in np.random.default_rng(0).permutation(rows)[:MIXED_BY].tolist()])
    seen = np.concatenate([_objects(mixing, maps[row], shrunk[row]) for row in rows if len(shrunk[row])])
    return Objects(
        [labelled.pool.names[row] for row in rows],
        drawn,
        [truth_of(by_row[row], index) for row in rows],
        np.stack([maps[row].features.astype(np.float32) for row in rows]),
        (seen - seen.mean(axis=0)) / (seen.std(axis=0) + LEAST_SPREAD),
    )


def _objects(mixing: Mixing, maps: Maps, places: Scores) -> Matrix:
    """Return (g, D): the mean of what is seen at the positions that learn each of g objects, or at the nearest one."""
    points = mixing.points(maps).seen
    height, width = (maps.said or maps.seen)[0].shape[1:]
    centres, strides = positions(height * STRIDES[0], width * STRIDES[0])
    drawn = centred(places)
    given = assign(centres, strides, drawn)
    found = []
    for i in range(len(drawn)):
        at = given.positions[given.boxes == i]
        nearest = ((centres - drawn[i, :2]) ** 2).sum(1).argmin()[None]
        found.append(points[at if len(at) else nearest].float().mean(0).numpy())
    return np.stack(found)


# --- a replay ---------------------------------------------------------------------------------------------------


def replay(objects: Objects, method: str, seed: int) -> Iterator[dict[str, Any]]:
    """Choose in rounds, from the start that `benchmarks.detection` has, and tell what each round comes to."""
    held_out, order = divided(objects.drawn, seed)
    place = {name: i for i, name in enumerate(objects.names)}
    held, pool = (np.array([place[name] for name in part]) for part in (held_out, order))
    labelled, rng = pool[: ROUNDS[0]], np.random.default_rng(seed)
    said: Scores = np.empty(0)
    for upto in ROUNDS:
        if upto > len(labelled):
            candidates = np.setdiff1d(pool, labelled)
            chosen = choose(objects, method, said, labelled, candidates, upto - len(labelled), rng, seed)
            labelled = np.concatenate([labelled, chosen])
        said = learn(objects, labelled, seed)
        truth, found = [objects.truth[i] for i in held], [as_found(objects, said, i) for i in held]
        map50 = score(truth, found, [str(c) for c in range(objects.n_classes)]).map50
        yield {"labelled": upto, "boxes": int(objects.counts[labelled].sum()), "map50": map50}


def learn(objects: Objects, labelled: Rows, seed: int) -> Scores:
    """Train a head on the objects of some images; return (m, C) what it says of all."""
    rows = np.isin(objects.image, labelled)
    seen = torch.from_numpy(objects.seen).float()
    right = torch.zeros(int(rows.sum()), objects.n_classes)
    right[torch.arange(len(right)), torch.from_numpy(objects.classes[rows])] = 1
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        head = nn.Sequential(nn.Linear(seen.shape[1], HIDDEN), nn.SiLU(), nn.Linear(HIDDEN, objects.n_classes))
    optimiser = torch.optim.AdamW(head.parameters(), lr=RATE, weight_decay=DECAY)
    learnt = seen[torch.from_numpy(rows)]
    for _ in range(STEPS):
        optimiser.zero_grad()
        nn.functional.binary_cross_entropy_with_logits(head(learnt), right).backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    with torch.inference_mode():
        said: Scores = torch.sigmoid(head(seen)).double().numpy()
    return said


def as_found(objects: Objects, said: Scores, image: int) -> Detected:
    """Return each object of an image at its place, once for each class of which the score reaches the floor."""
    at, classes = np.nonzero(said[objects.image == image] >= FLOOR)
    scores = said[objects.image == image][at, classes]
    return Detected(objects.truth[image].places[at], classes, scores)


def choose(
    objects: Objects,
    method: str,
    said: Scores,
    labelled: Rows,
    candidates: Rows,
    add: int,
    rng: np.random.Generator,
    seed: int,
) -> Rows:
    if method in (*RANKED, *HINDSIGHT):
        return candidates[np.argsort(-_wanted(objects, method, said)[candidates], kind="stable")[:add]]
    rows = np.union1d(labelled, candidates)
    free = np.flatnonzero(np.isin(rows, candidates))
    boxes = FoundBoxes.of([as_found(objects, said, i) for i in rows], _known(objects, labelled, seed))
    doubts = np.zeros((len(rows), 1))
    doubts[free, 0] = ClassSum.of_candidates(boxes.take(free))
    inputs = Inputs(
        candidates=free,
        embeddings=objects.features[rows],
        labelled=np.flatnonzero(np.isin(rows, labelled)),
        targets=np.zeros(len(labelled), np.int64),
        logits=doubts,
        units=GIVEN_DOUBTS,
        boxes=boxes,
    )
    if method == "per_cost":
        return rows[per_cost(inputs, doubts[:, 0], boxes.total(boxes.scores), add, rng)]
    settled, _ = settle_for_boxes(parse_method(method), boxes=True, embeddings=True)
    return rows[settled.select(inputs, add, rng).rows]


def _wanted(objects: Objects, method: str, said: Scores) -> Scores:
    """Return (N,) how much each image is wanted by who knows where its objects are; in hindsight, of which classes."""
    if method == "crowded":
        return objects.counts.astype(np.float64)
    right = said.max(axis=1) if method == "least_sure" else said[np.arange(len(said)), objects.classes]
    total = np.bincount(objects.image, -np.log(np.maximum(right, 1e-6)), len(objects.names)).astype(np.float64)
    return total / np.maximum(objects.counts, 1) ** DIVIDED_BY[method]


def _known(objects: Objects, labelled: Rows, seed: int) -> Scores:
    """Return (C,) how well each class is found on a part of the labelled images by a head that learns from the rest."""
    order = np.random.default_rng(seed).permutation(labelled)
    aside = order[: max(2, len(order) // HELD_OUT)]
    said = learn(objects, np.setdiff1d(labelled, aside), seed)
    found = [as_found(objects, said, i) for i in aside]
    return quality([objects.truth[i] for i in aside], found, objects.n_classes)


def per_cost(inputs: Inputs, doubts: Scores, expected: Scores, add: int, rng: np.random.Generator) -> Rows:
    """Pick as `auto` does, of each image what it gains for a second. expected: (N,) boxes that are to be drawn."""
    aside = add // 10
    looked = sampled(inputs, add - aside, rng, bandwidth=1.0, uncertainty=doubts)
    cost = IMAGE_S + BOX_S * expected[looked.candidates]
    covered, picks = looked.covered.copy(), np.empty(0, np.int64)
    for _ in range(add - aside):
        gains = np.maximum(looked.similarities - covered, 0) @ looked.shares / cost
        gains[picks] = -1
        picks = np.append(picks, gains.argmax())
        np.maximum(covered, looked.similarities[picks[-1]], out=covered)
    rows = looked.candidates[picks]
    left = np.setdiff1d(inputs.candidates, rows)
    return np.concatenate([rows, MaxHerding().select(replace(inputs, candidates=left, pending=rows), aside, rng).rows])


if __name__ == "__main__":
    main()
