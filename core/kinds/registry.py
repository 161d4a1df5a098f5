"""Every kind there is. Adding one is a file beside this and a line in each of the two lists below."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from typing import Annotated, Any

from pydantic import Discriminator, Tag, TypeAdapter, ValidationError

from nextlabel.core.errors import Fault, InvalidRequest
from nextlabel.core.faults import faults_of, validate
from nextlabel.core.kinds import (
    agreement,
    audit,
    embedding,
    f1,
    label_check,
    learning_curve,
    map,  # noqa: A004
    prediction,
    selection,
    similar,
)
from nextlabel.core.kinds.base import Kind
from nextlabel.core.kinds.requests import JobRequest
from nextlabel.core.kinds.results import MadeOfJson, members_apart

KINDS: Mapping[str, Kind] = {
    kind.name: kind
    for kind in (
        selection.KIND,
        prediction.KIND,
        f1.KIND,
        learning_curve.KIND,
        audit.KIND,
        label_check.KIND,
        agreement.KIND,
        similar.KIND,
        map.KIND,
        embedding.KIND,
    )
}
JobResult = (
    Annotated[selection.SelectionResult, Tag("selection")]
    | Annotated[selection.MultilabelSelectionResult, Tag("selection of multilabel")]
    | Annotated[selection.DetectionSelectionResult, Tag("selection of detection")]
    | Annotated[prediction.PredictionResult, Tag("prediction")]
    | Annotated[prediction.MultilabelPredictionResult, Tag("prediction of multilabel")]
    | Annotated[prediction.DetectionPredictionResult, Tag("prediction of detection")]
    | Annotated[f1.F1Result, Tag("f1")]
    | Annotated[f1.MultilabelF1Result, Tag("f1 of multilabel")]
    | Annotated[f1.DetectionF1Result, Tag("f1 of detection")]
    | Annotated[learning_curve.LearningCurveResult, Tag("learning_curve")]
    | Annotated[learning_curve.DetectionLearningCurveResult, Tag("learning_curve of detection")]
    | Annotated[audit.AuditResult, Tag("audit")]
    | Annotated[audit.DetectionAuditResult, Tag("audit of detection")]
    | Annotated[label_check.LabelCheckResult, Tag("label_check")]
    | Annotated[label_check.MultilabelLabelCheckResult, Tag("label_check of multilabel")]
    | Annotated[label_check.DetectionLabelCheckResult, Tag("label_check of detection")]
    | Annotated[agreement.AgreementResult, Tag("agreement")]
    | Annotated[similar.SimilarResult, Tag("similar")]
    | Annotated[similar.MultilabelSimilarResult, Tag("similar of multilabel")]
    | Annotated[similar.DetectionSimilarResult, Tag("similar of detection")]
    | Annotated[map.MapResult, Tag("map")]
    | Annotated[map.MultilabelMapResult, Tag("map of multilabel")]
    | Annotated[map.DetectionMapResult, Tag("map of detection")]
    | Annotated[embedding.EmbeddingResult, Tag("embedding")]
)


def form_of(result: Any) -> str:
    """The tag of a result: its kind, and its task where it says one. Results of one class an image say none."""
    told = result.get if isinstance(result, dict) else partial(getattr, result)
    kind, task = told("kind", None), told("task", None)
    return f"{kind} of {task}" if task else str(kind)


AnyResult = Annotated[JobResult, Discriminator(form_of)]
result_adapter: TypeAdapter[JobResult] = TypeAdapter(AnyResult)
LARGE = 1 << 20  # bytes
#: Forms of results with a field that may have very many members, and that field.
_MANY = [
    (form, field) for kind in KINDS.values() for form in (kind.result, *kind.results.values()) for field in form.many()
]


def read_result(content: bytes) -> JobResult:
    """Read a result from its JSON. Raises ValidationError.

    The members of a large one are checked, and made when asked for: as objects they would take twenty times the room.
    """
    for form, field in _MANY if len(content) > LARGE else ():
        if (apart := members_apart(content, form, field)) is not None:
            rest, begins, end = apart
            with suppress(ValidationError):  # it is written otherwise
                members = MadeOfJson(form.many()[field], content, begins, end)
                result = result_adapter.validate_json(rest)
                if isinstance(result, form):
                    return result.model_copy(update={field: members})
    return result_adapter.validate_json(content)


def parse_request(body: Any) -> JobRequest:
    """Raises InvalidRequest with every fault found, each with its JSON pointer."""
    kind = kind_of(body)
    faults: list[Fault] = []
    try:
        request = validate(kind.request, body, kind.name)
    except ValidationError as error:
        faults = faults_of(error.errors(include_url=False))
    faulty = {fault.pointer for fault in faults}
    faults += [fault for fault in kind.request.misfits(body) if fault.pointer not in faulty]
    if faults:
        raise InvalidRequest(faults)
    return request


def kind_of(body: Any) -> Kind:
    """The kind that a request names. Raises InvalidRequest where it names none that exists, or is no object."""
    if not isinstance(body, dict):
        raise InvalidRequest([Fault("/", "invalid_value", "a request is a JSON object")])
    name = body.get("kind")
    if not isinstance(name, str) or name not in KINDS:
        code = "unknown_kind" if "kind" in body else "missing_field"
        raise InvalidRequest([Fault("/kind", code, f"`kind` must be one of {', '.join(KINDS)}")])
    return KINDS[name]
