"""The pools of benchmarks/sets.py as folders and labels files, for jobs to be carried out on as a worker does it."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import DATA
from benchmarks.sets import BOTTOMS_AND_SHOES, _clothing_pool, _copies_pool, _digits_pool, _images, load
from nextlabel.core.data.labels import write_labels
from nextlabel.core.embeddings.recent import RecentEmbeddings
from nextlabel.core.kinds.registry import parse_request
from nextlabel.core.neural.backbones import BackboneLoader
from nextlabel.core.pipelines.registry import carry_out
from nextlabel.core.pipelines.run import Run
from nextlabel.core.settings import Settings
from nextlabel.core.tasks.classification import read_labels


@dataclass(frozen=True)
class Answers:
    """classes: of the pool's images by name; held_out: of the validation folder's."""

    name: str
    backbone: str
    pool: Path
    classes: dict[str, str]
    val: Path
    held_out: dict[str, str]


def answers(name: str, work: Path) -> Answers:
    """One of benchmarks.sets.SETS; built first where it isn't there."""
    load(name, work)
    if name == "digits":
        folder, labels = _digits_pool(work)
        held_out = read_labels(work / "digits" / "labels_val.txt").classes_by_name
        return Answers(
            name, "descriptor", folder, dict(labels.classes_by_name), work / "digits" / "val", dict(held_out)
        )
    folder, labels = (_copies_pool if name == "copies" else _clothing_pool)(work)
    classes = dict(labels.classes_by_name)
    held_out = dict(read_labels(DATA / "clothing" / "labels_val.txt").classes_by_name)
    if name == "long-tail":
        images = _images(name, work)
        classes, folder = {path.name: classes[path.name] for path in images}, work / name
        folder.mkdir(exist_ok=True)  # of its own: labels are judged beside all that lies in the pool
        for path in images:
            if not (folder / path.name).exists():
                shutil.copyfile(path, folder / path.name)
    if name == "two-class":
        names = (DATA / "clothing" / "classes.txt").read_text().split()
        one = {str(i): str(int(kind in BOTTOMS_AND_SHOES)) for i, kind in enumerate(names)}
        classes, held_out = ({k: one[v] for k, v in part.items()} for part in (classes, held_out))
    return Answers(name, "mobilenet", folder, classes, DATA / "clothing" / "val", held_out)


class Bench:
    """Carries jobs out; embeddings stay in memory between them."""

    def __init__(self, of: Answers, work: Path, head: str = "linear") -> None:
        self.of, self.folder, self.head = of, work / "labels", head
        self.folder.mkdir(exist_ok=True)
        roots = (of.pool, of.val, self.folder)
        self.settings = Settings(data_roots=roots, cache_dir=work / "cache", weights_dir=DATA / "weights")
        self.backbones, self.recent = BackboneLoader(self.settings), RecentEmbeddings(1 << 30)

    def labelled(self, names: Iterable[str], wrong: dict[str, str] | None = None) -> dict[str, str]:
        """The fields of a request that say so, for one labelled set."""
        path = self.folder / f"{self.of.name}.txt"
        write_labels(path, {name: (wrong or {}).get(name, self.of.classes[name]) for name in names}.items())
        return {"path_to_img": str(self.of.pool), "path_to_labels": str(path)}

    @property
    def validation(self) -> dict[str, str]:
        path = self.folder / f"{self.of.name}-val.txt"
        write_labels(path, self.of.held_out.items())
        return {"path_to_img_val": str(self.of.val), "path_to_labels_val": str(path)}

    def carry_out(self, kind: str, **fields: Any) -> Any:
        run = Run(self.settings, self.backbones, check=lambda: None, publish=lambda *_: None, recent=self.recent)
        return carry_out(parse_request({"kind": kind, "backbone": self.of.backbone, "head": self.head, **fields}), run)

    def f1(self, names: Iterable[str]) -> float:
        """Macro F1 on the held-out images of a head trained on those labels."""
        fields = {f"{field}_train": path for field, path in self.labelled(names).items()} | self.validation
        return self.carry_out("f1", **fields).f1_macro
