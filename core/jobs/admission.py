"""What can be known of a request before it is accepted: paths, roots, label syntax, an empty pool.

Runs in the API, so it opens no image and lists no more of a pool than its first. What it lets through may still fail
in the worker: the disk changes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from core.data.labels import read_labels
from core.data.pool import SUFFIXES, has_an_image
from core.data.roots import existing_file_or_folder, existing_folder
from core.errors import EmptyPool, Fault, InvalidRequest, NextlabelError, NoLabels, SingleClass
from core.jobs.requests import JobRequest, SelectionRequest
from core.settings import Settings


def admit(request: JobRequest, settings: Settings) -> None:
    """Raises InvalidRequest with every fault found."""
    faults = list(_faults(request, settings))
    if faults:
        raise InvalidRequest(faults)


def _faults(request: JobRequest, settings: Settings) -> Iterator[Fault]:
    for field, value in request.model_dump(exclude_none=True).items():
        if field.startswith("path_to_img"):
            yield from _fault(field, _check_pool, value, settings)
        elif field.startswith("path_to_labels"):
            training = field != "path_to_labels_val" and not isinstance(request, SelectionRequest)
            yield from _fault(field, _check_training_labels if training else _check_labels, value, settings)
    if request.kind == "prediction" and "path_to_labels" not in request.model_fields_set:
        yield Fault("/path_to_labels", "no_labels", "prediction learns from labels; name a labels file or folder")


def _fault(field: str, check: Callable[[str, Settings], object], value: str, settings: Settings) -> Iterator[Fault]:
    try:
        check(value, settings)
    except NextlabelError as error:
        yield Fault(f"/{field}", error.code, error.detail)


def _check_pool(path: str, settings: Settings) -> None:
    folder = existing_folder(path, settings.data_roots)
    if not has_an_image(folder, settings.data_roots):
        raise EmptyPool(f"there is no image in it; looked for {' '.join(SUFFIXES)}, in sub-folders too")


def _check_labels(path: str, settings: Settings) -> tuple[str, ...]:
    roots = settings.data_roots
    return read_labels(existing_file_or_folder(path, roots), roots).classes


def _check_training_labels(path: str, settings: Settings) -> None:
    classes = _check_labels(path, settings)
    if not classes:
        raise NoLabels("there is no label in it, and a head needs labels to learn from")
    if len(classes) == 1:
        raise SingleClass(f"all labels in it say {classes[0]!r}; a head needs two classes at least")
