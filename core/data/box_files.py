"""Boxes that people draw, image by image: each person has a file of their own, `boxes-<person>.jsonl`, a line an image.

What a person changes was read before, and has a version. Where it is another by now, nothing is written: neither two
tabs nor two people overwrite what they have not seen. All lines about other images stay as they are, byte for byte.

What was settled between people stands in a file of its own, counts before all else, and changes nobody's.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from pathlib import Path

from nextlabel.core.data.boxes import BoxedImage, LineMalformed, Said, contested, fault_of, format_line, parse_line
from nextlabel.core.data.folder import File
from nextlabel.core.data.label_files import named, own_file, write_all
from nextlabel.core.data.label_text import (
    clean_name,
    decode,
    decode_any,
    encode_any,
    lines_with_ends,
    new_class,
    writable,
)
from nextlabel.core.data.labels import (
    MAX_LISTED,
    entries_of,
    labels_files,
    left_out_of,
    read_bytes,
    sorted_classes,
)
from nextlabel.core.data.labels_folder import SETTLED_BOXES, SUFFIXES_OF_BOXES
from nextlabel.core.data.roots import shown
from nextlabel.core.data.settlers import with_settler
from nextlabel.core.data.spelling import as_seen
from nextlabel.core.errors import BoxesChanged, Fault, InvalidRequest, LabelledOtherwise, LabelsMalformed

FIRST = "boxes-"
NOT_THERE = ""  # the version of what is not there
FEW = 20
#: How lines begin that nextlabel wrote.
_BEGINNING = re.compile(r'\s*\{\s*"name"\s*:\s*"([^"\\]*)"')


@dataclass(frozen=True)
class GivenBoxes:
    """What to write of an image: all that is drawn on it; None takes it back. version: of what it is to replace.

    settled: the version of what was seen to be settled on it; None: that isn't looked at.
    """

    name: str
    drawn: BoxedImage | None
    version: str = NOT_THERE
    settled: str | None = None


@dataclass(frozen=True)
class Drawing:
    """What a person's file says of an image, or that of what was settled. version: changes with it."""

    file: str
    version: str
    drawn: BoxedImage


@dataclass(frozen=True)
class BoxesWritten:
    """What was written. versions: by name, what the person's file has now.

    replaced: by name, what was taken out of other files, by this call: nothing where one whose answer was lost had done
    it, and comes again.
    """

    folder: Path
    file: str
    versions: Mapping[str, str]
    replaced: Mapping[str, str]


def give_boxes(
    path: str,
    given: Sequence[GivenBoxes],
    *,
    person: str,
    roots: Sequence[Path],
    replaced: Collection[str] = (),
    settle: bool = False,
    keep_both: bool = False,
) -> BoxesWritten:
    """Write what a person drew on some images into their file in the folder: all of it, or nothing.

    The folder is made if the one it lies in is there. replaced: versions of what other people drew that the person has
    seen, and that are taken out of their files where they contradict what is given. settle: they stay there, and what
    is given is settled to count. keep_both: they stay there, to be settled.

    Raises:
        BoxesChanged: the person's own file says something else by now than what was to be changed; or something else is
            settled than what was seen, and what is given says that it is all that is there.
        LabelledOtherwise: other people's files contradict it, and neither was asked for.
        InvalidRequest: a box has no area, or lies beyond its image; an image is given twice; both `settle` and
            `keep_both` are asked for.
        LabelsMalformed: a name, a class or the person can't stand in a labels file, or the person's file is none, or
            looks like a copy of somebody's.
        FolderBusy, PathNotAllowed, PathNotFound, PathNotReadable, PathNotWritable, PathWrongKind, StorageFull
    """
    file_name = f"{FIRST}{named(person)}.jsonl"
    if settle and keep_both:
        detail = "what is settled is to be settled no more: say `settle`, or `keep_both`"
        raise InvalidRequest([Fault("/keep_both", "invalid_value", detail)])
    wanted = _by_name(given)
    with own_file(path, file_name, roots, SUFFIXES_OF_BOXES) as (folder, own, others):
        data = _own_bytes(own)
        mine = {key: _version(lines) for key, lines in _lines_about(data, wanted).items()}
        _refuse_changed(mine, wanted, mine)
        _refuse_settled(others, wanted, mine)
        taken_out = {} if keep_both else _contradicting(others, wanted, replaced)
        changed = {own: _rewritten(data, wanted)} if wanted else {}
        if settle and taken_out:
            over = {key: wanted[key] for said in taken_out.values() for key in said}
            file = next((one for one in others if one.name == SETTLED_BOXES), folder.file(SETTLED_BOXES))
            changed[file], taken_out = _rewritten(_own_bytes(file), over), {}
            settled = {key: _version(_lines_of(one)) for key, one in over.items()}
            changed |= with_settler(folder, SETTLED_BOXES, settled, person)
        write_all(changed | {file: _without(read_bytes(file), said) for file, said in taken_out.items()})
    return BoxesWritten(
        folder.path,
        file_name,
        {one.name: _version(_lines_of(one)) for one in wanted.values()},
        {wanted[key].name: drawn.in_words() for said in taken_out.values() for key, drawn in said.items()},
    )


