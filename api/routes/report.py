"""A report to mail: one HTML file of results that are there, with pictures, which asks no host."""

from __future__ import annotations

import random
import time
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Body, Response
from pydantic import BaseModel, ConfigDict, Field

from nextlabel.api.auth import Reader, job_of
from nextlabel.api.errors import RESPONSES
from nextlabel.api.json_bodies import JsonRoute
from nextlabel.api.services import Given, Services, in_thread
from nextlabel.core.data.box_files import person_of as person_of_boxes
from nextlabel.core.data.box_files import survey_boxes
from nextlabel.core.data.cut_outs import cut_out
from nextlabel.core.data.draw import Draw
from nextlabel.core.data.images import Dear
from nextlabel.core.data.label_files import person_of, state_of
from nextlabel.core.data.looks import Look, look_at
from nextlabel.core.data.places import place_at
from nextlabel.core.data.pool import draw_pool
from nextlabel.core.data.roots import existing_file_or_folder
from nextlabel.core.data.thumbnails import Side, image_in, upright_size
from nextlabel.core.errors import Fault, InvalidRequest, NextlabelError, StoreUnavailable
from nextlabel.core.jobs.hand_outs import HandOut, HandOuts, Project
from nextlabel.core.jobs.record import Job
from nextlabel.core.kinds.projects import check_is_about, project_of
from nextlabel.core.kinds.registry import read_result
from nextlabel.core.kinds.requests import AnyTask, PathText
from nextlabel.core.reports.report import About, Boxes, Picture, report
from nextlabel.core.tasks.registry import CLASSIFICATION, DETECTION, task_of

HTML = "text/html"
MOST_JOBS = 20
MOST_LOOKS, LOOKS_S = 1000, 5.0

router = APIRouter(tags=["data"], responses=RESPONSES, route_class=JsonRoute)


class ReportWanted(BaseModel):
    """What a report is about, and the jobs whose results it is made of."""

    model_config = ConfigDict(extra="forbid")

    path_to_img: PathText
    path_to_labels: PathText
    task: AnyTask = "classification"
    jobs: list[Annotated[str, Field(max_length=100)]] = Field(
        max_length=MOST_JOBS, description="Succeeded jobs about this pool; of several of a kind, the last counts."
    )


@router.post(
    "/report",
    response_class=Response,
    responses={200: {"content": {HTML: {"schema": {"type": "string"}}}, "description": "The report"}},
)
async def make_report(body: Annotated[ReportWanted, Body()], services: Given, caller: Reader) -> Response:
    """Make a report of what is known of a pool and its labels: one file, under 5 MB. What is not told, it says."""
    jobs = [await job_of(caller, job_id, services) for job_id in body.jobs]
    folders = [body.path_to_img, body.path_to_labels, str(services.settings.results_dir)]
    roots = services.settings.data_roots
    project = await services.files.run(folders, project_of, body.path_to_img, body.path_to_labels, roots)
    try:
        hand_outs = await in_thread(HandOuts(services.store).of, project)
    except StoreUnavailable:  # what is with people is told where it can be
        hand_outs = []
    text = await services.files.run(folders, partial(_report, body, jobs, hand_outs, project, services))
    named = {"Content-Disposition": 'attachment; filename="report.html"'}
    return Response(text, media_type=f"{HTML}; charset=utf-8", headers=named)


def _report(body: ReportWanted, jobs: list[Job], hand_outs: list[HandOut], project: Project, services: Services) -> str:
    _refuse_others(jobs, body.task, project, services)
    results = [read_result(services.results.content(job)) for job in jobs]
    picture = partial(_picture, body.path_to_img, services)
    looks, images = _looks(body.path_to_img, services, picture)
    about = About(
        pool=body.path_to_img,
        made_at=datetime.now(UTC),
        images=images,
        looks=looks,
        task=body.task,
        warnings=[one for job in {job.kind: job for job in jobs}.values() for one in job.warnings],
        **_labels(body, services),
    )
    return report(results, hand_outs, about, picture)


def _labels(body: ReportWanted, services: Services) -> dict[str, Any]:
    """Count labels, as `About` tells them."""
    roots = services.settings.data_roots
    path = existing_file_or_folder(body.path_to_labels, roots)
    if body.task == DETECTION.name:
        drawn = survey_boxes(path, roots)
        return {
            "labels": drawn.images,
            "boxes": sum(drawn.counts.values()),
            "labels_by_person": {person_of_boxes(file): count for file, count in drawn.images_per_file.items()},
            "disputed": len(drawn.conflicts),
            "settled": len(drawn.settled),
        }
    seen = services.surveys.get(path, state_of(path, roots), roots, task_of(body.task))
    return {
        "labels": len(seen),
        "labels_by_person": {person_of(file): count for file, count in seen.labels_per_file.items()},
        "disputed": len({one.name for one in seen.conflicts}),
        "settled": len(seen.settled),
    }


def _refuse_others(jobs: list[Job], task: AnyTask, project: Project, services: Services) -> None:
    """Raise InvalidRequest where a job is about other images, or about labels of another task."""
    for at, job in enumerate(jobs):
        asked: dict[str, Any] = job.request
        check_is_about(job, project.pool, f"/jobs/{at}", services.settings.data_roots)
        if (of := asked.get("task", CLASSIFICATION.name)) != task:
            raise InvalidRequest([Fault(f"/jobs/{at}", "invalid_value", f"that job is of the task {of}, not {task}")])


def _looks(path_to_img: str, services: Services, picture: Picture) -> tuple[dict[str, Look], int]:
    """Look at as many images as LOOKS_S allows, in an order drawn by lot; return how many there are, too."""
    pool, images = draw_pool(place_at(path_to_img, services.settings.data_roots), Draw(seed=0, most=MOST_LOOKS))
    names = random.Random(0).sample(pool.names, len(pool.names))  # noqa: S311 - no secret
    looks: dict[str, Look] = {}
    ends = time.monotonic() + LOOKS_S
    while names and time.monotonic() < ends:
        name = names.pop()
        shown = picture(name, ())
        if shown is not None:
            looks[name] = look_at(shown)
    return looks, images


def _picture(path_to_img: str, services: Services, name: str, boxes: Boxes) -> bytes | None:
    """Return a small JPEG, of boxes on the image alone where they are named; None where the image is gone, or can't be
    decoded cheaply."""
    thumbnails, side = services.thumbnails, Side.LARGE if boxes else Side.SMALL
    with suppress(NextlabelError, OSError, Dear):
        original = image_in(path_to_img, name, services.settings.data_roots)
        key = thumbnails.key(original, side)
        shown = thumbnails.find(key) or thumbnails.make(original, side, key)
        return cut_out(shown, upright_size(original, services.settings.max_image_pixels), boxes) if boxes else shown
    return None
