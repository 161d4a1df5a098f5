"""What a file of another tool says, and the one check that stands between that and a labels file.

Every reader returns a `Reading`. Labels are made of it by `labels_of` alone, which takes nothing on trust: so no reader
can forget a check, nor can the next one.
"""

from __future__ import annotations

import ast
import json
import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from nextlabel.core.data.files import SUFFIXES, has_suffix
from nextlabel.core.data.label_text import new_class, writable
from nextlabel.core.data.roots import shown
from nextlabel.core.data.spelling import as_seen, difference, look_alike
from nextlabel.core.errors import ExchangeMalformed, LabelsMalformed
from nextlabel.core.exchange.files import Faults
from nextlabel.core.exchange.names import is_absolute, is_hidden, is_url, plain
from nextlabel.core.tasks.base import ClassTask
from nextlabel.core.tasks.registry import CLASSIFICATION

NAMED = 5  # of what is left out
_OF_A_SPREADSHEET = re.compile(r"#(N/A|REF!|NAME\?|VALUE!|DIV/0!|NULL!|NUM!|SPILL!|CALC!)")
_NO_ANSWER = ("nan", "nat", "na", "n/a", "<na>", "null", "none", "undefined", "unlabeled", "unlabelled", "unknown", "?")
_BETWEEN_CLASSES = re.compile(r"[|;,]")


@dataclass(frozen=True)
class Answer:
    """What a file says of one image, at one place.

    name, class_name: as they stand there. A `class_name` of None or "" says nothing.
    by_model: a model proposed the class, and nothing says that a person agreed.
    none_applies: a person looked, and none of the classes applies. `class_name` says nothing then.
    """

    place: str
    name: str
    class_name: Any
    by_model: bool = False
    none_applies: bool = False


@dataclass
class Reading:
    """All that was read from a file, in its order, and the faults that the reader found.

    notes: what the person should know besides.
    settled_by: how contradictions can be settled, besides mending the file.
    """

    file: Path
    faults: Faults
    answers: list[Answer] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    settled_by: str = ""

    @classmethod
    def of(cls, file: Path, settled_by: str = "") -> Reading:
        return cls(file, Faults(file), settled_by=settled_by)

    def tell_boxes(self, count: int) -> None:
        """Say that so many boxes only gave their classes, and how the boxes themselves are taken."""
        if count:
            boxes = "1 box of it only gave its class" if count == 1 else f"{count} boxes of it only gave their classes"
            self.notes.append(f"{boxes}; --task detection takes boxes")
            self.settled_by = "take the boxes, with --task detection"


@dataclass(frozen=True)
class Imported:
    """(name, class), in the file's order; each name once; where the task has several, once a class, "" for none.

    notes: what was left out or taken for something else.
    """

    pairs: list[tuple[str, str]]
    notes: list[str]


def labels_of(
    reading: Reading,
    pool: Iterable[str] | None = None,
    *,
    take_predictions: bool = False,
    task: ClassTask = CLASSIFICATION,
) -> Imported:
    """Make labels of what was read: the task's classes an image, plain text, of names that an image can have.

    pool: the names of the images that there are; a name that is none of them is a fault.
    take_predictions: take what a model proposed, too, where no person said anything; else it is left out.

    Raises:
        ExchangeMalformed: lists all faults of the file, or there is no label in it.
    """
    said = [answer for answer in reading.answers if answer.none_applies or not _is_empty(answer.class_name)]
    checked = [_with_text(answer, reading.faults) for answer in said]
    answers, notes = _named([answer for answer in checked if answer], pool, reading.faults)
    by_name = _by_name(answers)
    proposed = {name: None for name, all_ in by_name.items() if all(answer.by_model for answer in all_)}
    if take_predictions:
        proposed = {}
    taken = {name: all_ for name, all_ in by_name.items() if name not in proposed}
    pairs = [(name, class_name) for name, all_ in taken.items() for class_name in _agreed(name, all_, reading, task)]
    _refuse_names_for_classes(pairs, reading)
    reading.faults.check()
    notes += [*_left_out(reading, said, list(proposed)), *_oddities(pairs, known=pool is not None)]
    if not pairs:
        raise ExchangeMalformed("\n".join([f"{shown(reading.file)}: no answer found in it.", *reading.notes, *notes]))
    return Imported(pairs, [*reading.notes, *notes])


# --- classes ----------------------------------------------------------------------------------------------------


def _is_empty(value: Any) -> bool:
    return value is None or value == [] or (isinstance(value, str) and not value.strip())


