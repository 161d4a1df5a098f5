"""What each kind of request may say, for editors and type checkers; a test holds it against core/kinds.

Wider than the requests themselves where a person writes it otherwise: a method by its name, a path as a Path.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from inspect import Parameter
from pathlib import Path
from typing import Any, Literal, Required, TypedDict, TypeVar, get_args, get_origin, get_type_hints

from nextlabel.core.kinds.registry import KINDS
from nextlabel.core.kinds.requests import HeadName
from nextlabel.core.methods.base import Method

#: A `str` is read by the service, relative to its data roots; a `Path` is one of this machine and is sent absolute.
Place = str | Path
MethodChoice = str | Mapping[str, Any] | Method
C = TypeVar("C")


class Fields(TypedDict, total=False):
    """What all kinds share."""

    head: HeadName
    task: Literal["classification"]
    content: bool
    seed: int
    weights: Literal["random"] | None
    deadline_s: float | None
    webhook: str | None


class OnePoolFields(Fields, total=False):
    backbone: str | None
    path_to_embeddings: Place | None
    path_to_img: Required[Place]
    path_to_labels: Place | None


class OnePredictedFields(OnePoolFields, total=False):
    path_to_predictions: Place | None


class OneValidatedFields(OnePoolFields, total=False):
    path_to_img_val: Place | None
    path_to_labels_val: Place | None


class SelectionFields(OnePredictedFields, total=False):
    add: Required[int]
    method: MethodChoice
    exclude: Iterable[str]
    pending: Iterable[str]
    class_quotas: Mapping[str, int]
    near_copies: Literal["skip", "allow"]


class PredictionFields(OnePoolFields, total=False):
    pass


class F1Fields(Fields, total=False):
    backbone: Required[str]
    path_to_img_train: Required[Place]
    path_to_labels_train: Required[Place]
    path_to_img_val: Required[Place]
    path_to_labels_val: Required[Place]


class LearningCurveFields(OneValidatedFields, total=False):
    repeats: int
    ahead: Iterable[int]
    worth_per_100: float


class AuditFields(OneValidatedFields, total=False):
    methods: Iterable[MethodChoice]
    repeats: int
    budget: int | None


class LabelCheckFields(OnePredictedFields, OneValidatedFields, total=False):
    pass


class SimilarFields(OnePoolFields, total=False):
    add: Required[int]
    like: Required[Iterable[str]]
    unlike: Iterable[str]
    exclude: Iterable[str]
    among: Literal["unlabelled", "all"]


class MapFields(OnePoolFields, total=False):
    points: int


def spelled_out(client: type[C]) -> type[C]:
    """A class decorator, for `help` and notebooks, which don't look into Unpack: they see every field of a call."""
    for call in vars(client).values():
        if "Unpack" in getattr(call, "__annotations__", {}).get("request", ""):
            call.__signature__ = _with_fields(call)
    return client


def _with_fields(call: Callable[..., Any]) -> inspect.Signature:
    """First what must be given, then the rest with the defaults that the service fills in."""
    hints, signature = get_type_hints(call), inspect.signature(call)
    request = KINDS[hints["return"].model_fields["kind"].default].request.model_fields
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
    fields.sort(key=lambda one: one.default is not Parameter.empty)
    return signature.replace(parameters=[itself, *fields, *own])
