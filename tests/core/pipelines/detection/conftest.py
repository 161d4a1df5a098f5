"""Images to draw boxes on, and weights for detectors that are drawn by chance."""

from __future__ import annotations

import pytest
import timm
from safetensors.torch import save_file

from nextlabel.core.neural.backbones import BackboneLoader
from nextlabel.core.neural.training import drawn_from
from tests import shapes

CONTENTS = [["square"], ["disc"], ["square", "disc"], [], ["disc", "disc"], ["square", "square", "disc"]]


@pytest.fixture
def drawn(bench):
    """12 images, `pool`, the first eight of which are labelled in `boxes.jsonl`."""
    lines = shapes.draw(bench.root / "pool", *(CONTENTS * 2))
    shapes.write(bench.root / "boxes.jsonl", lines[:8])
    return lines


@pytest.fixture
def f1_request(bench):
    """What asks how well `val.jsonl` is found by what is learnt from `boxes.jsonl`, both of `pool`."""
    return {
        "kind": "f1",
        "task": "detection",
        "path_to_img_train": str(bench.root / "pool"),
        "path_to_labels_train": str(bench.root / "boxes.jsonl"),
        "path_to_img_val": str(bench.root / "pool"),
        "path_to_labels_val": str(bench.root / "val.jsonl"),
    }


@pytest.fixture
def backbone_here(bench):
    """The weights of a backbone, drawn by chance, and none of a detector."""
    with drawn_from(0):
        model = timm.create_model("mobilenetv2_100", num_classes=0)
    folder = bench.root.parent / "weights"
    folder.mkdir()
    save_file(model.state_dict(), folder / "mobilenetv2_100.safetensors")
    bench.settings = bench.settings.model_copy(update={"weights_dir": folder})
    bench.backbones = BackboneLoader(bench.settings, "cpu")
