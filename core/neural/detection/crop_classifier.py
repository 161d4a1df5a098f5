"""What is in a box told by its own pixels: a backbone's embedding of each, and a linear head on it.

The detector sees an image made small, on which fine classes look alike; it finds where things are all the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

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
        head = train_linear(embeddings, targets.astype(np.int64), len(there), seed=seed)
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

    def __call__(self, image: Small, places: Floats, sure: Floats) -> tuple[Detected, Rows]:
        """Return the boxes that are told, the surest first, and (n,) which of the P they are.

        places: (P, 4) x, y, width, height in the image. sure: (P, C) the detector's scores.
        """
        surest = sure.max(axis=1, initial=0)
        asked = np.flatnonzero(surest >= NAMED_FROM)
        asked = asked[np.argsort(-surest[asked], kind="stable")]
        corners = torch.from_numpy(np.concatenate([places[asked, :2], places[asked, :2] + places[asked, 2:]], axis=1))
        asked = asked[nms(corners, torch.from_numpy(surest[asked]), SAME_PLACE).numpy()[:MOST_NAMED]]
        if not len(asked):
            return Detected.nothing(), asked
        seen = embed_crops(self.backbone, image, places[asked])
        scores = surest[asked, None] * geometric_mean(sure[asked], self.head.probabilities(seen))
        boxes, classes = np.nonzero(scores >= TOLD_FROM)
        order = np.argsort(-scores[boxes, classes], kind="stable")
        boxes, classes = boxes[order], classes[order]
        return Detected(places[asked[boxes]], classes, scores[boxes, classes]), asked[boxes]


def geometric_mean(P: Floats, Q: Floats) -> Floats:
    """(n, C) of two shares of classes, which need not sum to one; the mean does."""
    product = np.sqrt(P / P.sum(axis=1, keepdims=True) * Q)
    mean: Floats = product / np.maximum(product.sum(axis=1, keepdims=True), 1e-12)
    return mean


def embed_crops(backbone: Backbone, image: Small, places: Floats) -> NDArray[np.float32]:
    """Embed boxes (n, 4) of an image by its own pixels: (n, d)."""
    pixels = image.pixels if image.larger is None else image.larger
    whole = Image.fromarray(np.ascontiguousarray(pixels[..., ::-1]))
    scale = max(whole.size) / max(image.width, image.height)
    crops = [backbone.prepare(_cut(whole, place)) for place in places * scale]
    parts: Sequence[NDArray[np.float32]] = [
        backbone.forward(backbone.gather(crops[at : at + AT_ONCE]).batch) for at in range(0, len(crops), AT_ONCE)
    ]
    return np.concatenate([np.empty((0, backbone.dimension), np.float32), *parts])


def _cut(whole: Image.Image, place: Floats) -> Image.Image:
    """Cut a box and what is around it out, and make it a square. Beyond the edge there is nothing to be seen."""
    around = place[2:] * AROUND
    low = np.clip(place[:2] - around, 0, np.array(whole.size) - 1)
    high = np.clip(place[:2] + place[2:] + around, low + 1, whole.size)
    return whole.resize((SIDE, SIDE), Image.Resampling.BILINEAR, box=(*low.tolist(), *high.tolist()), reducing_gap=2.0)
