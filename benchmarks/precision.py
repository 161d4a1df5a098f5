"""What narrower arithmetic on a CPU is worth: speed beside float32 in one run, and what a head learns from it.

    python -m benchmarks.precision --backbone mobilenet --seeds 10
    python -m benchmarks.precision --backbone dinov2 --weights folder --sets clothing cards --most 800

The forward pass alone, the precisions in turn on the same batches, by CPU time. Then the linear head on so many labels,
drawn by chance, scored on held-out images: photos of clothes, handwritten digits, and the objects of two sets for
detection, cut out. The difference to float32 is a mean over budgets, sets and seeds, its interval over sets and seeds.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.stats import t as student
from sklearn.metrics import f1_score

from benchmarks import DATA
from nextlabel.client.digits import write_digits
from nextlabel.core.embeddings.catalogue import Precision, find_backbone
from nextlabel.core.neural.backbones import TimmBackbone, _pretrained
from nextlabel.core.neural.heads.linear import train_linear
from nextlabel.core.neural.hub import digest_of_file
from nextlabel.core.neural.training import Examples
from nextlabel.core.settings import Settings
from nextlabel.core.tasks.classification import read_labels

BUDGETS = (100, 300, 1_000)
PRECISIONS: tuple[Precision, ...] = ("float32", "bfloat16", "int8")
CHUNK = 64
HELD_OUT = 0.3  # of a set that has no validation images of its own
MOST = 1_500  # images of a set; of the digits all
SETS = ("clothing", "digits", "bccd", "cards")


@dataclass(frozen=True, eq=False)
class Photos:
    """Images with a class each, (N,), and which of them are held out."""

    name: str
    images: list[Image.Image]
    targets: NDArray[np.int64]
    held_out: NDArray[np.bool_]


def main() -> None:
    arguments = _parse()
    with tempfile.TemporaryDirectory() as cache:
        settings = Settings(cache_dir=arguments.cache or Path(cache), weights_dir=arguments.weights)
        backbones = {precision: _backbone(arguments.backbone, precision, settings) for precision in PRECISIONS}
    seconds = dict.fromkeys(PRECISIONS, 0.0)
    lost: dict[Precision, list[list[float]]] = {precision: [] for precision in PRECISIONS}
    alike: dict[Precision, list[NDArray[np.float32]]] = {precision: [] for precision in PRECISIONS}
    print("| set | labels | " + " | ".join(PRECISIONS) + " |\n|---|---|" + "---|" * len(PRECISIONS))
    for photos in _sets(arguments.sets, arguments.most):
        embedded = _embed(photos, backbones, seconds)
        scores = {precision: _scores(photos, embedded[precision], arguments.seeds) for precision in PRECISIONS}
        budgets = [labels for labels in BUDGETS if labels <= (~photos.held_out).sum()]
        for i, labels in enumerate(budgets):
            shown = " | ".join(f"{scores[precision][:, i].mean():.4f}" for precision in PRECISIONS)
            print(f"| {photos.name} | {labels:,} | {shown} |", flush=True)
        for precision in PRECISIONS:
            alike[precision].append(_alike(embedded["float32"], embedded[precision]))
            lost[precision].append((scores[precision] - scores["float32"]).mean(axis=1).tolist())
    print("\n| precision | speed beside float32 | cosine, least | from the mean | macro F1 less float32's, 95 % |")
    print("|---|---|---|---|---|")
    for precision in PRECISIONS:
        differences = np.concatenate(lost[precision])
        half = student.ppf(0.975, len(differences) - 1) * differences.std(ddof=1) / np.sqrt(len(differences))
        mean = differences.mean()
        speed = seconds["float32"] / seconds[precision]
        cosine, centred = np.concatenate(alike[precision], axis=1)
        told = f"{cosine.mean():.4f}, {cosine.min():.4f} | {centred.mean():.4f}"
        print(f"| {precision} | {speed:.2f} | {told} | {mean:+.4f} ({mean - half:+.4f} to {mean + half:+.4f}) |")


def _backbone(name: str, precision: Precision, settings: Settings) -> TimmBackbone:
    spec = find_backbone(name)
    assert spec.timm_name is not None
    assert settings.weights_dir is not None
    path = settings.weights_dir / f"{spec.timm_name}.safetensors"
    model = _pretrained(spec.timm_name, spec.image_size, path)
    made = TimmBackbone(name, model, digest_of_file(path), "cpu", settings, (precision, "float32"))
    assert (precision == "float32") == ("precision=" not in made.preprocessing), f"there is no {precision} here"
    return made


def _embed(
    photos: Photos, backbones: dict[Precision, TimmBackbone], seconds: dict[Precision, float]
) -> dict[Precision, NDArray[np.float32]]:
    parts: dict[Precision, list[NDArray[np.float32]]] = {precision: [] for precision in backbones}
    for start in range(0, len(photos.images), CHUNK):
        prepared = [backbones["float32"].prepare(image) for image in photos.images[start : start + CHUNK]]
        for precision, backbone in backbones.items():
            batch = backbone.gather(prepared).batch
            began = time.process_time()
            parts[precision].append(backbone.forward(batch))
            seconds[precision] += time.process_time() - began
    return {precision: np.concatenate(part) for precision, part in parts.items()}


def _alike(exact: NDArray[np.float32], found: NDArray[np.float32]) -> NDArray[np.float32]:
    """Cosines of images' embeddings with float32's: as they are, and as seen from float32's mean, (2, N)."""
    both = ((exact, found), (exact - exact.mean(axis=0), found - exact.mean(axis=0)))
    lengths = [np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1) for a, b in both]
    return np.array([np.vecdot(a, b) / length for (a, b), length in zip(both, lengths, strict=True)], np.float32)


