"""Heads: the light classifiers trained on embeddings held in memory. docs/heads.md compares them.

Both see embeddings centred and scaled by statistics of the images they train on. Neither sees validation data:
strength and temperature come from labelled images held out of a first round of training.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from hashlib import blake2b
from itertools import pairwise
from threading import Event
from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.linalg import qr
from scipy.optimize import minimize, minimize_scalar
from scipy.special import log_softmax
from threadpoolctl import threadpool_limits
from torch import Tensor, nn

from nextlabel.core.errors import OutOfMemory

Floats: TypeAlias = NDArray[np.float32]
Integers: TypeAlias = NDArray[np.int64]
Tick: TypeAlias = Callable[[int, int], None]

HEADS = ("linear", "mlp")  # the default first

STRENGTHS = (0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0)  # scikit-learn's C: low regularises more
DEFAULT_STRENGTH = 0.3  # for too few labels to choose by; higher ones are overconfident, with no temperature to mend it
KNOWN_BY = 30  # images of a class, for its mean to count half
LINEAR_FOLDS = 3
LINEAR_FITS = LINEAR_FOLDS * len(STRENGTHS) + 1  # at most
SIDE_BY_SIDE_BYTES = 256 << 20  # embeddings whose folds are trained on at the same time
MAX_ITERATIONS = 1_000

HIDDEN = (640, 256)  # this and the next three: the first version's
LEARNING_RATE = 1e-4
BATCH = 16
EPOCHS = 49
MLP_FOLDS = 5  # of which one is held out

MIN_HELD_OUT = 50  # fewer say too little about strength and temperature
TEMPERATURES = (0.25, 20.0)
ROWS_AT_ONCE = 8_192


def ignore(done: int, total: int) -> None:
    """The tick of a caller who shows nothing."""


@dataclass(frozen=True, eq=False)
class Head:
    """A trained head. `details` says how it came about: strength, cross-validated cross-entropy, epochs, ..."""

    name: str
    n_classes: int
    temperature: float
    details: Mapping[str, float | int | str]
    forward: Callable[[Floats], Floats] = field(repr=False)  # (B, d) -> (B, C), before the temperature

    def logits(self, embeddings: Floats) -> Floats:
        """(N, d) -> (N, C), divided by the temperature, so that their softmax is calibrated.

        Takes a slice of the rows at a time.
        """
        logits = np.empty((len(embeddings), self.n_classes), np.float32)
        for start in range(0, len(embeddings), ROWS_AT_ONCE):
            rows = slice(start, start + ROWS_AT_ONCE)
            logits[rows] = self.forward(np.asarray(embeddings[rows], np.float32)) / self.temperature
        return logits


def train_head(
    name: str,
    embeddings: Floats,
    targets: Integers,
    n_classes: int,
    *,
    seed: int,
    device: str = "cpu",
    tick: Tick = ignore,
) -> Head:
    """Trains the head called `name`. The same inputs and seed give the same head on the same device.

    embeddings: (L, d) float32, finite.
    targets: (L,) in 0..n_classes-1, each class at least once; n_classes >= 2.
    device: for `mlp`; `linear` trains on the CPU.
    tick: takes (done, total) in fits or epochs, `done` never falling. Called often, between two of them too, so that
        what it raises ends the training soon.

    Raises ValueError when the inputs break these terms.
    """
    _check(name, embeddings, targets, n_classes)
    if name == "mlp":
        try:
            return train_mlp(embeddings, targets, n_classes, seed=seed, device=device, tick=tick)
        except torch.OutOfMemoryError as error:
            raise OutOfMemory("the embeddings of the labelled images don't fit into the GPU's memory") from error
    return train_linear(embeddings, targets, n_classes, seed=seed, tick=tick)


class TrainedHeads:
    """Keeps the heads trained last: f1 on the labels that a selection was just made with trains nothing."""

    KEPT = 2

    def __init__(self) -> None:
        self._kept: OrderedDict[bytes, Head] = OrderedDict()

    def get(
        self,
        name: str,
        embeddings: Floats,
        targets: Integers,
        n_classes: int,
        *,
        seed: int,
        device: str = "cpu",
        tick: Tick = ignore,
        train: Callable[..., Head] | None = None,
    ) -> Head:
        """Return the head that `train`, or else `train_head`, gives for these arguments, to the bit."""
        train = train or train_head
        digest = blake2b(
            repr((train.__qualname__, name, embeddings.shape, n_classes, seed, device)).encode(), digest_size=16
        )
        digest.update(np.ascontiguousarray(embeddings).data)
        digest.update(np.ascontiguousarray(targets).data)
        key = digest.digest()
        if key not in self._kept:
            self._kept[key] = train(name, embeddings, targets, n_classes, seed=seed, device=device, tick=tick)
        self._kept.move_to_end(key)
        while len(self._kept) > self.KEPT:
            self._kept.popitem(last=False)
        return self._kept[key]


def _check(name: str, embeddings: Floats, targets: Integers, n_classes: int) -> None:
    if name not in HEADS:
        raise ValueError(f"there is no head {name!r}; there are {', '.join(HEADS)}")
    if n_classes < 2:
        raise ValueError(f"a head needs two classes at least, not {n_classes}")
    if embeddings.ndim != 2 or targets.shape != embeddings.shape[:1]:
        raise ValueError(f"embeddings {embeddings.shape} and targets {targets.shape} don't fit together")
    if not np.array_equal(np.unique(targets), np.arange(n_classes)):
        raise ValueError(f"targets must hold each of 0..{n_classes - 1}, and nothing else")
    if not np.isfinite(embeddings).all():
        raise ValueError("embeddings hold a value that is not finite")


# --- linear -----------------------------------------------------------------------------------------------------


def train_linear(
    embeddings: Floats,
    targets: Integers,
    n_classes: int,
    *,
    seed: int,
    strength: float | None = None,
    temperature: float = 1.0,
    tick: Tick = ignore,
) -> Head:
    """L2-regularised multinomial logistic regression, its strength chosen by cross-validation unless it is given.

    Every class counts alike, however many images it has, and the bias is regularised with the weights: at ten labels a
    free one would do little but name the commonest class. So the origin matters, and lies between the classes:
    docs/heads.md has what each of the three is worth.

    `temperature`: that of the head, where the strength is given. Where too few images could be held out, it is 1.
    """
    scaling = replace(Scaling.of(embeddings), mean=_between_classes(embeddings, targets))
    # Products this narrow gain little from threads, and lose much where others want the cores too.
    with threadpool_limits(1, user_api="blas"):
        X, basis = _compact(scaling(embeddings))
        if strength is None:
            choice = _choose_strength(X, targets, n_classes, seed, tick)
        else:
            choice = Choice(strength, _zeros(X, n_classes), temperature)
        fit = _fit(X, targets, choice.strength, choice.start, partial(tick, LINEAR_FITS - 1, LINEAR_FITS))
    tick(LINEAR_FITS, LINEAR_FITS)
    weights = fit.theta[:-1] if basis is None else basis @ fit.theta[:-1]
    details = {"strength": choice.strength, **choice.details, "iterations": fit.iterations, "converged": fit.converged}
    return Head("linear", n_classes, choice.temperature, details, Affine(scaling, weights, fit.theta[-1]))


@dataclass(frozen=True, eq=False)
class Affine:
    """The forward of `linear`."""

    scaling: Scaling
    weights: Floats  # (d, C)
    bias: Floats  # (C,)

    def __call__(self, embeddings: Floats) -> Floats:
        """The scaling goes into the weights: it would pass over the embeddings of a large pool twice more."""
        weights = self.weights / self.scaling.scale[:, None].astype(np.float64)
        bias = self.bias - self.scaling.mean @ weights
        logits: Floats = embeddings @ weights.astype(np.float32)
        logits += bias.astype(np.float32)
        return logits


@dataclass(frozen=True, eq=False)
class Choice:
    """A strength, and what its cross-validation left behind: `start` is the mean of the folds' solutions."""

    strength: float
    start: Floats  # (d + 1, C)
    temperature: float = 1.0
    nll: float = float("inf")
    details: Mapping[str, float | int | str] = field(default_factory=lambda: {"folds": 0})


