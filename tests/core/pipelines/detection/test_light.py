"""Light heads on what a frozen network sees: the same kinds served, from maps that are kept."""

from __future__ import annotations

import shutil

import pytest

from nextlabel.core.errors import WeightsUnavailable
from nextlabel.core.kinds.registry import parse_request, result_adapter
from nextlabel.core.neural.detection import kept_maps
from nextlabel.core.neural.detection.training import split
from nextlabel.core.pipelines.registry import carry_out
from tests import shapes

LIGHT = {"detector": "light", "image_size": 64, "passes": 240}
FEW = {**LIGHT, "passes": 16}


def ask(bench, kind, labels="boxes.jsonl", check=lambda: None, **fields):
    bench.run = bench.new_run(check)
    body = {"kind": kind, "task": "detection", "path_to_img": str(bench.root / "pool"), **fields}
    if labels:
        body["path_to_labels"] = str(bench.root / labels)
    result = carry_out(parse_request(body), bench.run)
    assert result_adapter.validate_json(result.model_dump_json()) == result
    return result


def test_a_light_head_predicts_the_same_from_what_is_kept_and_from_pixels(bench, drawn):
    first = ask(bench, "prediction", weights="random", **LIGHT)
    assert (first.detector.name, first.detector.images, first.detector.held_out) == ("light head on yolox_nano", 7, 1)
    assert {item.name for item in first.items} == {line["name"] for line in drawn[8:]}
    kept = list(bench.settings.maps_dir.iterdir())
    assert len(kept) == 12
    assert not bench.settings.detectors_dir.exists()
    assert ask(bench, "prediction", weights="random", **LIGHT) == first
    kept[0].write_bytes(b"torn")
    assert ask(bench, "prediction", weights="random", **LIGHT) == first


def test_maps_unused_for_longest_go_where_there_are_too_many(bench, drawn, monkeypatch):
    ask(bench, "prediction", weights="random", **LIGHT)
    size = next(bench.settings.maps_dir.iterdir()).stat().st_size
    monkeypatch.setattr(kept_maps, "MOST_BYTES", 3 * size + size // 2)
    shapes.draw(bench.root / "pool", ["disc"], seed=1)
    ask(bench, "prediction", weights="random", **LIGHT)
    assert len(list(bench.settings.maps_dir.iterdir())) == 3


def test_a_pass_over_more_than_fits_keeps_a_part_which_the_next_pass_finds(bench, drawn, monkeypatch):
    shapes.write(bench.root / "boxes.jsonl", drawn[:2])
    ask(bench, "prediction", weights="random", **FEW)
    size = next(bench.settings.maps_dir.iterdir()).stat().st_size
    shutil.rmtree(bench.settings.maps_dir)
    monkeypatch.setattr(kept_maps, "MOST_BYTES", 6 * size + size // 2)
    first = ask(bench, "prediction", weights="random", **FEW)
    kept = {file.name: file.stat().st_ino for file in bench.settings.maps_dir.iterdir()}
    assert len(kept) == 6
    assert ask(bench, "prediction", weights="random", **FEW) == first
    assert {file.name: file.stat().st_ino for file in bench.settings.maps_dir.iterdir()} == kept


def test_while_images_are_looked_at_hardly_more_is_kept_than_in_the_end(bench, drawn, monkeypatch):
    ask(bench, "prediction", weights="random", **FEW)
    folder, sizes, write = bench.settings.maps_dir, [], kept_maps.write_whole
    size = next(folder.iterdir()).stat().st_size
    monkeypatch.setattr(kept_maps, "MOST_BYTES", 8 * size)

    def measured(*content, **how):
        write(*content, **how)
        sizes.append(sum(file.stat().st_size for file in folder.iterdir()))

    monkeypatch.setattr(kept_maps, "write_whole", measured)
    ask(bench, "prediction", weights="random", **{**FEW, "seed": 1})
    assert len(sizes) == 10  # of the labelled three quarters of what may be there, and the four others
    assert max(sizes[2:]) <= 10 * size


def test_a_changed_image_is_looked_at_again(bench, drawn):
    ask(bench, "prediction", weights="random", **LIGHT)
    shapes.draw(bench.root / "other", ["disc"], seed=5)
    (bench.root / "other" / "5_000.png").replace(bench.root / "pool" / drawn[9]["name"])
    ask(bench, "prediction", weights="random", **LIGHT)
    assert len(list(bench.settings.maps_dir.iterdir())) == 13


def test_an_image_with_a_box_is_learnt_from_though_chance_would_hold_it_out(bench, drawn):
    def learnt(*boxed):
        lines = [{**line, "boxes": line["boxes"] if i in boxed else []} for i, line in enumerate(drawn[:8])]
        shapes.write(bench.root / "boxes.jsonl", lines)
        detector = ask(bench, "prediction", weights="random", **FEW).detector
        return detector.images, detector.boxes, detector.held_out

    assert split([True] * 8, 0)[1] == [2]
    assert learnt(2) == (7, 2, 1)
    torn = bench.root / "pool" / drawn[5]["name"]
    torn.write_bytes(torn.read_bytes()[:60])  # of which only the size can be read
    assert learnt(2, 5) == (7, 2, 0)  # as the other can't be read


@pytest.mark.usefixtures("backbone_here")
def test_without_the_detectors_weights_a_backbone_serves_and_is_named(bench, drawn):
    result = ask(bench, "prediction", image_size=64, passes=240)
    assert result.detector.name == "light head on mobilenet"
    assert result.manifest.backbone == "mobilenet"
    assert "yolox_nano.onnx" in bench.warning("light_detector").detail
    first = ask(bench, "selection", None, add=2, image_size=64)
    assert (first.method.name, first.detector, len(first.data)) == ("maxherding", None, 2)
    assert bench.warned_of() == []  # as nothing is found yet
    with pytest.raises(WeightsUnavailable, match=r"yolox_nano\.onnx"):
        ask(bench, "prediction", None, image_size=64)
    with pytest.raises(WeightsUnavailable, match=r"yolox_nano\.onnx"):
        ask(bench, "prediction", detector="whole", image_size=64)


def test_training_a_light_head_stops_within_a_batch(bench, drawn):
    class Stopped(Exception): ...

    def check():
        if bench.run.progress is not None and bench.run.progress.stage == "train":
            calls.append(bench.run.done)
        if len(calls) == 20:
            raise Stopped

    calls: list[int] = []
    with pytest.raises(Stopped):
        ask(bench, "prediction", check=check, weights="random", **{**LIGHT, "passes": 80_000})
    assert max(calls) < 200


def test_an_empty_folder_of_labels_says_that_nothing_is_labelled_yet(bench, drawn):
    (bench.root / "empty").mkdir()
    batch = [ask(bench, "selection", labels, weights="random", add=3, **FEW) for labels in ("empty", None)]
    assert batch[0].data == batch[1].data
    assert len(batch[0].data) == 3
