"""Places where images lie: folders and buckets below a data root, checked once, and from then on allowed by their type.

Whatever reads images takes a `Place` and names in it, never a path, so that a bucket can stand where a folder does.
"""

from __future__ import annotations

import errno
import stat
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import Protocol

from nextlabel.core.data.bucket import Bucket, allowed_bucket
from nextlabel.core.data.draw import Draw
from nextlabel.core.data.files import Files, ImageFile
from nextlabel.core.data.objects import Patience, objects_of
from nextlabel.core.data.opening import look_at, open_file
from nextlabel.core.data.roots import TRIES, confine, existing_folder, is_under, real_path
from nextlabel.core.data.spelling import spellings
from nextlabel.core.data.stamps import Stamps
from nextlabel.core.data.walk import MustList, Walk
from nextlabel.core.data_roots import is_url
from nextlabel.core.errors import UnreadableImage

_CHECKED = object()


class Ahead(Protocol):
    """Files of a place that are opened in an order known beforehand."""

    @property
    def waits_for(self) -> str | None:
        """Say what the storage doesn't do, where that is waited for; None: it does."""

    def open(self, name: str) -> ImageFile:
        """Open a file, as `Place.open` does. Any thread may call it."""

    def close(self) -> None:
        """Read nothing more. Who waits for a file gets an error."""


class Place(Protocol):
    """A folder or its like below a data root. Names are relative POSIX paths in it.

    Of a bucket, everything that asks storage may raise BucketUnavailable, too.
    """

    @property
    def key(self) -> str:
        """The text that caches know the place by. `place_of` makes the place of it again."""

    def list(self) -> Files:
        """List the images of the place by suffix, sub-folders too, without opening one. There may be none.

        Raises PathNotFound, PathNotReadable and the like where the place is gone since it was made.

        Hidden files and folders are left out. Links are followed as long as they stay in the roots, and no folder is
        listed twice.
        """

    def look_up(self, names: Collection[str]) -> Files:
        """List what `list` does, but of those names alone, in the time that those take and not the whole."""

    def draw(self, draw: Draw) -> tuple[Files, int]:
        """List those images alone that are drawn, and tell how many there are in all."""

    def has_an_image(self) -> bool:
        """Tell whether `list` would find an image; stop at the first."""

    def has(self, name: str) -> bool:
        """Tell whether there is a file of that name, which may be anybody's words.

        Raises PathNotAllowed: the name leads out of the roots, or to what is hidden below them.
        """

    def open(self, name: str) -> ImageFile:
        """Open a file for reading. Raises UnreadableImage: it is missing or forbidden, or leads out of the roots."""

    def ahead(self, names: Sequence[str], sizes: Sequence[int], patience_s: float) -> Ahead:
        """Make what opens files in about that order, and may read them before they are asked for.

        sizes: of each in bytes, as listed. patience_s: how long storage that is not in order is waited for.
        """

    def stamp(self, name: str) -> int:
        """Return the stamp of a file as it is now. Raises UnreadableImage, as `open` does."""

    def stamp_of(self, file: ImageFile) -> int:
        """Return the stamp of a file that `open` opened: the one of `list`, unless it changed or was replaced since."""

    def identity(self, name: str) -> str:
        """Return a text that two names of one file share, in one place or two: a link and what it leads to, say."""

    def link(self, name: str, target: Path) -> bool:
        """Give the file a second name, a hard link, on the local disk. False: that can't be done here."""


def place_at(
    path: str | Path,
    roots: Sequence[Path],
    *,
    patience: Patience | None = None,
    listed: Callable[[int], None] = lambda _: None,
) -> Place:
    """Check a path against the data roots and make its place: this is the only way to a `Place`.

    Nobody asks a bucket yet whether it is there.

    patience: with storage that is not in order; None: a few seconds.
    listed: called now and then while a bucket is listed, with how many images were found; it may raise to stop.

    Raises:
        PathNotAllowed, PathNotFound, PathWrongKind, PathNotReadable
    """
    if is_url(path):
        url = allowed_bucket(path, roots)
        return Bucket(url, objects_of(url.scheme, url.bucket), patience or Patience(), listed)
    folder = existing_folder(path, roots)
    return LocalFolder(str(folder), tuple(map(real_path, roots)), _CHECKED)


