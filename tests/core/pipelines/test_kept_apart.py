"""What is kept apart is never proposed and never learnt from, and is what a head is scored by."""

from __future__ import annotations

import pytest

from nextlabel.core.data.kept_apart import keep_apart
from nextlabel.core.errors import NoLabels, NothingToValidate
from nextlabel.core.tasks.classification import read_labels
from nextlabel.core.tasks.registry import TASKS
from tests import shapes
from tests.pools import draw, label


@pytest.fixture
def names(bench):
    (bench.root / "labels").mkdir()
    return draw(bench.root / "pool", red=8, blue=8)


@pytest.fixture
def apart(bench, names):
    return keep_apart(str(bench.root / "labels"), names, 6, seed=1, roots=[bench.root]).here


def both(bench):
    pool, labels = str(bench.root / "pool"), str(bench.root / "labels")
    training = {"path_to_img_train": pool, "path_to_labels_train": labels}
    return bench.carry_out("f1", **training, path_to_img_val=pool, path_to_labels_val=labels)


def test_it_is_never_proposed_labelled_or_not(bench, names, apart):
    label(bench.root / "labels" / "anna.txt", [names[0], names[8], apart[0]])
    result = bench.select(16, path_to_labels=str(bench.root / "labels"), near_copies="allow")
    assert set(result.data) == {*names} - {*apart, names[0], names[8]}


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        ("selection", {"add": 8, "near_copies": "allow"}),
        ("similar", {"add": 8}),
        ("map", {}),
        ("prediction", {"backbone": None}),
    ],
)
def test_boxes_on_it_are_never_proposed(bench, kind, fields):
    lines = shapes.draw(bench.root / "pool", *[["disc"], ["square"]] * 4)
    (bench.root / "labels").mkdir()
    shapes.write(bench.root / "labels" / "boxes-anna.jsonl", lines[:2])
    names = [line["name"] for line in lines]
    apart = keep_apart(str(bench.root / "labels"), names[2:], 3, seed=0, roots=[bench.root]).here
    found = [
        f"{line['name']},{box['class']},{','.join(map(str, box['box']))},0.9\n"
        for line in lines
        for box in line["boxes"]
    ]
    (bench.root / "found.csv").write_text("name,class,x,y,width,height,score\n" + "".join(found))
    if kind == "similar":
        fields = {**fields, "like_boxes": [{"name": names[0], "box": lines[0]["boxes"][0]["box"]}]}
    result = bench.carry_out(
        kind,
        task="detection",
        path_to_img=str(bench.root / "pool"),
        path_to_labels=str(bench.root / "labels"),
        path_to_predictions=str(bench.root / "found.csv"),
        **fields,
    )
    told = {"map": lambda: result.names[2:], "prediction": lambda: [item.name for item in result.items]}
    assert set(told.get(kind, lambda: result.data)()) == {*names[2:]} - {*apart}


def test_a_head_learns_from_the_others_and_is_scored_on_it(bench, names, apart):
    label(bench.root / "labels" / "anna.txt", names)
    result = both(bench)
    assert result.validation_images == 6
    assert sum(result.head.images_per_class.values()) == 10


def test_where_labels_are_too_few_without_it_it_is_told(bench, names, apart):
    label(bench.root / "labels" / "anna.txt", names)
    both = {"path_to_img": str(bench.root / "pool"), "path_to_labels": str(bench.root / "labels")}
    with pytest.raises(NoLabels, match="there are 10 in the pool; kept apart to validate by: 6 of its images"):
        bench.carry_out("audit", **both)


def test_without_a_label_of_it_there_is_nothing_to_score_by(bench, names, apart):
    label(bench.root / "labels" / "anna.txt", [name for name in names if name not in apart])
    with pytest.raises(NothingToValidate):
        both(bench)


@pytest.mark.parametrize("task", sorted(TASKS))
def test_labels_of_all_tasks_can_be_parted(tmp_path, task):
    (tmp_path / "anna.txt").write_text("a.png\tcat\na.png\tcat\nb.png\tdog\n")
    drawn = '{"name": "%s.png", "width": 4, "height": 4, "boxes": []}\n'
    (tmp_path / "boxes.jsonl").write_text(drawn % "a" + drawn % "b")
    labels = TASKS[task].read(tmp_path)
    kept = labels.among(lambda name: name == "a.png", frozenset(["b.png"]))
    assert (list(kept.names), kept.apart) == (["a.png"], {"b.png"})
    assert kept.fingerprint() != labels.among(lambda name: name == "a.png").fingerprint()


def test_labels_of_one_class_an_image_keep_their_classes(tmp_path):
    (tmp_path / "anna.txt").write_text("a.png\tcat\nb.png\tdog\n")
    assert read_labels(tmp_path).among(lambda name: name == "b.png").classes == ("dog",)
