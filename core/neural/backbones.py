"""Backbones: pretrained networks without their classifier. Each reads one image (CPU) and embeds a batch (device).

Preprocessing belongs to the weights: timm resolves size, crop, mean and std from the model's own config, so it can't
drift from what the network was trained with.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import timm
import torch
from numpy.typing import NDArray
from PIL import Image
from safetensors import safe_open

from nextlabel.core.data.decoder import Decoder
from nextlabel.core.data.files import ImageFile
from nextlabel.core.data.images import NOTHING
from nextlabel.core.data.jpegs import Jpeg, read_jpeg
from nextlabel.core.disk import make_private, whole_file
from nextlabel.core.embeddings import descriptor
from nextlabel.core.embeddings.catalogue import BackboneSpec, Precision, find_backbone, weights_in
from nextlabel.core.errors import NextlabelError, OutOfMemory, WeightsMismatch, WeightsUnavailable
from nextlabel.core.neural.compiled import KeptNetwork
from nextlabel.core.neural.crops import Crop
from nextlabel.core.neural.hub import cached_file, digest_of_file, from_hub
from nextlabel.core.neural.networks import Normalised, network_for
from nextlabel.core.neural.precision import precisions
from nextlabel.core.neural.uploads import Gathered, Prepared, ReadImage, Uploader
from nextlabel.core.settings import Settings

Pixels = NDArray[np.generic]  # what `prepare` makes of one image; `forward` takes them stacked
RANDOM_WEIGHTS = "random"
USUAL = "mobilenet"  # until a job has named another
READER = 2  # counts changes to how images become pixels; since 2, large JPEGs are decoded at a part of their size


class Reader(Protocol):
    """Makes image files into batches that a network takes."""

    images_at_once: int  #: how many a batch had best have
    decodes_on_device: bool  #: `read` does little but fetch the file, as a rule

    def read(self, file: ImageFile, decoder: Decoder) -> ReadImage:
        """Make one image file, just opened, what `gather` takes. Called from many threads. Raises UnreadableImage."""

    def gather(self, prepared: Sequence[Prepared]) -> Gathered:
        """Put images where `forward` wants them. Called from a thread of its own, beside the forward pass."""


class Backbone(Reader, Protocol):
    """A reader, and the network that it reads for.

    `weights` and `preprocessing` go into the cache key: an embedding is valid for exactly these.
    """

    name: str
    weights: str
    preprocessing: str
    dimension: int
    engine: str  #: what runs it: openvino, torch, cuda or numpy

    def prepare(self, image: Image.Image) -> Pixels:
        """Make an RGB image what `gather` takes."""

    def forward(self, batch: Any) -> NDArray[np.float32]:
        """Embed `Gathered.batch`, of B images: (B, d)."""


class OnCpu(ABC):
    """A reader whose threads make each image an array of its own; the arrays are stacked."""

    engine = "numpy"
    images_at_once = 64
    decodes_on_device = False

    @abstractmethod
    def prepare(self, image: Image.Image) -> Pixels:
        """Make an RGB image the array that forward takes, stacked with others."""

    def read(self, file: ImageFile, decoder: Decoder) -> ReadImage:
        image, remarks = decoder.decode(file)
        return ReadImage(self.prepare(image), remarks)

    def gather(self, prepared: Sequence[Prepared]) -> Gathered:
        return Gathered(np.stack([pixels for pixels in prepared if not isinstance(pixels, Jpeg)]), {})


class DescriptorBackbone(OnCpu):
    """Lets the built-in descriptor stand for a backbone; everything happens in `prepare`."""

    name = "descriptor"
    weights = "none"
    preprocessing = descriptor.VERSION
    dimension = descriptor.DIMENSION

    def prepare(self, image: Image.Image) -> Pixels:
        small = image.resize((descriptor.SIDE, descriptor.SIDE), Image.Resampling.BOX)
        pixels: Pixels = descriptor.describe(np.asarray(small))
        return pixels

    def forward(self, batch: Pixels) -> NDArray[np.float32]:
        return batch.astype(np.float32)


class TimmBackbone(OnCpu):
    """Runs a timm model, pooled, on a device, after what timm does to an image for evaluation."""

    def __init__(
        self,
        name: str,
        model: torch.nn.Module,
        weights: str,
        device: str,
        settings: Settings,
        tried: Sequence[Precision] = ("float32",),
    ) -> None:
        """`tried`: the precisions to try on a CPU, the first first."""
        config = timm.data.resolve_model_data_config(model)
        shape = (*config["input_size"][1:], 3)
        self.name = name
        self.weights = weights
        self.preprocessing = ",".join(f"{key}={config[key]}" for key in sorted(config)) + f",reader={READER}"
        self._device = torch.device(device)
        self._crop = Crop.of(config)
        self._transform = timm.data.create_transform(**config, is_training=False, normalize=False)
        self._draft_size = min(self._crop.resized) if self._crop else None
        self._upload = Uploader(shape, self._crop, self._device) if self._device.type == "cuda" else None
        self.decodes_on_device = self._upload is not None and self._upload.takes_jpegs
        normalised = Normalised(model, config["mean"], config["std"])
        kept = KeptNetwork(settings.compiled_dir, f"{name} {weights} {self.preprocessing}")
        self._network = network_for(
            normalised, shape, self._device, settings.cpu_engine, settings.batch_size, kept, tried
        )
        if self._network.precision:
            self.preprocessing += f",precision={self._network.precision}"
        self.engine, self.images_at_once = self._network.engine, self._network.images_at_once
        # Measured: what timm calls num_features is not what MobileNetV3 and its like put out.
        self.dimension = self.forward(self.gather([np.zeros(shape, np.uint8)]).batch).shape[1]

    def prepare(self, image: Image.Image) -> Pixels:
        """Resize and cut an RGB image as the weights want it: (H, W, 3) uint8."""
        if self._crop is not None:
            return self._crop(image)
        pixels: Pixels = np.ascontiguousarray(np.moveaxis(self._transform(image).numpy(), 0, -1))
        return pixels

    def read(self, file: ImageFile, decoder: Decoder) -> ReadImage:
        if self.decodes_on_device:
            if jpeg := read_jpeg(file, max_pixels=decoder.max_pixels):
                return ReadImage(jpeg, NOTHING)
            file.seek(0)
        image, remarks = decoder.decode(file, draft_size=self._draft_size)
        return ReadImage(self.prepare(image), remarks)

    def gather(self, prepared: Sequence[Prepared]) -> Gathered:
        return self._upload(prepared) if self._upload is not None else super().gather(prepared)

    def forward(self, batch: Any) -> NDArray[np.float32]:
        return self._network(batch)


def device_is_lost(error: BaseException) -> bool:
    """Say whether it is an error of the GPU's driver, after which nothing runs in this process. Out of memory is not
    one.
    """
    return isinstance(error, torch.AcceleratorError)


def default_device() -> str:
    return "cuda" if torch.cuda.is_available() else "cpu"


class BackboneLoader:
    """Keeps the backbone that was used last, so that the next job with it loads nothing."""

    def __init__(self, settings: Settings, device: str | None = None) -> None:
        self._settings = settings
        self.device = device or default_device()
        self._last: tuple[object, Backbone] | None = None
        self._noted = ""

    def load(self, spec: BackboneSpec, weights: str | None = None, seed: int = 0) -> Backbone:
        """Load a backbone: with `weights` None the pretrained one, with "random" an untrained one drawn from `seed`.

        Raises WeightsUnavailable naming both remedies, WeightsMismatch for a damaged file or another network's,
        OutOfMemory when the network does not fit into the device's memory.
        """
        key = (spec, weights, seed if weights == RANDOM_WEIGHTS else None, self._weights_file_state(spec))
        if self._last is None or self._last[0] != key:
            self._last = None  # let go of the old one before the new one takes its memory
            try:
                self._last = (key, self._build(spec, weights, seed))
            except torch.OutOfMemoryError as error:
                raise OutOfMemory(f"{spec.name} does not fit into the GPU's memory") from error
        if weights is None:
            self._note_usual(spec)
        return self._last[1]

    def load_usual(self) -> None:
        """Load the backbone that jobs used last on this machine, or `USUAL`, where its weights lie here.

        So the first job of a process finds it loaded. What goes wrong, a job will tell.
        """
        try:
            name = self._usual.read_text().strip()
        except (OSError, UnicodeDecodeError):
            name = USUAL
        with suppress(ValueError, NextlabelError):
            spec = find_backbone(name)
            if not spec.needs_weights or weights_in(spec, self._settings.weights_dir):
                self.load(spec)

    @property
    def _usual(self) -> Path:
        return self._settings.compiled_dir / "usual"

    def _note_usual(self, spec: BackboneSpec) -> None:
        if self._noted != spec.name:
            self._noted = spec.name
            with suppress(OSError):
                make_private(self._usual.parent)
                with whole_file(self._usual, private=True, shared=True) as file:
                    file.write(spec.name.encode())

    def is_here(self, spec: BackboneSpec) -> bool:
        """Whether its weights, if it needs any, lie in the folder for them or in the hub's cache."""
        if spec.timm_name is None or weights_in(spec, self._settings.weights_dir) is not None:
            return True
        config = timm.models.get_pretrained_cfg(spec.timm_name)
        if config is None or not config.hf_hub_id:
            return False
        return cached_file(config.hf_hub_id, "model.safetensors") is not None

    def _weights_file_state(self, spec: BackboneSpec) -> tuple[int, int] | None:
        path = weights_in(spec, self._settings.weights_dir)
        return (path.stat().st_size, path.stat().st_mtime_ns) if path else None

    def _build(self, spec: BackboneSpec, weights: str | None, seed: int) -> Backbone:
        if spec.timm_name is None:
            return DescriptorBackbone()
        if weights == RANDOM_WEIGHTS:
            model, digest = _untrained(spec.timm_name, spec.image_size, seed), f"random-{seed}"
            return TimmBackbone(spec.name, model, digest, self.device, self._settings)
        model, digest = self.pretrained(spec)
        tried = precisions(self._settings.precision, spec.precision)
        return TimmBackbone(spec.name, model, digest, self.device, self._settings, tried)

    def pretrained(self, spec: BackboneSpec) -> tuple[torch.nn.Module, str]:
        """Make the network of a timm model as it was published, on the CPU, and tell what its weights are.

        Raises WeightsUnavailable, WeightsMismatch.
        """
        assert spec.timm_name is not None
        path = weights_in(spec, self._settings.weights_dir) or _from_hub(spec.timm_name, self._settings)
        return _pretrained(spec.timm_name, spec.image_size, path), digest_of_file(path)


