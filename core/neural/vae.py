"""What `vae` ranks by: how well a variational autoencoder, trained on the labelled images, reconstructs an image.

Kingma, Welling: Auto-Encoding Variational Bayes, ICLR 2014. Sizes, loss weights and learning rate are the first
version's; that its errors were of randomly flipped images, decoded from a random draw and masked to the middle, is not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise
from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn

from nextlabel.core.errors import OutOfMemory
from nextlabel.core.neural.backbones import OnCpu
from nextlabel.core.neural.training import Floats, Tick, drawn_from, ignore, one_thread

Thumbnail: TypeAlias = NDArray[np.uint8]  # (3, SIDE, SIDE) RGB, or several of them

SIDE = 64
CHANNELS = (32, 64, 128, 256, 512)  # each halves the side: 2 is left
FLAT = CHANNELS[-1] * 2 * 2
LATENT = 128
KL_WEIGHT = 1e-5
LEARNING_RATE = 1e-3

BATCH = 16  # larger ones learn less from the same time on a CPU
AT_ONCE_ON_CPU, AT_ONCE_ON_GPU = 16, 128  # images scored; on a CPU more of them leave its caches

MIN_TO_HOLD_OUT = 20  # images of which a tenth says when to stop
FEW_EPOCHS = 50  # for fewer
MAX_EPOCHS = 100
MIN_EPOCHS = 2  # however many images
PASSES = {"cpu": 6_000, "cuda": 60_000}  # of one image, forth and back, at most; on one CPU core about a minute
PATIENCE = 10  # epochs without a new least held-out error; it wavers from one to the next


@dataclass(frozen=True, eq=False)
class TrainedVae:
    """A trained VAE. `details`: epochs trained, epoch kept, and the held-out images' mean error where some were."""

    details: Mapping[str, float | int | str]
    network: VaeNetwork = field(repr=False)
    device: str

    def errors(self, pixels: Thumbnail) -> Floats:
        """Return the mean absolute error of what the latent mean decodes to: uint8 (B, 3, 64, 64) -> (B,) in 0..1.

        Nothing random is in it, and no image's error depends on the others, but for rounding.
        """
        return _errors(self.network, pixels, self.device, lambda: None)


def train_vae(
    pixels: Thumbnail,
    *,
    epochs: int | None = None,
    seed: int,
    device: str = "cpu",
    tick: Tick = ignore,
) -> TrainedVae:
    """Train a VAE. The same inputs and seed give the same one on the same device.

    pixels: (L, 3, 64, 64) uint8, L >= 1.
    epochs: None: until a tenth of the images, held out, is reconstructed no better, or `PASSES` are over; the best
        epoch is kept. Fewer than 20 images: 50 epochs on all of them.
    tick: takes (done, total) in epochs, `done` never falling. Called after every batch, so that what it raises ends the
        training soon.

    Raises ValueError when the inputs break these terms, OutOfMemory when the GPU's memory is short.
    """
    _check(pixels, epochs)
    if epochs is None and len(pixels) < MIN_TO_HOLD_OUT:
        epochs = FEW_EPOCHS
    try:
        with one_thread(), _repeatable():
            training = _Training(seed, device)
            if epochs is None:
                return training.until_no_better(pixels, tick)
            return training.through(pixels, epochs, tick)
    except torch.OutOfMemoryError as error:
        raise OutOfMemory("the VAE and a batch of thumbnails do not fit into the GPU's memory") from error


def _check(pixels: Thumbnail, epochs: int | None) -> None:
    if pixels.dtype != np.uint8 or pixels.ndim != 4 or pixels.shape[1:] != (3, SIDE, SIDE):
        raise ValueError(f"expected uint8 (L, 3, {SIDE}, {SIDE}), got {pixels.dtype} {pixels.shape}")
    if not len(pixels):
        raise ValueError("a VAE needs one image at least")
    if epochs is not None and epochs < 1:
        raise ValueError(f"epochs must be 1 or more, not {epochs}")


class ThumbnailReader(OnCpu):
    """Reads images for the VAE through core.neural.engine: each whole, squeezed into a square whatever its aspect
    ratio.
    """

    def prepare(self, image: Image.Image) -> Thumbnail:
        """Make a thumbnail of an RGB image: (3, 64, 64) uint8."""
        small = image.resize((SIDE, SIDE), Image.Resampling.BILINEAR)
        return np.ascontiguousarray(np.moveaxis(np.asarray(small, np.uint8), -1, 0))


# --- training ---------------------------------------------------------------------------------------------------


