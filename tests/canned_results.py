"""Hand-made results of every kind, for what only shows or passes them on."""

from __future__ import annotations

from nextlabel.core.kinds.agreement import (
    AgreementPart,
    AgreementResult,
    ClassAgreement,
    ConsensusItem,
    PersonAgreement,
)
from nextlabel.core.kinds.audit import AuditArm, AuditResult, BoxAuditArm, DetectionAuditResult
from nextlabel.core.kinds.embedding import EmbeddingResult
from nextlabel.core.kinds.f1 import BoxScores, Confusion, DetectionF1Result
from nextlabel.core.kinds.label_check import (
    CopiesDisagree,
    DetectionLabelCheckResult,
    LabelCheckResult,
    NameConflict,
    SuspiciousBox,
    SuspiciousLabel,
)
from nextlabel.core.kinds.learning_curve import CurveFit, CurvePoint, Forecast, LearningCurveResult, StopAdvice
from nextlabel.core.kinds.map import MapResult
from nextlabel.core.kinds.registry import JobResult
from nextlabel.core.kinds.results import Leak, Skipped
from nextlabel.core.kinds.similar import SimilarItem, SimilarResult
from tests.api.support import MANIFEST, f1_result, prediction_result, selection_result


def forecast(extra: int, f1_macro: float) -> Forecast:
    return Forecast(extra=extra, labels=2 + extra, f1_macro=f1_macro, low=f1_macro - 0.02, high=f1_macro + 0.02)


LEARNING_CURVE = LearningCurveResult(
    labels=2,
    validation="cross-validation",
    validation_images=2,
    points=(CurvePoint(labels=1, f1_macro=0.5, repeats=(0.4, 0.6)), CurvePoint(labels=2, f1_macro=0.7, repeats=(0.7,))),
    fits=(CurveFit(family="power", formula="a - b n^-c", parameters={"a": 0.9}, error=0.01),),
    now=forecast(0, 0.7),
    forecast=(forecast(100, 0.8), forecast(500, 0.85)),
    stability=None,
    coverage=None,
    advice=StopAdvice(verdict="go_on", sentence="Go on: 100 more labels should bring about 0.1."),
    skipped=(),
    manifest=MANIFEST,
)
AUDIT = AuditResult(
    repeats=5,
    images=400,
    validation="split",
    validation_images=100,
    arms=(
        AuditArm(
            method="random",
            labels=(20, 40),
            f1_macro=(0.4, 0.5),
            gain=0.0,
            gain_interval=(0.0, 0.0),
            saved=None,
            saved_interval=None,
            verdict="no better",
            sentence="random is what the others are held against",
        ),
        AuditArm(
            method="margin",
            labels=(20, 40),
            f1_macro=(0.4, 0.6),
            gain=0.05,
            gain_interval=(0.02, 0.08),
            saved=0.38,
            saved_interval=(0.25, 0.47),
            verdict="better",
            sentence="margin reaches the same F1 with 38 % fewer labels",
        ),
    ),
    sentence="On your data margin reaches the same F1 with 38 % fewer labels (95 %: 25 to 47).",
    skipped=(),
    manifest=MANIFEST,
)
BOXES_AUDIT = DetectionAuditResult(
    repeats=5,
    images=40,
    validation="split",
    validation_images=20,
    detector="light head on yolox_nano",
    arms=tuple(
        BoxAuditArm(
            method=method,
            images=(20, 30),
            boxes=(40, 60),
            map50=(0.4, 0.5 + gain),
            gain=gain,
            gain_interval=interval,
            gain_by_images=gain,
            gain_by_images_interval=interval,
            saved=None,
            saved_interval=None,
            verdict="no better" if method == "random" else "better",
            sentence=f"{method} is replayed",
        )
        for method, gain, interval in (("random", 0.0, (0.0, 0.0)), ("det_sum", 0.05, (0.02, 0.08)))
    ),
    sentence="On your labels det_sum reaches more.",
    skipped=(),
    manifest=MANIFEST,
)
LABEL_CHECK = LabelCheckResult(
    labels=200,
    expected_errors=0.05,
    items=(
        SuspiciousLabel(
            rank=1,
            name="a.png",
            given="cat",
            suggested="dog",
            given_probability=0.02,
            confidence=0.97,
            reason="looks like dog",
        ),
    ),
    conflicts=(NameConflict(name="c.png", classes={"cat": "anna.txt:3", "dog": "ben.txt:9"}),),
    copies_that_disagree=(CopiesDisagree(names=("a.png", "a (1).png"), classes=("cat", "dog")),),
    leaks=(Leak(name="a.png", validation_name="v.png", class_name="cat", validation_class="cat", identical=True),),
    skipped=(),
    manifest=MANIFEST,
)
AGREEMENT = AgreementResult(
    labels=3,
    overall=AgreementPart(images=2, observed=0.5, alpha=0.0, alpha_interval=(-0.5, 1.0)),
    people=tuple(
        PersonAgreement(
            rank=rank,
            person=person,
            labels=2,
            quality=quality,
            with_consensus=share,
            worst_class=worst,
            images=2,
            observed=0.5,
            alpha=0.0,
            alpha_interval=(-0.5, 1.0),
        )
        for rank, person, quality, share, worst in ((1, "ben", 0.6, 0.5, "dog"), (2, "anna", 0.9, 1.0, None))
    ),
    per_class=(
        ClassAgreement(
            class_name="cat", mixed_up_with="dog", images=2, observed=0.5, alpha=0.0, alpha_interval=(-0.5, 1.0)
        ),
        ClassAgreement(class_name="dog", mixed_up_with="cat", images=1, observed=None, alpha=None, alpha_interval=None),
    ),
    items=(
        ConsensusItem(
            rank=1,
            name="a.png",
            labels={"anna": "cat", "ben": "dog"},
            consensus="cat",
            quality=0.7,
            settled=None,
            reason="1 of 2 say cat (0.70)",
        ),
        ConsensusItem(
            rank=2,
            name="b.png",
            labels={"anna": "cat", "ben": "cat"},
            consensus="cat",
            quality=0.98,
            settled=None,
            reason="2 of 2 say cat (0.98)",
        ),
    ),
    disputed=1,
    settled=0,
    consensus_by="crowdlab",
    head=None,
    skipped=(),
    manifest=MANIFEST,
)
SIMILAR = SimilarResult(
    data=("b.png",),
    items=(SimilarItem(rank=1, name="b.png", score=0.9, like="a.png", class_name=None),),
    candidates=1,
    skipped=(),
    manifest=MANIFEST,
)
MAP = MapResult(
    class_names=("cat", "dog"),
    names=("a.png", "b.png", "c.png"),
    x=(0.0, 1.0, 2.0),
    y=(0.5, 0.5, 0.5),
    classes=(0, 1, -1),
    predicted=None,
    images=3,
    skipped=(),
    manifest=MANIFEST,
)

