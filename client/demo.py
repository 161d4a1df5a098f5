"""Do the main job on real images, as a user would over HTTP: rounds of selection beside chance, F1 after each.

The answers are known, so "labelling" is looking them up: what a person would do in minutes takes no time here.
"""

from __future__ import annotations

import json
import shlex
import shutil
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from gettext import gettext as _
from gettext import ngettext
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from nextlabel.client.errors import JobFailed
from nextlabel.client.http import Client
from nextlabel.client.shown import follow
from nextlabel.client.talk import R
from nextlabel.core.data.labels import write_labels
from nextlabel.core.data.places import place_at
from nextlabel.core.data.pool import list_pool
from nextlabel.core.errors import LabelsMalformed, WeightsUnavailable
from nextlabel.core.kinds.f1 import F1Result
from nextlabel.core.kinds.selection import SelectionResult
from nextlabel.core.tasks.classification import read_labels

PRETRAINED = "mobilenet"
WITHOUT_WEIGHTS = "descriptor"
ROUNDS = 5
LEAST_ADD, MOST_ADD = 20, 500


@dataclass(frozen=True)
class Material:
    """The paths of the images, and of the answers that a person would give."""

    pool: Path
    answers: Path
    val: Path
    val_labels: Path

    def check(self) -> None:
        """Raise LabelsMalformed when an image of the pool has no answer: it could be chosen and not be labelled."""
        answers = read_labels(self.answers).classes_by_name
        absent = [name for name in list_pool(place_at(self.pool, [self.pool])).names if name not in answers]
        if absent:
            words = _("images of the pool without an answer in {file}: {count}, e.g. {name}")
            raise LabelsMalformed(words.format(file=self.answers, count=len(absent), name=absent[0]))


@dataclass
class Arm:
    """A method of choosing, the file of labels that it has gathered, and its scores so far."""

    method: str
    labels: Path
    curve: list[tuple[int, str]]  # labels, and macro F1 with its interval

    def add(self, names: Iterable[str], answers: dict[str, str]) -> None:
        pairs = read_labels(self.labels).classes_by_name if self.labels.exists() else {}
        write_labels(self.labels, {**pairs, **{name: answers[name] for name in names}}.items())


class Demo:
    def __init__(self, client: Client, material: Material, folder: Path, console: Console) -> None:
        self._client, self._material, self._folder, self._console = client, material, folder, console
        self._answers = dict(read_labels(material.answers).classes_by_name)
        self._backbone = PRETRAINED
        self._jobs: list[str] = []  # that have a result

    def run(self, add: int | None = None) -> list[Arm]:
        """Label ROUNDS batches of `add` images from zero on, by `auto` and by `random`, and score after each batch.

        Returns both arms, `auto` first. Without `add` it goes by the number of classes.
        """
        n_classes = len(set(self._answers.values()))
        add = add or min(MOST_ADD, max(LEAST_ADD, 3 * n_classes))
        arms = [Arm(method, self._folder / f"labels_{method}.txt", []) for method in ("auto", "random")]
        for arm in arms:
            arm.labels.unlink(missing_ok=True)
        for number in range(ROUNDS):
            for arm in arms:
                arm.add(self._select(add, arm, number), self._answers)
                self._score(arm)
        return arms

    def tell(self, arms: Sequence[Arm]) -> None:
        chosen, random = arms
        columns = (_("labels"), _("chosen (auto)"), _("random"))
        table = Table(*columns, title=_("macro F1, {backbone}").format(backbone=self._backbone))
        for (labels, mine), (_labels, theirs) in zip(chosen.curve, random.curve, strict=True):
            table.add_row(str(labels), mine, theirs)
        self._console.print(table)
        gathered = _("Labels gathered: {chosen} and {random}").format(chosen=chosen.labels, random=random.labels)
        self._console.print(gathered, soft_wrap=True)
        words = ngettext("Result of {count} job: {folder}", "Results of all {count} jobs: {folder}", len(self._jobs))
        results = self._folder / "state" / "results"
        self._console.print(words.format(count=len(self._jobs), folder=results), soft_wrap=True)
        self._console.print(_("The same by hand, while `nextlabel up` runs:"))
        self._console.print(self._curl(chosen), soft_wrap=True, highlight=False, markup=False)

    def _select(self, add: int, arm: Arm, number: int) -> list[str]:
        """Select with the pretrained backbone if its weights can be had, else with the one that needs none."""
        request: dict[str, Any] = {
            "add": add,
            "method": arm.method,
            "seed": number,  # or chance would draw by the same lots in each round
            "path_to_img": str(self._material.pool),
        }
        if arm.labels.exists():
            request["path_to_labels"] = str(arm.labels)
        words = _("round {number} of {rounds}: select {add} by {method}")
        title = words.format(number=number + 1, rounds=ROUNDS, add=add, method=arm.method)
        try:
            result = self._run(SelectionResult, request, title)
        except JobFailed as error:
            if self._jobs or error.job.error is None or error.job.error.code != WeightsUnavailable.code:
                raise
            self._backbone = WITHOUT_WEIGHTS
            words = _(
                "The weights of {pretrained} can't be reached from here, so the demo uses the built-in {descriptor}: "
                "gradient histograms and colour, no weights. Pretrained backbones are far better on photos."
            )
            self._console.print(words.format(pretrained=PRETRAINED, descriptor=WITHOUT_WEIGHTS))
            result = self._run(SelectionResult, request, title)
        return list(result.data)

    def _score(self, arm: Arm) -> None:
        labels = read_labels(arm.labels)
        if len(labels.classes) < 2:
            arm.curve.append((len(labels), _("one class so far")))
            return
        request = {
            "path_to_img_train": str(self._material.pool),
            "path_to_labels_train": str(arm.labels),
            "path_to_img_val": str(self._material.val),
            "path_to_labels_val": str(self._material.val_labels),
        }
        title = _("F1 at {labels} labels, {method}").format(labels=len(labels), method=arm.method)
        result = self._run(F1Result, request, title)
        low, high = result.f1_macro_interval
        words = _("{score:.3f}  ({low:.2f} to {high:.2f})")
        arm.curve.append((len(labels), words.format(score=result.f1_macro, low=low, high=high)))
        words = _("  {labels:>5} labels by {method:<6}  macro F1 {score:.3f}")
        self._console.print(words.format(labels=len(labels), method=arm.method, score=result.f1_macro))

    def _run(self, kind: type[R], request: dict[str, Any], title: str) -> R:
        body = {"kind": kind.model_fields["kind"].default, **request, "backbone": self._backbone}
        job = follow(self._client, self._client.submit(body).id, title, self._console)
        self._jobs.append(job.id)
        result = job.result or self._client.result(job.id)
        assert isinstance(result, kind)
        return result

    def _curl(self, arm: Arm) -> str:
        body = {
            "kind": "selection",
            "backbone": self._backbone,
            "method": arm.method,
            "add": 20,
            "path_to_img": str(self._material.pool),
            "path_to_labels": str(arm.labels),
        }
        roots = shlex.quote(f"{self._material.pool.parent}:{self._folder}")
        command = "nextlabel" if shutil.which("nextlabel") else str(Path(sys.argv[0]).absolute())  # from any folder
        return (
            f"  NEXTLABEL_DATA_ROOTS={roots} {shlex.quote(command)} up &\n"
            f"  curl -s http://127.0.0.1:5000/jobs -H 'Content-Type: application/json' -H 'Prefer: wait=60' \\\n"
            f"    -d {shlex.quote(json.dumps(body, ensure_ascii=False))}"
        )
