"""The kind `agreement`: how far people agree, and whose labels to look at first."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal

from pydantic import Field

from nextlabel.core.counting import counted
from nextlabel.core.errors import Fault
from nextlabel.core.kinds.base import Kind, LabelsNeed
from nextlabel.core.kinds.requests import OnePool, given_in
from nextlabel.core.kinds.results import HeadSummary, Manifest, Part, Result, Skipped


class AgreementRequest(OnePool):
    """How far people agree, and whose labels to look at first."""

    kind: Literal["agreement"] = "agreement"
    task: Literal["classification"] = Field("classification", description="One class an image; no other task.")

    @classmethod
    def misfits(cls, body: Mapping[str, Any]) -> Iterator[Fault]:
        """People's labels are what it is about. They may contradict each other on every image."""
        yield from super().misfits(body)
        if "path_to_labels" not in given_in(body):
            yield Fault("/path_to_labels", "missing_field", "name the folder of labels, which has a file a person")


class AgreementPart(Part):
    """images: labelled by several people. observed: the share of pairs of their labels that are the same.

    alpha: Krippendorff's, for nominal data: 1 is full agreement, 0 that of chance. None where it can't be told: there
    are no such images, or all labels are of one class. alpha_interval: 95 %, by drawing the images again.
    """

    images: int
    observed: float | None
    alpha: float | None
    alpha_interval: tuple[float, float] | None


class PersonAgreement(AgreementPart):
    """How far one person agrees with the others. `rank` 1: look at these labels first.

    quality: how good their labels are, 0..1, by CROWDLAB; None without it. with_consensus: the share of their labels of
    shared images that are the consensus. worst_class: the class in which they differ from it most.
    """

    rank: int
    person: str
    labels: int
    quality: float | None
    with_consensus: float | None
    worst_class: str | None


class ClassAgreement(AgreementPart):
    """Whether people agree that an image is of the class. images: those that somebody says are, of the shared ones.

    mixed_up_with: the class that others say most often of these images; None: nobody says another.
    """

    class_name: str = Field(alias="class")
    mixed_up_with: str | None


class ConsensusItem(Part):
    """An image of several people. quality: the probability that the consensus is right. settled: what holds already."""

    rank: int
    name: str
    labels: dict[str, str]
    consensus: str
    quality: float
    settled: str | None
    reason: str


class AgreementResult(Result):
    """`items`: images labelled by several people: first what is to be settled, the least certain first. `overall`: all
    people and classes together.

    consensus_by: `crowdlab` weighs people's labels and what a head says that has not seen them; `majority`, where no
    head could be trained, counts them, and takes the commoner class where that is a draw.
    """

    kind: Literal["agreement"] = "agreement"
    labels: int
    overall: AgreementPart
    people: tuple[PersonAgreement, ...]
    per_class: tuple[ClassAgreement, ...]
    items: tuple[ConsensusItem, ...]
    disputed: int
    settled: int
    consensus_by: Literal["crowdlab", "majority"]
    head: HeadSummary | None
    skipped: tuple[Skipped, ...]
    manifest: Manifest

    columns = ("rank", "name", "consensus", "quality", "labels", "settled", "reason")

    def rows(self) -> Iterable[Sequence[Any]]:
        def said(item: ConsensusItem) -> str:
            return "; ".join(f"{person}: {class_}" for person, class_ in item.labels.items())

        return ((i.rank, i.name, i.consensus, i.quality, said(i), i.settled, i.reason) for i in self.items)

    def sentences(self) -> Iterable[str]:
        if self.overall.observed is None:
            yield (
                f"None of {counted(self.labels, 'labelled image')} has labels of two people, so nothing can be said of "
                "how far they agree. Ask for batches with an overlap of 2."
            )
            return
        have = counted(self.labels, "labelled image has", "labelled images have")
        yield (
            f"{self.overall.images} of {have} labels of several people, of which "
            f"{self.overall.observed:.0%} are the same{_in_words(self.overall)}."
        )
        first = self.people[0]
        if first.with_consensus is not None:
            share = f"{first.with_consensus:.0%} of {first.images} shared ones"
            yield f"Look at {first.person}'s labels first: {share} are the consensus."
        if self.disputed:
            yield f"To be settled: {self.disputed}; settled: {self.settled}."

    def labels_file(self) -> Iterable[tuple[str, str]] | None:
        """The consensus."""
        return ((i.name, i.settled or i.consensus) for i in self.items)


def _in_words(of: AgreementPart) -> str:
    if of.alpha is None or of.alpha_interval is None:
        return ""
    low, high = of.alpha_interval
    return f"; Krippendorff's alpha {of.alpha:.2f} (95 %: {low:.2f} to {high:.2f})"


KIND = Kind(
    request=AgreementRequest,
    result=AgreementResult,
    labels=LabelsNeed.OPTIONAL,
    stages=("read", "embed", "judge", "compare"),
    title="Agreement",
    question="Do people agree, and whose labels are to be looked at first?",
    answer="Krippendorff's alpha by class and person with its 95 % interval, a consensus for each image",
    more="team",
    call="agreement",
    command="agreement",
    usage="POOL --labels L",
    about="How far people agree who labelled the same images of the folder POOL, and what these images are by "
    "consensus.",
    shell_examples=("nextlabel agreement photos --labels labels -o consensus.csv",),
    example={
        "kind": "agreement",
        "backbone": "mobilenet",
        "path_to_img": "photos/train",
        "path_to_labels": "photos/labels",
    },
)
