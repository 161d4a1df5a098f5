"""The first version's blocking call, made anew in its way, beside the same job of the service: photos not seen before.

    python -m benchmarks.first_version --images 600 --labels 100

Its way: every image alone through eager PyTorch, squeezed to 224 x 224, all its pixels decoded, gradients recorded, its
embedding written to a .npy file; a network of 640 and 256 trained for 49 epochs in batches of 16, each label read from
its file again in every epoch, the first of which goes back through the backbone as well; `margin` on the rest. The
service's job is a selection by `margin` with all its defaults, from the POST to the result: once by a worker that has
not had the backbone yet, and then by the same worker on other photos.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import timm
import torch
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms.functional import to_tensor

from benchmarks import DATA
from nextlabel.client.http import Client
from nextlabel.client.stack import Stack, free_port
from nextlabel.core.embeddings.catalogue import find_backbone
from nextlabel.core.kinds.selection import SelectionResult
from nextlabel.core.tasks.classification import read_labels

HEAD, EPOCHS, BATCH, LEARNING_RATE = (640, 256), 49, 16, 1e-4


def first_versions_embedding(network: nn.Module, path: Path, folder: Path) -> Tensor:
    """Made only once for an image: `folder` keeps a .npy file of it."""
    kept = folder / f"{path.name}.npy"
    if kept.exists():
        return torch.from_numpy(np.load(kept)).to(torch.float32)
    pixels = to_tensor(np.array(Image.open(path).resize((224, 224)).convert("RGB")))
    embedding: Tensor = network(pixels[None].to(next(network.parameters()).device)).squeeze()
    np.save(kept, embedding.tolist())
    return embedding.cpu()


class _Embedded(Dataset[tuple[Tensor, int]]):
    def __init__(self, network: nn.Module, images: Sequence[Path], classes: Sequence[int], folder: Path) -> None:
        self._network, self._images, self._classes, self._folder = network, images, classes, folder

    def __len__(self) -> int:
        return len(self._images)

    def __getitem__(self, i: int) -> tuple[Tensor, int]:
        return first_versions_embedding(self._network, self._images[i], self._folder), self._classes[i]


def first_versions_network(name: str, device: str) -> nn.Module:
    network: nn.Module = timm.create_model(find_backbone(name).timm_name, num_classes=0)
    return network.eval().to(device)


def first_versions_call(name: str, images: Sequence[Path], classes: Sequence[int], add: int, folder: Path) -> list[str]:
    """`classes`: of the first of the images; the rest is not labelled. -> file names."""
    network, labelled = first_versions_network(name, "cpu"), len(classes)
    sizes = (network.num_features, *HEAD)
    layers = [layer for i, o in pairwise(sizes) for layer in (nn.Linear(i, o), nn.ReLU())]
    head = nn.Sequential(*layers, nn.Linear(sizes[-1], len(set(classes))))
    optimizer = torch.optim.Adam(head.parameters(), LEARNING_RATE)
    batches = DataLoader(_Embedded(network, images[:labelled], classes, folder), BATCH, shuffle=True)
    for _ in range(EPOCHS):
        for embeddings, of_classes in batches:
            loss = nn.functional.cross_entropy(head(embeddings), of_classes)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    rest = images[labelled:]
    margins: list[float] = []
    for embeddings, _ in DataLoader(_Embedded(network, rest, [0] * len(rest), folder), BATCH):
        best = head(embeddings).softmax(dim=1).topk(2).values
        margins += (best[:, 0] - best[:, 1]).tolist()
    return sorted(rest[i].name for i in np.argsort(margins)[:add])


@dataclass(frozen=True)
class Part:
    """images: the labelled ones first."""

    images: list[Path]
    classes: list[str]
    labels: Path


def main() -> None:
    arguments = _parse()
    photos = sorted(arguments.photos.iterdir())
    classes = read_labels(arguments.answers).classes_by_name
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        parts = [
            _part(photos[i * arguments.images : (i + 1) * arguments.images], dict(classes), arguments, folder / str(i))
            for i in range(2)
        ]
        first = _first_versions_seconds(parts[1], arguments, folder)
        loading, again = _services_seconds(parts, arguments, folder)
    print(f"{arguments.images} photos, {arguments.labels} labels, {arguments.backbone}; seconds\n")
    print("| | seconds | times as fast |\n|---|---|---|")
    print(f"| the first version's call | {first:.1f} | 1 |")
    print(f"| the service's job, by a worker that must load the backbone | {loading:.1f} | {first / loading:.1f} |")
    print(f"| by one that has embedded with it before | {again:.1f} | {first / again:.1f} |")


def _part(photos: list[Path], classes: dict[str, str], arguments: argparse.Namespace, folder: Path) -> Part:
    (folder / "pool").mkdir(parents=True)
    images = [Path(shutil.copy(photo, folder / "pool")) for photo in photos]
    known = [classes[image.name] for image in images[: arguments.labels]]
    labels = folder / "labels.txt"
    labels.write_text("".join(f"{image.name}\t{one}\n" for image, one in zip(images, known, strict=False)))
    return Part(images, known, labels)


def _first_versions_seconds(part: Part, arguments: argparse.Namespace, folder: Path) -> float:
    (folder / "numpy").mkdir()
    numbers = {name: i for i, name in enumerate(sorted(set(part.classes)))}
    began = time.perf_counter()
    classes = [numbers[one] for one in part.classes]
    names = first_versions_call(arguments.backbone, part.images, classes, arguments.add, folder / "numpy")
    took = time.perf_counter() - began
    assert len(names) == arguments.add
    return took


def _services_seconds(parts: list[Part], arguments: argparse.Namespace, folder: Path) -> list[float]:
    environment = {
        "NEXTLABEL_DATA_ROOTS": str(folder),
        "NEXTLABEL_STATE_DIR": str(folder / "state"),
        "NEXTLABEL_CACHE_DIR": str(folder / "cache"),
        "NEXTLABEL_WEIGHTS_DIR": str(arguments.weights),
    }
    stack = Stack(environment, port=free_port(), workers=1, own_redis=True, log=folder / "stack.log")
    with stack, Client(stack.url) as client:
        _job_seconds(client, parts[0], "descriptor", arguments.add)  # by now the worker's process has started
        return [_job_seconds(client, part, arguments.backbone, arguments.add) for part in parts]


def _job_seconds(client: Client, part: Part, backbone: str, add: int) -> float:
    fields = {"kind": "selection", "backbone": backbone, "method": "margin", "add": add}
    paths = {"path_to_img": str(part.images[0].parent), "path_to_labels": str(part.labels)}
    began = time.perf_counter()
    job = client.wait(client.submit(fields | paths).id, timeout_s=600)
    result = client.result(job.id)
    took = time.perf_counter() - began
    assert isinstance(result, SelectionResult)
    assert len(result.data) == add
    return took


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=Path, default=DATA / "clothing" / "train")
    parser.add_argument("--answers", type=Path, default=DATA / "clothing" / "labels_train_all.txt", help="all labels")
    parser.add_argument("--weights", type=Path, default=DATA / "weights")
    parser.add_argument("--backbone", default="mobilenet")
    parser.add_argument("--images", type=int, default=600, help="of each of two pools")
    parser.add_argument("--labels", type=int, default=100)
    parser.add_argument("--add", type=int, default=100)
    return parser.parse_args()


if __name__ == "__main__":
    main()
