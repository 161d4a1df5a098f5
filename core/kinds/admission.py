"""What can be known of a request before it is accepted: paths, roots, label syntax, an empty pool, its webhook.

Runs in the API, so it opens no image and lists no more of a pool than its first. What it lets through may still fail
in the worker: the disk changes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from nextlabel.core.data.brought import check_embeddings, check_predictions
from nextlabel.core.data.files import SUFFIXES
from nextlabel.core.data.places import place_at
from nextlabel.core.data.roots import existing_file_or_folder
from nextlabel.core.errors import (
    EmptyPool,
    Fault,
    InvalidRequest,
    NextlabelError,
    NoLabels,
    NothingToValidate,
    SingleClass,
)
from nextlabel.core.kinds.registry import KINDS, parse_request
from nextlabel.core.kinds.requests import JobRequest
from nextlabel.core.settings import Settings
from nextlabel.core.tasks.classification import read_labels, read_labels_and_conflicts
from nextlabel.core.webhook_urls import allowed_url


def admit(body: Any, settings: Settings) -> JobRequest:
    """The validated request. Raises InvalidRequest with every fault found, of its form and of what it names."""
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


def _faults_of_what_it_names(body: Any, settings: Settings) -> Iterator[Fault]:
    """Of the paths and the webhook that stand in the body, whatever else is wrong with it."""
    if not isinstance(body, dict):
        return
    kind = body.get("kind")
    kinds = [KINDS[kind]] if kind in list(KINDS) else KINDS.values()
    for field in dict.fromkeys(name for one in kinds for name in one.request.model_fields):
        value = body.get(field)
        if not isinstance(value, str):
            continue
        if field.startswith("path_to_img"):
            yield from _fault(field, _check_pool, value, settings)
        elif field.startswith("path_to_labels"):
            yield from _fault(field, _labels_check(field, kind), value, settings)
        elif field == "path_to_embeddings":
            yield from _fault(field, _check_embeddings, value, settings)
        elif field == "path_to_predictions":
            yield from _fault(field, _check_predictions, value, settings)
        elif field == "webhook":
            yield from _fault(field, allowed_url, value, settings)
    if kind in LEARN and body.get("path_to_labels") is None:
        yield Fault("/path_to_labels", "no_labels", f"{kind} learns from labels; name a labels file or folder")


LEARN = ("prediction", "learning_curve", "audit", "label_check")
MAY_HAVE_NO_LABELS = ("selection", "similar", "map")


def _fault(field: str, check: Callable[[str, Settings], object], value: str, settings: Settings) -> Iterator[Fault]:
    try:
        check(value, settings)
    except NextlabelError as error:
        yield Fault(f"/{field}", error.code, error.detail)


def _check_pool(path: str, settings: Settings) -> None:
    if not place_at(path, settings.data_roots).has_an_image():
        raise EmptyPool(f"there is no image in it; looked for {' '.join(SUFFIXES)}, in sub-folders too")


def _check_embeddings(path: str, settings: Settings) -> None:
    check_embeddings(path, settings.data_roots)


def _check_predictions(path: str, settings: Settings) -> None:
    check_predictions(path, settings.data_roots)


def _check_labels(path: str, settings: Settings) -> tuple[str, ...]:
    roots = settings.data_roots
    return read_labels(existing_file_or_folder(path, roots), roots).classes


def _labels_check(field: str, kind: Any) -> Callable[[str, Settings], object]:
    if kind in MAY_HAVE_NO_LABELS:
        return _check_labels
    if kind == "label_check" and field == "path_to_labels":
        return _check_labels_that_may_conflict
    return _check_validation_labels if field == "path_to_labels_val" else _check_training_labels


def _check_validation_labels(path: str, settings: Settings) -> None:
    if not _check_labels(path, settings):
        raise NothingToValidate("there is no label in it, so there is nothing to score by")


def _check_labels_that_may_conflict(path: str, settings: Settings) -> None:
    roots = settings.data_roots
    labels, _ = read_labels_and_conflicts(existing_file_or_folder(path, roots), roots)
    _need_two_classes(labels.classes)


def _check_training_labels(path: str, settings: Settings) -> None:
    _need_two_classes(_check_labels(path, settings))


def _need_two_classes(classes: tuple[str, ...]) -> None:
    if not classes:
        raise NoLabels("there is no label in it, and a head needs labels to learn from")
    if len(classes) == 1:
        raise SingleClass(f"all labels in it say {classes[0]!r}; a head needs two classes at least")
