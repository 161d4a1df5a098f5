"""Submit jobs, look at them, wait for them, follow, cancel, retry and forget them, and fetch their results."""

from __future__ import annotations

import re
import time
from collections.abc import AsyncIterator, Callable, Generator, Mapping, Sequence
from enum import StrEnum
from typing import Annotated, Any, TypeAlias

from fastapi import APIRouter, Body, Depends, Header, Query, Request, Response
from fastapi.responses import PlainTextResponse
from fastapi.sse import EventSourceResponse, ServerSentEvent

from nextlabel.api.auth import Caller, JobToChange, JobToForget, JobToRead, Reader, Submitter, one_stream
from nextlabel.api.document import EXAMPLES, OF_A_JOB, OF_A_NEW_JOB, RequestBody
from nextlabel.api.errors import RESPONSES, HttpError
from nextlabel.api.etags import KnownEtags
from nextlabel.api.json_bodies import JSON, JsonRoute
from nextlabel.api.sending import OpenedFile, Parts
from nextlabel.api.services import Given, Services, in_thread
from nextlabel.api.views import JobList, JobView, etag, view, view_with_result
from nextlabel.api.watcher import LOOK_AGAIN_S
from nextlabel.core.errors import (
    Fault,
    InvalidRequest,
    JobActive,
    JobEnded,
    JobNotFound,
    StoreRefused,
    StoreUnavailable,
)
from nextlabel.core.jobs.record import Job, JobState, is_job_id, new_job_id
from nextlabel.core.jobs.stored import Event
from nextlabel.core.kinds.admission import admit, paths_in
from nextlabel.core.kinds.registry import KINDS, JobResult, parse_request, read_result
from nextlabel.core.kinds.requests import Detecting, JobRequest
from nextlabel.core.kinds.results import Result, as_labels, csv_parts
from nextlabel.core.logs import get_logger
from nextlabel.core.reports.charts import chart_of

log = get_logger(__name__)


router = APIRouter(tags=["jobs"], responses=RESPONSES, route_class=JsonRoute)

MAX_WAIT_S = 60
RETRY_AFTER_S = "2"
CSV, TSV, SVG = "text/csv", "text/tab-separated-values", "image/svg+xml"
TEXT = {"schema": {"type": "string"}}
Written: TypeAlias = str | Generator[str, None, None] | None
AS_TEXT: Mapping[str, Callable[[Result], Written]] = {
    CSV: csv_parts,
    TSV: as_labels,
    SVG: chart_of,
}

Kind = StrEnum("Kind", list(KINDS))  # type: ignore[misc]  # mypy reads only literal lists
IdempotencyKey = Annotated[
    str | None, Header(description="Sending the same request twice with the same key makes one job.")
]
Wait = Annotated[float, Query(ge=0, le=MAX_WAIT_S, description="Long poll: until the job changes, or for this long.")]


@router.post(
    "/jobs",
    status_code=202,
    response_model=JobView,
    responses={
        200: {"model": JobView, "description": "It ended within the preferred wait", "headers": OF_A_NEW_JOB},
        202: {"headers": OF_A_NEW_JOB},
    },
)
async def submit(
    body: Annotated[RequestBody, Body(openapi_examples=EXAMPLES)],
    services: Given,
    caller: Submitter,
    idempotency_key: IdempotencyKey = None,
    prefer: Annotated[str | None, Header(description="`wait=N`: answer when it has ended, or after N <= 60 s.")] = None,
) -> Response:
    """Record a job. 202 means that it is recorded and will end exactly once."""
    if isinstance(body, dict) and isinstance(person := body.get("person"), str):
        body["person"] = caller.person(person)  # nothing is handed out in somebody else's name
    job, new = await accept(body, services, caller, _key(idempotency_key))
    wait_s = _preferred_wait(prefer)
    if wait_s:
        job = await until_ended(job, services, wait_s)
    headers = _headers_of(job, new)
    if wait_s:
        headers["Preference-Applied"] = f"wait={wait_s:g}"
    return await _answer(job, services, 200 if wait_s and job.state.is_final else 202, headers)


