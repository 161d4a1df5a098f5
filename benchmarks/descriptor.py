"""What the built-in descriptor is worth without any weights: python -m benchmarks.descriptor

Macro F1 of a logistic regression on its embeddings, mean and standard deviation of 5 seeds. Both rows of a table see
the same labels. Photos need ../shared/data; the digits come with scikit-learn.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from benchmarks import DATA
from nextlabel.core.embeddings.descriptor import BLOCKS, DIMENSION, SIDE, describe

PHOTOS = DATA / "clothing"
SEEDS = range(5)

Prepare = Callable[[Image.Image], Image.Image]
Floats = NDArray[np.float32]
Classes = NDArray[np.int64]

HEADS: dict[str, Callable[[], Pipeline]] = {
    "scaled, C=0.01": lambda: make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=1_000)),
    "unscaled, C=3": lambda: make_pipeline(LogisticRegression(C=3, max_iter=1_000)),
}


def main() -> None:
    print(f"{DIMENSION} dimensions: {BLOCKS}")
    for name, prepare in {"photos, squeezed": squeezed, "photos, centre crop": cropped}.items():
        if not PHOTOS.is_dir():
            print(f"{name}: skipped, no {PHOTOS}")
            continue
        pool, pool_classes = read_photos("train", "labels_train_all.txt", prepare)
        validation, validation_classes = read_photos("val", "labels_val.txt", prepare)
        splits = [(len(pool), labels) for labels in (100, 300, 1_000)]
        images, classes = np.concatenate([pool, validation]), np.concatenate([pool_classes, validation_classes])
        report(name, images, classes, splits)
    digits, classes = read_digits()
    report("digits", digits, classes, [(None, 100)])


def report(name: str, images: NDArray[np.uint8], classes: Classes, splits: Sequence[tuple[int | None, int]]) -> None:
    """Prints one line for each head, with all blocks and without the second layer of edges."""
    start = time.process_time()
    embeddings = np.stack([describe(image) for image in images])
    print(f"\n{name}: {len(images)} images, {(time.process_time() - start) / len(images) * 1e3:.2f} ms CPU an image")
    print(f"{'':40s}" + "".join(f"{labels:>8d} labels" for _, labels in splits))
    for blocks, columns in {"all": embeddings, "without shape": without(embeddings, "shape")}.items():
        for head, new in HEADS.items():
            cells = [f1(new, columns, classes, pool_size, labels) for pool_size, labels in splits]
            print(f"{blocks + ', ' + head:40s}" + "".join(f"   {mean:.3f} ± {std:.3f}" for mean, std in cells))


def f1(
    new: Callable[[], Pipeline], embeddings: Floats, classes: Classes, pool_size: int | None, labels: int
) -> tuple[float, float]:
    """Labels drawn from the first `pool_size` rows, tested on the others; without it, on all that have no label."""
    scores = []
    for seed in SEEDS:
        order = np.random.default_rng(seed).permutation(pool_size or len(embeddings))
        labelled = order[:labels]
        held_out = np.arange(pool_size, len(embeddings)) if pool_size else order[labels:]
        predicted = new().fit(embeddings[labelled], classes[labelled]).predict(embeddings[held_out])
        scores.append(f1_score(classes[held_out], predicted, average="macro"))
    return float(np.mean(scores)), float(np.std(scores))


def without(embeddings: Floats, block: str) -> Floats:
    start = sum(list(BLOCKS.values())[: list(BLOCKS).index(block)])
    return np.delete(embeddings, np.s_[start : start + BLOCKS[block]], axis=1)


def read_photos(folder: str, labels: str, prepare: Prepare) -> tuple[NDArray[np.uint8], Classes]:
    lines = [line.split("\t") for line in (PHOTOS / labels).read_text(encoding="utf-8").splitlines()]
    images = [np.asarray(prepare(Image.open(PHOTOS / folder / name).convert("RGB"))) for name, _ in lines]
    return np.stack(images), np.array([int(label) for _, label in lines])


def read_digits() -> tuple[NDArray[np.uint8], Classes]:
    digits = load_digits()
    small = [Image.fromarray((image * 255 / 16).astype(np.uint8)) for image in digits.images]
    large = [image.resize((SIDE, SIDE), Image.Resampling.BICUBIC).convert("RGB") for image in small]
    return np.stack([np.asarray(image) for image in large]), digits.target


def squeezed(image: Image.Image) -> Image.Image:
    return image.resize((SIDE, SIDE), Image.Resampling.BOX)


def cropped(image: Image.Image) -> Image.Image:
    side = min(image.size)
    left, top = (image.width - side) // 2, (image.height - side) // 2
    return image.resize((SIDE, SIDE), Image.Resampling.BOX, box=(left, top, left + side, top + side))


if __name__ == "__main__":
    with threadpool_limits(1):  # several threads get in each other's way on problems this small
        main()
