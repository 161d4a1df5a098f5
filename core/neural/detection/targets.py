"""Which positions of the network learn which box: SimOTA, of the YOLOX paper (Ge et al., 2021, section 2).

A position may stand for a box whose centre is near, and for one it lies in. Each box takes the positions that cost it
least, as many as its best overlaps add up to; a position wanted by several goes to the one that it costs least.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

NEAR = 2.5  # strides from the centre of a box
OVERLAPS = 10  # of a box that are added up
OVERLAP_COUNTS = 3.0  # beside the cost of the class
OUTSIDE = 1e5  # what a position costs that is not both near the centre and inside
LEAST = 1e-8


@dataclass(frozen=True, eq=False)
class Assigned:
    """positions: (k,) that learn a box; boxes: (k,) which one; overlaps: (k,) the IoU by then."""

    positions: Tensor
    boxes: Tensor
    overlaps: Tensor


@torch.no_grad()
def assign(
    found: Tensor, objects: Tensor, classes: Tensor, centres: Tensor, strides: Tensor, boxes: Tensor, class_of: Tensor
) -> Assigned:
    """Give n boxes (n, 4) centre x, y, width, height, of the classes (n,), their positions.

    found: (P, 4), objects: (P,), classes: (P, C) what the network says, as in Raw. centres (P, 2), strides (P,).
    """
    if not len(boxes):
        none = torch.empty(0, dtype=torch.int64)
        return Assigned(none, none, torch.empty(0))
    off = (centres[:, None] - boxes[None, :, :2]).abs()  # (P, n, 2)
    inside = (off < boxes[None, :, 2:] / 2).all(2)
    near = (off < NEAR * strides[:, None, None]).all(2)
    may = (inside | near).any(1).nonzero()[:, 0]
    overlaps = iou(found[may], boxes)
    probabilities = (classes[may].sigmoid() * objects[may, None].sigmoid()).sqrt()
    cost = _class_cost(probabilities, class_of) - OVERLAP_COUNTS * (overlaps + LEAST).log()
    cost += OUTSIDE * ~(inside & near)[may]
    taken = torch.zeros_like(cost, dtype=torch.bool)
    wanted = overlaps.topk(min(OVERLAPS, len(may)), dim=0).values.sum(0).int().clamp(min=1, max=len(may))
    for j, k in enumerate(wanted.tolist()):
        taken[cost[:, j].topk(k, largest=False).indices, j] = True
    several = taken.sum(1) > 1
    taken[several] = functional.one_hot(cost[several].argmin(1), len(boxes)).bool()
    places, of = taken.nonzero(as_tuple=True)
    return Assigned(may[places], of, overlaps[places, of])


def _class_cost(probabilities: Tensor, class_of: Tensor) -> Tensor:
    """(m, C), (n,) -> (m, n): the cross entropy of saying that a position is of the box's class, and of no other."""
    clipped = probabilities.clamp(LEAST, 1 - 1e-6)
    none = -(1 - clipped).log()
    return none.sum(1, keepdim=True) + (-clipped.log() - none)[:, class_of]


def iou(A: Tensor, B: Tensor) -> Tensor:
    """(n, m) of boxes (n, 4), (m, 4), each centre x, y, width, height."""
    low = torch.maximum((A[:, :2] - A[:, 2:] / 2)[:, None], (B[:, :2] - B[:, 2:] / 2)[None])
    high = torch.minimum((A[:, :2] + A[:, 2:] / 2)[:, None], (B[:, :2] + B[:, 2:] / 2)[None])
    inner = (high - low).clamp(min=0).prod(2)
    return inner / (A[:, 2:].prod(1)[:, None] + B[:, 2:].prod(1)[None] - inner).clamp(min=LEAST)
