"""nextlabel as a machine learning backend of Label Studio: read what a project asks for, and answer it.

Where the project's pool is stands in the backend's URL, for Label Studio sends nothing else with every call:
`.../label-studio/path_to_img=photos/train&path_to_labels=photos/labels&backbone=mobilenet`. Nothing is kept but jobs.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import unquote

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from nextlabel.core.data.folder import opened_folder
from nextlabel.core.data.label_files import GivenLabel, NamedLabel, refuse_images, said_otherwise
from nextlabel.core.data.places import place_at
from nextlabel.core.data.pool import list_pool, look_up
from nextlabel.core.data.roots import existing_folder
from nextlabel.core.data.spelling import as_seen
from nextlabel.core.errors import ExchangeMalformed, Fault, InvalidRequest, ResultExpired
from nextlabel.core.exchange.annotation_file import Annotation, AnnotationFile
from nextlabel.core.exchange.entries import GIVEN_SCORE, Entry, entries_of, entry_of_label
from nextlabel.core.exchange.image_urls import ImageUrls, PoolNames
from nextlabel.core.exchange.label_studio import Control, read_config
from nextlabel.core.faults import GIVEN_TWICE
from nextlabel.core.kinds.registry import read_result
from nextlabel.core.kinds.requests import MAX_ADD, HeadName, TaskOfClasses
from nextlabel.core.tasks.base import ClassTask, Labels, Matched
from nextlabel.core.tasks.registry import CLASSIFICATION, task_of

CREATED = ("ANNOTATION_CREATED", "ANNOTATIONS_CREATED", "ANNOTATION_UPDATED")
DELETED = "ANNOTATIONS_DELETED"
TRAIN = "START_TRAINING"
#: The fields of the address that requests for jobs have, too.
_OF_BOTH = ("task", "path_to_img", "path_to_labels", "backbone", "path_to_embeddings", "head", "seed")
_OF_A_SELECTION = (*_OF_BOTH, "method", "add")


class Address(BaseModel):
    """The fields in the backend's URL: the project's pool, its labels, and how to choose."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    path_to_img: str = Field(min_length=1)
    task: TaskOfClasses = "classification"
    path_to_labels: str = Field(min_length=1)  #: a folder: annotations come to a file of their own in it
    backbone: str | None = None
    path_to_embeddings: str | None = None
    head: HeadName = "linear"
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0
    method: str = "auto"
    add: Annotated[int, Field(ge=1, le=MAX_ADD)] = 50  #: images in a batch; after so many labels comes the next one
    image_prefix: str | None = None
    from_name: str | None = None
    version: str | None = None  #: what predictions are always filed under, instead of a new name for each batch

    def selection(self, person: str) -> dict[str, Any]:
        """Ask for the batch of the round. It is handed out to Label Studio, and nobody on the page gets its images."""
        return {
            "kind": "selection",
            "person": person,
            **self.model_dump(include=set(_OF_A_SELECTION), exclude_none=True),
        }

    def prediction(self) -> dict[str, Any]:
        return {"kind": "prediction", **self.model_dump(include=set(_OF_BOTH), exclude_none=True)}


def parse_address(text: str) -> Address:
    """Read `name=value&name=value`, values percent-encoded or not. Raises InvalidRequest with every fault."""
    parts = [part.partition("=") for part in text.strip("/").split("&") if part]
    pairs = [(unquote(name), unquote(value)) for name, _, value in parts]
    names = [name for name, _ in pairs]
    twice = sorted({name for name in names if names.count(name) > 1})
    faults = [Fault(f"?{name}", "invalid_value", GIVEN_TWICE) for name in twice]
    try:
        address = Address.model_validate(dict(pairs))
    except ValidationError as error:
        faults += [_fault(one["loc"][0], one["type"], one["msg"]) for one in error.errors()]
    if faults:
        raise InvalidRequest(faults)
    return address


def _fault(name: Any, kind: str, message: str) -> Fault:
    codes = {"missing": "missing_field", "extra_forbidden": "unknown_field"}
    detail = f"the URL may say {', '.join(Address.model_fields)}" if kind == "extra_forbidden" else message
    return Fault(f"?{name}", codes.get(kind, "invalid_value"), detail)