@router.get("/jobs")
async def list_jobs(
    services: Given,
    caller: Reader,
    kind: Kind | None = None,
    state: JobState | None = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    cursor: Annotated[str | None, Query(max_length=200, description="`next_cursor` of the page before.")] = None,
) -> JobList:
    """List jobs, newest first."""
    owner = None if caller.sees_all else caller.owner
    page = await in_thread(services.store.page, kind=kind, state=state, owner=owner, limit=limit, cursor=cursor)
    return JobList(data=[view(job) for job in page.jobs], next_cursor=page.next_cursor, broken=list(page.broken))


@router.get(
    "/jobs/{job_id}",
    response_model=JobView,
    responses={200: {"headers": OF_A_JOB}, 304: {"description": "Not changed", "headers": {"ETag": OF_A_JOB["ETag"]}}},
)
async def get_job(named: JobToRead, services: Given, known: KnownEtags, wait: Wait = 0) -> Response:
    """Show the job as it is now; with `wait`, as soon as it differs from `If-None-Match`, or from now."""
    job = await _wait_for_change(named.id, services, wait, known)
    if etag(job) in known:
        return Response(status_code=304, headers={"ETag": etag(job)})
    return await _answer(job, services, 200, {})


@router.post(
    "/jobs/{job_id}/cancel",
    response_model=JobView,
    responses={200: {"headers": OF_A_JOB}, 202: {"model": JobView, "headers": OF_A_JOB}},
)
async def cancel(named: JobToChange, services: Given) -> Response:
    """Cancel a job. 200: it is. 202: a worker is told, and stops at its next batch. 409: the job had ended already."""
    job = await in_thread(services.store.cancel, named.id)
    return await _answer(job, services, 200 if job.state.is_final else 202, {})


@router.post(
    "/jobs/{job_id}/retry",
    status_code=202,
    response_model=JobView,
    responses={202: {"headers": OF_A_NEW_JOB}},
)
async def retry(
    named: JobToChange, services: Given, caller: Submitter, idempotency_key: IdempotencyKey = None
) -> Response:
    """Record a new job like one that failed or was cancelled. What that one embedded need not be done again."""
    if not named.state.is_final:
        raise JobActive(f"job {named.id} is {named.state}; it has not ended yet")
    if named.state is JobState.SUCCEEDED:
        raise JobEnded(f"job {named.id} has succeeded; submit its request anew to have it carried out again")
    job, new = await accept(named.request, services, caller, _key(idempotency_key))
    return await _answer(job, services, 202, _headers_of(job, new))


@router.delete("/jobs/{job_id}", status_code=204)
async def forget(job_id: JobToForget, services: Given) -> None:
    """Forget an ended job and its result, or one whose record is broken."""
    await in_thread(services.store.forget, job_id)
    if is_job_id(job_id):
        await services.files.run(_kept(services), services.results.delete, job_id)


@router.get(
    "/jobs/{job_id}/result",
    responses={
        200: {"model": JobResult, "content": dict.fromkeys((CSV, TSV, SVG), TEXT), "description": "The whole result"}
    },
)
async def get_result(job: JobToRead, services: Given, accept: Annotated[str, Header()] = JSON) -> Response:
    """Send the whole result, by `Accept` as JSON, CSV, tab-separated labels, which nextlabel reads back, or a chart."""
    wanted = _media_type(accept)
    headers = {"Vary": "Accept"}
    if wanted == JSON:
        file = await services.files.run(_kept(services), services.results.whole, job)
        return OpenedFile(file, headers=headers, media_type=JSON)
    text = await services.files.run(_kept(services), _written, job, services, AS_TEXT[wanted])
    if text is None and wanted == SVG:
        raise HttpError("not_acceptable", f"nothing is drawn of a {job.kind}; ask for {JSON} or {CSV}")
    if text is None:
        raise HttpError("not_acceptable", f"this {job.kind} has no labels to give; ask for {JSON} or {CSV}")
    if isinstance(text, str):
        return PlainTextResponse(text, headers=headers, media_type=wanted)
    return Parts(text, headers=headers, media_type=wanted)


