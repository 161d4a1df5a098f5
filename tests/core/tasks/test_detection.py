"""Boxes as labels: what is read, what is refused and with which words, and who contradicts whom."""

from __future__ import annotations

import json
import tempfile
import unicodedata
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nextlabel.core.data.boxes import Box, BoxedImage, format_line, iou, pair_up, parse_line, write_lines
from nextlabel.core.errors import LabelsConflict, LabelsMalformed, NoLabels
from nextlabel.core.tasks.registry import DETECTION
from tests.core.tasks.pools import pool_of
from tests.core.tasks.test_contract import CLASSES, NAMES

PIXELS = st.integers(1, 4_000)


@st.composite
def boxed_images(draw):
    width, height = draw(PIXELS), draw(PIXELS)
    boxes = []
    for _ in range(draw(st.integers(0, 4))):
        x, y = draw(st.floats(0, width * 0.9)), draw(st.floats(0, height * 0.9))
        w, h = draw(st.floats(0.01, width - x)), draw(st.floats(0.01, height - y))
        boxes.append(Box(draw(CLASSES), x, y, w, h, draw(st.booleans())))
    return BoxedImage(width, height, tuple(boxes))


DRAWN = st.dictionaries(NAMES, boxed_images(), max_size=6)


def read(images):
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "boxes-anna.jsonl"
        file.write_text(write_lines(images))
        return DETECTION.read(file)


def line(boxes=(), name="a.png", width=100, height=50, **more):
    drawn = [{"class": class_, "box": box} for class_, box in boxes]
    return json.dumps({"name": name, "width": width, "height": height, "boxes": drawn, **more}) + "\n"


# --- files ------------------------------------------------------------------------------------------------------


@given(DRAWN)
def test_it_reads_what_it_writes_to_the_last_digit(said):
    labels = read(said.items())
    assert labels.images == said
    assert labels.classes == read(reversed(said.items())).classes
    assert labels.fingerprint() == read(reversed(said.items())).fingerprint()


def test_nothing_here_is_a_label_and_no_line_is_none(tmp_path):
    (tmp_path / "boxes-anna.jsonl").write_text(line(name="empty.png") + "\n" + line([("cat", [1, 2, 3, 4])]))
    labels = DETECTION.read(tmp_path)
    assert labels.images == {
        "empty.png": BoxedImage(100, 50),
        "a.png": BoxedImage(100, 50, (Box("cat", 1, 2, 3, 4),)),
    }
    matched = DETECTION.match(labels, pool_of("a.png", "empty.png", "unseen.png"))
    assert matched.class_by_row() == {0: "1 cat", 1: "nothing here"}
    assert (matched.rows.tolist(), matched.classes, matched.images_per_class()) == ([0, 1], ("cat",), {"cat": 1})


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ('{"name": "a.png", "name": "b.png"}', "the key 'name' stands twice in one object\n"),
        ("a.png\tcat\n", "it is no JSON.*for \"task\": \"classification\""),
        ("[]\n", "it is no object with `name`"),
        ('{"width": 1}\n', "no text `name`"),
        (line(name=" "), "its `name` is no text"),
        (line(width=0), "`width` is 0"),
        (line(height=1.5), "`height` is 1.5"),
        (line(width=True), "`width` is True"),
        (line(width=1e300), "`width` is 1e\\+300"),
        (line().replace('"boxes"', '"boxen"'), "no list `boxes`; where nothing is there, write \\[\\]"),
        (line([("cat", [1, 2, 3])]), "boxes\\[0\\] has no `box` of four numbers"),
        (line([("cat", [1, 2, 3, "4"])]), "four numbers"),
        (line([("cat", [1, 2, 3, 10**400])]), "four numbers"),
        (line([("cat", [1, 2, float("nan"), 4])]), "cat.*not all finite"),
        (line([("cat", [1, 2, float("inf"), 4])]), "not all finite"),
        (line([("cat", [1, 2, 0, 4])]), "no area \\(0 x 4\\)"),
        (line([("cat", [1, 2, -3, 4])]), "no area \\(-3 x 4\\)"),
        (line([("cat", [1, 2, 1e-20, 4])]), "no area"),  # it would not even be where it is itself
        (line([("cat", [0, 0, 1e-200, 1e-200])]), "no area"),
        (line([("cat", [-1, 2, 3, 4])]), "beyond its image of 100 x 50"),
        (line([("cat", [98, 2, 3, 4])]), "it ends at 101, 6, beyond its image of 100 x 50"),
        (line([("", [1, 2, 3, 4])]), "boxes\\[0\\]: its `class` is no text"),
        (line([(7, [1, 2, 3, 4])]), "its `class` is no text"),
        (line([("a\tb", [1, 2, 3, 4])]), "a tab"),
    ],
)  # fmt: skip
def test_a_faulty_line_is_named_with_what_is_wrong(tmp_path, text, fault):
    (tmp_path / "boxes-anna.jsonl").write_text(line(name="fine.png") + text)
    with pytest.raises(LabelsMalformed, match=f"boxes-anna.jsonl:2: .*{fault}"):
        DETECTION.read(tmp_path)


