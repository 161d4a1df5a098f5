"""Runs a network on images of any shape, several at a time: those of a thread each, so that none waits for the others.

An image is filled up to the next multiples of what the network takes, and not to a square: a photo of 4:3 takes a fifth
less time. OpenVINO compiles networks for the first shapes that come, and one, slower by a quarter, for all others.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from nextlabel.core.neural.detection.letterbox import FILL, Small, filled_up
from nextlabel.core.neural.detection.network import MULTIPLE_OF
from nextlabel.core.neural.networks import import_openvino, traced
from nextlabel.core.neural.training import one_thread

COMPILED = 3  # shapes, half a second and some 50 MB each
ANY = -1  # of a side

Told = Sequence[NDArray[np.float32]]  # the network's outputs for one image, (1, ...) each
Shape = tuple[int, int]  # height and width of what the network is given


class Runner(Protocol):
    """Yields what a network says of each image, in order; it is to be used before the next is asked for."""

    def __call__(self, images: Sequence[Small]) -> Iterator[Told]: ...


def runner(network: nn.Module, engine: str) -> Runner:
    """Make a network, (1, 3, H, W) BGR from 0 to 255 -> tensors (1, ...), ready. engine: openvino or torch."""
    return _OpenVino(network) if engine == "openvino" else _Torch(network)


def engine_of(asked: str) -> str:
    """Return what computes: OpenVINO where it is installed, unless torch is asked for."""
    return "openvino" if asked != "torch" and find_spec("openvino") is not None else "torch"


def _shape(image: Small) -> Shape:
    height, width = (-(-length // MULTIPLE_OF) * MULTIPLE_OF for length in image.pixels.shape[:2])
    return height, width


class _Torch:
    def __init__(self, network: nn.Module) -> None:
        self._network = network.eval()

    def __call__(self, images: Sequence[Small]) -> Iterator[Told]:
        for image in images:
            with torch.inference_mode(), one_thread():
                said = self._network(torch.from_numpy(filled_up([image.pixels], *_shape(image))))
            yield [part.numpy() for part in said]


class _OpenVino:
    """Compiles what it needs when it is needed."""

    def __init__(self, network: nn.Module) -> None:
        side = 2 * MULTIPLE_OF
        self._model = traced(network.eval(), torch.zeros((1, 3, side, side), dtype=torch.uint8))
        self._outputs = range(len(self._model.outputs))
        self._threads = torch.get_num_threads()
        self._core = import_openvino().Core()
        self._compiled: dict[Shape, _Compiled] = {}

    def __call__(self, images: Sequence[Small]) -> Iterator[Told]:
        """One more is begun than there are threads: they go on while the caller looks at what one says."""
        running: deque[tuple[_Compiled, Any]] = deque()
        for image in images:
            if len(running) > self._threads:
                yield from self._next(running)
            shape = _shape(image)
            compiled = self._for(*shape)
            request = compiled.take()
            _lay_into(request.get_input_tensor(), image.pixels, shape)
            request.start_async()
            running.append((compiled, request))
        while running:
            yield from self._next(running)

    def _next(self, running: deque[tuple[_Compiled, Any]]) -> Iterator[Told]:
        compiled, request = running.popleft()
        request.wait()
        yield [request.get_output_tensor(i).data for i in self._outputs]
        compiled.free.append(request)

    def _for(self, height: int, width: int) -> _Compiled:
        shape = (height, width)
        if shape not in self._compiled and len(self._compiled) >= COMPILED:
            shape = (ANY, ANY)
        if shape not in self._compiled:
            self._compiled[shape] = self._compile(*shape)
        return self._compiled[shape]

    def _compile(self, height: int, width: int) -> _Compiled:
        model = self._model.clone()
        model.reshape([1, 3, height, width])
        options = {
            "INFERENCE_PRECISION_HINT": "f32",  # else bfloat16, on CPUs that have it: it moves boxes by pixels
            "INFERENCE_NUM_THREADS": self._threads,
            "NUM_STREAMS": self._threads,
            "ENABLE_CPU_PINNING": False,  # it would pin two workers of one machine to the same cores
        }
        return _Compiled(self._core.compile_model(model, "CPU", options))


def _lay_into(tensor: Any, pixels: NDArray[np.uint8], shape: Shape) -> None:
    """Lay an image into the corner of what a network is given, and fill the rest: no memory is asked for."""
    wanted = [1, 3, *shape]
    if list(tensor.shape) != wanted:  # a network for all shapes
        tensor.shape = wanted
    given, (height, width) = tensor.data[0], pixels.shape[:2]
    given[:, :height, :width] = np.moveaxis(pixels, 2, 0)
    given[:, :height, width:] = FILL
    given[:, height:] = FILL


class _Compiled:
    """A network as it was compiled, and requests that wait to be used."""

    def __init__(self, model: Any) -> None:
        self._model = model
        self.free: list[Any] = []

    def take(self) -> Any:
        return self.free.pop() if self.free else self._model.create_infer_request()
