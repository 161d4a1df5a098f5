"""Pipelines carried out as a worker does it, but for Redis."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import timm
import torch
from PIL import Image
from safetensors.torch import save_file

from nextlabel.client.digits import write_digits
from nextlabel.core.data.labels import write_labels
from nextlabel.core.embeddings.catalogue import TEXT_SIDES, find_backbone
from nextlabel.core.embeddings.recent import RecentEmbeddings
from nextlabel.core.jobs.record import JobWarning, Progress
from nextlabel.core.kinds.embedding import EmbeddingRequest
from nextlabel.core.kinds.registry import parse_request
from nextlabel.core.neural.backbones import BackboneLoader
from nextlabel.core.neural.heads.kept import TrainedHeads
from nextlabel.core.neural.kept_texts import KeptTexts
from nextlabel.core.pipelines import run as run_module
from nextlabel.core.pipelines.cache_filler import CacheFiller
from nextlabel.core.pipelines.embedding import Embedded, embed_rows
from nextlabel.core.pipelines.material import Labelled, read_labelled
from nextlabel.core.pipelines.registry import carry_out
from nextlabel.core.pipelines.run import Run
from nextlabel.core.pipelines.texts import SENTENCE
from nextlabel.core.settings import Settings
from nextlabel.core.tasks.classification import read_labels
from tests import pools, text_side


class Bench:
    """Keeps the settings, the backbone, and what the last job told. Everything it is given lies under `root`."""

    def __init__(self, root: Path, **settings: Any) -> None:
        self.root = root / "data"
        self.root.mkdir(exist_ok=True)
        given = {"cache_dir": root / "cache", "batch_size": 4, "decode_threads": 2, **settings}
        self.settings = Settings(data_roots=(self.root,), state_dir=root / "state", **given)
        self.backbones = BackboneLoader(self.settings, "cpu")
        self.recent: RecentEmbeddings | None = None
        self.heads: TrainedHeads | None = None
        self.texts: KeptTexts | None = None
        self.filler: CacheFiller | None = None
        self.run = self.new_run()
        self.told: list[Progress] = []

    def pool(self, name: str = "pool", **counts: int) -> list[str]:
        return pools.draw(self.root / name, **counts)

    def labels(self, *names: str, file: str = "labels.txt") -> str:
        return pools.label(self.root / file, names)

    def label_as(self, answers: Mapping[str, str], names: Iterable[str]) -> str:
        """A labels file of what a person would answer."""
        write_labels(self.root / "labels.txt", [(name, answers[name]) for name in names])
        return str(self.root / "labels.txt")

    def choose(self, answers: Mapping[str, str], rounds: Iterable[int], **fields: Any) -> list[str]:
        """Names in the order in which selections choose them that know the answers to those before."""
        chosen: list[str] = []
        for add in rounds:
            chosen += self.select(add, path_to_labels=self.label_as(answers, chosen), **fields).data
        return chosen

    def new_run(self, check: Callable[[], None] = lambda: None) -> Run:
        self.told = []
        return Run(
            self.settings,
            self.backbones,
            check=check,
            publish=lambda progress, _: self.told.append(progress),
            heads=self.heads,
            texts=self.texts,
            recent=self.recent,
            filler=self.filler,
        )

    def remember(self) -> None:
        """From now on jobs leave in memory what they do in a worker."""
        self.recent, self.heads, self.texts = RecentEmbeddings(1 << 20), TrainedHeads(), KeptTexts()

    def carry_out(self, kind: str, check: Callable[[], None] = lambda: None, **fields: Any) -> Any:
        self.run = self.new_run(check)
        return carry_out(parse_request({"kind": kind, "backbone": "descriptor", **fields}), self.run)

    def select(self, add: int = 3, **fields: Any) -> Any:
        return self.carry_out("selection", **{"path_to_img": str(self.root / "pool"), "add": add, **fields})

    def predict(self, labels: str, **fields: Any) -> Any:
        return self.carry_out(
            "prediction", **{"path_to_img": str(self.root / "pool"), "path_to_labels": labels, **fields}
        )

    def validate(self, train_labels: str, val_labels: str, **fields: Any) -> Any:
        """On the pools `train` and `val`."""
        paths = {"path_to_img_train": str(self.root / "train"), "path_to_img_val": str(self.root / "val")}
        return self.carry_out(
            "f1", **{**paths, "path_to_labels_train": train_labels, "path_to_labels_val": val_labels, **fields}
        )

    def warning(self, code: str) -> JobWarning:
        """The one warning of that code."""
        (warning,) = [one for one in self.run.warnings if one.code == code]
        return warning

    def warned_of(self) -> list[str]:
        return [warning.code for warning in self.run.warnings]

    def begun_with(self, stage: str) -> int:
        """How many images the stage had, without work, from the cache."""
        return next(progress.done for progress in self.told if progress.stage == stage)


def listed(bench: Bench, run: Run, labels: str | None = None) -> Labelled:
    """The pool, as kinds read it."""
    request = EmbeddingRequest(backbone="descriptor", path_to_img=str(bench.root / "pool"))
    return read_labelled(request, request.path_to_img, labels, run)


def embedded(bench: Bench, labels: str | None = None, check: Callable[[], None] = lambda: None) -> Embedded:
    """All of the pool, as selection and prediction embed it."""
    bench.run = run = bench.new_run(check)
    run.plan("embed")
    labelled = listed(bench, run, labels)
    backbone = bench.backbones.load(find_backbone("descriptor"))
    return embed_rows(labelled, np.arange(len(labelled.pool)), backbone, "embed", run)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


@pytest.fixture(scope="session")
def all_digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("digits")
    write_digits(folder)
    return folder


def lay_digits(bench: Bench, all_digits: Path) -> dict[str, str]:
    answers = dict(read_labels(all_digits / "answers.txt").classes_by_name)
    names = np.random.default_rng(0).permutation(sorted(answers)).tolist()
    for folder, part in (("pool", names[:400]), ("val", names[400:500])):
        (bench.root / folder).mkdir()
        for name in part:
            shutil.copyfile(all_digits / "pool" / name, bench.root / folder / name)
    write_labels(bench.root / "val.txt", [(name, answers[name]) for name in names[400:500]])
    return {name: answers[name] for name in names[:400]}


@pytest.fixture
def digits(bench: Bench, all_digits: Path) -> dict[str, str]:
    """The answers to 400 digits in `pool`; 100 others and their labels are the validation set `val`, `val.txt`."""
    return lay_digits(bench, all_digits)


@pytest.fixture(scope="session")
def chosen_digits(tmp_path_factory: pytest.TempPathFactory, all_digits: Path) -> list[str]:
    """200 of these digits, in the order in which `auto` chooses them."""
    bench = Bench(tmp_path_factory.mktemp("chosen"))
    return bench.choose(lay_digits(bench, all_digits), [20, 20, 20, 40, 40, 60])


@pytest.fixture
def knows_red_and_blue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    """A bench with a small untrained backbone, text_side.NAME, that was taught which images are red, and which blue."""
    monkeypatch.setitem(TEXT_SIDES, text_side.NAME, text_side.SIDE)
    weights = tmp_path / "weights"
    weights.mkdir()
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(0)
        untrained = timm.create_model(text_side.NAME, num_classes=0).state_dict()
    save_file(untrained, weights / f"{text_side.NAME}.safetensors")
    bench = Bench(tmp_path, weights_dir=weights, cpu_engine="torch")
    backbone = bench.backbones.load(find_backbone(text_side.NAME))
    images = [backbone.prepare(Image.new("RGB", (40, 40), colour)) for colour in ("red", "blue")]
    red, blue = backbone.forward(np.stack(images))
    taught = {"red": red - blue, "blue": blue - red}
    text_side.write(weights, text_side.NAME, taught | {SENTENCE.format(name): taught[name] for name in taught})
    return bench


@pytest.fixture
def every_step_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_module, "PUBLISH_EVERY_S", 0.0)
