"""The project that a request is about: a pool and its labels, by where both really lie."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from nextlabel.core.data.places import place_at
from nextlabel.core.data.roots import existing_file_or_folder
from nextlabel.core.errors import Fault, Invalid, InvalidRequest
from nextlabel.core.jobs.hand_outs import Project
from nextlabel.core.jobs.record import Job


def project_of(path_to_img: str, path_to_labels: str | None, roots: Sequence[Path]) -> Project:
    """Raises PathNotAllowed, PathNotFound, PathNotReadable, PathWrongKind."""
    labels = "" if path_to_labels is None else str(existing_file_or_folder(path_to_labels, roots))
    return Project(place_at(path_to_img, roots).key, labels)


def check_is_about(job: Job, pool: str, pointer: str, roots: Sequence[Path]) -> None:
    """Raise InvalidRequest where a job is about other images, whose names would be told as if they were the pool's.

    pool: the key of its place. Of a job with two pools, it is about the one that it learns from, if any.
    """
    asked: dict[str, Any] = job.request
    path = next(filter(None, map(asked.get, ("path_to_img", "path_to_img_train", "path_to_img_val"))))
    with suppress(Invalid):  # its folder is gone, or may not be read any more
        if place_at(path, roots).key == pool:
            return
    raise InvalidRequest([Fault(pointer, "invalid_value", f"that job is about {path}")])