# --- rounds -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Round:
    """The time from one model to the next. A new round begins after every `add` labels, and with a new class.

    Were it every label, each annotation would train a model, and Label Studio would forget all scores until it had
    asked for those of the new one.
    """

    address: Address
    labels: Labels
    matched: Matched  #: the labels of the pool: those of other images teach nothing

    @property
    def model_version(self) -> str:
        if self.address.version is not None:
            return self.address.version
        return f"{self.address.backbone or 'embeddings'}-{self._begun_at}-{self._digest(self.matched.classes)[:6]}"

    @property
    def has_head(self) -> bool:
        return task_of(self.address.task).can_train(self.matched)

    def key(self, pool_state: str) -> str:
        """Return a key that is the same for the same round of the same day: one training serves the whole round."""
        today = datetime.now(UTC).date().isoformat()
        return self._digest((*self.matched.classes, pool_state, today))

    @property
    def _begun_at(self) -> int:
        labels = len(self.matched.rows)
        return labels - labels % self.address.add

    def _digest(self, more: Sequence[str]) -> str:
        said_before_tasks = {"task"} if self.address.task == CLASSIFICATION.name else None
        parts = [self.address.model_dump_json(exclude=said_before_tasks), str(self._begun_at), *more]
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def current_round(address: Address, roots: Sequence[Path]) -> Round:
    """Read the labels that there are now, and find those of the pool. Those that contradict each other are left out.

    Raises EmptyPool, LabelsMalformed, PathNotAllowed, PathNotFound, PathNotReadable, PathWrongKind.
    """
    task = task_of(address.task)
    labels, _ = task.read_with_conflicts(existing_folder(address.path_to_labels, roots), roots)
    return Round(address, labels, task.match(labels, look_up(place_at(address.path_to_img, roots), labels.names)))


def pool_state(address: Address, roots: Sequence[Path]) -> str:
    """Return a text that changes with the images of the pool.

    Raises EmptyPool, PathNotAllowed, PathNotFound, PathNotReadable, PathWrongKind.
    """
    return list_pool(place_at(address.path_to_img, roots)).state()


# --- predictions ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Answers:
    """The entries of a round's jobs, by image name.

    Without a head there is no prediction, and a chosen image has no class.
    """

    chosen: Mapping[str, Entry]
    predicted: Mapping[str, Entry]

    def entry(self, name: str, labels: Labels) -> Entry | None:
        """Return the image's entry: its label if it has one, else what the jobs say of it; None: they say nothing."""
        if as_seen(name) in labels.names:
            return replace(entry_of_label(labels, as_seen(name)), name=name, score=GIVEN_SCORE)
        return self.chosen.get(name) or self.predicted.get(name)


def answers(selection: Path, prediction: Path | None) -> Answers:
    """Read the files of the results of a selection and, where there is one, a prediction."""
    return Answers(_entries(selection), _entries(prediction) if prediction is not None else {})


@lru_cache(maxsize=4)  # Label Studio asks task by task, and a result is written once
def _entries(file: Path) -> Mapping[str, Entry]:
    try:
        content = file.read_bytes()
    except FileNotFoundError:  # it was deleted this moment
        raise ResultExpired("the result of a job is no longer kept") from None
    return {entry.name: entry for entry in entries_of(read_result(content))}


def predictions(
    tasks: Iterable[Any], control: Control, names: PoolNames, round_: Round, answers_: Answers
) -> list[list[dict[str, Any]]]:
    """Give each task its predictions: one, or none where its image is not in the pool or no job says anything of it."""
    return [
        [_prediction(entry, control, round_.model_version)]
        if (name := _name(task, control, names)) and (entry := answers_.entry(name, round_.labels))
        else []
        for task in tasks
    ]


def _prediction(entry: Entry, control: Control, model_version: str) -> dict[str, Any]:
    result = control.result(*(entry.classes or ()))
    return {"result": result, "score": entry.score, "model_version": model_version}


def _name(task: Any, control: Control, names: PoolNames) -> str | None:
    data = task.get("data") if isinstance(task, dict) else None
    url = data.get(control.key) if isinstance(data, dict) else None
    return names.name(url) if isinstance(url, str) else None


def names_of(address: Address, roots: Sequence[Path]) -> PoolNames:
    """Make what finds images of the pool by their URLs.

    Raises PathNotAllowed, PathNotFound, PathNotReadable, PathWrongKind.
    """
    urls = ImageUrls(address.image_prefix) if address.image_prefix else None
    return PoolNames(place_at(address.path_to_img, roots), urls)


