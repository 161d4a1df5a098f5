"""Terms that every task of whole images keeps. A new one needs an `Example`: how its labels and certain logits look."""

from __future__ import annotations

import tempfile
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nextlabel.core.data.label_text import join_lines
from nextlabel.core.data.labels import sorted_classes
from nextlabel.core.data.spelling import as_seen, shows
from nextlabel.core.errors import NoLabels, SingleClass
from nextlabel.core.methods.uncertainty import Entropy, Least, Margin, Ratio
from nextlabel.core.metrics.f1 import macro_f1
from nextlabel.core.tasks.base import write_lines
from nextlabel.core.tasks.registry import CLASS_TASKS, CLASSIFICATION, DETECTION, TASKS, task_of
from tests.core.tasks.pools import pool_of

NAMES = (
    st.text(st.characters(codec="utf-8", exclude_characters="\0\t\n\r"), min_size=1, max_size=9)
    .filter(lambda name: not name.isspace() and not name.startswith("./"))
    .map(as_seen)
)
CLASSES = NAMES.map(str.strip).filter(shows)
METHODS = [Least, Margin, Ratio, Entropy]


@dataclass(frozen=True)
class Example:
    """said: the classes that an image may have. certain: targets -> logits that say these."""

    said: st.SearchStrategy[tuple[str, ...]]
    certain: Callable[[Any, int], Any]


def one_hot(targets, n_classes):
    return (np.arange(n_classes) == targets[:, None]).astype(np.float32) * 50


def yes_or_no(targets, n_classes):
    return np.where(targets, 50, -50).astype(np.float32).reshape(len(targets), n_classes)


EXAMPLES = {
    "classification": Example(st.tuples(CLASSES), one_hot),
    "multilabel": Example(st.sets(CLASSES, max_size=4).map(lambda said: tuple(sorted(said))), yes_or_no),
}
every_task = pytest.mark.parametrize("task", CLASS_TASKS.values(), ids=CLASS_TASKS)


def said_of(task):
    return st.dictionaries(NAMES, EXAMPLES[task.name].said, max_size=12)


def read(task, pairs):
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "labels.txt"
        file.write_bytes(join_lines(write_lines(task, pairs)).encode())
        return task.read(file)


def logits_of(data, classes=4):
    n = data.draw(st.integers(1, 9))
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    return (rng.normal(size=(n, classes)) * data.draw(st.sampled_from([0.0, 1.0, 30.0, 1e4]))).astype(np.float32)


def test_every_task_has_an_example_and_goes_by_its_name():
    assert EXAMPLES.keys() == CLASS_TASKS.keys()
    assert all(task_of(name) is task and task.name == name for name, task in CLASS_TASKS.items())
    assert CLASS_TASKS["classification"] is CLASSIFICATION
    assert TASKS == {**CLASS_TASKS, "detection": DETECTION}  # whose terms are in test_detection.py


def test_a_task_that_there_is_not_is_refused_with_those_there_are():
    with pytest.raises(ValueError, match="no task 'regression'; there are classification, multilabel"):
        task_of("regression")


# --- labels -----------------------------------------------------------------------------------------------------


@every_task
@given(data=st.data())
def test_it_reads_what_it_writes(task, data):
    said = data.draw(said_of(task))
    labels = read(task, said.items())
    assert labels.names == said.keys()
    assert len(labels) == len(said)
    assert sorted(labels.lines()) == sorted(write_lines(task, said.items()))


@every_task
@given(data=st.data())
def test_labels_have_the_same_fingerprint_in_any_order_and_another_one_less(task, data):
    pairs = list(data.draw(said_of(task)).items())
    labels = read(task, pairs)
    assert read(task, pairs[::-1]).fingerprint() == labels.fingerprint()
    if pairs:
        assert read(task, pairs[1:]).fingerprint() != labels.fingerprint()


@every_task
def test_no_labels_are_none(task):
    assert (len(task.no_labels()), task.no_labels().classes) == (0, ())
    assert read(task, []).fingerprint() == task.no_labels().fingerprint()


