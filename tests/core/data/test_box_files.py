"""Boxes that people draw, a file a person: nobody's work is lost, and no other line changes."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest

from nextlabel.core.data.box_files import GivenBoxes, drawings_of, give_boxes, survey_boxes
from nextlabel.core.data.boxes import Box, BoxedImage, format_line
from nextlabel.core.errors import BoxesChanged, InvalidRequest, LabelledOtherwise, LabelsMalformed, PathWrongKind
from nextlabel.core.tasks.registry import DETECTION

CAT, DOG = Box("cat", 1, 2, 30, 40), Box("dog", 50, 10, 20.5, 20)


def image(*boxes, unfinished=False):
    return BoxedImage(100, 80, boxes, unfinished)


class Folder:
    def __init__(self, path: Path) -> None:
        self.path, self.roots = path / "boxes", [path]

    def give(self, name, drawn, version="", *, person="me", **more):
        given = [GivenBoxes(name, drawn, version)]
        written = give_boxes(str(self.path), given, person=person, roots=self.roots, **more)
        return written.versions[name]

    def file(self, person="me"):
        return self.path / f"boxes-{person}.jsonl"

    def drawn(self, name):
        return {one.file: one.drawn for one in drawings_of(self.path, [name], self.roots)[name]}


@pytest.fixture
def folder(tmp_path):
    return Folder(tmp_path)


def test_boxes_are_written_changed_and_taken_back(folder):
    first = folder.give("a.png", image(CAT))
    second = folder.give("a.png", image(CAT, DOG), first)
    assert folder.drawn("a.png") == {"boxes-me.jsonl": image(CAT, DOG)}
    empty = folder.give("a.png", image(), second)
    assert DETECTION.read(folder.path).images == {"a.png": image()}
    assert folder.give("a.png", None, empty) == ""
    assert folder.file().read_text() == ""


def test_what_was_changed_meanwhile_is_not_overwritten(folder):
    seen = folder.give("a.png", image(CAT))
    folder.give("a.png", image(DOG), seen)
    for version in (seen, ""):
        with pytest.raises(BoxesChanged, match=r"a\.png was changed meanwhile"):
            folder.give("a.png", image(), version)
    assert folder.drawn("a.png") == {"boxes-me.jsonl": image(DOG)}
    folder.give("b.png", image(CAT))  # another image of the same file has changed nothing of it


def test_what_was_written_already_is_written_again_by_whoever_lost_the_answer(folder):
    seen = folder.give("a.png", image(CAT))
    assert folder.give("a.png", image(CAT)) == seen
    later = folder.give("a.png", image(CAT, DOG), seen)
    assert folder.give("a.png", image(CAT, DOG), seen) == later
    assert folder.give("a.png", None, later) == folder.give("a.png", None, later) == ""
    assert folder.file().read_text() == ""


@pytest.mark.parametrize("said", [" cat ", unicodedata.normalize("NFD", "котёнок й")])
def test_the_version_that_is_told_is_of_what_was_written(folder, said):
    told = folder.give("a.png", image(CAT._replace(class_name=said)))
    assert folder.give("a.png", image(DOG), told)


def test_all_other_lines_stay_as_they_are_byte_for_byte(folder):
    folder.path.mkdir()
    others = b'{"name":"b.png", "width":100,"height":80,"boxes":[],"note":"mine"}\r\nno json \xff\n'
    folder.file().write_bytes(format_line("a.png", image(CAT)).encode() + b"\r\n" + others)
    with pytest.raises(LabelsMalformed, match="UTF-8"):
        folder.give("c.png", image())
    readable = others.replace(b" \xff", b"")
    folder.file().write_bytes(format_line("a.png", image(CAT)).encode() + b"\r\n" + readable)
    (seen,) = drawings_of(folder.path, ["a.png"], folder.roots)["a.png"]
    folder.give("a.png", image(DOG), seen.version)
    assert folder.file().read_bytes() == readable + format_line("a.png", image(DOG)).encode() + b"\n"


def test_a_faulty_line_is_mended_by_drawing_anew(folder):
    folder.path.mkdir()
    folder.file().write_text('{"name": "a.png", "boxes": "many"}\n')
    with pytest.raises(LabelsMalformed, match=r"boxes-me\.jsonl.*width"):
        folder.drawn("a.png")
    with pytest.raises(BoxesChanged):
        folder.give("a.png", image(CAT))


@pytest.mark.parametrize(
    "written", [r"Tom \u0026 Jérôme.png", "Tom & Je\u0301ro\u0302me.png", r"Tom & J\u00e9r\u00f4me.png"]
)
def test_a_name_is_found_however_it_is_written(folder, written):
    folder.path.mkdir()
    line = format_line("x", image(CAT)).replace('"x"', f'"{written}"')
    folder.file().write_text(f"{line}\n")
    name = "Tom & Jérôme.png"
    (seen,) = drawings_of(folder.path, [name], folder.roots)[unicodedata.normalize("NFC", name)]
    folder.give(name, image(DOG), seen.version)
    assert DETECTION.read(folder.path).images == {name: image(DOG)}


@pytest.mark.parametrize(
    "written", ['{"height": 80, "name": "%s"', '{"name": "./%s", "height": 80', '{"name"  :\t"%s", "height": 80']
)
def test_a_name_is_found_among_many_wherever_in_the_line_it_stands(folder, written):
    folder.path.mkdir()
    lines = [f'{written % name}, "width": 100, "boxes": []}}\n' for name in ("a.png", "b.png")]
    folder.file().write_text("".join(lines))
    for more in (0, 40):
        found = drawings_of(folder.path, ["b.png", *map(str, range(more))], folder.roots)
        assert {name: [one.drawn for one in said] for name, said in found.items()} == {"b.png": [image()]}


def test_other_people_are_contradicted_only_in_what_was_seen(folder):
    seen = folder.give("a.png", image(CAT), person="anna")
    near = CAT._replace(x=2.0)
    folder.give("a.png", image(near))  # the same object
    (mine,) = (one.version for one in drawings_of(folder.path, ["a.png"], folder.roots)["a.png"] if "me" in one.file)
    with pytest.raises(LabelledOtherwise, match=r"a\.png has 1 cat in boxes-anna\.jsonl"):
        folder.give("a.png", image(near, DOG), mine)
    newer = folder.give("a.png", image(CAT._replace(x=3.0)), seen, person="anna")
    with pytest.raises(LabelledOtherwise):
        folder.give("a.png", image(near, DOG), mine, replaced=[seen])
    folder.give("a.png", image(near, DOG), mine, replaced=[newer])
    assert folder.file("anna").read_text() == ""
    assert DETECTION.read(folder.path).images == {"a.png": image(near, DOG)}


def test_what_was_taken_out_is_told_by_the_call_that_did_it_alone(folder):
    seen = folder.give("a.png", image(DOG), person="anna")

    def settled():
        given = [GivenBoxes("a.png", image(CAT))]
        return give_boxes(str(folder.path), given, person="me", roots=folder.roots, replaced=[seen])

    first, again = settled(), settled()
    assert (dict(first.replaced), dict(again.replaced)) == ({"a.png": "1 dog"}, {})
    assert (first.versions, folder.file("anna").read_text()) == (again.versions, "")


def test_both_drawings_are_kept_to_be_settled_where_that_is_asked_for(folder):
    folder.give("a.png", image(CAT), person="anna")
    folder.give("a.png", image(DOG), keep_both=True)
    assert folder.drawn("a.png") == {"boxes-anna.jsonl": image(CAT), "boxes-me.jsonl": image(DOG)}
    assert survey_boxes(folder.path, folder.roots).conflicts.keys() == {"a.png"}


def test_what_is_unfinished_neither_counts_nor_contradicts(folder):
    folder.give("a.png", image(CAT, unfinished=True))
    folder.give("a.png", image(DOG), person="anna")
    folder.give("b.png", image(DOG, unfinished=True))
    labels = DETECTION.read(folder.path)
    assert (labels.images, labels.unfinished) == ({"a.png": image(DOG)}, {"b.png"})
    assert folder.drawn("b.png") == {"boxes-me.jsonl": image(DOG, unfinished=True)}


def test_a_folder_is_surveyed(folder):
    folder.give("a.png", image(CAT, CAT._replace(x=50.0)))
    folder.give("b.png", image())
    folder.give("c.png", image(DOG, unfinished=True))
    folder.give("d.png", image(DOG), person="anna")
    (folder.path / "notes.md").write_text("")
    folder.file("bert").write_text(format_line("d.png", image()) + "\n")
    seen = survey_boxes(folder.path, folder.roots)
    assert (seen.images, seen.nothing_here, seen.unfinished) == (3, 1, 1)
    assert seen.counts == {"cat": 2, "dog": 1}
    assert seen.images_per_file == {"boxes-anna.jsonl": 1, "boxes-bert.jsonl": 1, "boxes-me.jsonl": 2}
    assert seen.conflicts == {"d.png": {DOG.in_words(): "boxes-anna.jsonl:1, and not in boxes-bert.jsonl:1"}}
    assert seen.left_out == ("notes.md",)


def test_what_can_t_be_a_box_is_refused_with_its_place(folder):
    with pytest.raises(InvalidRequest) as caught:
        folder.give("a.png", image(CAT, Box("cat", 90, 0, 20, 10), Box("cat", 1, 1, 0, 5)))
    assert [fault.pointer for fault in caught.value.faults] == ["/images/0/boxes/1/box", "/images/0/boxes/2/box"]
    with pytest.raises(LabelsMalformed):
        folder.give("a.png", image(CAT._replace(class_name="c\tat")))
    with pytest.raises(LabelsMalformed, match="what nobody sees"):
        folder.give("a.png", image(CAT._replace(class_name="cat\u200b")))
    folder.path.mkdir()
    (folder.path / "photo.png").touch()
    with pytest.raises(PathWrongKind, match="holds images"):
        folder.give("a.png", image(CAT))
