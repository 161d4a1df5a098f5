"""How names and classes are spelt: what looks the same is the same, and what nearly does, or lacks a folder, is told.

`é` is one character or two, `e` and a mark: Macs name files in the second way, most keyboards type the first. So texts
are compared composed (Unicode's NFC). Files keep the names that they have, and are opened by these.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from difflib import get_close_matches
from itertools import product, takewhile
from pathlib import PurePosixPath
from unicodedata import bidirectional, normalize
from unicodedata import name as name_of

FREQUENT, RARER, SHORTEST = 10, 5, 4  # labels; times fewer; letters
CLOSE = 0.75  # how alike two spellings are of which one may be meant by the other, 0..1
MOST_SPELLINGS, MOST_HINTED = 64, 100
#: What takes no room: control characters, soft hyphens, joiners and spaces of no width, marks of direction, variation
#: selectors, tags. And what takes some, and shows nothing: fillers, Braille's blank.
_INVISIBLE = re.compile(
    "[\0-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e"
    "\u2060-\u206f\u2800\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff9-\ufffb\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
#: What of it some writing needs: joiners between letters; the joiner that shows, behind an Arabic letter or a sign that
#: joins, as at the end of Malayalam words; selectors and tags behind a sign, as of 1\ufe0f\u20e3.
_NEEDED = re.compile(
    r"(?<=[^\0-\x7f])[\u200c\u200d](?=[^\0-\x7f])"
    r"|(?<=[\u094d\u09cd\u0a4d\u0acd\u0b4d\u0bcd\u0c4d\u0ccd\u0d4d\u0dca\u0620-\u06ff])\u200d"
    r"|(?<=[^\0-\"$-)+-/:-\x7f])[\u180b-\u180f\ufe00-\ufe0f\U000e0020-\U000e007f\U000e0100-\U000e01ef]"
)
_OF_DIRECTION = re.compile("[\u061c\u200e\u200f]")  # needed where something is written from the right
_CYRILLIC_OR_GREEK = "аеорсухіјѕһԁԛԝАВЕКМНОРСТУХІЈЅοανικρτυχΑΒΕΖΗΙΚΜΝΟΡΤΥΧ"
_LATIN_LIKE_THEM = "aeopcyxijshdqwABEKMHOPCTYXIJSoavikptuxABEZHIKMNOPTYX"


def as_seen(text: str) -> str:
    """Return the form that texts share which look the same: names and classes are compared in it."""
    return text if text.isascii() else normalize("NFC", text)


def all_as_seen(texts: Sequence[str]) -> Sequence[str]:
    """Do what `as_seen` does to each of the texts, a million of them in no time where all are ASCII."""
    return texts if all(map(str.isascii, texts)) else [as_seen(text) for text in texts]


def spellings(name: str) -> tuple[str, ...]:
    """List the ways in which a file system may spell the name, as given first: each folder in it has its own way."""
    if name.isascii():
        return (name,)
    parts = [dict.fromkeys((part, normalize("NFC", part), normalize("NFD", part))) for part in name.split("/")]
    ways = ("/".join(way) for way in product(*parts))
    return tuple(way for way, _ in zip(ways, range(MOST_SPELLINGS), strict=False))


# --- what nobody sees -------------------------------------------------------------------------------------------


def shows(text: str) -> bool:
    """Tell whether anybody sees anything of the text."""
    if text.isascii() and text.isprintable():
        return not text.isspace() and text != ""
    return bool(_INVISIBLE.sub("", text).strip())


def unseen(text: str) -> str:
    """Name the characters in a text that nobody sees, and that no writing needs where they stand; "": there is none."""
    if text.isascii() and text.isprintable():
        return ""
    odd = _INVISIBLE.findall(_NEEDED.sub("", text))
    if any(bidirectional(char) in ("R", "AL") for char in text):
        odd = [char for char in odd if not _OF_DIRECTION.match(char)]
    return ", ".join(map(_called, dict.fromkeys(odd)))


def _called(char: str) -> str:
    return name_of(char, "").lower() or f"U+{ord(char):04X}"


# --- what nearly looks the same ---------------------------------------------------------------------------------


_LETTERS = str.maketrans(_CYRILLIC_OR_GREEK, _LATIN_LIKE_THEM)
#: What two texts may differ by -> what takes that away. The order counts: each works on what those before it left.
_DIFFERENCES: dict[str, Callable[[str], str]] = {
    "characters that can't be seen": lambda text: _INVISIBLE.sub("", text),
    "spaces": lambda text: text.replace(" ", "") if text.isascii() else re.sub(r"[^\S\n]+", "", text),
    "accents": lambda text: re.sub("[\u0300-\u036f]+", "", normalize("NFD", text)),
    "width": lambda text: normalize("NFKD", text),
    "letters of two alphabets": lambda text: text.translate(_LETTERS),
    "case": str.casefold,
    "hyphens": lambda text: re.sub(r"(?<=\w)[-_\u2010-\u2015](?=\w)", "", text),
    "the way numbers are written": lambda text: re.sub(
        r"(?<![0-9.])0+(?=[0-9])", "", re.sub(r"^(-?[0-9]+)\.0+$", r"\1", text, flags=re.MULTILINE)
    ),
}
_BEYOND_ASCII = ("characters that can't be seen", "width", "accents", "letters of two alphabets")
_UNSEEN = ("characters that can't be seen", "width", "spaces", "letters of two alphabets")


def look_alike(texts: Iterable[str], *, to_the_eye: bool = False) -> list[tuple[str, ...]]:
    """Group texts that differ by case, spaces, accents and the like alone: most likely one of them was misspelt.

    to_the_eye: only by what hardly anybody sees.
    """
    groups: dict[str, list[str]] = defaultdict(list)
    for text in sorted(set(texts)):
        groups[_folded(text, _UNSEEN if to_the_eye else _DIFFERENCES)].append(text)
    return [tuple(group) for group in groups.values() if len(group) > 1]


def joined_of(texts: Collection[str]) -> list[str]:
    """List those that are others with a comma, a semicolon or a bar between them."""
    known = set(texts)
    parts = {text: [part.strip() for part in re.split("[,;|]", text)] for text in texts}
    return [text for text, of in parts.items() if len(of) > 1 and known.issuperset(of)]


def misspelt(counts: Mapping[str, int]) -> list[tuple[str, str]]:
    """Pair rare texts with the frequent one that is a letter away, or has two in other places: most likely meant.

    counts: how often each text stands. Frequent is what stands FREQUENT times or more, all else is rare; of two, one
    must be RARER times as frequent as the other. Nothing is said of short texts.
    """
    by_part: dict[str, list[str]] = defaultdict(list)  # two that are a slip apart share a part
    for text in sorted((text for text, count in counts.items() if count >= FREQUENT), key=lambda text: -counts[text]):
        for part in _without_a_letter(text):
            by_part[part].append(text)
    found = []
    for rare in sorted(text for text, count in counts.items() if len(text) >= SHORTEST and count < FREQUENT):
        near = {one for part in _without_a_letter(rare) for one in by_part.get(part, ()) if _is_a_slip(rare, one)}
        usual = min(near, key=lambda one: (-counts[one], one), default=None)
        found += [(rare, usual)] if usual is not None and counts[rare] * RARER <= counts[usual] else []
    return found


def _without_a_letter(text: str) -> set[str]:
    """Return the text, and what is left of it without one of its letters."""
    return {text, *(text[:at] + text[at + 1 :] for at in range(len(text)))}


def _is_a_slip(one: str, other: str) -> bool:
    if abs(len(one) - len(other)) > 1 or one.casefold() == other.casefold():  # which `look_alike` tells
        return False
    start = _alike(one, other)
    end = _alike(one[start:][::-1], other[start:][::-1])
    mine, theirs = one[start : len(one) - end], other[start : len(other) - end]
    is_near = max(len(mine), len(theirs)) == 1 or (len(mine) == 2 and mine == theirs[::-1])
    return is_near and (mine + theirs).isalpha()


def _alike(one: str, other: str) -> int:
    """Count the letters that both begin with."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))


