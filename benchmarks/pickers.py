"""Ways to pick a batch, ours and rivals', behind one call: what is known, how many, chance -> rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from typing import TypeAlias

import numpy as np
import skactiveml.pool
from numpy.typing import NDArray
from scipy.special import softmax
from skactiveml.classifier import SklearnClassifier
from sklearn.base import BaseEstimator, ClassifierMixin

from nextlabel.core.methods.base import Inputs, Method, Need, Rows
from nextlabel.core.methods.batch import choose
from nextlabel.core.methods.first_version import Vae
from nextlabel.core.methods.registry import methods_of, parse_method
from nextlabel.core.neural.dropout import train_dropout_head
from nextlabel.core.neural.heads.base import Head
from nextlabel.core.neural.heads.neighbours import Neighbours, neighbourhood
from nextlabel.core.neural.heads.registry import train_head
from nextlabel.core.neural.siamese import fit_components, train_siamese
from nextlabel.core.neural.training import Examples
from nextlabel.core.neural.vae import Thumbnail, train_vae

NAMES = tuple(f"{i}.jpg" for i in range(200_000))  # of the images of a pool: by these they are drawn


@dataclass(frozen=True, eq=False)
class Known:
    """A pool (N, d), and the classes (L,) of its labelled rows (L,) in the order they were labelled.

    names: unit vectors (C, d) where the names of all classes lie, for a head that listens to them; None: it has none.
    """

    embeddings: NDArray[np.float32]
    rows: Rows
    targets: Rows
    pixels: Thumbnail | None = None  # (N, 3, 64, 64)
    head_name: str = "linear"
    names: NDArray[np.float32] | None = None

    @cached_property
    def classes(self) -> Rows:
        return np.unique(self.targets)

    @cached_property
    def head(self) -> Head | None:
        """The head; None with fewer than two classes."""
        if len(self.classes) < 2:
            return None
        targets = np.searchsorted(self.classes, self.targets)
        names = None if self.names is None else self.names[self.classes]
        examples = Examples(self.embeddings[self.rows], targets, len(self.classes), names)
        near = Neighbours(self.embeddings[neighbourhood(NAMES[: len(self.embeddings)])])
        return train_head(self.head_name, examples, seed=0).among(near, examples)

    @cached_property
    def logits(self) -> NDArray[np.float32] | None:
        """Those by which images are chosen."""
        return None if self.head is None else self.head.to_choose_by().logits(self.embeddings)

    @cached_property
    def unlabelled(self) -> Rows:
        return np.setdiff1d(np.arange(len(self.embeddings)), self.rows)

    def inputs(self, method: Method) -> Inputs:
        order = np.argsort(self.rows)
        labelled, targets = self.rows[order], np.searchsorted(self.classes, self.targets[order])
        shown, two = self.embeddings[labelled], len(self.classes) >= 2
        votes = components = None
        if two and Need.VOTES in method.needs:
            votes = train_dropout_head(Examples(shown, targets, len(self.classes)), seed=0).votes(self.embeddings, 3, 0)
        if two and Need.COMPONENTS in method.needs:
            coordinates = train_siamese(shown, targets, seed=0).coordinates(self.embeddings)
            components = fit_components(coordinates[labelled], len(self.classes), 0).of(coordinates)
        return Inputs(
            self.unlabelled,
            embeddings=self.embeddings,
            labelled=labelled,
            targets=targets,
            logits=self.logits,
            votes=votes,
            components=components,
            reconstruction_errors=self._reconstruction_errors(method) if isinstance(method, Vae) else None,
        )

    def _reconstruction_errors(self, method: Vae) -> NDArray[np.float32] | None:
        """(N,), of the unlabelled rows; None before the first label."""
        if not len(self.rows):
            return None
        assert self.pixels is not None
        vae = train_vae(self.pixels[np.sort(self.rows)], epochs=method.epochs, seed=0)
        errors = np.zeros(len(self.pixels), np.float32)
        errors[self.unlabelled] = vae.errors(self.pixels[self.unlabelled])
        return errors


Picker: TypeAlias = Callable[[Known, int, np.random.Generator], Rows]


def ours(name: str, known: Known, add: int, rng: np.random.Generator) -> Rows:
    """As the service does it, near-copies left out."""
    method = parse_method(name)
    inputs = known.inputs(method)
    if len(known.classes) < method.classes_needed():
        return by_chance(known, add, rng)
    return _filled(choose(method, inputs, add, rng).picks.rows, known, add, rng)


def by_chance(known: Known, add: int, rng: np.random.Generator) -> Rows:
    return rng.permutation(known.unlabelled)[:add]


def _filled(rows: Rows, known: Known, add: int, rng: np.random.Generator) -> Rows:
    """A curve needs its budget: where only copies were left, some of them."""
    rest = np.setdiff1d(known.unlabelled, rows)
    return np.concatenate([rows, rng.permutation(rest)[: add - len(rows)]])


PICKERS: dict[str, Picker] = {
    "random": by_chance,
    **{name: partial(ours, name) for name in methods_of("classification") if name != "random"},
    "vae10": partial(ours, "vae10"),  # ten epochs: `vae` itself trains for up to a minute for each batch
}
NEED_PIXELS = ("vae", "vae10")


# --- rivals: scikit-activeml, on the same embeddings and with the same head -------------------------------------


class OurHead(ClassifierMixin, BaseEstimator):
    """The default head as scikit-learn has classifiers."""

    def fit(self, X: NDArray[np.floating], y: NDArray[np.generic]) -> OurHead:
        self.classes_ = np.unique(y)
        X = X.astype(np.float32)
        examples = Examples(X, np.searchsorted(self.classes_, y), len(self.classes_))
        self.head_ = train_head("linear_alone", examples, seed=0)
        return self

    def predict_proba(self, X: NDArray[np.floating]) -> NDArray[np.floating]:
        return softmax(self.head_.logits(X.astype(np.float32)).astype(np.float64), axis=1)

    def predict(self, X: NDArray[np.floating]) -> NDArray[np.generic]:
        return self.classes_[self.head_.logits(X.astype(np.float32)).argmax(axis=1)]


ASK_A_HEAD = {"Badge": "clf", "Clue": "estimator", "DropQuery": "clf", "Falcun": "clf", "UncertaintySampling": "clf"}


def rival(name: str, known: Known, add: int, rng: np.random.Generator) -> Rows:
    """scikit-activeml's, with its own defaults; the first batch by chance where it needs labels."""
    if known.head is None and name in ASK_A_HEAD:
        return by_chance(known, add, rng)
    y = np.full(len(known.embeddings), np.nan)
    y[known.rows] = known.targets
    options = {"method": "margin_sampling"} if name == "UncertaintySampling" else {}
    query = getattr(skactiveml.pool, name)(random_state=int(rng.integers(2**31)), **options)
    needs = {}
    if name in ASK_A_HEAD:
        needs[ASK_A_HEAD[name]] = SklearnClassifier(OurHead(), classes=known.classes)
    return np.asarray(query.query(known.embeddings, y, batch_size=add, **needs))


PICKERS |= {
    "skactiveml-" + short: partial(rival, name)
    for short, name in {
        "margin": "UncertaintySampling",
        "badge": "Badge",
        "typiclust": "TypiClust",
        "coreset": "CoreSet",
        "probcover": "ProbCover",
        "dropquery": "DropQuery",
        "maxherding": "MaxHerding",
        "falcun": "Falcun",
        "clue": "Clue",
    }.items()
}