@every_task
@given(data=st.data())
def test_labels_match_a_pool_as_a_partial_function_into_its_rows(task, data):
    said = data.draw(said_of(task))
    names = data.draw(st.lists(st.sampled_from(sorted(said)), unique=True)) if said else []
    pool = pool_of(*names, "someone_elses.png")
    matched = task.match(read(task, said.items()), pool)
    assert [pool.names[row] for row in matched.rows] == sorted(names)
    assert matched.absent == tuple(sorted(said.keys() - {*names}))
    assert len(matched.targets) == len(matched.rows) == len(matched.class_by_row())
    assert matched.classes == sorted_classes(matched.classes)
    assert all(count > 0 for count in matched.images_per_class().values())
    assert tuple(matched.images_per_class()) == matched.classes


@every_task
@given(data=st.data())
def test_targets_stay_the_same_onto_the_same_classes_and_are_found_again_onto_more(task, data):
    said = data.draw(said_of(task))
    matched = task.match(read(task, said.items()), pool_of(*said))
    np.testing.assert_array_equal(matched.onto(matched.classes), matched.targets)
    more = sorted_classes([*matched.classes, "!another", "~one more"])
    certain = EXAMPLES[task.name].certain(matched.onto(more), len(more))
    decided = task.decide(certain, np.arange(len(more)), len(more))
    np.testing.assert_array_equal(decided, matched.onto(more))


@every_task
@given(data=st.data())
def test_a_part_of_the_labels_has_the_classes_that_occur_in_it(task, data):
    said = data.draw(said_of(task))
    pool = pool_of(*said)
    matched = task.match(read(task, said.items()), pool)
    kept = np.array(data.draw(st.lists(st.booleans(), min_size=len(matched.rows), max_size=len(matched.rows))), bool)
    part = matched.take(kept)
    names = [pool.names[row] for row in matched.rows[kept]]
    alone = task.match(read(task, [(name, said[name]) for name in names]), pool)
    assert (part.classes, part.class_by_row()) == (alone.classes, alone.class_by_row())
    np.testing.assert_array_equal(part.targets, alone.targets)


@every_task
def test_a_class_said_twice_is_said_once_and_nothing_is_nothing(task):
    assert task.agree(["cat", "cat"]) == ("cat",)
    assert task.agree([]) == ()


# --- training ---------------------------------------------------------------------------------------------------


@every_task
@given(data=st.data())
def test_it_refuses_to_train_on_just_what_it_cannot_train_on(task, data):
    said = data.draw(said_of(task))
    matched = task.match(read(task, said.items()), pool_of(*said))
    if task.can_train(matched):
        task.check_matched(matched, "a prediction")
        return
    with pytest.raises((NoLabels, SingleClass), match="a prediction needs "):
        task.check_matched(matched, "a prediction")


@every_task
@given(data=st.data())
def test_what_a_part_of_the_labels_teaches_is_decided_in_the_space_of_all(task, data):
    said = data.draw(said_of(task))
    matched = task.match(read(task, said.items()), pool_of(*said, "z.png"))
    if not len(matched.rows):
        return
    part = matched.targets[: data.draw(st.integers(1, len(matched.rows)))]
    classes, narrowed = task.learnable(part)
    decided = task.decide(EXAMPLES[task.name].certain(narrowed, len(classes)), classes, len(matched.classes))
    np.testing.assert_array_equal(decided, part)


# --- what a model says ------------------------------------------------------------------------------------------


@every_task
@given(data=st.data())
def test_probabilities_are_probabilities_and_logits_lead_back_to_them(task, data):
    probabilities = task.probabilities(logits_of(data))
    assert np.isfinite(probabilities).all()
    assert probabilities.min() >= 0
    assert probabilities.max() <= 1
    np.testing.assert_allclose(task.probabilities(task.logits(probabilities)), probabilities, atol=1e-6)


@every_task
@pytest.mark.parametrize("method", METHODS)
@given(data=st.data())
def test_doubts_are_finite_from_0_to_1_and_flatter_logits_are_doubted_more(task, method, data):
    logits = logits_of(data)
    doubts, gaps = task.units.doubts(method.score, logits)
    assert np.isfinite(doubts).all()
    assert np.isfinite(gaps).all()
    assert (doubts >= -1e-9).all()
    assert (doubts <= 1 + 1e-9).all()
    flatter, nearer = task.units.doubts(method.score, logits / 2)
    assert (flatter >= doubts - 1e-9).all()
    assert (nearer <= gaps).all()