def difference(one: str, other: str) -> str:
    """Say what two texts that look alike differ by."""
    by = [what for what in _DIFFERENCES if _folded(one, _all_but(what)) != _folded(other, _all_but(what))]
    by = by or [what for what in _DIFFERENCES if _folded(one, [what]) == _folded(other, [what])][:1]
    odd = dict.fromkeys(char for char in one + other if _INVISIBLE.match(char) or ord(char) in _LETTERS)
    names = [_called(char) for char in odd if (char in one) != (char in other)]
    what = " and ".join(by) or "spelling"
    return f"{what} ({', '.join(names)})" if names else what


def nearest(text: str, others: Collection[str]) -> str | None:
    """Return which of the others may be meant by the text: one that looks alike, else one spelt nearly so; or None."""
    by_fold = {_folded(other): other for other in others}
    wanted = _folded(text)
    found = [wanted] if wanted in by_fold else get_close_matches(wanted, by_fold, 1, CLOSE)
    return by_fold[found[0]] if found else None


def hint(unknown: Sequence[str], known: Collection[str]) -> str:
    """Return the end of a sentence that names an unknown text and the known one that is most likely meant, or ""."""
    for text in unknown[:MOST_HINTED]:
        if (other := nearest(text, known)) is not None:
            by = f", from which it differs by {difference(text, other)} alone" if look_alike([text, other]) else ""
            return f"; perhaps {text!r} is meant to be {other!r}{by}"
    return ""


