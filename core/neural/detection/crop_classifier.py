"""What is in a box told by its own pixels: a backbone's embedding of each, and a linear head on it.

The detector sees an image made small, on which fine classes look alike; it finds where things are all the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from scipy.special import softmax
from torchvision.ops import nms

from nextlabel.core.data.boxes import Detected, Floats, Rows
from nextlabel.core.neural.backbones import Backbone
from nextlabel.core.neural.detection.letterbox import Small
from nextlabel.core.neural.heads.linear import train_linear
from nextlabel.core.neural.training import Examples

AROUND = 0.18  # of a box's sides is cut out with it, on each; a backbone looks at the middle 7/8 of that
SIDE = 256  # pixels of what is cut out
NAMED_FROM = 0.05  # the score from which on it is asked what is in a box
MOST_NAMED = 100  # boxes of an image, the surest
SAME_PLACE = 0.6  # IoU from which on two boxes are of one object, of whatever class
TOLD_FROM = 0.01  # scores below are left out
AT_ONCE = 32
ABSENT = -30.0  # the logit of a class that no crop was of


@dataclass(frozen=True, eq=False)
class CropHead:
    """An affine function of a crop's embedding: weights (d, C), bias (C,), in logits of classes."""

    weights: NDArray[np.float32]
    bias: NDArray[np.float32]

    @classmethod
    def train(cls, embeddings: NDArray[np.float32], classes: Rows, n_classes: int, seed: int) -> CropHead:
        """Train on g crops (g, d), at least one, and their classes (g,)."""
        there, targets = np.unique(classes, return_inverse=True)
        weights = np.zeros((embeddings.shape[1], n_classes), np.float32)
        bias = np.full(n_classes, ABSENT, np.float32)
        if len(there) == 1:
            bias[there] = 0
            return cls(weights, bias)
        head = train_linear(Examples(embeddings, targets.astype(np.int64), len(there)), seed=seed)
        of_each = head.weights / head.scaling.scale[:, None]
        weights[:, there] = of_each / head.temperature
        bias[there] = (head.bias - head.scaling.mean @ of_each) / head.temperature
        return cls(weights, bias)

    def probabilities(self, embeddings: NDArray[np.float32]) -> Floats:
        found: Floats = softmax((embeddings @ self.weights + self.bias).astype(np.float64), axis=1)
        return found


@dataclass(frozen=True, eq=False)
class CropClassifier:
    """Names what is in boxes. The detector's own say counts as much: the geometric mean of both."""

    head: CropHead
    backbone: Backbone

    def __call__(self, images: Sequence[Small], told: Sequence[tuple[Floats, Floats]]) -> list[tuple[Detected, Rows]]:
        """Return for each image the boxes that are told, the surest first, and (n,) which of the P they are.

        told: for each places (P, 4), x, y, width, height in the image, and sure (P, C), the detector's scores.
        """
        asked = [_asked(places, sure) for places, sure in told]
        seen = embed_crops(self.backbone, images, [places[rows] for rows, (places, _) in zip(asked, told, strict=True)])
        ends = np.cumsum([len(rows) for rows in asked], dtype=np.int64)
        return [
            self._named(places[rows], sure[rows], rows, embeddings)
            for rows, (places, sure), embeddings in zip(asked, told, np.split(seen, ends)[:-1], strict=True)
        ]

    def _named(
        self, places: Floats, sure: Floats, asked: Rows, embeddings: NDArray[np.float32]
    ) -> tuple[Detected, Rows]:
        surest = sure.max(axis=1, initial=0)
        scores = surest[:, None] * geometric_mean(sure, self.head.probabilities(embeddings))
        boxes, classes = np.nonzero(scores >= TOLD_FROM)
        order = np.argsort(-scores[boxes, classes], kind="stable")
        boxes, classes = boxes[order], classes[order]
        return Detected(places[boxes], classes, scores[boxes, classes]), asked[boxes]


def _asked(places: Floats, sure: Floats) -> Rows:
    """Return the boxes whose own pixels are looked at: the surest, each object's once."""
    surest = sure.max(axis=1, initial=0)
    asked = np.flatnonzero(surest >= NAMED_FROM)
    asked = asked[np.argsort(-surest[asked], kind="stable")]
    corners = torch.from_numpy(np.concatenate([places[asked, :2], places[asked, :2] + places[asked, 2:]], axis=1))
    rows: Rows = asked[nms(corners, torch.from_numpy(surest[asked]), SAME_PLACE).numpy()[:MOST_NAMED]]
    return rows


def geometric_mean(P: Floats, Q: Floats) -> Floats:
    """(n, C) of two shares of classes, which need not sum to one; the mean does."""
    product = np.sqrt(P / P.sum(axis=1, keepdims=True) * Q)
    mean: Floats = product / np.maximum(product.sum(axis=1, keepdims=True), 1e-12)
    return mean


def embed_crops(backbone: Backbone, images: Sequence[Small], places: Sequence[Floats]) -> NDArray[np.float32]:
    """Embed boxes (n, 4) of each image by its own pixels: (d,) for each box of each image, one after the other."""
    parts = [np.empty((0, backbone.dimension), np.float32)]
    crops = (backbone.prepare(crop) for image, boxes in zip(images, places, strict=True) for crop in _cut(image, boxes))
    while some := [*islice(crops, AT_ONCE)]:
        parts.append(backbone.forward(backbone.gather(some).batch))
    return np.concatenate(parts)


def _cut(image: Small, places: Floats) -> Iterator[Image.Image]:
    """Cut boxes, each with what is around it, out of an image, and make them squares. Beyond the edge there is nothing
    to be seen.
    """
    whole = image.larger or Image.fromarray(image.pixels[..., ::-1])
    scale = max(whole.size) / max(image.width, image.height)
    for place in places * scale:
        around = place[2:] * AROUND
        low = np.clip(place[:2] - around, 0, np.array(whole.size) - 1)
        high = np.clip(place[:2] + place[2:] + around, low + 1, whole.size)
        within = (*low.tolist(), *high.tolist())
        yield whole.resize((SIDE, SIDE), Image.Resampling.BILINEAR, box=within, reducing_gap=2.0)