@dataclass(frozen=True)
class BoxesSettled:
    """What was settled. versions: by name, of all that is drawn on it now (`version_of`)."""

    folder: Path
    file: str
    versions: Mapping[str, str]


def settle_boxes(
    path: str, given: Sequence[GivenBoxes], *, roots: Sequence[Path], by: str | None = None
) -> BoxesSettled:
    """Write what holds of images that people drew otherwise on; None: it isn't settled any more.

    It goes into the folder's file of what was settled. People's own files stay as they are. The `version` of what is
    given is that of all that was seen on the image (`version_of`). What was settled may be settled otherwise, even if
    nobody's drawing is left. What isn't settled may be opened again, for an answer that was lost: nothing changes.
    by: who settles it, which is noted beside it.

    Raises:
        BoxesChanged: people finished something else by now, or it is settled otherwise.
        InvalidRequest: nobody has finished drawing on one of the images; a box has no area, or lies beyond its image;
            an image is given twice.
        LabelsMalformed: a name or a class can't stand in a labels file, or a file is none.
        FolderBusy, PathNotAllowed, PathNotFound, PathNotReadable, PathNotWritable, PathWrongKind, StorageFull
    """
    wanted = _by_name(given)
    with own_file(path, SETTLED_BOXES, roots, SUFFIXES_OF_BOXES, may_be_made=False) as (folder, own, others):
        data = _own_bytes(own)
        people = _drawings_in(others, wanted)
        settled = _lines_about(data, wanted)
        before = {key: [*people[key], *_as_settled(settled.get(key, ()), key, own)] for key in wanted}
        _refuse_undrawn(before, wanted)
        seen = {key: version_of(drawings) for key, drawings in before.items()}
        was = {key: _version(lines) for key, lines in settled.items()}
        _refuse_changed(seen, wanted, was)
        now_settled = {key: _version(_lines_of(one)) for key, one in wanted.items()}
        noted = with_settler(folder, SETTLED_BOXES, now_settled, by, was=was)
        write_all({own: _rewritten(data, wanted), **noted} if wanted else {})
        after = {key: [*people[key], *_as_settled(_lines_of(one), key, own)] for key, one in wanted.items()}
    return BoxesSettled(folder.path, own.name, {wanted[key].name: version_of(now) for key, now in after.items()})


# --- looking ----------------------------------------------------------------------------------------------------


def drawings_of(path: Path, names: Iterable[str], roots: Sequence[Path]) -> dict[str, list[Drawing]]:
    """Return what each file of a folder has on each of the names, by names composed (`as_seen`).

    What was settled is among them, with the file's name SETTLED_BOXES.

    Raises LabelsMalformed, FolderBusy, PathNotAllowed, PathNotFound, PathNotReadable, PathWrongKind.
    """
    wanted = {as_seen(clean_name(name)) for name in names}
    with labels_files(path, roots, suffixes=SUFFIXES_OF_BOXES) as files:
        return _drawings_in(files, wanted)


def version_of(drawings: Iterable[Drawing]) -> str:
    """Return a text that changes with what people finished on an image, and with what is settled; empty: nothing."""
    return _version(sorted(f"{one.file}\0{one.version}" for one in drawings if not one.drawn.unfinished))


