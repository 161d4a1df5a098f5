"""What can be known of a request before it is accepted: paths, roots, label syntax, an empty pool, its webhook.

Runs in the API, so it opens no image and lists no more of a pool than its first. What it lets through may still fail
in the worker: the disk changes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from nextlabel.core.data.class_file import declared_names
from nextlabel.core.data.detections import check_detections
from nextlabel.core.data.external import check_embeddings, check_predictions
from nextlabel.core.data.files import SUFFIXES
from nextlabel.core.data.kept_apart import kept_apart
from nextlabel.core.data.labels import told_unread
from nextlabel.core.data.notes import read_notes
from nextlabel.core.data.places import place_at
from nextlabel.core.data.roots import existing_file_or_folder
from nextlabel.core.embeddings.catalogue import KNOW_TEXTS
from nextlabel.core.errors import (
    EmptyPool,
    Fault,
    InvalidRequest,
    NextlabelError,
    NoLabels,
    NothingToValidate,
    SingleClass,
    Unavailable,
)
from nextlabel.core.kinds.base import Kind, LabelsNeed
from nextlabel.core.kinds.prediction import goes_by_names
from nextlabel.core.kinds.registry import KINDS, parse_request
from nextlabel.core.kinds.requests import JobRequest
from nextlabel.core.settings import Settings
from nextlabel.core.tasks.base import Labels, Task
from nextlabel.core.tasks.registry import CLASSIFICATION, DETECTION, TASKS
from nextlabel.core.webhook_urls import allowed_url


def admit(body: Any, settings: Settings) -> JobRequest:
    """The validated request.

    Raises:
        InvalidRequest: with every fault found, of its form and of what it names.
        FolderBusy: somebody else keeps hold of the labels that it names.
    """
    faults: list[Fault] = []
    try:
        request = parse_request(body)
    except InvalidRequest as error:
        faults = error.faults
    faulty = {fault.pointer for fault in faults}
    faults += [fault for fault in _faults_of_what_it_names(body, settings) if fault.pointer not in faulty]
    if faults:
        raise InvalidRequest(faults)
    return request


def paths_in(body: Any) -> list[str]:
    """List the paths that `admit` would look at, whatever else the body is."""
    fields = body.items() if isinstance(body, dict) else ()
    return [path for name, path in fields if isinstance(path, str) and str(name).startswith("path_to_")]


def _faults_of_what_it_names(body: Any, settings: Settings) -> Iterator[Fault]:
    """The faults of the paths and the webhook that stand in the body, whatever else is wrong with it."""
    if not isinstance(body, dict):
        return
    name = body.get("kind")
    kind = KINDS.get(name) if isinstance(name, str) else None
    kinds = [kind] if kind else list(KINDS.values())
    for field in dict.fromkeys(field for one in kinds for field in one.request.model_fields):
        check, value = _check_of(field, kind, _task_in(body), body), body.get(field)
        if check is None or not isinstance(value, str):
            continue
        try:
            check(value, settings)
        except Unavailable:  # no fault of the request
            raise
        except NextlabelError as error:
            yield Fault(f"/{field}", error.code, error.detail)
    needed = kind.labels_of(_task_in(body).name) if kind else LabelsNeed.OPTIONAL
    learns = kind is not None and needed is not LabelsNeed.OPTIONAL and LABELS in kind.request.model_fields
    if learns and body.get(LABELS) is None:
        yield Fault(f"/{LABELS}", "no_labels", f"{name} learns from labels; name a labels file or folder")


def _task_in(body: dict[str, Any]) -> Task:
    """Return the task that the body names; where it names none that exists, which is told elsewhere, the default."""
    name = body.get("task")
    return TASKS.get(name, CLASSIFICATION) if isinstance(name, str) else CLASSIFICATION


def _check_of(
    field: str, kind: Kind | None, task: Task, body: dict[str, Any]
) -> Callable[[str, Settings], object] | None:
    """What looks at the value of that field; None where it names nothing. Nobody knows what an unknown kind needs."""
    if field == "path_to_labels_val":
        return partial(_check_validation_labels, task)
    if field == LABELS and kind and kind.by_names and task is CLASSIFICATION:
        return partial(_check_labels_or_names, task, goes_by_names(body))
    if field.startswith("path_to_labels"):
        check = partial(LABELS_CHECKS[kind.labels_of(task.name) if kind else LabelsNeed.OPTIONAL], task)
        return check if body.get("person") is None else partial(_check_notes_too, check)
    if field == "path_to_predictions" and task is DETECTION:
        return _below_roots(check_detections)
    return _check_pool if field.startswith("path_to_img") else CHECKS.get(field)


def _check_pool(path: str, settings: Settings) -> None:
    if not place_at(path, settings.data_roots).has_an_image():
        raise EmptyPool(f"there is no image in it; looked for {' '.join(SUFFIXES)}, in sub-folders too")


def _below_roots(check: Callable[[str, Sequence[Path]], object]) -> Callable[[str, Settings], object]:
    return lambda path, settings: check(path, settings.data_roots)


def _check_labels(task: Task, path: str, settings: Settings) -> Labels:
    roots = settings.data_roots
    real = existing_file_or_folder(path, roots)
    labels, _ = task.read_with_conflicts(real, roots)
    kept_apart(real, roots)
    return labels


def _check_notes_too(check: Callable[[str, Settings], object], path: str, settings: Settings) -> None:
    check(path, settings)
    read_notes(existing_file_or_folder(path, settings.data_roots), settings.data_roots)


def _check_validation_labels(task: Task, path: str, settings: Settings) -> None:
    if not len(_check_labels(task, path, settings)):
        unread = told_unread(existing_file_or_folder(path, settings.data_roots), settings.data_roots, task.suffixes)
        raise NothingToValidate(f"there is no label in it, so there is nothing to score by{unread}")


def _check_training_labels(task: Task, path: str, settings: Settings) -> None:
    labels = _check_labels(task, path, settings)
    try:
        task.check_labels(labels)
    except NoLabels as error:
        unread = told_unread(existing_file_or_folder(path, settings.data_roots), settings.data_roots, task.suffixes)
        raise NoLabels(f"{error.detail}{unread}") from None


def _check_labels_or_names(task: Task, by_names: bool, path: str, settings: Settings) -> None:
    try:
        _check_training_labels(task, path, settings)
    except (NoLabels, SingleClass) as error:
        if len(declared_names(path, settings.data_roots)) < 2:
            raise
        if not by_names:
            detail = f"{error.detail}; with the backbone {KNOW_TEXTS}, the names of the declared classes will do"
            raise type(error)(detail) from None


LABELS = "path_to_labels"
LABELS_CHECKS: dict[LabelsNeed, Callable[[Task, str, Settings], object]] = {
    LabelsNeed.OPTIONAL: _check_labels,
    LabelsNeed.TRAINING: _check_training_labels,
}
CHECKS: dict[str, Callable[[str, Settings], object]] = {
    "path_to_embeddings": _below_roots(check_embeddings),
    "path_to_predictions": _below_roots(check_predictions),
    "webhook": allowed_url,
}
