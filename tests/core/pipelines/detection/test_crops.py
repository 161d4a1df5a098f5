"""Boxes like some, and boxes on a map: squares and discs, told apart by the descriptor of their crops."""

from __future__ import annotations

import pytest

from nextlabel.core.errors import InvalidRequest, NameNotInPool, NoLabels
from nextlabel.core.kinds.registry import parse_request, result_adapter
from nextlabel.core.pipelines.registry import carry_out
from tests import shapes

CONTENTS = [["square"], ["disc"], ["square", "disc"], [], ["disc", "disc"], ["square", "square", "disc"]]


@pytest.fixture
def drawn(bench):
    """12 images: the first six are labelled, and predictions of the others are right."""
    lines = shapes.draw(bench.root / "pool", *(CONTENTS * 2))
    shapes.write(bench.root / "boxes.jsonl", lines[:6])
    rows = [(line["name"], box) for line in lines[6:] for box in line["boxes"]]
    told = [f"{name},{box['class']},{','.join(map(str, box['box']))},0.9\n" for name, box in rows]
    (bench.root / "found.csv").write_text("name,class,x,y,width,height,score\n" + "".join(told))
    return lines


def ask(bench, kind, **fields):
    bench.run = bench.new_run()
    body = {
        "kind": kind,
        "task": "detection",
        "backbone": "descriptor",
        "path_to_img": str(bench.root / "pool"),
        "path_to_labels": str(bench.root / "boxes.jsonl"),
        "path_to_predictions": str(bench.root / "found.csv"),
        **fields,
    }
    result = carry_out(parse_request({name: value for name, value in body.items() if value is not None}), bench.run)
    assert result_adapter.validate_json(result.model_dump_json()) == result
    assert all(len(row) == len(result.columns) for row in result.rows())
    return result


def example(line, i=0):
    return {"name": line["name"], "box": line["boxes"][i]["box"]}


def test_boxes_like_a_square_are_squares_and_counterexamples_push_discs_away(bench, drawn):
    squares = sum(box["class"] == "square" for line in drawn[6:] for box in line["boxes"])
    result = ask(bench, "similar", add=squares, like_boxes=[example(drawn[0])])
    assert [item.predicted for item in result.items] == ["square"] * squares
    assert {item.class_name for item in result.items} == {None}
    assert (result.candidates, result.looked_at, result.detector) == (9, 5, None)
    assert set(result.data) == {
        line["name"] for line in drawn[6:] if any(b["class"] == "square" for b in line["boxes"])
    }
    apart = ask(bench, "similar", add=3, like_boxes=[example(drawn[0])], unlike_boxes=[example(drawn[1])])
    assert [item.predicted for item in apart.items] == ["square"] * 3
    among_all = ask(bench, "similar", add=18, like_boxes=[example(drawn[0])], among="all", exclude=[drawn[1]["name"]])
    assert among_all.candidates == 16  # the example isn't among what is like it
    assert {(item.class_name is None) == (item.predicted is not None) for item in among_all.items} == {True}
    assert bench.warning("fewer_than_asked")


def test_a_box_around_the_object_of_an_example_is_not_told_as_like_it(bench, drawn):
    x, y, width, height = drawn[6]["boxes"][0]["box"]
    roughly = {"name": drawn[6]["name"], "box": [x + 1, y, width - 1, height]}
    result = ask(bench, "similar", add=8, like_boxes=[roughly], unlike_boxes=[example(drawn[7])])
    assert result.candidates == 7
    assert {drawn[6]["name"], drawn[7]["name"]}.isdisjoint(result.data)


def test_examples_that_are_not_there_are_told(bench, drawn):
    with pytest.raises(NameNotInPool, match="none of the images of like_boxes"):
        ask(bench, "similar", add=1, like_boxes=[{"name": "no.png", "box": [0, 0, 5, 5]}])
    with pytest.raises(InvalidRequest, match=r"/like_boxes/0/box: it ends at 70"):
        ask(bench, "similar", add=1, like_boxes=[{"name": drawn[0]["name"], "box": [60, 0, 10, 5]}])


def test_every_box_has_its_place_on_the_map_drawn_ones_first(bench, drawn):
    result = ask(bench, "map", points=15)
    assert len(result.names) == 15
    assert (result.all_boxes, result.images) == (18, 11)
    assert result.classes[:9] == tuple(("disc", "square").index(b["class"]) for x in drawn[:6] for b in x["boxes"])
    assert result.classes[9:] == (-1,) * 6
    assert result.predicted[:9] == (-1,) * 9
    assert set(result.predicted[9:]) <= {0, 1}
    assert max(map(abs, (*result.x, *result.y))) <= 1


def test_one_torn_image_is_one_of_all_that_the_job_tells_boxes_of(bench, drawn):
    lines = [line if i < 2 else {**line, "boxes": []} for i, line in enumerate(drawn[:11])]
    shapes.write(bench.root / "boxes.jsonl", lines)
    torn = bench.root / "pool" / drawn[1]["name"]
    torn.write_bytes(torn.read_bytes()[:600])
    result = ask(bench, "map")
    assert [one.name for one in result.skipped] == [drawn[1]["name"]]  # of the three with boxes; of twelve in all
    assert drawn[0]["name"] in result.names


def test_our_own_detector_serves_as_well_and_without_a_box_there_is_no_map(bench, drawn):
    quick = {"path_to_predictions": None, "weights": "random", "image_size": 64, "passes": 16}
    result = ask(bench, "similar", add=1, like_boxes=[example(drawn[0])], exclude=[drawn[7]["name"]], **quick)
    assert (result.looked_at, result.detector.image_size) == (6, 64)
    shapes.write(bench.root / "boxes.jsonl", [{**line, "boxes": []} for line in drawn[:11]])
    (bench.root / "found.csv").write_text(f"name,class,x,y,width,height,score\n{drawn[11]['name']},disc,1,1,9,9,0.01\n")
    with pytest.raises(NoLabels, match="no box was drawn"):
        ask(bench, "map")


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"backbone": None}, "/backbone"),
        ({"like_boxes": None}, "/like_boxes"),
        ({"like": ["a.png"]}, "/like"),
        ({"path_to_embeddings": "e.npy"}, "/path_to_embeddings"),
        ({"passes": 100}, "/passes"),
        ({"task": "classification", "like": ["a.png"]}, "/like_boxes"),
        ({"task": "classification", "like": ["a.png"]}, "/path_to_predictions"),
        ({"like_boxes": [{"name": "a.png", "box": [1, 2, 3]}]}, "/like_boxes/0/box/3"),
    ],
)
def test_what_makes_no_sense_is_refused(fields, pointer):
    body = {
        "kind": "similar",
        "task": "detection",
        "backbone": "b0",
        "path_to_img": "p",
        "path_to_predictions": "f",
        "add": 3,
        "like_boxes": [{"name": "a.png", "box": [1, 2, 3, 4]}],
        **fields,
    }
    with pytest.raises(InvalidRequest) as refused:
        parse_request({name: value for name, value in body.items() if value is not None})
    assert pointer in [fault.pointer for fault in refused.value.faults]
