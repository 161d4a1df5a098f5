"""Images that a job can't read: a few are left out and told, too many end it, and so does a folder that is gone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from nextlabel.core.data.by_content import KEY, place_of
from nextlabel.core.data.files import FLAVOURED, SkippedFile
from nextlabel.core.data.objects import Patience
from nextlabel.core.data.places import Place
from nextlabel.core.data.roots import shown
from nextlabel.core.errors import (
    PathNotAllowed,
    PathNotFound,
    PathNotReadable,
    PathWrongKind,
    TooManyUnreadable,
    WarningCode,
)
from nextlabel.core.pipelines.run import Run

FOLDERS_LOOKED_AT = 20
REMEDY = (
    "It was there when the job began: it was moved or renamed, or its share is not mounted any more. Bring it back and "
    "retry the job, or name the place where the images lie now."
)


def refuse_too_many(unreadable: Sequence[SkippedFile], total: int, place: Place, run: Run) -> None:
    """Warn of images of a place that can't be read, and end the job where these are too many of all it reads.

    total: how many were to be read, these among them. Raises what `warn_unreadable` and `check_share` do.
    """
    warn_unreadable(unreadable, total, place, run)
    check_share(unreadable, total, place, run)


def warn_unreadable(unreadable: Sequence[SkippedFile], total: int, place: Place, run: Run) -> None:
    """Warn of images of a place that can't be read, which may be a part of those that the job reads.

    total: how many were to be read, these among them.

    Raises:
        TooManyUnreadable: none could be read.
        PathNotAllowed, PathNotFound, PathNotReadable, PathWrongKind: they can't since the place itself is gone, or, of
            all of them, a folder in it.
        BucketUnavailable
    """
    if unreadable:
        refuse_gone(place, run)
    damaged = _damaged(unreadable)
    flavoured = [one for one in unreadable if one.name.lower().endswith(FLAVOURED)]
    for code, left_out in ((WarningCode.FILE_LEFT_OUT, flavoured), (WarningCode.UNREADABLE_IMAGE, damaged)):
        if left_out:
            run.warn(code, f"left out; {_first_of(left_out)}", [one.name for one in left_out])
    if unreadable and len(unreadable) >= total:
        _refuse_gone_within(unreadable, place, run)
        raise TooManyUnreadable(f"none of the {total} images can be read; {_first_of(unreadable)}")


def check_share(unreadable: Sequence[SkippedFile], total: int, place: Place, run: Run) -> None:
    """Hold those of a place that can't be read against all images that the job reads: `total`, these among them.

    Those of formats that a library may not know all of never end a job.

    Raises:
        TooManyUnreadable
        PathNotAllowed, PathNotFound, PathNotReadable, PathWrongKind: they are too many since a folder in it is gone.
    """
    damaged = _damaged(unreadable)
    allowed = run.settings.max_unreadable_fraction
    if len(damaged) > allowed * total:
        _refuse_gone_within(damaged, place, run)
        raise TooManyUnreadable(
            f"{len(damaged)} of {total} images can't be read, more than the {allowed:.0%} that "
            f"NEXTLABEL_MAX_UNREADABLE_FRACTION allows; {_first_of(damaged)}"
        )


def warn_not_learnt_from(unreadable: Sequence[SkippedFile], place: Place, run: Run) -> None:
    """Warn of labelled images that can't be read. Raises as `refuse_gone` does."""
    if unreadable:
        refuse_gone(place, run)
        names = [one.name for one in unreadable]
        run.warn(WarningCode.UNREADABLE_IMAGE, f"not learnt from; {names[0]}: {unreadable[0].reason}", names)


def refuse_gone(place: Place, run: Run) -> None:
    """Look whether a place that images were listed in is still there, with images in it: once one can't be opened.

    Raises PathNotAllowed, PathNotFound, PathNotReadable, PathWrongKind, BucketUnavailable.
    """
    _refuse_gone(place.key, run)


def _refuse_gone_within(unreadable: Sequence[SkippedFile], place: Place, run: Run) -> None:
    """Look whether the folders that most of these lie in are still there. Raises as `refuse_gone` does."""
    folders = Counter(one.name.rpartition("/")[0] for one in unreadable)
    for folder, _ in folders.most_common(FOLDERS_LOOKED_AT):
        steps = folder.split("/") if folder else []
        for depth in range(1, len(steps) + 1):  # from the top: a share is mounted there
            _refuse_gone("/".join([place.key.removesuffix("/"), *steps[:depth]]), run)


def _refuse_gone(key: str, run: Run) -> None:
    try:
        patience = Patience(run.settings.bucket_patience_s, waiting=run.waits)
        has_images = place_of(key, run.settings.data_roots, patience).has_an_image()
    except PathNotReadable as error:
        raise PathNotReadable(f"{error.detail} It could be read when the job began; retry it then.") from None
    except (PathNotAllowed, PathNotFound, PathWrongKind) as error:
        raise type(error)(f"{error.detail} {REMEDY}") from None
    if not has_images:  # where nothing is mounted any more, an empty folder lies
        raise PathNotFound(f"{shown(key.removeprefix(KEY))} has no image in it any more. {REMEDY}")


def _damaged(unreadable: Sequence[SkippedFile]) -> list[SkippedFile]:
    return [one for one in unreadable if not one.name.lower().endswith(FLAVOURED)]


def _first_of(unreadable: Sequence[SkippedFile]) -> str:
    return f"the first is {unreadable[0].name}: {unreadable[0].reason}"
