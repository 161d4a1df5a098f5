"""Which positions of the network learn which box: ATSS (Zhang, Chi, Yao, Lei and Li, 2020, arXiv 1912.02424).

Of each level, the positions nearest to the middle of a box may learn it: those of them that lie within it, and whose
anchors, squares of a few strides, overlap it by more than such anchors do as a rule. So each box has its own measure.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from nextlabel.core.neural.detection.network import STRIDES

NEAREST = 9  # positions of each level
ANCHOR = 5  # strides of a side
LEAST = 1e-8


@dataclass(frozen=True, eq=False)
class Assigned:
    """positions: (k,) that learn a box, each once; boxes: (k,) which one."""

    positions: Tensor
    boxes: Tensor


def assign(centres: Tensor, strides: Tensor, boxes: Tensor) -> Assigned:
    """Give n boxes (n, 4) centre x, y, width, height their positions, one at least. centres: (P, 2), strides: (P,)."""
    if not len(boxes):
        return Assigned(torch.empty(0, dtype=torch.int64), torch.empty(0, dtype=torch.int64))
    far = (centres[:, None] - boxes[None, :, :2]).norm(dim=2)  # (P, n)
    nearest = torch.cat([_nearest(far, (strides == stride).nonzero()[:, 0]) for stride in STRIDES])  # (K, n)
    overlaps = iou(torch.cat([centres, ANCHOR * strides[:, None].expand(-1, 2)], 1), boxes)
    of_nearest = overlaps.gather(0, nearest)
    usual = of_nearest.mean(0) + of_nearest.std(0)
    inside = ((centres[nearest] - boxes[None, :, :2]).abs() < boxes[None, :, 2:] / 2).all(2)
    kept = (of_nearest >= usual) & inside
    claims = torch.full_like(overlaps, -1)
    for j in range(len(boxes)):
        own = nearest[kept[:, j], j]
        own = own if len(own) else far[:, j].argmin()[None]
        claims[own, j] = overlaps[own, j]
    best, of = claims.max(1)  # a position that several want learns the one that it overlaps most
    positions = (best >= 0).nonzero()[:, 0]
    return Assigned(positions, of[positions])


def _nearest(far: Tensor, level: Tensor) -> Tensor:
    return level[far[level].topk(min(NEAREST, len(level)), dim=0, largest=False).indices]


def iou(A: Tensor, B: Tensor) -> Tensor:
    """(n, m) of boxes (n, 4), (m, 4), each centre x, y, width, height."""
    low = torch.maximum((A[:, :2] - A[:, 2:] / 2)[:, None], (B[:, :2] - B[:, 2:] / 2)[None])
    high = torch.minimum((A[:, :2] + A[:, 2:] / 2)[:, None], (B[:, :2] + B[:, 2:] / 2)[None])
    inner = (high - low).clamp(min=0).prod(2)
    return inner / (A[:, 2:].prod(1)[:, None] + B[:, 2:].prod(1)[None] - inner).clamp(min=LEAST)
