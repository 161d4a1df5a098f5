"""The kinds served by a large detector, by shape: a tiny one on a CPU. Elsewhere it is refused with the remedy."""

from __future__ import annotations

import pytest

from nextlabel.core.errors import WeightsUnavailable
from nextlabel.core.kinds.registry import parse_request
from nextlabel.core.neural.detection import large
from nextlabel.core.pipelines.registry import carry_out
from tests import large_weights, shapes

CONTENTS = [["square"], ["disc"], ["square", "disc"], [], ["disc", "disc"], ["square", "square", "disc"]]


@pytest.fixture
def drawn(bench):
    """12 images, `pool`, the first eight of which are labelled in `boxes.jsonl`."""
    lines = shapes.draw(bench.root / "pool", *(CONTENTS * 2))
    shapes.write(bench.root / "boxes.jsonl", lines[:8])
    return lines


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


def test_where_its_weights_and_a_device_are_it_serves_by_itself_and_is_kept(bench, drawn, monkeypatch):
    pytest.importorskip("transformers")
    folder = bench.root.parent / "weights"
    large_weights.write(folder)
    bench.settings = bench.settings.model_copy(update={"weights_dir": folder})
    monkeypatch.setattr(large, "DEVICE", "cpu")
    first = ask(bench)
    assert (first.detector.name, first.detector.images, first.detector.held_out) == ("dfine-small-coco", 7, 1)
    assert (first.manifest.backbone, first.manifest.engine) == ("dfine-small-coco", "cpu")
    assert [item.name for item in first.items] == [line["name"] for line in drawn[8:]]
    for item in first.items:
        for x, y, width, height in (box.box for box in item.boxes):
            assert min(x, y) >= 0
            assert (x + width <= 64.01, y + height <= 48.01) == (True, True)
    assert len(list(bench.settings.detectors_dir.iterdir())) == 1
    again = ask(bench)
    assert "train" in [progress.stage for progress in bench.told]
    assert again == first


def test_without_a_gpu_or_its_weights_it_is_said_what_to_do(bench, drawn, monkeypatch):
    pytest.importorskip("transformers")
    with pytest.raises(WeightsUnavailable, match="a GPU, and this worker has none: leave `detector` out"):
        ask(bench, detector="large")
    monkeypatch.setattr(large, "DEVICE", "cpu")
    with pytest.raises(WeightsUnavailable, match=r"dfine-small-coco .* into NEXTLABEL_WEIGHTS_DIR \(not set\)"):
        ask(bench, detector="large")
