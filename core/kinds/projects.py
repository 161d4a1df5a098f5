"""The project that a request is about: a pool and its labels, by where both really lie."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from nextlabel.core.data.places import place_at
from nextlabel.core.data.roots import existing_file_or_folder
from nextlabel.core.jobs.hand_outs import Project


def project_of(path_to_img: str, path_to_labels: str | None, roots: Sequence[Path]) -> Project:
    """Raises PathNotAllowed, PathNotFound, PathNotReadable, PathWrongKind."""
    labels = "" if path_to_labels is None else str(existing_file_or_folder(path_to_labels, roots))
    return Project(place_at(path_to_img, roots).key, labels)
