"""Which boxes look wrong beside those of somebody else's detector."""

from __future__ import annotations

import json

import pytest
from PIL import Image

from nextlabel.core.errors import InvalidRequest
from nextlabel.core.kinds.registry import parse_request, result_adapter
from nextlabel.core.pipelines.registry import carry_out


def lines(drawn):
    boxed = {name: [{"class": c, "box": box} for c, box in boxes] for name, boxes in drawn.items()}
    return "".join(
        json.dumps({"name": name, "width": 100, "height": 50, "boxes": boxes}) + "\n" for name, boxes in boxed.items()
    )


def test_it_names_what_was_overlooked_swapped_badly_placed_and_spurious(bench):
    folder = bench.root / "pool"
    folder.mkdir()
    right = {f"{i}.png": [("cat", [10, 10, 20, 20]), ("dog", [60, 10, 20, 20])] for i in range(4)}
    wrong = {
        "a.png": [("cat", [10, 10, 20, 20]), ("cat", [60, 10, 20, 20])],  # the second is a dog
        "b.png": [("cat", [18, 10, 20, 20])],  # beside the cat; the dog was overlooked
        "c.png": [("cat", [10, 10, 20, 20]), ("dog", [60, 10, 20, 20]), ("dog", [0, 40, 9, 9])],  # the third is nothing
    }
    for name in (*right, *wrong, "unlabelled.png", "disputed.png"):
        Image.new("RGB", (100, 50)).save(folder / name)
    labels = bench.root / "labels"
    labels.mkdir()
    (labels / "boxes-anna.jsonl").write_text(lines({**right, **wrong, "disputed.png": [("cat", [1, 1, 9, 9])]}))
    (labels / "boxes-ben.jsonl").write_text(lines({"disputed.png": []}))
    rows = [f"{name},{c},{x},10,20,20,0.9\n" for name in (*right, *wrong) for c, x in (("cat", 10), ("dog", 60))]
    (bench.root / "found.csv").write_text("name,class,x,y,width,height,score\n" + "".join(rows))
    body = {
        "kind": "label_check",
        "task": "detection",
        "path_to_img": str(folder),
        "path_to_labels": str(labels),
        "path_to_predictions": str(bench.root / "found.csv"),
    }
    result = carry_out(parse_request(body), bench.new_run())
    told = {(item.name, item.suspicion, item.class_name, item.suggested) for item in result.items}
    assert told == {
        ("a.png", "swapped", "cat", "dog"),
        ("b.png", "badly_placed", "cat", "cat"),
        ("b.png", "overlooked", None, "dog"),
        ("c.png", "spurious", "dog", None),
    }
    assert [item.rank for item in result.items] == [1, 2, 3, 4]
    assert (result.labels, result.boxes, result.by_suspicion["swapped"]) == (7, 14, 1)
    assert [conflict.name for conflict in result.conflicts] == ["disputed.png"]
    assert result_adapter.validate_json(result.model_dump_json()) == result
    assert all(len(row) == len(result.columns) for row in result.rows())


def test_it_needs_predictions_and_nothing_that_sees_images():
    body = {"kind": "label_check", "task": "detection", "path_to_img": "p", "path_to_labels": "l", "backbone": "b0"}
    with pytest.raises(InvalidRequest) as caught:
        parse_request(body)
    faults = {fault.pointer: fault.code for fault in caught.value.faults}
    assert faults == {"/path_to_predictions": "missing_field", "/backbone": "invalid_value"}
