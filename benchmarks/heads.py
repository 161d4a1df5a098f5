"""Which head is the better default? `python -m benchmarks.heads` prints the table of docs/heads.md.

Trains each head on 20 to 1,000 random labels of the clothing pool, with the same labels for every head, and
scores it on the validation images and on the rest of the pool. The embeddings are computed once and kept in --cache.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import timm
import torch
from numpy.typing import NDArray
from PIL import Image
from safetensors.torch import load_file
from scipy.special import softmax
from sklearn.linear_model import LogisticRegression
from timm.data import create_transform, resolve_data_config

from benchmarks import DATA
from nextlabel.core.metrics.classification import confusion_matrix, expected_calibration_error, f1_per_class
from nextlabel.core.neural.heads.base import Head
from nextlabel.core.neural.heads.linear import LinearHead, train_linear
from nextlabel.core.neural.heads.registry import train_head
from nextlabel.core.neural.heads.scaling import Scaling
from nextlabel.core.neural.training import Examples, Floats, Integers

BACKBONE = "mobilenetv2_100"
CLASSES = 10
BATCH = 64
STRENGTH = 0.3  # of the usual logistic regression


def usual(examples: Examples, *, balanced: bool = False, **_: int) -> Head:
    """Train what logistic regression usually is: a bias that costs nothing, and each class counted by its images."""
    scaling = Scaling.of(examples.embeddings)
    fitted = LogisticRegression(C=STRENGTH, class_weight="balanced" if balanced else None, max_iter=1000)
    fitted.fit(scaling(examples.embeddings), examples.targets)
    weights, bias = fitted.coef_.T.astype(np.float32), fitted.intercept_.astype(np.float32)
    return LinearHead(
        n_classes=examples.n_classes,
        temperature=1.0,
        strength=STRENGTH,
        scaling=scaling,
        weights=weights,
        bias=bias,
    )


HEADS: dict[str, Callable[..., Head]] = {
    "linear_alone": partial(train_head, "linear_alone"),
    **{f"linear_alone, strength {s:g}": partial(train_linear, strength=s) for s in (0.01, 0.1, 1.0)},
    "usual logistic regression, strength 0.3": usual,
    "the same, classes counted alike": partial(usual, balanced=True),
    "mlp": partial(train_head, "mlp"),
}
COLUMNS = (
    *("labels", "head", "macro F1, validation", "macro F1, rest of pool", "accuracy, rest"),
    *("ECE at T = 1, rest", "ECE, rest", "T", "seconds"),
)


@dataclass(frozen=True)
class Images:
    embeddings: Floats  # (N, d)
    targets: Integers  # (N,)

    def take(self, rows: NDArray[np.int64]) -> Images:
        return Images(self.embeddings[rows], self.targets[rows])


def main() -> None:
    arguments = parse_arguments()
    pool = load("train", "labels_train_all.txt", arguments)
    validation = load("val", "labels_val.txt", arguments)
    print("| " + " | ".join(COLUMNS) + " |")
    print("|---" * len(COLUMNS) + "|")
    for labels in arguments.labels:
        for name, train in HEADS.items():
            runs = [run(train, labels, seed, pool, validation) for seed in range(arguments.seeds)]
            print(f"| {labels:,} | {name} | " + " | ".join(cells(np.array(runs))) + " |", flush=True)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=DATA, help="folder with clothing/ and weights/")
    parser.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir()), help="folder for the embeddings")
    parser.add_argument("--labels", type=int, nargs="+", default=[20, 50, 100, 300, 1000])
    parser.add_argument("--seeds", type=int, default=5)
    return parser.parse_args()


def run(train: Callable[..., Head], labels: int, seed: int, pool: Images, validation: Images) -> list[float]:
    """Trains and scores one head: what COLUMNS has after the first two."""
    order = np.random.default_rng(seed).permutation(len(pool.targets))
    labelled, rest = pool.take(order[:labels]), pool.take(order[labels:])
    classes, targets = np.unique(labelled.targets, return_inverse=True)
    started = time.perf_counter()
    head = train(Examples(labelled.embeddings, targets, len(classes)), seed=seed)
    seconds = time.perf_counter() - started
    logits = head.logits(rest.embeddings)
    predicted = classes[logits.argmax(axis=1)]
    return [
        f1_macro(validation.targets, classes[head.logits(validation.embeddings).argmax(axis=1)]),
        f1_macro(rest.targets, predicted),
        float(np.mean(predicted == rest.targets)),
        calibration_error(logits * head.temperature, predicted == rest.targets),
        calibration_error(logits, predicted == rest.targets),
        head.temperature,
        seconds,
    ]


def f1_macro(truth: Integers, predicted: Integers) -> float:
    confusion = confusion_matrix(truth, predicted, CLASSES)
    return float(f1_per_class(confusion)[confusion.sum(axis=1) > 0].mean())


def calibration_error(logits: Floats, correct: NDArray[np.bool_]) -> float:
    return expected_calibration_error(softmax(logits, axis=1).max(axis=1), correct)


def cells(runs: NDArray[np.float64]) -> Iterator[str]:
    """(seeds, scores) -> mean ± standard deviation of each."""
    decimals = (3, 3, 3, 3, 3, 2, 1)
    for mean, deviation, places in zip(runs.mean(axis=0), runs.std(axis=0, ddof=1), decimals, strict=True):
        yield f"{mean:.{places}f} ± {deviation:.{places}f}"


def load(part: str, labels: str, arguments: argparse.Namespace) -> Images:
    lines = (arguments.data / "clothing" / labels).read_text().splitlines()
    names, targets = zip(*(line.split("\t") for line in lines), strict=True)
    cached = arguments.cache / f"clothing-{part}-{BACKBONE}.npy"
    if not cached.exists():
        cached.parent.mkdir(parents=True, exist_ok=True)
        np.save(cached, embed([arguments.data / "clothing" / part / name for name in names], arguments.data))
    return Images(np.load(cached), np.array(targets, np.int64))


def embed(paths: list[Path], data: Path) -> Floats:
    model = timm.create_model(BACKBONE, pretrained=False, num_classes=0).eval()
    weights = load_file(data / "weights" / f"{BACKBONE}.safetensors")
    model.load_state_dict({name: value for name, value in weights.items() if not name.startswith("classifier")})
    transform = create_transform(**resolve_data_config({}, model=model))
    batches = [paths[start : start + BATCH] for start in range(0, len(paths), BATCH)]
    with torch.inference_mode():
        return np.concatenate([model(torch.stack([transform(read(path)) for path in batch])) for batch in batches])


def read(path: Path) -> Image.Image:
    with Image.open(path) as image:
        return image.convert("RGB")


if __name__ == "__main__":
    main()
