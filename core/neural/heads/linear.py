"""The head `linear`: L2-regularised multinomial logistic regression, its strength chosen by cross-validation."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from threading import Event
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import qr
from scipy.optimize import minimize
from scipy.special import log_softmax
from threadpoolctl import threadpool_limits

from nextlabel.core.neural.folds import stratified_folds
from nextlabel.core.neural.heads.base import Head
from nextlabel.core.neural.heads.named import Named, weigh
from nextlabel.core.neural.heads.scaling import Scaling
from nextlabel.core.neural.heads.temperature import MIN_HELD_OUT, best_temperature
from nextlabel.core.neural.training import Examples, Floats, Integers, Tick, ignore

STRENGTHS = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0)  # scikit-learn's C: low regularises more
DEFAULT_STRENGTH = 0.3  # for too few labels to choose by; higher ones are overconfident, with no temperature to mend it
KNOWN_BY = 30  # images of a class, for its mean to count half
FOLDS = 3
FITS = FOLDS * len(STRENGTHS) + 1  # at most
SIDE_BY_SIDE_BYTES = 256 << 20  # embeddings whose folds are trained on at the same time
MAX_ITERATIONS = 1_000


@dataclass(frozen=True, eq=False, kw_only=True)
class LinearHead(Head):
    """Logits are an affine function of the scaled embeddings, on top of what names say, where they help.

    `strength` is that of scikit-learn's C.
    """

    name: ClassVar[str] = "linear"
    alone: ClassVar[str] = "linear_alone"
    asks_neighbours: ClassVar[bool] = True
    strength: float
    scaling: Scaling = field(repr=False)
    weights: Floats = field(repr=False)  # (d, C)
    bias: Floats = field(repr=False)  # (C,)
    named: Named | None = field(default=None, repr=False)

    @classmethod
    def train(
        cls,
        examples: Examples,
        *,
        seed: int,
        device: str = "cpu",  # noqa: ARG003 - every head takes it
        tick: Tick = ignore,
    ) -> LinearHead:
        """Train on the CPU, whatever the device: `train_linear` says how."""
        return train_linear(examples, seed=seed, tick=tick, kind=cls)

    def train_like(
        self,
        examples: Examples,
        *,
        seed: int,
        device: str = "cpu",
        tick: Tick = ignore,
    ) -> LinearHead:
        """Train with this head's strength and temperature, in a fifth of the time that a search for them takes."""
        given = {"strength": self.strength, "temperature": self.temperature}
        return train_linear(examples, seed=seed, **given, tick=tick, kind=type(self))

    def forward(self, embeddings: Floats) -> Floats:
        # The scaling goes into the weights: it would pass over the embeddings of a large pool twice more.
        weights = self.weights / self.scaling.scale[:, None].astype(np.float64)
        bias = self.bias - self.scaling.mean @ weights
        logits: Floats = embeddings @ weights.astype(np.float32)
        logits += bias.astype(np.float32)
        if self.named is not None:
            logits += self.named.logits(embeddings)
        return logits


@dataclass(frozen=True, eq=False, kw_only=True)
class LinearAlone(LinearHead):
    """The same head, which asks no neighbours: what it says of an image depends on labels and that image alone."""

    name: ClassVar[str] = LinearHead.alone
    asks_neighbours: ClassVar[bool] = False


