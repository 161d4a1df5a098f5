"""Classes: rename one in everybody's labels, make one of two, remove one, and undo that."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Body
from pydantic import BaseModel, ConfigDict, Field

from nextlabel.api.auth import Writer
from nextlabel.api.errors import RESPONSES
from nextlabel.api.json_bodies import JsonRoute
from nextlabel.api.services import Given
from nextlabel.core.data.classes import ClassChanged, change_class, undo_class_change
from nextlabel.core.kinds.requests import PathText

router = APIRouter(tags=["data"], responses=RESPONSES, route_class=JsonRoute)
ClassName = Annotated[str, Field(min_length=1, max_length=1000)]


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
