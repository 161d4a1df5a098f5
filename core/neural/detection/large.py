"""A larger detector for GPUs, all of which is trained on: D-FINE (Peng et al., 2024, arXiv 2410.13842) or RT-DETRv2 (Lv
et al., 2024, arXiv 2407.17140), as transformers has them. Both, and their published weights, are under Apache-2.0.

It takes images squeezed into a square, RGB from 0 to 1, and says a fixed number of boxes, no object twice.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from nextlabel.core.data.boxes import Detected, Floats
from nextlabel.core.errors import WeightsMismatch, WeightsUnavailable
from nextlabel.core.metrics.detection import Calibration
from nextlabel.core.neural.detection.detector import LEAST_SIDE, MOST_BOXES, REPORTED, Seen, of_length_1, sigmoid
from nextlabel.core.neural.detection.letterbox import Small
from nextlabel.core.neural.detection.training import LONGEST_STEP, Best, Example, Judged, batches, rate
from nextlabel.core.neural.training import Tick, ignore, one_thread
from nextlabel.core.settings import Settings

NAMES = ("dfine-small-coco", "dfine-nano-coco", "dfine-medium-coco", "rtdetr_v2_r18vd")  # the first that lies here
MODELS = ("d_fine", "rt_detr_v2")
CONFIG, WEIGHTS = "config.json", "model.safetensors"
DEVICE = "cuda"
BATCH = 8
RATE, BACKBONE_RATE, DECAY = 2e-4, 2e-5, 1e-4
WARM_UP = 0.05  # of the steps
Network = nn.Module
REMEDY = (
    "put a folder {name} with the files config.json and model.safetensors of "
    "https://huggingface.co/{owner}/{name} into NEXTLABEL_WEIGHTS_DIR ({folder})"
)


def find_large(settings: Settings) -> Path | None:
    """Return the folder of the first network that lies in NEXTLABEL_WEIGHTS_DIR; nothing is fetched."""
    if settings.weights_dir is None:
        return None
    folders = (settings.weights_dir / name for name in NAMES)
    return next((one for one in folders if (one / CONFIG).is_file() and (one / WEIGHTS).is_file()), None)


def can_be_had(settings: Settings, device: str) -> bool:
    """Say whether a larger detector can be trained here."""
    return device == DEVICE and find_large(settings) is not None and find_spec("transformers") is not None


def large_weights(settings: Settings, device: str) -> Path:
    """Return the network's folder. Raises WeightsUnavailable, which says what is missing, and what to do."""
    if device != DEVICE:
        detail = "a large detector is trained on a GPU, and this worker has none: leave `detector` out"
        raise WeightsUnavailable(detail)
    if find_spec("transformers") is None:
        raise WeightsUnavailable("a large detector is built by transformers: pip install 'nextlabel[gpu-detector]'")
    folder = find_large(settings)
    if folder is None:
        where = settings.weights_dir or "not set"
        remedy = REMEDY.format(name=NAMES[0], owner="ustc-community", folder=where)
        raise WeightsUnavailable(f"there are no weights of a large detector: {remedy}; nothing is fetched")
    return folder


def read_large(folder: Path, n_classes: int, seed: int) -> nn.Module:
    """Make the network with the folder's weights, but for what tells classes apart. Raises WeightsMismatch."""
    from transformers import AutoConfig, AutoModelForObjectDetection  # noqa: PLC0415 - an extra, and seconds
    from transformers.utils import logging  # noqa: PLC0415

    logging.disable_progress_bar()
    logging.set_verbosity_error()  # it tells of each layer that begins anew
    try:
        said = json.loads((folder / CONFIG).read_text()).get("model_type")
        names = {i: str(i) for i in range(n_classes)}
        config = AutoConfig.from_pretrained(folder, id2label=names, local_files_only=True) if said in MODELS else None
        with seeded(seed, torch.device("cpu")):
            network: nn.Module | None = config and AutoModelForObjectDetection.from_pretrained(
                folder, config=config, ignore_mismatched_sizes=True, local_files_only=True
            )
    except Exception as error:
        why = " ".join(str(error).split())[:300]
        raise WeightsMismatch(f"{folder.name} can't be read as a detector of transformers: {why}") from error
    if network is None:
        raise WeightsMismatch(f"{folder.name} is of another network: its model_type is {said!r}, not {MODELS}")
    return network


@contextmanager
def seeded(seed: int, device: torch.device) -> Iterator[None]:
    """Draw what torch draws from the seed, on the CPU and that device, and leave its generators as they were."""
    on_gpu = device.type == "cuda"
    with torch.random.fork_rng(devices=[device] if on_gpu else []):
        torch.default_generator.manual_seed(seed)
        if on_gpu:
            torch.cuda.manual_seed(seed)
        yield


@dataclass(frozen=True, eq=False, kw_only=True)
class TrainedLarge(Judged):
    """A large network that was trained."""

    network: nn.Module

    def tensors(self) -> dict[str, Tensor]:
        """Return what the network has learnt, to be kept."""
        return {name: one.detach().cpu().clone() for name, one in self.network.state_dict().items()}

    @classmethod
    def heard(cls, network: nn.Module, said: dict[str, Any]) -> TrainedLarge:
        """Read what `said` gives."""
        return cls(network=network.eval(), **{**said, "calibration": Calibration.heard(said["calibration"])})


