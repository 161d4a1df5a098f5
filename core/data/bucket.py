"""Places in buckets: what lies below a prefix, as if it were a folder. `place_at` makes them."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice, pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np

from nextlabel.core.data.draw import Draw
from nextlabel.core.data.files import (
    UNWRITABLE,
    UNWRITABLE_REASON,
    Files,
    ImageFile,
    SkippedFile,
    has_suffix,
    printable,
    unread_reason,
    unread_suffix,
)
from nextlabel.core.data.objects import Fetched, ObjectMeta, Objects, Patience
from nextlabel.core.data.read_ahead import ReadAhead
from nextlabel.core.data.roots import hidden, not_allowed, shown
from nextlabel.core.data_roots import BucketUrl, bucket_url, buckets_of, is_key
from nextlabel.core.errors import PathNotAllowed, UnreadableImage, WarningCode

LOOKERS = 32  # requests at once that look names up
MOST_LOOKED_UP = 20_000  # names; for more, everything is listed
PAGES_TO_AN_IMAGE, PAGES_TO_SHOW = 100, 60
AFTER_A_SLASH = "0"  # the character that comes next


def allowed_bucket(path: str | Path, roots: Sequence[Path]) -> BucketUrl:
    """Check a bucket's URL against the data roots. Raises PathNotAllowed."""
    try:
        url = bucket_url(path)
    except ValueError as error:
        raise PathNotAllowed(f"The path can't be read: {error}.") from None
    above = [root for root in buckets_of(roots) if root.holds(url)]
    if not above:
        raise not_allowed(str(url), roots)
    if all(_is_hidden(url.below(root)) for root in above):
        raise hidden(str(url))
    return url


class Children(NamedTuple):
    """What lies right below a prefix. `more`: there is more, which was not looked at."""

    folders: list[str]
    images: int
    unread: Counter[str]
    more: bool


def children_of(url: BucketUrl, objects: Objects) -> Children:
    """List what lies right below a prefix, leaping over what lies deeper: a page of keys for a folder at most.

    Raises BucketUnavailable, PathNotFound, PathNotReadable.
    """
    folders: dict[str, None] = {}
    images, unread = 0, Counter[str]()
    after, n_pages, more = None, 0, True
    while more and n_pages < PAGES_TO_SHOW:
        more = False
        for page in objects.pages(url.prefix, Patience(), after=after):
            n_pages += 1
            own = [meta.key[len(url.key("")) :].partition("/") for meta in page]
            folders |= dict.fromkeys(name for name, slash, _ in own if slash and not _is_hidden(name))
            files = [name for name, slash, _ in own if name and not slash and not _is_hidden(name)]
            images += sum(map(has_suffix, files))
            unread.update(filter(None, map(unread_suffix, files)))
            name, slash, _ = own[-1]
            if slash or n_pages == PAGES_TO_SHOW:
                after, more = url.key(f"{name}{AFTER_A_SLASH}"), True
                break
    return Children([*folders], images, unread, more)


