"""YOLOX (Ge, Liu, Wang, Li and Sun, 2021, arXiv 2107.08430), the depthwise variant of which `nano` is the smallest.

Batch normalisation is folded into the convolutions, as it is in the published file: a network that is trained further
on few images does better without statistics of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

STRIDES = (8, 16, 32)  # pixels of the image that a position of each level stands for
MULTIPLE_OF = STRIDES[-1]  # of the sides of what goes in
BRIGHT = 128.0  # a pixel, about: what a layer is given has to be about 1, or steps of training are far too large for it
UNLIKELY = -4.0  # the logit of a new class at first: most positions are of none
LARGEST_LOG = 8.0  # of a side in strides: exp of more is no size of anything


class Raw(NamedTuple):
    """What the network says of B images at P positions, all levels one after the other.

    boxes: (B, P, 4) centre x, y, width, height in pixels. objects: (B, P), classes: (B, P, C) logits.
    described: (B, P, D) what a position's class is told by. features: (B, d) the mean of what the deepest layers see.
    """

    boxes: Tensor
    objects: Tensor
    classes: Tensor
    described: Tensor
    features: Tensor


class Yolox(nn.Module):
    """(B, 3, H, W) BGR from 0 to 255, of any type -> Raw. H, W: multiples of 32.

    The score of a box is that of its class alone; before there is one, of `objects`.

    Its convolutions stand in the order in which they are run: the published weights are read into them one by one.
    width: channels of the first layer. depth: bottlenecks in the middle stages.
    """

    def __init__(self, n_classes: int, width: int = 16, depth: int = 3) -> None:
        super().__init__()
        w2, w4, w8, w16 = 2 * width, 4 * width, 8 * width, 16 * width
        self.focus = Conv(12, width, 3)
        self.dark2 = nn.Sequential(Separable(width, w2, 2), Csp(w2, w2, max(1, depth // 3)))
        self.dark3 = nn.Sequential(Separable(w2, w4, 2), Csp(w4, w4, depth))
        self.dark4 = nn.Sequential(Separable(w4, w8, 2), Csp(w8, w8, depth))
        self.dark5 = nn.Sequential(
            Separable(w8, w16, 2), Pyramid(w16), Csp(w16, w16, max(1, depth // 3), shortcut=False)
        )
        self.lateral = Conv(w16, w8, 1)
        self.down_4 = Csp(w16, w8, 1, shortcut=False)
        self.reduce = Conv(w8, w4, 1)
        self.down_3 = Csp(w8, w4, 1, shortcut=False)
        self.up_4 = Separable(w4, w4, 2)
        self.out_4 = Csp(w8, w8, 1, shortcut=False)
        self.up_5 = Separable(w8, w8, 2)
        self.out_5 = Csp(w16, w16, 1, shortcut=False)
        self.levels = nn.ModuleList(Level(channels, w4, n_classes) for channels in (w4, w8, w16))
        self.n_classes = n_classes
        self.shape = {"width": width, "depth": depth}

    def forward(self, images: Tensor) -> Raw:
        maps, features = self.neck(images)
        said = [level(x, s) for level, x, s in zip(self.levels, maps, STRIDES, strict=True)]
        boxes, objects, classes, described = (torch.cat(parts, 1) for parts in zip(*said, strict=True))
        return Raw(boxes, objects, classes, described, features)

    def neck(self, images: Tensor) -> tuple[tuple[Tensor, Tensor, Tensor], Tensor]:
        """Return what each level looks at, and `Raw.features`."""
        c3 = self.dark3(self.dark2(self.focus(functional.pixel_unshuffle(images.float() / BRIGHT, 2))))
        c4 = self.dark4(c3)
        c5 = self.dark5(c4)
        p5 = self.lateral(c5)
        p4 = self.reduce(self.down_4(torch.cat([_twice(p5), c4], 1)))
        out_3 = self.down_3(torch.cat([_twice(p4), c3], 1))
        out_4 = self.out_4(torch.cat([self.up_4(out_3), p4], 1))
        out_5 = self.out_5(torch.cat([self.up_5(out_4), p5], 1))
        return (out_3, out_4, out_5), torch.cat([x.mean((2, 3)) for x in (c4, c5)], 1)

    def convolutions(self) -> Iterator[nn.Conv2d]:
        """All of them, in the order in which they are run."""
        return (module for module in self.modules() if isinstance(module, nn.Conv2d))

    def new_classes(self, n_classes: int, known: Mapping[int, int] | None = None) -> None:
        """Have it tell other classes apart: the layers that said them begin anew.

        known: by new class which of the old ones it is; that goes on as it was.
        """
        self.n_classes = n_classes
        for level in self.levels:
            assert isinstance(level, Level)
            before = level.class_of
            level.class_of = nn.Conv2d(before.in_channels, n_classes, 1)
            nn.init.normal_(level.class_of.weight, std=0.01)
            assert level.class_of.bias is not None
            assert before.bias is not None
            nn.init.constant_(level.class_of.bias, UNLIKELY)
            with torch.no_grad():
                for new, old in (known or {}).items():
                    level.class_of.weight[new] = before.weight[old]
                    level.class_of.bias[new] = before.bias[old]


def positions(height: int, width: int) -> tuple[Tensor, Tensor]:
    """Return (P, 2) the centre of each position in pixels, and (P,) its stride."""
    centres, strides = [], []
    for stride in STRIDES:
        grid = _grid(height // stride, width // stride)
        centres.append((grid + 0.5) * stride)
        strides.append(torch.full((len(grid),), float(stride)))
    return torch.cat(centres), torch.cat(strides)


def _grid(rows: int, columns: int) -> Tensor:
    """(rows * columns, 2) of x, y"""
    y, x = torch.meshgrid(torch.arange(rows), torch.arange(columns), indexing="ij")
    return torch.stack([x, y], 2).reshape(-1, 2).float()


def _twice(x: Tensor) -> Tensor:
    return functional.interpolate(x, scale_factor=2.0, mode="nearest")


class Conv(nn.Module):
    """A convolution, its bias, and SiLU."""

    def __init__(self, inputs: int, outputs: int, size: int, stride: int = 1, groups: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, size, stride, size // 2, groups=groups)
        nn.init.kaiming_normal_(self.conv.weight, nonlinearity="relu")

    def forward(self, x: Tensor) -> Tensor:
        return functional.silu(self.conv(x))


class Separable(nn.Sequential):
    """A convolution of each channel, then one across channels."""

    def __init__(self, inputs: int, outputs: int, stride: int = 1) -> None:
        super().__init__(Conv(inputs, inputs, 3, stride, groups=inputs), Conv(inputs, outputs, 1))


class Bottleneck(nn.Module):
    def __init__(self, channels: int, shortcut: bool) -> None:
        super().__init__()
        self.narrow, self.wide, self.shortcut = Conv(channels, channels, 1), Separable(channels, channels), shortcut

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.wide(self.narrow(x))
        return x + y if self.shortcut else y


class Csp(nn.Module):
    """Half of the channels through bottlenecks, half past them (cross stage partial)."""

    def __init__(self, inputs: int, outputs: int, n: int, shortcut: bool = True) -> None:
        super().__init__()
        half = outputs // 2
        self.through, self.past = Conv(inputs, half, 1), Conv(inputs, half, 1)
        self.bottlenecks = nn.Sequential(*(Bottleneck(half, shortcut) for _ in range(n)))
        self.join = Conv(outputs, outputs, 1)

    def forward(self, x: Tensor) -> Tensor:
        through, past = self.through(x), self.past(x)
        y: Tensor = self.join(torch.cat([self.bottlenecks(through), past], 1))
        return y


class Pyramid(nn.Module):
    """The largest of ever wider surroundings (spatial pyramid pooling)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.narrow, self.join = Conv(channels, channels // 2, 1), Conv(2 * channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.narrow(x)
        y: Tensor = self.join(torch.cat([x, *(functional.max_pool2d(x, k, 1, k // 2) for k in (5, 9, 13))], 1))
        return y


class Level(nn.Module):
    """What is said at the positions of one stride: where, whether, and what."""

    def __init__(self, inputs: int, channels: int, n_classes: int) -> None:
        super().__init__()
        self.stem = Conv(inputs, channels, 1)
        self.for_class = nn.Sequential(Separable(channels, channels), Separable(channels, channels))
        self.class_of = nn.Conv2d(channels, n_classes, 1)
        self.for_box = nn.Sequential(Separable(channels, channels), Separable(channels, channels))
        self.box, self.object = nn.Conv2d(channels, 4, 1), nn.Conv2d(channels, 1, 1)

    def forward(self, x: Tensor, stride: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        x = self.stem(x)
        of_class, of_box = self.for_class(x), self.for_box(x)
        box = self.box(of_box).flatten(2).transpose(1, 2)
        centre = (box[..., :2] + _grid(x.shape[2], x.shape[3]).to(x)) * stride
        size = box[..., 2:].clamp(max=LARGEST_LOG).exp() * stride
        classes, described = (y.flatten(2).transpose(1, 2) for y in (self.class_of(of_class), of_class))
        return torch.cat([centre, size], 2), self.object(of_box).flatten(1), classes, described
