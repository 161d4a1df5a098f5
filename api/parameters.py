"""Check the arguments of a query: one that the call doesn't take, or that stands twice, would be left aside unsaid."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, get_args, get_origin

from fastapi import Request
from fastapi.dependencies.models import Dependant
from pydantic import BaseModel

from nextlabel.core.errors import Fault, InvalidRequest
from nextlabel.core.faults import NO_SUCH_FIELD


def refuse_parameters(request: Request) -> None:
    """Raise InvalidRequest for arguments that the call doesn't take, and for those given twice that are no lists.

    A filter that is misspelt would list everything; of two of one name the last would count.
    """
    takes = _taken(request)
    remedy = f"this call takes {', '.join(takes)}" if takes else "this call takes none"
    unknown = [name for name in request.query_params if name not in takes]
    faults = [Fault(f"?{name}", "unknown_field", f"{NO_SUCH_FIELD}; {remedy}") for name in unknown]
    faults += _twice(request, takes)
    if faults:
        raise InvalidRequest(faults)


def refuse_twice(request: Request) -> None:
    """Raise InvalidRequest for arguments given twice that are no lists; what the call doesn't take is left aside."""
    if faults := _twice(request, _taken(request)):
        raise InvalidRequest(faults)


def _twice(request: Request, takes: Mapping[str, bool]) -> list[Fault]:
    given = [name for name, _ in request.query_params.multi_items()]
    twice = [name for name, many in takes.items() if not many and given.count(name) > 1]
    return [Fault(f"?{name}", "invalid_value", "it is given more than once; give it once") for name in twice]


def _taken(request: Request) -> dict[str, bool]:
    """Return the names of what the call takes, and whether it may stand several times."""
    return dict(_of(request.scope["route"].dependant))


def _of(dependant: Dependant) -> Iterator[tuple[str, bool]]:
    for field in dependant.query_params:
        model = field.field_info.annotation
        if isinstance(model, type) and issubclass(model, BaseModel):
            for name, info in model.model_fields.items():
                yield info.alias or name, _is_list(info.annotation)
        else:
            yield field.alias, _is_list(model)
    for other in dependant.dependencies:
        yield from _of(other)


def _is_list(annotation: Any) -> bool:
    return get_origin(annotation) in (list, tuple, set) or any(_is_list(one) for one in get_args(annotation))