@router.get("/jobs/{job_id}/events", response_class=EventSourceResponse, dependencies=[Depends(one_stream)])
async def follow(
    job: JobToRead,
    services: Given,
    request: Request,
    last_event_id: Annotated[str | None, Header()] = None,
) -> AsyncIterator[ServerSentEvent]:
    """Send events `state`, `progress`, `warnings` and `end`, from after `Last-Event-ID` on; close after `end`."""
    after = last_event_id if last_event_id and re.fullmatch(r"[0-9]{1,15}-[0-9]{1,15}", last_event_id) else "-"
    async with services.watcher.watching(job.id) as bell:
        while not await request.is_disconnected():
            events, were_last = await _events_after(job.id, services, after)
            for event in events:
                after = event.id
                yield ServerSentEvent(data=event.data, event=event.name, id=event.id, retry=3000)
            if were_last:
                return
            await bell.wait(LOOK_AGAIN_S)


async def accept(body: Any, services: Services, caller: Caller, key: str | None = None) -> tuple[Job, bool]:
    """Check the request and what it names on the disk, record the job, send its message.

    Returns the job, and whether it is new. Raises InvalidRequest with every fault.
    """
    replayed = await in_thread(_replayed, body, key, caller.owner, services)
    if replayed is not None:
        return replayed, False
    request = await services.files.run(paths_in(body), admit, body, services.settings)
    await in_thread(_refuse_without_gpu, request, services)
    job, new = await in_thread(_record, request, services, caller.owner, key)
    if new:
        log.info("job accepted", job_id=job.id, kind=job.kind)
        try:
            await in_thread(services.queue.send, job.id)
        except StoreUnavailable as error:
            log.warning("message not sent; a janitor will", job_id=job.id, cause=error.detail)
    return job, new


def _refuse_without_gpu(request: JobRequest, services: Services) -> None:
    """Raise InvalidRequest where what is asked for takes a GPU, and all workers say that they have none."""
    if isinstance(request, Detecting) and request.detector == "large" and services.store.have_no_gpu():
        detail = "a large detector is trained on a GPU, and no worker has one: leave it out, or start a worker with one"
        raise InvalidRequest([Fault("/detector", "invalid_value", detail)])


def _record(request: JobRequest, services: Services, owner: str, key: str | None) -> tuple[Job, bool]:
    services.redis_watch.refuse_unfit()
    return services.store.submit(
        new_job_id(),
        request.kind,
        request.model_dump_json(),
        idempotency_key=key,
        fingerprint=request.fingerprint(),
        keep_key_s=services.settings.keep_idempotency_hours * 3600,
        deadline_s=request.deadline_s,
        webhook=request.webhook,
        owner=owner,
        most_unfinished=services.settings.max_unfinished_jobs,
    )


def _replayed(body: Any, key: str | None, owner: str, services: Services) -> Job | None:
    """Return the job that this key and request made before, if any.

    It is looked for before the disk is checked: that may have changed since, and the job is recorded all the same.
    """
    if key is None:
        return None
    try:
        request = parse_request(body)
    except InvalidRequest:
        return None
    return services.store.known_by(key, request.fingerprint(), owner)


def _written(job: Job, services: Services, write: Callable[[Result], Written]) -> Written:
    """Write the job's result in another form; of one that is yielded, make no more than is asked for."""
    return write(read_result(services.results.content(job)))


async def until_ended(job: Job, services: Services, seconds: float = float("inf")) -> Job:
    """Return the job when it has ended, or after that time as it was last seen. Redis may be away for a while."""
    deadline = time.monotonic() + seconds
    async with services.watcher.watching(job.id) as bell:
        while True:
            try:
                job = await in_thread(services.store.get, job.id)
            except StoreRefused:
                raise
            except StoreUnavailable:
                pass  # it may be back before the time is up
            left = deadline - time.monotonic()
            if job.state.is_final or left <= 0:
                return job
            await bell.wait(left)


