"""The jobs that are sent: one table. Pools are copied, by hard links, for jobs that shall find no embedding cached."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from PIL import Image

from nextlabel.client.digits import write_digits
from nextlabel.core.data.boxes import Box, BoxedImage, write_lines

#: What is said of jobs that train a detector: enough for it to be interrupted.
QUICK = {"task": "detection", "weights": "random", "image_size": 64, "passes": 40}
#: name -> (images, side in pixels). Large images take long to decode, and the others next to nothing.
POOLS = {"tiny": (24, 32), "medium": (300, 32), "slow": (100, 900), "large": (300, 900), "val": (60, 32)}


@dataclass(frozen=True)
class Workload:
    """`fresh`: on a copy of its pool. `poison`: the nemesis kills each process that takes it. `boxes`: its labels are
    boxes, a detector that is untrained at first learns from them."""

    name: str
    kind: str
    pool: str
    share: int  #: how often, relative to the others
    labels: int = 0  #: how many images of the pool are labelled
    more: Mapping[str, Any] = field(default_factory=dict)
    fresh: bool = True
    poison: bool = False
    boxes: bool = False


WORKLOADS = (
    Workload("first batch", "selection", "medium", 3, more={"add": 20, "method": "random"}),
    Workload("next batch", "selection", "medium", 3, labels=60, more={"add": 20, "method": "margin"}),
    Workload("cached", "selection", "medium", 3, labels=60, more={"add": 10}, fresh=False),
    Workload("prediction", "prediction", "medium", 3, labels=60),
    Workload("validation", "f1", "medium", 2, labels=60),
    Workload("slow batch", "selection", "slow", 4, labels=40, more={"add": 10, "method": "entropy"}),
    Workload("slow prediction", "prediction", "slow", 4, labels=40),
    Workload("large batch", "selection", "large", 2, labels=40, more={"add": 10, "method": "margin"}),
    Workload("large prediction", "prediction", "large", 2, labels=40),
    Workload("ahead", "embedding", "large", 3),
    Workload("network", "selection", "tiny", 2, more={"add": 3, "backbone": "mobilenet", "weights": "random"}),
    Workload("boxes", "prediction", "tiny", 3, labels=12, boxes=True),
    Workload("next boxes", "selection", "tiny", 3, labels=12, more={"add": 3}, boxes=True),
    Workload("wrong boxes", "label_check", "tiny", 2, labels=12, boxes=True),
    Workload("poison", "prediction", "slow", 1, labels=40, poison=True),
)
BY_NAME = {workload.name: workload for workload in WORKLOADS}


class Pools:
    """The images under one data root; makes requests that name them."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def write(self) -> None:
        digits = self.root / "digits"
        write_digits(digits)
        for name, (count, side) in POOLS.items():
            self._write_pool(digits, name, count, side)
        shutil.rmtree(digits)

    def request(self, workload: Workload, job_name: str) -> dict[str, Any]:
        """What to POST. `job_name`: unique, for the copy of the pool."""
        folder = self._copy(workload.pool, job_name) if workload.fresh else self.root / workload.pool
        if workload.boxes:
            labels = str(self._boxes(workload.pool, workload.labels))
            return {
                "kind": workload.kind,
                **workload.more,
                **QUICK,
                "path_to_img": str(folder),
                "path_to_labels": labels,
            }
        images, labels = str(folder), str(self._labels(workload.pool, workload.labels))
        request = {"kind": workload.kind, "backbone": "descriptor", **workload.more}
        if workload.kind == "selection":
            request["near_copies"] = "allow"
        if workload.kind == "embedding":
            return {**request, "path_to_img": images}
        if workload.kind != "f1":
            return {**request, "path_to_img": images, "path_to_labels": labels}
        train = {"path_to_img_train": images, "path_to_labels_train": labels}
        val = {"path_to_img_val": str(self.root / "val"), "path_to_labels_val": str(self._labels("val", 60))}
        return {**request, **train, **val}

    def _write_pool(self, digits: Path, name: str, count: int, side: int) -> None:
        source = ("val", "labels_val.txt") if name == "val" else ("pool", "answers.txt")
        lines = (digits / source[1]).read_text().splitlines(keepends=True)[:count]
        (self.root / name).mkdir()
        (self.root / f"{name}.txt").write_text("".join(lines))
        for line in lines:
            file = line.split("\t")[0]
            with Image.open(digits / source[0] / file) as image:
                image.resize((side, side)).save(self.root / name / file, compress_level=1)

    def _labels(self, pool: str, count: int) -> Path:
        """A labels file of the first `count` images; the same count, the same file."""
        path = self.root / f"{pool}-{count}.txt"
        if not path.exists():
            lines = (self.root / f"{pool}.txt").read_text().splitlines(keepends=True)
            written = path.with_suffix(f".{os.urandom(4).hex()}")
            written.write_text("".join(lines[:count]))
            written.replace(path)
        return path

    def _boxes(self, pool: str, count: int) -> Path:
        """Write a file with a box around each of the first `count` images, which is of the image's class."""
        path, side = self.root / f"boxes-{pool}-{count}.jsonl", POOLS[pool][1]
        if not path.exists():
            lines = [line.rstrip("\n").split("\t") for line in self._labels(pool, count).read_text().splitlines()]
            drawn = [(name, BoxedImage(side, side, (Box(class_, 2, 2, side - 4, side - 4),))) for name, class_ in lines]
            written = path.with_suffix(f".{os.urandom(4).hex()}")
            written.write_text(write_lines(drawn))
            written.replace(path)
        return path

    def _copy(self, pool: str, job_name: str) -> Path:
        """Hard links: the same names, sizes and times in another folder, for which nothing is cached."""
        copy = self.root / "copies" / job_name
        shutil.copytree(self.root / pool, copy, copy_function=os.link)
        return copy
