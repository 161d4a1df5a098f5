"""Small copies of images for people to look at, kept on the disk: made once, dropped when there are too many."""

from __future__ import annotations

import hashlib
import io
import os
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import IntEnum
from functools import partial
from pathlib import Path, PurePosixPath

from PIL import Image

from nextlabel.core.data.decoder import Decoder, TooDear
from nextlabel.core.data.files import ImageFile, has_suffix
from nextlabel.core.data.images import Decoded, read_shape
from nextlabel.core.data.places import Place, place_at, spelling_in
from nextlabel.core.data.roots import shown
from nextlabel.core.disk import write_whole
from nextlabel.core.errors import ImageNotFound
from nextlabel.core.logs import get_logger

log = get_logger(__name__)
MADE_BY = b"5"  # changes with what is made
QUALITY = 85
SHORT_SIDE = 0.75  # of the longer one, as photos have it: a JPEG is decoded at twice that, not at its full size
JPEG_BEGIN, JPEG_END = b"\xff\xd8", b"\xff\xd9"
SWEEP_TO = 0.8
SWEEP_EVERY = 0.05  # of the room
USED_AGAIN_S = 3600.0
MOST_REFUSED = 10_000


class Side(IntEnum):
    """Pixels that the longer side may have."""

    SMALL = 160
    MEDIUM = 320
    LARGE = 1024
    HUGE = 4096


@dataclass(frozen=True)
class ImageIn:
    """An image that is in a place by that name: `image_in` has checked it."""

    place: Place
    name: str
    stamp: int  # as it is now


def image_in(path_to_img: str, name: str, roots: Sequence[Path]) -> ImageIn:
    """Find a pool's image by a name that may be anybody's words.

    Raises:
        ImageNotFound: there is none of that name.
        UnreadableImage: it can't be opened.
        PathNotAllowed, PathNotFound, PathNotReadable, PathWrongKind
    """
    place = place_at(path_to_img, roots)
    parts = PurePosixPath(name)
    allowed = not parts.is_absolute() and ".." not in parts.parts and has_suffix(name)
    found = spelling_in(place, str(parts)) if allowed else None
    if found is None:
        raise ImageNotFound(f"there is no image {shown(name)} in {shown(place.key)}")
    with place.open(found) as file:
        return ImageIn(place, found, place.stamp_of(file))


def upright_size(image: ImageIn, max_pixels: int) -> tuple[int, int]:
    """Read width and height of the image as it is shown from its header. Raises UnreadableImage."""
    with image.place.open(image.name) as file:
        return read_shape(file, max_pixels=max_pixels)[:2]


def _draft_of(side: Side) -> int:
    return round(side * SHORT_SIDE)


class Thumbnails:
    """A folder of thumbnails, which takes `most_bytes` at most; 0: none are kept."""

    def __init__(self, folder: Path, decoder: Decoder, *, most_bytes: int) -> None:
        self._folder = folder
        self._decoder = decoder
        self._refused: dict[str, str] = {}  # why an image was too dear, by the key of its thumbnail
        self._most_bytes = most_bytes
        self._unswept = most_bytes  # what lies there from before may be too much already
        self._sweeping = threading.Lock()

    def key(self, image: ImageIn, side: Side) -> str:
        """Return the key that the thumbnail is kept under: it changes with the image."""
        what = (os.fsencode(image.place.identity(image.name)), b"%d" % image.stamp, b"%d" % side, MADE_BY)
        return hashlib.sha256(b"\0".join(what)).hexdigest()[:40]

    def find(self, key: str) -> bytes | None:
        """Return the JPEG that was made before, if it is still kept."""
        path = self._path(key)
        try:
            data = path.read_bytes()
            if time.time() - path.stat().st_mtime > USED_AGAIN_S:
                os.utime(path)  # the oldest go first
        except OSError:
            return None
        return data if data.startswith(JPEG_BEGIN) and data.endswith(JPEG_END) else None

    def make(self, image: ImageIn, side: Side, key: str) -> bytes:
        """Make a JPEG of the image, upright, never larger than it is, and keep it.

        Raises:
            Dear: it may take long, or much memory; `make_dear` is for that.
            UnreadableImage
        """
        return self._make(image, side, key, partial(self._decoder.decode_cheap, draft_size=_draft_of(side)))

    def make_dear(self, image: ImageIn, side: Side, key: str) -> bytes:
        """Make a JPEG as `make` does, with a helper; what was too dear once is refused. Raises UnreadableImage."""
        if key in self._refused:
            raise TooDear(self._refused[key])
        try:
            decode = partial(self._decoder.decode_dear, draft_size=_draft_of(side), within=side)
            return self._make(image, side, key, decode)
        except TooDear as error:
            if len(self._refused) == MOST_REFUSED:
                self._refused.pop(next(iter(self._refused)))
            self._refused[key] = error.detail
            raise

    def close(self) -> None:
        """End the helpers that decode."""
        self._decoder.close()

    def _make(self, image: ImageIn, side: Side, key: str, decode: Callable[[ImageFile], Decoded]) -> bytes:
        with image.place.open(image.name) as stream:
            small = decode(stream).image
            may_be_kept = image.place.stamp_of(stream) == image.stamp  # else it was replaced or changed meanwhile
        small.thumbnail((side, side), Image.Resampling.LANCZOS)
        encoded = io.BytesIO()
        small.save(encoded, "JPEG", quality=QUALITY)
        data = encoded.getvalue()
        if self._most_bytes and may_be_kept:
            self._keep(key, data)
        return data

    def _keep(self, key: str, data: bytes) -> None:
        path = self._path(key)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_whole(path, data, durable=False)
        except OSError as error:
            log.warning("a thumbnail is not kept", cause=error.strerror)
            return
        self._unswept += len(data)
        if self._unswept > self._most_bytes * SWEEP_EVERY and self._sweeping.acquire(blocking=False):
            try:
                self._unswept = 0
                self._sweep()
            finally:
                self._sweeping.release()

    def _sweep(self) -> None:
        """Drop those unused for longest, when there are too many."""
        files = []
        for path in self._folder.glob("*/*"):
            with suppress(OSError):  # another process sweeps, too
                status = path.stat()
                files.append((status.st_mtime, status.st_size, path))
        left = sum(size for _, size, _ in files)
        if left <= self._most_bytes:
            return
        for _, size, path in sorted(files):
            if left <= self._most_bytes * SWEEP_TO:
                break
            with suppress(OSError):
                path.unlink()
                left -= size

    def _path(self, key: str) -> Path:
        return self._folder / key[:2] / f"{key}.jpg"