def _drawings_in(files: Iterable[File], names: Collection[str]) -> dict[str, list[Drawing]]:
    found: dict[str, list[Drawing]] = defaultdict(list)
    for file in files:
        for key, lines in _lines_about(read_bytes(file), names).items():
            found[key].append(Drawing(file.name, _version(lines), _drawn_in(lines, key, file)))
    return found


@dataclass(frozen=True)
class BoxSurvey:
    """What is drawn in all files of a folder. Of a name that several files have, the first counts.

    What was settled counts before all, and is no conflict.

    counts: boxes of each class, in the order of classes. images_per_file: finished ones of each person. conflicts: each
    name that people contradict each other about, what they say, and where it stands first. left_out: files that are
    nobody's. names: of the finished images, as they are seen. settled: names, in the order in which they were.
    """

    names: Set[str]
    nothing_here: int
    unfinished: int
    counts: Mapping[str, int]
    images_per_file: Mapping[str, int]
    conflicts: Mapping[str, Mapping[str, str]]
    left_out: tuple[str, ...]
    settled: tuple[str, ...]

    @property
    def images(self) -> int:
        return len(self.names)


def survey_boxes(path: Path, roots: Sequence[Path]) -> BoxSurvey:
    """Read a file of boxes, or all files of a folder.

    Raises LabelsMalformed, FolderBusy, PathNotAllowed, PathNotFound, PathNotReadable, PathWrongKind.
    """
    faults: list[str] = []
    said: dict[str, list[Said]] = defaultdict(list)
    settled: dict[str, list[Said]] = defaultdict(list)
    unfinished: set[str] = set()
    per_file: Counter[str] = Counter()
    with labels_files(path, roots, suffixes=SUFFIXES_OF_BOXES) as files:
        for one in files:  # each for itself: people are counted with what was settled otherwise, too
            holds = one.name == SETTLED_BOXES
            per_file.update({} if holds else {one.name: 0})
            for file, number, name, drawn in box_entries([one], faults):
                if drawn.unfinished:
                    unfinished.add(as_seen(name))
                else:
                    (settled if holds else said)[as_seen(name)].append(Said(f"{file.name}:{number}", drawn))
                    per_file.update({} if holds else {file.name: 1})
    said |= settled
    if faults:
        raise LabelsMalformed("\n".join(["Boxes are lines of JSON. Please mend:", *faults[:MAX_LISTED]]))
    first = [lines[0].image for lines in said.values()]
    counts = Counter(box.class_name for image in first for box in image.boxes)
    return BoxSurvey(
        said.keys(),
        sum(not image.boxes for image in first),
        len(unfinished - said.keys()),
        {name: counts[name] for name in sorted_classes(counts)},
        per_file,
        {name: found for name, lines in sorted(said.items()) if (found := contested(lines))},
        tuple(left_out_of(path, roots, SUFFIXES_OF_BOXES)),
        tuple(settled),
    )


def box_entries(files: Sequence[File], faults: list[str]) -> Iterator[tuple[File, int, str, BoxedImage]]:
    """Yield what `entries_of` yields of files of boxes. What can't be settled so goes to `faults`."""
    settled: dict[str, list[BoxedImage]] = defaultdict(list)
    for entry in entries_of(files, faults, parse_line):
        file, number, name, drawn = entry
        if file.name == SETTLED_BOXES:
            settled[as_seen(name)].append(drawn)
            if fault := _fault_of_settled(name, settled[as_seen(name)]):
                faults.append(f"{file.name}:{number}: {fault}")
        yield entry


def _fault_of_settled(name: str, lines: Sequence[BoxedImage]) -> str | None:
    if lines[-1].unfinished:
        return f"{shown(name)} is unfinished, and what is settled can't be: take the line out"
    if lines[-1] != lines[0]:
        return f"{shown(name)} is settled twice, and otherwise: keep one of the lines"
    return None


def person_of(file: str) -> str:
    """Tell whose file of boxes it is, going by its name."""
    return file.removeprefix(FIRST).removesuffix(".jsonl")