def test_all_faults_are_told_at_once(tmp_path):
    (tmp_path / "boxes-anna.jsonl").write_text(line([("cat", [1, 2, 0, 4]), ("", [1, 2, 3, 4])]) + "x\n")
    with pytest.raises(LabelsMalformed) as caught:
        DETECTION.read(tmp_path)
    assert "no area" in caught.value.detail
    assert "boxes[1]" in caught.value.detail
    assert "boxes-anna.jsonl:2" in caught.value.detail


def test_rounding_may_reach_a_hundredth_of_a_pixel_beyond_and_unknown_fields_are_passed_over():
    name, image = parse_line(line([("cat", [96.001, 0, 4, 50])], reviewed=True))
    assert (name, image.boxes[0].x) == ("a.png", 96.001)
    assert parse_line("  \n") is None


def test_a_name_that_a_line_cannot_hold_is_not_written():
    with pytest.raises(LabelsMalformed, match="line break"):
        format_line("a\nb.png", BoxedImage(1, 1))


def test_only_files_of_boxes_are_read_in_a_folder_and_copies_are_nobodys(tmp_path):
    for name in ("boxes-anna.jsonl", "boxes-anna (1).jsonl", "anna.txt", ".boxes-ben.jsonl"):
        (tmp_path / name).write_text(line(name=f"{name}.png"))
    assert DETECTION.read(tmp_path).names == {"boxes-anna.jsonl.png"}


def test_names_and_classes_are_the_same_where_they_look_the_same(tmp_path):
    composed, decomposed = (unicodedata.normalize(form, "é") for form in ("NFC", "NFD"))
    (tmp_path / "boxes-anna.jsonl").write_text(line([(composed, [1, 1, 9, 9])], name=f"{composed}.png"))
    (tmp_path / "boxes-ben.jsonl").write_text(line([(decomposed, [1, 1, 9, 9])], name=f"./{decomposed}.png"))
    matched = DETECTION.match(DETECTION.read(tmp_path), pool_of(f"{decomposed}.png"))
    assert (matched.class_by_row(), matched.absent) == ({0: f"1 {composed}"}, ())


# --- matching with a pool ---------------------------------------------------------------------------------------


@given(DRAWN, st.data())
def test_labels_match_a_pool_as_a_partial_function_into_its_rows(said, data):
    names = data.draw(st.lists(st.sampled_from(sorted(said)), unique=True)) if said else []
    pool = pool_of(*names, "someone_elses.png")
    matched = DETECTION.match(read(said.items()), pool)
    assert [pool.names[row] for row in matched.rows] == sorted(names)
    assert matched.absent == tuple(sorted(said.keys() - {*names}))
    assert [said[pool.names[row]] for row in matched.rows] == list(matched.targets)
    kept = np.array(data.draw(st.lists(st.booleans(), min_size=len(names), max_size=len(names))), bool)
    part = matched.take(kept)
    alone = DETECTION.match(read((pool.names[row], said[pool.names[row]]) for row in matched.rows[kept]), pool)
    assert (part.classes, part.class_by_row()) == (alone.classes, alone.class_by_row())


def test_targets_in_another_space_count_its_classes():
    image = BoxedImage(9, 9, (Box("b", 0, 0, 1, 1), Box("a", 0, 0, 1, 1), Box("c", 0, 0, 1, 1)))
    matched = DETECTION.match(read([("x.png", image)]), pool_of("x.png"))
    assert [one.tolist() for one in matched.onto(["a", "b"])] == [[1, 0, -1]]


