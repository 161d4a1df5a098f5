"""A network without its classifier, made ready for a device: pixels in, embeddings out, in batches.

Whatever the device, what the network makes of pixels does not depend on how many images are in its batch: kernels are
chosen by the size of a batch, and sum in another order for an image alone than in company. So batches are filled up.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Sequence
from importlib.util import find_spec
from io import BytesIO
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from nextlabel.core.logs import get_logger
from nextlabel.core.neural.compiled import KeptNetwork

Floats = NDArray[np.float32]
IMAGES_AT_ONCE_ON_CPU, IMAGES_AT_ONCE_ON_GPU = 32, 256  # unless the settings say so
TORCH_MULTIPLES_OF = 8
OPENVINO_AT_ONCE = 4  # images a core works on; their activations stay in its cache
LEAST_COSINE = 0.9999
log = get_logger(__name__)


class Network(Protocol):
    """Embeds batches of images on some device. `engine` names what computes, for the record."""

    engine: str
    images_at_once: int

    def __call__(self, images: Any) -> Floats:
        """Embed images, uint8 (B, H, W, 3), or for CUDA (B, 3, H, W) in its memory: (B, d)."""


class Normalised(nn.Module):
    """Normalises images, then runs the network on them: (B, 3, H, W) uint8 -> (B, d)."""

    mean: Tensor
    std: Tensor

    def __init__(self, model: nn.Module, mean: Sequence[float], std: Sequence[float]) -> None:
        super().__init__()
        self.model = model
        self.register_buffer("mean", torch.tensor(mean).view(1, -1, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std).view(1, -1, 1, 1), persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        embeddings: Tensor = self.model((images.float() / 255 - self.mean) / self.std)
        return embeddings


def network_for(
    network: Normalised,
    shape: tuple[int, int, int],
    device: torch.device,
    engine: str,
    images_at_once: int = 0,
    kept: KeptNetwork | None = None,
) -> Network:
    """Make a network ready for a device.

    shape: (H, W, 3) of an image.
    engine: what computes on a CPU: openvino, torch, or auto, which is OpenVINO where it is installed.
    images_at_once: the size of a batch on a GPU; 0 for the usual one.
    kept: where what OpenVINO compiled is kept for the next process; None: nowhere.
    """
    if device.type == "cuda":
        return CudaNetwork(network, shape, device, images_at_once or IMAGES_AT_ONCE_ON_GPU)
    if engine == "openvino" or (engine == "auto" and find_spec("openvino") is not None):
        return _by_openvino(network, shape, kept)
    return TorchNetwork(network)


def _by_openvino(network: Normalised, shape: tuple[int, int, int], kept: KeptNetwork | None) -> Network:
    """Have OpenVINO run the network, unless it can't compile it or gives other embeddings: one batch of noise tells."""
    noise = np.random.default_rng(0).integers(0, 256, (2, *shape), dtype=np.uint8)
    if kept is not None and (known := _kept_network(kept, shape, noise)) is not None:
        return known
    by_torch = TorchNetwork(network)
    expected = by_torch(noise)
    try:
        compiled = OpenVinoNetwork(network, shape)
        found = compiled(noise)
    except Exception as error:  # its frontend raises whatever an operation that it doesn't know leads it to
        log.warning(
            "computing with torch: OpenVINO can't compile the network", cause=" ".join(str(error).split())[:300]
        )
        return by_torch
    lengths = np.linalg.norm(found, axis=1) * np.linalg.norm(expected, axis=1)
    if not (np.vecdot(found, expected) > LEAST_COSINE * lengths).all():
        log.warning("computing with torch: OpenVINO's embeddings are others")
        return by_torch
    if kept is not None:
        kept.write(_state(shape), compiled.exported(), found)
    return compiled


def _kept_network(kept: KeptNetwork, shape: tuple[int, int, int], noise: NDArray[np.uint8]) -> Network | None:
    """Read a network that was compiled before; None unless it makes of the noise what it did then."""
    try:
        if (known := kept.read(_state(shape))) is None:
            return None
        compiled = OpenVinoNetwork.read(known[0])
        if compiled(noise).tobytes() == known[1].tobytes():
            return compiled
    except Exception as error:  # whatever a damaged network may cause
        log.warning("a network that was kept can't be used, and is compiled anew", cause=str(error)[:300])
    return None