# --- what may be written ----------------------------------------------------------------------------------------


def _by_name(given: Sequence[GivenBoxes]) -> dict[str, GivenBoxes]:
    """Return what is given by its names as these are compared. Raises InvalidRequest, LabelsMalformed."""
    wanted: dict[str, GivenBoxes] = {}
    faults = []
    for at, one in enumerate(given):
        key = as_seen(writable(clean_name(one.name)))
        if key in wanted:
            faults.append(Fault(f"/images/{at}/name", "invalid_value", f"{shown(one.name)} is given twice"))
        wanted[key] = replace(one, drawn=_composed(one.drawn))
        if one.drawn is not None:
            for i, box in enumerate(one.drawn.boxes):
                if fault := fault_of(box[1:5], one.drawn.width, one.drawn.height):
                    faults.append(Fault(f"/images/{at}/boxes/{i}/box", "invalid_value", fault))
    if faults:
        raise InvalidRequest(faults)
    return wanted


def _composed(drawn: BoxedImage | None) -> BoxedImage | None:
    if drawn is None:
        return None
    boxes = tuple(box._replace(class_name=as_seen(new_class(box.class_name))) for box in drawn.boxes)
    return replace(drawn, boxes=boxes)


def _refuse_undrawn(there: Mapping[str, Sequence[Drawing]], wanted: Mapping[str, GivenBoxes]) -> None:
    """Raise InvalidRequest for images that are to be settled, are not, and that nobody has finished."""
    faults = [
        Fault(f"/images/{at}/name", "invalid_value", f"nobody has finished drawing on {shown(one.name)}")
        for at, (key, one) in enumerate(wanted.items())
        if one.drawn is not None and all(drawing.drawn.unfinished for drawing in there[key])
    ]
    if faults:
        raise InvalidRequest(faults[:MAX_LISTED])


def _refuse_changed(now: Mapping[str, str], wanted: Mapping[str, GivenBoxes], there: Mapping[str, str]) -> None:
    """Raise BoxesChanged for what is neither as it was seen nor already as wanted.

    The latter is a save that comes again. now: the versions of what was to be seen. there: those of the lines that are
    to be replaced.
    """
    faults = [
        Fault(f"/images/{at}/version", BoxesChanged.code, f"{one.name} was changed meanwhile: look at it again")
        for at, (key, one) in enumerate(wanted.items())
        if now.get(key, NOT_THERE) != one.version and there.get(key, NOT_THERE) != _version(_lines_of(one))
    ]
    if faults:
        raise BoxesChanged(faults)


def _refuse_settled(others: Sequence[File], wanted: Mapping[str, GivenBoxes], mine: Mapping[str, str]) -> None:
    """Raise BoxesChanged for finished images of which something else is settled by now than what was seen.

    Also where what is given doesn't contradict it: that person didn't know. mine: the versions of their own lines.
    """
    settled = {
        key: _version(lines)
        for file in others
        if file.name == SETTLED_BOXES
        for key, lines in _lines_about(read_bytes(file), wanted).items()
    }
    faults = [
        Fault(
            f"/images/{at}/settled", BoxesChanged.code, f"what counts on {one.name} was settled meanwhile: look at it"
        )
        for at, (key, one) in enumerate(wanted.items())
        if one.drawn is not None
        and not one.drawn.unfinished
        and one.settled not in (None, settled.get(key, NOT_THERE))
        and mine.get(key) != _version(_lines_of(one))
    ]
    if faults:
        raise BoxesChanged(faults)


