"""Networks that are not trained here, and see each image once: what they make of it is kept, and light heads learn it.

What they see is maps, of a position for each 8, 16 and 32 pixels. YOLOX-nano's have what its last layers look at, and
what these say: where a box is, and whether it is an object. A backbone of images says no boxes, but tells things apart
that YOLOX-nano has no eye for.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import timm
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from nextlabel.core.neural.detection.letterbox import Small
from nextlabel.core.neural.detection.network import STRIDES, Level, Yolox
from nextlabel.core.neural.detection.runner import runner

SAID = 5  # numbers that YOLOX-nano says of a position: x, y, log width, log height of its box, and whether it is one
USUAL_SIDE = 1.5  # log of a box's side in strides, where nothing is said of it
MIXED = 32  # axes of each map
Half = NDArray[np.float16]


class Maps(NamedTuple):
    """What is seen of one image: a map (c, h, w) for each stride.

    said: of YOLOX-nano, whose last five channels are what it says; () without it. seen: of a backbone; () without one.
    features: (d,) of the whole image.
    """

    said: Sequence[Half]
    seen: Sequence[Half]
    features: Half


class Frozen(nn.Module):
    """(B, 3, H, W) BGR from 0 to 255 -> the maps of a detector, of a backbone, or of both, and features (B, d)."""

    def __init__(self, detector: Yolox | None, backbone: nn.Module | None) -> None:
        """Raises ValueError where a timm model has no maps of these strides."""
        super().__init__()
        self.detector, self.backbone = detector, backbone
        if backbone is None:
            return
        config = timm.data.resolve_model_data_config(backbone)
        reductions = [one["reduction"] for one in backbone.feature_info]  # type: ignore[union-attr]
        if not set(STRIDES) <= set(reductions):
            raise ValueError(f"it has maps of {reductions} pixels, and {list(STRIDES)} are wanted")
        self._stages = [reductions.index(stride) for stride in STRIDES]
        self.register_buffer("mean", torch.tensor(config["mean"]).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(config["std"]).view(1, 3, 1, 1), persistent=False)

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        said, seen, images = [], [], images.float()
        if self.backbone is not None:
            x = (images.flip(1) / 255 - self.mean) / self.std  # type: ignore[operator]
            look: Any = self.backbone.forward_intermediates
            seen = look(x, indices=self._stages, intermediates_only=True)
        if self.detector is not None:
            maps, features = self.detector.neck(images)
            levels = (level for level in self.detector.levels if isinstance(level, Level))
            said = [_tops(level, x) for level, x in zip(levels, maps, strict=True)]
        else:
            features = seen[-1].mean((2, 3))
        return (*said, *seen, features)

    def maps(self, told: Sequence[NDArray[np.float32]]) -> Maps:
        """Put what is told of one image, (1, ...) each, into its place."""
        *levels, features = (part[0].astype(np.float16) for part in told)
        said = len(STRIDES) if self.detector is not None else 0
        return Maps(levels[:said], levels[said:], features)


def _tops(level: Level, x: Tensor) -> Tensor:
    x = level.stem(x)
    of_box = level.for_box(x)
    return torch.cat([level.for_class(x), of_box, level.box(of_box), level.object(of_box)], 1)


class Points(NamedTuple):
    """What a light head is given of the P positions of an image, those of the finest level first.

    seen: (P, D). said: (P, 5) what the frozen network says of each, in strides: x, y, log width, log height of its
    box, beside the position; the logit of an object.
    """

    seen: Tensor
    said: Tensor


@dataclass(frozen=True, eq=False)
class Mixing:
    """How the maps of an image become points. axes: for each map of a backbone, (c, k) those it varies along most."""

    axes: Sequence[Tensor]

    @classmethod
    def of(cls, images: Sequence[Maps]) -> Mixing:
        """Find the axes by some images."""
        axes = []
        for level in zip(*(maps.seen for maps in images), strict=True):
            rows = torch.cat([_rows(_wide(one)) for one in level]).double()
            _, vectors = torch.linalg.eigh(torch.cov(rows.T))
            axes.append(vectors[:, -MIXED:].float())
        return cls(axes)

    def points(self, maps: Maps) -> Points:
        """List the positions."""
        levels = [_wide(one) for one in maps.said or maps.seen]
        which = torch.cat([_which(i, levels) for i in range(len(levels))])
        parts = [which]
        if maps.seen:
            mixed = [
                torch.einsum("bchw,ck->bkhw", _wide(one), ax) for one, ax in zip(maps.seen, self.axes, strict=True)
            ]
            parts.append(torch.cat([_around(i, mixed) for i in range(len(mixed))]))
        if not maps.said:
            usual = torch.tensor([0.5, 0.5, USUAL_SIDE, USUAL_SIDE, 0.0])
            return Points(torch.cat(parts, 1), usual.expand(len(which), -1))
        own = torch.cat([_rows(level) for level in levels])
        return Points(torch.cat([*parts, own], 1), own[:, -SAID:])


def _around(i: int, levels: Sequence[Tensor]) -> Tensor:
    """Return for each position of a level its neighbourhood of 3 x 3, and what the other levels have there."""
    others = [_rows(_resized(other, levels[i])) for j, other in enumerate(levels) if j != i]
    return torch.cat([functional.unfold(levels[i], 3, padding=1)[0].T, *others], 1)


def _which(i: int, levels: Sequence[Tensor]) -> Tensor:
    which = torch.zeros(levels[i][0, 0].numel(), len(levels))
    which[:, i] = 1
    return which


def _wide(level: Half) -> Tensor:
    return torch.from_numpy(level).float()[None]


def _rows(level: Tensor) -> Tensor:
    return level[0].flatten(1).T


def _resized(level: Tensor, like: Tensor) -> Tensor:
    size = like.shape[2:]
    if level.shape[2:] == size:
        return level
    if level.shape[2] > size[0]:
        return functional.adaptive_avg_pool2d(level, (size[0], size[1]))
    return functional.interpolate(level, size=tuple(size), mode="bilinear", align_corners=False)


# --- what runs them ---------------------------------------------------------------------------------------------

See = Callable[[Sequence[Small]], NDArray[np.object_]]


@dataclass(frozen=True, eq=False)
class Seer:
    """Sees images, b Small -> (b,) of Maps. name, weights: of the networks, as results and the manifest say them."""

    network: Frozen
    name: str
    weights: str
    side: int
    engine: str

    @property
    def key(self) -> str:
        """Tell everything besides an image that its maps depend on."""
        return f"{self.name} {self.weights} {self.side} {self.engine}"

    @cached_property
    def see(self) -> See:
        """Return what sees images, compiled when it is first needed."""
        network = self.network.eval()
        run = runner(network, self.engine)

        def see(images: Sequence[Small]) -> NDArray[np.object_]:
            seen = np.empty(len(images), object)
            for i, told in enumerate(run(images)):
                seen[i] = network.maps(told)
            return seen

        return see
