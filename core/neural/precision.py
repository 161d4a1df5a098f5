"""Arithmetic narrower than float32 on a CPU: which of it there is, which a backbone is run in, and int8's calibration.

An int8 network is calibrated once, on images that are drawn here by rule. So an embedding depends on the backbone, its
weights and the precision, and never on which pool came first.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import redirect_stdout
from importlib.util import find_spec
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from nextlabel.core.embeddings.catalogue import Precision

Setting = Literal["exact", "fast", "auto"]
Pixels = NDArray[np.uint8]

CALIBRATION_IMAGES = 256
ATTENTION = ("ScaledDotProductAttention", "Softmax")  # as OpenVINO names what only attention has in a backbone
#: Of the embeddings of calibration images with those in float32, on average, at least; else the next wider is taken.
LEAST_COSINE: dict[Precision, float] = {"int8": 0.97, "bfloat16": 0.99, "float32": 0.9999}


def precisions(setting: Setting, shown: Precision) -> tuple[Precision, ...]:
    """List the precisions to try for a backbone, the first first; the last is float32.

    setting: `exact` is float32; `fast` whatever is fastest here; `auto` the one `shown` to teach as much as float32.
    """
    if setting == "exact":
        return ("float32",)
    wanted: tuple[Precision, ...] = ("int8", "bfloat16") if setting == "fast" else (shown,)
    return (*(one for one in wanted if one != "float32"), "float32")


def cpu_has(precision: Precision, capabilities: list[str]) -> bool:
    """Whether the CPU computes faster in it. capabilities: as OpenVINO lists them."""
    if precision == "bfloat16":
        return "BF16" in capabilities
    if precision == "int8":
        # OpenVINO lists INT8 for CPUs that emulate it, too. An older torch doesn't tell.
        asked: dict[str, object] = getattr(torch.cpu, "get_capabilities", dict)()
        return "INT8" in capabilities and any(asked.get(name) for name in ("avx512_vnni", "avx_vnni", "amx_int8"))
    return True


def can_quantise() -> bool:
    return find_spec("nncf") is not None


def quantised(model: Any, shape: tuple[int, int, int]) -> bytes:
    """Make an OpenVINO model for one image of that shape an int8 one by NNCF, as bytes that `read_quantised` takes."""
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]  # it would report to Google Analytics
    import nncf  # noqa: PLC0415 - an extra, and slow to import
    import openvino  # noqa: PLC0415
    from openvino._offline_transformations import apply_moc_transformations  # noqa: PLC0415

    logging.getLogger("nncf").setLevel(logging.ERROR)
    # As `openvino.convert_model` does: batch norms go into the kernels before them. Else int8 is as slow as float32.
    apply_moc_transformations(model, cf=False)
    images = nncf.Dataset([image[None] for image in calibration_images(shape, CALIBRATION_IMAGES)])
    with redirect_stdout(StringIO()):  # bars of progress
        kind = nncf.ModelType.TRANSFORMER if has_attention(model) else None
        model = nncf.quantize(model, images, model_type=kind, subset_size=CALIBRATION_IMAGES)
    with TemporaryDirectory() as folder:
        graph, numbers = Path(folder) / "int8.xml", Path(folder) / "int8.bin"
        openvino.serialize(model, graph, numbers)
        text = graph.read_bytes()
        return len(text).to_bytes(8, "big") + text + numbers.read_bytes()


def has_attention(model: Any) -> bool:
    """Whether an OpenVINO model has attention: it must be quantised in its own way (docs/precision.md)."""
    return any(operation.get_type_name() in ATTENTION for operation in model.get_ops())


def read_quantised(core: Any, network: bytes) -> Any:
    length = int.from_bytes(network[:8], "big")
    return core.read_model(network[8 : 8 + length], network[8 + length :])


def calibration_images(shape: tuple[int, int, int], count: int) -> Iterator[Pixels]:
    """Draw images (H, W, 3), always the same: leaves of all sizes over one another, as things cover what lies behind.

    Edges, flat and shaded parts and stripes come in them as often as in photos, nearly. For `mobilenet` that is worth a
    cosine of .992 with float32, where noise of all scales is worth .970, and photos .996.
    """
    rng = np.random.default_rng(0)
    return (_leaves(shape, rng) for _ in range(count))


def _leaves(shape: tuple[int, int, int], rng: np.random.Generator) -> Pixels:
    height, width, _ = shape
    y, x = np.mgrid[:height, :width].astype(np.float32)
    image = np.full(shape, _colour(rng), np.float32)
    sizes = (rng.pareto(1.5, rng.integers(25, 150)) + 0.1) * 0.08 * height
    for radius in np.sort(sizes.clip(3, 0.7 * height))[::-1]:
        top, left, turn, narrow = rng.uniform((-0.1, -0.1, 0, 0.3), (1.1, 1.1, np.pi, 1))
        along = (x - left * width) * np.cos(turn) + (y - top * height) * np.sin(turn)
        across = ((y - top * height) * np.cos(turn) - (x - left * width) * np.sin(turn)) / narrow
        is_round = rng.random() < 0.6
        covered = (along**2 + across**2 if is_round else np.maximum(along**2, across**2)) < radius**2
        colour = _colour(rng)
        shade = 1 + rng.uniform(-0.5, 0.5) * along[covered] / radius
        stripes = rng.uniform(0, 25) * np.sin(along[covered] * rng.uniform(0.05, 1.5)) * (rng.random() < 0.4)
        image[covered] = colour * shade[:, None] + stripes[:, None]
    drawn = Image.fromarray(image.clip(0, 255).astype(np.uint8)).filter(ImageFilter.GaussianBlur(rng.uniform(0.4, 1.6)))
    grain = rng.standard_normal((height, width, 1)) * rng.uniform(0, 8)
    pixels: Pixels = (np.asarray(drawn) + grain).clip(0, 255).astype(np.uint8)
    return pixels


def _colour(rng: np.random.Generator) -> NDArray[np.float64]:
    grey = rng.uniform(0, 255)
    colour: NDArray[np.float64] = grey + (rng.uniform(0, 255, 3) - grey) * rng.uniform(0, 0.4)
    return colour
