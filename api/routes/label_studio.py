"""The protocol that Label Studio speaks with a machine learning backend, under `/label-studio/{address}`.

Its calls are documented by Label Studio, and are not in our OpenAPI document. What it makes of our answers stands in
its `ml/models.py`: an empty list for a task is no prediction, and it asks again later.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, BackgroundTasks, Body, Depends, Request

from nextlabel.api.auth import Caller, Writer, count_submit
from nextlabel.api.errors import RESPONSES
from nextlabel.api.json_bodies import JsonRoute
from nextlabel.api.routes.hand_outs import note_labels
from nextlabel.api.routes.jobs import accept, until_ended
from nextlabel.api.services import Given, Services, in_thread
from nextlabel.core.data.roots import existing_folder
from nextlabel.core.errors import NextlabelError, NoLabels, SingleClass
from nextlabel.core.exchange.label_studio import read_config
from nextlabel.core.exchange.label_studio_backend import (
    CREATED,
    DELETED,
    TRAIN,
    Address,
    Recorded,
    Round,
    answers,
    check_control,
    check_labels_folder,
    current_round,
    names_of,
    parse_address,
    pool_state,
    predictions,
    record,
)
from nextlabel.core.jobs.hand_outs import HandOuts
from nextlabel.core.jobs.record import Job, JobState
from nextlabel.core.kinds.admission import admit
from nextlabel.core.kinds.projects import project_of
from nextlabel.core.kinds.registry import parse_request
from nextlabel.core.logs import get_logger

log = get_logger(__name__)
PREFIX = "/label-studio"
HOLDER = "label-studio"  # who has its batches, as the page and others see it
WAIT_S = 20.0  # Label Studio gives up after 100, proxies after 60, and a person before either
AGAIN_AFTER_S = 60.0  # a failed job is not tried anew at every task that somebody opens

router = APIRouter(
    prefix=PREFIX, tags=["label studio"], responses=RESPONSES, include_in_schema=False, route_class=JsonRoute
)

Sent = Annotated[dict[str, Any], Body(default_factory=dict)]


async def _address(request: Request) -> Address:
    """Read the address in the path as it was sent.

    The path that the framework hands on is decoded already: an `&` in a name would look like one between two fields.
    """
    raw = request.scope["raw_path"].decode("ascii", "replace").partition("?")[0]
    return parse_address(raw.partition(f"{PREFIX}/")[2].rpartition("/")[0])


At = Annotated[Address, Depends(_address)]


def _paths(at: Address) -> tuple[str, str]:
    return at.path_to_img, at.path_to_labels


@router.get("/{address:path}/health")
async def health(_: Writer, at: At) -> dict[str, str]:
    """Label Studio waits a second for it."""
    return {"status": "UP", "model_class": "nextlabel", "pool": at.path_to_img}


@router.post("/{address:path}/setup")
async def setup(_: Writer, at: At, services: Given, body: Sent) -> dict[str, str]:
    """Name the current model. Label Studio asks before it asks for predictions, and when its settings are opened."""
    return {"model_version": await services.files.run(_paths(at), _check, at, services, body.get("schema"))}


def _check(at: Address, services: Services, label_config: Any) -> str:
    """Check the address and the project's configuration; return the current model's name.

    Raises InvalidRequest, and whatever else can be wrong with either.
    """
    admit(at.selection(HOLDER), services.settings)
    check_labels_folder(at, services.settings.data_roots)
    if isinstance(label_config, str) and label_config:
        check_control(read_config(label_config, at.from_name), at)
    return current_round(at, services.settings.data_roots).model_version


@router.get("/{address:path}/versions")
async def versions(_: Writer, at: At, services: Given) -> dict[str, list[str]]:
    """List the current model alone: earlier ones are gone with their labels."""
    round_ = await services.files.run(_paths(at), current_round, at, services.settings.data_roots)
    return {"versions": [round_.model_version]}


@router.post("/{address:path}/predict")
async def predict(caller: Writer, at: At, services: Given, body: Sent) -> dict[str, Any]:
    """Give each task a class and a score; none gets one while the jobs that find them out still run."""
    roots = services.settings.data_roots
    tasks = body.get("tasks")
    tasks = tasks if isinstance(tasks, list) else []
    control = await in_thread(read_config, str(body.get("label_config", "")), at.from_name)
    round_ = await services.files.run(_paths(at), current_round, at, roots)
    ended = await _jobs(at, round_, caller, services, WAIT_S)
    ended = [job for job in ended if not _has_nothing_to_learn_from(job)]
    kept = str(services.settings.results_dir)
    succeeded = [job for job in ended if job.state is JobState.SUCCEEDED]
    files = [await services.files.run(kept, _checked, job, services) for job in succeeded]
    if len(files) < len(ended):
        return {"results": [[] for _ in tasks]}
    entries = await services.files.run(kept, answers, files[0], files[1] if len(files) > 1 else None)
    names = await services.files.run(_paths(at), names_of, at, roots)
    results = await services.files.run(_paths(at), predictions, tasks, control, names, round_, entries)
    return {"results": results, "model_version": round_.model_version}


@router.post("/{address:path}/train")
async def train(caller: Writer, at: At, services: Given) -> dict[str, str]:
    """Begin the jobs that the next call for predictions needs."""
    round_ = await services.files.run(_paths(at), current_round, at, services.settings.data_roots)
    jobs = await _jobs(at, round_, caller, services, wait_s=0)
    return {"job": jobs[-1].id, "model_version": round_.model_version}


@router.post("/{address:path}/webhook")
async def webhook(caller: Writer, at: At, services: Given, body: Sent, afterwards: BackgroundTasks) -> dict[str, Any]:
    """Take annotations into the labels folder. Label Studio waits a second, and sends nothing twice."""
    action, roots = body.get("action"), services.settings.data_roots
    if action == TRAIN:
        return await train(caller, at, services)
    if action not in (*CREATED, DELETED):
        return {"annotations": 0}
    recorded = await services.files.run(_paths(at), _record, body, at, roots)
    if recorded.given:
        labels = await services.files.run(at.path_to_labels, existing_folder, at.path_to_labels, roots)
        noted = {one.name: one.class_name is not None for one in recorded.given}
        afterwards.add_task(note_labels, services, str(labels), HOLDER, noted, is_one_person=False)
    return {"annotations": recorded.count, "disputed": sorted({label.name for label in recorded.disputed})}


def _record(body: dict[str, Any], at: Address, roots: tuple[Path, ...]) -> Recorded:
    """Record annotations, and log what comes of it: Label Studio shows nobody what is wrong with a webhook."""
    try:
        recorded = record(body, at, roots)
    except NextlabelError as error:
        log.warning("annotation lost", action=body["action"], code=error.code, detail=error.detail)
        raise
    tell = log.info if recorded.count else log.warning  # of no image of the pool: perhaps the address names another one
    tell("annotations recorded", action=body["action"], count=recorded.count, path_to_img=at.path_to_img)
    if recorded.disputed:
        others = [f"{label.name} is {label.class_name} in {label.file}" for label in recorded.disputed]
        log.warning("annotations contradict other labels: jobs leave these images out until settled", others=others)
    return recorded


# --- jobs -------------------------------------------------------------------------------------------------------


async def _jobs(at: Address, round_: Round, caller: Caller, services: Services, wait_s: float) -> list[Job]:
    """Return the round's selection and, once there is a head, its prediction: ended, or as they are after the wait."""
    deadline = time.monotonic() + wait_s
    pool = await services.files.run(at.path_to_img, pool_state, at, services.settings.data_roots)
    selection = at.selection(HOLDER)
    bodies = [selection, at.prediction()] if round_.has_head else [selection]
    jobs = [await _job(body, round_.key(pool), caller, services) for body in bodies]
    ended = [await until_ended(job, services, max(0.0, deadline - time.monotonic())) for job in jobs]
    for job in ended:
        if job.state is not JobState.SUCCEEDED:
            log.info("no predictions yet", job_id=job.id, state=job.state, error=job.error and job.error.code)
    return ended


