"""What detectors come to that go on from the last round's, beside those that begin with the published weights.

python -m benchmarks.warm_detectors run   --data ../shared/data --weights ../shared/data/weights --out warm.jsonl
python -m benchmarks.warm_detectors table --out warm.jsonl

For each set and seed, images are labelled in rounds. `cold`: in each round the network is trained from the published
weights. `warm/2`: half as many images pass, from the network of the round before, the first of which is cold. `cold/2`:
half as many from the published weights, in the last round alone. All are scored on 28 % of the set by the network
itself: boxes are not named by their own pixels. Seconds are of this process's CPU, for training alone: run with
OMP_NUM_THREADS=1. A line of JSON is written for each detector.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.detection import divided, read_drawn, read_lines
from nextlabel.core.data.decoder import Decoder
from nextlabel.core.kinds.requests import AUGMENTED_PASSES, PASSES
from nextlabel.core.metrics.detection import score
from nextlabel.core.neural.detection.detector import Detector
from nextlabel.core.neural.detection.letterbox import BoxReader
from nextlabel.core.neural.detection.network import Yolox
from nextlabel.core.neural.detection.training import Example, Known, fine_tune, split
from nextlabel.core.neural.detection.weights import FILE, read_weights
from nextlabel.core.pipelines.detection.labelled import truth_of
from nextlabel.core.pipelines.detection.training_set import LARGER_SIDE, SIDE, are_small
from nextlabel.core.settings import Settings

ROUNDS = (40, 60, 80, 100)


@dataclass(frozen=True, eq=False)
class Parts:
    """The names of images that a network learnt from, and of those that were held out."""

    learnt: set[str]
    held: set[str]


class Rounds:
    """One set, divided by chance into images to learn from, in an order, and images to score by."""

    def __init__(self, data: Path, weights: Path, seed: int, rounds: Sequence[int]) -> None:
        self._folder, self._drawn = data.resolve() / "images", read_drawn(data / "annotations.json")
        self._weights, self._seed, self._rounds = weights / FILE, seed, rounds
        held_out, self._order = divided(self._drawn, seed)
        names = {box.class_name for image in self._drawn.values() for box in image.boxes}
        self._classes = {name: i for i, name in enumerate(sorted(names))}
        self._small = are_small({i: self._drawn[name] for i, name in enumerate(self._order[: rounds[0]])})
        self._side, self._passes = (LARGER_SIDE, AUGMENTED_PASSES) if self._small else (SIDE, PASSES)
        self._decoder = Decoder.of(Settings())
        self._scoring = [self._example(name) for name in held_out]
        self._examples = {name: self._example(name) for name in self._order[: rounds[-1]]}

    def run(self, shares: Sequence[int]) -> Iterator[dict[str, Any]]:
        """shares: by how much fewer images pass than from the published weights."""
        first: tuple[Yolox, Parts] | None = None
        for labelled in self._rounds:
            network, parts, line = self._train(labelled, read_weights(self._weights), None, 1)
            first = first or (network, parts)
            yield {"how": "cold", **line}
        assert first is not None
        for share in shares:
            network, parts = first
            for labelled in self._rounds[1:]:
                network, parts, line = self._train(labelled, deepcopy(network), parts, share)
                yield {"how": f"warm/{share}", **line}
            yield {"how": f"cold/{share}", **self._train(self._rounds[-1], read_weights(self._weights), None, share)[2]}

    def _train(
        self, labelled: int, network: Yolox, before: Parts | None, share: int
    ) -> tuple[Yolox, Parts, dict[str, Any]]:
        names, n_classes = sorted(self._order[:labelled]), len(self._classes)
        known = None if before is None else _known(names, before, n_classes)
        examples = [self._examples[name] for name in names]
        learnt, held = split([one.is_boxed for one in examples], self._seed, known)
        began = time.process_time()
        trained = fine_tune(
            network,
            [examples[i] for i in learnt],
            [examples[i] for i in held],
            n_classes,
            passes=self._passes // share,
            seed=self._seed,
            augments=self._small,
            known=None if known is None else known.classes,
        )
        cpu_s = time.process_time() - began
        seen = Detector(trained.network, engine="torch")([one.image for one in self._scoring])
        scores = score(
            [one.truth for one in self._scoring], [one.detected for one in seen], [str(c) for c in range(n_classes)]
        )
        line = {
            "labelled": labelled,
            "map50": scores.map50,
            "map": scores.mean_average_precision,
            "cpu_s": round(cpu_s, 1),
            "passes_kept": trained.passes,
        }
        return trained.network, Parts({names[i] for i in learnt}, {names[i] for i in held}), line

    def _example(self, name: str) -> Example:
        with (self._folder / name).open("rb") as file:
            image: Any = BoxReader(self._side).read(file, self._decoder).prepared
        return Example(image, truth_of(self._drawn[name], self._classes))


def _known(names: Sequence[str], before: Parts, n_classes: int) -> Known:
    learnt, held = (
        frozenset(i for i, name in enumerate(names) if name in part) for part in (before.learnt, before.held)
    )
    return Known({i: i for i in range(n_classes)}, learnt, held)


def print_table(lines: Sequence[dict[str, Any]]) -> None:
    """Print of each set, way and round the mean over seeds, and the range of mAP@50."""
    cells: dict[tuple[str, int, str], list[dict[str, Any]]] = {}
    for line in lines:
        cells.setdefault((line["set"], line["labelled"], line["how"]), []).append(line)
    for (name, labelled, how), of in sorted(cells.items()):
        map50, ap, seconds = ([line[key] for line in of] for key in ("map50", "map", "cpu_s"))
        print(
            f"{name} {labelled} {how}: mAP@50 {np.mean(map50):.3f} ({min(map50):.3f} to {max(map50):.3f}), mAP "
            f"{np.mean(ap):.3f}, {np.mean(seconds):.0f} s; {len(of)} seeds"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    actions = parser.add_subparsers(dest="what", required=True)
    run, table = (actions.add_parser(what) for what in ("run", "table"))
    for action in (run, table):
        action.add_argument("--out", type=Path, required=True)
    run.add_argument("--data", type=Path, required=True)
    run.add_argument("--weights", type=Path, required=True)
    run.add_argument("--sets", nargs="+", default=["bccd", "cards"])
    run.add_argument("--seeds", type=int, nargs="+", default=[0, 1])
    run.add_argument("--rounds", type=int, nargs="+", default=list(ROUNDS), help="images labelled in each")
    run.add_argument("--shares", type=int, nargs="+", default=[2], help="2: half as many images pass")
    given = parser.parse_args()
    if given.what == "table":
        print_table(read_lines(given.out))
        return
    with given.out.open("a") as out:
        for seed in given.seeds:
            for name in given.sets:
                for line in Rounds(given.data / name, given.weights, seed, given.rounds).run(given.shares):
                    print(json.dumps({"set": name, "seed": seed, **line}), file=out, flush=True)


if __name__ == "__main__":
    main()