def _with_text(answer: Answer, faults: Faults) -> Answer | None:
    """Return the answer with its class stripped; None, with a fault, where no labels file can hold it."""
    if answer.none_applies:
        return answer
    if is_structure(answer.class_name):
        said = json.dumps(answer.class_name, ensure_ascii=False, default=str)
        what = f"a class is a plain text, and {said[:80]} is none; it is no choice of one class for an image"
        faults.note(answer.place, what)
        return None
    if _OF_A_SPREADSHEET.fullmatch(answer.class_name.strip()):
        what = f"{shown(answer.class_name)} says that a class got lost on the way; mend it where the file comes from"
        faults.note(answer.place, what)
        return None
    try:
        writable(answer.name or "?")
        return replace(answer, class_name=new_class(answer.class_name))
    except LabelsMalformed as error:
        faults.note(answer.place, error.detail)
        return None


def is_structure(value: Any) -> bool:
    """Tell whether it is no plain text: a number, a list, an object; or one written out, as JSON or Python do."""
    if not isinstance(value, str):
        return True
    text = value.strip()
    if not text.startswith(("[", "{", "(")):
        return False
    if re.match(r"\[\s*\{|\{\s*['\"]", text):
        return True
    for parse in (json.loads, ast.literal_eval):
        try:
            return isinstance(parse(text), list | dict | set | tuple)
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            continue
    return False


def _agreed(name: str, answers: Sequence[Answer], reading: Reading, task: ClassTask) -> tuple[str, ...]:
    """Return the classes of an image. A person's word counts, where there is one, and not a model's."""
    by_people = [answer for answer in answers if not answer.by_model] or list(answers)
    none = [answer.none_applies for answer in by_people]
    if all(none):
        return ("",)
    if any(none):
        both = " and ".join(dict.fromkeys(answer.place for answer in by_people[:NAMED]))
        reading.faults.note(both, f"{shown(name)}: that none of the classes applies, and one that does")
        return ()
    spelt: dict[str, Answer] = {}
    for answer in by_people:
        spelt.setdefault(as_seen(answer.class_name), answer)
    try:
        return task.agree([answer.class_name for answer in spelt.values()])
    except ValueError as error:
        places = list(dict.fromkeys(answer.place for answer in spelt.values()))
        more = [reading.settled_by] if reading.settled_by else []
        reading.faults.note(" and ".join(places[:NAMED]), ", or ".join([f"{shown(name)}: {error}", *more]))
        return ()


def _refuse_names_for_classes(pairs: Sequence[tuple[str, str]], reading: Reading) -> None:
    """Note it where each class is called as an image is: then something else was taken for classes."""
    classes = [class_name for _, class_name in pairs if class_name]
    if classes and all(map(has_suffix, classes)):
        what = f"{shown(classes[0])} and all other classes are called as images are; which column is the class?"
        reading.faults.note_of_all(what)


def _oddities(pairs: Sequence[tuple[str, str]], *, known: bool) -> Iterator[str]:
    """Say what is odd about labels that can be as they are. known: the names are those of a pool."""
    classes = dict.fromkeys(class_name for _, class_name in pairs if class_name)
    for alike in look_alike(classes):
        by = difference(alike[0], alike[1])
        yield f"these count as several classes, though they differ by {by} alone: {', '.join(map(shown, alike))}"
    empty = [class_name for class_name in classes if class_name.casefold() in _NO_ANSWER]
    if empty:
        yield f"taken for classes: {', '.join(map(shown, empty))}; if they stand for no answer, leave those out"
    broken = [class_name for class_name in classes if "\ufffd" in class_name]
    if broken:
        yield f"letters got lost before this file was written, in classes: {listed(list(map(shown, broken)))}"
    joined = [one for one in classes if _are_several(one, classes)]
    if joined:
        yield (
            f"each taken for one class: {listed(list(map(shown, joined)))}; "
            "with --task multilabel, | stands between several of one image"
        )
    by_case = {} if known else Counter(name.casefold() for name in {as_seen(name) for name, _ in pairs})
    if any(count > 1 for count in by_case.values()):
        several = [name for name, _ in pairs if by_case[as_seen(name).casefold()] > 1]
        yield f"names that differ by case alone count as several images: {listed(several)}"


def _are_several(class_name: str, classes: Collection[str]) -> bool:
    """Tell whether a class seems to be several, by a separator that hardly is a part of one, or by its parts."""
    parts = [part.strip() for part in _BETWEEN_CLASSES.split(class_name)]
    return len(parts) > 1 and ("|" in class_name or ";" in class_name or all(part in classes for part in parts))


# --- names ------------------------------------------------------------------------------------------------------


def _named(answers: Sequence[Answer], pool: Iterable[str] | None, faults: Faults) -> tuple[list[Answer], list[str]]:
    """Return the answers by the names that their images have in a pool, and notes on how those were found."""
    found, notes = _in_no_pool(answers) if pool is None else _in_pool(answers, pool)
    named = []
    for answer in answers:
        name, fault = found[answer.name]
        if fault:
            faults.note(answer.place, fault)
        else:
            named.append(replace(answer, name=name))
    return named, notes


