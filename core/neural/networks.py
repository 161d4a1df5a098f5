"""A network without its classifier, made ready for a device: pixels in, embeddings out, in batches.

Whatever the device, what the network makes of pixels does not depend on how many images are in its batch: kernels are
chosen by the size of a batch, and sum in another order for an image alone than in company. So batches are filled up.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Sequence
from hashlib import blake2b
from importlib.util import find_spec
from io import BytesIO
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from nextlabel.core.embeddings.catalogue import Precision
from nextlabel.core.logs import get_logger
from nextlabel.core.neural.compiled import KeptNetwork
from nextlabel.core.neural.precision import (
    LEAST_COSINE,
    calibration_images,
    can_quantise,
    cpu_has,
    quantised,
    read_quantised,
)

Floats = NDArray[np.float32]
IMAGES_AT_ONCE_ON_CPU, IMAGES_AT_ONCE_ON_GPU = 32, 256  # unless the settings say so
TORCH_MULTIPLES_OF = 16  # with 8, one thread sums in another order than several batches of them do
OPENVINO_AT_ONCE = 4  # images a core works on; their activations stay in its cache
PROBES = 8  # images that tell whether a narrower precision gives the embeddings of float32, nearly
QUANTISED = 2  # counts changes to how a network is quantised
log = get_logger(__name__)


class Network(Protocol):
    """Embeds batches of images on some device. `engine` names what computes, for the record.

    precision: of its arithmetic, where that is not the engine's usual one; of int8, which quantised network it is, too.
    """

    engine: str
    images_at_once: int
    precision: str

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
    precisions: Sequence[Precision] = ("float32",),
) -> Network:
    """Make a network ready for a device.

    shape: (H, W, 3) of an image.
    engine: what computes on a CPU: openvino, torch, or auto, which is OpenVINO where it is installed.
    images_at_once: the size of a batch on a GPU; 0 for the usual one.
    kept: where what OpenVINO compiled is kept for the next process; None: nowhere.
    precisions: those to try, the first first, by OpenVINO on a CPU; the last is float32.
    """
    if device.type == "cuda":
        return CudaNetwork(network, shape, device, images_at_once or IMAGES_AT_ONCE_ON_GPU)
    if engine == "openvino" or (engine == "auto" and find_spec("openvino") is not None):
        narrow = (_narrow(network, shape, kept, one) for one in precisions if one != "float32")
        return next(filter(None, narrow), None) or _by_openvino(network, shape, kept)
    return TorchNetwork(network)


def _narrow(
    network: Normalised, shape: tuple[int, int, int], kept: KeptNetwork | None, precision: Precision
) -> Network | None:
    """Have OpenVINO run the network in a narrower precision.

    Returns None, with a word in the log, where the CPU gains nothing by it, int8 can't be made here, or what comes out
    is another network.
    """
    core = import_openvino().Core()
    if not cpu_has(precision, core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")):
        log.info("computing in a wider precision: the CPU has none for this one", precision=precision)
        return None
    probes = np.stack(list(calibration_images(shape, PROBES)))
    try:
        int8 = _int8(network, shape, kept) if precision == "int8" else None
        named = f"int8-{blake2b(int8, digest_size=6).hexdigest()}" if int8 is not None else precision
        if kept is not None and (known := _kept_network(kept, shape, probes, named)) is not None:
            return known
        model = read_quantised(core, int8) if int8 is not None else _traced(network, shape)
        compiled = OpenVinoNetwork.compiled(model, shape, named)
        found, expected = compiled(probes), TorchNetwork(network)(probes)
    except Exception as error:  # whatever an operation leads to that OpenVINO or NNCF doesn't know
        cause = " ".join(str(error).split())[:300]
        log.warning("computing in a wider precision: this one can't be had", precision=precision, cause=cause)
        return None
    if (cosine := float(_cosines(found, expected).mean())) < LEAST_COSINE[precision]:
        log.warning("computing in a wider precision: the embeddings are others", precision=precision, cosine=cosine)
        return None
    if kept is not None:
        kept.write(_state(shape, named), compiled.exported(), found)
    return compiled


def _int8(network: Normalised, shape: tuple[int, int, int], kept: KeptNetwork | None) -> bytes:
    """Return the quantised network that is kept, or make it and keep it. Raises ModuleNotFoundError without NNCF."""
    state, nothing = ["quantised", QUANTISED, list(shape)], np.zeros((0, 0), np.float32)
    if kept is not None and (known := kept.read(state)) is not None:
        return known[0]
    if not can_quantise():
        raise ModuleNotFoundError("NNCF is not installed: pip install nextlabel[int8]")
    model = _traced(network, shape)
    model.reshape([1, *shape])
    log.info("quantising the backbone, once for these weights; it takes a minute")
    made = quantised(model, shape)
    if kept is not None:
        kept.write(state, made, nothing)
    return made


def _cosines(found: Floats, expected: Floats) -> Floats:
    cosines: Floats = np.vecdot(found, expected) / np.linalg.norm(found, axis=1) / np.linalg.norm(expected, axis=1)
    return cosines


def _by_openvino(network: Normalised, shape: tuple[int, int, int], kept: KeptNetwork | None) -> Network:
    """Have OpenVINO run the network, unless it can't compile it or gives other embeddings: one batch of noise tells."""
    noise = np.random.default_rng(0).integers(0, 256, (2, *shape), dtype=np.uint8)
    if kept is not None and (known := _kept_network(kept, shape, noise)) is not None:
        return known
    by_torch = TorchNetwork(network)
    expected = by_torch(noise)
    try:
        compiled = OpenVinoNetwork.of(network, shape)
        found = compiled(noise)
    except Exception as error:  # its frontend raises whatever an operation that it doesn't know leads it to
        log.warning(
            "computing with torch: OpenVINO can't compile the network", cause=" ".join(str(error).split())[:300]
        )
        return by_torch
    if not (_cosines(found, expected) > LEAST_COSINE["float32"]).all():
        log.warning("computing with torch: OpenVINO's embeddings are others")
        return by_torch
    if kept is not None:
        kept.write(_state(shape), compiled.exported(), found)
    return compiled


