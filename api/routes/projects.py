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
from nextlabel.core.data.projects import NamedProject, forget_project, keep_project, named_projects
from nextlabel.core.errors import Fault, InvalidRequest
from nextlabel.core.kinds.requests import AnyTask, PathText

router = APIRouter(tags=["data"], responses=RESPONSES, route_class=JsonRoute)
ProjectName = Annotated[str, Field(min_length=1, max_length=64)]
Word = Annotated[str, Field(max_length=200)]


class ProjectView(BaseModel):
    """A pool and its labels under a name, and how they are worked on."""

    model_config = ConfigDict(extra="forbid", from_attributes=True)

    name: ProjectName
    path_to_img: PathText
    path_to_labels: PathText
    path_to_img_val: Annotated[str, Field(max_length=4096)] = Field("", description="Empty: there is none.")
    path_to_labels_val: Annotated[str, Field(max_length=4096)] = ""
    task: AnyTask = "classification"
    backbone: Word = Field("", description="Empty where boxes are drawn.")
    method: Word = "auto"
    add: int = Field(20, strict=True, ge=1, le=1000)
    overlap_share: float = Field(0.0, ge=0, le=1)


class ProjectGiven(ProjectView):
    """A project to keep. Whether backbone and method are there is seen when something is asked of them."""

    was: ProjectName | None = Field(
        None, description="The project that it takes the place of; null: a new one, or the same folders as before."
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
    """Keep a project under a name, or change or rename one. Its folders must be there."""
    if bool(body.path_to_img_val) != bool(body.path_to_labels_val):
        missing = "path_to_img_val" if body.path_to_labels_val else "path_to_labels_val"
        raise InvalidRequest(
            [Fault(f"/{missing}", "missing_field", "images to validate by have labels, and go with them")]
        )
    wanted = NamedProject(**body.model_dump(exclude={"was"}))
    settings = services.settings
    folders = [one for one in (*wanted.folders, body.path_to_img_val, body.path_to_labels_val) if one]
    return await _listed(
        services, lambda: keep_project(settings.state_dir, wanted, was=body.was, roots=settings.data_roots), *folders
    )


@router.post("/projects/forget")
async def forget(body: Annotated[ProjectGone, Body()], services: Given, _: Writer) -> ProjectList:
    """Forget a project by that name. Its images and labels stay where they are."""
    return await _listed(services, lambda: forget_project(services.settings.state_dir, body.name))


async def _listed(services: Services, work: Callable[[], tuple[NamedProject, ...]], *folders: str) -> ProjectList:
    found = await services.files.run([str(services.settings.state_dir), *folders], work)
    return ProjectList(projects=[ProjectView.model_validate(one) for one in found])