async def _job(body: dict[str, Any], round_key: str, caller: Caller, services: Services) -> Job:
    """Return the round's job, made if need be. A failed one is begun anew after a while, by a key made of its id."""
    fingerprint = parse_request(body).fingerprint()
    key = f"label-studio-{round_key}-{fingerprint[:16]}"
    while True:
        if await in_thread(services.store.known_by, key, fingerprint, caller.owner) is None:
            await count_submit(caller, services)
            if person := body.get("person"):  # what is left of its batch before may be chosen again
                await _give_back(body, person, services)
        job, _ = await accept(body, services, caller, key)
        if not _is_worth_another(job):
            return job
        key = f"label-studio-{job.id}-{fingerprint[:16]}"


async def _give_back(body: dict[str, Any], person: str, services: Services) -> None:
    paths = (body["path_to_img"], body["path_to_labels"])
    project = await services.files.run(paths, project_of, *paths, services.settings.data_roots)
    await in_thread(HandOuts(services.store).give_back, project, person=person)


def _has_nothing_to_learn_from(job: Job) -> bool:
    """Tell whether it is a prediction that found no two classes to tell apart: the others' images can't be read."""
    return job.kind == "prediction" and job.error is not None and job.error.code in (NoLabels.code, SingleClass.code)


def _is_worth_another(job: Job) -> bool:
    """Tell whether the job ended without a result, and long enough ago to be tried anew."""
    if job.state is JobState.SUCCEEDED or job.finished_at is None:
        return False
    return time.time() - job.finished_at.timestamp() > AGAIN_AFTER_S


def _checked(job: Job, services: Services) -> Path:
    """Return where the job's result lies, having looked whether it is whole. Raises ResultExpired, ResultDamaged."""
    services.results.whole(job).close()
    return services.results.path(job)