def train_linear(
    examples: Examples,
    *,
    seed: int,
    strength: float | None = None,
    temperature: float = 1.0,
    tick: Tick = ignore,
    kind: type[LinearHead] = LinearHead,
) -> LinearHead:
    """Train a linear head, its strength chosen by cross-validation unless it is given.

    Every class counts alike, however many images it has, and the bias is regularised with the weights: at ten labels a
    free one would do little but name the commonest class. So the origin matters, and lies between the classes:
    docs/heads.md has what each of the three is worth.

    Where names of classes help, the weights are fitted to what is left.

    temperature: that of the head, where the strength is given. Where too few images could be held out, it is 1.
    """
    embeddings, targets, n_classes = examples.embeddings, examples.targets, examples.n_classes
    scaling = replace(Scaling.of(embeddings), mean=_between_classes(embeddings, targets))
    named, weight = None, 0.0
    if examples.names is not None:
        named, weight = weigh(examples.names, embeddings, targets, _shares(targets))
    said = None if named is None else named.logits(embeddings)
    # Products this narrow gain little from threads, and lose much where others want the cores too.
    with threadpool_limits(1, user_api="blas"):
        X, basis = _compact(scaling(embeddings))
        if strength is None:
            choice = _choose_strength(X, targets, said, n_classes, seed, tick)
        else:
            choice = _Choice(strength, _zeros(X, n_classes), temperature)
        fit = _fit(X, targets, said, choice.strength, choice.start, partial(tick, FITS - 1, FITS))
    tick(FITS, FITS)
    return kind(
        n_classes=n_classes,
        temperature=choice.temperature,
        details={
            "strength": choice.strength,
            **choice.details,
            "iterations": fit.iterations,
            "converged": fit.converged,
            **({} if examples.names is None else {"names": weight}),
        },
        names=examples.names,
        named=named,
        strength=choice.strength,
        scaling=scaling,
        weights=fit.theta[:-1] if basis is None else basis @ fit.theta[:-1],
        bias=fit.theta[-1],
    )


@dataclass(frozen=True, eq=False)
class _Choice:
    """A strength, and what its cross-validation left behind: `start` is the mean of the folds' solutions."""

    strength: float
    start: Floats  # (d + 1, C)
    temperature: float = 1.0
    nll: float = float("inf")
    details: Mapping[str, float | int | str] = field(default_factory=lambda: {"folds": 0})


@dataclass(frozen=True, eq=False)
class _Solution:
    """Where the minimiser came to rest."""

    theta: Floats  # (d + 1, C), the bias last
    iterations: int
    converged: int  # 0 or 1


def _choose_strength(
    X: Floats, targets: Integers, said: Floats | None, n_classes: int, seed: int, tick: Tick
) -> _Choice:
    """Choose the strength whose held-out logits have the least cross-entropy, each at its own best temperature.

    Without the temperature, the more regularised would win for being less sure; the temperature sees to that already.
    Goes from strong to weak regularisation, each fit starting from the last: to the default strength at least, and from
    there until it gets worse.
    """
    best = _Choice(DEFAULT_STRENGTH, _zeros(X, n_classes))
    fold = stratified_folds(targets, FOLDS, seed, spare_single=True)
    if np.count_nonzero(fold >= 0) < MIN_HELD_OUT:
        return best
    parts = [_Part.of(X, targets, said, fold == k) for k in range(FOLDS)]
    thetas = [best.start] * FOLDS
    for index, strength in enumerate(STRENGTHS):
        thetas = _fit_parts(parts, strength, thetas, partial(tick, index * FOLDS, FITS))
        choice = _cross_validated(parts, thetas, strength)
        if choice.nll < best.nll:
            best = choice
        elif strength > DEFAULT_STRENGTH:
            break
    return best


@dataclass(frozen=True, eq=False)
class _Part:
    """A fold: what is trained on, what is held out, and the origin (d,) that the first gives alone.

    said: (L, C) logits of names; None: there are none.

    With the origin of all images, a held-out one of a rare class would have drawn it to its own side, and be missed.
    """

    X: Floats
    targets: Integers
    said: Floats | None
    held_out: NDArray[np.bool_]
    origin: Floats

    @classmethod
    def of(cls, X: Floats, targets: Integers, said: Floats | None, held_out: NDArray[np.bool_]) -> _Part:
        return cls(X, targets, said, held_out, _between_classes(X[~held_out], targets[~held_out]))

    @property
    def truth(self) -> Integers:
        return self.targets[self.held_out]

    def fit(self, strength: float, start: Floats, beat: Callable[[], None]) -> Floats:
        X = self.X[~self.held_out]
        X -= self.origin
        said = None if self.said is None else self.said[~self.held_out]
        return _fit(X, self.targets[~self.held_out], said, strength, start, beat).theta

    def logits(self, theta: Floats) -> Floats:
        """Return those of what is held out."""
        logits: Floats = self.X[self.held_out] @ theta[:-1] + (theta[-1] - self.origin @ theta[:-1])
        return logits if self.said is None else logits + self.said[self.held_out]


