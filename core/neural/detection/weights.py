"""The published weights of YOLOX-nano: which file they are, and how they come into our network.

They were trained on COCO by Megvii (Apache-2.0). The file is known by its content: an older export of the same network
wants other pixels, and without any error finds nonsense.
"""

from __future__ import annotations

import hashlib
import re
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from nextlabel.core.errors import WeightsMismatch, WeightsUnavailable
from nextlabel.core.neural.detection.network import BRIGHT, Yolox
from nextlabel.core.neural.networks import import_openvino
from nextlabel.core.settings import Settings

NAME = "yolox_nano"
FILE = "yolox_nano.onnx"
URL = "https://github.com/Megvii-BaseDetection/YOLOX/releases/download/0.1.1rc0/yolox_nano.onnx"
OFFICIAL = "c789161ed43c8269fcd4e67c67eeeb4e80c622da2eb296a20bc6007bd18a0b7d"
KNOWN = frozenset({OFFICIAL, "4903c9058f6e2553834e9905be1ae5d67e262cb6321964dbc57a49edc6fa10da"})  # a re-export
CLASSES = 80  # of COCO
SIDE = 416  # pixels that the file's network takes
CLOSE = 0.01  # by which ours and the file's may differ, as logits


def is_here(settings: Settings) -> bool:
    """Say whether there is a file of that name; whether it is the right one, `find_weights` tells."""
    return settings.weights_dir is not None and (settings.weights_dir / FILE).is_file()


def find_weights(settings: Settings) -> Path:
    """Return the file. Raises WeightsUnavailable, which says what to do, and WeightsMismatch for another file."""
    folder = settings.weights_dir
    path = None if folder is None else folder / FILE
    if path is None or not path.is_file():
        raise WeightsUnavailable(
            f"Boxes need the weights {FILE}, which are not in NEXTLABEL_WEIGHTS_DIR ({folder or 'not set'}). Download "
            f"{URL} (3.7 MB) into it and ask again, or bring the predictions of your own detector along"
        )
    if (digest := _sha256(path)) not in KNOWN:
        raise WeightsMismatch(
            f"{path} is another file than the one published at {URL}: its sha256 is {digest}, and not {OFFICIAL}; "
            "weights of the same network that want other pixels find nonsense"
        )
    if find_spec("openvino") is None:
        raise WeightsUnavailable(f"{FILE} is read by OpenVINO: pip install 'nextlabel[cpu]'")
    return path


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_weights(path: Path) -> Yolox:
    """Make the network with the file's weights, for the classes of COCO. Raises WeightsMismatch.

    The two are held against each other on an image of noise.
    """
    model = import_openvino().Core().read_model(path)
    network = Yolox(CLASSES)
    ours, theirs = list(network.convolutions()), _convolutions(model)
    shapes = [tuple(conv.weight.shape) for conv in ours]
    if shapes != [weight.shape for weight, _ in theirs]:
        raise WeightsMismatch(f"{path.name} is of another network than YOLOX-nano")
    with torch.no_grad():
        for conv, (weight, bias) in zip(ours, theirs, strict=True):
            assert conv.bias is not None
            conv.weight.copy_(torch.from_numpy(weight))
            conv.bias.copy_(torch.from_numpy(bias))
        patches = network.focus.conv.weight.view(-1, 2, 2, 3, 3, 3)  # x, y, channel of a pixel: ours has that first
        network.focus.conv.weight.copy_(patches.permute(0, 3, 2, 1, 4, 5).flatten(1, 3))
        network.focus.conv.weight *= BRIGHT  # the file's network takes pixels as they are
    _compare(network, model, path)
    return network


def _convolutions(model: Any) -> list[tuple[NDArray[np.float32], NDArray[np.float32]]]:
    """List weights and biases in the order in which the file runs them: its operations are numbered so."""
    found = []
    for operation in model.get_ordered_ops():
        if operation.get_type_name() not in ("Convolution", "GroupConvolution"):
            continue
        number = re.search(r"(\d+)", operation.get_friendly_name())
        (add,) = (
            user.get_node()
            for user in operation.output(0).get_target_inputs()
            if user.get_node().get_type_name() == "Add"
        )
        bias = next(source for source in _sources(add) if source is not None)
        weight = _constant(operation.input_value(1).get_node())
        assert weight is not None
        found.append((int(number[1]) if number else 0, weight, bias.reshape(-1)))
    return [(weight, bias) for _, weight, bias in sorted(found, key=lambda one: one[0])]


def _sources(add: Any) -> list[NDArray[np.float32] | None]:
    return [_constant(add.input_value(i).get_node()) for i in (0, 1)]


def _constant(node: Any) -> NDArray[np.float32] | None:
    """Return the numbers that a node reshapes; None: it computes something."""
    while node.get_type_name() != "Constant":
        if node.get_type_name() != "Reshape":
            return None
        node = node.input_value(0).get_node()
    return np.array(node.get_data(), np.float32)


@torch.inference_mode()
def _compare(network: Yolox, model: Any, path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (1, 3, SIDE, SIDE)).astype(np.float32)
    compiled = import_openvino().Core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    expected = compiled(noise)[0][0]
    said = network(torch.from_numpy(noise))
    found = torch.cat([said.objects[..., None], said.classes], 2)[0].numpy()
    logits = np.log(expected[:, 4:]) - np.log1p(-expected[:, 4:])
    if logits.shape != found.shape or np.abs(found - logits).max() > CLOSE:
        raise WeightsMismatch(f"the network read from {path.name} says something else than the file's own")