class Bucket:
    """A bucket, or what lies below a prefix in it."""

    def __init__(
        self, url: BucketUrl, objects: Objects, patience: Patience, listed: Callable[[int], None] = lambda _: None
    ) -> None:
        """Take what was checked to lie in the roots. `listed`: called with how many images were listed; may raise."""
        self._url, self._objects, self._patience, self._listed = url, objects, patience, listed

    @property
    def key(self) -> str:
        return str(self._url)

    def list(self) -> Files:
        """Raises BucketUnavailable, PathNotFound, PathNotReadable."""
        listing = _Listing()
        for page in self._objects.pages(self._url.prefix, self._patience):
            listing.add(*_sorted_out(page, self._url))
            self._listed(len(listing.names))
        return listing.files()

    def look_up(self, names: Collection[str]) -> Files:
        """Raises BucketUnavailable, PathNotFound, PathNotReadable."""
        if len(names) > MOST_LOOKED_UP:
            return self.list().only(names)
        asked_for = [name for name in sorted(names) if is_key(name) and (has_suffix(name) or unread_suffix(name))]
        with ThreadPoolExecutor(LOOKERS, thread_name_prefix="look") as lookers:
            looks = lookers.map(lambda name: self._objects.look_at(self._url.key(name), self._patience), asked_for)
            found = [meta for meta in looks if meta is not None]
        listing = _Listing()
        listing.add(*_sorted_out(found, self._url))
        return listing.files()

    def draw(self, draw: Draw) -> tuple[Files, int]:
        """Raises BucketUnavailable, PathNotFound, PathNotReadable."""
        files = self.list()
        rows, images = draw.rows_of(files.names)
        return files.take(rows), images

    def has_an_image(self) -> bool:
        """Tell whether there is one among the first hundred thousand keys; if there are more, there may be."""
        pages = self._objects.pages(self._url.prefix, self._patience)
        n_pages = 0
        for page in islice(pages, PAGES_TO_AN_IMAGE):
            n_pages += 1
            if _sorted_out(page, self._url)[0]:
                return True
        return n_pages == PAGES_TO_AN_IMAGE

    def has(self, name: str) -> bool:
        """Raises BucketUnavailable, PathNotAllowed, PathNotFound, PathNotReadable."""
        name = name.removesuffix("/")
        if ".." in name.split("/") or name.startswith("/") or "\0" in name or _is_hidden(name):
            raise PathNotAllowed(f"{shown(name)} is hidden in {shown(self.key)}, or leads out of it.")
        return is_key(name) and self._objects.look_at(self._url.key(name), self._patience) is not None

    def stamp(self, name: str) -> int:
        meta = self._objects.look_at(self._url.key(name), self._patience) if is_key(name) else None
        if meta is None:
            raise UnreadableImage("the file can't be opened: there is no such object")
        return meta.stamp

    def open(self, name: str) -> ImageFile:
        return self.fetch(name, self._patience)

    def fetch(self, name: str, patience: Patience) -> Fetched:
        """Do what `open` does, with another's patience."""
        if not is_key(name):
            raise UnreadableImage("the file can't be opened: no object can have that name")
        return self._objects.fetch(self._url.key(name), patience)

    def ahead(self, names: Sequence[str], sizes: Sequence[int], patience_s: float) -> ReadAhead:
        return ReadAhead(self.fetch, names, sizes, patience_s)

    def stamp_of(self, file: ImageFile) -> int:
        assert isinstance(file, Fetched)
        return file.stamp

    def identity(self, name: str) -> str:
        return f"{self._url.scheme}://{self._url.bucket}/{self._url.key(name)}"

    def link(self, name: str, target: Path) -> bool:
        return False


def _sorted_out(page: Iterable[ObjectMeta], url: BucketUrl) -> tuple[list[tuple[str, ObjectMeta]], list[SkippedFile]]:
    """Tell images, by name, from what is left out with a word; of others nothing is said."""
    begin = len(url.prefix) + 1 if url.prefix else 0
    images, left_out = [], []
    for meta in page:
        name = meta.key[begin:]
        if not name or _is_hidden(name):
            continue
        if has_suffix(name):
            if UNWRITABLE.search(name):
                left_out.append(SkippedFile(printable(name), UNWRITABLE_REASON, WarningCode.FILE_LEFT_OUT))
            else:
                images.append((name, meta))
        elif suffix := unread_suffix(name):
            left_out.append(SkippedFile(printable(name), unread_reason(suffix), WarningCode.FILE_LEFT_OUT))
    return images, left_out


def _is_hidden(name: str) -> bool:
    return name.startswith(".") or "/." in name


class _Listing:
    """What was listed so far, of which there may be millions."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self._numbers = array("q")  # size, time and stamp of each
        self._skipped: list[SkippedFile] = []

    def add(self, images: Iterable[tuple[str, ObjectMeta]], left_out: Iterable[SkippedFile]) -> None:
        for name, meta in images:
            self.names.append(name)
            self._numbers.extend((meta.size, meta.mtime_ns, meta.stamp))
        self._skipped += left_out

    def files(self) -> Files:
        """Return what was listed, ascending by name. A key and the same with a slash behind it are one name."""
        names = self.names
        order = sorted(range(len(names)), key=names.__getitem__)  # of what is sorted already, that takes no time
        numbers = np.array(self._numbers, np.int64).reshape(-1, 3)
        rows = [row for before, row in pairwise([-1, *order]) if before < 0 or names[before] != names[row]]
        sizes, mtimes_ns, stamps = numbers[np.array(rows, np.int64)].T.copy()
        for one in (sizes, mtimes_ns, stamps):
            one.flags.writeable = False
        skipped = tuple(sorted(self._skipped, key=lambda file: (file.name, file.reason)))
        return Files(tuple(names[row] for row in rows), sizes, mtimes_ns, stamps, skipped)
