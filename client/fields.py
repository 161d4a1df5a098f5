"""What each kind of request may say, for editors and type checkers; a test holds it against core/jobs/requests.py.

Wider than the requests themselves where a person writes it otherwise: a method by its name, a path as a Path.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal, Required, TypedDict

from core.jobs.requests import HeadName
from core.methods.base import Method

#: A `str` is read by the service, relative to its data roots; a `Path` is one of this machine and is sent absolute.
Place = str | Path
MethodChoice = str | Mapping[str, Any] | Method


class Fields(TypedDict, total=False):
    """What all kinds share."""

    head: HeadName
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


class MapFields(OnePoolFields, total=False):
    points: int
