"""Turn errors into HTTP: this is the only place that knows both. Every error is an RFC 9457 problem document."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from http import HTTPStatus
from typing import Any, cast
from urllib.parse import quote

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, RedirectResponse, Response
from pydantic import BaseModel, Field
from pydantic_core import ErrorDetails
from starlette.exceptions import HTTPException
from starlette.routing import BaseRoute, Match

from nextlabel.core.errors import (
    BoxesChanged,
    Conflict,
    Fault,
    Gone,
    Invalid,
    InvalidRequest,
    LabelledOtherwise,
    LabelsChanged,
    Misconfigured,
    NextlabelError,
    NotFound,
    TooMany,
    Unavailable,
)
from nextlabel.core.faults import faults_of
from nextlabel.core.jobs.record import Job
from nextlabel.core.logs import get_logger

log = get_logger(__name__)
PROBLEM = "application/problem+json"
RETRY_AFTER_S = {503: 2, 429: 30}
VERBS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")

#: The first that fits counts.
STATUS: dict[type[NextlabelError], int] = {
    Invalid: 422,
    NotFound: 404,
    Conflict: 409,
    Gone: 410,
    TooMany: 429,
    Unavailable: 503,
    Misconfigured: 500,
    NextlabelError: 500,
}

#: What only HTTP can get wrong; everything else is a tree in core/errors.py.
HTTP_STATUS = {
    "malformed_json": 400,
    "invalid_idempotency_key": 400,
    "unauthenticated": 401,
    "forbidden": 403,
    "route_not_found": 404,
    "method_not_allowed": 405,
    "not_acceptable": 406,
    "body_too_large": 413,
    "range_not_satisfiable": 416,
    "unsupported_media_type": 415,
    "rate_limited": 429,
    "too_many_streams": 429,
    "not_ready": 503,
}

#: What the framework itself raises.
FRAMEWORK_CODES = {400: "malformed_json", 404: "route_not_found", 405: "method_not_allowed"}


class HttpError(HTTPException):
    """A fault of HTTP itself; `code` is one of HTTP_STATUS.

    It is an HTTPException, since FastAPI lets nothing else through from where it reads the body.
    """

    def __init__(self, code: str, detail: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(HTTP_STATUS[code], detail, headers)
        self.code = code


class FaultView(BaseModel):
    pointer: str = Field(description="JSON pointer into the body, or `?name` for a query argument.")
    code: str
    detail: str


class Problem(BaseModel):
    """RFC 9457. `code` is stable and listed in docs/errors.md; `errors` names every fault of a request at once."""

    type: str
    title: str
    status: int
    code: str
    detail: str
    errors: list[FaultView] = []
    retryable: bool = False
    job: str | None = Field(None, description="The job it is about, where there is one.")


RESPONSES: dict[int | str, dict[str, Any]] = {
    "4XX": {"model": Problem, "description": "Problem document"},
    "5XX": {
        "model": Problem,
        "description": "Problem document",
        "headers": {"Retry-After": {"description": "Seconds; with 503.", "schema": {"type": "integer"}}},
    },
}


def problem(
    status: int,
    code: str,
    detail: str,
    *,
    faults: Sequence[Fault] = (),
    retryable: bool = False,
    job: str | None = None,
    extra: Mapping[str, Any] | None = None,
) -> JSONResponse:
    """Make a problem document. `extra` holds members that only this sort of problem has."""
    body = Problem(
        type=f"urn:nextlabel:{code}",
        title=HTTPStatus(status).phrase,
        status=status,
        code=code,
        detail=detail,
        errors=[FaultView(**asdict(fault)) for fault in faults],
        retryable=retryable,
        job=job,
    )
    headers = {"Retry-After": str(RETRY_AFTER_S[status])} if status in RETRY_AFTER_S else {}
    return JSONResponse({**body.model_dump(exclude_none=True), **(extra or {})}, status, headers, PROBLEM)


def not_ready(faults: Sequence[str]) -> JSONResponse:
    """Make the answer of `/readyz` when the service is not fit for work; `faults` lists what is missing."""
    code = "not_ready"
    return problem(HTTP_STATUS[code], code, "; ".join(faults), retryable=True, extra={"faults": faults})


def answer_to(error: HttpError) -> JSONResponse:
    """Turn an error into an answer: middleware calls this, since it stands outside the handlers that `install` adds."""
    retryable = error.status_code == HTTPStatus.TOO_MANY_REQUESTS
    answer = problem(error.status_code, error.code, error.detail, retryable=retryable)
    answer.headers.update(error.headers or {})
    return answer


def bug(path: str, error: Exception) -> JSONResponse:
    """Log an error that nobody foresaw, and make the 500 for it, which keeps the details from the caller."""
    log.error("request failed", path=path, exc_info=error)
    return problem(500, NextlabelError.code, "something went wrong inside nextlabel; the API's log has the details")


def failed_job(job: Job) -> JSONResponse:
    """Make the answer to one of the first version's calls whose job failed: they have no other place to say it."""
    if job.error is None:
        return problem(409, "cancelled", f"job {job.id} was cancelled", job=job.id)
    codes = {error.code: error for error in _tree(NextlabelError)}
    status = _status(codes.get(job.error.code, NextlabelError))
    return problem(status, job.error.code, job.error.detail, retryable=job.error.retryable, job=job.id)


