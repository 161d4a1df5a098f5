"""How good boxes are that somebody else's detector predicted."""

from __future__ import annotations

import json

import pytest
from PIL import Image

from nextlabel.core.errors import (
    ClassesNeverMeet,
    InvalidRequest,
    NameNotInPool,
    NothingToValidate,
    PredictionsMalformed,
)
from nextlabel.core.kinds.registry import parse_request, result_adapter
from nextlabel.core.pipelines.registry import carry_out

HEAD = "name,class,x,y,width,height,score\n"


@pytest.fixture
def score(bench):
    """Three images of 100 x 50 with somebody's boxes on them; the second has none."""
    folder = bench.root / "val"
    folder.mkdir()
    for name in "abc":
        Image.new("RGB", (100, 50)).save(folder / f"{name}.png")
    drawn = {"a": [("cat", [10, 10, 20, 20]), ("dog", [60, 10, 20, 20])], "b": [], "c": [("cat", [30, 5, 40, 40])]}
    lines = [
        {"name": f"{name}.png", "width": 100, "height": 50, "boxes": [{"class": c, "box": box} for c, box in boxes]}
        for name, boxes in drawn.items()
    ]
    (bench.root / "boxes.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))

    def score(text, file="found.csv", labels="boxes.jsonl"):
        (bench.root / file).write_text(text)
        body = {
            "kind": "f1",
            "task": "detection",
            "path_to_img_val": str(folder),
            "path_to_labels_val": str(bench.root / labels),
            "path_to_predictions": str(bench.root / file),
        }
        bench.run = bench.new_run()
        return carry_out(parse_request(body), bench.run)

    return score


RIGHT = "a.png,cat,10,10,20,20,0.9\na.png,dog,60,10,20,20,0.8\nc.png,cat,30,5,40,40,0.7\n"


def warned(bench):
    return {warning.code: list(warning.names) for warning in bench.run.warnings}


def test_boxes_that_are_all_right_score_one_and_come_back_from_json(bench, score):
    result = score(HEAD + RIGHT)
    scores = (result.map50, result.mean_average_precision, result.average_recall, result.f1)
    assert scores == pytest.approx((1, 1, 1, 1))
    assert (result.validation_images, result.validation_boxes, result.misses) == (3, 3, ())
    assert [(one.class_name, one.objects, one.threshold) for one in result.per_class] == [
        ("cat", 2, 0.7),
        ("dog", 1, 0.8),
    ]
    assert result_adapter.validate_json(result.model_dump_json()) == result
    assert warned(bench) == {"without_prediction": ["b.png"]}


def test_misses_say_what_was_drawn_what_was_predicted_and_how_sure(score):
    result = score(HEAD + RIGHT + "a.png,dog,10,35,20,10,0.95\nc.png,dog,30,5,40,40,0.85\n")
    told = [(miss.name, miss.miss, miss.class_name, miss.predicted, miss.score) for miss in result.misses]
    assert told == [("a.png", "background", None, "dog", 0.95), ("c.png", "class", "cat", "dog", 0.85)]
    assert (result.misses[0].box, result.misses[0].predicted_box) == (None, (10, 35, 20, 10))
    assert {kind: count for kind, count in result.misses_by_kind.items() if count} == {"background": 1, "class": 1}
    assert result.confusion.matrix == ((2, 0, 0), (0, 1, 0), (0, 2, 0))


@pytest.mark.parametrize("file", ["found.json", "found.jsonl"])
def test_coco_with_scores_and_lines_of_json_also_name_images_on_which_nothing_was_found(bench, score, file):
    boxes = [line.split(",") for line in RIGHT.splitlines()]
    said = [(name, class_, [float(n) for n in numbers[:4]], float(numbers[4])) for name, class_, *numbers in boxes]
    if file.endswith("l"):
        by_image = {n: [{"class": c, "box": b, "score": s} for m, c, b, s in said if m[0] == n] for n in "abc"}
        lines = [{"name": f"{n}.png", "boxes": found} for n, found in by_image.items()]
        text = "".join(f"{json.dumps(line)}\n" for line in lines)
    else:
        classes = ["cat", "dog"]
        annotations = [
            {"image_id": "abc".index(m[0]), "category_id": classes.index(c), "bbox": b, "score": s}
            for m, c, b, s in said
        ]
        images = [{"id": i, "file_name": f"{n}.png"} for i, n in enumerate("abc")]
        categories = [{"id": i, "name": c} for i, c in enumerate(classes)]
        text = json.dumps({"annotations": annotations, "images": images, "categories": categories})
    assert score(text, file).map50 == pytest.approx(1)
    assert warned(bench) == {}


def test_a_class_that_is_never_predicted_counts_0_and_one_that_is_never_drawn_is_left_out(bench, score):
    result = score(HEAD + "a.png,cat,10,10,20,20,0.9\nc.png,cat,30,5,40,40,0.7\nb.png,cow,1,1,5,5,0.9\n")
    assert result.map50 == pytest.approx(0.5)
    assert result.classes_without_predictions == ("dog",)
    assert result.classes_without_validation_images == ("cow",)
    assert warned(bench) == {"class_without_prediction": ["dog"]}


def test_images_whose_boxes_were_drawn_on_another_size_are_left_out_and_told(bench, score):
    Image.new("RGB", (50, 100)).save(bench.root / "val" / "c.png")
    result = score(HEAD + RIGHT)
    assert (result.validation_images, [one.name for one in result.skipped]) == (2, ["c.png"])
    assert "drawn on 100 x 50, and it is 50 x 100" in result.skipped[0].reason
    assert warned(bench)["boxes_of_another_size"] == ["c.png"]


def test_what_can_not_be_scored_is_refused(bench, score):
    with pytest.raises(NameNotInPool, match=r"it names 'z\.png': bring along what a detector finds on the labelled"):
        score(HEAD + "z.png,cat,1,1,5,5,0.5\n")
    with pytest.raises(ClassesNeverMeet, match="perhaps 'cat' is meant to be 'Cat'"):
        score(HEAD + "a.png,Cat,1,1,5,5,0.5\n")
    (bench.root / "none.jsonl").write_text("")
    with pytest.raises(NothingToValidate):
        score(HEAD + RIGHT, labels="none.jsonl")


A, CAT = '{"id": 1, "file_name": "a.png"}', '{"id": 1, "name": "cat"}'


def coco(images, categories):
    return f'{{"images": [{images}], "categories": [{categories}], "annotations": []}}'


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("name,class,x,y,w,h,score\n", "width, height is not there"),
        (HEAD.replace("score", "score,score") + "a.png,cat,1,1,5,5,0.5,0.1\n", "1: two columns are called score"),
        (HEAD + "a.png,cat,1,1,5,5,0.5,0.1\n", "line 2: it has more cells than the header"),
        (HEAD, "no prediction"),
        (HEAD + "a.png,cat,1,1,5,5,1.5\n", r"line 2: the score is 1\.5"),
        (HEAD + "a.png,cat,1,1,0,5,0.5\n", "line 2: the box"),
        (HEAD + "a.png,cat,1,1,nan,5,0.5\n", "line 2: the box"),
        (HEAD + "a.png,cat,1,one,5,5,0.5\n", "line 2: one of its numbers is none"),
        (HEAD + "a.png,,1,1,5,5,0.5\n", "line 2: the class is no text"),
        ('[{"image_id": 1}]', "a list of results, which have numbers for names"),
        (HEAD + "a.png,cat,1,1,1e300,5,0.5\n", "line 2: the box .* is beyond the pixels of any image"),
        ('{"name": "a.png", "boxes": [], "boxes": []}', "the key 'boxes' stands twice"),
        ('{"annotations": [{"image_id": 1, "category_id": 1}]}', "names none of the file"),
        ('{"annotations": [{"image_id": [1], "category_id": 1}]}', "names none of the file"),
        (coco(f"{A}, {A.replace('a.png', 'b.png')}", CAT), "the id 1 stands for 'a.png' and 'b.png'; give each an id"),
        (coco(A, f"{CAT}, {CAT.replace('cat', 'dog')}"), "the id 1 stands for 'cat' and 'dog'; give each an id"),
        (coco(A.replace("1", "[1]"), CAT), r"the id \[1\] is no whole number"),
        (coco(A.replace("1", "1.5"), CAT), r"the id 1\.5 is no whole number"),
        (coco(A.replace('"id": 1, ', ""), CAT), "the id None is no whole number"),
    ],
)
def test_predictions_that_can_not_be_read_are_refused_with_their_place(score, text, fault):
    with pytest.raises(PredictionsMalformed, match=fault):
        score(text)


