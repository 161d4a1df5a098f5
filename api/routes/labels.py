"""The labels in a folder: tell who has given how many, and write new ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, BackgroundTasks, Body, Query, Response
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic.main import IncEx

from nextlabel.api.auth import ME, Reader, Writer
from nextlabel.api.errors import RESPONSES
from nextlabel.api.etags import KnownEtags
from nextlabel.api.json_bodies import JSON, JsonRoute
from nextlabel.api.routes.hand_outs import note_labels
from nextlabel.api.services import Given
from nextlabel.core.data.kept_apart import kept_apart
from nextlabel.core.data.label_files import (
    GivenLabel,
    NamedLabel,
    Survey,
    give_labels,
    person_of,
    settle,
    state_of,
)
from nextlabel.core.data.labels import sorted_classes
from nextlabel.core.data.labels_folder import SETTLED
from nextlabel.core.data.places import place_at
from nextlabel.core.data.roots import existing_file_or_folder
from nextlabel.core.data.settlers import SettledBy, who_settled
from nextlabel.core.data.spelling import as_seen
from nextlabel.core.errors import Fault, InvalidRequest
from nextlabel.core.faults import custom_error
from nextlabel.core.kinds.requests import OfClasses, PersonName
from nextlabel.core.tasks.registry import CLASSIFICATION, task_of

router = APIRouter(tags=["data"], responses=RESPONSES, route_class=JsonRoute)
MAX_AT_ONCE, MAX_NAMES = 10_000, 100_000
ETAG = {"ETag": {"description": "Changes with the labels.", "required": True, "schema": {"type": "string"}}}
PathText = Annotated[str, Field(min_length=1, max_length=4096)]
Versions = Annotated[
    dict[str, Annotated[str, Field(max_length=64)]],
    Field(
        max_length=MAX_AT_ONCE,
        description="By name, of all that was seen to be said of it, as `GET /labels` tells: where something else is "
        "said by now, nothing is written (409 `labels_changed`). A name that is not here isn't looked at.",
    ),
]


class LabelsPart(BaseModel):
    model_config = ConfigDict(frozen=True, populate_by_name=True, serialize_by_alias=True)


class ClassCount(LabelsPart):
    """`class`: "" counts the images that none applies to."""

    class_name: str = Field(alias="class")
    labels: int


class ClassOfPool(ClassCount):
    """The same, and labels of names that no image of `path_to_img` has; where it was given."""

    not_in_pool: int | None = None


def _of_boxes_elsewhere(task: Any) -> Any:
    if task == "detection":
        raise custom_error("invalid_value", "boxes have calls of their own: GET and POST /labels/boxes")
    return task


OfWholeImages = Annotated[OfClasses, BeforeValidator(_of_boxes_elsewhere)]


class PersonCount(LabelsPart):
    """`person`: the file's name without .txt."""

    person: str
    file: str
    labels: int


class OneLabel(LabelsPart):
    """A line. Where an image may have several classes, it has one each; one with the class "" where none applies."""

    name: str
    class_name: str = Field(alias="class")
    person: str


class SettledByView(BaseModel):
    """Who settled what counts, and when. `person`: null where nobody said who."""

    person: str | None
    at: datetime

    @classmethod
    def of(cls, one: SettledBy) -> SettledByView:
        return cls(person=one.person, at=one.at)


class LabelsView(LabelsPart):
    labels: int = Field(description="Distinct names; with `path_to_img`, of its images alone, as are all counts.")
    not_in_pool: int | None = Field(
        None, description="Where `path_to_img` was given: labels of names that no image there has."
    )
    names_not_in_pool: list[str] | None = Field(None, description="Such names; 1,000 at most.")
    kept_apart: int | None = Field(
        None, description="Where images are kept apart to validate by: of `labels`, those of such images."
    )
    several: int | None = Field(
        None, description="Of them, those that have several classes, or none; of the task `multilabel` alone."
    )
    classes: list[ClassOfPool]
    people: list[PersonCount]
    conflicts: list[OneLabel] = Field(description="Of names that files give several classes; 1,000 at most.")
    settled: list[OneLabel] = Field(description="What was settled between people, and counts; 1,000 at most.")
    settled_by: dict[str, SettledByView] = Field(
        description="By name, of those in `settled`: who settled it, where that is known. Of what was changed by hand "
        "it is not."
    )
    left_out: list[str] = Field(description="Files in the folder that are nobody's labels; 1,000 at most.")
    names: list[OneLabel] | None = Field(description="When asked for.")
    said: list[OneLabel] | None = Field(
        None,
        description="Where `of` was given: all that files say of these names, whether it counts or not, one's own and "
        "what was settled (`_settled`) among it.",
    )
    versions: dict[str, str] = Field(
        description="By name, of those in `conflicts`, `settled` and `of`: changes with all that is said of it. "
        "Whoever settles it says what they saw."
    )
    next_after: str | None = Field(description="There are more names; ask for those after this one.")


