"""What `help` and notebooks show of a call, for they don't look into Unpack: every field, and what it means."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from functools import cache
from inspect import Parameter
from textwrap import fill
from typing import Any, Required, TypeVar, get_args, get_origin, get_type_hints

from pydantic.fields import FieldInfo

from nextlabel.core.kinds.registry import KINDS

C = TypeVar("C")
#: What the client itself takes besides.
OWN = {
    "on_change": "What is called with the job whenever it has changed. Left out: in a notebook the cell shows how far "
    "it is and what it warned of, elsewhere its warnings are logged at its end.",
    "timeout_s": "After so many seconds TimeoutError is raised; the job goes on.",
}


def spelled_out(client: type[C]) -> type[C]:
    """Give each call of a class that unpacks the fields of a request a signature and words about them: a decorator."""
    for call in vars(client).values():
        if "Unpack" in getattr(call, "__annotations__", {}).get("request", ""):
            request = next(kind.request.model_fields for kind in KINDS.values() if kind.call == call.__name__)
            call.__signature__ = _with_fields(call, request)
            call.__doc__ = _in_words(call, request)
    return client


def _in_words(call: Callable[..., Any], request: Mapping[str, FieldInfo]) -> str:
    """Write what the call does, and below it what each field is, in the signature's order."""
    said = {**{name: field.description or "" for name, field in request.items()}, **OWN}
    names = list(inspect.signature(call).parameters)[1:]
    return "\n".join([call.__doc__ or "", "", *(_filled(f"{name}: {said[name]}") for name in names)])


@cache
def _filled(text: str) -> str:
    return fill(text, 116, initial_indent="    ", subsequent_indent="        ")


def _with_fields(call: Callable[..., Any], request: Mapping[str, FieldInfo]) -> inspect.Signature:
    """Make the signature: first what must be given, then the rest with the defaults that the service fills in."""
    hints, signature = get_type_hints(call), inspect.signature(call)
    itself, *own, _ = signature.parameters.values()
    of_fields = get_type_hints(get_args(hints["request"])[0], include_extras=True)
    fields = [
        Parameter(
            name,
            Parameter.KEYWORD_ONLY,
            annotation=get_args(hint)[0] if get_origin(hint) is Required else hint,
            default=Parameter.empty if field.is_required() else field.get_default(call_default_factory=True),
        )
        for name, field in request.items()
        if (hint := of_fields.get(name)) is not None
    ]
    fields.sort(key=lambda field: field.default is not Parameter.empty)
    return signature.replace(parameters=[itself, *fields, *own])
