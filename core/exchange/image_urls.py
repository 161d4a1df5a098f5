"""Turn names of a pool into another tool's URLs, and tell which image of the pool such a URL means."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import parse_qs, quote, unquote, urlsplit

from nextlabel.core.data.files import SUFFIXES
from nextlabel.core.data.places import Place, spelling_in
from nextlabel.core.errors import PathNotAllowed

LOCAL_FILES = "/data/local-files/"
_UPLOADED = re.compile("/data/upload/.*/[0-9a-f]{8}-")


@dataclass(frozen=True)
class ImageUrls:
    """Names of a pool <-> URLs that begin with `prefix`, there and back without loss.

    `prefix` stands for the pool's folder: `https://images.example/photos/`, or, of Label Studio's local files,
    `/data/local-files/?d=photos/train/`.
    """

    prefix: str

    def __post_init__(self) -> None:
        if not self.prefix.endswith(("/", "=")):
            object.__setattr__(self, "prefix", f"{self.prefix}/")

    def url(self, name: str) -> str:
        return self.prefix + quote(name, safe="/")

    def name(self, url: str) -> str | None:
        """Return the name in a URL; None for what doesn't begin with the prefix, before which a host may stand."""
        for begin in (self.prefix, quote(self.prefix, safe=":/?=&%")):
            at = url.find(begin) if begin.startswith("/") else 0
            if at >= 0 and url.startswith(begin, at) and (at == 0 or re.fullmatch("https?://[^/]*", url[:at])):
                return unquote(url[at + len(begin) :]) or None
        return None


@dataclass(frozen=True)
class PoolNames:
    """Finds images of a pool in its place, without listing it. `urls`: where the tool's URLs have a known prefix."""

    place: Place
    urls: ImageUrls | None = None

    def name(self, url: str) -> str | None:
        """Find the image of a URL; None: the pool has none such.

        Without a prefix, it is the longest end of the URL's path that is an image of the pool.
        """
        if self.urls is not None:
            name = self.urls.name(url)
            return self._found(name) if name is not None else None
        return next((name for candidate in candidates(url) if (name := self._found(candidate))), None)

    def _found(self, name: str) -> str | None:
        """Return the name as the pool spells it."""
        if not name.lower().endswith(SUFFIXES) or any(part in ("", ".", "..") for part in name.split("/")):
            return None
        try:
            return spelling_in(self.place, name)
        except PathNotAllowed:
            return None


def candidates(url: str) -> Iterator[str]:
    """Yield the names that the image could have in a pool, the longest first.

    Label Studio puts eight characters and a hyphen before the name of an uploaded file, and keeps the path of a local
    one in its query.
    """
    try:
        path = _path(url)
    except ValueError:
        return
    for variant in dict.fromkeys((unquote(path), path)):
        parts = [part for part in variant.split("/") if part]
        yield from ("/".join(parts[at:]) for at in range(len(parts)))
        if uploaded := _UPLOADED.search(variant):
            yield variant[uploaded.end() :]


def _path(url: str) -> str:
    parts = urlsplit(url)
    if parts.path.endswith(LOCAL_FILES):
        return quote(parse_qs(parts.query, keep_blank_values=True).get("d", [""])[0])
    if not parts.scheme and "?" not in url and "#" in url:
        return url  # a file's name that was never encoded
    return parts.path