class _Training:
    def __init__(self, seed: int, device: str) -> None:
        self._device = device
        with drawn_from(seed):
            network = VaeNetwork()
        self._network = network.to(device).to(memory_format=torch.channels_last)  # a third faster on CPUs
        self._optimizer = torch.optim.Adam(self._network.parameters(), lr=LEARNING_RATE, fused=True)
        self._generator = torch.Generator().manual_seed(seed)  # on the CPU, for the same draws on every device

    def through(self, pixels: Thumbnail, epochs: int, tick: Tick) -> TrainedVae:
        for epoch in range(epochs):
            self._epoch(pixels, partial(tick, epoch, epochs))
        tick(epochs, epochs)
        return TrainedVae({"epochs": epochs, "kept_epoch": epochs}, self._network.eval(), self._device)

    def until_no_better(self, pixels: Thumbnail, tick: Tick) -> TrainedVae:
        order = torch.randperm(len(pixels), generator=self._generator).numpy()
        held_out, trained = np.split(pixels[order], [len(pixels) // 10])
        total = _most_epochs(len(pixels), self._device)
        errors: list[float] = []
        while len(errors) < total and len(errors) - _best(errors) < PATIENCE:
            beat = partial(tick, len(errors), total)
            self._epoch(trained, beat)
            errors.append(float(_errors(self._network, held_out, self._device, beat).mean()))
            if _best(errors) == len(errors):
                kept = deepcopy(self._network.state_dict())
        self._network.load_state_dict(kept)
        tick(total, total)
        details = {"epochs": len(errors), "kept_epoch": _best(errors), "held_out_error": min(errors)}
        return TrainedVae(details, self._network.eval(), self._device)

    def _epoch(self, pixels: Thumbnail, beat: Callable[[], None]) -> None:
        order = torch.randperm(len(pixels), generator=self._generator)
        self._network.train()
        # Of nearly equal size: a last batch of one image would leave little for the batch norm to go by.
        for rows in torch.tensor_split(order, -(-len(pixels) // BATCH)):
            self._step(_images(pixels[rows.numpy()], self._device))
            beat()

    def _step(self, images: Tensor) -> None:
        flip = torch.rand(len(images), generator=self._generator) < 0.5
        noise = torch.randn(len(images), LATENT, generator=self._generator)
        images = torch.where(flip.view(-1, 1, 1, 1).to(self._device), images.flip(3), images)
        self._optimizer.zero_grad()
        reconstructed, divergence = self._network(images, noise.to(self._device))
        loss = (reconstructed - images).abs().mean() + KL_WEIGHT * divergence.mean()
        loss.backward()
        self._optimizer.step()


def _most_epochs(images: int, device: str) -> int:
    passes = PASSES.get(torch.device(device).type, PASSES["cpu"])
    return min(MAX_EPOCHS, max(MIN_EPOCHS, passes // images))


def _best(errors: list[float]) -> int:
    """Return the epoch of the least error, counted from 1; 0 before the first."""
    return errors.index(min(errors)) + 1 if errors else 0


class VaeNetwork(nn.Module):
    """Five halvings down to the mean and the log variance of a latent Gaussian, and five doublings up again."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Sequential(*(_halve(*ends) for ends in pairwise((3, *CHANNELS))), nn.Flatten())
        self.mean, self.log_variance = nn.Linear(FLAT, LATENT), nn.Linear(FLAT, LATENT)
        self.decoder = nn.Sequential(
            nn.Linear(LATENT, FLAT),
            nn.Unflatten(1, (CHANNELS[-1], 2, 2)),
            *(_double(*ends) for ends in pairwise((*reversed(CHANNELS), CHANNELS[0]))),
            nn.Conv2d(CHANNELS[0], 3, 3, padding=1),
            nn.Sigmoid(),  # the first version's Tanh could leave the range of its input
        )

    def forward(self, images: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        """Return reconstructed images, and the divergence of their codes from N(0, 1) in nats: (B, 3, S, S), (B,).

        images: (B, 3, S, S) in 0..1; noise: (B, LATENT).
        """
        code = self.encoder(images)
        mean, log_variance = self.mean(code), self.log_variance(code)
        divergence = (mean.square() + log_variance.exp() - 1 - log_variance).sum(dim=1) / 2
        return self.decoder(mean + noise * (log_variance / 2).exp()), divergence

    def reconstruct(self, images: Tensor) -> Tensor:
        """Reconstruct images (B, 3, S, S) from their latent means."""
        reconstructed: Tensor = self.decoder(self.mean(self.encoder(images)))
        return reconstructed


def _halve(inputs: int, outputs: int) -> nn.Module:
    convolution = nn.Conv2d(inputs, outputs, 3, stride=2, padding=1)
    return nn.Sequential(convolution, nn.BatchNorm2d(outputs), nn.LeakyReLU())


def _double(inputs: int, outputs: int) -> nn.Module:
    convolution = nn.ConvTranspose2d(inputs, outputs, 3, stride=2, padding=1, output_padding=1)
    return nn.Sequential(convolution, nn.BatchNorm2d(outputs), nn.LeakyReLU())


# --- both -------------------------------------------------------------------------------------------------------


def _errors(network: VaeNetwork, pixels: Thumbnail, device: str, beat: Callable[[], None]) -> Floats:
    """Return the error of each image (B,). `beat` is called after every batch. The network is left in eval mode."""
    network.eval()
    errors = np.empty(len(pixels), np.float32)
    with _repeatable(), torch.inference_mode():
        at_once = AT_ONCE_ON_CPU if device == "cpu" else AT_ONCE_ON_GPU
        for start in range(0, len(pixels), at_once):
            rows = slice(start, start + at_once)
            images = _images(pixels[rows], device)
            errors[rows] = (network.reconstruct(images) - images).abs().mean(dim=(1, 2, 3)).cpu().numpy()
            beat()
    return errors


def _images(pixels: Thumbnail, device: str) -> Tensor:
    """Return float32 in 0..1 on the device. The pixels are copied: torch warns of an array that it may not write to."""
    return torch.from_numpy(pixels.copy()).to(device, memory_format=torch.channels_last).float() / 255


@contextmanager
def _repeatable() -> Iterator[None]:
    """Have sums taken in the same order: cuDNN's fastest transposed convolutions add up as their threads come."""
    before = torch.backends.cudnn.deterministic
    torch.backends.cudnn.deterministic = True
    try:
        yield
    finally:
        torch.backends.cudnn.deterministic = before
