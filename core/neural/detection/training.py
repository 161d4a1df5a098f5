"""A small detector trained whole on the images that people drew on, and stopped by some of them that are held out.

All positions of an image learn of which class they are, if any: the score of the right one is to be the IoU of the box
that is found there (quality focal loss: Li et al., 2020, arXiv 2006.04388). Those that stand for a box learn where it
lies (generalised IoU). An image without a box teaches that nothing is there.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from nextlabel.core.data.boxes import Detected, Floats
from nextlabel.core.metrics.detection import Calibration, Truth, score
from nextlabel.core.neural.detection.augmentation import augmented
from nextlabel.core.neural.detection.crop_classifier import CropHead
from nextlabel.core.neural.detection.detector import Detector, Seen
from nextlabel.core.neural.detection.letterbox import Small, filled_up
from nextlabel.core.neural.detection.network import MULTIPLE_OF, Yolox, positions
from nextlabel.core.neural.detection.targets import assign
from nextlabel.core.neural.training import Tick, drawn_from, ignore, one_thread

BATCH = 4
RATE, WARM_UP, LAST = 1e-3, 0.1, 0.02  # of AdamW: the highest; the share of steps until then; what is left in the end
DECAY = 1e-4
LONGEST_STEP = 10.0  # of the gradient
PLACE_COUNTS = 2.0  # beside the class
HELD_OUT, HELD_OUT_AT_MOST = 5, 60  # every fifth labelled image
LOOKS = 4  # at the held-out part, evenly over the training
LEAST_LABELLED = 5  # images of which one may be held out


@dataclass(frozen=True, eq=False)
class Example:
    """An image and its g boxes: places (g, 4) x, y, width, height in its pixels, classes (g,), crowds (g,)."""

    image: Small
    truth: Truth

    @property
    def is_boxed(self) -> bool:
        """Whether a box is on it that is around an object, and not around a crowd."""
        return not self.truth.crowd.all()

    def turned(self) -> Example:
        """Mirror it."""
        pixels = self.image.pixels[:, ::-1]
        places = self.truth.places.copy()
        places[:, 0] = self.image.width - places[:, 0] - places[:, 2]
        image = Small(pixels, self.image.width, self.image.height)
        return Example(image, self.truth._replace(places=places))

    def augmented(self, rng: np.random.Generator) -> Example:
        """Make it larger or smaller, and of another light."""
        return Example(*augmented(self.image, self.truth, rng))


@dataclass(frozen=True)
class Began:
    """The detector that training went on from. key: it is kept under. images: labelled ones that it knew. trainings: so
    many have gone on from one another since one began with the published weights, this one counted.
    """

    key: str
    images: int
    trainings: int


@dataclass(frozen=True, eq=False, kw_only=True)
class Judged:
    """What is known of a trained network by the images that were held out.

    map50: at the best look; None: no box was held out. images, boxes: trained on; held_out: images. passes: until that
    look.
    """

    calibration: Calibration
    map50: float | None
    images: int
    boxes: int
    held_out: int
    passes: int

    def said(self) -> dict[str, Any]:
        """Return all but the network's weights, as JSON can hold it."""
        numbers = {name: getattr(self, name) for name in ("map50", "images", "boxes", "held_out", "passes")}
        return {**numbers, "calibration": self.calibration.said()}


@dataclass(frozen=True, eq=False, kw_only=True)
class Trained(Judged):
    """A small network that was trained.

    namer: what helps to name what is in boxes; None: nothing does. began: where training went on from; None: from
    weights that knew nothing of these images.
    """

    network: Yolox
    namer: CropHead | None = None
    began: Began | None = None

    def said(self) -> dict[str, Any]:
        began = {} if self.began is None else {"began": asdict(self.began)}
        return {**super().said(), **began, "shape": self.network.shape}


@dataclass(frozen=True)
class Known:
    """What a network that was trained before knows of examples.

    classes: by class which of its own it is. learnt, held: examples that it was trained on, and that it was stopped by.
    """

    classes: Mapping[int, int]
    learnt: frozenset[int]
    held: frozenset[int]


