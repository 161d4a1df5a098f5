"""Classes: declare them; rename one in everybody's labels, make one of two, remove one, and undo that."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Body, Query
from pydantic import BaseModel, ConfigDict, Field

from nextlabel.api.auth import Reader, Writer
from nextlabel.api.errors import RESPONSES
from nextlabel.api.json_bodies import JsonRoute
from nextlabel.api.services import Given, Services
from nextlabel.core.data.class_file import (
    MOST_CLASSES,
    MOST_TEXT,
    NONE_KEY,
    ClassesDeclared,
    LabelClass,
    completed,
    declare_classes,
    declared_classes,
)
from nextlabel.core.data.classes import ClassChanged, change_class, undo_class_change
from nextlabel.core.data.label_files import state_of
from nextlabel.core.data.roots import existing_file_or_folder
from nextlabel.core.kinds.requests import OfClasses, PathText, TaskOfClasses
from nextlabel.core.tasks.registry import MULTILABEL, task_of

router = APIRouter(tags=["data"], responses=RESPONSES, route_class=JsonRoute)
ClassName = Annotated[str, Field(min_length=1, max_length=1000)]


class DeclaredClass(BaseModel):
    """What a class is called, and how the page shows it."""

    model_config = ConfigDict(extra="forbid")

    name: ClassName
    key: Annotated[str, Field(max_length=2)] = Field(
        "",
        description="A digit or letter that does nothing else on the page, or `.` or `,` and one. Empty: the next one.",
    )
    colour: Annotated[str, Field(max_length=7)] = Field("", description="`#rrggbb`; empty: the page's own, by order.")
    description: Annotated[str, Field(max_length=MOST_TEXT)] = ""
    example: Annotated[str, Field(max_length=MOST_TEXT)] = Field("", description="The name of an image.")


class ClassView(DeclaredClass):
    labels: int = Field(description="How many there are.")
    declared: bool = Field(description="False: labels have it, and the file doesn't.")


class ClassesView(BaseModel):
    """All classes in the order of their keys: those that were declared, then others that labels have."""

    path_to_labels: str
    version: str = Field(description="Of what was declared; empty where nothing was. Whoever changes it says it.")
    classes: list[ClassView]


class ClassesGiven(BaseModel):
    """What the file of classes shall say from now on, in order."""

    model_config = ConfigDict(extra="forbid")

    path_to_labels: PathText = Field(description="A folder. It is made if the one it lies in is there.")
    classes: Annotated[list[DeclaredClass], Field(max_length=MOST_CLASSES)]
    version: str | None = Field(None, max_length=64, description="Of what was seen; null: whatever stands there.")
    task: OfClasses = "classification"


class ClassesQuery(BaseModel):
    path_to_labels: PathText
    task: OfClasses = "classification"


class ClassChange(BaseModel):
    """A class by another name."""

    model_config = ConfigDict(extra="forbid")

    path_to_labels: PathText = Field(description="The folder of labels. Every person's file in it changes, or none.")
    class_name: ClassName = Field(alias="class")
    to: ClassName | None = Field(description="Its new name; null takes its labels out.")
    merge: bool = Field(False, strict=True, description="There may be labels of the new name already.")


class ClassUndo(BaseModel):
    """The last change of a class, taken back."""

    model_config = ConfigDict(extra="forbid")

    path_to_labels: PathText


class ClassChangedView(BaseModel):
    path_to_labels: str
    labels: dict[str, int] = Field(description="By file that changed, how many labels: changed ones, or brought back.")


@router.get("/labels/classes")
async def get_classes(services: Given, _: Reader, which: Annotated[ClassesQuery, Query()]) -> ClassesView:
    """List the classes, with the key of each: the same for everybody who asks."""
    return await services.files.run(which.path_to_labels, _classes, which.path_to_labels, which.task, services)


@router.put("/labels/classes")
async def put_classes(body: Annotated[ClassesGiven, Body()], services: Given, _: Writer) -> ClassesView:
    """Declare the classes of a folder of labels, in `classes.json` there. No label changes."""
    classes = [LabelClass(**one.model_dump()) for one in body.classes]
    roots = services.settings.data_roots
    await services.files.run(
        body.path_to_labels, declare_classes, body.path_to_labels, classes, version=body.version, roots=roots
    )
    return await services.files.run(body.path_to_labels, _classes, body.path_to_labels, body.task, services)


def _classes(path_to_labels: str, task: TaskOfClasses, services: Services) -> ClassesView:
    roots = services.settings.data_roots
    path = existing_file_or_folder(path_to_labels, roots)
    counts = services.surveys.get(path, state_of(path, roots), roots, task_of(task)).counts
    found = declared_classes(path, roots) if path.is_dir() else ClassesDeclared()
    declared = {one.name for one in found.classes}
    taken = NONE_KEY if task == MULTILABEL.name else ""
    return ClassesView(
        path_to_labels=str(path),
        version=found.version,
        classes=[
            ClassView(**asdict(one), labels=counts.get(one.name, 0), declared=one.name in declared)
            for one in completed(found.classes, counts, taken=taken)
        ],
    )


@router.post("/labels/classes/change")
async def post_class_change(body: Annotated[ClassChange, Body()], services: Given, _: Writer) -> ClassChangedView:
    """Rename a class in every person's file, make one of two, or remove one: in all of them, or none."""
    roots = services.settings.data_roots
    changed = await services.files.run(
        body.path_to_labels, change_class, body.path_to_labels, body.class_name, body.to, roots=roots, merge=body.merge
    )
    return _view(changed)


@router.post("/labels/classes/undo")
async def post_class_undo(body: Annotated[ClassUndo, Body()], services: Given, _: Writer) -> ClassChangedView:
    """Bring the files back to what they were before the last change of a class, unless labels came in since."""
    roots = services.settings.data_roots
    undone = await services.files.run(body.path_to_labels, undo_class_change, body.path_to_labels, roots=roots)
    return _view(undone)


def _view(changed: ClassChanged) -> ClassChangedView:
    return ClassChangedView(path_to_labels=str(changed.folder), labels=dict(changed.labels))