def _fit_parts(
    parts: Sequence[_Part], strength: float, starts: Sequence[Floats], beat: Callable[[], None]
) -> list[Floats]:
    """Train without each of the folds, side by side: one core for each, unless the copies would take much memory."""
    stopped = Event()

    def heed() -> None:
        if stopped.is_set():
            raise _Stopped

    if parts[0].X.nbytes > SIDE_BY_SIDE_BYTES:
        return [part.fit(strength, start, beat) for part, start in zip(parts, starts, strict=True)]
    with ThreadPoolExecutor(len(parts) - 1) as threads:
        others = [
            threads.submit(part.fit, strength, start, heed) for part, start in zip(parts[1:], starts[1:], strict=True)
        ]
        try:
            return [parts[0].fit(strength, starts[0], beat), *(other.result() for other in others)]
        finally:
            stopped.set()


class _Stopped(Exception):
    """Raised in the threads of the other folds once the caller's beat has raised in its own."""


def _cross_validated(parts: Sequence[_Part], thetas: Sequence[Floats], strength: float) -> _Choice:
    truth = np.concatenate([part.truth for part in parts])
    logits = np.concatenate([part.logits(theta) for part, theta in zip(parts, thetas, strict=True)])
    temperature, nll = best_temperature(logits, truth)
    accuracy = float(np.mean(logits.argmax(axis=1) == truth))
    details = {"folds": FOLDS, "cross_validated_nll": nll, "cross_validated_accuracy": accuracy}
    return _Choice(strength, np.mean(thetas, axis=0), temperature, nll, details)


def _fit(
    X: Floats, targets: Integers, said: Floats | None, strength: float, start: Floats, beat: Callable[[], None]
) -> _Solution:
    """Minimise the mean over classes of mean cross-entropy + |W and bias|^2 / (2 strength L), by L-BFGS.

    said: (L, C) logits that theirs are added to; None: there are none.

    scikit-learn's LogisticRegression has the same minimum (class_weight="balanced", and a column of ones for the bias),
    but needs twice the time and memory (float64) and can't be interrupted.
    """
    rows, penalty = np.arange(len(X)), np.float32(1 / (strength * len(X)))
    counts = np.bincount(targets)
    shares = (1 / (np.count_nonzero(counts) * counts[targets])).astype(np.float32)[:, None]  # (L, 1), 1 in all
    given = np.float32(0) if said is None else said

    def objective(flat: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        theta = flat.reshape(start.shape).astype(np.float32)
        W, bias = theta[:-1], theta[-1]
        log_p = log_softmax(X @ W + bias + given, axis=1)
        loss = penalty / 2 * np.square(theta).sum(dtype=np.float64) - log_p[rows, targets] @ shares[:, 0]
        error = np.exp(log_p)
        error[rows, targets] -= 1
        error *= shares
        gradient = np.vstack([X.T @ error, error.sum(axis=0)]) + penalty * theta
        return float(loss), gradient.ravel().astype(np.float64)

    options = {"maxiter": MAX_ITERATIONS, "gtol": 1e-4, "ftol": 1e-7}
    result = minimize(objective, start.ravel(), jac=True, method="L-BFGS-B", callback=lambda _: beat(), options=options)
    return _Solution(result.x.reshape(start.shape).astype(np.float32), int(result.nit), int(result.success))


def _between_classes(embeddings: Floats, targets: Integers) -> Floats:
    """Return the mean of the classes' means (d,). The fewer images a class has, the less its mean is known, and
    counts.
    """
    centre: Floats = _shares(targets) @ embeddings
    return centre


def _shares(targets: Integers) -> Floats:
    """Return what each image counts there: (L,), 1 in all."""
    weights = 1 / (np.bincount(targets)[targets] + KNOWN_BY)
    return np.asarray(weights / weights.sum(), np.float32)


def _zeros(X: Floats, n_classes: int) -> Floats:
    return np.zeros((X.shape[1] + 1, n_classes), np.float32)


def _compact(Z: Floats) -> tuple[Floats, Floats | None]:
    """Return the coordinates (L, L) of Z (L, d) in an orthonormal basis (d, L) of its rows, and that basis; or Z itself
    and None where that saves nothing.

    The minimum is the same: a part of the weights outside the span of the rows would cost penalty and change no logit.
    """
    if len(Z) >= Z.shape[1]:
        return Z, None
    basis, triangle = qr(Z.T, mode="economic", check_finite=False)
    return np.ascontiguousarray(triangle.T), basis