# --- annotations ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Recorded:
    """What came of a webhook.

    count: annotations of images of the pool. given: the labels that came of them. disputed: labels that say otherwise.
    """

    count: int
    given: tuple[GivenLabel, ...] = ()
    disputed: tuple[NamedLabel, ...] = ()


def check_labels_folder(address: Address, roots: Sequence[Path]) -> None:
    """Look whether annotations can be written where the address says, before one comes, for nobody sees a webhook fail.

    Raises PathNotAllowed, PathNotFound, PathNotReadable, PathNotWritable, PathWrongKind.
    """
    with opened_folder(address.path_to_labels, roots) as folder:
        refuse_images(folder)


def record(event: Any, address: Address, roots: Sequence[Path]) -> Recorded:
    """Take the annotations of a webhook into the project's own file in the labels folder, whatever others say there.

    Nobody can be asked here which of two labels is right. So both stay, and jobs leave the image out until one of them
    is taken back: in Label Studio, on the page, or in the files.

    Raises:
        ExchangeMalformed: it is none of Label Studio's, or the project's configuration has no choice of an image.
        LabelsMalformed, PathNotAllowed, PathNotFound, PathNotReadable, PathNotWritable, PathWrongKind
    """
    action, project = _part(event, "action", str), _part(event, "project", dict)
    folder = existing_folder(address.path_to_labels, roots)
    task = task_of(address.task)
    file = AnnotationFile(folder, _stem(project), roots, task)
    if action == DELETED:
        deleted = _list(event.get("annotations"))
        numbers = [number for annotation in deleted if (number := _id(annotation)) is not None]
        file.forget(numbers)
        return Recorded(len(numbers))
    control = read_config(_part(project, "label_config", str), address.from_name)
    names = names_of(address, roots)
    pairs = zip(_list(event.get("annotation")), _list(event.get("task")), strict=False)
    read = (_read_annotation(annotation, of, control, names, task) for annotation, of in pairs)
    annotations = [annotation for annotation in read if annotation is not None]
    file.record(annotations)
    given = tuple(line for one in annotations for line in one.lines)
    disputed = said_otherwise(folder, given, by=file.path.name, roots=roots, task=task)
    return Recorded(len(annotations), given, disputed)


def check_control(control: Control, address: Address) -> None:
    """Raise InvalidRequest where the project lets a person choose several classes, and the address asks for one."""
    if control.several and address.task == CLASSIFICATION.name:
        detail = 'the project has <Choices choice="multiple">, so the URL has to say task=multilabel; or make it single'
        raise InvalidRequest([Fault("?task", "invalid_value", detail)])


def _read_annotation(
    annotation: Any, of: Any, control: Control, names: PoolNames, task: ClassTask
) -> Annotation | None:
    """Read one annotation of a task of Label Studio's; None: its image is not in the pool."""
    number, name = _id(annotation), _name(of, control, names)
    if number is None or name is None:
        return None
    classes = control.classes(annotation.get("result")) if not annotation.get("was_cancelled") else []
    if task is not CLASSIFICATION:
        return Annotation(number, name, None, tuple(dict.fromkeys(classes)))
    return Annotation(number, name, classes[0] if len(classes) == 1 else None)


def _stem(project: Mapping[str, Any]) -> str:
    """Name the project's labels file by its number, and by when it was made.

    The number alone won't do: it is given again when a Label Studio is set up anew.
    """
    created_at = re.sub("[^0-9]", "", str(project.get("created_at", "")))[:14]
    return f"label-studio-{_part(project, 'id', int)}{f'-{created_at}' if created_at else ''}"


def _part(whole: Any, name: str, kind: type[Any]) -> Any:
    """Return a field of a webhook. Raises ExchangeMalformed where it is missing or of another type."""
    part = whole.get(name) if isinstance(whole, dict) else None
    if not isinstance(part, kind):
        raise ExchangeMalformed(f"Label Studio's webhook has no `{name}`; let it send its payload.")
    return part


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _id(value: Any) -> int | None:
    number = value.get("id") if isinstance(value, dict) else None
    return number if isinstance(number, int) else None
