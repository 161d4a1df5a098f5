"""List what a person may choose from: the folders and labels files under the data roots."""

from __future__ import annotations

import os
import stat
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from nextlabel.core.data.bucket import allowed_bucket, children_of
from nextlabel.core.data.files import SUFFIXES, unread_suffix
from nextlabel.core.data.folder import Folder, opened_folder
from nextlabel.core.data.labels_folder import may_hold_labels, sort_out
from nextlabel.core.data.objects import objects_of
from nextlabel.core.data.opening import look_at
from nextlabel.core.data.roots import confine, is_under, real_path
from nextlabel.core.data_roots import BucketUrl, buckets_of, is_url
from nextlabel.core.errors import NextlabelError, PathNotReadable

MOST_LISTED = 1000


@dataclass(frozen=True)
class Listing:
    """The content of a folder, or of what lies right below a prefix in a bucket.

    folders, files: paths, ascending.
    images: how many lie in the folder itself.
    unread: how many files there look like images and are not read, by suffix.
    more: there are more folders or files than are listed.
    path_to_labels: where labels of its images may go; the folder need not be there yet.
    """

    path: str | None
    parent: str | None
    folders: tuple[str, ...]
    files: tuple[str, ...]
    images: int = 0
    unread: Mapping[str, int] = field(default_factory=dict)
    more: bool = False
    path_to_labels: str | None = None


def list_roots(roots: Sequence[Path]) -> Listing:
    """List the data roots that are there; buckets are not asked."""
    real = dict.fromkeys(real_path(root) for root in roots)
    buckets = map(str, buckets_of(roots))
    return Listing(None, None, (*(root for root in real if Path(root).is_dir()), *dict.fromkeys(buckets)), ())


def list_folder(path: str, roots: Sequence[Path]) -> Listing:
    """List a folder; leave out what is hidden, and links that lead out of the roots.

    Raises:
        PathNotAllowed, PathNotFound, PathNotReadable, PathWrongKind, BucketUnavailable
    """
    if is_url(path):
        return _list_bucket(allowed_bucket(path, roots), roots)
    folders, others, images = [], [], 0
    unread: Counter[str] = Counter()
    with opened_folder(path, roots) as folder:
        try:
            with folder.entries() as entries:
                for entry in entries:
                    if entry.name.startswith("."):
                        continue
                    if entry.name.lower().endswith(SUFFIXES):
                        images += 1
                        continue
                    mode = _mode(entry, folder, roots)
                    if stat.S_ISDIR(mode):
                        folders.append(str(folder.path / entry.name))
                    elif stat.S_ISREG(mode) and may_hold_labels(entry.name):
                        others.append(entry.name)
                    elif suffix := unread_suffix(entry.name):
                        unread[suffix] += 1
        except OSError as error:
            raise PathNotReadable(f"{folder.path} can't be listed by the service: {error.strerror}.") from None
    people, _ = sort_out(others)
    files = [str(folder.path / name) for name in people]
    more = len(folders) > MOST_LISTED or len(files) > MOST_LISTED
    found = _first(folders), _first(files), images, dict(sorted(unread.items())), more
    return Listing(str(folder.path), _parent(folder.path, roots), *found, _place_for_labels(folder.path, roots))


def _list_bucket(url: BucketUrl, roots: Sequence[Path]) -> Listing:
    found = children_of(url, objects_of(url.scheme, url.bucket))
    folders = [f"{url}/{name}" for name in found.folders]
    above = BucketUrl(url.scheme, url.bucket, url.prefix.rpartition("/")[0])
    has_parent = url.prefix and any(root.holds(above) for root in buckets_of(roots))
    root = _writable([Path(real_path(root)) for root in roots])
    labels = str(root / "--".join(filter(None, (url.bucket, *url.prefix.split("/"))))) if root else None
    return Listing(
        path=str(url),
        parent=str(above) if has_parent else None,
        folders=_first(folders),
        files=(),
        images=found.images,
        unread=dict(sorted(found.unread.items())),
        more=found.more or len(folders) > MOST_LISTED,
        path_to_labels=labels,
    )


def _first(paths: list[str]) -> tuple[str, ...]:
    fit = [path for path in paths if path.isprintable()]
    return tuple(sorted(fit, key=lambda path: (path.casefold(), path))[:MOST_LISTED])


def _parent(folder: Path, roots: Sequence[Path]) -> str | None:
    parent = str(folder.parent)
    return parent if parent != str(folder) and is_under(parent, [real_path(root) for root in roots]) else None


def _place_for_labels(folder: Path, roots: Sequence[Path]) -> str:
    """Name a folder beside the images; where that can't be written, one in a data root that can."""
    real = [Path(real_path(root)) for root in roots]
    beside = folder / "labels" if folder in real else folder.with_name(f"{folder.name}-labels")
    writable = _writable(real)
    if writable is None or os.access(beside if beside.exists() else beside.parent, os.W_OK):
        return str(beside)
    above = next(root for root in real if folder.is_relative_to(root))
    several = len({*real} - {writable}) > 1  # folders of the same name in two of them stay apart
    parts = folder.relative_to(above).parts
    return str(writable / "--".join((above.name, *parts) if several or not parts else parts))


def _writable(roots: Iterable[Path]) -> Path | None:
    return next((root for root in roots if os.access(root, os.W_OK)), None)


def _mode(entry: os.DirEntry[str], folder: Folder, roots: Sequence[Path]) -> int:
    """Return the mode of what an entry stands for; 0 where it is gone, or leads out of the roots."""
    try:
        if not entry.is_symlink():
            return entry.stat(follow_symlinks=False).st_mode
        return look_at(str(confine(folder.path / entry.name, roots))).st_mode
    except (NextlabelError, OSError):
        return 0