def test_nothing_is_learnt_from_no_labels_nor_from_images_that_are_all_empty(tmp_path):
    with pytest.raises(NoLabels, match="there is no label in it"):
        DETECTION.check_labels(DETECTION.no_labels())
    with pytest.raises(NoLabels, match=r"on none of the labelled images \(2\) is a box"):
        DETECTION.check_labels(read([("a.png", BoxedImage(1, 1)), ("b.png", BoxedImage(1, 1))]))


def test_numbers_from_0_to_1_are_no_pixels(tmp_path):
    shares, pixel = Box("a", 0.2, 0.1, 0.5, 0.5), Box("a", 0, 0, 1, 1)
    with pytest.raises(LabelsMalformed, match="multiply them by its width and height"):
        DETECTION.check_labels(read([("a.png", BoxedImage(9, 9, (shares,))), ("b.png", BoxedImage(9, 9))]))
    DETECTION.check_labels(read([("a.png", BoxedImage(9, 9, (shares, pixel)))]))


# --- several people ---------------------------------------------------------------------------------------------


def disputed(tmp_path, anna, ben, **size_of_ben):
    (tmp_path / "boxes-anna.jsonl").write_text(line(anna) + line(name="b.png"))
    (tmp_path / "boxes-ben.jsonl").write_text("\n" + line(ben, **size_of_ben))
    return DETECTION.read_with_conflicts(tmp_path)


def test_people_agree_where_their_boxes_cover_much_the_same_place_and_the_first_file_counts(tmp_path):
    labels, conflicts = disputed(tmp_path, [("cat", [10, 10, 20, 20]), ("dog", [60, 10, 9, 9])],
                                 [("dog", [60, 11, 9, 9]), ("cat", [12, 10, 20, 20])])  # fmt: skip
    assert (conflicts, labels.disputed) == ({}, frozenset())
    assert labels.images["a.png"].boxes[0] == Box("cat", 10, 10, 20, 20)


def test_a_box_that_one_person_alone_has_disputes_the_image_and_is_told_with_its_place(tmp_path):
    labels, conflicts = disputed(tmp_path, [("cat", [10, 10, 20, 20])], [])
    told = "boxes-anna.jsonl:1, and not in boxes-ben.jsonl:2"
    assert conflicts == {"a.png": {"cat at 10, 10 (20 x 20)": told}}
    assert (labels.names, labels.disputed) == ({"b.png"}, {"a.png"})
    with pytest.raises(LabelsConflict, match=r"'a\.png': 'cat at 10, 10 \(20 x 20\)' in boxes-anna\.jsonl:1"):
        DETECTION.read(tmp_path)


@pytest.mark.parametrize("other", [("dog", [10, 10, 20, 20]), ("cat", [25, 10, 20, 20])])
def test_another_class_or_another_place_is_a_contradiction_of_both_boxes(tmp_path, other):
    _, conflicts = disputed(tmp_path, [("cat", [10, 10, 20, 20])], [other])
    assert len(conflicts["a.png"]) == 2


def test_people_who_saw_an_image_of_another_size_contradict_each_other(tmp_path):
    _, conflicts = disputed(tmp_path, [], [], width=50, height=100)
    assert conflicts == {
        "a.png": {"an image of 100 x 50": "boxes-anna.jsonl:1", "an image of 50 x 100": "boxes-ben.jsonl:2"}
    }


def test_two_lines_of_one_file_about_an_image_are_taken_as_two_peoples(tmp_path):
    (tmp_path / "boxes-anna.jsonl").write_text(line([("cat", [0, 0, 5, 5])]) * 2 + line())
    _, conflicts = DETECTION.read_with_conflicts(tmp_path)
    assert list(conflicts["a.png"].values()) == ["boxes-anna.jsonl:1, and not in boxes-anna.jsonl:3"]


# --- geometry ---------------------------------------------------------------------------------------------------


def test_iou_by_hand():
    A = np.array([[0.0, 0, 2, 2], [10, 10, 1, 1]])
    B = np.array([[1.0, 0, 2, 2], [0, 0, 2, 2], [2, 0, 2, 2]])
    np.testing.assert_allclose(iou(A, B), [[1 / 3, 1, 0], [0, 0, 0]])


def test_pairs_are_made_the_most_alike_first_and_each_once():
    assert pair_up(np.array([[0.9, 0.8], [0.95, 0.1]]), 0.5) == [(1, 0), (0, 1)]
    assert pair_up(np.array([[0.9, 0.8], [0.95, 0.1]]), 0.85) == [(1, 0)]
    assert pair_up(np.empty((0, 3)), 0.5) == []