BOX_SCORES = BoxScores(
    class_name="cat", average_precision=0.5, average_precision_interval=(0.4, 0.6), ap50=0.8, ap50_interval=(0.7, 0.9),
    average_recall=0.6, objects=4, predicted=5, threshold=0.3, precision=0.8, recall=0.7, f1=0.75,
)  # fmt: skip
BOXES_F1 = DetectionF1Result(
    mean_average_precision=0.5,
    mean_average_precision_interval=(0.4, 0.6),
    map50=0.8,
    map50_interval=(0.7, 0.9),
    average_recall=0.6,
    f1=0.75,
    f1_interval=(0.6, 0.8),
    validation_images=3,
    validation_boxes=4,
    per_class=(BOX_SCORES,),
    confusion=Confusion(classes=("cat",), matrix=((3, 1), (2, 0))),
    misses_by_kind={"class": 0, "place": 0, "both": 0, "double": 0, "background": 2, "missed": 1},
    classes_without_predictions=(),
    classes_without_validation_images=(),
    skipped=(),
    manifest=MANIFEST,
)
BOXES_CHECK = DetectionLabelCheckResult(
    labels=3,
    boxes=4,
    items=(
        SuspiciousBox(
            rank=1, name="a.png", suspicion="overlooked", class_name=None, suggested="cat", box=None,
            predicted_box=(100, 50, 60, 40), score=0.9, reason="nothing was drawn here",
        ),
    ),
    by_suspicion={"overlooked": 1},
    thresholds={"cat": 0.3},
    conflicts=(),
    skipped=(),
    manifest=MANIFEST,
)  # fmt: skip

EMBEDDING = EmbeddingResult(
    images=3, embedded=2, skipped=(Skipped(name="c.png", reason="no image"),), manifest=MANIFEST
)

RESULTS: dict[str, JobResult] = {
    result.kind: result
    for result in (
        selection_result(("a.png", "cat"), ("b.png", "dog")),
        prediction_result(("a.png", "cat"), ("b.png", "dog")),
        f1_result(),
        LEARNING_CURVE,
        AUDIT,
        LABEL_CHECK,
        AGREEMENT,
        SIMILAR,
        MAP,
        EMBEDDING,
    )
}
