"""Boxes that a detector proposes, from the results of jobs, for tools in which people look at them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from nextlabel.core.data.boxes import Box, BoxedImage
from nextlabel.core.errors import Inexpressible
from nextlabel.core.kinds.prediction import DetectionPredictionResult


@dataclass(frozen=True)
class ProposedImage:
    """What is proposed on an image, and how sure each box is. least: how sure the least of them is."""

    image: BoxedImage
    scores: tuple[float, ...]

    @property
    def least(self) -> float:
        return min(self.scores, default=1.0)


def proposed_by(result: Any) -> dict[str, ProposedImage]:
    """Return the drafts of each image. Raises Inexpressible where there are none to give, or none with a class."""
    if not isinstance(result, DetectionPredictionResult):
        raise Inexpressible('of jobs, the boxes of a prediction are exported ("task": "detection")')
    if result.detector is None:
        raise Inexpressible("nobody had drawn a box yet, so that the proposals have no class to be written with")
    proposed = {}
    for item in result.items:
        drafts = [box for box in item.boxes if box.draft and box.class_name is not None]
        boxes = tuple(Box(str(box.class_name), *box.box) for box in drafts)
        image = BoxedImage(item.width, item.height, boxes)
        proposed[item.name] = ProposedImage(image, tuple(box.score for box in drafts))
    return proposed
