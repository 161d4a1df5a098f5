"""Images are kept apart to validate by, in a file beside the labels."""

from __future__ import annotations

import pytest

from nextlabel.core.data.kept_apart import Apart, keep_apart, kept_apart
from nextlabel.core.data.labels import left_out_of
from nextlabel.core.errors import InvalidRequest, LabelsMalformed, PathNotFound

NAMES = [f"{i}.png" for i in range(20)]


@pytest.fixture
def keep(tmp_path):
    def keep(images, names=NAMES, seed=0):
        return keep_apart(str(tmp_path), names, images, seed=seed, roots=[tmp_path])

    return keep


def test_those_that_were_kept_stay_and_others_are_drawn(tmp_path, keep):
    five = keep(5).here
    assert len({*five} & {*NAMES}) == 5
    assert keep(0) == Apart((), ())
    assert keep(5).here == five
    assert keep(8).here[:5] == five
    assert keep(8, names=["new.png", *NAMES]).here[:5] == five == kept_apart(tmp_path, [tmp_path])[:5]
    assert left_out_of(tmp_path, [tmp_path]) == []


def test_half_of_a_pool_is_left_to_learn_from(keep):
    assert len(keep(4).here) == 4
    for most, names in ((10, NAMES), (keep(4).here.count(NAMES[0]), NAMES[:1]), (0, [])):
        with pytest.raises(InvalidRequest, match=f"at most {most} can be kept apart"):
            keep(99_999, names=names)
    assert len(keep(10).here) == 10


def test_those_that_were_kept_stay_though_images_went(tmp_path, keep):
    ten = keep(10).here
    left = NAMES[:12]
    here = tuple(name for name in ten if name in left)
    assert keep(len(here), names=left) == Apart(here, tuple(name for name in ten if name not in left))
    assert kept_apart(tmp_path, [tmp_path]) == ten
    assert keep(10).here == ten


def test_images_of_another_pool_neither_count_for_this_one_nor_are_let_go_with_it(tmp_path, keep):
    ours = keep(5).here
    others = [f"other/{i}.png" for i in range(10)]
    apart = keep(3, names=others)
    assert (len({*apart.here} & {*others}), apart.elsewhere) == (3, ours)
    with pytest.raises(InvalidRequest, match=r"of 10 images, at most 5 .* \(kept apart besides, .* pool: 5"):
        keep(6, names=others)
    assert keep(0, names=others) == Apart((), ours)
    assert kept_apart(tmp_path, [tmp_path]) == ours


def test_fewer_than_are_kept_apart_already_are_refused_until_all_are_given_up(tmp_path, keep):
    five = keep(5).here
    with pytest.raises(InvalidRequest, match="5 images are kept apart already"):
        keep(3)
    assert kept_apart(tmp_path, [tmp_path]) == five
    keep(0)
    assert len(keep(3).here) == 3


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


def test_an_image_that_stands_twice_in_the_file_counts_once(tmp_path):
    (tmp_path / "validation.json").write_text('[{"name": "b"}, {"name": "a"}, {"name": "b"}]')
    assert kept_apart(tmp_path, [tmp_path]) == ("b", "a")
