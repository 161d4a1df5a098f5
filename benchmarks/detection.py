"""How good the detector of boxes gets, and what choosing images is worth: figures of docs/detection.md.

python -m benchmarks.detection curve  --data ../shared/data --weights ../shared/data/weights --out curve.jsonl
python -m benchmarks.detection replay --data ... --methods auto random --out replay.jsonl

A line of JSON is written for each detector trained, so that what was stopped is still a result. 28 % of each set is for
scoring alone. CPU seconds are of this process: run with OMP_NUM_THREADS=1 on a machine that is busy.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from nextlabel.core.data.boxes import Box, BoxedImage, write_lines
from nextlabel.core.kinds.registry import parse_request
from nextlabel.core.neural.backbones import BackboneLoader
from nextlabel.core.pipelines.registry import carry_out
from nextlabel.core.pipelines.run import Run
from nextlabel.core.settings import Settings

SETS = ("bccd", "cards")
SIZES = (20, 50, 100, 200)
FOR_SCORING = 0.28
FIRST, ROUNDS = 20, (40, 60, 100, 140)

Drawn = Mapping[str, BoxedImage]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("curve", "replay"))
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--sets", nargs="+", default=list(SETS))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--sizes", type=int, nargs="+", default=list(SIZES))
    parser.add_argument("--methods", nargs="+", default=["auto", "random"])
    parser.add_argument("--passes", type=int)
    parser.add_argument("--image-size", type=int)
    given = parser.parse_args()
    options = {"passes": given.passes, "image_size": given.image_size}
    with TemporaryDirectory() as folder, given.out.open("a") as out:
        for seed in range(given.seeds):
            for name in given.sets:
                trial = Trial(given.data / name, Path(folder), given.weights, seed, options)
                lines = trial.curve(given.sizes) if given.what == "curve" else trial.replay(given.methods)
                for line in lines:
                    print(json.dumps({"set": name, "seed": seed, **options, **line}), file=out, flush=True)


class Trial:
    """One set, divided by chance into images to learn from and images to score by; these are the same for all seeds."""

    def __init__(self, data: Path, folder: Path, weights: Path, seed: int, options: Mapping[str, Any]) -> None:
        self._images, self._drawn = data / "images", read_drawn(data / "annotations.json")
        names = np.random.default_rng(0).permutation(sorted(self._drawn)).tolist()
        held = round(FOR_SCORING * len(names))
        self._folder, self._seed, self._options = folder, seed, options
        self._val = self._labels("val.jsonl", names[:held])
        self._order = np.random.default_rng(seed).permutation(names[held:]).tolist()
        roots = (data.resolve(), folder.resolve())
        self._settings = Settings(
            data_roots=roots, weights_dir=weights.resolve(), cache_dir=folder / "cache", state_dir=folder / "state"
        )
        self._backbones = BackboneLoader(self._settings, "cpu")
        self._held_out = names[:held]

    def curve(self, sizes: Iterable[int]) -> Iterator[dict[str, Any]]:
        for size in sizes:
            yield {"labelled": size, **self._score(self._order[:size])}

    def replay(self, methods: Sequence[str]) -> Iterator[dict[str, Any]]:
        """Choose in rounds, from one start for all methods; what was chosen is labelled as a person would."""
        for method in methods:
            labelled = self._order[:FIRST]
            yield {"method": method, "labelled": FIRST, **self._score(labelled)}
            for upto in ROUNDS:
                labelled = [*labelled, *self._choose(labelled, upto - len(labelled), method)]
                yield {"method": method, "labelled": upto, **self._score(labelled)}

    def _score(self, labelled: Sequence[str]) -> dict[str, Any]:
        began = time.process_time()
        result = self._carry_out(
            "f1",
            path_to_img_train=str(self._images),
            path_to_labels_train=self._labels("labels.jsonl", labelled),
            path_to_img_val=str(self._images),
            path_to_labels_val=self._val,
        )
        return {
            "boxes": sum(len(self._drawn[name].boxes) for name in labelled),
            "map50": result.map50,
            "map": result.mean_average_precision,
            "f1": result.f1,
            "held_out_map50": result.detector.map50,
            "passes_kept": result.detector.passes,
            "cpu_s": round(time.process_time() - began, 1),
        }

    def _choose(self, labelled: Sequence[str], add: int, method: str) -> list[str]:
        result = self._carry_out(
            "selection",
            path_to_img=str(self._images),
            path_to_labels=self._labels("labels.jsonl", labelled),
            exclude=self._held_out,
            add=add,
            method=method,
        )
        return list(result.data)

    def _carry_out(self, kind: str, **fields: Any) -> Any:
        run = Run(self._settings, self._backbones, check=lambda: None, publish=lambda _progress, _warnings: None)
        options = {name: value for name, value in self._options.items() if value is not None}
        body = {"kind": kind, "task": "detection", "seed": self._seed, **fields, **options}
        return carry_out(parse_request(body), run)

    def _labels(self, file: str, names: Sequence[str]) -> str:
        path = self._folder / file
        path.write_text(write_lines((name, self._drawn[name]) for name in names))
        return str(path)


def read_drawn(annotations: Path) -> Drawn:
    """Read a COCO file whose boxes are known to be right."""
    coco = json.loads(annotations.read_text())
    classes = {one["id"]: one["name"] for one in coco["categories"]}
    boxes: dict[int, list[Box]] = {one["id"]: [] for one in coco["images"]}
    for one in coco["annotations"]:
        boxes[one["image_id"]].append(Box(classes[one["category_id"]], *one["bbox"]))
    images = ((one["file_name"], one["width"], one["height"], boxes[one["id"]]) for one in coco["images"])
    return {name: BoxedImage(width, height, tuple(drawn)) for name, width, height, drawn in images}


if __name__ == "__main__":
    main()
