"""The data roots: what requests may name paths under. They are folders, and beginnings of buckets' keys."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

SCHEMES = ("s3", "gs", "az")  # Amazon S3 and what speaks like it, Google Cloud Storage, Azure Blob Storage
NAME_OF_A_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,254}")
_BEGINS = re.compile(rf"({'|'.join(SCHEMES)}):/+")
_BETWEEN = re.compile(r",(?=[/~]|[a-z0-9]+://)|:(?!//)")  # roots: a comma, or a colon that is none of a URL's


@dataclass(frozen=True)
class BucketUrl:
    """A bucket, or what lies below a prefix in it. The prefix is taken letter by letter: `%2e` is three characters."""

    scheme: str
    bucket: str
    prefix: str = ""  #: without a slash at either end

    def __str__(self) -> str:
        return f"{self.scheme}://{self.bucket}" + (f"/{self.prefix}" if self.prefix else "")

    def holds(self, other: BucketUrl) -> bool:
        """Tell whether the other lies below this one, or is this one."""
        same = (self.scheme, self.bucket) == (other.scheme, other.bucket)
        return same and f"{other.prefix}/".startswith(f"{self.prefix}/" if self.prefix else "")

    def below(self, other: BucketUrl) -> str:
        """Return the rest of the prefix, below that of another one that holds this."""
        return self.prefix[len(other.prefix) :].strip("/")

    def key(self, name: str) -> str:
        """Return the key of the object of that name below the prefix."""
        return f"{self.prefix}/{name}" if self.prefix else name


class Roots(tuple[Path, ...]):
    """The folders among the data roots, all absolute; `buckets`: the others.

    What knows of folders alone takes it for a sequence of them, and allows nothing in a bucket.
    """

    buckets: tuple[BucketUrl, ...]

    def __new__(cls, folders: Iterable[Path] = (), buckets: Iterable[BucketUrl] = ()) -> Roots:
        made = super().__new__(cls, folders)
        made.buckets = tuple(buckets)
        return made


def buckets_of(roots: Iterable[Path]) -> tuple[BucketUrl, ...]:
    """Return the buckets among the roots; there are none in a plain sequence of folders."""
    return roots.buckets if isinstance(roots, Roots) else ()


def names_of(roots: Iterable[Path]) -> list[str]:
    """List all roots as requests name them, folders first."""
    return [*map(str, roots), *map(str, buckets_of(roots))]


def split_roots(text: str) -> list[str]:
    """Split the setting: roots are separated as PATH is, or by a comma before `/`, `~` or a bucket's URL."""
    return [part.strip() for part in _BETWEEN.split(text) if part.strip()]


def is_url(path: str | Path) -> bool:
    """Tell whether a path is the URL of a bucket, well-formed or not."""
    return _BEGINS.match(str(path)) is not None


def bucket_url(path: str | Path) -> BucketUrl:
    """Read a bucket's URL, of which a `Path` has lost a slash.

    Raises ValueError with a sentence for people. It doesn't repeat the URL, in which somebody may have put a password.
    """
    text = str(path)
    begin = _BEGINS.match(text)
    if begin is None or (isinstance(path, str) and not begin[0].endswith("://")):
        raise ValueError(f"a bucket's URL begins with {', '.join(f'{scheme}://' for scheme in SCHEMES)}")
    if begin[0].count("/") > 2:
        raise ValueError("a bucket's URL has the bucket's name after its two slashes")
    bucket, _, prefix = text[begin.end() :].partition("/")
    if not NAME_OF_A_BUCKET.fullmatch(bucket):
        raise ValueError(
            "after its two slashes, a bucket's URL has the bucket's name alone: no user, password, host or port, which "
            "the service knows from its environment"
        )
    if "?" in prefix or "#" in prefix:
        raise ValueError("a bucket's URL has neither a query nor a fragment; name the bucket and the prefix alone")
    prefix = prefix.removesuffix("/")
    if prefix and not is_key(prefix):
        raise ValueError("the prefix of a bucket's URL has no empty part, no . or .., and no control characters")
    return BucketUrl(begin[1], bucket, prefix)


def is_key(key: str) -> bool:
    """Tell whether an object of that key can be named by a path: no part of it is empty, `.` or `..`."""
    try:
        key.encode()
    except UnicodeEncodeError:
        return False
    parts = key.split("/")
    return not any(part in {"", ".", ".."} for part in parts) and not any(ord(c) < 32 or ord(c) == 127 for c in key)
