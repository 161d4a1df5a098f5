"""What results say in sentences can be said in other languages: each has a code, or fields that it is made of."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated, Any, Literal, get_args, get_origin

from pydantic import BaseModel

from nextlabel.core.kinds.registry import KINDS

#: A text that is a sentence -> the fields of the same model that say it too.
SENTENCES = {
    "AuditArm.sentence": ("method", "verdict", "gain", "gain_interval", "saved", "saved_interval"),
    "AuditResult.sentence": ("arms", "verdict"),
    "BoxAuditArm.sentence": ("method", "verdict", "gain", "gain_interval", "saved", "saved_interval"),
    "ConsensusItem.reason": ("labels", "consensus", "quality"),
    "DetectionAuditResult.sentence": ("arms", "verdict"),
    "DetectionSelectionItem.reason": ("because",),
    "MethodUsed.why": ("asked", "because"),
    "MultilabelSelectionItem.reason": ("because",),
    "MultilabelSuspiciousLabel.reason": ("class_name", "miss", "probability"),
    "SelectionItem.reason": ("because",),
    "Skipped.reason": ("code",),
    "StopAdvice.sentence": ("because",),
    "SuspiciousBox.reason": ("suspicion", "class_name", "suggested", "predicted_score"),
    "SuspiciousLabel.reason": ("given", "given_probability", "suggested", "confidence"),
}
#: Texts that are the same in every language: names, digests, versions, formulas.
NAMES = re.findall(
    r"\w+",
    """
    asked backbone by_suspicion class class_name class_names classes classes_without_predictions
    classes_without_training_images classes_without_validation_images consensus copies data details detector
    device engine family formula given handed_to head images_per_class labels like method misses_by_kind
    mixed_up_with name named_by names nextlabel parameters person pools predicted predictions preprocessing
    settled suggested texts thresholds validation_class validation_name versions weights worst_class
    """,
)


def texts_of(annotation: Any) -> Iterator[Any]:
    """Yield the plain types that a field may hold, whatever they are held in."""
    origin = get_origin(annotation)
    if origin is Annotated:
        yield from texts_of(get_args(annotation)[0])
    elif origin is None:
        yield annotation
    elif origin is not Literal:
        for one in get_args(annotation):
            yield from texts_of(one)


def models() -> dict[str, type[BaseModel]]:
    """All that results are made of, by name."""
    found: dict[str, type[BaseModel]] = {}
    waiting = [kind.result_of(task) for kind in KINDS.values() for task in kind.tasks]
    while waiting:
        model = waiting.pop()
        if model.__name__ not in found:
            found[model.__name__] = model
            plain = (one for field in model.model_fields.values() for one in texts_of(field.annotation))
            waiting += [one for one in plain if isinstance(one, type) and issubclass(one, BaseModel)]
    return found


def test_a_text_in_a_result_is_a_name_or_a_sentence_that_its_other_fields_say_too():
    found = models()
    texts = {
        f"{model}.{name}"
        for model, form in found.items()
        for name, field in form.model_fields.items()
        if str in texts_of(field.annotation)
    }
    new = {text for text in texts - set(SENTENCES) if text.partition(".")[2] not in NAMES}
    assert new == set(), "a name (NAMES), or a sentence, which other languages need a code for (SENTENCES)?"
    for sentence, fields in SENTENCES.items():
        assert sentence in texts
        assert set(fields) <= set(found[sentence.partition(".")[0]].model_fields), sentence