async def _wait_for_change(job_id: str, services: Services, seconds: float, known_etags: Sequence[str]) -> Job:
    """Return the job as soon as its ETag is none of those (none: the present one), it has ended, or time is up."""
    deadline = time.monotonic() + seconds
    async with services.watcher.watching(job_id) as bell:
        job = await in_thread(services.store.get, job_id)
        known_etags = known_etags or [etag(job)]
        while etag(job) in known_etags and not job.state.is_final and (left := deadline - time.monotonic()) > 0:
            await bell.wait(left)
            job = await in_thread(services.store.get, job_id)
        return job


async def _events_after(job_id: str, services: Services, after: str) -> tuple[list[Event], bool]:
    """Return the events since, and whether they were the last.

    A forgotten job has no more events. While Redis is away there are none yet.
    """
    try:
        job = await in_thread(services.store.get, job_id)
        return await in_thread(services.store.events, job_id, after), job.state.is_final
    except JobNotFound:
        return [], True
    except StoreUnavailable:
        return [], False


async def _answer(job: Job, services: Services, status: int, headers: dict[str, str]) -> Response:
    if job.state is JobState.SUCCEEDED:
        shown = await services.files.run(_kept(services), _with_result, job, services)
    else:
        shown = view(job).model_dump_json()
    headers = {"ETag": etag(job), **headers}
    if not job.state.is_final:
        headers["Retry-After"] = RETRY_AFTER_S
    return Response(shown, status, headers, JSON)


def _kept(services: Services) -> str:
    return str(services.settings.results_dir)


def _headers_of(job: Job, new: bool) -> dict[str, str]:
    return {"Location": f"/jobs/{job.id}", **({} if new else {"Idempotency-Replayed": "true"})}


def _with_result(job: Job, services: Services) -> str:
    return view_with_result(job, services.results, services.settings.inline_result_bytes).model_dump_json()


def _key(header: str | None) -> str | None:
    """Read an Idempotency-Key, bare or quoted. Raises HttpError where it has not 1 to 255 printable characters."""
    if header is None:
        return None
    key = header.strip().removeprefix('"').removesuffix('"')
    if not re.fullmatch(r"[\x20-\x7e]{1,255}", key):
        raise HttpError("invalid_idempotency_key", "Idempotency-Key must be 1 to 255 printable characters")
    return key


def _preferred_wait(prefer: str | None) -> float:
    """Return the preferred wait in seconds. A preference we don't know is ignored, as RFC 7240 has it."""
    wait = re.search(r"(?:^|[,;\s])wait=\"?([0-9]+)", prefer or "", re.IGNORECASE)
    return min(float(wait[1]), MAX_WAIT_S) if wait else 0


def _media_type(accept: str) -> str:
    """Return the one of our media types that the client likes best. Raises HttpError where it likes none."""
    for wanted in _by_preference(accept or "*/*"):
        for ours in (JSON, *AS_TEXT):
            if wanted in (ours, f"{ours.split('/')[0]}/*", "*/*"):
                return ours
    raise HttpError("not_acceptable", f"results come as {JSON}, {CSV}, {TSV} or {SVG}")


def _by_preference(accept: str) -> list[str]:
    """Sort the media ranges by falling weight (`q=`), then as they stand there; leave out those that weigh nothing."""
    weights: dict[str, float] = {}
    for part in accept.split(","):
        wanted, _, options = part.partition(";")
        weight = re.search(r"\bq=([01](?:\.[0-9]*)?)", options)
        weights[wanted.strip().lower()] = float(weight[1]) if weight else 1.0
    return sorted((wanted for wanted, weight in weights.items() if weight), key=lambda wanted: -weights[wanted])
