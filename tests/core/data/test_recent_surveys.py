from __future__ import annotations

import os

from nextlabel.core.data.label_files import GivenLabel, give_labels, state_of
from nextlabel.core.data.recent_surveys import RecentSurveys
from nextlabel.core.tasks.registry import CLASSIFICATION, MULTILABEL


def give(folder, name, class_name):
    give_labels(str(folder), [GivenLabel(name, class_name)], person="anna", roots=[folder.parent], task=CLASSIFICATION)


def test_labels_that_have_not_changed_are_read_once(tmp_path):
    folder, recent = tmp_path / "labels", RecentSurveys()
    give(folder, "a.png", "cat")
    first = recent.get(folder, state_of(folder, [tmp_path]), [tmp_path], CLASSIFICATION)
    assert recent.get(folder, state_of(folder, [tmp_path]), [tmp_path], CLASSIFICATION) is first
    give(folder, "a.png", "dog")
    assert recent.get(folder, state_of(folder, [tmp_path]), [tmp_path], CLASSIFICATION).counts == {"dog": 1}


def test_more_labels_than_are_kept_are_read_again_and_answered_all_the_same(tmp_path):
    folder, recent = tmp_path / "labels", RecentSurveys(most_labels=1)
    give(folder, "a.png", "cat")
    state = state_of(folder, [tmp_path])
    first = recent.get(folder, state, [tmp_path], CLASSIFICATION)
    second = recent.get(folder, state, [tmp_path], CLASSIFICATION)
    assert (second is first, second.counts) == (False, {"cat": 1})


def test_a_file_rewritten_with_its_old_size_and_time_has_another_state(tmp_path):
    folder = tmp_path / "labels"
    give(folder, "a.png", "cat")
    file = folder / "anna.txt"
    before, looked = state_of(folder, [tmp_path]), file.stat()
    while file.stat().st_ctime_ns == looked.st_ctime_ns:  # the clock of files ticks in milliseconds
        file.write_bytes(file.read_bytes().replace(b"cat", b"dog"))
        os.utime(file, ns=(looked.st_atime_ns, looked.st_mtime_ns))
    assert state_of(folder, [tmp_path]) != before


def test_what_one_task_makes_of_the_labels_is_not_what_another_does(tmp_path):
    folder, recent = tmp_path / "labels", RecentSurveys()
    folder.mkdir()
    (folder / "anna.txt").write_text("a.png\tcat\na.png\tdog\n")
    state = state_of(folder, [tmp_path])
    conflicts = [len(recent.get(folder, state, [tmp_path], task).conflicts) for task in (CLASSIFICATION, MULTILABEL)]
    assert conflicts == [2, 0]