def install(app: FastAPI) -> None:
    @app.exception_handler(NextlabelError)
    async def ours(_: Request, error: NextlabelError) -> JSONResponse:
        listed = InvalidRequest | LabelledOtherwise | LabelsChanged | BoxesChanged
        faults = error.faults if isinstance(error, listed) else ()
        return problem(_status(type(error)), error.code, error.detail, faults=faults, retryable=error.retryable)

    @app.exception_handler(RequestValidationError)
    async def unfit(_: Request, error: RequestValidationError) -> JSONResponse:
        details = cast(list[ErrorDetails], error.errors())
        if any(detail["type"] == "json_invalid" for detail in details):
            return _malformed(details[0]["ctx"]["error"])
        error_of_ours = InvalidRequest(list(faults_in(details)))
        return problem(422, error_of_ours.code, error_of_ours.detail, faults=error_of_ours.faults)

    @app.exception_handler(HTTPException)
    async def framework(request: Request, error: HTTPException) -> Response:
        if isinstance(error, HttpError):
            return answer_to(error)
        if error.status_code == HTTPStatus.NOT_FOUND and (place := _without_slash(app, request)):
            return RedirectResponse(place)
        code = FRAMEWORK_CODES.get(error.status_code, "http_error")
        if code == "malformed_json":
            return _malformed(error.__cause__)
        answer = problem(error.status_code, code, str(error.detail))
        if code == "method_not_allowed":
            answer.headers["Allow"] = ", ".join(_allowed(app, request))
        return answer


def faults_in(errors: Sequence[ErrorDetails]) -> Iterator[Fault]:
    """Yield a fault for each error of the framework, whose `loc` begins with the part of the HTTP request it is in."""
    for part in ("path", "query", "header", "cookie", "body"):
        in_part = [
            cast(ErrorDetails, {**error, "loc": error["loc"][1:]}) for error in errors if error["loc"][0] == part
        ]
        for fault in faults_of(in_part):
            yield fault if part == "body" else replace(fault, pointer=f"?{fault.pointer.removeprefix('/')}")


def _allowed(app: FastAPI, request: Request) -> list[str]:
    """List the verbs of all routes of the request's path; the framework would list those of the first route alone."""
    return [verb for verb in VERBS if any(_takes(route, {**request.scope, "method": verb}) for route in app.routes)]


def _without_slash(app: FastAPI, request: Request) -> str | None:
    """Return where a path leads without the slash at its end, if anywhere.

    It is relative: the path that a client sees may begin with a proxy's prefix.
    """
    path, slash, rest = request.scope["path"].rpartition("/")
    if rest or not path or not any(_takes(route, {**request.scope, "path": path}) for route in app.routes):
        return None
    query = request.url.query
    return f"../{quote(path.rpartition(slash)[2])}{f'?{query}' if query else ''}"


def _takes(route: BaseRoute, scope: Mapping[str, Any]) -> bool:
    return route.matches({**scope})[0] is Match.FULL


def _malformed(cause: object) -> JSONResponse:
    code = "malformed_json"
    return problem(HTTP_STATUS[code], code, f"the body is not JSON that can be read: {cause}")


def _status(error: type[NextlabelError]) -> int:
    return next(status for kind, status in STATUS.items() if issubclass(error, kind))


def _tree(root: type[NextlabelError]) -> list[type[NextlabelError]]:
    """List the class and all that are derived from it."""
    return [root, *(leaf for child in root.__subclasses__() for leaf in _tree(child))]