def spelling_in(place: Place, name: str) -> str | None:
    """Return the name of a file as the place spells it, which looks the same; None: it has none such.

    Raises PathNotAllowed, as `has` does.
    """
    return next((way for way in spellings(name) if place.has(way)), None)


class _OnTheSpot:
    """Files that are opened when they are asked for: the system reads ahead by itself."""

    waits_for = None

    def __init__(self, place: LocalFolder) -> None:
        self.open = place.open

    def close(self) -> None:
        pass


class LocalFolder:
    """A folder on a mounted file system. `place_at` makes it."""

    def __init__(self, folder: str, real_roots: tuple[str, ...], checked: object) -> None:
        if checked is not _CHECKED:
            raise TypeError("a place is made by place_at, which checks it")
        self._folder, self._real_roots = folder, real_roots
        self._stamps = Stamps()
        self._prefix = f"{folder.rstrip('/')}/"

    @property
    def key(self) -> str:
        return self._folder

    def list(self) -> Files:
        walk = self._walk()
        walk.list_all()
        return self._still_there(walk.files())

    def look_up(self, names: Collection[str]) -> Files:
        walk = self._walk()
        with suppress(MustList):
            walk.look_up(names)
            return walk.files()
        return self.list().only(names)

    def draw(self, draw: Draw) -> tuple[Files, int]:
        walk = self._walk()
        walk.list_all()
        images = walk.keep(draw)
        return self._still_there(walk.files()), images

    def has_an_image(self) -> bool:
        first = self._walk()
        first.list_all(most=1)
        if not first.found or len(first.files()):
            return first.found > 0
        return len(self.list()) > 0  # the first was one that can't be looked at

    def has(self, name: str) -> bool:
        path = confine(self._prefix + name, self._roots)
        try:
            return stat.S_ISREG(look_at(str(path)).st_mode)
        except OSError:
            return False

    def open(self, name: str) -> ImageFile:
        try:
            if ".." not in name:
                with suppress(_NamesALink):
                    return _open(self._prefix + name)
            for _ in range(TRIES):
                real = self.identity(name)
                if not is_under(real, self._real_roots):
                    raise UnreadableImage("the file can't be opened: it links to a place outside the data roots")
                with suppress(_NamesALink):
                    return _open(real)
        except (OSError, ValueError) as error:  # ValueError: no file system could hold such a name
            raise UnreadableImage(f"the file can't be opened: {getattr(error, 'strerror', error)}") from None
        raise UnreadableImage("the file can't be opened: a link on the way leads nowhere, or is being replaced")

    def ahead(self, names: Sequence[str], sizes: Sequence[int], patience_s: float) -> Ahead:
        return _OnTheSpot(self)

    def stamp(self, name: str) -> int:
        with self.open(name) as file:
            return self.stamp_of(file)

    def stamp_of(self, file: ImageFile) -> int:
        return self._stamps.of_file(file.fileno())

    def identity(self, name: str) -> str:
        return real_path(self._prefix + name)

    def link(self, name: str, target: Path) -> bool:
        try:
            target.hardlink_to(self.identity(name))
        except OSError:  # another file system, or one without hard links
            return False
        return True

    def _still_there(self, files: Files) -> Files:
        """Raise as `existing_folder` does where the folder has gone while it was listed: the listing is a part then."""
        if files.skipped:
            existing_folder(self._folder, self._roots)
        return files

    @cached_property
    def _roots(self) -> tuple[Path, ...]:
        return tuple(map(Path, self._real_roots))

    def _walk(self) -> Walk:
        return Walk(self._folder, self._real_roots, self._stamps)


class _NamesALink(Exception):
    """A name in the path is a link."""


def _open(path: str) -> ImageFile:
    try:
        return open_file(path)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise _NamesALink from None
        raise
