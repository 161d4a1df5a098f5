"""What a large result costs to read and to write as csv: a figure of docs/detection-efficiency.md.

python -m benchmarks.large_results

Of 10,000 images with 995,000 boxes, made by chance: CPU seconds, and memory besides that of the process before. `at
once` is the same with all members as objects.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from nextlabel.core.kinds.prediction import BoxesOfImage, DetectionPredictionResult
from nextlabel.core.kinds.registry import read_result, result_adapter
from nextlabel.core.kinds.results import MadeWhenAsked, Manifest, PredictedBox, csv_parts

IMAGES = 10_000
MANIFEST = Manifest(
    nextlabel="", versions={}, backbone="", weights="", preprocessing="", head=None, device="cpu", seed=0,
    pools={}, labels={},
)  # fmt: skip
WAYS: dict[str, Callable[[bytes], Any]] = {"by member": read_result, "at once": result_adapter.validate_json}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--file", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--way", choices=WAYS, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.file is not None:
        _measure(arguments.file, arguments.way)
        return
    with TemporaryDirectory() as folder:
        file = Path(folder) / "result.json"
        with file.open("wb") as stream:
            stream.writelines(_result().json_parts())
        print(f"{file.stat().st_size / 1e6:.0f} MB of JSON")
        for way in WAYS:  # each in a process of its own: memory that was taken is not given back
            command = [sys.executable, "-m", "benchmarks.large_results", "--file", str(file), "--way", way]
            subprocess.run(command, check=True)


def _result() -> DetectionPredictionResult:
    def image(i: int) -> BoxesOfImage:
        rng = np.random.default_rng(i)
        places, scores = rng.uniform(0, 400, (99 + i % 2, 4)).round(2), rng.random(99 + i % 2).round(6)
        boxes = tuple(
            PredictedBox(box=tuple(place), class_name="cell", score=score, draft=score > 0.5)
            for place, score in zip(places.tolist(), scores.tolist(), strict=True)
        )
        return BoxesOfImage(name=f"folder/{i:05}.jpg", width=640, height=480, boxes=boxes)

    return DetectionPredictionResult(items=MadeWhenAsked(IMAGES, image), detector=None, skipped=(), manifest=MANIFEST)


def _measure(file: Path, way: str) -> None:
    before, began = _most_mb(), time.process_time()
    result = WAYS[way](file.read_bytes())
    read_s, read_mb, began = time.process_time() - began, _most_mb() - before, time.process_time()
    rows = sum(part.count("\n") for part in csv_parts(result)) - 1
    csv_s, csv_mb = time.process_time() - began, _most_mb() - before
    print(
        f"{way}: read {read_s:.1f} s, {read_mb:.0f} MB; {rows} rows of csv {csv_s:.1f} s more, {csv_mb:.0f} MB in all"
    )


def _most_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000


if __name__ == "__main__":
    main()
