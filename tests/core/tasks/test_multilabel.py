"""The task `multilabel`: what lines of a class each mean, alone and beside those of other people."""

from __future__ import annotations

import numpy as np
import pytest

from nextlabel.core.errors import LabelsConflict, LabelsMalformed, NoLabels, OneClassEach, SingleClass
from nextlabel.core.methods.uncertainty import Margin
from nextlabel.core.tasks.registry import CLASSIFICATION, MULTILABEL
from tests.core.tasks.pools import pool_of


@pytest.fixture
def said(tmp_path):
    """A folder of labels: each person's lines -> its path."""

    def write(**people):
        folder = tmp_path / "labels"
        folder.mkdir(exist_ok=True)
        for person, lines in people.items():
            (folder / f"{person}.txt").write_text("".join(f"{line}\n" for line in lines))
        return folder

    return write


def test_an_image_has_each_class_that_a_line_gives_it_and_none_where_nothing_stands_behind_the_tab(said):
    labels = MULTILABEL.read(said(ann=["a.png\tcat", "a.png\tdog", "b.png\t", "a.png\tcat"]))
    assert labels.classes_by_name == {"a.png": ("cat", "dog"), "b.png": ()}
    assert labels.classes == ("cat", "dog")


def test_a_name_without_a_tab_is_no_line(said):
    with pytest.raises(LabelsMalformed, match=r"ann\.txt:1: one column; the class is missing"):
        MULTILABEL.read(said(ann=["a.png"]))


def test_what_was_looked_at_and_has_nothing_is_labelled_and_what_was_not_is_not(said):
    matched = MULTILABEL.match(MULTILABEL.read(said(ann=["a.png\tcat", "b.png\t"])), pool_of("a.png", "b.png", "c.png"))
    assert matched.rows.tolist() == [0, 1]
    assert matched.targets.tolist() == [[True], [False]]
    assert matched.class_by_row() == {0: "cat", 1: "none of the classes"}
    assert matched.classes_by_row() == {0: ("cat",), 1: ()}


# --- people -----------------------------------------------------------------------------------------------------


def test_two_people_who_say_the_same_agree(said):
    both = said(ann=["a.png\tcat", "a.png\tdog"], bob=["a.png\tdog", "a.png\tcat"])
    assert MULTILABEL.read(both).classes_by_name == {"a.png": ("cat", "dog")}


def test_people_contradict_each_other_about_each_class_that_only_one_gives(said):
    both = said(ann=["a.png\tcat", "a.png\tdog", "b.png\tcat"], bob=["a.png\tdog"])
    labels, conflicts = MULTILABEL.read_with_conflicts(both)
    assert conflicts == {"a.png": {"cat": "ann.txt:1, and not in bob.txt"}}
    assert labels.names == {"b.png"}
    with pytest.raises(LabelsConflict, match=r"'a\.png': 'cat' in ann\.txt:1, and not in bob\.txt"):
        MULTILABEL.read(both)


def test_one_says_that_none_applies_and_another_that_one_does(said):
    _, conflicts = MULTILABEL.read_with_conflicts(said(ann=["a.png\t"], bob=["a.png\tdog"]))
    assert conflicts == {
        "a.png": {"none of the classes": "ann.txt:1, and not in bob.txt", "dog": "bob.txt:1, and not in ann.txt"}
    }


def test_one_person_who_says_both_is_told_so_too(said):
    _, conflicts = MULTILABEL.read_with_conflicts(said(ann=["a.png\tcat", "a.png\t"]))
    assert conflicts == {"a.png": {"cat": "ann.txt:1", "none of the classes": "ann.txt:2"}}


# --- the wrong task ---------------------------------------------------------------------------------------------


def test_labels_that_say_none_applies_are_refused_where_an_image_has_one_class_with_the_task_that_takes_them(said):
    with pytest.raises(LabelsMalformed, match='"task": "multilabel"'):
        CLASSIFICATION.read(said(ann=["a.png\t"]))


def test_an_image_of_two_classes_is_refused_with_the_task_that_takes_them(said):
    with pytest.raises(LabelsConflict, match='"task": "multilabel"'):
        CLASSIFICATION.read(said(ann=["a.png\tcat", "a.png\tdog"]))


def test_many_labels_of_one_class_each_are_refused_with_the_task_they_are_of(said):
    lines = [f"{i}.png\t{'cat' if i % 2 else 'dog'}" for i in range(100)]
    with pytest.raises(OneClassEach, match='"task": "classification"'):
        MULTILABEL.read(said(ann=lines))
    assert len(MULTILABEL.read(said(ann=lines[:99]))) == 99
    assert len(MULTILABEL.read(said(ann=[*lines, "100.png\t"]))) == 101


# --- training ---------------------------------------------------------------------------------------------------


def test_a_class_is_learnt_from_images_that_have_it_and_others_that_have_not(said):
    one = MULTILABEL.read(said(ann=["a.png\tcat", "b.png\t"]))
    MULTILABEL.check_labels(one)
    assert MULTILABEL.can_train(MULTILABEL.match(one, pool_of("a.png", "b.png")))


@pytest.mark.parametrize(
    ("lines", "error", "says"),
    [
        ([], NoLabels, "no label"),
        (["a.png\t", "b.png\t"], SingleClass, "all 2 labels say none of the classes"),
        (["a.png\tcat", "a.png\tdog"], SingleClass, r"the one label says cat \+ dog"),
    ],
)
def test_labels_that_all_say_the_same_teach_nothing(said, lines, error, says):
    labels = MULTILABEL.read(said(ann=lines))
    with pytest.raises(error, match=says):
        MULTILABEL.check_labels(labels)
    matched = MULTILABEL.match(labels, pool_of("a.png", "b.png"))
    assert not MULTILABEL.can_train(matched)
    assert MULTILABEL.alternatives(matched.targets) == min(1, len(matched.rows))


def test_the_rarest_class_of_an_image_says_which_it_is_spread_with():
    targets = np.array([[1, 1], [1, 0], [1, 0], [0, 0]], bool)
    assert MULTILABEL.strata(targets).tolist() == [1, 0, 0, 2]


# --- what a model says ------------------------------------------------------------------------------------------


def test_a_class_is_given_from_its_threshold_on():
    probabilities, thresholds = np.array([0.3, 0.6, 0.5]), np.array([0.25, 0.7, 0.5])
    answer = MULTILABEL.answer(probabilities, ["cat", "dog", "owl"], thresholds)
    assert answer.predicted == ("cat", "owl")
    assert answer.confidence == pytest.approx(0.3)
    assert answer.top == (("dog", 0.6), ("owl", 0.5), ("cat", 0.3))
    decided = MULTILABEL.decide(MULTILABEL.logits(probabilities[None]), np.arange(3), 3, np.array([0.25, 0.7, 0.49]))
    assert decided.tolist() == [[True, False, True]]
    assert MULTILABEL.answer(np.array([0.1]), ["cat"]).predicted == ()


def test_an_image_is_as_doubtful_as_its_classes_are_on_average():
    even, sure = 0.0, 40.0
    doubts, _ = MULTILABEL.units.doubts(Margin.score, np.array([[even, even], [even, sure], [sure, -sure]], np.float32))
    np.testing.assert_allclose(doubts, [1, 0.5, 0], atol=1e-9)
