"""The listing of a place: the names of its images, and what the storage tells of each without opening it."""

from __future__ import annotations

import os
import re
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from io import BufferedReader, BytesIO
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from nextlabel.core.data.spelling import all_as_seen, as_seen
from nextlabel.core.errors import WarningCode

HEIF_READER = "pi_heif"  # of the extra `heic`
try:
    READS_HEIF = find_spec(HEIF_READER) is not None
except ImportError:  # a finder that knows of its absence
    READS_HEIF = False
JPEG_SUFFIXES = (".jpeg", ".jpg", ".jpe", ".jfif", ".jif")
# Of formats in so many flavours that the library at hand may not read a file that is sound.
FLAVOURED = (".avif", ".avifs", *((".heic", ".heif", ".hif") if READS_HEIF else ()))
SUFFIXES = (*JPEG_SUFFIXES, ".png", ".apng", ".webp", ".bmp", ".dib", ".tif", ".tiff", ".gif", *FLAVOURED)
# What looks like an image and is not read: other formats, and names that go on after an image's suffix.
_UNREAD = re.compile(
    r"\.(hei[cf]s?|hif|jxl|jp2|j2[ck]|jp[fxm]|jpg2|jxr|wdp|hdp|svgz?|psd|psb|xcf|ai|eps|tga|pcx|ico|cur|icns|emf|wmf"
    r"|p[bgpn]m|pfm|exr|hdr|dds|sgi|rgb|dicom|dcm|svs|ndpi|mrxs|scn|czi|lif|btf|raw|dng|cr[23w]|nef|nrw|arw|sr[2fw]|orf"
    r"|rw2|raf|pef|x3f|3fr|iiq|erf|mrw|kdc|dcr|mng|jng|flif|qoi|bpg|jls"
    r"|(?P<begin>jpe?g|png|webp|bmp|tiff?|gif)[^a-z/].*)$"
)
_BESIDE_IMAGES = re.compile(
    r"\.(txt|tsv|csv|jsonl?|xml|xmp|ya?ml|md5|sha\w*|npy|npz|pt|html?|log|ini|db|zip|gz|sig|asc)$"
)
UNWRITABLE = re.compile("[\0\t\n\r\ud800-\udfff]")  # surrogates stand for bytes that are not UTF-8
UNWRITABLE_REASON = "a labels file can't hold its name (not UTF-8, or a tab or line break in it); rename it"

ImageFile: TypeAlias = BufferedReader | BytesIO  #: an image opened for reading: on a disk, or fetched into memory


@dataclass(frozen=True)
class SkippedFile:
    """A file or folder that was left out, for the reason. `name` is fit for printing. code: of the warning of it."""

    name: str
    reason: str
    code: WarningCode = field(default=WarningCode.UNREADABLE_IMAGE, compare=False)


@dataclass(frozen=True, eq=False)
class Files:
    """N images of a place."""

    names: tuple[str, ...]  # N, relative POSIX paths, ascending
    sizes: NDArray[np.int64]  # (N,), bytes
    mtimes_ns: NDArray[np.int64]  # (N,), since the epoch
    stamps: NDArray[np.int64]  # (N,); a file that is changed or replaced gets another (core/data/stamps.py)
    skipped: tuple[SkippedFile, ...]  # ascending by name

    def __len__(self) -> int:
        return len(self.names)

    def take(self, rows: NDArray[np.int64]) -> Files:
        """Keep those rows alone, in that order, and all that is skipped."""
        names = tuple(self.names[row] for row in rows)
        return Files(names, self.sizes[rows], self.mtimes_ns[rows], self.stamps[rows], self.skipped)

    def only(self, names: Collection[str]) -> Files:
        """Keep what concerns those names, however they are spelt, and forget the others."""
        asked_for = {as_seen(name) for name in names}
        rows = np.array([row for row, name in enumerate(all_as_seen(self.names)) if name in asked_for], np.int64)
        printed = {printable(name) for name in asked_for}
        kept = tuple(file for file in self.skipped if as_seen(file.name) in printed)
        return replace(self.take(rows), skipped=kept)


def has_suffix(name: str) -> bool:
    """Tell whether the name ends as an image's does, in upper or lower case."""
    return name.lower().endswith(SUFFIXES)


def unread_suffix(name: str) -> str | None:
    """Return the suffix, in lower case, of a file that looks like an image and is not read; None for all others.

    Of names that go on after an image's suffix, as `a.jpg_large` and `a.jpg (1)` do, it is that and an ellipsis.
    """
    lower = name.lower()
    found = _UNREAD.search(lower)
    if not found or lower.endswith(SUFFIXES) or _BESIDE_IMAGES.search(lower):
        return None
    return f".{found['begin']}…" if found["begin"] else f".{found[1]}"


def unread_reason(suffix: str) -> str:
    """Say why files of a suffix that `unread_suffix` returned are not read."""
    if suffix.endswith("…"):
        return f"looks like an image, but its name goes on after {suffix[:-1]}; rename it"
    remedy = "install nextlabel[heic], or convert it" if suffix.startswith((".hei", ".hif")) else "convert it"
    return f"looks like an image, but {suffix} is not read; {remedy}"


def printable(name: str) -> str:
    """Turn the name into one line of valid UTF-8: other bytes and control characters become escapes."""
    text = os.fsencode(name).decode("utf-8", "backslashreplace")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