def _kept_network(
    kept: KeptNetwork, shape: tuple[int, int, int], images: NDArray[np.uint8], precision: str = ""
) -> Network | None:
    """Read a network that was compiled before; None unless it makes of the images what it did then."""
    try:
        if (known := kept.read(_state(shape, precision))) is None:
            return None
        compiled = OpenVinoNetwork.read(known[0], precision)
        if compiled(images).tobytes() == known[1].tobytes():
            return compiled
    except Exception as error:  # whatever a damaged network may cause
        log.warning("a network that was kept can't be used, and is compiled anew", cause=str(error)[:300])
    return None


def _state(shape: tuple[int, int, int], precision: str = "") -> list[object]:
    """What a compiled network depends on besides the network."""
    openvino = import_openvino()
    core = openvino.Core()
    cpu = core.get_property("CPU", "FULL_DEVICE_NAME"), core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    state = [openvino.__version__, torch.__version__, list(shape), OPENVINO_AT_ONCE, _options(precision)]
    return [*state, list(map(str, cpu)), *filter(None, [precision])]


def _options(precision: str) -> dict[str, object]:
    threads = torch.get_num_threads()
    return {
        "INFERENCE_PRECISION_HINT": "bf16" if precision == "bfloat16" else "f32",  # unset, it takes what it likes
        "INFERENCE_NUM_THREADS": threads,
        "NUM_STREAMS": threads,
        "ENABLE_CPU_PINNING": False,  # it would pin two workers of one machine to the same cores
    }


class TorchNetwork:
    """Runs the network by PyTorch on a CPU, one kernel after the other."""

    engine = "torch"
    precision = ""
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

    def __init__(self, compiled: Any, precision: str = "") -> None:
        """`compiled`: OpenVINO's model, in that precision."""
        threads = torch.get_num_threads()
        self._compiled, self.precision = compiled, precision
        self._dimension = int(compiled.output(0).shape[1])
        self._queue = import_openvino().AsyncInferQueue(compiled, threads)
        self._queue.set_callback(_keep)
        self.images_at_once = max(IMAGES_AT_ONCE_ON_CPU, 2 * threads * OPENVINO_AT_ONCE)

    @classmethod
    def of(cls, network: Normalised, shape: tuple[int, int, int]) -> OpenVinoNetwork:
        """Compile a network for images of that shape, in float32."""
        return cls.compiled(_traced(network, shape), shape)

    @classmethod
    def compiled(cls, model: Any, shape: tuple[int, int, int], precision: str = "") -> OpenVinoNetwork:
        """Compile OpenVINO's model of a network."""
        model.reshape([OPENVINO_AT_ONCE, *shape])
        return cls(import_openvino().Core().compile_model(model, "CPU", _options(precision)), precision)

    @classmethod
    def read(cls, exported: bytes, precision: str = "") -> OpenVinoNetwork:
        """Make one of what another `exported`."""
        return cls(import_openvino().Core().import_model(BytesIO(exported), "CPU", _options(precision)), precision)

    def exported(self) -> bytes:
        exported: bytes = self._compiled.export_model().getvalue()
        return exported

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


def _traced(network: Normalised, shape: tuple[int, int, int]) -> Any:
    return traced(_ChannelsLast(network.eval()), torch.zeros((1, *shape), dtype=torch.uint8))


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
    precision = ""
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
