"""Images are kept apart to validate by, in a file beside the labels."""

from __future__ import annotations

import pytest

from nextlabel.core.data.kept_apart import keep_apart, kept_apart
from nextlabel.core.data.labels import left_out_of
from nextlabel.core.errors import LabelsMalformed, PathNotFound

NAMES = [f"{i}.png" for i in range(20)]


@pytest.fixture
def keep(tmp_path):
    def keep(images, names=NAMES, seed=0):
        return keep_apart(str(tmp_path), names, images, seed=seed, roots=[tmp_path])

    return keep


def test_those_that_were_kept_stay_and_others_are_drawn(tmp_path, keep):
    five = keep(5)
    assert len({*five} & {*NAMES}) == 5
    assert five != keep(0) == ()
    assert keep(5) == five
    assert keep(8)[:5] == five
    assert keep(3, names=["new.png", *NAMES]) == five[:3] == kept_apart(tmp_path, [tmp_path])
    assert left_out_of(tmp_path, [tmp_path]) == []


def test_there_are_no_more_than_there_are_images(keep):
    assert sorted(keep(50)) == sorted(NAMES)


@pytest.mark.parametrize("content", ["{}", '[{"name": 1}]', '[{"file": "a.png"}]'])
def test_a_file_that_somebody_broke_is_told_and_never_written_over(tmp_path, keep, content):
    (tmp_path / "validation.json").write_text(content)
    for look in (lambda: kept_apart(tmp_path, [tmp_path]), lambda: keep(3)):
        with pytest.raises(LabelsMalformed, match=r"validation\.json"):
            look()
    assert (tmp_path / "validation.json").read_text() == content


def test_a_file_of_labels_keeps_none_and_a_folder_that_is_not_there_is_refused(tmp_path):
    (tmp_path / "labels.txt").write_text("")
    assert kept_apart(tmp_path / "labels.txt", [tmp_path]) == ()
    with pytest.raises(PathNotFound):
        kept_apart(tmp_path / "nothere", [tmp_path])
