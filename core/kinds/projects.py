"""The project that a request is about: a pool and its labels, by where both really lie; and what works on it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from nextlabel.core.data.places import place_at
from nextlabel.core.data.projects import NamedProject
from nextlabel.core.data.roots import existing_file_or_folder
from nextlabel.core.embeddings.catalogue import find_backbone
from nextlabel.core.errors import Fault, Invalid, InvalidRequest
from nextlabel.core.jobs.hand_outs import Project
from nextlabel.core.jobs.record import Job
from nextlabel.core.methods.registry import methods_of, parse_method


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


def check_work(project: NamedProject, before: NamedProject | None = None) -> None:
    """Raise InvalidRequest where a project is to be worked on with what there is not; names what there is.

    before: what it takes the place of; what is as it was there isn't looked at.
    """
    if faults := [*_faults_of_work(project, before)]:
        raise InvalidRequest(faults)


def _faults_of_work(project: NamedProject, before: NamedProject | None) -> Iterator[Fault]:
    try:
        if project.backbone and (before is None or before.backbone != project.backbone):
            find_backbone(project.backbone)
    except ValueError as error:
        yield Fault("/backbone", "unknown_backbone", str(error))
    same = before is not None and (before.method, before.task) == (project.method, project.task)
    if same or not project.method:  # nothing was said of it
        return
    try:
        method = parse_method(project.method)
    except ValidationError as error:  # of its options: vae0
        yield Fault("/method", "invalid_value", str(error.errors()[0]["msg"]))
    except ValueError as error:
        yield Fault("/method", "unknown_method", str(error))
    else:
        if project.task not in method.tasks():
            able = ", ".join(methods_of(project.task))
            detail = f"{method.name} makes no sense for {project.task}, for which there are {able}"
            yield Fault("/method", "invalid_value", detail)