@dataclass(frozen=True, eq=False)
class Fit:
    theta: Floats  # (d + 1, C), the bias last
    iterations: int
    converged: int  # 0 or 1


def _choose_strength(X: Floats, targets: Integers, n_classes: int, seed: int, tick: Tick) -> Choice:
    """The strength whose held-out logits have the least cross-entropy, each at its own best temperature.

    Without the temperature, the more regularised would win for being less sure; the temperature sees to that already.
    Goes from strong to weak regularisation, each fit starting from the last, until it gets worse.
    """
    best = Choice(DEFAULT_STRENGTH, _zeros(X, n_classes))
    fold = _folds(targets, LINEAR_FOLDS, seed)
    if np.count_nonzero(fold >= 0) < MIN_HELD_OUT:
        return best
    thetas = [best.start] * LINEAR_FOLDS
    for index, strength in enumerate(STRENGTHS):
        beat = partial(tick, index * LINEAR_FOLDS, LINEAR_FITS)
        thetas = _fit_folds(X, targets, fold, strength, thetas, beat)
        choice = _cross_validated(X, targets, fold, thetas, strength)
        if choice.nll >= best.nll:
            break
        best = choice
    return best


def _fit_folds(
    X: Floats, targets: Integers, fold: Integers, strength: float, starts: list[Floats], beat: Callable[[], None]
) -> list[Floats]:
    """Trains without each of the folds, side by side: one core for each, unless the copies would take much memory."""
    stopped = Event()

    def fit(k: int, heed: Callable[[], None]) -> Floats:
        return _fit(X[fold != k], targets[fold != k], strength, starts[k], heed).theta

    def heed() -> None:
        if stopped.is_set():
            raise _Stopped

    if X.nbytes > SIDE_BY_SIDE_BYTES:
        return [fit(k, beat) for k in range(LINEAR_FOLDS)]
    with ThreadPoolExecutor(LINEAR_FOLDS - 1) as threads:
        others = [threads.submit(fit, k, heed) for k in range(1, LINEAR_FOLDS)]
        try:
            return [fit(0, beat), *(other.result() for other in others)]
        finally:
            stopped.set()


