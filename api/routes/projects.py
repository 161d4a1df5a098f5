"""Projects by name: keep them, rename them, forget them, the same for every browser that asks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Body
from pydantic import BaseModel, ConfigDict, Field

from nextlabel.api.auth import Reader, Writer
from nextlabel.api.errors import RESPONSES
from nextlabel.api.json_bodies import JsonRoute
from nextlabel.api.services import Given, Services
from nextlabel.core.data.projects import (
    Add,
    NamedProject,
    Place,
    PlaceOrNone,
    Share,
    Task,
    Word,
    forget_project,
    keep_project,
    kept_before,
    named_projects,
)
from nextlabel.core.errors import Fault, InvalidRequest
from nextlabel.core.kinds.projects import check_work

router = APIRouter(tags=["data"], responses=RESPONSES, route_class=JsonRoute)
ProjectName = Annotated[str, Field(min_length=1, max_length=64)]


class ProjectView(BaseModel):
    """A pool and its labels under a name, and how they are worked on."""

    model_config = ConfigDict(extra="forbid", from_attributes=True)

    name: ProjectName
    path_to_img: Place
    path_to_labels: Place
    path_to_img_val: PlaceOrNone = Field("", description="Empty: there is none.")
    path_to_labels_val: PlaceOrNone = ""
    task: Task = "classification"
    backbone: Word = Field("", description="Empty where boxes are drawn.")
    method: Word = "auto"
    add: Add = 20
    overlap_share: Share = 0.0
    version: Word = Field(
        "",
        description="Changes with the project. Of one to keep: that of the project whose place it takes, which is "
        "refused where that was changed meanwhile; empty: it takes its place however it is.",
    )


class ProjectGiven(ProjectView):
    """A project to keep. Whether the weights of the backbone are there is seen when something is asked of it."""

    was: ProjectName | None = Field(
        None, description="The project that it takes the place of; null: a new one, or the same folders and task."
    )


class ProjectGone(BaseModel):
    """A project to forget. No image and no label is touched."""

    model_config = ConfigDict(extra="forbid")

    name: ProjectName


class ProjectList(BaseModel):
    """By name."""

    projects: list[ProjectView]


@router.get("/projects")
async def get_projects(services: Given, _: Reader) -> ProjectList:
    """List the projects that are kept, the same for everybody."""
    return await _listed(services, lambda: named_projects(services.settings.state_dir))


@router.post("/projects")
async def post_project(body: Annotated[ProjectGiven, Body()], services: Given, _: Writer) -> ProjectList:
    """Keep a project under a name, or change or rename one. Its folders, backbone and method must be there."""
    if bool(body.path_to_img_val) != bool(body.path_to_labels_val):
        missing = "path_to_img_val" if body.path_to_labels_val else "path_to_labels_val"
        raise InvalidRequest(
            [Fault(f"/{missing}", "missing_field", "images to validate by have labels, and go with them")]
        )
    wanted = NamedProject(**body.model_dump(exclude={"was", "version"}))
    settings = services.settings

    def keep() -> tuple[NamedProject, ...]:
        check_work(wanted, kept_before(settings.state_dir, wanted, body.was))
        return keep_project(settings.state_dir, wanted, was=body.was, version=body.version, roots=settings.data_roots)

    folders = [one for one in (*wanted.folders, body.path_to_img_val, body.path_to_labels_val) if one]
    return await _listed(services, keep, *folders)


@router.post("/projects/forget")
async def forget(body: Annotated[ProjectGone, Body()], services: Given, _: Writer) -> ProjectList:
    """Forget a project by that name. Its images and labels stay where they are."""
    return await _listed(services, lambda: forget_project(services.settings.state_dir, body.name))


async def _listed(services: Services, work: Callable[[], tuple[NamedProject, ...]], *folders: str) -> ProjectList:
    found = await services.files.run([str(services.settings.state_dir), *folders], work)
    return ProjectList(projects=[ProjectView.model_validate(one) for one in found])