def meant(texts: Collection[str], others: Sequence[str]) -> dict[str, str]:
    """Find for each of the texts the other that looks like it, where there is one."""
    wanted = {_folded(text): text for text in texts}
    found: dict[str, str] = {}
    for fold, other in zip(_folded("\n".join(others)).split("\n"), others, strict=False):
        if fold in wanted and wanted[fold] != other:
            found.setdefault(wanted[fold], other)
    return {text: found[text] for text in texts if text in found}


def elsewhere(names: Collection[str], files: Collection[str]) -> tuple[str, str] | None:
    """Find a name that lacks a folder of the file that it may mean, or has one too many; return both, or None.

    A name that several files would fit tells nothing.
    """
    there = frozenset(files)
    fit = {name: {end for end in ends_of(name) if end in there} for name in names}
    wanted: dict[str, list[str]] = defaultdict(list)
    for name in names:
        wanted[PurePosixPath(name).name].append(name)
    for file in files:
        for name in wanted.get(file.rsplit("/", 1)[-1], ()):
            if file.endswith(f"/{name}"):
                fit[name].add(file)
    return next(((name, found.pop()) for name, found in fit.items() if len(found) == 1), None)


def ends_of(name: str) -> list[str]:
    """List the name without its first folder, without its first two, and so on; as on Windows, too."""
    parts = name.replace("\\", "/").split("/")
    ends = ["/".join(parts[at:]) for at in range(len(parts))]
    return [end for end in ends if end and end != name]


def oddity(text: str) -> str | None:
    """Say what is odd about a text that is not found though it seems to be there; None: nothing that could be seen."""
    if text != text.strip():
        return "a space at its beginning or end"
    odd = next((char for char in text if _INVISIBLE.match(char) or (char.isspace() and char != " ")), None)
    return None if odd is None else f"an unusual character in it ({_called(odd)})"


def _folded(text: str, differences: Iterable[str] = tuple(_DIFFERENCES)) -> str:
    for what in differences:
        if what not in _BEYOND_ASCII or not text.isascii():
            text = _DIFFERENCES[what](text)
    return text


def _all_but(what: str) -> tuple[str, ...]:
    return tuple(other for other in _DIFFERENCES if other != what)
