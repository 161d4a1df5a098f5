"""A detector: what a trained network says of images, as boxes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torchvision.ops import batched_nms

from nextlabel.core.data.boxes import Detected, Floats, Rows
from nextlabel.core.neural.detection.crop_classifier import CropClassifier
from nextlabel.core.neural.detection.letterbox import Small, filled_up
from nextlabel.core.neural.detection.network import MULTIPLE_OF, Raw, Yolox
from nextlabel.core.neural.networks import import_openvino, traced
from nextlabel.core.neural.training import one_thread

REPORTED = 0.01  # the lowest score of a box that is told at all
LOOKED_AT = 1_000  # boxes of an image, the surest, before those of one object are made one
MOST_BOXES = 300  # of an image
SAME = 0.6  # IoU from which on two boxes of a class are of one object
BACKGROUND, ELSE = 0.7, 0.05  # share of the image, and the score of what else is there, from which on it is no object
LEAST_SIDE = 0.5  # pixels; boxes cut at the edge of their image may have none left
PAYS = 60  # images from which on compiling the network is worth its seconds

Said = Sequence[NDArray[np.float32]]  # the fields of network.Raw
Forward = Callable[[NDArray[np.float32]], Said]


@dataclass(frozen=True, eq=False)
class Seen:
    """What is said of one image. described: (n, D) of each box, features: (d,) of the image: of length 1 each."""

    detected: Detected
    described: NDArray[np.float32]
    features: NDArray[np.float32]


class Detector:
    """Sees batches of images. Several boxes of one object and class are made one; each class is looked at apart.

    class_free: one class, which is whatever the network takes for an object. namer: what says of which class boxes are,
    besides the network.
    """

    def __init__(
        self,
        network: Yolox,
        side: int,
        *,
        engine: str = "auto",
        images: int = 0,
        class_free: bool = False,
        namer: CropClassifier | None = None,
    ) -> None:
        """Make a network ready. images: about how many are to come."""
        self.side, self._class_free, self._namer = side, class_free, namer
        by_openvino = engine == "openvino" or (engine == "auto" and images >= PAYS)
        self.engine = "openvino" if by_openvino and find_spec("openvino") is not None else "torch"
        self._forward = _by_openvino(network, self._square) if self.engine == "openvino" else _by_torch(network)

    @property
    def _square(self) -> int:
        return -(-self.side // MULTIPLE_OF) * MULTIPLE_OF

    def __call__(self, images: Sequence[Small]) -> NDArray[np.object_]:
        """Return (B,) of Seen."""
        seen = np.empty(len(images), object)
        for i, image in enumerate(images):
            batch = filled_up([image.pixels], self._square, self._square)
            seen[i] = self._seen(image, *(part[0] for part in self._forward(batch)))
        return seen

    def _seen(self, image: Small, *said: NDArray[Any]) -> Seen:
        boxes, objects, classes, described, features = said
        sure = sigmoid(objects[:, None] if self._class_free else classes)
        detected, positions = boxes_of(image, boxes, sure) if self._namer is None else self._named(image, boxes, sure)
        if self._class_free:
            kept = np.flatnonzero(~is_background(detected, image.width, image.height))
            detected, positions = detected.at(kept), positions[kept]
        return Seen(detected, of_length_1(described[positions]), of_length_1(features))

    def _named(self, image: Small, boxes: Floats, sure: Floats) -> tuple[Detected, Rows]:
        assert self._namer is not None
        corners = _corners(boxes / image.scale, image)
        wide = np.flatnonzero((corners[:, 2:] - corners[:, :2] >= LEAST_SIDE).all(axis=1))
        places = np.concatenate([corners[:, :2], corners[:, 2:] - corners[:, :2]], axis=1)[wide]
        detected, positions = self._namer(image, places, sure[wide])
        return detected, wide[positions]


def boxes_of(image: Small, boxes: Floats, sure: Floats) -> tuple[Detected, Rows]:
    """Return the boxes that are told, the surest first, and (n,) the positions that they are from.

    boxes: (P, 4) centre x, y, width, height in the small image's pixels. sure: (P, C).
    """
    positions, classes = np.nonzero(sure >= REPORTED)
    scores = sure[positions, classes]
    order = np.argsort(-scores, kind="stable")[:LOOKED_AT]
    positions, classes, scores = positions[order], classes[order], scores[order]
    corners = _corners(boxes[positions] / image.scale, image)
    wide = (corners[:, 2:] - corners[:, :2] >= LEAST_SIDE).all(axis=1)
    positions, classes, scores, corners = positions[wide], classes[wide], scores[wide], corners[wide]
    kept = batched_nms(torch.from_numpy(corners), torch.from_numpy(scores), torch.from_numpy(classes), SAME)
    kept = kept.numpy()[:MOST_BOXES]
    places = np.concatenate([corners[kept, :2], corners[kept, 2:] - corners[kept, :2]], axis=1)
    return Detected(places, classes[kept], scores[kept]), positions[kept]


def is_background(detected: Detected, width: int, height: int) -> NDArray[np.bool_]:
    """Return (n,) which boxes are around nearly all of the image, where others are found: what the objects lie on."""
    wide: NDArray[np.bool_] = detected.places[:, 2:].prod(axis=1) >= BACKGROUND * width * height
    others = bool((detected.scores[~wide] >= ELSE).any())
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


def _by_torch(network: Yolox) -> Forward:
    network.eval()

    @torch.inference_mode()
    def forward(batch: NDArray[np.float32]) -> Said:
        with one_thread():
            return [part.numpy() for part in network(torch.from_numpy(batch))]

    return forward


def _by_openvino(network: Yolox, side: int) -> Forward:
    model = traced(network, torch.zeros((1, 3, side, side)))
    model.reshape([1, 3, side, side])
    options = {
        "INFERENCE_PRECISION_HINT": "f32",  # else bfloat16, on CPUs that have it: it moves boxes by pixels
        "INFERENCE_NUM_THREADS": torch.get_num_threads(),
        "ENABLE_CPU_PINNING": False,
    }
    compiled = import_openvino().Core().compile_model(model, "CPU", options)

    def forward(batch: NDArray[np.float32]) -> Said:
        found = compiled(batch)
        return [found[i] for i in range(len(Raw._fields))]

    return forward