def _state(shape: tuple[int, int, int]) -> list[object]:
    """What a compiled network depends on besides the network."""
    openvino = import_openvino()
    core = openvino.Core()
    cpu = core.get_property("CPU", "FULL_DEVICE_NAME"), core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    return [openvino.__version__, torch.__version__, list(shape), OPENVINO_AT_ONCE, _options(), list(map(str, cpu))]


def _options() -> dict[str, object]:
    threads = torch.get_num_threads()
    return {
        "INFERENCE_PRECISION_HINT": "f32",  # else bfloat16, on CPUs that have it
        "INFERENCE_NUM_THREADS": threads,
        "NUM_STREAMS": threads,
        "ENABLE_CPU_PINNING": False,  # it would pin two workers of one machine to the same cores
    }


class TorchNetwork:
    """Runs the network by PyTorch on a CPU, one kernel after the other."""

    engine = "torch"
    images_at_once = IMAGES_AT_ONCE_ON_CPU

    def __init__(self, network: Normalised) -> None:
        self._network = network.eval().to(memory_format=torch.channels_last)

    @torch.inference_mode()
    def __call__(self, images: NDArray[np.uint8]) -> Floats:
        n = len(images)
        filled = np.concatenate([images, np.repeat(images[-1:], -n % TORCH_MULTIPLES_OF, axis=0)])
        return np.asarray(self._network(torch.from_numpy(filled).permute(0, 3, 1, 2))[:n].numpy(), np.float32)


class OpenVinoNetwork:
    """Runs the network as OpenVINO compiles it for this CPU: normalisation, batch norms and activations go into the
    kernels before them.

    Each core works on images of its own, so that none waits for the others after every layer.
    """

    engine = "openvino"

    def __init__(self, network: Normalised, shape: tuple[int, int, int]) -> None:
        """Compile a network for images of that shape."""
        model = traced(_ChannelsLast(network), torch.zeros((1, *shape), dtype=torch.uint8))
        model.reshape([OPENVINO_AT_ONCE, *shape])
        self._take(import_openvino().Core().compile_model(model, "CPU", _options()))

    @classmethod
    def read(cls, exported: bytes) -> OpenVinoNetwork:
        """Make one of what another `exported`."""
        made = cls.__new__(cls)
        made._take(import_openvino().Core().import_model(BytesIO(exported), "CPU", _options()))
        return made

    def exported(self) -> bytes:
        exported: bytes = self._compiled.export_model().getvalue()
        return exported

    def _take(self, compiled: Any) -> None:
        threads = torch.get_num_threads()
        self._compiled = compiled
        self._dimension = int(compiled.output(0).shape[1])
        self._queue = import_openvino().AsyncInferQueue(compiled, threads)
        self._queue.set_callback(_keep)
        self.images_at_once = max(IMAGES_AT_ONCE_ON_CPU, 2 * threads * OPENVINO_AT_ONCE)

    def __call__(self, images: NDArray[np.uint8]) -> Floats:
        n, size = len(images), OPENVINO_AT_ONCE
        embeddings = np.empty((n + -n % size, self._dimension), np.float32)
        for start in range(0, n, size):
            part = images[start : start + size]
            if len(part) < size:
                part = np.concatenate([part, np.repeat(part[-1:], size - len(part), axis=0)])
            self._queue.start_async({0: part}, embeddings[start : start + size])
        self._queue.wait_all()
        return embeddings[:n]


def _keep(request: Any, embeddings: Floats) -> None:
    embeddings[:] = request.get_output_tensor(0).data


def import_openvino() -> Any:
    """Import OpenVINO without its reporter to Google Analytics, which would send an event at the import and at each
    use.
    """
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]  # can't be imported any more
    import openvino  # noqa: PLC0415 - an extra

    return openvino


class _ChannelsLast(nn.Module):
    def __init__(self, network: Normalised) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> Tensor:
        embeddings: Tensor = self.network(images.permute(0, 3, 1, 2))
        return embeddings