def test_ids_may_be_written_as_floats_and_rows_may_stand_there_again(score):
    box = '{"image_id": 1.0, "category_id": 1, "bbox": [10, 10, 20, 20], "score": 0.9}'
    others = ", ".join(f'{{"id": {i}.0, "file_name": "{name}.png"}}' for i, name in ((2, "b"), (3, "c")))
    text = coco(f"{A.replace('1', '1.0')}, {A}, {others}", f"{CAT}, {CAT}").replace("[]", f"[{box}]")
    assert score(text, "found.json").validation_images == 3


def test_fields_of_the_other_tasks_are_refused_and_other_kinds_refuse_boxes():
    val = {"path_to_img_val": "val", "path_to_labels_val": "boxes.jsonl"}
    with pytest.raises(InvalidRequest) as caught:
        parse_request({"kind": "f1", "task": "detection", "backbone": "b0", **val})
    faults = {fault.pointer: fault.code for fault in caught.value.faults}
    assert faults == {
        "/path_to_img_train": "missing_field",
        "/path_to_labels_train": "missing_field",
        "/backbone": "invalid_value",
    }
    with pytest.raises(InvalidRequest) as caught:
        parse_request({"kind": "f1", "task": "detection", "path_to_img_train": "p", "path_to_predictions": "f", **val})
    assert [fault.pointer for fault in caught.value.faults] == ["/path_to_img_train"]
    with pytest.raises(InvalidRequest, match="`task` must be one of classification, multilabel"):
        parse_request({"kind": "embedding", "task": "detection", "backbone": "b0", "path_to_img": "val"})
