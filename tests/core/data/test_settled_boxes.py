"""What was settled between people who drew otherwise counts before what they drew, and nobody's file is changed."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nextlabel.core.data.box_files import (
    GivenBoxes,
    drawings_of,
    give_boxes,
    settle_boxes,
    survey_boxes,
    version_of,
)
from nextlabel.core.data.boxes import Box, BoxedImage, format_line
from nextlabel.core.data.spelling import as_seen
from nextlabel.core.errors import BoxesChanged, InvalidRequest, LabelledOtherwise, LabelsMalformed, PathNotFound
from nextlabel.core.tasks.registry import DETECTION

CAT, DOG = Box("cat", 1, 2, 30, 40), Box("dog", 50, 10, 20.5, 20)
SETTLED = "_settled.jsonl"


def image(*boxes, unfinished=False):
    return BoxedImage(100, 80, boxes, unfinished)


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "boxes"
    folder.mkdir()
    write(folder, "anna", {"a.png": image(CAT), "b.png": image(DOG)})
    write(folder, "ben", {"a.png": image(CAT, DOG), "c.png": image()})
    return folder


def write(folder, person, drawn):
    lines = [f"{format_line(name, one)}\n" for name, one in drawn.items()]
    (folder / f"boxes-{person}.jsonl").write_text("".join(lines))


def files(folder):
    return {file.name: file.read_bytes() for file in folder.iterdir() if not file.name.startswith(".")}


def version(folder, name):
    return version_of(drawings_of(folder, [name], [folder]).get(as_seen(name), ()))


def settled(folder, name, drawn, seen=None):
    """Settle what was looked at just now, unless something earlier was `seen`; return what is seen by now."""
    one = GivenBoxes(name, drawn, version(folder, name) if seen is None else seen)
    return settle_boxes(str(folder), [one], roots=[folder]).versions[name]


def give(folder, person, name, drawn, **more):
    before = {one.file: one.version for one in drawings_of(folder, [name], [folder]).get(name, ())}
    one = GivenBoxes(name, drawn, before.get(f"boxes-{person}.jsonl", ""))
    give_boxes(str(folder), [one], person=person, roots=[folder], **more)


def test_what_is_settled_is_read_and_everybodys_file_stays_as_it_is(folder):
    before = files(folder)
    assert DETECTION.read_with_conflicts(folder)[0].disputed == {"a.png"}
    settled(folder, "a.png", image(CAT, DOG))
    labels, conflicts = DETECTION.read_with_conflicts(folder)
    assert (labels.images, conflicts, labels.disputed) == (
        {"a.png": image(CAT, DOG), "b.png": image(DOG), "c.png": image()},
        {},
        frozenset(),
    )
    assert {**before, SETTLED: f"{format_line('a.png', image(CAT, DOG))}\n".encode()} == files(folder)


def test_what_nobody_drew_can_be_what_counts_and_that_nothing_is_there_too(folder):
    settled(folder, "a.png", image(DOG))
    assert DETECTION.read(folder).images["a.png"] == image(DOG)
    settled(folder, "a.png", image())
    assert DETECTION.read(folder).images["a.png"] == image()


def test_a_survey_counts_what_was_settled_and_nobody_for_it(folder):
    before = survey_boxes(folder, [])
    settled(folder, "a.png", image(DOG))
    seen = survey_boxes(folder, [])
    assert (before.conflicts.keys(), before.settled) == ({"a.png"}, ())
    assert (seen.conflicts, seen.settled, seen.counts) == ({}, ("a.png",), {"dog": 2})
    assert (seen.images, seen.nothing_here) == (3, 1)
    assert seen.images_per_file == before.images_per_file == {"boxes-anna.jsonl": 2, "boxes-ben.jsonl": 2}
    assert seen.left_out == ()


def test_what_people_draw_afterwards_does_not_unsettle_it(folder):
    settled(folder, "a.png", image(DOG))
    give(folder, "ben", "a.png", None)
    give(folder, "anna", "a.png", image(CAT, unfinished=True))
    assert DETECTION.read(folder).images["a.png"] == image(DOG)
    assert not DETECTION.read(folder).unfinished


def test_who_draws_otherwise_than_what_was_settled_is_asked_and_may_open_it_or_leave_it(folder):
    settled(folder, "a.png", image(CAT, DOG))
    give(folder, "cem", "a.png", image(CAT, DOG))  # anna's says otherwise, and counts no more
    with pytest.raises(LabelledOtherwise) as error:
        give(folder, "cem", "a.png", image())
    assert [fault.detail for fault in error.value.faults] == [
        "a.png has 1 cat + 1 dog in _settled.jsonl, placed or named otherwise"
    ]
    give(folder, "cem", "a.png", image(), keep_both=True)
    assert DETECTION.read(folder).images["a.png"] == image(CAT, DOG)
    versions = [one.version for one in drawings_of(folder, ["a.png"], [folder])["a.png"]]
    give(folder, "anna", "a.png", image(DOG), replaced=versions)
    assert (folder / SETTLED).read_text() == ""
    assert DETECTION.read(folder).images["a.png"] == image(DOG)


def test_who_draws_otherwise_may_say_that_theirs_counts_and_takes_nothing_out_of_any_file(folder):
    before = files(folder)
    seen = [one.version for one in drawings_of(folder, ["a.png"], [folder])["a.png"]]
    with pytest.raises(LabelledOtherwise):
        give(folder, "cem", "a.png", image(DOG), replaced=seen[:1], settle=True)
    give(folder, "cem", "a.png", image(DOG), replaced=seen, settle=True)
    line = f"{format_line('a.png', image(DOG))}\n".encode()
    assert files(folder) == {**before, "boxes-cem.jsonl": line, SETTLED: line}
    seen = [one.version for one in drawings_of(folder, ["a.png"], [folder])["a.png"]]
    give(folder, "cem", "a.png", image(), replaced=seen, settle=True)
    assert DETECTION.read(folder).images["a.png"] == image()
    give(folder, "cem", "b.png", image(DOG), settle=True)  # as anna drew: there is nothing to settle
    assert survey_boxes(folder, []).settled == ("a.png",)


def test_who_has_not_seen_what_is_settled_by_now_is_told_also_where_they_drew_much_the_same(folder):
    settled(folder, "a.png", image(CAT))
    by_name = {one.file: one.version for one in drawings_of(folder, ["a.png"], [folder])["a.png"]}
    nudged = image(CAT._replace(x=CAT.x + 1))

    def draw(drawn, seen, **more):
        given = [GivenBoxes("a.png", drawn, by_name["boxes-anna.jsonl"], seen)]
        return give_boxes(str(folder), given, person="anna", roots=[folder.parent], **more)

    before = files(folder)
    for seen in ("", "of something else"):
        with pytest.raises(BoxesChanged, match=r"what counts on a\.png was settled meanwhile"):
            draw(nudged, seen)
    assert files(folder) == before
    draw(nudged, by_name[SETTLED])
    draw(nudged, "")  # it comes again, as the answer was lost


def test_what_was_drawn_or_settled_meanwhile_is_not_settled_unseen(folder):
    seen = version(folder, "a.png")
    give(folder, "cem", "a.png", image(CAT, unfinished=True))  # says nothing yet
    assert version(folder, "a.png") == seen
    now = settled(folder, "a.png", image(CAT), seen)
    assert settled(folder, "a.png", image(CAT), seen) == now == version(folder, "a.png")  # the answer got lost
    for drawn in (image(DOG), None):
        with pytest.raises(BoxesChanged, match=r"a\.png was changed meanwhile"):
            settled(folder, "a.png", drawn, seen)
    give(folder, "anna", "a.png", image(DOG), keep_both=True)
    with pytest.raises(BoxesChanged):
        settled(folder, "a.png", image(DOG), now)
    assert DETECTION.read(folder).images["a.png"] == image(CAT)


def test_nobody_settles_what_nobody_has_finished_and_then_all_stays_open(folder):
    write(folder, "cem", {"d.png": image(CAT, unfinished=True)})
    given = [GivenBoxes(name, image(CAT), version(folder, name)) for name in ("a.png", "d.png", "z.png")]
    with pytest.raises(InvalidRequest) as error:
        settle_boxes(str(folder), given, roots=[folder])
    assert [fault.pointer for fault in error.value.faults] == ["/images/1/name", "/images/2/name"]
    assert not (folder / SETTLED).exists()


def test_a_name_is_settled_however_it_is_spelt(folder):
    write(folder, "anna", {"é.png": image(CAT)})
    write(folder, "ben", {"e\u0301.png": image(DOG)})
    settled(folder, "e\u0301.png", image(DOG))
    assert DETECTION.read(folder).images["é.png"] == image(DOG)
    settled(folder, "é.png", None)
    assert DETECTION.read_with_conflicts(folder)[0].disputed == {"é.png"}


def test_what_was_settled_of_classes_says_nothing_of_boxes(folder):
    (folder / "_settled.txt").write_text("a.png\tcat\n")
    assert DETECTION.read_with_conflicts(folder)[0].disputed == {"a.png"}


DRAWN = st.lists(st.sampled_from([CAT, DOG, Box("дом", 0, 0, 9.5, 9)]), max_size=3).map(lambda boxes: image(*boxes))
NAMES = st.sampled_from(["a.png", "sub/b.png", "é.png"])
PEOPLE = st.dictionaries(st.sampled_from(["anna", "ben", "Åsa"]), st.dictionaries(NAMES, DRAWN), min_size=1)


@given(PEOPLE, st.dictionaries(NAMES, DRAWN), NAMES, st.lists(DRAWN, min_size=1, max_size=3))
@settings(max_examples=50, deadline=None)
def test_to_settle_and_to_open_again_leaves_every_file_as_it_was(tmp_path_factory, people, earlier, name, answers):
    folder = tmp_path_factory.mktemp("boxes")
    for person, drawn in people.items():
        write(folder, person, drawn)
    drawn_on = {key for drawn in people.values() for key in drawn}
    for key in earlier.keys() & drawn_on - {name}:
        settled(folder, key, earlier[key])
    (folder / SETTLED).touch()
    before, (labels, conflicts) = files(folder), DETECTION.read_with_conflicts(folder)
    if name in drawn_on:
        for answer in answers:
            settled(folder, name, answer)
            assert DETECTION.read_with_conflicts(folder)[0].images[name] == answer
        assert {key: data for key, data in files(folder).items() if key != SETTLED} == {
            key: data for key, data in before.items() if key != SETTLED
        }
    settled(folder, name, None)
    assert files(folder) == before
    assert DETECTION.read_with_conflicts(folder) == (labels, conflicts)


@pytest.mark.parametrize(
    ("drawn", "fault"),
    [
        ((image(CAT, unfinished=True),), "1: 'a.png' is unfinished"),
        ((image(CAT), image(DOG)), "2: 'a.png' is settled twice"),
    ],
)
def test_what_can_not_be_settled_is_a_fault_wherever_it_is_read(folder, drawn, fault):
    (folder / SETTLED).write_text("".join(f"{format_line('a.png', one)}\n" for one in drawn))
    for read in (DETECTION.read_with_conflicts, lambda folder: survey_boxes(folder, [])):
        with pytest.raises(LabelsMalformed, match=f"_settled.jsonl:{fault}"):
            read(folder)
    with pytest.raises(LabelsMalformed, match=f"_settled.jsonl{fault[1:]}"):
        version(folder, "a.png")


def test_a_line_that_stands_twice_in_the_same_words_settles_it(folder):
    (folder / SETTLED).write_text(f"{format_line('a.png', image(DOG))}\n" * 2)
    assert DETECTION.read(folder).images["a.png"] == image(DOG)
    assert survey_boxes(folder, []).conflicts == {}


def test_what_is_to_be_settled_is_not_to_be_settled_later(folder):
    before = files(folder)
    with pytest.raises(InvalidRequest) as error:
        give(folder, "cem", "a.png", image(DOG), settle=True, keep_both=True)
    assert [fault.pointer for fault in error.value.faults] == ["/keep_both"]
    assert files(folder) == before


def test_what_was_never_settled_is_opened_again_without_a_file_or_a_folder(folder):
    settled(folder, "a.png", None)
    assert not (folder / SETTLED).exists()
    for none in (folder / "none", folder / ("long" * 70)):
        with pytest.raises(PathNotFound):
            settle_boxes(str(none), [GivenBoxes("a.png", None)], roots=[folder])
    assert not (folder / "none").exists()


def test_the_same_answer_again_leaves_the_file_as_it_is(folder):
    settled(folder, "a.png", image(DOG))
    settled(folder, "b.png", image(CAT))
    before = (folder / SETTLED).stat()
    settled(folder, "a.png", image(DOG))
    assert (folder / SETTLED).stat() == before


def test_what_is_settled_can_be_settled_otherwise_when_nobody_s_drawing_is_left(folder):
    settled(folder, "b.png", image(CAT))
    give(folder, "anna", "b.png", None)
    settled(folder, "b.png", image(DOG))
    assert DETECTION.read_with_conflicts(folder)[0].images["b.png"] == image(DOG)