def traced(network: nn.Module, example: Tensor) -> Any:
    """Make the network OpenVINO's, by what it does to the example."""
    import_openvino()
    from openvino.frontend import FrontEndManager  # noqa: PLC0415
    from openvino.frontend.pytorch.ts_decoder import TorchScriptPythonDecoder  # noqa: PLC0415

    with torch.no_grad(), warnings.catch_warnings():
        # torch calls tracing deprecated; of what should replace it, OpenVINO 2026.4 can't read torch 2.15's yet
        warnings.simplefilter("ignore")
        decoder = TorchScriptPythonDecoder(
            network.eval(),
            example_input=example,
            trace_kwargs={"check_trace": False},  # takes as long again; what comes out is checked anyway
        )
    frontend = FrontEndManager().load_by_framework("pytorch")
    return frontend.convert(frontend.load(decoder))


class CudaNetwork:
    """Runs the network in half precision, as a CUDA graph of a full batch that is recorded once and replayed.

    That is one launch instead of hundreds, each of which would wait for the threads that read files to let go of the
    interpreter.

    Measured on an H200: float16 costs a cosine of 2e-5 (1.5e-4 at worst) where bfloat16, as fast, costs 4e-3 (3e-2).
    What float16 can't hold comes out not finite, and is computed again in float32.
    """

    engine = "cuda"
    HEADROOM_BYTES = 1 << 30  # left for decoding (core/neural/uploads.py) and the head

    def __init__(
        self, network: Normalised, shape: tuple[int, int, int], device: torch.device, images_at_once: int
    ) -> None:
        """Record the graph, of a smaller batch when memory is short. Raises torch.OutOfMemoryError when one image is
        too much.
        """
        self._network = network.eval().to(device).to(memory_format=torch.channels_last)
        self._shape, self._device = (shape[2], shape[0], shape[1]), device
        self.images_at_once = images_at_once
        self._recorded = self._record_what_fits()
        if self.images_at_once < images_at_once:
            log.warning("the GPU's memory is short", images_at_once=self.images_at_once, wanted=images_at_once)

    @torch.inference_mode()
    def __call__(self, images: Tensor) -> Floats:
        """Embed images. Raises torch.OutOfMemoryError when so many are too many; half as many may not be."""
        n = len(images)
        graph, batch, output = self._recorded
        if n > self.images_at_once:
            raise torch.OutOfMemoryError(f"{self.images_at_once} images at once are what the memory is enough for")
        batch[:n].copy_(images)
        graph.replay()
        embeddings = output[:n].float().cpu().numpy()
        lost = np.flatnonzero(~np.isfinite(embeddings).all(axis=1))
        for i in lost.tolist():
            embeddings[i] = self._network(batch[i : i + 1]).float().cpu().numpy()[0]
        return np.asarray(embeddings, np.float32)

    @torch.inference_mode()
    def _record_what_fits(self) -> tuple[torch.cuda.CUDAGraph, Tensor, Tensor]:
        while True:
            try:
                return self._record(self.images_at_once)
            except torch.OutOfMemoryError:
                if self.images_at_once == 1:
                    raise
            torch.cuda.empty_cache()  # only here has what failed let go of its memory
            self.images_at_once //= 2

    def _record(self, size: int) -> tuple[torch.cuda.CUDAGraph, Tensor, Tensor]:
        batch = torch.zeros((size, *self._shape), dtype=torch.uint8, device=self._device)
        batch = batch.to(memory_format=torch.channels_last)
        aside = torch.cuda.Stream(self._device)  # type: ignore[no-untyped-call]
        aside.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(aside):  # libraries set themselves up at the first run, which can't be recorded
            self._half(batch)
        torch.cuda.current_stream().wait_stream(aside)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, capture_error_mode="thread_local"):  # others may allocate meanwhile
            output = self._half(batch)
        if size > 1 and torch.cuda.mem_get_info(self._device)[0] < self.HEADROOM_BYTES:
            raise torch.OutOfMemoryError("too little memory is left beside the network")
        return graph, batch, output

    def _half(self, batch: Tensor) -> Tensor:
        with torch.autocast("cuda", torch.float16, cache_enabled=False):
            embeddings: Tensor = self._network(batch)
        return embeddings
