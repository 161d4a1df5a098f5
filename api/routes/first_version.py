"""The first version's two calls, for its users' scripts: they take its arguments, and answer as it did, once done.

Each makes an ordinary job (`X-Job-ID` names it). A client that hangs up doesn't cancel it. Two things differ on
purpose: an unknown backbone or method is refused with the list of what exists, and the F1 is measured on images that
the head has never seen.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from nextlabel.api.auth import Caller, Submitter
from nextlabel.api.document import OF_THE_FIRST_VERSION, required
from nextlabel.api.errors import RESPONSES, failed_job
from nextlabel.api.routes.jobs import accept, until_ended
from nextlabel.api.services import Given, Services
from nextlabel.core.errors import Fault, InvalidRequest
from nextlabel.core.jobs.record import Job, JobState
from nextlabel.core.kinds.admission import admit, paths_in
from nextlabel.core.kinds.registry import read_result

router = APIRouter(tags=["first version"], responses=RESPONSES)
OF_A_SELECTION = ("backbone", "add", "method", "path_to_labels", "path_to_img")
OF_AN_F1 = ("backbone", "path_to_labels_train", "path_to_img_train", "path_to_labels_val", "path_to_img_val")


class Chosen(BaseModel):
    data: list[str]


class F1Macro(BaseModel):
    f1_macro: float


@router.get(
    "/active_learning",
    responses={200: {"model": Chosen, "headers": OF_THE_FIRST_VERSION}},
    openapi_extra=required(*OF_A_SELECTION),
)
async def active_learning(request: Request, services: Given, caller: Submitter) -> Response:
    """`{"data": [names]}`, sorted by name as ever; `/jobs/{id}` has them best first."""
    job = await _run("selection", OF_A_SELECTION, request, services, caller)
    return await _answer(job, services, lambda result: {"data": sorted(result.data)})


@router.get(
    "/f1",
    responses={200: {"model": F1Macro, "headers": OF_THE_FIRST_VERSION}},
    openapi_extra=required(*OF_AN_F1),
)
async def f1(request: Request, services: Given, caller: Submitter) -> Response:
    """`{"f1_macro": x}`."""
    job = await _run("f1", OF_AN_F1, request, services, caller)
    return await _answer(job, services, lambda result: {"f1_macro": result.f1_macro})


async def _run(kind: str, names: Sequence[str], request: Request, services: Services, caller: Caller) -> Job:
    """Submit the job and wait for its end. Raises InvalidRequest with every fault, missing arguments among them.

    Of an argument that is given twice the first counts, and others than `names` are left aside, both as ever.
    """
    first = dict(reversed(request.query_params.multi_items()))
    given = {"kind": kind, **{name: first[name] for name in names if name in first}}
    faults = [Fault(f"?{name}", "missing_field", "this argument is required") for name in names if name not in given]
    try:
        if faults:
            await services.files.run(paths_in(given), admit, given, services.settings)
        else:
            job, _ = await accept(given, services, caller)
    except InvalidRequest as error:
        missing = {fault.pointer for fault in faults}
        in_query = [replace(fault, pointer="?" + fault.pointer.removeprefix("/")) for fault in error.faults]
        faults += [fault for fault in in_query if fault.pointer not in missing]
    if faults:
        raise InvalidRequest(faults)
    return await until_ended(job, services)


async def _answer(job: Job, services: Services, as_before: Callable[[Any], Any]) -> Response:
    """Answer with the job's result, which `as_before` turns into the first version's, or with why there is none."""
    if job.state is not JobState.SUCCEEDED:
        answer: Response = failed_job(job)
    else:
        kept = str(services.settings.results_dir)
        result = await services.files.run(kept, lambda: read_result(services.results.content(job)))
        answer = JSONResponse(as_before(result))
    answer.headers["X-Job-ID"] = job.id
    answer.headers["Cache-Control"] = "no-store"
    return answer
