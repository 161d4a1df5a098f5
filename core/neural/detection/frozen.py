"""Networks that are not trained here, and see each image once: what they make of it is kept, and light heads learn it.

What they see is three maps, of a position for each 8, 16 and 32 pixels. YOLOX-nano's have what its last layers look at,
and what these say: where a box is, and whether it is an object. A backbone of images, where there is no such detector,
has features alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec
from typing import Any, NamedTuple

import numpy as np
import timm
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from nextlabel.core.neural.detection.letterbox import Small, filled_up
from nextlabel.core.neural.detection.network import MULTIPLE_OF, STRIDES, Level, Yolox
from nextlabel.core.neural.networks import import_openvino, traced
from nextlabel.core.neural.training import one_thread

SAID = 5  # numbers that YOLOX-nano says of a position: x, y, log width, log height of its box, and whether it is one
USUAL_SIDE = 1.5  # log of a box's side in strides, where nothing is said of it
MIXED = 32  # axes of each map
Half = NDArray[np.float16]


class Maps(NamedTuple):
    """What is seen of one image: a map (c, h, w) for each stride, and `features` (d,) of the whole."""

    fine: Half
    middle: Half
    coarse: Half
    features: Half


class FrozenYolox(nn.Module):
    """(B, 3, H, W) BGR from 0 to 255 -> the maps, whose last five channels are what it says, and features (B, d)."""

    says_boxes = True

    def __init__(self, network: Yolox) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        maps, features = self.network.neck(images)
        levels = (level for level in self.network.levels if isinstance(level, Level))
        return (*(_tops(level, x) for level, x in zip(levels, maps, strict=True)), features)


def _tops(level: Level, x: Tensor) -> Tensor:
    x = level.stem(x)
    of_box = level.for_box(x)
    return torch.cat([level.for_class(x), of_box, level.box(of_box), level.object(of_box)], 1)


class FrozenBackbone(nn.Module):
    """The same by a timm model; its maps say nothing of boxes."""

    says_boxes = False

    def __init__(self, model: nn.Module) -> None:
        """Raises ValueError where it has no maps of these strides."""
        super().__init__()
        config = timm.data.resolve_model_data_config(model)
        reductions = [one["reduction"] for one in model.feature_info]  # type: ignore[union-attr]
        if not set(STRIDES) <= set(reductions):
            raise ValueError(f"it has maps of {reductions} pixels, and {list(STRIDES)} are wanted")
        self._stages = [reductions.index(stride) for stride in STRIDES]
        self.model = model
        self.register_buffer("mean", torch.tensor(config["mean"]).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(config["std"]).view(1, 3, 1, 1), persistent=False)

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        x = (images.flip(1) / 255 - self.mean) / self.std  # type: ignore[operator]
        maps = self.model.forward_intermediates(x, indices=self._stages, intermediates_only=True)  # type: ignore[operator]
        return (*maps, maps[-1].mean((2, 3)))


class Points(NamedTuple):
    """What a light head is given of the P positions of an image, those of the finest level first.

    seen: (P, D). said: (P, 5) what the frozen network says of each, in strides: x, y, log width, log height of its
    box, beside the position; the logit of an object.
    """

    seen: Tensor
    said: Tensor


@dataclass(frozen=True, eq=False)
class Mixing:
    """How the maps of an image become points. axes: for each map, (c, k) those along which it varies most.

    says_boxes: whether the last channels of the maps say boxes.
    """

    axes: Sequence[Tensor]
    says_boxes: bool

    @classmethod
    def of(cls, images: Sequence[Maps], *, says_boxes: bool) -> Mixing:
        """Find the axes by some images."""
        axes = []
        for level in zip(*(maps[: len(STRIDES)] for maps in images), strict=True):
            rows = torch.cat([_rows(torch.from_numpy(one).float()[None]) for one in level]).double()
            _, vectors = torch.linalg.eigh(torch.cov(rows.T))
            axes.append(vectors[:, -MIXED:].float())
        return cls(axes, says_boxes)

    def points(self, maps: Maps) -> Points:
        """Give each position its neighbourhood of 3 x 3, and what the other levels see there."""
        levels = [torch.from_numpy(one).float()[None] for one in maps[: len(STRIDES)]]
        mixed = [torch.einsum("bchw,ck->bkhw", level, axes) for level, axes in zip(levels, self.axes, strict=True)]
        seen = torch.cat([self._seen(i, mixed) for i in range(len(levels))])
        if not self.says_boxes:
            usual = torch.tensor([0.5, 0.5, USUAL_SIDE, USUAL_SIDE, 0.0])
            return Points(seen, usual.expand(len(seen), -1))
        own = torch.cat([_rows(level) for level in levels])
        return Points(torch.cat([seen, own], 1), own[:, -SAID:])

    @staticmethod
    def _seen(i: int, mixed: Sequence[Tensor]) -> Tensor:
        level = mixed[i]
        around = functional.unfold(level, 3, padding=1)[0].T
        others = [_rows(_resized(other, level)) for j, other in enumerate(mixed) if j != i]
        which = torch.zeros(len(around), len(mixed))
        which[:, i] = 1
        return torch.cat([around, *others, which], 1)


def _rows(level: Tensor) -> Tensor:
    return level[0].flatten(1).T


def _resized(level: Tensor, like: Tensor) -> Tensor:
    size = like.shape[2:]
    if level.shape[2:] == size:
        return level
    if level.shape[2] > size[0]:
        return functional.adaptive_avg_pool2d(level, tuple(size))
    return functional.interpolate(level, size=tuple(size), mode="bilinear", align_corners=False)


# --- what runs them ---------------------------------------------------------------------------------------------

FrozenNetwork = FrozenYolox | FrozenBackbone
See = Callable[[Sequence[Small]], NDArray[np.object_]]


@dataclass(frozen=True, eq=False)
class Seer:
    """Sees images, b Small -> (b,) of Maps. name, weights: of the network, as results and the manifest say them."""

    network: FrozenNetwork
    name: str
    weights: str
    side: int
    engine: str

    @property
    def says_boxes(self) -> bool:
        return self.network.says_boxes

    @property
    def key(self) -> str:
        """Tell everything besides an image that its maps depend on."""
        return f"{self.name} {self.weights} {self.side} {self.engine}"

    @cached_property
    def see(self) -> See:
        """Return what sees images, compiled when it is first needed."""
        square = -(-self.side // MULTIPLE_OF) * MULTIPLE_OF
        forward = _by_openvino(self.network, square) if self.engine == "openvino" else _by_torch(self.network)

        def see(images: Sequence[Small]) -> NDArray[np.object_]:
            seen = np.empty(len(images), object)
            for i, image in enumerate(images):
                parts = forward(filled_up([image.pixels], square, square))
                seen[i] = Maps(*(part[0].astype(np.float16) for part in parts))
            return seen

        return see


def engine_of(asked: str) -> str:
    """Return what computes: OpenVINO where it is installed, unless torch is asked for."""
    return "openvino" if asked != "torch" and find_spec("openvino") is not None else "torch"


Forward = Callable[[NDArray[np.float32]], Sequence[NDArray[np.float32]]]


def _by_torch(network: FrozenNetwork) -> Forward:
    network.eval()

    @torch.inference_mode()
    def forward(batch: NDArray[np.float32]) -> Sequence[NDArray[np.float32]]:
        with one_thread():
            return [part.numpy() for part in network(torch.from_numpy(batch))]

    return forward


def _by_openvino(network: FrozenNetwork, side: int) -> Forward:
    model = traced(network.eval(), torch.zeros((1, 3, side, side)))
    model.reshape([1, 3, side, side])
    options: dict[str, Any] = {
        "INFERENCE_PRECISION_HINT": "f32",  # else bfloat16, on CPUs that have it: features differ by 16 to 32 %
        "INFERENCE_NUM_THREADS": torch.get_num_threads(),
        "ENABLE_CPU_PINNING": False,
    }
    compiled = import_openvino().Core().compile_model(model, "CPU", options)

    def forward(batch: NDArray[np.float32]) -> Sequence[NDArray[np.float32]]:
        found = compiled(batch)
        return [found[i] for i in range(len(Maps._fields))]

    return forward