class LargeDetector:
    """Sees batches of images, as `Detector` does."""

    def __init__(self, network: Network, side: int, device: str) -> None:
        self._network, self._side, self._device = network.eval().to(device), side, torch.device(device)

    @torch.inference_mode()
    @one_thread()
    def __call__(self, images: Sequence[Small]) -> NDArray[np.object_]:
        """Return (B,) of Seen."""
        said = self._network(pixel_values=_squeezed(images, self._side, self._device))
        features = torch.cat([one.mean((2, 3)) for one in said.encoder_last_hidden_state], 1)
        told = (said.logits, said.pred_boxes, said.last_hidden_state, features)
        logits, boxes, described, seen = (part.float().cpu().numpy() for part in told)
        found = np.empty(len(images), object)
        for i, image in enumerate(images):
            detected, queries = _boxes_of(image, boxes[i], sigmoid(logits[i]))
            found[i] = Seen(detected, of_length_1(described[i, queries]), of_length_1(seen[i]))
        return found


def _boxes_of(image: Small, boxes: Floats, sure: Floats) -> tuple[Detected, NDArray[np.int64]]:
    """Return the boxes that are told, the surest first, and (n,) the queries that they are from.

    boxes: (Q, 4) centre x, y, width, height, as shares of the image. sure: (Q, C).
    """
    queries, classes = np.nonzero(sure >= REPORTED)
    scores = sure[queries, classes]
    order = np.argsort(-scores, kind="stable")[:MOST_BOXES]
    queries, classes, scores = queries[order], classes[order], scores[order]
    of = np.array([image.width, image.height] * 2, np.float64)
    placed = boxes[queries].astype(np.float64)
    corners = np.concatenate([placed[:, :2] - placed[:, 2:] / 2, placed[:, :2] + placed[:, 2:] / 2], axis=1)
    corners = np.clip(corners, 0, 1) * of
    places = np.concatenate([corners[:, :2], corners[:, 2:] - corners[:, :2]], axis=1)
    wide = (places[:, 2:] >= LEAST_SIDE).all(axis=1)
    return Detected(places[wide], classes[wide], scores[wide]), queries[wide]


def _squeezed(images: Sequence[Small], side: int, device: torch.device) -> Tensor:
    """(B, 3, side, side) RGB from 0 to 1"""
    squares = []
    for one in images:
        pixels = torch.from_numpy(np.ascontiguousarray(one.pixels[..., ::-1])).to(device).permute(2, 0, 1)[None]
        squares.append(functional.interpolate(pixels.float() / 255, (side, side), mode="bilinear", antialias=True))
    return torch.cat(squares)


# --- training ---------------------------------------------------------------------------------------------------


@one_thread()
def fine_tune_large(
    network: Network,
    learnt: Sequence[Example],
    held: Sequence[Example],
    n_classes: int,
    side: int,
    device: str,
    *,
    passes: int,
    seed: int,
    tick: Tick = ignore,
) -> TrainedLarge:
    """Train the network, which is changed, and return it as it was best on the held-out images.

    `tick` counts images passed; it is called once a batch has been looked at, too.
    """
    rng, on = np.random.default_rng(seed), torch.device(device)
    network.to(device)
    optimiser = torch.optim.AdamW(_groups(network), weight_decay=DECAY)
    steps = max(1, passes // BATCH)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: rate(step, steps, WARM_UP))
    best = Best(held, n_classes, steps, lambda images: _looked_at(images, network, side, device))
    with seeded(seed, on):
        for step, batch in enumerate(batches(learnt, BATCH, steps, rng)):
            network.train()
            optimiser.zero_grad()
            loss = _loss(network, batch, side, on)
            tick(step * BATCH, steps * BATCH)
            loss.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(network.parameters(), LONGEST_STEP)
            optimiser.step()
            schedule.step()
            tick((step + 1) * BATCH, steps * BATCH)
            if best.is_over(network, step + 1, BATCH):
                break
    return TrainedLarge(network=network.eval(), **best.restore(network, learnt))


def _looked_at(images: Sequence[Small], network: Network, side: int, device: str) -> Iterator[Seen]:
    detector = LargeDetector(network, side, device)
    for at in range(0, len(images), BATCH):
        yield from detector(images[at : at + BATCH])


def _loss(network: nn.Module, batch: Sequence[Example], side: int, device: torch.device) -> Tensor:
    labels = [_labels(one, device) for one in batch]
    loss: Tensor = network(pixel_values=_squeezed([one.image for one in batch], side, device), labels=labels).loss
    return loss


def _labels(one: Example, device: torch.device) -> dict[str, Tensor]:
    """Say what is on an image as transformers wants it. What is around many objects teaches nothing."""
    single = ~one.truth.crowd
    places = one.truth.places[single] / np.array([one.image.width, one.image.height] * 2)
    centred = np.concatenate([places[:, :2] + places[:, 2:] / 2, places[:, 2:]], axis=1).astype(np.float32)
    classes = torch.from_numpy(one.truth.classes[single])
    return {"class_labels": classes.to(device), "boxes": torch.from_numpy(centred).to(device)}


def _groups(network: nn.Module) -> list[dict[str, Any]]:
    """The backbone, which knows what images look like, learns more slowly."""
    named = [(name, p) for name, p in network.named_parameters() if p.requires_grad]
    return [
        {"params": [p for name, p in named if "backbone" in name], "lr": BACKBONE_RATE},
        {"params": [p for name, p in named if "backbone" not in name], "lr": RATE},
    ]
