"""The questions around the loop, over HTTP, against real processes: how much more, does it help, what is wrong."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nextlabel.client.http import Client
from nextlabel.core.data.labels import write_labels
from nextlabel.core.tasks.classification import read_labels

pytestmark = pytest.mark.e2e
VALIDATION = {"path_to_img_val": "val", "path_to_labels_val": "labels_val.txt"}


@pytest.fixture
def ask(client: Client) -> Callable[..., Any]:
    return lambda kind, **fields: client.run(
        {"kind": kind, "backbone": "descriptor", "path_to_img": "pool", "path_to_labels": "answers.txt", **fields},
        timeout_s=100,
    )


def test_a_forecast_an_audit_and_a_map_of_two_hundred_digits(ask):
    curve = ask("learning_curve", **VALIDATION)
    assert (curve.labels, curve.validation_images, len(curve.forecast)) == (200, 100, 3)
    assert curve.points[0].f1_macro < curve.points[-1].f1_macro
    assert "100 more labels" in curve.advice.sentence
    audit = ask("audit", methods=["auto"], repeats=2)
    assert [arm.method for arm in audit.arms] == ["random", "auto"]
    assert len(ask("map").names) == 200


def test_labels_that_were_swapped_are_found_among_real_digits(ask, data: Path):
    answers = dict(read_labels(data / "answers.txt").classes_by_name)
    swapped = sorted(answers)[:10]
    wrong = answers | {name: str((int(answers[name]) + 5) % 10) for name in swapped}
    write_labels(data / "swapped.txt", wrong.items())
    listed = [item.name for item in ask("label_check", path_to_labels="swapped.txt").items]
    assert len(set(listed[:10]) & set(swapped)) >= 7


def test_more_of_a_digit_are_found_from_three_of_it(ask, data: Path):
    answers = read_labels(data / "answers.txt").classes_by_name
    zeros = sorted(name for name in answers if answers[name] == "0")[:3]
    found = ask("similar", path_to_labels=None, like=zeros, add=8)
    assert sum(answers[name] == "0" for name in found.data) >= 7
