"""Take labels, or what a model predicts, away as a file of another tool."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Body, Response
from pydantic import BaseModel, ConfigDict, Field

from nextlabel.api.auth import Reader, job_of
from nextlabel.api.errors import RESPONSES
from nextlabel.api.json_bodies import JsonRoute
from nextlabel.api.services import Given, Services
from nextlabel.core.data.labels import sorted_classes
from nextlabel.core.data.roots import existing_file_or_folder
from nextlabel.core.errors import NoLabels
from nextlabel.core.exchange.documents import FORMATS, Exported, Format
from nextlabel.core.exchange.entries import (
    Entry,
    classes_known_to,
    classes_of,
    entries_of,
    entries_of_labels,
    without_class,
)
from nextlabel.core.jobs.record import Job
from nextlabel.core.kinds.registry import result_adapter
from nextlabel.core.kinds.requests import OfClasses, PathText
from nextlabel.core.tasks.registry import CLASS_TASKS

router = APIRouter(tags=["data"], responses=RESPONSES, route_class=JsonRoute)
UNSAID = "Nextlabel-Unsaid"


class ExportWanted(BaseModel):
    """What to take away: the labels in a folder, or the batch or predictions of a job."""

    model_config = ConfigDict(extra="forbid")

    format: Format
    path_to_labels: PathText
    job: Annotated[str, Field(max_length=100)] | None = Field(
        None, description="A succeeded selection or prediction: what it says is taken away, in the place of the labels."
    )
    task: OfClasses = "classification"
    image_prefix: Annotated[str, Field(max_length=4096)] = Field(
        "/data/local-files/?d=", description="What stands for the pool in URLs; of Label Studio alone."
    )


@router.post(
    "/export",
    response_class=Response,
    responses={
        200: {
            "description": "The file",
            "content": {one.media_type: {"schema": one.schema} for one in FORMATS.values()},
            "headers": {
                UNSAID: {
                    "description": "How many images somebody found no class to apply to, which the format can't say.",
                    "schema": {"type": "integer"},
                }
            },
        }
    },
)
async def export(body: Annotated[ExportWanted, Body()], services: Given, caller: Reader) -> Response:
    """Write labels, or what a job says, as a file of another tool. Labels that contradict each other are refused."""
    job = None if body.job is None else await job_of(caller, body.job, services)
    place = body.path_to_labels if job is None else str(services.settings.results_dir)
    text, unsaid = await services.files.run(place, _written, body, job, services)
    how = FORMATS[body.format]
    headers = {
        "Content-Disposition": f'attachment; filename="nextlabel-{body.format}.{how.ending}"',
        UNSAID: str(unsaid),
    }
    return Response(text, media_type=f"{how.media_type}; charset=utf-8", headers=headers)


def _written(body: ExportWanted, job: Job | None, services: Services) -> tuple[str, int]:
    entries, known = _entries(body, job, services)
    if not entries:
        raise NoLabels("there is no label in it, and nothing to take away")
    classes = sorted_classes({*known, *classes_of(entries)})
    version = "nextlabel" if job is None else f"nextlabel-{job.id}"
    text = FORMATS[body.format].text(Exported(entries, classes, body.image_prefix, version))
    return text, len(without_class(entries))


def _entries(body: ExportWanted, job: Job | None, services: Services) -> tuple[tuple[Entry, ...], tuple[str, ...]]:
    """List what to write, and the classes that a head knows besides."""
    if job is not None:
        result = result_adapter.validate_json(services.results.whole(job).read_bytes())
        return entries_of(result), classes_known_to(result)
    roots = services.settings.data_roots
    path = existing_file_or_folder(body.path_to_labels, roots)
    return entries_of_labels(CLASS_TASKS[body.task].read(path, roots)), ()
