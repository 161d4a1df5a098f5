"""The kind `label_check`: which labels look wrong."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

from pydantic import Field

from nextlabel.core.kinds.base import Kind, LabelsNeed
from nextlabel.core.kinds.requests import ONE_CLASS, OnePredicted, OneValidated
from nextlabel.core.kinds.results import Leak, Manifest, Part, Result, Skipped


class LabelCheckRequest(OnePredicted, OneValidated):
    """Which labels look wrong."""

    kind: Literal["label_check"] = "label_check"
    task: Literal["classification"] = Field("classification", description=ONE_CLASS)


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
        yield f"{len(self.items)} of {self.labels} labels look wrong{expected}."
        found = (
            ("Names with several classes", self.conflicts),
            ("Groups of near-copies that disagree", self.copies_that_disagree),
            ("Labelled images that are (nearly) validation images, too", self.leaks),
        )
        yield from (f"{what}: {len(these)}." for what, these in found if these)

    def labels_file(self) -> Iterable[tuple[str, str]] | None:
        """The suggested classes."""
        return ((i.name, i.suggested) for i in self.items)


KIND = Kind(
    request=LabelCheckRequest,
    result=LabelCheckResult,
    labels=LabelsNeed.CONFLICTING,
    stages=("read", "embed", "embed validation images", "judge", "compare"),
    title="Label check",
    question="Which labels look wrong?",
    answer="suggestions, conflicts, copies that disagree, leaks into the validation set",
    more="labels",
    call="label_check",
    command="check",
    usage="POOL --labels L",
    about="Labels of the folder POOL that a model which had not seen them finds odd, most suspicious first; "
    "near-copies that disagree; names with two classes; validation images that were labelled for training.",
    shell_examples=("nextlabel check photos --labels labels -o suspicious.csv",),
    example={
        "kind": "label_check",
        "backbone": "mobilenet",
        "path_to_img": "photos/train",
        "path_to_labels": "photos/labels",
    },
)
