"""What each kind of request may say, and the call of each client that asks it. Written by `make kinds`.

The fields are wider than those of the requests where a person writes it otherwise: a method by its name, a path as a
Path.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from math import inf
from typing import Any, Literal, Required, TypedDict, Unpack, overload

from nextlabel.client import talk
from nextlabel.client.signatures import spelled_out
from nextlabel.client.talk import AnyPath, OnChange, Talk, unheard
from nextlabel.core.kinds.agreement import AgreementResult
from nextlabel.core.kinds.audit import AuditResult, DetectionAuditResult
from nextlabel.core.kinds.embedding import EmbeddingResult
from nextlabel.core.kinds.f1 import DetectionF1Result, F1Result, MultilabelF1Result
from nextlabel.core.kinds.label_check import DetectionLabelCheckResult, LabelCheckResult, MultilabelLabelCheckResult
from nextlabel.core.kinds.learning_curve import DetectionLearningCurveResult, LearningCurveResult
from nextlabel.core.kinds.map import DetectionMapResult, MapResult, MultilabelMapResult
from nextlabel.core.kinds.prediction import DetectionPredictionResult, MultilabelPredictionResult, PredictionResult
from nextlabel.core.kinds.requests import HeadName
from nextlabel.core.kinds.selection import DetectionSelectionResult, MultilabelSelectionResult, SelectionResult
from nextlabel.core.kinds.similar import DetectionSimilarResult, MultilabelSimilarResult, SimilarResult
from nextlabel.core.methods.base import Method

MethodChoice = str | Mapping[str, Any] | Method


class _SelectionFields(TypedDict, total=False):
    backbone: str | None
    head: HeadName
    content: bool
    seed: int
    weights: Literal["random"] | None
    deadline_s: float | None
    webhook: str | None
    detector: Literal["whole", "light", "large"] | None
    image_size: int | None
    passes: int | None
    warm: bool
    path_to_embeddings: AnyPath | None
    path_to_img: Required[AnyPath]
    path_to_labels: AnyPath | None
    path_to_predictions: AnyPath | None
    within_s: float | None
    add: Required[int]
    method: MethodChoice
    exclude: Iterable[str]
    pending: Iterable[str]
    class_quotas: Mapping[str, int]
    near_copies: Literal["skip", "allow"]
    cost: Mapping[Literal["image_s", "box_s", "most_s"], float]
    person: str | None
    overlap: int
    overlap_share: float


class SelectionFields(_SelectionFields, total=False):
    task: Literal["classification", "multilabel", "detection"]


class ClassificationSelectionFields(_SelectionFields, total=False):
    task: Literal["classification"]


class MultilabelSelectionFields(_SelectionFields, total=False):
    task: Required[Literal["multilabel"]]


class DetectionSelectionFields(_SelectionFields, total=False):
    task: Required[Literal["detection"]]


class _PredictionFields(TypedDict, total=False):
    backbone: str | None
    head: HeadName
    content: bool
    seed: int
    weights: Literal["random"] | None
    deadline_s: float | None
    webhook: str | None
    detector: Literal["whole", "light", "large"] | None
    image_size: int | None
    passes: int | None
    warm: bool
    path_to_predictions: AnyPath | None
    path_to_embeddings: AnyPath | None
    path_to_img: Required[AnyPath]
    path_to_labels: AnyPath | None
    within_s: float | None
    all_probabilities: bool
    cross_validate: bool
    names: Iterable[str]
    min_score: float


class PredictionFields(_PredictionFields, total=False):
    task: Literal["classification", "multilabel", "detection"]


class ClassificationPredictionFields(_PredictionFields, total=False):
    task: Literal["classification"]


class MultilabelPredictionFields(_PredictionFields, total=False):
    task: Required[Literal["multilabel"]]


class DetectionPredictionFields(_PredictionFields, total=False):
    task: Required[Literal["detection"]]


class _F1Fields(TypedDict, total=False):
    backbone: str | None
    head: HeadName
    content: bool
    seed: int
    weights: Literal["random"] | None
    deadline_s: float | None
    webhook: str | None
    detector: Literal["whole", "light", "large"] | None
    image_size: int | None
    passes: int | None
    path_to_img_train: AnyPath | None
    path_to_labels_train: AnyPath | None
    path_to_img_val: Required[AnyPath]
    path_to_labels_val: Required[AnyPath]
    path_to_predictions: AnyPath | None


class F1Fields(_F1Fields, total=False):
    task: Literal["classification", "multilabel", "detection"]


class ClassificationF1Fields(_F1Fields, total=False):
    task: Literal["classification"]


class MultilabelF1Fields(_F1Fields, total=False):
    task: Required[Literal["multilabel"]]


class DetectionF1Fields(_F1Fields, total=False):
    task: Required[Literal["detection"]]


class _LearningCurveFields(TypedDict, total=False):
    backbone: str | None
    head: HeadName
    content: bool
    seed: int
    weights: Literal["random"] | None
    deadline_s: float | None
    webhook: str | None
    detector: Literal["whole", "light", "large"] | None
    image_size: int | None
    passes: int | None
    path_to_embeddings: AnyPath | None
    path_to_img: Required[AnyPath]
    path_to_labels: AnyPath | None
    path_to_img_val: AnyPath | None
    path_to_labels_val: AnyPath | None
    repeats: int
    ahead: Iterable[int]
    worth_per_100: float


class LearningCurveFields(_LearningCurveFields, total=False):
    task: Literal["classification", "multilabel", "detection"]


class ClassificationLearningCurveFields(_LearningCurveFields, total=False):
    task: Literal["classification"]


class MultilabelLearningCurveFields(_LearningCurveFields, total=False):
    task: Required[Literal["multilabel"]]


class DetectionLearningCurveFields(_LearningCurveFields, total=False):
    task: Required[Literal["detection"]]


class _AuditFields(TypedDict, total=False):
    backbone: str | None
    head: HeadName
    content: bool
    seed: int
    weights: Literal["random"] | None
    deadline_s: float | None
    webhook: str | None
    detector: Literal["whole", "light", "large"] | None
    image_size: int | None
    passes: int | None
    path_to_embeddings: AnyPath | None
    path_to_img: Required[AnyPath]
    path_to_labels: AnyPath | None
    path_to_img_val: AnyPath | None
    path_to_labels_val: AnyPath | None
    methods: Iterable[MethodChoice]
    repeats: int
    budget: int | None


class AuditFields(_AuditFields, total=False):
    task: Literal["classification", "multilabel", "detection"]


class ClassificationAuditFields(_AuditFields, total=False):
    task: Literal["classification"]


class MultilabelAuditFields(_AuditFields, total=False):
    task: Required[Literal["multilabel"]]


class DetectionAuditFields(_AuditFields, total=False):
    task: Required[Literal["detection"]]


class _LabelCheckFields(TypedDict, total=False):
    backbone: str | None
    head: HeadName
    content: bool
    seed: int
    weights: Literal["random"] | None
    deadline_s: float | None
    webhook: str | None
    detector: Literal["whole", "light", "large"] | None
    image_size: int | None
    passes: int | None
    path_to_embeddings: AnyPath | None
    path_to_img: Required[AnyPath]
    path_to_labels: AnyPath | None
    path_to_img_val: AnyPath | None
    path_to_labels_val: AnyPath | None
    path_to_predictions: AnyPath | None


class LabelCheckFields(_LabelCheckFields, total=False):
    task: Literal["classification", "multilabel", "detection"]


class ClassificationLabelCheckFields(_LabelCheckFields, total=False):
    task: Literal["classification"]


class MultilabelLabelCheckFields(_LabelCheckFields, total=False):
    task: Required[Literal["multilabel"]]


class DetectionLabelCheckFields(_LabelCheckFields, total=False):
    task: Required[Literal["detection"]]


class AgreementFields(TypedDict, total=False):
    backbone: str | None
    head: HeadName
    task: Literal["classification"]
    content: bool
    seed: int
    weights: Literal["random"] | None
    deadline_s: float | None
    webhook: str | None
    path_to_embeddings: AnyPath | None
    path_to_img: Required[AnyPath]
    path_to_labels: AnyPath | None


class _SimilarFields(TypedDict, total=False):
    backbone: str | None
    head: HeadName
    content: bool
    seed: int
    weights: Literal["random"] | None
    deadline_s: float | None
    webhook: str | None
    detector: Literal["whole", "light", "large"] | None
    image_size: int | None
    passes: int | None
    warm: bool
    path_to_predictions: AnyPath | None
    path_to_embeddings: AnyPath | None
    path_to_img: Required[AnyPath]
    path_to_labels: AnyPath | None
    within_s: float | None
    add: Required[int]
    like: Iterable[str]
    unlike: Iterable[str]
    like_text: Iterable[str]
    like_boxes: Iterable[Mapping[str, Any]]
    unlike_boxes: Iterable[Mapping[str, Any]]
    exclude: Iterable[str]
    among: Literal["unlabelled", "all"]


class SimilarFields(_SimilarFields, total=False):
    task: Literal["classification", "multilabel", "detection"]


class ClassificationSimilarFields(_SimilarFields, total=False):
    task: Literal["classification"]


class MultilabelSimilarFields(_SimilarFields, total=False):
    task: Required[Literal["multilabel"]]


class DetectionSimilarFields(_SimilarFields, total=False):
    task: Required[Literal["detection"]]


class _MapFields(TypedDict, total=False):
    backbone: str | None
    head: HeadName
    content: bool
    seed: int
    weights: Literal["random"] | None
    deadline_s: float | None
    webhook: str | None
    detector: Literal["whole", "light", "large"] | None
    image_size: int | None
    passes: int | None
    warm: bool
    path_to_predictions: AnyPath | None
    path_to_embeddings: AnyPath | None
    path_to_img: Required[AnyPath]
    path_to_labels: AnyPath | None
    within_s: float | None
    points: int


class MapFields(_MapFields, total=False):
    task: Literal["classification", "multilabel", "detection"]


class ClassificationMapFields(_MapFields, total=False):
    task: Literal["classification"]


class MultilabelMapFields(_MapFields, total=False):
    task: Required[Literal["multilabel"]]


class DetectionMapFields(_MapFields, total=False):
    task: Required[Literal["detection"]]


class EmbeddingFields(TypedDict, total=False):
    backbone: Required[str]
    head: HeadName
    task: Literal["classification", "multilabel"]
    content: bool
    seed: int
    weights: Literal["random"] | None
    deadline_s: float | None
    webhook: str | None
    path_to_img: Required[AnyPath]


@spelled_out
class Calls(ABC):
    """One call for each kind of job."""

    @abstractmethod
    def _carry_out(self, said: Talk[talk.T]) -> talk.T: ...

    @overload
    def select(
        self, *, on_change: OnChange = unheard, timeout_s: float = inf, **request: Unpack[ClassificationSelectionFields]
    ) -> SelectionResult: ...
    @overload
    def select(
        self, *, on_change: OnChange = unheard, timeout_s: float = inf, **request: Unpack[MultilabelSelectionFields]
    ) -> MultilabelSelectionResult: ...
    @overload
    def select(
        self, *, on_change: OnChange = unheard, timeout_s: float = inf, **request: Unpack[DetectionSelectionFields]
    ) -> DetectionSelectionResult: ...
    def select(
        self, *, on_change: OnChange = unheard, timeout_s: float = inf, **request: Unpack[SelectionFields]
    ) -> SelectionResult | MultilabelSelectionResult | DetectionSelectionResult:
        """Which images to label next."""
        if request.get("task") == "multilabel":
            return self._carry_out(talk.asked(MultilabelSelectionResult, request, on_change, timeout_s))
        if request.get("task") == "detection":
            return self._carry_out(talk.asked(DetectionSelectionResult, request, on_change, timeout_s))
        return self._carry_out(talk.asked(SelectionResult, request, on_change, timeout_s))

    @overload
    def predict(
        self,
        *,
        on_change: OnChange = unheard,
        timeout_s: float = inf,
        **request: Unpack[ClassificationPredictionFields],
    ) -> PredictionResult: ...
    @overload
    def predict(
        self, *, on_change: OnChange = unheard, timeout_s: float = inf, **request: Unpack[MultilabelPredictionFields]
    ) -> MultilabelPredictionResult: ...
    @overload
    def predict(
        self, *, on_change: OnChange = unheard, timeout_s: float = inf, **request: Unpack[DetectionPredictionFields]
    ) -> DetectionPredictionResult: ...
    def predict(
        self, *, on_change: OnChange = unheard, timeout_s: float = inf, **request: Unpack[PredictionFields]
    ) -> PredictionResult | MultilabelPredictionResult | DetectionPredictionResult:
        """A class, or boxes, for every unlabelled image."""
        if request.get("task") == "multilabel":
            return self._carry_out(talk.asked(MultilabelPredictionResult, request, on_change, timeout_s))
        if request.get("task") == "detection":
            return self._carry_out(talk.asked(DetectionPredictionResult, request, on_change, timeout_s))
        return self._carry_out(talk.asked(PredictionResult, request, on_change, timeout_s))

    @overload
    def f1(
        self, *, on_change: OnChange = unheard, timeout_s: float = inf, **request: Unpack[ClassificationF1Fields]
    ) -> F1Result: ...
    @overload
    def f1(
        self, *, on_change: OnChange = unheard, timeout_s: float = inf, **request: Unpack[MultilabelF1Fields]
    ) -> MultilabelF1Result: ...
    @overload
    def f1(
        self, *, on_change: OnChange = unheard, timeout_s: float = inf, **request: Unpack[DetectionF1Fields]
    ) -> DetectionF1Result: ...
    def f1(
        self, *, on_change: OnChange = unheard, timeout_s: float = inf, **request: Unpack[F1Fields]
    ) -> F1Result | MultilabelF1Result | DetectionF1Result:
        """How good the head, or the detector, trained on one labelled set is on another."""
        if request.get("task") == "multilabel":
            return self._carry_out(talk.asked(MultilabelF1Result, request, on_change, timeout_s))
        if request.get("task") == "detection":
            return self._carry_out(talk.asked(DetectionF1Result, request, on_change, timeout_s))
        return self._carry_out(talk.asked(F1Result, request, on_change, timeout_s))

    @overload
    def learning_curve(
        self,
        *,
        on_change: OnChange = unheard,
        timeout_s: float = inf,
        **request: Unpack[ClassificationLearningCurveFields],
    ) -> LearningCurveResult: ...
    @overload
    def learning_curve(
        self, *, on_change: OnChange = unheard, timeout_s: float = inf, **request: Unpack[MultilabelLearningCurveFields]
    ) -> LearningCurveResult: ...
    @overload
    def learning_curve(
        self, *, on_change: OnChange = unheard, timeout_s: float = inf, **request: Unpack[DetectionLearningCurveFields]
    ) -> DetectionLearningCurveResult: ...
    def learning_curve(
        self, *, on_change: OnChange = unheard, timeout_s: float = inf, **request: Unpack[LearningCurveFields]
    ) -> LearningCurveResult | DetectionLearningCurveResult:
        """How much more labels would bring, and whether to stop."""
        if request.get("task") == "detection":
            return self._carry_out(talk.asked(DetectionLearningCurveResult, request, on_change, timeout_s))
        return self._carry_out(talk.asked(LearningCurveResult, request, on_change, timeout_s))

    @overload
    def audit(
        self, *, on_change: OnChange = unheard, timeout_s: float = inf, **request: Unpack[ClassificationAuditFields]
    ) -> AuditResult: ...
    @overload
    def audit(
        self, *, on_change: OnChange = unheard, timeout_s: float = inf, **request: Unpack[MultilabelAuditFields]
    ) -> AuditResult: ...
    @overload
    def audit(
        self, *, on_change: OnChange = unheard, timeout_s: float = inf, **request: Unpack[DetectionAuditFields]
    ) -> DetectionAuditResult: ...
    def audit(
        self, *, on_change: OnChange = unheard, timeout_s: float = inf, **request: Unpack[AuditFields]
    ) -> AuditResult | DetectionAuditResult:
        """Whether methods beat chance on the labels there are."""
        if request.get("task") == "detection":
            return self._carry_out(talk.asked(DetectionAuditResult, request, on_change, timeout_s))
        return self._carry_out(talk.asked(AuditResult, request, on_change, timeout_s))

    @overload
    def label_check(
        self,
        *,
        on_change: OnChange = unheard,
        timeout_s: float = inf,
        **request: Unpack[ClassificationLabelCheckFields],
    ) -> LabelCheckResult: ...
    @overload
    def label_check(
        self, *, on_change: OnChange = unheard, timeout_s: float = inf, **request: Unpack[MultilabelLabelCheckFields]
    ) -> MultilabelLabelCheckResult: ...
    @overload
    def label_check(
        self, *, on_change: OnChange = unheard, timeout_s: float = inf, **request: Unpack[DetectionLabelCheckFields]
    ) -> DetectionLabelCheckResult: ...
    def label_check(
        self, *, on_change: OnChange = unheard, timeout_s: float = inf, **request: Unpack[LabelCheckFields]
    ) -> LabelCheckResult | MultilabelLabelCheckResult | DetectionLabelCheckResult:
        """Which labels look wrong."""
        if request.get("task") == "multilabel":
            return self._carry_out(talk.asked(MultilabelLabelCheckResult, request, on_change, timeout_s))
        if request.get("task") == "detection":
            return self._carry_out(talk.asked(DetectionLabelCheckResult, request, on_change, timeout_s))
        return self._carry_out(talk.asked(LabelCheckResult, request, on_change, timeout_s))

    def agreement(
        self, *, on_change: OnChange = unheard, timeout_s: float = inf, **request: Unpack[AgreementFields]
    ) -> AgreementResult:
        """How far people agree, and whose labels to look at first."""
        return self._carry_out(talk.asked(AgreementResult, request, on_change, timeout_s))

    @overload
    def similar(
        self, *, on_change: OnChange = unheard, timeout_s: float = inf, **request: Unpack[ClassificationSimilarFields]
    ) -> SimilarResult: ...
    @overload
    def similar(
        self, *, on_change: OnChange = unheard, timeout_s: float = inf, **request: Unpack[MultilabelSimilarFields]
    ) -> MultilabelSimilarResult: ...
    @overload
    def similar(
        self, *, on_change: OnChange = unheard, timeout_s: float = inf, **request: Unpack[DetectionSimilarFields]
    ) -> DetectionSimilarResult: ...
    def similar(
        self, *, on_change: OnChange = unheard, timeout_s: float = inf, **request: Unpack[SimilarFields]
    ) -> SimilarResult | MultilabelSimilarResult | DetectionSimilarResult:
        """Images, or boxes, like some, and unlike others."""
        if request.get("task") == "multilabel":
            return self._carry_out(talk.asked(MultilabelSimilarResult, request, on_change, timeout_s))
        if request.get("task") == "detection":
            return self._carry_out(talk.asked(DetectionSimilarResult, request, on_change, timeout_s))
        return self._carry_out(talk.asked(SimilarResult, request, on_change, timeout_s))

    @overload
    def map(
        self, *, on_change: OnChange = unheard, timeout_s: float = inf, **request: Unpack[ClassificationMapFields]
    ) -> MapResult: ...
    @overload
    def map(
        self, *, on_change: OnChange = unheard, timeout_s: float = inf, **request: Unpack[MultilabelMapFields]
    ) -> MultilabelMapResult: ...
    @overload
    def map(
        self, *, on_change: OnChange = unheard, timeout_s: float = inf, **request: Unpack[DetectionMapFields]
    ) -> DetectionMapResult: ...
    def map(
        self, *, on_change: OnChange = unheard, timeout_s: float = inf, **request: Unpack[MapFields]
    ) -> MapResult | MultilabelMapResult | DetectionMapResult:
        """The pool in a plane: images, or boxes, that look alike lie close."""
        if request.get("task") == "multilabel":
            return self._carry_out(talk.asked(MultilabelMapResult, request, on_change, timeout_s))
        if request.get("task") == "detection":
            return self._carry_out(talk.asked(DetectionMapResult, request, on_change, timeout_s))
        return self._carry_out(talk.asked(MapResult, request, on_change, timeout_s))

    def embed(
        self, *, on_change: OnChange = unheard, timeout_s: float = inf, **request: Unpack[EmbeddingFields]
    ) -> EmbeddingResult:
        """The whole pool embedded ahead, so that later questions find all of it in the cache."""
        return self._carry_out(talk.asked(EmbeddingResult, request, on_change, timeout_s))


@spelled_out
class AsyncCalls(ABC):
    """One call for each kind of job."""

    @abstractmethod
    async def _carry_out(self, said: Talk[talk.T]) -> talk.T: ...

    @overload
    async def select(
        self, *, on_change: OnChange = unheard, timeout_s: float = inf, **request: Unpack[ClassificationSelectionFields]
    ) -> SelectionResult: ...
    @overload
    async def select(
        self, *, on_change: OnChange = unheard, timeout_s: float = inf, **request: Unpack[MultilabelSelectionFields]
    ) -> MultilabelSelectionResult: ...
    @overload
    async def select(
        self, *, on_change: OnChange = unheard, timeout_s: float = inf, **request: Unpack[DetectionSelectionFields]
    ) -> DetectionSelectionResult: ...
    async def select(
        self, *, on_change: OnChange = unheard, timeout_s: float = inf, **request: Unpack[SelectionFields]
    ) -> SelectionResult | MultilabelSelectionResult | DetectionSelectionResult:
        """Which images to label next."""
        if request.get("task") == "multilabel":
            return await self._carry_out(talk.asked(MultilabelSelectionResult, request, on_change, timeout_s))
        if request.get("task") == "detection":
            return await self._carry_out(talk.asked(DetectionSelectionResult, request, on_change, timeout_s))
        return await self._carry_out(talk.asked(SelectionResult, request, on_change, timeout_s))

    @overload
    async def predict(
        self,
        *,
        on_change: OnChange = unheard,
        timeout_s: float = inf,
        **request: Unpack[ClassificationPredictionFields],
    ) -> PredictionResult: ...
    @overload
    async def predict(
        self, *, on_change: OnChange = unheard, timeout_s: float = inf, **request: Unpack[MultilabelPredictionFields]
    ) -> MultilabelPredictionResult: ...
    @overload
    async def predict(
        self, *, on_change: OnChange = unheard, timeout_s: float = inf, **request: Unpack[DetectionPredictionFields]
    ) -> DetectionPredictionResult: ...
    async def predict(
        self, *, on_change: OnChange = unheard, timeout_s: float = inf, **request: Unpack[PredictionFields]
    ) -> PredictionResult | MultilabelPredictionResult | DetectionPredictionResult:
        """A class, or boxes, for every unlabelled image."""
        if request.get("task") == "multilabel":
            return await self._carry_out(talk.asked(MultilabelPredictionResult, request, on_change, timeout_s))
        if request.get("task") == "detection":
            return await self._carry_out(talk.asked(DetectionPredictionResult, request, on_change, timeout_s))
        return await self._carry_out(talk.asked(PredictionResult, request, on_change, timeout_s))

    @overload
    async def f1(
        self, *, on_change: OnChange = unheard, timeout_s: float = inf, **request: Unpack[ClassificationF1Fields]
    ) -> F1Result: ...
    @overload
    async def f1(
        self, *, on_change: OnChange = unheard, timeout_s: float = inf, **request: Unpack[MultilabelF1Fields]
    ) -> MultilabelF1Result: ...
    @overload
    async def f1(
        self, *, on_change: OnChange = unheard, timeout_s: float = inf, **request: Unpack[DetectionF1Fields]
    ) -> DetectionF1Result: ...
    async def f1(
        self, *, on_change: OnChange = unheard, timeout_s: float = inf, **request: Unpack[F1Fields]
    ) -> F1Result | MultilabelF1Result | DetectionF1Result:
        """How good the head, or the detector, trained on one labelled set is on another."""
        if request.get("task") == "multilabel":
            return await self._carry_out(talk.asked(MultilabelF1Result, request, on_change, timeout_s))
        if request.get("task") == "detection":
            return await self._carry_out(talk.asked(DetectionF1Result, request, on_change, timeout_s))
        return await self._carry_out(talk.asked(F1Result, request, on_change, timeout_s))

    @overload
    async def learning_curve(
        self,
        *,
        on_change: OnChange = unheard,
        timeout_s: float = inf,
        **request: Unpack[ClassificationLearningCurveFields],
    ) -> LearningCurveResult: ...
    @overload
    async def learning_curve(
        self, *, on_change: OnChange = unheard, timeout_s: float = inf, **request: Unpack[MultilabelLearningCurveFields]
    ) -> LearningCurveResult: ...
    @overload
    async def learning_curve(
        self, *, on_change: OnChange = unheard, timeout_s: float = inf, **request: Unpack[DetectionLearningCurveFields]
    ) -> DetectionLearningCurveResult: ...
    async def learning_curve(
        self, *, on_change: OnChange = unheard, timeout_s: float = inf, **request: Unpack[LearningCurveFields]
    ) -> LearningCurveResult | DetectionLearningCurveResult:
        """How much more labels would bring, and whether to stop."""
        if request.get("task") == "detection":
            return await self._carry_out(talk.asked(DetectionLearningCurveResult, request, on_change, timeout_s))
        return await self._carry_out(talk.asked(LearningCurveResult, request, on_change, timeout_s))

    @overload
    async def audit(
        self, *, on_change: OnChange = unheard, timeout_s: float = inf, **request: Unpack[ClassificationAuditFields]
    ) -> AuditResult: ...
    @overload
    async def audit(
        self, *, on_change: OnChange = unheard, timeout_s: float = inf, **request: Unpack[MultilabelAuditFields]
    ) -> AuditResult: ...
    @overload
    async def audit(
        self, *, on_change: OnChange = unheard, timeout_s: float = inf, **request: Unpack[DetectionAuditFields]
    ) -> DetectionAuditResult: ...
    async def audit(
        self, *, on_change: OnChange = unheard, timeout_s: float = inf, **request: Unpack[AuditFields]
    ) -> AuditResult | DetectionAuditResult:
        """Whether methods beat chance on the labels there are."""
        if request.get("task") == "detection":
            return await self._carry_out(talk.asked(DetectionAuditResult, request, on_change, timeout_s))
        return await self._carry_out(talk.asked(AuditResult, request, on_change, timeout_s))

    @overload
    async def label_check(
        self,
        *,
        on_change: OnChange = unheard,
        timeout_s: float = inf,
        **request: Unpack[ClassificationLabelCheckFields],
    ) -> LabelCheckResult: ...
    @overload
    async def label_check(
        self, *, on_change: OnChange = unheard, timeout_s: float = inf, **request: Unpack[MultilabelLabelCheckFields]
    ) -> MultilabelLabelCheckResult: ...
    @overload
    async def label_check(
        self, *, on_change: OnChange = unheard, timeout_s: float = inf, **request: Unpack[DetectionLabelCheckFields]
    ) -> DetectionLabelCheckResult: ...
    async def label_check(
        self, *, on_change: OnChange = unheard, timeout_s: float = inf, **request: Unpack[LabelCheckFields]
    ) -> LabelCheckResult | MultilabelLabelCheckResult | DetectionLabelCheckResult:
        """Which labels look wrong."""
        if request.get("task") == "multilabel":
            return await self._carry_out(talk.asked(MultilabelLabelCheckResult, request, on_change, timeout_s))
        if request.get("task") == "detection":
            return await self._carry_out(talk.asked(DetectionLabelCheckResult, request, on_change, timeout_s))
        return await self._carry_out(talk.asked(LabelCheckResult, request, on_change, timeout_s))

    async def agreement(
        self, *, on_change: OnChange = unheard, timeout_s: float = inf, **request: Unpack[AgreementFields]
    ) -> AgreementResult:
        """How far people agree, and whose labels to look at first."""
        return await self._carry_out(talk.asked(AgreementResult, request, on_change, timeout_s))

    @overload
    async def similar(
        self, *, on_change: OnChange = unheard, timeout_s: float = inf, **request: Unpack[ClassificationSimilarFields]
    ) -> SimilarResult: ...
    @overload
    async def similar(
        self, *, on_change: OnChange = unheard, timeout_s: float = inf, **request: Unpack[MultilabelSimilarFields]
    ) -> MultilabelSimilarResult: ...
    @overload
    async def similar(
        self, *, on_change: OnChange = unheard, timeout_s: float = inf, **request: Unpack[DetectionSimilarFields]
    ) -> DetectionSimilarResult: ...
    async def similar(
        self, *, on_change: OnChange = unheard, timeout_s: float = inf, **request: Unpack[SimilarFields]
    ) -> SimilarResult | MultilabelSimilarResult | DetectionSimilarResult:
        """Images, or boxes, like some, and unlike others."""
        if request.get("task") == "multilabel":
            return await self._carry_out(talk.asked(MultilabelSimilarResult, request, on_change, timeout_s))
        if request.get("task") == "detection":
            return await self._carry_out(talk.asked(DetectionSimilarResult, request, on_change, timeout_s))
        return await self._carry_out(talk.asked(SimilarResult, request, on_change, timeout_s))

    @overload
    async def map(
        self, *, on_change: OnChange = unheard, timeout_s: float = inf, **request: Unpack[ClassificationMapFields]
    ) -> MapResult: ...
    @overload
    async def map(
        self, *, on_change: OnChange = unheard, timeout_s: float = inf, **request: Unpack[MultilabelMapFields]
    ) -> MultilabelMapResult: ...
    @overload
    async def map(
        self, *, on_change: OnChange = unheard, timeout_s: float = inf, **request: Unpack[DetectionMapFields]
    ) -> DetectionMapResult: ...
    async def map(
        self, *, on_change: OnChange = unheard, timeout_s: float = inf, **request: Unpack[MapFields]
    ) -> MapResult | MultilabelMapResult | DetectionMapResult:
        """The pool in a plane: images, or boxes, that look alike lie close."""
        if request.get("task") == "multilabel":
            return await self._carry_out(talk.asked(MultilabelMapResult, request, on_change, timeout_s))
        if request.get("task") == "detection":
            return await self._carry_out(talk.asked(DetectionMapResult, request, on_change, timeout_s))
        return await self._carry_out(talk.asked(MapResult, request, on_change, timeout_s))

    async def embed(
        self, *, on_change: OnChange = unheard, timeout_s: float = inf, **request: Unpack[EmbeddingFields]
    ) -> EmbeddingResult:
        """The whole pool embedded ahead, so that later questions find all of it in the cache."""
        return await self._carry_out(talk.asked(EmbeddingResult, request, on_change, timeout_s))