class LabelGiven(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: PathText
    class_name: Annotated[str, Field(max_length=1000)] | None = Field(
        alias="class",
        description='null takes the label back; "" says that somebody looked and none applies (`multilabel` alone).',
    )


class LabelsGiven(BaseModel):
    """Labels of one person. Of the same image, the last counts; where it may have several classes, all of them do."""

    model_config = ConfigDict(extra="forbid")

    path_to_labels: PathText = Field(description="A folder. It is made if the one it lies in is there.")
    labels: Annotated[list[LabelGiven], Field(max_length=MAX_AT_ONCE)]
    person: PersonName | None = Field(
        None, description="Names the file. With keys it is the key's owner, and need not be said."
    )
    replace: bool = Field(
        False,
        strict=True,
        description="Take out what other files say of these names otherwise. Not with `keep_both` (422).",
    )
    keep_both: bool = Field(
        False, strict=True, description="Let other files say of these names otherwise: that is to be settled then."
    )
    settle: bool = Field(
        False,
        strict=True,
        description="What other files say of these names otherwise stays there, and these labels are settled to count. "
        "Not with `replace` or `keep_both` (422).",
    )
    versions: Versions = Field(default_factory=dict)
    task: OfWholeImages = "classification"


class LabelsSettled(BaseModel):
    """What holds of images that people see in several ways."""

    model_config = ConfigDict(extra="forbid")

    path_to_labels: PathText = Field(description="A folder.")
    labels: Annotated[list[LabelGiven], Field(max_length=MAX_AT_ONCE)]
    versions: Versions = Field(default_factory=dict)
    person: PersonName | None = Field(
        None, description="Who settles it, to be told. With keys it is the key's owner, and need not be said."
    )
    task: OfWholeImages = "classification"


class LabelsWritten(BaseModel):
    path_to_labels: str
    person: str
    file: str
    replaced: dict[str, str] = Field(description="Names that were taken out of other files, and their class there.")
    versions: dict[str, str] = Field(
        description="Where it was to be settled what counts, by name: of all that is said of it now."
    )


class LabelsQuery(BaseModel):
    path_to_labels: PathText
    path_to_img: PathText | None = Field(None, description="A pool: labels of other images are counted apart.")
    names: bool = Field(False, description="List the names, too.")
    of: list[str] | None = Field(None, max_length=500, description="These names alone.")
    class_name: str | None = Field(None, alias="class", description="Names of that class alone.")
    after: str = Field("", max_length=4096, description="`next_after` of the page before.")
    limit: int = Field(1000, ge=1, le=MAX_NAMES, description="Names on a page.")
    task: OfWholeImages = "classification"


@router.get(
    "/labels",
    response_model=LabelsView,
    responses={200: {"headers": ETAG}, 304: {"description": "Not changed", "headers": ETAG}},
)
async def get_labels(services: Given, _: Reader, which: Annotated[LabelsQuery, Query()], known: KnownEtags) -> Response:
    """Count labels by class and by person; with `names` or `of`, tell which image has which."""
    roots = services.settings.data_roots
    places = [which.path_to_labels, *([which.path_to_img] if which.path_to_img else [])]
    path, state = await services.files.run(places, _look, which.path_to_labels, roots)
    headers = {"ETag": f'"{state}"', "Cache-Control": "private, no-cache"}
    if headers["ETag"] in known:
        return Response(status_code=304, headers=headers)

    def content() -> str:
        labels = services.surveys.get(path, state, roots, task_of(which.task))
        apart = kept_apart(path, roots)
        settlers = who_settled(path, SETTLED, labels.settled_versions, roots)
        view = _view(labels, which, apart, roots, settlers)
        return view.model_dump_json(exclude=_unasked(which, hides_apart=not apart))

    return Response(await services.files.run(places, content), 200, headers, JSON)


@router.post("/labels")
async def post_labels(
    body: Annotated[LabelsGiven, Body()], services: Given, caller: Writer, afterwards: BackgroundTasks
) -> LabelsWritten:
    """Write labels into the person's own file: all of them, or none."""
    _refuse_empty(body)
    given = [GivenLabel(label.name, label.class_name) for label in body.labels]
    written = await services.files.run(
        body.path_to_labels,
        give_labels,
        body.path_to_labels,
        given,
        person=caller.person(body.person) or ME,
        roots=services.settings.data_roots,
        task=task_of(body.task),
        replace=body.replace,
        keep_both=body.keep_both,
        settle=body.settle,
        versions=body.versions,
    )
    if given:  # the labels are on the disk: nobody waits for Redis
        noted = {one.name: one.class_name is not None for one in given}
        afterwards.add_task(note_labels, services, str(written.folder), person_of(written.file), noted)
    return LabelsWritten(
        path_to_labels=str(written.folder),
        person=person_of(written.file),
        file=written.file,
        replaced=dict(written.replaced),
        versions=dict(written.versions),
    )


@router.post("/labels/settle")
async def settle_labels(body: Annotated[LabelsSettled, Body()], services: Given, caller: Writer) -> LabelsWritten:
    """Settle what people contradict each other about. Their files stay as they are; what is settled counts before them.

    A class of null opens the question again. Where something else is said of an image than what was seen, by its
    version in `versions`, nothing is written (409 `labels_changed`).
    """
    _refuse_empty(body)
    written = await services.files.run(
        body.path_to_labels,
        settle,
        body.path_to_labels,
        [GivenLabel(label.name, label.class_name) for label in body.labels],
        roots=services.settings.data_roots,
        task=task_of(body.task),
        versions=body.versions,
        by=caller.person(body.person),
    )
    return LabelsWritten(
        path_to_labels=str(written.folder),
        person=person_of(written.file),
        file=written.file,
        replaced={},
        versions=dict(written.versions),
    )


def _look(path_to_labels: str, roots: Sequence[Path]) -> tuple[Path, str]:
    """Find labels; return where they are and a text that changes with them."""
    path = existing_file_or_folder(path_to_labels, roots)
    return path, state_of(path, roots)


def _refuse_empty(body: LabelsGiven | LabelsSettled) -> None:
    """Raise InvalidRequest where a class is empty, and an image has one."""
    empty = [
        at for at, label in enumerate(body.labels) if label.class_name is not None and not label.class_name.strip()
    ]
    if empty and body.task == CLASSIFICATION.name:
        detail = 'is empty; null takes a label back, and that none applies is said with "task": "multilabel"'
        raise InvalidRequest([Fault(f"/labels/{at}/class", "invalid_value", detail) for at in empty])


def _view(
    labels: Survey,
    which: LabelsQuery,
    apart: Sequence[str],
    roots: Sequence[Path],
    settlers: Mapping[str, SettledBy],
) -> LabelsView:
    outside = Survey({})
    if which.path_to_img is not None:
        labels, outside = labels.apart(place_at(which.path_to_img, roots))
    found: list[NamedLabel] | None = None
    if which.of is not None:
        found = labels.of(which.of)
    elif which.names:
        found = labels.page(class_name=which.class_name, after=which.after, most=which.limit + 1)
    there = list(dict.fromkeys(label.name for label in found or ()))
    shown = set(there[: which.limit])
    conflicts, settled = labels.conflicts[:1000], labels.settled[-1000:]
    versioned = dict.fromkeys([*(one.name for one in (*conflicts, *settled)), *(which.of or ())])
    is_page = which.of is None and len(there) > which.limit
    return LabelsView(
        labels=len(labels),
        not_in_pool=len(outside),
        names_not_in_pool=outside.names[:1000],
        kept_apart=len(labels.having() & {as_seen(name) for name in apart}) if apart else None,
        several=labels.several,
        classes=[
            ClassOfPool(class_name=name, labels=labels.counts.get(name, 0), not_in_pool=outside.counts.get(name, 0))
            for name in sorted_classes({*labels.counts, *outside.counts})
        ],
        people=[
            PersonCount(person=person_of(file), file=file, labels=count)
            for file, count in labels.labels_per_file.items()
        ],
        conflicts=[_label_view(label) for label in conflicts],
        settled=[_label_view(label) for label in settled],
        settled_by={one.name: SettledByView.of(settlers[one.name]) for one in settled if one.name in settlers},
        left_out=list(labels.left_out[:1000]),
        names=None if found is None else [_label_view(label) for label in found if label.name in shown],
        said=None if which.of is None else [_label_view(label) for label in labels.all_of(which.of)],
        versions=labels.versions(versioned),
        next_after=there[which.limit - 1] if is_page else None,
    )


def _unasked(which: LabelsQuery, *, hides_apart: bool) -> IncEx:
    """Name the fields that say nothing of what was asked, or of what is there."""
    fields: dict[str, Any] = {"several": True} if which.task == CLASSIFICATION.name else {}
    if which.of is None:
        fields["said"] = True
    if hides_apart:
        fields["kept_apart"] = True
    if which.path_to_img is None:
        fields |= {"not_in_pool": True, "names_not_in_pool": True, "classes": {"__all__": {"not_in_pool"}}}
    return fields


def _label_view(label: NamedLabel) -> OneLabel:
    return OneLabel(name=label.name, class_name=label.class_name, person=person_of(label.file))
