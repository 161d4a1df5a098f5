"""Signatures for `help` and notebooks, which don't look into Unpack: they see every field of a call by its name."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from inspect import Parameter
from typing import Any, Required, TypeVar, get_args, get_origin, get_type_hints

from nextlabel.core.kinds.registry import KINDS

C = TypeVar("C")


def spelled_out(client: type[C]) -> type[C]:
    """Give each call of a class that unpacks the fields of a request a signature that names them: a decorator."""
    for call in vars(client).values():
        if "Unpack" in getattr(call, "__annotations__", {}).get("request", ""):
            call.__signature__ = _with_fields(call)
    return client


def _with_fields(call: Callable[..., Any]) -> inspect.Signature:
    """Make the signature: first what must be given, then the rest with the defaults that the service fills in."""
    hints, signature = get_type_hints(call), inspect.signature(call)
    request = next(kind.request.model_fields for kind in KINDS.values() if kind.call == call.__name__)
    itself, *own, _ = signature.parameters.values()
    fields = [
        Parameter(
            name,
            Parameter.KEYWORD_ONLY,
            annotation=get_args(hint)[0] if get_origin(hint) is Required else hint,
            default=Parameter.empty
            if request[name].is_required()
            else request[name].get_default(call_default_factory=True),
        )
        for name, hint in get_type_hints(get_args(hints["request"])[0], include_extras=True).items()
    ]
    fields.sort(key=lambda field: field.default is not Parameter.empty)
    return signature.replace(parameters=[itself, *fields, *own])