class _Stopped(Exception):
    """What the caller's beat raised ends the other folds, too."""


def _cross_validated(X: Floats, targets: Integers, fold: Integers, thetas: list[Floats], strength: float) -> Choice:
    truth = np.concatenate([targets[fold == k] for k in range(LINEAR_FOLDS)])
    logits = np.concatenate([X[fold == k] @ theta[:-1] + theta[-1] for k, theta in enumerate(thetas)])
    temperature, nll = best_temperature(logits, truth)
    accuracy = float(np.mean(logits.argmax(axis=1) == truth))
    details = {"folds": LINEAR_FOLDS, "cross_validated_nll": nll, "cross_validated_accuracy": accuracy}
    return Choice(strength, np.mean(thetas, axis=0), temperature, nll, details)


def _fit(X: Floats, targets: Integers, strength: float, start: Floats, beat: Callable[[], None]) -> Fit:
    """Minimises the mean over classes of mean cross-entropy + |W and bias|^2 / (2 strength L), by L-BFGS.

    scikit-learn's LogisticRegression has the same minimum (class_weight="balanced", and a column of ones for the bias),
    but needs twice the time and memory (float64) and can't be interrupted.
    """
    rows, penalty = np.arange(len(X)), np.float32(1 / (strength * len(X)))
    counts = np.bincount(targets)
    shares = (1 / (np.count_nonzero(counts) * counts[targets])).astype(np.float32)[:, None]  # (L, 1), 1 in all

    def objective(flat: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        theta = flat.reshape(start.shape).astype(np.float32)
        W, bias = theta[:-1], theta[-1]
        log_p = log_softmax(X @ W + bias, axis=1)
        loss = penalty / 2 * np.square(theta).sum(dtype=np.float64) - log_p[rows, targets] @ shares[:, 0]
        error = np.exp(log_p)
        error[rows, targets] -= 1
        error *= shares
        gradient = np.vstack([X.T @ error, error.sum(axis=0)]) + penalty * theta
        return float(loss), gradient.ravel().astype(np.float64)

    options = {"maxiter": MAX_ITERATIONS, "gtol": 1e-4, "ftol": 1e-7}
    found = minimize(objective, start.ravel(), jac=True, method="L-BFGS-B", callback=lambda _: beat(), options=options)
    return Fit(found.x.reshape(start.shape).astype(np.float32), int(found.nit), int(found.success))


def _between_classes(embeddings: Floats, targets: Integers) -> Floats:
    """(d,) the mean of the classes' means; the fewer images a class has, the less its mean is known, and counts."""
    weights = 1 / (np.bincount(targets)[targets] + KNOWN_BY)
    centre: Floats = (weights / weights.sum()).astype(np.float32) @ embeddings
    return centre


def _zeros(X: Floats, n_classes: int) -> Floats:
    return np.zeros((X.shape[1] + 1, n_classes), np.float32)


def _compact(Z: Floats) -> tuple[Floats, Floats | None]:
    """(L, d) -> its coordinates (L, L) in an orthonormal basis (d, L) of its rows, or itself where that saves nothing.

    The minimum is the same: a part of the weights outside the span of the rows would cost penalty and change no logit.
    """
    if len(Z) >= Z.shape[1]:
        return Z, None
    basis, triangle = qr(Z.T, mode="economic", check_finite=False)
    return np.ascontiguousarray(triangle.T), basis


# --- mlp --------------------------------------------------------------------------------------------------------


def train_mlp(
    embeddings: Floats,
    targets: Integers,
    n_classes: int,
    *,
    seed: int,
    device: str = "cpu",
    tick: Tick = ignore,
) -> Head:
    """The first version's network (d-640-256-C, ReLU) after its last epoch: no validation set picks a better one.

    The temperature is that of the same training on four fifths of the images, by the fifth held out.
    """
    scaling = Scaling.of(embeddings)
    X, y = torch.from_numpy(scaling(embeddings)).to(device), torch.from_numpy(targets.astype(np.int64)).to(device)
    fold = _folds(targets, MLP_FOLDS, seed)
    calibrates = np.count_nonzero(fold == 0) >= MIN_HELD_OUT
    total = EPOCHS * (2 if calibrates else 1)
    temperature = 1.0
    with one_thread():
        if calibrates:
            kept, held_out = (torch.from_numpy(np.flatnonzero(part)).to(device) for part in (fold != 0, fold == 0))
            trial = _train_network(X[kept], y[kept], n_classes, seed, lambda epoch: tick(epoch, total))
            temperature, _ = best_temperature(_infer(trial, X[held_out]), targets[fold == 0])
        network = _train_network(X, y, n_classes, seed, lambda epoch: tick(total - EPOCHS + epoch, total))
    return Head("mlp", n_classes, temperature, {"epochs": EPOCHS}, Network(scaling, network, device))


@dataclass(frozen=True, eq=False)
class Network:
    """The forward of `mlp`."""

    scaling: Scaling
    module: nn.Module
    device: str

    def __call__(self, embeddings: Floats) -> Floats:
        return _infer(self.module, torch.from_numpy(self.scaling(embeddings)).to(self.device))


@contextmanager
def one_thread() -> Iterator[None]:
    """Batches of 16 gain little from threads, and take fifty times as long where others want the cores too."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _train_network(X: Tensor, y: Tensor, n_classes: int, seed: int, beat: Callable[[int], None]) -> nn.Module:
    """`beat` takes the epochs done, after every batch."""
    network = _network(X.shape[1], n_classes, seed).to(X.device)
    optimizer = torch.optim.Adam(network.parameters(), lr=LEARNING_RATE, fused=True)  # 4 times as fast as unfused
    generator = torch.Generator().manual_seed(seed)
    for epoch in range(EPOCHS):
        for batch in torch.split(torch.randperm(len(X), generator=generator).to(X.device), BATCH):
            optimizer.zero_grad()
            nn.functional.cross_entropy(network(X[batch]), y[batch]).backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            beat(epoch)
    beat(EPOCHS)
    return network.eval()


def _network(dimension: int, n_classes: int, seed: int) -> nn.Module:
    """Drawn on the CPU, so that every device starts from the same weights."""
    sizes = (dimension, *HIDDEN, n_classes)
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)  # torch.manual_seed would also reseed every GPU, for good
        layers = [nn.Linear(inputs, outputs) for inputs, outputs in pairwise(sizes)]
    return nn.Sequential(*(module for layer in layers for module in (layer, nn.ReLU())))[:-1]


@torch.inference_mode()
def _infer(network: nn.Module, X: Tensor) -> Floats:
    logits: Tensor = network(X)
    return np.asarray(logits.float().cpu().numpy(), np.float32)


# --- both -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Scaling:
    """Centres each dimension and divides it by a standard deviation shrunk halfway to the mean variance.

    Unshrunk, a dimension that hardly varies among a hundred labelled images would be blown up on the images where it
    does vary.
    """

    mean: Floats  # (d,)
    scale: Floats  # (d,), above 0

    @classmethod
    def of(cls, embeddings: Floats) -> Scaling:
        mean = embeddings.mean(axis=0, dtype=np.float64).astype(np.float32)
        centred = embeddings - mean
        variance = np.einsum("ld,ld->d", centred, centred, dtype=np.float64) / len(centred)
        scale = np.sqrt((variance + variance.mean()) / 2)
        constant = scale.max() <= 1e-6 * np.abs(mean).max()  # what is left is float32's rounding
        return cls(mean, np.ones_like(mean) if constant else scale.astype(np.float32))

    def __call__(self, embeddings: Floats) -> Floats:
        Z = embeddings - self.mean
        Z /= self.scale
        return Z


def best_temperature(logits: Floats, targets: Integers) -> tuple[float, float]:
    """The temperature within TEMPERATURES that minimises mean cross-entropy, and that cross-entropy in nats.

    logits: (N, C); targets: (N,). Guo et al., On Calibration of Modern Neural Networks, ICML 2017.
    """
    rows = np.arange(len(targets))

    def nll(log_temperature: float) -> float:
        log_p = log_softmax(logits / np.exp(log_temperature), axis=1)
        return -float(log_p[rows, targets].mean(dtype=np.float64))

    found = minimize_scalar(nll, bounds=np.log(TEMPERATURES), method="bounded")
    return float(np.exp(found.x)), float(found.fun)


def _folds(targets: Integers, folds: int, seed: int) -> Integers:
    """(L,) the fold that holds out each image, stratified; -1, none, for the only image of its class.

    So each class is in each training part, and a class of one image does not forbid cross-validation.
    """
    order = np.random.default_rng(seed).permutation(len(targets))
    order = order[np.argsort(targets[order], kind="stable")]
    fold = np.empty(len(targets), np.int64)
    fold[order] = np.arange(len(targets)) % folds
    fold[np.bincount(targets)[targets] == 1] = -1
    return fold
