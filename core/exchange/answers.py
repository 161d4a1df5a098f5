"""What a file of another tool says, and the one check that stands between that and a labels file.

Every reader returns a `Reading`. Labels are made of it by `labels_of` alone, which takes nothing on trust: so no reader
can forget a check, nor can the next one.
"""

from __future__ import annotations

import ast
import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from nextlabel.core.data.files import SUFFIXES, has_suffix
from nextlabel.core.data.label_text import clean_name, writable
from nextlabel.core.data.roots import shown
from nextlabel.core.data.spelling import as_seen
from nextlabel.core.errors import ExchangeMalformed, LabelsMalformed
from nextlabel.core.exchange.files import Faults
from nextlabel.core.tasks.base import ClassTask
from nextlabel.core.tasks.registry import CLASSIFICATION

NAMED = 5  # of what is left out
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")
_ABSOLUTE = re.compile(r"/|[A-Za-z]:[/\\]|\\\\")


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
    reading.faults.check()
    notes += _left_out(reading, said, list(proposed))
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
    try:
        writable(answer.name or "?")
        return replace(answer, class_name=writable(answer.class_name.strip()))
    except LabelsMalformed as error:
        faults.note(answer.place, error.detail)
        return None


def is_structure(value: Any) -> bool:
    """Tell whether it is no plain text: a number, a list, an object; or one written out, as JSON or Python do."""
    if not isinstance(value, str):
        return True
    text = value.strip()
    if not text.startswith(("[", "{")):
        return False
    if re.match(r"\[\s*\{|\{\s*['\"]", text):
        return True
    for parse in (json.loads, ast.literal_eval):
        try:
            return isinstance(parse(text), list | dict | set)
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
    return {answer.name: (_plain(answer.name), _why_impossible(answer.name)) for answer in answers}, []


def _plain(name: str) -> str:
    return "/".join(part for part in clean_name(name).split("/") if part not in ("", "."))


def _why_impossible(name: str) -> str:
    """Say why no pool can have an image of that name; "" where one can."""
    if not name.strip():
        return "the image has no name"
    if _URL.match(name) or _ABSOLUTE.match(name):
        return f"{shown(name)} is no name below a pool, but an absolute path or a URL; find it in the pool (--pool)"
    if "\\" in name:
        return f"{shown(name)} has a backslash: if it is a path of Windows, find it in the pool (--pool)"
    if any(part.startswith(".") for part in _plain(name).split("/")):
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
    changed = [(name, new) for name, new in found.items() if new != _plain(name)]
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
    if names.get(_plain(name)) is not None:
        return _plain(name).split("/")
    path = unquote(urlsplit(name).path) if _URL.match(name) else name
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
