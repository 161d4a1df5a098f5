"""Whether objects are small is told by what was drawn alone."""

from __future__ import annotations

import pytest

from nextlabel.core.data.boxes import Box, BoxedImage
from nextlabel.core.pipelines.detection.training_set import are_small


def image(*boxes, size=(640, 480)):
    return BoxedImage(*size, tuple(Box(name, 0, 0, side, side, *crowd) for name, side, *crowd in boxes))


LARGE = ("cell", 100)


@pytest.mark.parametrize(
    ("images", "small"),
    [
        ([image(LARGE, LARGE)], False),
        ([image(LARGE, LARGE, *[("platelet", 40)] * 5)], True),
        ([image(LARGE, LARGE, *[("platelet", 40)] * 4)], False),
        ([image(*[LARGE] * 5, *[("cell", 30)] * 5)], True),
        ([image(*[LARGE] * 6, *[("cell", 30)] * 5)], False),
        ([image(LARGE, *[("dust", 10, True)] * 5)], False),
        ([image(*[("cell", 40)] * 5, size=(200, 100))], False),
        ([image(LARGE), image()], False),
        ([image()], False),
    ],
)
def test_objects_are_small_where_half_the_boxes_of_a_class_are(images, small):
    assert are_small(dict(enumerate(images))) == small