def _untrained(timm_name: str, image_size: int | None, seed: int) -> torch.nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)  # torch.manual_seed would also reseed every GPU, for good
        return _create(timm_name, image_size)


def _pretrained(timm_name: str, image_size: int | None, path: Path) -> torch.nn.Module:
    try:
        n_classes = _classes_in(path, timm_name)
        with torch.random.fork_rng(devices=[]):
            # custom_load: some ViTs were published as NumPy archives, and older timm would take this file for one
            return _create(timm_name, image_size, n_classes, file=str(path), custom_load=False)
    except Exception as error:
        why = " ".join(str(error).split())[:300]
        raise WeightsMismatch(f"{path.name} does not fit {timm_name}: {why}") from error


def _create(timm_name: str, image_size: int | None, n_classes: int = 0, **source: Any) -> torch.nn.Module:
    """Make the network without its classifier. `source` is where its tensors are; timm refuses missing and extra ones.

    It does so only while the network keeps the classifier of the file, `n_classes` wide; it is taken off after that.
    """
    config, options = {"num_classes": n_classes, **source}, {}
    if image_size is not None:
        config["input_size"], options["img_size"] = (3, image_size, image_size), image_size
    model = timm.create_model(
        timm_name, pretrained=bool(source), num_classes=n_classes, pretrained_cfg_overlay=config, **options
    )
    if n_classes:
        model.reset_classifier(0)
    network: torch.nn.Module = model
    return network


def _classes_in(path: Path, timm_name: str) -> int:
    """Count the classes that the classifier in the file tells apart; 0 where it has none."""
    config = timm.models.get_pretrained_cfg(timm_name)
    classifier = config.classifier if config else None
    first = classifier[0] if isinstance(classifier, tuple) else classifier
    with safe_open(path, "pt") as file:
        name = f"{first}.weight"
        return int(file.get_slice(name).get_shape()[0]) if name in file.keys() else 0  # noqa: SIM118 - no mapping


def _from_hub(timm_name: str, settings: Settings) -> Path:
    """Return the hub's file for this model."""
    remedy = (
        f"put {timm_name}.safetensors into NEXTLABEL_WEIGHTS_DIR ({settings.weights_dir or 'not set'}), "
        "or give the worker access to the Hugging Face hub"
    )
    config = timm.models.get_pretrained_cfg(timm_name)
    if config is None or not config.hf_hub_id:
        raise WeightsUnavailable(f"there are no published weights for {timm_name}; {remedy}")
    return from_hub(config.hf_hub_id, "model.safetensors", f"the weights of {timm_name} are", remedy, settings)
