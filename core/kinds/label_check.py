"""The kind `label_check`: which labels look wrong."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal

from pydantic import Field

from nextlabel.core.counting import counted
from nextlabel.core.errors import Fault
from nextlabel.core.kinds.base import Kind, LabelsNeed
from nextlabel.core.kinds.requests import EMBED, VALIDATION, Detecting, OnePredicted, OneValidated, of_boxes, unfit
from nextlabel.core.kinds.results import DetectionResult, Leak, Manifest, MultilabelResult, Part, Result, Skipped


class LabelCheckRequest(OnePredicted, OneValidated, Detecting):
    """Which labels look wrong."""

    kind: Literal["label_check"] = "label_check"

    @classmethod
    def misfits(cls, body: Mapping[str, Any]) -> Iterator[Fault]:
        """Boxes are judged by what a detector finds, ours or another."""
        yield from super().misfits(body)
        if of_boxes(body):
            yield from unfit(body, (*EMBED, *VALIDATION), "boxes are judged by what a detector finds: leave it out")


class SuspiciousLabel(Part):
    """Probabilities of the given and the suggested class, by a model that had not seen the label."""

    rank: int
    name: str
    given: str
    suggested: str
    given_probability: float
    confidence: float
    reason: str


class NameConflict(Part):
    """One name with several classes; `classes`: each with the file and line where it stands."""

    name: str
    classes: Mapping[str, str]


class CopiesDisagree(Part):
    """Near-copies with different classes."""

    names: tuple[str, ...]
    classes: tuple[str, ...]


class LabelCheckResult(Result):
    """`items`: most suspicious first. `expected_errors`: the share of wrong labels that confident learning expects;
    None with too few labels to tell: then the model is wrong more often than they are."""

    kind: Literal["label_check"] = "label_check"
    labels: int
    expected_errors: float | None
    items: tuple[SuspiciousLabel, ...]
    conflicts: tuple[NameConflict, ...]
    copies_that_disagree: tuple[CopiesDisagree, ...]
    leaks: tuple[Leak, ...]
    skipped: tuple[Skipped, ...]
    manifest: Manifest

    columns = ("rank", "name", "given", "suggested", "given_probability", "confidence", "reason")

    def rows(self) -> Iterable[Sequence[Any]]:
        return ((i.rank, i.name, i.given, i.suggested, i.given_probability, i.confidence, i.reason) for i in self.items)

    def sentences(self) -> Iterable[str]:
        share = self.expected_errors
        expected = (
            "" if share is None else f"; about {round(share * self.labels)} are expected to be ({100 * share:.1f} %)"
        )
        looks = "looks" if len(self.items) == 1 else "look"
        yield f"{len(self.items)} of {counted(self.labels, 'label')} {looks} wrong{expected}."
        found = (
            ("Names with several classes", self.conflicts),
            ("Groups of near-copies that disagree", self.copies_that_disagree),
            ("Labelled images that are (nearly) validation images, too", self.leaks),
        )
        yield from (f"{what}: {len(these)}." for what, these in found if these)

    def labels_file(self) -> Iterable[tuple[str, str]] | None:
        """The suggested classes."""
        return ((i.name, i.suggested) for i in self.items)


class MultilabelSuspiciousLabel(Part):
    """A class that an image seems to have and is not given (`missing`), or is given and seems not to have (`surplus`).

    `probability`: of the class, by a model that had not seen the label. `suggested`: the image's classes, with all that
    looks wrong about them put right.
    """

    rank: int
    name: str
    class_name: str = Field(alias="class")
    miss: Literal["missing", "surplus"]
    probability: float
    suggested: tuple[str, ...]
    reason: str


class MultilabelCopiesDisagree(Part):
    """Near-copies of which some have these `classes`, and others have not."""

    names: tuple[str, ...]
    classes: tuple[str, ...]


class MultilabelLabelCheckResult(MultilabelResult):
    """`items`: by image and class, most suspicious first. `expected_errors`: how many classes an image are expected to
    be missing or surplus; None with too few labels to tell: then the model is wrong more often than they are."""

    kind: Literal["label_check"] = "label_check"
    labels: int
    expected_errors: float | None
    items: tuple[MultilabelSuspiciousLabel, ...]
    conflicts: tuple[NameConflict, ...]
    copies_that_disagree: tuple[MultilabelCopiesDisagree, ...]
    leaks: tuple[Leak, ...]
    skipped: tuple[Skipped, ...]
    manifest: Manifest

    columns = ("rank", "name", "class", "miss", "probability", "reason")

    def rows(self) -> Iterable[Sequence[Any]]:
        return ((i.rank, i.name, i.class_name, i.miss, i.probability, i.reason) for i in self.items)

    def sentences(self) -> Iterable[str]:
        images = len({item.name for item in self.items})
        looks = f"{counted(len(self.items), 'class looks', 'classes look')} missing or surplus"
        yield f"{looks}, on {images} of {counted(self.labels, 'labelled image')}."
        found = (
            ("Names about which labels contradict each other", self.conflicts),
            ("Pairs of near-copies that disagree", self.copies_that_disagree),
            ("Labelled images that are (nearly) validation images, too", self.leaks),
        )
        yield from (f"{what}: {len(these)}." for what, these in found if these)

    def labels_file(self) -> Iterable[tuple[str, str]] | None:
        """The suggested classes."""
        suggested = {item.name: item.suggested for item in self.items}
        return ((name, class_) for name, classes in suggested.items() for class_ in classes or ("",))


class SuspiciousBox(Part):
    """A box that was `overlooked`, has another class (`swapped`), is `badly_placed`, or that nothing predicted supports
    (`spurious`). `box`: as it was drawn, `predicted_box`: what speaks against it; one of them may not be there.
    `score`: from 0 to 1, the greater the more suspicious; of what is swapped, the less the more often the detector
    confuses these classes."""

    rank: int
    name: str
    suspicion: Literal["overlooked", "swapped", "badly_placed", "spurious"]
    class_name: str | None = Field(alias="class")
    suggested: str | None
    box: tuple[float, float, float, float] | None
    predicted_box: tuple[float, float, float, float] | None
    score: float
    reason: str


class DetectionLabelCheckResult(DetectionResult):
    """`items`: most suspicious first. `map50`: of what judges, by these labels; None: no class can be scored.
    `thresholds`: the score from which on a class's predictions count, where F1 with these labels is best; None: they
    can't be told right from wrong."""

    kind: Literal["label_check"] = "label_check"
    labels: int
    boxes: int
    items: tuple[SuspiciousBox, ...]
    by_suspicion: dict[str, int]
    map50: float | None = None
    thresholds: dict[str, float | None]
    conflicts: tuple[NameConflict, ...]
    skipped: tuple[Skipped, ...]
    manifest: Manifest

    columns = ("rank", "name", "suspicion", "class", "suggested", "box", "predicted_box", "score", "reason")

    def rows(self) -> Iterable[Sequence[Any]]:
        def numbers(box: tuple[float, ...] | None) -> str:
            return " ".join(f"{number:g}" for number in box or ())

        return (
            (*told, numbers(i.box), numbers(i.predicted_box), i.score, i.reason)
            for i in self.items
            for told in [(i.rank, i.name, i.suspicion, i.class_name, i.suggested)]
        )

    def sentences(self) -> Iterable[str]:
        found = ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in self.by_suspicion.items() if count)
        if self.thresholds and not any(self.thresholds.values()):
            found = found or "that can't be told, for nothing that was drawn is predicted rightly"
        boxes = f"{counted(self.boxes, 'box', 'boxes')} on {counted(self.labels, 'image')}"
        yield f"{boxes}; what looks wrong: {found or 'nothing'}."
        if self.map50 is not None:
            yield f"They are judged by what a detector finds whose mAP@50 on them is {self.map50:.3f}."
        if self.conflicts:
            yield f"Images about which labels contradict each other: {len(self.conflicts)}."


KIND = Kind(
    request=LabelCheckRequest,
    result=LabelCheckResult,
    results={"multilabel": MultilabelLabelCheckResult, "detection": DetectionLabelCheckResult},
    labels=LabelsNeed.TRAINING,
    stages=("read", "embed", "embed validation images", "train", "predict", "judge", "compare"),
    title="Label check",
    question="Which labels look wrong?",
    answer="suggestions, conflicts, copies that disagree, leaks into the validation set",
    more="labels",
    call="label_check",
    command="check",
    usage="POOL --labels L",
    about="Labels of the folder POOL that a model which had not seen them finds odd, most suspicious first; "
    "near-copies that disagree; names with two classes; validation images that were labelled for training. With --task "
    "detection: boxes that were overlooked, have another class, are badly placed, or are around nothing.",
    shell_examples=(
        "nextlabel check photos --labels labels -o suspicious.csv",
        "nextlabel check photos --task detection --labels labels -o suspicious.csv",
    ),
    example={
        "kind": "label_check",
        "backbone": "mobilenet",
        "path_to_img": "photos/train",
        "path_to_labels": "photos/labels",
    },
)
