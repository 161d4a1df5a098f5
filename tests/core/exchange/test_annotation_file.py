import threading

import pytest

from nextlabel.core.errors import LabelsMalformed, PathNotWritable, PathWrongKind
from nextlabel.core.exchange.annotation_file import Annotation, AnnotationFile
from nextlabel.core.tasks.classification import read_labels


@pytest.fixture
def file(tmp_path):
    return AnnotationFile(tmp_path, "label-studio-3")


def labels(file):
    return dict(read_labels(file.path.parent).classes_by_name)


def test_annotations_become_labels_and_the_newest_counts(file):
    file.record([Annotation(1, "a.png", "cat"), Annotation(2, "b.png", "dog")])
    file.record([Annotation(3, "a.png", "dog")])
    assert file.path.read_text() == "b.png\tdog\na.png\tdog\n"


def test_a_deleted_annotation_takes_its_label_along(file):
    file.record([Annotation(1, "a.png", "cat"), Annotation(2, "b.png", "dog")])
    file.forget([1, 99])
    assert labels(file) == {"b.png": "dog"}


def test_when_one_of_two_is_deleted_the_other_counts_again(file):
    file.record([Annotation(1, "a.png", "cat")])
    file.record([Annotation(2, "a.png", "dog")])
    file.forget([2])
    assert labels(file) == {"a.png": "cat"}
    file.forget([1])
    assert labels(file) == {}


def test_an_updated_annotation_replaces_what_it_said(file):
    file.record([Annotation(1, "a.png", "cat")])
    file.record([Annotation(1, "a.png", "dog")])
    file.record([Annotation(1, "a.png", None)])
    assert labels(file) == {}
    file.record([Annotation(1, "a.png", "cat")])
    assert labels(file) == {"a.png": "cat"}


def test_doing_it_again_changes_nothing(file):
    for _ in range(2):
        file.record([Annotation(1, "a.png", "cat"), Annotation(2, "b.png", "dog")])
    for _ in range(2):
        file.forget([2])
    assert labels(file) == {"a.png": "cat"}


def test_labels_that_were_imported_into_the_file_stay(file):
    file.path.write_text("a.png\tcat\n")
    file.record([Annotation(1, "b.png", "dog")])
    assert labels(file) == {"a.png": "cat", "b.png": "dog"}


def test_a_torn_line_of_the_journal_is_left_out(file):
    file.record([Annotation(1, "a.png", "cat")])
    journal = next(file.path.parent.glob(".*.jsonl"))
    journal.write_text(journal.read_text() + '[2, "b.p')
    file.record([Annotation(3, "c.png", "dog")])
    file.forget([3])
    assert labels(file) == {"a.png": "cat"}


def test_a_class_that_no_labels_file_can_hold_is_refused_and_nothing_is_changed(file):
    file.record([Annotation(1, "a.png", "cat")])
    with pytest.raises(LabelsMalformed, match="a tab"):
        file.record([Annotation(2, "b.png", "d\tog")])
    assert labels(file) == {"a.png": "cat"}


def test_a_folder_that_is_not_there_is_told_of(tmp_path):
    with pytest.raises(PathNotWritable, match="can't be written: No such file or directory"):
        AnnotationFile(tmp_path / "gone", "label-studio-3").record([Annotation(1, "a.png", "cat")])


def test_many_at_once_lose_nothing(tmp_path):
    def annotate(begin):
        for at in range(begin, begin + 20):
            AnnotationFile(tmp_path, "label-studio-3").record([Annotation(at, f"{at}.png", "cat")])

    threads = [threading.Thread(target=annotate, args=(begin,)) for begin in range(0, 80, 20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(labels(AnnotationFile(tmp_path, "label-studio-3"))) == 80


def test_no_annotation_is_written_among_images(tmp_path, file):
    (tmp_path / "a.PNG").touch()
    with pytest.raises(PathWrongKind, match="Labels want a folder of their own"):
        file.record([Annotation(1, "a.PNG", "cat")])
    assert [path.name for path in tmp_path.iterdir() if not path.name.startswith(".")] == ["a.PNG"]
