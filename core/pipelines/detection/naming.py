"""Whether a detector's boxes are named by their own pixels, too: where that names what is held out better."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from nextlabel.core.data.boxes import Detected
from nextlabel.core.data.pool import Pool
from nextlabel.core.embeddings.catalogue import find_backbone
from nextlabel.core.kinds.requests import Detecting
from nextlabel.core.methods.arrays import Rows
from nextlabel.core.metrics.detection import Calibration, Truth, named, score
from nextlabel.core.neural.backbones import USUAL, Backbone
from nextlabel.core.neural.detection.crop_classifier import CropClassifier, CropHead, embed_crops
from nextlabel.core.neural.detection.detector import Detector
from nextlabel.core.neural.detection.letterbox import Small
from nextlabel.core.neural.detection.training import Example, Trained
from nextlabel.core.pipelines.detection.images import in_batches
from nextlabel.core.pipelines.run import Run

MISNAMED = 0.1  # of the held-out objects: of fewer, views can't mend so many that they are worth their time
WORSE = 2.0  # standard errors by which fewer are named rightly with views: then they are not used
MOST_CROPS, MOST_OF_CLASS = 3_000, 200  # learnt from, 6 ms each


def naming_backbone(request: Detecting, run: Run) -> Backbone | None:
    """Return the backbone that crops are embedded by; None where its weights don't lie here: nothing is fetched."""
    spec = find_backbone(USUAL)
    if spec.needs_weights and (request.weights == "random" or not run.backbones.is_here(spec)):
        return None
    return run.backbones.load(spec)


def with_namer(
    trained: Trained,
    examples: Mapping[int, Example],
    learnt: Sequence[int],
    held: Sequence[int],
    backbone: Backbone,
    side: int,
    pool: Pool,
    seed: int,
    run: Run,
) -> Trained:
    """Return the detector with what names its boxes, if that is worth it, else as it was.

    examples: by row of the pool. learnt, held: the rows of those that it was trained on, and held against. Raises what
    reading images does.
    """
    n_classes = trained.network.n_classes
    if trained.map50 is None or n_classes < 2:
        return trained
    truth = [examples[row].truth for row in held]
    plain = Detector(trained.network, engine="torch")([examples[row].image for row in held])
    classes, before = named(truth, [one.detected for one in plain])
    if not misnames(classes, before):
        return trained
    views = _views(examples, backbone, side, pool, seed, run)
    head = views.head(learnt, n_classes, seed)
    if head is None:
        return trained
    detector = Detector(trained.network, engine="torch", namer=CropClassifier(head, backbone))
    truth, viewed = _seen(detector, examples, held, side, pool, run)
    if len(truth) < len(held) or does_worse(classes, before, named(truth, viewed)[1]):
        return trained
    return replace(
        trained,
        namer=views.head(list(examples), n_classes, seed),
        map50=score(truth, viewed, [str(c) for c in range(n_classes)]).map50,
        calibration=Calibration.of(truth, viewed, n_classes),
    )


def misnames(classes: Rows, said: Rows) -> bool:
    """Say whether of n objects (n,) so many are named wrongly that views may pay. said: -1: it was not found."""
    return len(classes) > 0 and bool(((said >= 0) & (said != classes)).mean() >= MISNAMED)


def does_worse(classes: Rows, before: Rows, after: Rows) -> bool:
    """Say whether fewer of n objects are named rightly with views than without them, beyond chance.

    Where the network misnames many, a second witness helps as a rule. Often there are a dozen objects: whether average
    precision rises on those is a toss of a coin.
    """
    lost = (before == classes).astype(float) - (after == classes)
    return bool(lost.mean() > WORSE * lost.std() / np.sqrt(len(lost)))


def _seen(
    detector: Detector, examples: Mapping[int, Example], rows: Sequence[int], side: int, pool: Pool, run: Run
) -> tuple[list[Truth], list[Detected]]:
    """Return what is on the images of those rows that can be read again, and what the detector says is."""
    truth: list[Truth] = []
    said: list[Detected] = []
    for batch in in_batches(side, pool, rows, run, detector, larger=True):
        truth += [examples[row].truth for row in batch.rows.tolist()]
        said += [one.detected for one in batch.outputs.tolist()]
    return truth, said


@dataclass(frozen=True, eq=False)
class _Views:
    """What is seen in g boxes: embeddings (g, d), the row of the pool that each is on (g,), and its class (g,)."""

    embeddings: NDArray[np.float32]
    rows: Rows
    classes: Rows

    def head(self, rows: Sequence[int], n_classes: int, seed: int) -> CropHead | None:
        """Train on those that are on some rows; None: there is none."""
        on = np.isin(self.rows, rows)
        return CropHead.train(self.embeddings[on], self.classes[on], n_classes, seed) if on.any() else None


def _views(examples: Mapping[int, Example], backbone: Backbone, side: int, pool: Pool, seed: int, run: Run) -> _Views:
    """Embed what was drawn, of every class as many as there is time for, drawn by chance."""
    chosen = _chosen(examples, seed)
    parts = [np.empty((0, backbone.dimension), np.float32)]
    on, classes = [np.empty(0, np.int64)], [np.empty(0, np.int64)]

    def keep(images: Sequence[Small]) -> NDArray[np.object_]:
        return np.asarray(images, object)

    for batch in in_batches(side, pool, sorted(chosen), run, keep, larger=True):
        for row, image in zip(batch.rows.tolist(), batch.outputs, strict=True):
            run.check()
            truth, boxes = examples[row].truth, chosen[row]
            parts.append(embed_crops(backbone, [image], [truth.places[boxes]]))
            on.append(np.full(len(boxes), row))
            classes.append(truth.classes[boxes])
    return _Views(np.concatenate(parts), np.concatenate(on), np.concatenate(classes))


def _chosen(examples: Mapping[int, Example], seed: int) -> dict[int, Rows]:
    """Return by row which boxes are looked at; crowds aren't."""
    rng = np.random.default_rng(seed)
    on = np.concatenate([np.full(len(one.truth.classes), row) for row, one in examples.items()])
    at = np.concatenate([np.arange(len(one.truth.classes)) for one in examples.values()])
    classes = np.concatenate([np.where(one.truth.crowd, -1, one.truth.classes) for one in examples.values()])
    most = min(MOST_OF_CLASS, max(1, MOST_CROPS // max(1, len(np.unique(classes)))))
    kept = [rng.permutation(np.flatnonzero(classes == c))[:most] for c in np.unique(classes[classes >= 0])]
    taken = np.sort(np.concatenate([np.empty(0, np.int64), *kept]))
    return {int(row): at[taken[on[taken] == row]] for row in np.unique(on[taken])}