@one_thread()
def fine_tune(
    network: Yolox,
    learnt: Sequence[Example],
    held: Sequence[Example],
    n_classes: int,
    *,
    passes: int,
    seed: int,
    augments: bool = False,
    known: Mapping[int, int] | None = None,
    tick: Tick = ignore,
) -> Trained:
    """Train the network, which is changed, for new classes; return it as it was best on what is held out.

    augments: whether images are made otherwise by chance, each time that they pass, besides mirrored. known: by class
    which of the network's own it is. `tick` counts images passed.
    """
    rng = np.random.default_rng(seed)
    with drawn_from(seed):
        network.new_classes(n_classes, known)
    network.to(memory_format=torch.channels_last)  # a sixth less time
    optimiser = torch.optim.AdamW(_groups(network), lr=RATE)
    steps = max(1, passes // BATCH)
    best = Best(held, n_classes, steps, Detector(network, engine="torch"))
    for step, batch in enumerate(batches(learnt, BATCH, steps, rng)):
        for group in optimiser.param_groups:
            group["lr"] = RATE * rate(step, steps, WARM_UP)
        optimiser.zero_grad()
        seen = [one.augmented(rng) for one in batch] if augments else batch
        _loss(network, seen, tick, step * BATCH, steps * BATCH).backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(network.parameters(), LONGEST_STEP)
        optimiser.step()
        tick((step + 1) * BATCH, steps * BATCH)
        if best.is_over(network, step + 1, BATCH):
            break
    network.to(memory_format=torch.contiguous_format)
    return Trained(network=network.eval(), **best.restore(network, learnt))


def split(boxed: Sequence[bool], seed: int, known: Known | None = None) -> tuple[list[int], list[int]]:
    """Return which examples are learnt from, and which are held out: none, where there are too few.

    boxed: for each whether a box is on it. Where chance would hold out all of these, others are. known: what was learnt
    from or held out before stays so.
    """
    n = len(boxed)
    aside = min(HELD_OUT_AT_MOST, n // HELD_OUT) if n >= LEAST_LABELLED else 0
    order = np.random.default_rng(seed).permutation(n).tolist()
    if known is not None:
        order.sort(key=lambda i: (i in known.learnt) - (i in known.held))
        aside = max(len(known.held), min(aside, n - len(known.learnt)))
    elif not any(boxed[i] for i in order[aside:]):
        order.sort(key=lambda i: boxed[i])
    return sorted(order[aside:]), sorted(order[:aside])


def batches(examples: Sequence[Example], size: int, steps: int, rng: np.random.Generator) -> Iterator[list[Example]]:
    """Draw the examples in rounds, each of them once a round; every other one is mirrored. size: of a batch."""
    rounds = -(-steps * size // len(examples))
    order = np.concatenate([rng.permutation(len(examples)) for _ in range(rounds)])[: steps * size]
    mirrored = rng.random(len(order)) < 0.5
    for at in range(0, len(order), size):
        turns = zip(order[at : at + size], mirrored[at : at + size], strict=True)
        yield [examples[i].turned() if turn else examples[i] for i, turn in turns]


def _groups(network: Yolox) -> list[dict[str, object]]:
    """Weights decay, biases don't."""
    parameters = list(network.parameters())
    return [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": DECAY},
        {"params": [p for p in parameters if p.ndim == 1], "weight_decay": 0.0},
    ]


def rate(step: int, steps: int, warm_up: float) -> float:
    """Return the share of the highest rate: it rises for a share of the steps, then falls along a cosine."""
    rise = min(1.0, (step + 1) / (warm_up * steps))
    return rise * (LAST + (1 - LAST) * 0.5 * (1 + math.cos(math.pi * step / steps)))


# --- the loss ---------------------------------------------------------------------------------------------------


def _loss(network: Yolox, batch: Sequence[Example], tick: Tick, done: int, total: int) -> Tensor:
    """The loss of a batch. `tick` is called once the network has looked: a batch takes a quarter of a second."""
    height, width = (_up(max(one.image.pixels.shape[axis] for one in batch)) for axis in (0, 1))
    said = network(torch.from_numpy(filled_up([one.image.pixels for one in batch], height, width)))
    tick(done, total)
    centres, strides = positions(height, width)
    right, counted = torch.zeros_like(said.classes), torch.ones_like(said.objects)
    of_place, found = said.boxes.sum() * 0, 0
    for i, one in enumerate(batch):
        drawn, single = centred(one.image.shrink(one.truth.places)), torch.from_numpy(~one.truth.crowd)
        wanted, class_of = drawn[single], torch.from_numpy(one.truth.classes)[single]
        given = assign(centres, strides, wanted)
        counted[i] = ~within(centres, drawn[~single])
        counted[i, given.positions] = 1
        places, targets = said.boxes[i, given.positions], wanted[given.boxes]
        overlaps = iou_of_pairs(places.detach(), targets)
        right[i, given.positions, class_of[given.boxes]] = overlaps
        of_place = of_place + (1 - generalised_iou(places, targets)).sum()
        found += len(given.positions)
    of_class = (quality_focal_loss(said.classes, right).sum(2) * counted).sum()
    loss: Tensor = (of_class + PLACE_COUNTS * of_place) / max(found, 1)
    return loss


def quality_focal_loss(logits: Tensor, targets: Tensor) -> Tensor:
    """The cross entropy with targets from 0 to 1, times how far off each is, squared: easy ones hardly count."""
    entropy = functional.binary_cross_entropy_with_logits(logits, targets, reduction="none")
    loss: Tensor = entropy * (logits.sigmoid() - targets) ** 2
    return loss


def within(centres: Tensor, boxes: Tensor) -> Tensor:
    """(P,) whether each position lies in one of the boxes"""
    return ((centres[:, None] - boxes[None, :, :2]).abs() < boxes[None, :, 2:] / 2).all(2).any(1)


def iou_of_pairs(A: Tensor, B: Tensor) -> Tensor:
    """(n,) of pairs, each centre x, y, width, height."""
    inner, union, _ = _areas(A, B)
    return inner / union


def generalised_iou(A: Tensor, B: Tensor) -> Tensor:
    """(n,) of pairs (Rezatofighi et al., 2019, arXiv 1902.09630): below 0 where they lie apart."""
    inner, union, around = _areas(A, B)
    return inner / union - (around - union) / around


def _areas(A: Tensor, B: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return (n,) what both of a pair cover, what one of them does, and the box around both."""
    (low_a, high_a), (low_b, high_b) = _ends(A), _ends(B)
    inner = (torch.minimum(high_a, high_b) - torch.maximum(low_a, low_b)).clamp(min=0).prod(1)
    union = A[:, 2:].prod(1) + B[:, 2:].prod(1) - inner
    around = (torch.maximum(high_a, high_b) - torch.minimum(low_a, low_b)).prod(1)
    return inner, union, around


def _ends(boxes: Tensor) -> tuple[Tensor, Tensor]:
    return boxes[:, :2] - boxes[:, 2:] / 2, boxes[:, :2] + boxes[:, 2:] / 2


def centred(places: Floats) -> Tensor:
    """x, y, width, height -> centre x, y, width, height"""
    centred = np.concatenate([places[:, :2] + places[:, 2:] / 2, places[:, 2:]], axis=1)
    return torch.from_numpy(centred.astype(np.float32))


def _up(length: int) -> int:
    return -(-length // MULTIPLE_OF) * MULTIPLE_OF


# --- the held-out part ------------------------------------------------------------------------------------------


class Best:
    """Keeps a network as it was at the best look at the held-out images; without a box on them, as it was at the last.

    look: finds what is on images, by the network as it is.
    """

    def __init__(
        self, held: Sequence[Example], n_classes: int, steps: int, look: Callable[[list[Small]], Iterable[Seen]]
    ) -> None:
        self._held, self._classes, self._look = held, [str(c) for c in range(n_classes)], look
        self._steps, self._looks = steps, {round(steps * (i + 1) / LOOKS) for i in range(LOOKS)}
        self._kept: dict[str, Tensor] = {}
        self._map, self._passes, self._worse = -1.0, 0, 0
        self._map50: float | None = None
        self._detected: list[Detected] = []

    def is_over(self, network: nn.Module, step: int, batch: int) -> bool:
        """Look, if it is time to after so many steps, and say whether it was worse twice running."""
        if step not in self._looks:
            return False
        detected = [seen.detected for seen in self._look([one.image for one in self._held])]
        scores = score([one.truth for one in self._held], detected, self._classes)
        reached = scores.mean_average_precision
        if reached is None and step < self._steps:
            return False
        if reached is not None and reached < self._map:
            self._worse += 1
            return self._worse == 2
        self._map, self._map50, self._passes, self._worse = reached or 0.0, scores.map50, step * batch, 0
        self._detected, self._kept = detected, copy.deepcopy(network.state_dict())
        return False

    def restore(self, network: nn.Module, learnt: Sequence[Example]) -> dict[str, Any]:
        """Make the network what it was at the best look; return what makes a `Judged` of it."""
        network.load_state_dict(self._kept)
        return {
            "calibration": Calibration.of([one.truth for one in self._held], self._detected, len(self._classes)),
            "map50": self._map50,
            "images": len(learnt),
            "boxes": sum(len(one.truth.classes) for one in learnt),
            "held_out": len(self._held),
            "passes": self._passes,
        }
