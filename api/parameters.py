"""Check the arguments of a query: one that the call doesn't take, or that stands twice, would be left aside unsaid."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, get_args, get_origin

from fastapi import Request
from fastapi.dependencies.models import Dependant
from fastapi.dependencies.utils import request_body_to_args, request_params_to_args
from pydantic import BaseModel
from starlette.datastructures import QueryParams

from nextlabel.api.document import AS_IT_CAME
from nextlabel.api.errors import faults_in
from nextlabel.core.errors import Fault, InvalidRequest
from nextlabel.core.faults import GIVEN_TWICE, NO_SUCH_FIELD
from nextlabel.core.kinds.registry import parse_request

MOST_TOLD = 20
Errors = list[Any]  # as the framework's own, `ErrorDetails`, which api/errors.py makes faults of


async def refuse_parameters(request: Request) -> None:
    """Raise InvalidRequest for arguments that the call doesn't take, and those given twice that are no lists.

    A filter that is misspelt would list everything; of two of one name the last would count. What else is wrong with
    the form of the query and the body is told with them: what is raised here keeps the framework from looking. What a
    body names on the disk is looked at later, once it is known who asks.
    """
    dependant = request.scope["route"].dependant
    takes = dict(_taken_by(dependant))
    errors = [*_unknown(request.query_params, takes), *_twice(request.query_params, takes)]
    if errors:
        faults = faults_in([*errors, *_unfit(dependant, request), *await _unfit_body(dependant, request)])
        raise InvalidRequest([*faults, *await _faults_of_job(dependant, request)])


def _unknown(query: QueryParams, takes: Mapping[str, bool]) -> Errors:
    """Make an error of each argument that the call doesn't take, of MOST_TOLD at most: a query holds thousands."""
    unknown = [name for name in query if name not in takes]
    remedy = f"this call takes {', '.join(takes)}" if takes else "this call takes none"
    more = len(unknown) - MOST_TOLD
    words = [f"{NO_SUCH_FIELD}; {remedy}"] * min(len(unknown), MOST_TOLD)
    if more > 0:
        words[-1] += f"; and {more} more that it doesn't take"
    return [_error(name, "extra_forbidden", said) for name, said in zip(unknown, words, strict=False)]


def _twice(query: QueryParams, takes: Mapping[str, bool]) -> Errors:
    given = Counter(name for name, _ in query.multi_items())
    return [_error(name, "twice", GIVEN_TWICE) for name, many in takes.items() if not many and given[name] > 1]


def _error(name: str, kind: str, words: str) -> dict[str, Any]:
    return {"type": kind, "loc": ("query", name), "msg": words, "input": None}


def _unfit(dependant: Dependant, request: Request) -> Errors:
    """List what the framework finds wrong with the query, for the route and whatever it depends on."""
    _, errors = request_params_to_args(dependant.query_params, request.query_params)
    return [*errors, *(error for other in dependant.dependencies for error in _unfit(other, request))]


async def _unfit_body(dependant: Dependant, request: Request) -> Errors:
    """List what the framework finds wrong with the body, which it has read by now: a whole one, no call takes parts."""
    if not dependant.body_params:
        return []
    body = await request.json() if await request.body() else None
    _, errors = await request_body_to_args(dependant.body_params, body, embed_body_fields=False)
    return errors


async def _faults_of_job(dependant: Dependant, request: Request) -> list[Fault]:
    """List what is wrong with a body that asks for a job: its kind knows its form, and the framework doesn't."""
    asks = any(AS_IT_CAME in field.field_info.metadata for field in dependant.body_params)
    if asks and await request.body():
        try:
            parse_request(await request.json())
        except InvalidRequest as error:
            return error.faults
    return []


def _taken_by(dependant: Dependant) -> Iterator[tuple[str, bool]]:
    """Yield the name of each argument of a query that the call takes, and whether it may stand several times."""
    for field in dependant.query_params:
        model = field.field_info.annotation
        if isinstance(model, type) and issubclass(model, BaseModel):
            for name, info in model.model_fields.items():
                yield info.alias or name, _is_list(info.annotation)
        else:
            yield field.alias, _is_list(model)
    for other in dependant.dependencies:
        yield from _taken_by(other)


def _is_list(annotation: Any) -> bool:
    return get_origin(annotation) in (list, tuple, set) or any(_is_list(one) for one in get_args(annotation))
