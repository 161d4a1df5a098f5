"""The kinds served by a large detector, by shape: a tiny one on a CPU. Elsewhere it is refused with the remedy."""

from __future__ import annotations

import pytest
import safetensors
from safetensors.torch import load, save

from nextlabel.core.errors import WeightsUnavailable
from nextlabel.core.kinds.registry import parse_request
from nextlabel.core.neural.detection import large
from nextlabel.core.pipelines.registry import carry_out
from tests import large_weights, shapes


@pytest.fixture
def weights_here(bench, monkeypatch):
    """The folder of a large detector's weights, drawn by chance, which a CPU may train from."""
    pytest.importorskip("transformers")
    folder = bench.root.parent / "weights"
    bench.settings = bench.settings.model_copy(update={"weights_dir": folder})
    monkeypatch.setattr(large, "DEVICE", "cpu")
    return large_weights.write(folder)


def ask(bench, **fields):
    bench.run = bench.new_run()
    body = {
        "kind": "prediction",
        "task": "detection",
        "path_to_img": str(bench.root / "pool"),
        "path_to_labels": str(bench.root / "boxes.jsonl"),
        "image_size": 64,
        "passes": 16,
        **fields,
    }
    return carry_out(parse_request(body), bench.run)


def test_where_its_weights_and_a_device_are_it_serves_by_itself_and_is_kept(bench, drawn, weights_here):
    first = ask(bench)
    assert (first.detector.name, first.detector.images, first.detector.held_out) == ("dfine-small-coco", 7, 1)
    assert (first.manifest.backbone, first.manifest.engine) == ("dfine-small-coco", "cpu")
    assert [item.name for item in first.items] == [line["name"] for line in drawn[8:]]
    for item in first.items:
        for x, y, width, height in (box.box for box in item.boxes):
            assert min(x, y) >= 0
            assert (x + width <= 64.01, y + height <= 48.01) == (True, True)
    assert len(list(bench.settings.detectors_dir.iterdir())) == 1
    assert "train" in [progress.stage for progress in bench.told]
    again = ask(bench)
    assert "train" not in [progress.stage for progress in bench.told]
    assert again == first
    (kept,) = bench.settings.detectors_dir.iterdir()
    with safetensors.safe_open(kept, "pt") as file:
        said = file.metadata()
    tensors = load(kept.read_bytes())
    tensors.pop(min(tensors))  # as of other layers
    kept.write_bytes(save(tensors, said))
    assert ask(bench) == first
    config = weights_here / "config.json"
    config.write_text(f"{config.read_text()}\n")
    ask(bench)
    assert len(list(bench.settings.detectors_dir.iterdir())) == 2


@pytest.mark.usefixtures("drawn", "weights_here")
def test_where_its_weights_alone_lie_here_it_sees_images_before_a_box_is_drawn(bench):
    result = ask(bench, kind="selection", add=2, passes=None, path_to_labels=None)
    assert (result.method.name, result.detector, len(result.data)) == ("maxherding", None, 2)
    assert (result.manifest.backbone, result.expected_boxes) == ("dfine-small-coco", 0)
    assert bench.warned_of() == []


def test_without_a_gpu_or_its_weights_it_is_said_what_to_do(bench, drawn, monkeypatch):
    pytest.importorskip("transformers")
    with monkeypatch.context() as absent:
        absent.setattr(large, "find_spec", lambda _: None)
        with pytest.raises(WeightsUnavailable, match="a GPU, and this worker has none"):  # an install would not help
            ask(bench, detector="large")
        absent.setattr(large, "DEVICE", "cpu")
        with pytest.raises(WeightsUnavailable, match=r"pip install 'nextlabel\[gpu-detector\]'"):
            ask(bench, detector="large")
    with pytest.raises(WeightsUnavailable, match="a GPU, and this worker has none: leave `detector` out"):
        ask(bench, detector="large")
    monkeypatch.setattr(large, "DEVICE", "cpu")
    with pytest.raises(WeightsUnavailable, match=r"dfine-small-coco .* into NEXTLABEL_WEIGHTS_DIR \(not set\)"):
        ask(bench, detector="large")


def test_a_curve_of_detectors_that_can_not_be_trained_here_looks_at_no_image(bench):
    lines = shapes.draw(bench.root / "pool", *[["square"]] * 20)
    shapes.write(bench.root / "boxes.jsonl", lines)
    with pytest.raises(WeightsUnavailable, match="this worker has none"):
        ask(bench, kind="learning_curve", detector="large")
    assert bench.run.progress.stage == "read"