def _contradicting(
    others: Sequence[File], wanted: Mapping[str, GivenBoxes], replaced: Collection[str]
) -> dict[File, dict[str, BoxedImage]]:
    """Return by file what contradicts what is given, and is to be taken out.

    Of what is settled, and stays so, nothing else can contradict it. Raises LabelledOtherwise where it was not said of
    what does that it is to go.
    """
    faults = []
    taken_out: dict[File, dict[str, BoxedImage]] = {}
    settled: set[str] = set()
    for file in sorted(others, key=lambda one: one.name != SETTLED_BOXES):
        for key, lines in _lines_about(read_bytes(file), wanted).items():
            mine, theirs = wanted[key].drawn, _drawn_in(lines, key, file)
            if key in settled or mine is None or mine.unfinished or theirs.unfinished:
                continue
            is_same = not contested([Said("", mine), Said("", theirs)])
            if file.name == SETTLED_BOXES and (is_same or _version(lines) not in replaced):
                settled.add(key)
            if is_same:
                continue
            if _version(lines) in replaced:
                taken_out.setdefault(file, {})[key] = theirs
            else:
                detail = f"{wanted[key].name} has {theirs.in_words()} in {file.name}, placed or named otherwise"
                faults.append(Fault(f"/images/{[*wanted].index(key)}", LabelledOtherwise.code, detail))
    if faults:
        raise LabelledOtherwise(faults, MAX_LISTED)
    return taken_out


# --- lines ------------------------------------------------------------------------------------------------------


def _lines_about(data: bytes, names: Collection[str]) -> dict[str, list[str]]:
    """Return a file's lines about each of the names, without their ends."""
    about: dict[str, list[str]] = {}
    names = frozenset(names)
    for line in decode_any(data)[0].split("\n") if _may_hold(data, names) else ():
        if (name := _name_in(line, names)) is not None:
            about.setdefault(name, []).append(line.rstrip("\r"))
    return about


def _lines_of(one: GivenBoxes) -> list[str]:
    return [] if one.drawn is None else [format_line(one.name, one.drawn)]


def _as_settled(lines: Sequence[str], name: str, file: File) -> list[Drawing]:
    return [Drawing(file.name, _version(lines), _drawn_in(lines, name, file))] if lines else []


def _without(data: bytes, names: Collection[str]) -> bytes:
    text, marked = decode_any(data)
    return encode_any("".join(line for line in lines_with_ends(text) if _name_in(line, names) is None), marked)


def _rewritten(data: bytes, wanted: Mapping[str, GivenBoxes]) -> bytes:
    """Return a file with what is wanted at its end, in place of its lines about these names.

    The same bytes if it said so already.
    """
    if _lines_about(data, wanted) == {key: said for key, one in wanted.items() if (said := _lines_of(one))}:
        return data
    text, marked = decode_any(_without(data, wanted))
    if text and not text.endswith("\n"):
        text += "\n"
    lines = (f"{line}\n" for one in wanted.values() for line in _lines_of(one))
    return encode_any(text + "".join(lines), marked)


def _name_in(line: str, names: Collection[str]) -> str | None:
    """Return the name, composed, that a line is about, if it is one of these; whatever else may be wrong with it."""
    try:
        beginning = _BEGINNING.match(line)
        if beginning and as_seen(clean_name(beginning[1])) not in names:
            return None
        found = as_seen(clean_name(json.loads(line)["name"]))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None
    return found if found in names else None


def _may_hold(data: bytes, names: Collection[str]) -> bool:
    """Tell quickly whether a file can hold any of the names: what no writer of JSON escapes stays together."""
    return len(names) > FEW or any(max(re.split("[^A-Za-z0-9 ._-]+", name), key=len).encode() in data for name in names)


def _version(lines: Sequence[str]) -> str:
    return hashlib.sha256("\n".join(lines).encode(errors="surrogateescape")).hexdigest()[:16] if lines else NOT_THERE


def _drawn_in(lines: Sequence[str], name: str, file: File) -> BoxedImage:
    """Read the first of a file's lines about a name. Raises LabelsMalformed."""
    is_settled = file.name == SETTLED_BOXES
    try:
        read = [entry[1] for line in (lines if is_settled else lines[:1]) if (entry := parse_line(line)) is not None]
    except LineMalformed as error:
        raise LabelsMalformed(f"{file.name}: {error}") from None
    if is_settled and (fault := _fault_of_settled(name, read)):
        raise LabelsMalformed(f"{file.name}: {fault}")
    return read[0]


def _own_bytes(file: File) -> bytes:
    """Read the person's file, empty if there is none. Raises LabelsMalformed: what is no text is not written on."""
    faults: list[str] = []
    data = read_bytes(file) if file.exists() else b""
    decode(data, faults, file.name)
    if faults:
        raise LabelsMalformed(faults[0])
    return data