def names_of(names: Iterable[str], pool: Iterable[str] | None) -> tuple[dict[str, tuple[str, str]], list[str]]:
    """Find names in a pool, or judge them by themselves -> name -> (name as pools have it, fault); and notes."""
    answers = [Answer("", name, None) for name in names]
    return _in_no_pool(answers) if pool is None else _in_pool(answers, pool)


def _by_name(answers: Iterable[Answer]) -> dict[str, list[Answer]]:
    """Gather the answers of each image, by the first spelling of its name."""
    spelt: dict[str, str] = {}
    by_name: dict[str, list[Answer]] = defaultdict(list)
    for answer in answers:
        by_name[spelt.setdefault(as_seen(answer.name), answer.name)].append(answer)
    return by_name


def _in_no_pool(answers: Iterable[Answer]) -> tuple[dict[str, tuple[str, str]], list[str]]:
    """Judge names by themselves: can an image of some pool be called so? -> name -> (name as pools have it, fault)."""
    return {answer.name: (plain(answer.name), _why_impossible(answer.name)) for answer in answers}, []


def _why_impossible(name: str) -> str:
    """Say why no pool can have an image of that name; "" where one can."""
    if not name.strip():
        return "the image has no name"
    if is_absolute(name):
        return f"{shown(name)} is no name below a pool, but an absolute path or a URL; find it in the pool (--pool)"
    if "\\" in name:
        return f"{shown(name)} has a backslash: if it is a path of Windows, find it in the pool (--pool)"
    if is_hidden(name):
        return f"{shown(name)} is hidden or leads out of the pool; no pool has an image of that name"
    if not has_suffix(name):
        return (
            f"no pool has an image called {shown(name)}: images end in {' '.join(SUFFIXES)}; "
            "give it the name of its file (frames of a video: export them as images)"
        )
    return ""


def _in_pool(answers: Iterable[Answer], pool: Iterable[str]) -> tuple[dict[str, tuple[str, str]], list[str]]:
    """Find each name among those of the pool -> name -> (name in the pool, fault), and notes.

    A file made elsewhere may know its images by longer paths. Leading folders are taken off, as many from each name,
    if that is what all of them need; it is never done name by name.
    """
    names = _Names(pool)
    parts = {answer.name: _parts(answer.name, names) for answer in answers}
    found: dict[str, str] = {}
    for dropped in range(max(map(len, parts.values()), default=0)):
        found = max(found, names.found(parts, dropped), key=len)  # the first of several: the least taken off
        if len(found) == len(parts):
            break
    notes = []
    changed = [(name, new) for name, new in found.items() if new != plain(name)]
    if changed and len(found) == len(parts):
        (name, new), more = changed[0], len(changed) - 1
        notes.append(f"{shown(name)} is {shown(new)} in the pool{f', and so are {more} more' if more else ''}")
    absent = {name: ("", f"the pool has no image {shown(name)}; check it, or name another pool") for name in parts}
    return {name: (found[name], "") if name in found else absent[name] for name in parts}, notes


class _Names:
    """The names of a pool, by what a person sees of them."""

    def __init__(self, names: Iterable[str]) -> None:
        self._exact = dict.fromkeys(names)
        self._by_look: dict[str, list[str]] = defaultdict(list)
        for name in self._exact:
            self._by_look[as_seen(name)].append(name)

    def get(self, name: str) -> str | None:
        if name in self._exact:
            return name
        alike = self._by_look.get(as_seen(name), [])
        return alike[0] if len(alike) == 1 else None

    def found(self, parts: Mapping[str, Sequence[str]], dropped: int) -> dict[str, str]:
        """Find the names that are in the pool without so many leading folders; none where two names become one."""
        shorter = {name: "/".join(of[dropped:]) for name, of in parts.items() if len(of) > dropped}
        found = {name: there for name, short in shorter.items() if (there := self.get(short)) is not None}
        before = {as_seen("/".join(parts[name])) for name in found}
        return found if len(set(found.values())) == len(before) else {}


def _parts(name: str, names: _Names) -> list[str]:
    if names.get(plain(name)) is not None:
        return plain(name).split("/")
    path = unquote(urlsplit(name).path) if is_url(name) else name
    return [part for part in path.replace("\\", "/").split("/") if part not in ("", ".")]


# --- what is left out -------------------------------------------------------------------------------------------


def _left_out(reading: Reading, said: Sequence[Answer], proposed: Sequence[str]) -> Iterator[str]:
    answered = {answer.name for answer in said}
    silent = list(dict.fromkeys(answer.name for answer in reading.answers if answer.name not in answered))
    if silent:
        yield f"left out, as nothing says their class: {listed(silent)}"
    if proposed:
        yield (
            f"left out, as a model proposed their class and nothing says that a person agreed: {listed(proposed)}; "
            "--take-predictions takes them"
        )


def listed(names: Sequence[str]) -> str:
    more = ", ..." if len(names) > NAMED else ""
    return f"{len(names)} ({', '.join(names[:NAMED])}{more})"
