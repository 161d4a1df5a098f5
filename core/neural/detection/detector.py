"""A detector: what a trained network says of images, as boxes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torchvision.ops import nms

from nextlabel.core.data.boxes import Detected, Floats, Rows
from nextlabel.core.neural.detection.crop_classifier import CropClassifier
from nextlabel.core.neural.detection.letterbox import Small
from nextlabel.core.neural.detection.network import Raw, Yolox
from nextlabel.core.neural.detection.runner import engine_of, runner

REPORTED = 0.01  # the lowest score of a box that is told at all
LIKELY = float(np.log(REPORTED / (1 - REPORTED))) - 1e-3  # its logit, and a little less
LOOKED_AT = 1_000  # boxes of an image, the surest, before those of one object are made one
MOST_BOXES = 300  # of an image
FOR_ONE = 8  # boxes, as a rule, or fewer, are of one object: so many times as many as are wanted are looked at first
SAME = 0.6  # IoU from which on two boxes of a class are of one object
PROPOSED = 0.3  # from this score on, what looks like an object is drafted before there is a class
BACKGROUND = 0.7  # share of the image from which on a box is around what objects lie on, where one is drafted besides
LEAST_SIDE = 0.5  # pixels; boxes cut at the edge of their image may have none left
PAYS = 100  # images from which on compiling the network is worth its seconds


@dataclass(frozen=True, eq=False)
class Seen:
    """What is said of one image. described: (n, D) of each box, features: (d,) of the image: of length 1 each."""

    detected: Detected
    described: NDArray[np.float32]
    features: NDArray[np.float32]

    @classmethod
    def of_boxes(cls, detected: Detected) -> Seen:
        """Boxes alone."""
        return cls(detected, np.empty((0, 0), np.float32), np.empty(0, np.float32))

    def undescribed(self) -> Seen:
        """Leave out what describes boxes."""
        return Seen(self.detected, np.empty((0, 0), np.float32), self.features)


class Detector:
    """Sees batches of images. Several boxes of one object and class are made one; each class is looked at apart.

    class_free: one class, which is whatever the network takes for an object. namer: what says of which class boxes are,
    besides the network.
    """

    def __init__(
        self,
        network: Yolox,
        *,
        engine: str = "auto",
        images: int = 0,
        class_free: bool = False,
        namer: CropClassifier | None = None,
        most: int = MOST_BOXES,
        boxes_alone: bool = False,
    ) -> None:
        """Make a network ready. images: about how many are to come. most: how many boxes of an image are wanted, the
        surest; there may be more of those that a namer looked at. boxes_alone: nothing is described.
        """
        self._class_free, self._namer, self._most = class_free, namer, most
        self.engine = "torch" if engine == "auto" and images < PAYS else engine_of(engine)
        self._run = runner(_BoxesAlone(network) if boxes_alone else network, self.engine)

    def __call__(self, images: Sequence[Small]) -> NDArray[np.object_]:
        """Return (B,) of Seen."""
        seen = np.empty(len(images), object)
        told = (_raw([part[0] for part in one]) for one in self._run(images))
        if self._namer is None:
            for i, (image, raw) in enumerate(zip(images, told, strict=True)):
                one = _Likely.of(raw, self._class_free, LOOKED_AT)
                seen[i] = one.seen(*self._found(image, one))
        else:
            said = [_Likely.of(raw, self._class_free).kept() for raw in told]
            found = self._named(self._namer, images, said)
            seen[:] = [one.seen(*boxes) for one, boxes in zip(said, found, strict=True)]
        return seen

    def _found(self, image: Small, said: _Likely) -> tuple[Detected, Rows]:
        if not self._class_free:
            return boxes_of(image, said.boxes, said.sure, self._most)
        detected, positions = boxes_of(image, said.boxes, said.sure, max(self._most, MOST_BOXES))
        kept = np.flatnonzero(~is_background(detected, image.width, image.height))[: self._most]
        return detected.at(kept), positions[kept]

    @staticmethod
    def _named(namer: CropClassifier, images: Sequence[Small], said: Sequence[_Likely]) -> list[tuple[Detected, Rows]]:
        told, wide = [], []
        for image, one in zip(images, said, strict=True):
            corners = _corners(one.boxes / image.scale, image)
            sides = corners[:, 2:] - corners[:, :2]
            wide.append(np.flatnonzero((sides >= LEAST_SIDE).all(axis=1)))
            told.append((np.concatenate([corners[:, :2], sides], axis=1)[wide[-1]], one.sure[wide[-1]]))
        named = namer(images, told)
        return [(detected, rows[positions]) for rows, (detected, positions) in zip(wide, named, strict=True)]


class _BoxesAlone(nn.Module):
    """A network without what it says besides where boxes are, and of what: that need not be written for each image."""

    def __init__(self, network: Yolox) -> None:
        super().__init__()
        self._network = network

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        said: Raw = self._network(images)
        return said.boxes, said.objects, said.classes


def _raw(told: Sequence[Any]) -> Raw:
    """Make what a network, or `_BoxesAlone`, says of one image what it says of all."""
    if len(told) == len(Raw._fields):
        return Raw(*told)
    boxes, objects, classes = told
    nothing: Any = np.empty((len(boxes), 0), np.float32)
    return Raw(boxes, objects, classes, nothing, nothing[0])


@dataclass(frozen=True, eq=False)
class _Likely:
    """What is said of the k positions of an image where a box may be told. rows: (k,) which of all P they are, boxes:
    (k, 4), sure: (k, C), described: (P, D), features: (d,).
    """

    rows: Rows
    boxes: Floats
    sure: Floats
    described: NDArray[np.float32]
    features: NDArray[np.float32]

    @classmethod
    def of(cls, said: Raw, class_free: bool, most: int | None = None) -> _Likely:
        """Take them from the network's outputs for one image, which are left as they are: `kept` outlives them.

        most: as of `likely`.
        """
        logits = np.asarray(said.objects)[:, None] if class_free else np.asarray(said.classes)
        rows = likely(logits, most)
        boxes = np.asarray(said.boxes)[rows].astype(np.float64)
        return cls(rows, boxes, sigmoid(logits[rows]), np.asarray(said.described), np.asarray(said.features))

    def kept(self) -> _Likely:
        return replace(self, described=self.described.copy(), features=self.features.copy())

    def seen(self, detected: Detected, positions: Rows) -> Seen:
        """positions: (n,) which of the k the boxes are from."""
        return Seen(detected, of_length_1(self.described[self.rows[positions]]), of_length_1(self.features))


def likely(logits: NDArray[np.float32], most: int | None = None) -> Rows:
    """Return the positions, of logits (P, C), at which a score reaches what is told, nearly.

    most: and is one of so many, the highest of all.
    """
    least = LIKELY
    if most is not None and logits.size > most:
        least = max(LIKELY, float(np.partition(logits.ravel(), -most)[-most]))
    return np.flatnonzero((logits >= least).any(axis=1))


def boxes_of(image: Small, boxes: Floats, sure: Floats, most: int = MOST_BOXES) -> tuple[Detected, Rows]:
    """Return the boxes that are told, the surest first, and (n,) the positions that they are from.

    boxes: (P, 4) centre x, y, width, height in the small image's pixels. sure: (P, C).
    """
    scores = sure.ravel()
    least = np.partition(scores, -LOOKED_AT)[-LOOKED_AT] if len(scores) > LOOKED_AT else REPORTED
    told = np.flatnonzero(scores >= max(least, REPORTED))
    told = told[np.argsort(-scores[told], kind="stable")[:LOOKED_AT]]
    (positions, classes), scores = np.divmod(told, sure.shape[1]), scores[told]
    corners = _corners(boxes[positions] / image.scale, image)
    wide = (corners[:, 2:] - corners[:, :2] >= LEAST_SIDE).all(axis=1)
    positions, classes, scores, corners = positions[wide], classes[wide], scores[wide], corners[wide]
    kept = _of_objects(corners, scores, classes, most)
    places = np.concatenate([corners[kept, :2], corners[kept, 2:] - corners[kept, :2]], axis=1)
    return Detected(places, classes[kept], scores[kept]), positions[kept]


def _of_objects(corners: Floats, scores: Floats, classes: Rows, most: int) -> Rows:
    """Return which boxes, the surest first, are kept: of those of one object and class the surest, `most` of them.

    Which are kept of the surest depends on no other; so the others are looked at only where these are too few.
    """
    apart = corners + (classes * (corners.max(initial=0) + 1))[:, None]  # those of several classes never overlap
    n = FOR_ONE * most
    while True:
        kept: Rows = nms(torch.from_numpy(apart[:n]), torch.from_numpy(scores[:n]), SAME).numpy()
        if len(kept) >= most or n >= len(scores):
            return kept[:most]
        n *= 2


def is_background(detected: Detected, width: int, height: int) -> NDArray[np.bool_]:
    """Return (n,) which boxes are around nearly all of the image, where others are drafted: what objects lie on."""
    wide: NDArray[np.bool_] = detected.places[:, 2:].prod(axis=1) >= BACKGROUND * width * height
    others = bool((detected.scores[~wide] >= PROPOSED).any())
    return wide & others


def _corners(boxes: Floats, image: Small) -> Floats:
    """Centre x, y, width, height -> x, y of both corners, within the image: (n, 4)."""
    half = boxes[:, 2:] / 2
    corners = np.concatenate([boxes[:, :2] - half, boxes[:, :2] + half], axis=1)
    within: Floats = np.clip(corners, 0, [image.width, image.height] * 2)
    return within


def of_length_1(x: NDArray[np.float32]) -> NDArray[np.float32]:
    """Make (..., d) of length 1 each."""
    lengths = np.maximum(np.linalg.norm(x, axis=-1, keepdims=True), np.float32(1e-12))
    return np.asarray(x / lengths, np.float32)


def sigmoid(x: Floats) -> Floats:
    """Turn logits into scores."""
    found: Floats = 1 / (1 + np.exp(-x.astype(np.float64)))
    return found
