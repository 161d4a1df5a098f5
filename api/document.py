"""The OpenAPI document: add to FastAPI's own what it leaves out, and correct what it says otherwise."""

from __future__ import annotations

from functools import reduce
from operator import or_
from typing import Annotated, Any

from fastapi import FastAPI
from pydantic import GetPydanticSchema, JsonValue
from pydantic_core import core_schema

from nextlabel.core.kinds.registry import KINDS
from nextlabel.core.kinds.requests import MAX_ADD

ANY_REQUEST: Any = reduce(or_, (kind.request for kind in KINDS.values()))
AS_IT_CAME = GetPydanticSchema(
    lambda _, handler: core_schema.no_info_wrap_validator_function(lambda value, _: value, handler(ANY_REQUEST))
)
#: The body of `POST /jobs` as it came: any JSON. The document says what it should be; `admit` validates it, together
#: with what it names on the disk.
RequestBody = Annotated[JsonValue, AS_IT_CAME]

#: The headers of an answer with a job in it.
OF_A_JOB = {
    "ETag": {"description": "Changes with the job.", "required": True, "schema": {"type": "string"}},
    "Retry-After": {"description": "Seconds, while the job has not ended.", "schema": {"type": "integer"}},
}
OF_A_NEW_JOB = {
    "Location": {"description": "`/jobs/{id}`", "required": True, "schema": {"type": "string"}},
    "Idempotency-Replayed": {
        "description": "`true`: the key came before, and this is its job.",
        "schema": {"enum": ["true"]},
    },
    "Preference-Applied": {"description": "`wait=N`", "schema": {"type": "string"}},
    **OF_A_JOB,
}
OF_THE_FIRST_VERSION = {
    "X-Job-ID": {"description": "The job that was made.", "required": True, "schema": {"type": "string"}}
}
TEXT = {"type": "string", "minLength": 1}
COUNT = {"type": "integer", "minimum": 1, "maximum": MAX_ADD}
#: Requests that the document shows, by kind.
EXAMPLES: dict[str, Any] = {
    name: {"summary": kind.summary.removesuffix("."), "value": dict(kind.example)} for name, kind in KINDS.items()
}


def install(app: FastAPI, problem: str) -> None:
    """Document errors as `problem`, their media type: FastAPI gives them the media type of the route's good answer."""
    openapi_of_fastapi = app.openapi

    def openapi() -> dict[str, Any]:
        document = openapi_of_fastapi()
        for call in (call for verbs in document["paths"].values() for call in verbs.values()):
            for status in ("4XX", "5XX"):
                answer = call["responses"][status]
                answer["content"] = {problem: next(iter(answer["content"].values()))}
        return document

    app.openapi = openapi  # type: ignore[method-assign]  # the way that FastAPI documents


def required(*names: str) -> dict[str, Any]:
    """Return what a route's `openapi_extra` says to document query arguments as required.

    The route reads them itself, so that it can report all missing ones at once.
    """
    return {
        "parameters": [
            {"name": name, "in": "query", "required": True, "schema": COUNT if name == "add" else TEXT}
            for name in names
        ]
    }
