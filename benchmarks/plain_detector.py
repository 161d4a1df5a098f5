"""What plain training of torchvision's detector comes to in as many seconds: figures of docs/detection-efficiency.md.

python -m benchmarks.plain_detector --data ../shared/data --weights ../shared/data/weights --out plain.jsonl

Faster R-CNN on a feature pyramid of MobileNetV2 with ImageNet's weights, all of it trained, on images of 320 pixels: no
detector's weights are at hand that torchvision could begin with. The images, and those for scoring, are those of
`benchmarks.detection`. Seconds are of this process's CPU: run it with OMP_NUM_THREADS=1.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import timm
import torch
from numpy.typing import NDArray
from PIL import Image
from safetensors.torch import load_file
from torch import Tensor, nn
from torchvision.models.detection import FasterRCNN
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.ops import FeaturePyramidNetwork
from torchvision.ops.feature_pyramid_network import LastLevelMaxPool

from benchmarks.detection import Drawn, divided, read_drawn
from nextlabel.core.data.boxes import Detected
from nextlabel.core.metrics.detection import Truth, score
from nextlabel.core.pipelines.detection.labelled import truth_of
from nextlabel.core.pipelines.detection.training_set import SIDE

BATCH, RATE, DECAY = 4, 5e-4, 1e-4
CHANNELS = 64  # of the pyramid
LEVELS = (1, 2, 3, 4)  # of the backbone: strides 4 to 32
Target = dict[str, Tensor]


class Pyramid(nn.Module):
    """A backbone and the pyramid on it, as torchvision wants them."""

    out_channels = CHANNELS

    def __init__(self, weights: Path) -> None:
        super().__init__()
        self.body = timm.create_model("mobilenetv2_100", features_only=True, out_indices=LEVELS)
        known = load_file(weights / "mobilenetv2_100.safetensors")
        absent, _ = self.body.load_state_dict(known, strict=False)
        assert not absent, absent[:3]
        self.neck = FeaturePyramidNetwork(self.body.feature_info.channels(), CHANNELS, LastLevelMaxPool())

    def forward(self, images: Tensor) -> OrderedDict[str, Tensor]:
        maps: OrderedDict[str, Tensor] = self.neck(
            OrderedDict((str(i), one) for i, one in enumerate(self.body(images)))
        )
        return maps


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--sets", nargs="+", default=["bccd", "cards"])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[50])
    parser.add_argument("--seconds", type=float, default=75)
    given = parser.parse_args()
    torch.set_num_threads(1)
    with given.out.open("a") as out:
        for seed in given.seeds:
            for name in given.sets:
                for size in given.sizes:
                    line = trial(given.data / name, given.weights, seed, size, given.seconds)
                    print(json.dumps({"set": name, "seed": seed, "labelled": size, **line}), file=out, flush=True)


def trial(data: Path, weights: Path, seed: int, size: int, seconds: float) -> dict[str, Any]:
    drawn = read_drawn(data / "annotations.json")
    held, order = divided(drawn, seed)
    classes = sorted({box.class_name for image in drawn.values() for box in image.boxes})
    torch.manual_seed(seed)
    network = FasterRCNN(
        Pyramid(weights),
        num_classes=len(classes) + 1,
        min_size=SIDE,
        max_size=SIDE,
        rpn_anchor_generator=AnchorGenerator(((16,), (32,), (64,), (128,), (256,)), ((0.5, 1.0, 2.0),) * 5),
        box_score_thresh=0.01,
        box_nms_thresh=0.6,
    )
    learnt = [(read(data / "images" / name), truth_in(drawn, name, classes)) for name in order[:size]]
    passes = train(network, learnt, seconds, np.random.default_rng(seed))
    truth = [truth_in(drawn, name, classes) for name in held]
    said = [find(network, read(data / "images" / name)) for name in held]
    scores = score(truth, said, classes)
    return {"map50": scores.map50, "map": scores.mean_average_precision, "passes": passes, "seconds": seconds}


def train(network: FasterRCNN, learnt: list[tuple[Tensor, Truth]], seconds: float, rng: np.random.Generator) -> int:
    """Train for so many seconds; the rate falls along a cosine. Returns how many images passed."""
    optimiser = torch.optim.AdamW(network.parameters(), lr=RATE, weight_decay=DECAY)
    network.train()
    freeze_statistics(network)
    began, passes = time.process_time(), 0
    while (share := (time.process_time() - began) / seconds) < 1:
        for group in optimiser.param_groups:
            group["lr"] = RATE * min(1, 10 * share + 0.05) * 0.5 * (1 + math.cos(math.pi * share))
        rows = rng.permutation(len(learnt))[:BATCH].tolist()
        batch = [mirrored(*learnt[row]) if rng.random() < 0.5 else target(*learnt[row]) for row in rows]
        losses: dict[str, Tensor] = network([image for image, _ in batch], [one for _, one in batch])
        optimiser.zero_grad()
        sum(losses.values(), torch.zeros(())).backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(network.parameters(), 10)
        optimiser.step()
        passes += len(rows)
    return passes


def freeze_statistics(network: nn.Module) -> None:
    """Batches of four tell too little for statistics."""
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eval()


def target(image: Tensor, truth: Truth) -> tuple[Tensor, Target]:
    low = truth.places[:, :2]
    corners = np.concatenate([low, low + truth.places[:, 2:]], axis=1).astype(np.float32)
    return image, {"boxes": torch.from_numpy(corners), "labels": torch.from_numpy(truth.classes + 1)}


def mirrored(image: Tensor, truth: Truth) -> tuple[Tensor, Target]:
    places = truth.places.copy()
    places[:, 0] = image.shape[2] - places[:, 0] - places[:, 2]
    return target(image.flip(2), truth._replace(places=places))


@torch.inference_mode()
def find(network: FasterRCNN, image: Tensor) -> Detected:
    network.eval()
    (said,) = network([image])
    boxes: NDArray[np.float64] = said["boxes"].double().numpy()
    places = np.concatenate([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]], axis=1)
    return Detected(places, said["labels"].numpy() - 1, said["scores"].double().numpy())


def read(path: Path) -> Tensor:
    with Image.open(path) as image:
        pixels = np.asarray(image.convert("RGB"), np.float32) / 255
    return torch.from_numpy(np.moveaxis(pixels, 2, 0).copy())


def truth_in(drawn: Drawn, name: str, classes: list[str]) -> Truth:
    return truth_of(drawn[name], {one: i for i, one in enumerate(classes)})


if __name__ == "__main__":
    main()