def _scores(photos: Photos, embeddings: NDArray[np.float32], seeds: int) -> NDArray[np.float64]:
    """Macro F1 of each seed at each budget: (seeds, budgets)."""
    free, held_out = np.flatnonzero(~photos.held_out), photos.held_out
    scores = []
    for seed in range(seeds):
        drawn = np.random.default_rng(seed).permutation(free)
        scores.append([])
        for labels in BUDGETS:
            if labels <= len(free):
                classes, targets = np.unique(photos.targets[drawn[:labels]], return_inverse=True)
                head = train_linear(Examples(embeddings[drawn[:labels]], targets, len(classes)), seed=seed)
                found = classes[head.forward(embeddings[held_out]).argmax(axis=1)]
                scores[-1].append(f1_score(photos.targets[held_out], found, average="macro"))
    return np.array(scores)


# --- sets -------------------------------------------------------------------------------------------------------


def _sets(names: Sequence[str], most: int | None) -> Iterator[Photos]:
    for name in names:
        if name == "digits":
            yield _digits(most)
        else:
            yield _clothing(most or MOST) if name == "clothing" else _cut_out(name, most or MOST)


def _clothing(most: int) -> Photos:
    folder = DATA / "clothing"
    train, val = read_labels(folder / "labels_train_all.txt"), read_labels(folder / "labels_val.txt")
    pool = sorted(train.classes_by_name.items())
    pool = [pool[i] for i in np.random.default_rng(0).permutation(len(pool))[: most - len(val.classes_by_name)]]
    of_val = sorted(val.classes_by_name.items())
    images = [_opened(folder / "train" / name) for name, _ in pool]
    images += [_opened(folder / "val" / name) for name, _ in of_val]
    targets = np.array([int(label) for _, label in pool + of_val])
    return Photos("clothing", images, targets, np.arange(len(images)) >= len(pool))


def _digits(most: int | None) -> Photos:
    with tempfile.TemporaryDirectory() as folder:
        write_digits(Path(folder))
        named = [
            (Path(folder) / part / name, int(label), part == "val")
            for part, labels in (("pool", "answers.txt"), ("val", "labels_val.txt"))
            for name, label in sorted(read_labels(Path(folder) / labels).classes_by_name.items())
        ]
        if most is not None:
            named = [named[i] for i in np.random.default_rng(0).permutation(len(named))[:most]]
        images = [_opened(path) for path, _, _ in named]
    return Photos("digits", images, np.array([one[1] for one in named]), np.array([one[2] for one in named]))


def _cut_out(name: str, most: int) -> Photos:
    """The boxes of a set in COCO's form, each an image of its own."""
    told = json.loads((DATA / name / "annotations.json").read_text())
    files = {image["id"]: image["file_name"] for image in told["images"]}
    boxes = told["annotations"]
    boxes = [boxes[i] for i in np.random.default_rng(0).permutation(len(boxes))[:most]]
    images, targets = [], []
    for box in boxes:
        left, top, width, height = box["bbox"]
        if min(width, height) >= 8:
            image = _opened(DATA / name / "images" / files[box["image_id"]])
            images.append(image.crop((int(left), int(top), round(left + width), round(top + height))))
            targets.append(box["category_id"])
    held_out = np.random.default_rng(1).random(len(images)) < HELD_OUT
    return Photos(name, images, np.array(targets), held_out)


def _opened(path: Path) -> Image.Image:
    with Image.open(path) as image:
        return image.convert("RGB")


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--backbone", default="mobilenet")
    parser.add_argument("--weights", type=Path, default=DATA / "weights")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--sets", choices=SETS, nargs="+", default=SETS)
    parser.add_argument("--most", type=int, help=f"images of a set; without it {MOST:,}, and all the digits")
    parser.add_argument("--cache", type=Path, help="where what was quantised and compiled is kept")
    return parser.parse_args()


if __name__ == "__main__":
    main()
