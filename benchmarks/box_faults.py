"""How many faults that were put into boxes `label_check` finds: figures of docs/detection-efficiency.md.

python -m benchmarks.box_faults --data ../shared/data --weights ../shared/data/weights --out faults.jsonl

On every fifth image one box is left out, named otherwise, moved, or added where nothing is. A line of JSON is written
for each set and seed.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from benchmarks.detection import SETS, read_drawn
from nextlabel.core.data.boxes import Box, BoxedImage, iou, write_lines
from nextlabel.core.kinds.registry import parse_request
from nextlabel.core.metrics.box_check import Suspicion
from nextlabel.core.neural.backbones import BackboneLoader
from nextlabel.core.pipelines.registry import carry_out
from nextlabel.core.pipelines.run import Run
from nextlabel.core.settings import Settings

KINDS: tuple[Suspicion, ...] = ("overlooked", "swapped", "badly_placed", "spurious")
MOVED = 0.4  # of the box's width: an IoU of 0.43
SAME = 0.4  # IoU from which on a suspect is about the fault
FREE = 0.1  # the most that a box that is added overlaps another


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--sets", nargs="+", default=list(SETS))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--images", type=int, default=100)
    parser.add_argument("--passes", type=int)
    parser.add_argument("--cache", type=Path, help="where detectors are kept for another run")
    given = parser.parse_args()
    with given.out.open("a") as out:
        for seed in given.seeds:
            for name in given.sets:
                line = {"set": name, "seed": seed, "images": given.images, "passes": given.passes}
                line |= measured(given, name, seed)
                print(json.dumps(line), file=out, flush=True)


def measured(given: argparse.Namespace, name: str, seed: int) -> dict[str, Any]:
    """Tell of each kind how many were put in and found, and among the first as many suspects of the kind; and how many
    suspects there are."""
    data, weights, images, passes = given.data.resolve() / name, given.weights, given.images, given.passes
    rng = np.random.default_rng(seed)
    drawn = read_drawn(data / "annotations.json")
    names = rng.permutation(sorted(drawn))[:images].tolist()
    wrong, faults = put_in({name: drawn[name] for name in names}, rng)
    with TemporaryDirectory() as folder:
        labels = Path(folder) / "boxes-all.jsonl"
        labels.write_text(write_lines(wrong.items()))
        settings = Settings(
            data_roots=(data, Path(folder).resolve()),
            weights_dir=weights.resolve(),
            cache_dir=given.cache or Path(folder) / "cache",
            state_dir=Path(folder) / "state",
        )
        run = Run(settings, BackboneLoader(settings, "cpu"), check=lambda: None, publish=lambda *_: None)
        body = {"kind": "label_check", "task": "detection", "path_to_img": str(data / "images"), "seed": seed}
        began = time.process_time()
        options = {} if passes is None else {"passes": passes}
        result: Any = carry_out(parse_request({**body, "path_to_labels": str(labels), **options}), run)
        took = time.process_time() - began
    kinds = Counter(fault["kind"] for fault in faults)
    first = {kind: [one for one in result.items if one.suspicion == kind][: 2 * kinds[kind]] for kind in kinds}
    return {
        "faults": dict(kinds),
        "found": {kind: _found(faults, kind, result.items) for kind in kinds},
        "found_first": {kind: _found(faults, kind, first[kind]) for kind in kinds},
        "found_at_top": sum(_found(faults, kind, result.items[: 2 * len(faults)]) for kind in kinds),
        "suspects": dict(Counter(item.suspicion for item in result.items)),
        "map50": result.map50,
        "cpu_s": round(took, 1),
    }


def put_in(
    drawn: Mapping[str, BoxedImage], rng: np.random.Generator
) -> tuple[dict[str, BoxedImage], list[dict[str, Any]]]:
    """Put a fault on every fifth image that has a box: kinds in turn."""
    classes = sorted({box.class_name for image in drawn.values() for box in image.boxes})
    wrong, faults, turn = dict(drawn), [], 0
    for at, (name, image) in enumerate(drawn.items()):
        if at % 5 or not image.boxes:
            continue
        kind = KINDS[turn % len(KINDS)]
        turn += 1
        boxes = list(image.boxes)
        i = int(rng.integers(len(boxes)))
        box = boxes[i]
        if kind == "overlooked":
            del boxes[i]
        elif kind == "swapped":
            box = boxes[i] = box._replace(class_name=str(rng.choice([one for one in classes if one != box.class_name])))
        elif kind == "badly_placed":
            by = MOVED * box.width
            beyond = box.x + box.width + by > image.width
            box = boxes[i] = box._replace(x=max(0.0, box.x - by) if beyond else box.x + by)
        elif (added := _added(image, rng)) is not None:
            box = added
            boxes.append(added)
        else:
            continue
        wrong[name] = BoxedImage(image.width, image.height, tuple(boxes))
        faults.append({"kind": kind, "name": name, "box": box})
    return wrong, faults


def _added(image: BoxedImage, rng: np.random.Generator) -> Box | None:
    """Return a box of the size of another one, where nothing is."""
    like = image.boxes[int(rng.integers(len(image.boxes)))]
    for _ in range(100):
        x, y = rng.uniform(0, image.width - like.width), rng.uniform(0, image.height - like.height)
        box = like._replace(x=float(x), y=float(y))
        if iou(np.array([box[1:5]]), image.places).max() < FREE:
            return box
    return None


def _found(faults: Sequence[Mapping[str, Any]], kind: str, items: Sequence[Any]) -> int:
    """Count the faults of a kind that are among the suspects, as being of that kind."""
    return sum(any(_is(fault, item) for item in items) for fault in faults if fault["kind"] == kind)


def _is(fault: Mapping[str, Any], item: Any) -> bool:
    if (item.name, item.suspicion) != (fault["name"], fault["kind"]):
        return False
    at = np.array([fault["box"][1:5]])
    return any(iou(np.array([one]), at).max() > SAME for one in (item.box, item.predicted_box) if one is not None)


if __name__ == "__main__":
    main()
