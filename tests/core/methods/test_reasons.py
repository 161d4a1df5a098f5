from typing import get_args

import pytest

from nextlabel.core.methods.auto import AutoOfBoxes
from nextlabel.core.methods.by_names import AutoByNames
from nextlabel.core.methods.reasons import (
    IMAGE_REASONS,
    METHOD_REASONS,
    ImageCode,
    Known,
    MethodCode,
    MethodReason,
)
from nextlabel.core.methods.registry import METHODS


def test_each_code_has_its_english():
    assert list(IMAGE_REASONS) == list(get_args(ImageCode))
    assert list(METHOD_REASONS) == list(get_args(MethodCode))


def test_what_picks_says_why_by_a_code():
    picking = [AutoByNames, AutoOfBoxes, *(method for name, method in METHODS.items() if name != "auto")]
    assert {method.reason for method in picking} <= set(get_args(ImageCode))


@pytest.mark.parametrize("code", get_args(MethodCode))
@pytest.mark.parametrize("known", get_args(Known))
def test_a_reason_is_said_whole(code, known):
    said = MethodReason(code=code, known=known, labels=1, classes=2).in_words("margin")
    assert said
    assert not said.startswith(":")
    assert "{" not in said
