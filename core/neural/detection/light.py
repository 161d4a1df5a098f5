"""A light head: one hidden layer that says, of each position of a frozen network's maps, what is there and where.

It learns in seconds, as it is nothing but products of matrices, and of the positions at which nothing is only some are
drawn. It finds less than a network that is trained whole: it serves where there is no time for that.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from nextlabel.core.metrics.detection import Calibration, Truth, score
from nextlabel.core.neural.detection.detector import LOOKED_AT, Seen, boxes_of, likely, of_length_1, sigmoid
from nextlabel.core.neural.detection.frozen import Maps, Mixing, Points
from nextlabel.core.neural.detection.letterbox import Small
from nextlabel.core.neural.detection.network import LARGEST_LOG, STRIDES, UNLIKELY, positions
from nextlabel.core.neural.detection.targets import assign
from nextlabel.core.neural.detection.training import (
    centred,
    generalised_iou,
    iou_of_pairs,
    quality_focal_loss,
    within,
)
from nextlabel.core.neural.training import Tick, drawn_from, ignore, one_thread

HIDDEN = 64
BATCH = 8  # images
BACKGROUND = 300  # positions of an image at which nothing is, drawn by chance
RATE, DECAY = 3e-3, 1e-4
PLACE_COUNTS = 2.0  # beside the class
LEAST_SPREAD = 1e-3


@dataclass(frozen=True, eq=False)
class Mapped:
    """An image of which only the maps are kept, and what was drawn on it. image: without its pixels."""

    image: Small
    truth: Truth
    maps: Maps


@dataclass(frozen=True, eq=False)
class Lesson:
    """What k positions of an image are to learn. wanted: (k, 4) a box; classes: (k,), -1 where nothing is."""

    points: Points
    centres: Tensor
    strides: Tensor
    wanted: Tensor
    classes: Tensor

    @classmethod
    def of(cls, one: Mapped, rng: np.random.Generator, mixing: Mixing) -> Lesson:
        """Take the positions that learn a box, and some of the others; none of those within a crowd."""
        points = mixing.points(one.maps)
        centres, strides = positions(*_size(one.maps))
        drawn, single = centred(one.image.shrink(one.truth.places)), torch.from_numpy(~one.truth.crowd)
        given = assign(centres, strides, drawn[single])
        free = ~within(centres, drawn[~single])
        free[given.positions] = False
        others = rng.permutation(free.nonzero()[:, 0].numpy())[:BACKGROUND]
        kept = torch.cat([given.positions, torch.from_numpy(np.sort(others))])
        wanted, classes = torch.ones(len(kept), 4), torch.full((len(kept),), -1)
        wanted[: len(given.positions)] = drawn[single][given.boxes]
        classes[: len(given.positions)] = torch.from_numpy(one.truth.classes)[single][given.boxes]
        few = Points(points.seen[kept].half(), points.said[kept])  # half the memory
        return cls(few, centres[kept], strides[kept], wanted, classes)

    def take(self, rows: Tensor) -> Lesson:
        points = Points(self.points.seen[rows], self.points.said[rows])
        return Lesson(points, self.centres[rows], self.strides[rows], self.wanted[rows], self.classes[rows])

    @classmethod
    def join(cls, lessons: Sequence[Lesson]) -> Lesson:
        points = Points(*(torch.cat([one.points[i] for one in lessons]) for i in range(len(Points._fields))))
        told = ("centres", "strides", "wanted", "classes")
        return cls(points, *(torch.cat([getattr(one, name) for one in lessons]) for name in told))


class LightHead(nn.Module):
    """Points (k, D) -> boxes (k, 4) centre x, y, width, height in pixels, logits of classes (k, C), what tells them.

    Where a frozen network says a box, it is moved from there.
    """

    mean: Tensor
    spread: Tensor

    def __init__(self, D: int, n_classes: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(D))
        self.register_buffer("spread", torch.ones(D))
        self.hidden, self.class_of, self.box = nn.Linear(D, HIDDEN), nn.Linear(HIDDEN, n_classes), nn.Linear(HIDDEN, 4)
        nn.init.constant_(self.class_of.bias, UNLIKELY)
        nn.init.zeros_(self.box.weight)
        nn.init.zeros_(self.box.bias)

    def forward(self, points: Points, centres: Tensor, strides: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        looked = functional.silu(self.hidden((points.seen.float() - self.mean) / self.spread))
        box = points.said[:, :4] + self.box(looked)
        corner = centres / strides[:, None] - 0.5
        sizes = box[:, 2:].clamp(max=LARGEST_LOG).exp()
        boxes = torch.cat([corner + box[:, :2], sizes], 1) * strides[:, None]
        return boxes, self.class_of(looked), looked


@dataclass(frozen=True, eq=False)
class TrainedLight:
    """A head, and what is known of it by the images that were held out. map50: None: no box was held out."""

    head: LightHead
    mixing: Mixing
    calibration: Calibration
    map50: float | None

    def see(self, image: Small, maps: Maps) -> Seen:
        """Find what is on an image."""
        return _see(self.head, image, maps, self.mixing)


def train_light(
    learnt: Sequence[Lesson],
    held: Sequence[Mapped],
    n_classes: int,
    *,
    mixing: Mixing,
    passes: int,
    seed: int,
    tick: Tick = ignore,
) -> TrainedLight:
    """Train a head, and judge it by the images held out. `tick` counts images passed."""
    with one_thread():
        head = _train(learnt, n_classes, passes, seed, tick)
    said = [_see(head, one.image, one.maps, mixing).detected for one in held]
    truth = [one.truth for one in held]
    map50 = score(truth, said, [str(c) for c in range(n_classes)]).map50
    return TrainedLight(head, mixing, Calibration.of(truth, said, n_classes), map50)


def _train(learnt: Sequence[Lesson], n_classes: int, passes: int, seed: int, tick: Tick) -> LightHead:
    rng = np.random.default_rng(seed)
    ends = np.cumsum([0, *(len(one.classes) for one in learnt)])
    whole = Lesson.join(learnt)
    with drawn_from(seed):
        head = LightHead(whole.points.seen.shape[1], n_classes)
    mean, spread = _spread([one.points.seen for one in learnt])
    head.mean.copy_(mean)
    head.spread.copy_(spread)
    steps = max(1, passes // BATCH)
    optimiser = torch.optim.AdamW(head.parameters(), lr=RATE, weight_decay=DECAY)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, RATE, total_steps=steps + 1)
    order = np.concatenate([rng.permutation(len(learnt)) for _ in range(-(-steps * BATCH // len(learnt)))])
    for step in range(steps):
        images = order[step * BATCH : (step + 1) * BATCH]
        rows = torch.from_numpy(np.concatenate([np.arange(ends[i], ends[i + 1]) for i in images]))
        optimiser.zero_grad()
        _loss(head, whole.take(rows)).backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        schedule.step()
        tick((step + 1) * BATCH, steps * BATCH)
    return head.eval()


def _spread(parts: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """Return the mean and the standard deviation of the columns of all parts together."""
    n = sum(len(part) for part in parts)
    mean = sum(part.double().sum(0) for part in parts) / n
    squares = sum(((part.double() - mean) ** 2).sum(0) for part in parts) / n
    return torch.as_tensor(mean), torch.as_tensor(squares).sqrt().clamp(min=LEAST_SPREAD)


def _loss(head: LightHead, lesson: Lesson) -> Tensor:
    boxes, logits, _ = head(lesson.points, lesson.centres, lesson.strides)
    things = (lesson.classes >= 0).nonzero()[:, 0]
    found, wanted = boxes[things], lesson.wanted[things]
    right = torch.zeros_like(logits)
    right[things, lesson.classes[things]] = iou_of_pairs(found.detach(), wanted)
    of_place = (1 - generalised_iou(found, wanted)).sum()
    loss: Tensor = (quality_focal_loss(logits, right).sum() + PLACE_COUNTS * of_place) / max(len(things), 1)
    return loss


@torch.inference_mode()
def _see(head: LightHead, image: Small, maps: Maps, mixing: Mixing) -> Seen:
    with one_thread():
        points = mixing.points(maps)
        boxes, logits, looked = (part.numpy() for part in head(points, *positions(*_size(maps))))
    rows = likely(logits, LOOKED_AT)
    detected, at = boxes_of(image, boxes[rows], sigmoid(logits[rows]))
    at = rows[at]
    return Seen(detected, of_length_1(looked[at]), of_length_1(maps.features.astype(np.float32)))


def _size(maps: Maps) -> tuple[int, int]:
    height, width = (maps.said or maps.seen)[0].shape[1:]
    return height * STRIDES[0], width * STRIDES[0]