@every_task
@given(data=st.data())
def test_an_image_is_doubted_alike_whoever_stands_beside_it(task, data):
    logits = logits_of(data)
    order = np.random.default_rng(data.draw(st.integers(0, 9))).permutation(len(logits))
    for whole, part in zip(
        task.units.doubts(Margin.score, logits), task.units.doubts(Margin.score, logits[order]), strict=True
    ):
        np.testing.assert_array_equal(whole[order], part)
    np.testing.assert_array_equal(task.units.variances(logits)[order], task.units.variances(logits[order]))
    np.testing.assert_array_equal(task.units.errors(logits)[order], task.units.errors(logits[order]))


@every_task
def test_of_no_image_there_is_no_doubt(task):
    none = np.empty((0, 3), np.float32)
    assert [len(part) for part in task.units.doubts(Margin.score, none)] == [0, 0]
    assert len(task.units.variances(none)) == len(task.units.errors(none)) == 0


@every_task
@given(data=st.data())
def test_what_it_answers_can_be_written_as_labels(task, data):
    classes = sorted_classes(data.draw(st.sets(CLASSES, min_size=4, max_size=4)))
    for row in task.probabilities(logits_of(data)):
        answer = task.answer(row, classes)
        assert 0 <= answer.confidence <= 1
        assert [probability for _, probability in answer.top] == sorted(row, reverse=True)[:3]
        assert read(task, [("a.png", answer.predicted)]).names == {"a.png"}


# --- scores -----------------------------------------------------------------------------------------------------


@every_task
@given(data=st.data())
def test_the_truth_scores_1(task, data):
    said = data.draw(said_of(task))
    matched = task.match(read(task, said.items()), pool_of(*said, "z.png"))
    n = len(matched.classes)
    if not task.can_train(matched):
        return
    logits = EXAMPLES[task.name].certain(matched.targets, n)
    decided = task.decide(logits, np.arange(n), n)
    assert task.agreement(decided, matched.targets, n) == pytest.approx(1)
    assert macro_f1(task.counts(matched.targets, decided, n)) == pytest.approx(1)
    scores = task.score(matched, matched, task.probabilities(logits), np.random.default_rng(0))
    assert scores.f1_macro == pytest.approx(1)
    for c, name in enumerate(matched.classes):
        assert task.shows(decided, c).sum() == matched.images_per_class()[name]


# --- as people leave labels -------------------------------------------------------------------------------------


@every_task
def test_names_and_classes_are_the_same_where_they_look_the_same(task, tmp_path):
    composed, decomposed = (unicodedata.normalize(form, "é") for form in ("NFC", "NFD"))
    (tmp_path / "anna.txt").write_text(f"{composed}.png\t{decomposed}\nb.png\tb\n")
    (tmp_path / "ben.txt").write_text(f"./{decomposed}.png\t{composed}\n")
    matched = task.match(task.read(tmp_path), pool_of(f"{decomposed}.png", "b.png"))
    assert (matched.class_by_row(), matched.classes, matched.absent) == ({0: "b", 1: composed}, ("b", composed), ())


@every_task
def test_what_labels_contradict_each_other_about_is_neither_labelled_nor_unknown(task, tmp_path):
    (tmp_path / "anna.txt").write_text("a.png\tcat\nb.png\tcat\nc.png\tdog\n")
    (tmp_path / "ben.txt").write_text("a.png\tdog\nd.png\tdog\n")
    labels, conflicts = task.read_with_conflicts(tmp_path)
    matched = task.match(labels, pool_of("a.png", "b.png", "c.png", "e.png"))
    assert (set(conflicts), labels.disputed) == ({"a.png"}, {"a.png"})
    assert (matched.rows.tolist(), matched.disputed.tolist(), matched.absent) == ([1, 2], [0], ("d.png",))
    (tmp_path / "anna.txt").write_text("b.png\tcat\nc.png\tdog\n")
    (tmp_path / "ben.txt").write_text("d.png\tdog\n")
    assert task.read(tmp_path).fingerprint() != labels.fingerprint()


@every_task
def test_files_that_are_nobody_s_say_nothing(task, tmp_path):
    for name in ("anna.txt", "anna.txt~", "anna (1).txt", "notes.md", ".anna.txt.swp"):
        (tmp_path / name).write_text(f"{name}.png\tcat\n")
    assert task.read(tmp_path).names == {"anna.txt.png"}
