"""The kind `selection`: which images to label next."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationInfo, field_validator

from nextlabel.core.counting import counted
from nextlabel.core.data.cells import cell_of
from nextlabel.core.data.spelling import as_seen
from nextlabel.core.errors import Fault
from nextlabel.core.faults import custom_error
from nextlabel.core.kinds.base import Kind, LabelsNeed
from nextlabel.core.kinds.requests import (
    EMBED,
    MAX_ADD,
    Drafting,
    MethodChoice,
    Names,
    OnePredicted,
    PersonName,
    Timed,
    given_in,
    method_in,
)
from nextlabel.core.kinds.results import (
    ClassProbability,
    DetectionResult,
    DetectorSummary,
    HeadSummary,
    Manifest,
    MultilabelResult,
    Part,
    PredictedBox,
    Result,
    Skipped,
    TimedPart,
)
from nextlabel.core.methods.base import Need
from nextlabel.core.methods.reasons import IMAGE_REASONS, ImageCode, MethodReason
from nextlabel.core.methods.registry import METHODS, methods_of, parse_method
from nextlabel.core.people import in_file_names

MOST_HANDED_OUT = 10_000  # at once, to one person
IMAGE_S, BOX_S = 5.0, 7.0  # seconds to open an image, and to draw a box: a guess, which each team replaces by its own


class SelectionRequest(Timed, OnePredicted, Drafting):
    """Which images to label next."""

    kind: Literal["selection"] = "selection"
    add: int = Field(ge=1, le=MAX_ADD, description="How many images to choose.")
    method: MethodChoice = Field(default_factory=lambda: parse_method("auto"), validate_default=True)
    exclude: Names = Field((), description="Names of images never to choose, as they are in the pool.")
    pending: Names = Field(
        (),
        description="Names handed out for labelling already: neither they nor their near-copies are chosen, and "
        "methods that look at coverage count them as covered.",
    )
    class_quotas: dict[str, Annotated[int, Field(ge=0)]] = Field(
        {},
        max_length=10_000,
        description="By class, how many of `add` to choose among the images that the head takes for it (0: none of "
        "them). The rest of `add` comes from all other classes. For boxes: among "
        "the images on which one of the class is drafted.",
    )
    near_copies: Literal["skip", "allow"] = Field(
        "skip", description='"skip": one of a group of near-copies at most, and none of an image labelled or pending.'
    )
    cost: dict[Literal["image_s", "box_s", "most_s"], Annotated[float, Field(gt=0, le=1_000_000)]] = Field(
        {},
        description="For boxes: the seconds that a person takes to open an image, `image_s`, and to draw a box, "
        f"`box_s`, by which the result says how long the batch takes. Left out: {IMAGE_S:g} and {BOX_S:g}. `most_s`: "
        "as many of the images as take no longer together.",
    )
    person: PersonName | None = Field(
        None,
        description="Who will label them. The batch is handed out to that person: for a time, nobody else who works on "
        "this pool and these labels gets its images. Left out: nothing is handed out; what people have is left alone.",
    )
    overlap: int = Field(
        1,
        ge=1,
        le=10,
        description="How many people are to label an image: so many may have it at the same time, and it comes again "
        "in the batches of others until so many have labelled it.",
    )
    overlap_share: float = Field(
        1.0,
        ge=0,
        le=1,
        description="The share of images that `overlap` is about: always the same ones, drawn by name. A batch has no "
        "larger share of images that others have labelled already.",
    )

    @field_validator("person")
    @classmethod
    def _as_their_file_is_called(cls, person: str | None) -> str | None:
        return None if person is None else in_file_names(person)

    def most_holders(self, name: str) -> int:
        """Return how many people may have the image at the same time."""
        drawn = int.from_bytes(hashlib.sha256(name.encode(errors="replace")).digest()[:8]) < self.overlap_share * 2**64
        return self.overlap if drawn else 1

    @field_validator("class_quotas")
    @classmethod
    def _classes_as_labels_have_them(cls, quotas: dict[str, int]) -> dict[str, int]:
        read = {as_seen(name.strip()): quota for name, quota in quotas.items()}
        if len(read) < len(quotas):
            raise custom_error("invalid_value", "two of the classes look the same; say how many of it once")
        return read

    @field_validator("class_quotas")
    @classmethod
    def _quotas_fit(cls, quotas: dict[str, int], info: ValidationInfo) -> dict[str, int]:
        wanted, add = sum(quotas.values()), info.data.get("add")
        if add is not None and wanted > add:
            reason = f"they are {wanted} images together, and add is {add}"
            raise custom_error("too_large_quotas", reason)
        return quotas

    @classmethod
    def misfits(cls, body: Mapping[str, Any]) -> Iterator[Fault]:
        """A method that looks at embeddings can't do with predictions alone."""
        yield from super().misfits(body)
        yield from _misfits_of_a_hand_out(body)
        given = given_in(body)
        chosen = method_in(body.get("method") or "auto")
        task = body.get("task") or "classification"
        if task in cls.tasks() and chosen is not None and task not in chosen.tasks():
            able = ", ".join(methods_of(task))
            detail = f"{chosen.name} makes no sense for {task}, for which there are {able}"
            yield Fault("/method", "invalid_value", detail)
        yield from _misfits_of_boxes(body, task == "detection")
        if "path_to_predictions" not in given or chosen is None or chosen.name == "auto":
            return
        told = {Need.BOXES if task == "detection" else Need.LOGITS}
        if Need.DESCRIBED_BOXES in chosen.needs:
            detail = f"{chosen.name} looks at what the built-in detector sees, and predictions were brought along"
            yield Fault("/method", "invalid_value", detail)
        elif not given.intersection(EMBED) and not chosen.needs <= told:
            able = ", ".join(name for name in methods_of(task) if METHODS[name].needs <= told)
            detail = f"{chosen.name} looks at more than predictions: name a backbone too, or take auto, {able}"
            yield Fault("/method", "invalid_value", detail)


def _misfits_of_boxes(body: Mapping[str, Any], boxes: bool) -> Iterator[Fault]:
    if body.get("cost") and not boxes:
        yield Fault("/cost", "invalid_value", "it is of boxes alone")
    if body.get("overlap") not in (None, 1) and boxes:
        yield Fault("/overlap", "invalid_value", "boxes are not asked for twice yet: leave it out")


def _misfits_of_a_hand_out(body: Mapping[str, Any]) -> Iterator[Fault]:
    person, add, overlap = (body.get(field) for field in ("person", "add", "overlap"))
    if person is not None and isinstance(add, int) and add > MOST_HANDED_OUT:
        yield Fault("/add", "invalid_value", f"{MOST_HANDED_OUT} images at most are handed out to a person at once")
    if person is None and overlap not in (None, 1):
        yield Fault("/person", "missing_field", "overlap is about images that people have: name who will label these")


class HandedOutPart(Part):
    """What a selection says of hand-outs.

    `handed_to`: whose batch it is; null where nobody was named. `with_others`: how many unlabelled images were left out
    because others have them. `with_you`: the same of images that this person has of other batches. `unsure_of`: of
    those that this person has said to be unsure of.
    """

    handed_to: str | None = None
    with_others: int = 0
    with_you: int = 0
    unsure_of: int = 0

    def of_hand_outs(self) -> Iterator[str]:
        """Say who has what."""
        if self.with_others:
            yield f"With others, and so left out: {self.with_others}."
        if self.with_you:
            yield f"With {self.handed_to} of earlier batches, and so left out: {self.with_you}."
        if self.unsure_of:
            yield f"Left out as {self.handed_to} is unsure of them: {self.unsure_of}."


class Doubted(Part):
    """What a model was unsure of. `class`: None for a box that is just something."""

    class_name: str | None = Field(alias="class")
    probability: float


class ImageReason(Part):
    """Why an image was picked, for those who say it otherwise than an item's English `reason`.

    `code`: what it was picked for, `unsure_of`: what was in doubt about it, `by_neighbours`: according to its
    neighbours among the labelled images, whatever the head as a whole predicts.
    """

    code: ImageCode
    unsure_of: tuple[Doubted, ...] = ()
    by_neighbours: bool = False
    rare_class: bool = False

    def in_words(self, between: str = " / ") -> str:
        """Say it in English."""
        words = IMAGE_REASONS[self.code]
        if self.unsure_of:
            named = (f"{one.class_name or 'something'} {one.probability:.2f}" for one in self.unsure_of)
            words += f": {between.join(named)}"
        words += " by its neighbours" if self.by_neighbours else ""
        return f"{words}; rare class" if self.rare_class else words


class SelectionItem(Part):
    """`copies`: unlabelled near-copies of it that were left out, at most 100; they may be given the same label.

    `second_opinion`: somebody has labelled it, and this person is asked, too: nothing is said of what it is."""

    rank: int
    name: str
    score: float
    predicted: str | None
    confidence: float | None
    top: tuple[ClassProbability, ...]
    cluster: int | None
    reason: str
    because: ImageReason | None = None
    copies: tuple[str, ...] = ()
    second_opinion: bool = False


class MethodUsed(Part):
    """`why`: in an English clause, `because`: the same for those who say it otherwise; None in older results."""

    asked: str
    name: str
    why: str
    because: MethodReason | None = None


class MapPoint(Part):
    """An image in the plane of the method `mixture`. `class_name`: its label, if it has one."""

    name: str
    x: float
    y: float
    cluster: int
    class_name: str | None = Field(alias="class")
    chosen: bool


class SelectionResult(TimedPart, HandedOutPart, Result):
    """`near_copies_left_out`: how many candidates were near-copies of a chosen, labelled or pending image, as far as
    the method came across them. `map`: by `mixture` alone; all labelled and chosen images, and some of the others. The
    `head` called `class_names` is none: labels could teach nothing yet, and images are told by the names of the
    declared classes."""

    kind: Literal["selection"] = "selection"
    data: tuple[str, ...]
    items: tuple[SelectionItem, ...]
    method: MethodUsed
    candidates: int
    near_copies_left_out: int = 0
    map: tuple[MapPoint, ...] | None = None
    head: HeadSummary | None
    skipped: tuple[Skipped, ...]
    manifest: Manifest

    columns = ("rank", "name", "score", "predicted", "confidence", "reason")

    def rows(self) -> Iterable[Sequence[Any]]:
        return ((i.rank, i.name, i.score, i.predicted, i.confidence, i.reason) for i in self.items)

    def sentences(self) -> Iterable[str]:
        yield from _of_choice(self)
        yield from self.of_time()

    def labels_file(self) -> Iterable[tuple[str, str]] | None:
        """The proposed classes, best image first; None where nothing was there to propose any."""
        proposed = [(i.name, i.predicted) for i in self.items if i.predicted]
        return proposed if proposed or self.head else None


class MultilabelSelectionItem(Part):
    """`predicted`: the classes that reach their thresholds, maybe none; None without a head. `confidence`: in the class
    least sure of all. `in_doubt`: the classes that the head is unsure of, three at most. `copies`: unlabelled
    near-copies of it that were left out, at most 100; they may be given the same labels. `second_opinion`: somebody has
    labelled it, and this person is asked, too: nothing is said of what it is."""

    rank: int
    name: str
    score: float
    predicted: tuple[str, ...] | None = None
    confidence: float | None = None
    top: tuple[ClassProbability, ...] = ()
    in_doubt: tuple[ClassProbability, ...] = ()
    cluster: int | None
    reason: str
    because: ImageReason | None = None
    copies: tuple[str, ...] = ()
    second_opinion: bool = False


class MultilabelSelectionResult(TimedPart, HandedOutPart, MultilabelResult):
    """`near_copies_left_out`: how many candidates were near-copies of a chosen, labelled or pending image, as far as
    the method came across them."""

    kind: Literal["selection"] = "selection"
    data: tuple[str, ...]
    items: tuple[MultilabelSelectionItem, ...]
    method: MethodUsed
    candidates: int
    near_copies_left_out: int = 0
    head: HeadSummary | None
    skipped: tuple[Skipped, ...]
    manifest: Manifest

    columns = ("rank", "name", "score", "predicted", "confidence", "reason")

    def rows(self) -> Iterable[Sequence[Any]]:
        return (
            (i.rank, i.name, i.score, None if i.predicted is None else cell_of(i.predicted), i.confidence, i.reason)
            for i in self.items
        )

    def sentences(self) -> Iterable[str]:
        yield from _of_choice(self)
        yield from self.of_time()

    def labels_file(self) -> Iterable[tuple[str, str]] | None:
        """The proposed classes, best image first; None where nothing was there to propose any."""
        if self.head is None:
            return None
        return ((i.name, class_) for i in self.items for class_ in i.predicted or ("",))


class DoubtfulBox(Part):
    """A predicted box whose class, or whether it is one, is in doubt. `doubt`: from 0 to 1, by the score's entropy."""

    box: tuple[float, float, float, float]
    class_name: str | None = Field(alias="class")
    score: float
    doubt: float


class DetectionSelectionItem(Part):
    """`boxes`: what is predicted on it, the surest first; `in_doubt`: the five most doubtful of them. `expected_boxes`:
    how many a person may have to draw: each box above the floor counts as often as boxes of its score are of an object
    on held-out images, and the sum is drawn towards the mean of those. `copies`: unlabelled near-copies of it that
    were left out, at most 100."""

    rank: int
    name: str
    score: float
    boxes: tuple[PredictedBox, ...]
    in_doubt: tuple[DoubtfulBox, ...]
    expected_boxes: float
    cluster: int | None
    reason: str
    because: ImageReason | None = None
    copies: tuple[str, ...] = ()


class DetectionSelectionResult(HandedOutPart, DetectionResult):
    """`looked_at`: how many of the candidates a detector looked at, drawn by chance: all, or 2,000. `expected_boxes`,
    `expected_s`: of the batch. Without a `detector`, nobody has drawn a box yet, or predictions were brought along.
    `near_copies_left_out`: how many candidates were near-copies of a chosen, labelled or pending image, as far as the
    method came across them."""

    kind: Literal["selection"] = "selection"
    data: tuple[str, ...]
    items: tuple[DetectionSelectionItem, ...]
    method: MethodUsed
    candidates: int
    looked_at: int
    expected_boxes: float
    expected_s: float
    near_copies_left_out: int = 0
    detector: DetectorSummary | None
    skipped: tuple[Skipped, ...]
    manifest: Manifest

    columns = ("rank", "name", "score", "expected_boxes", "boxes", "reason")

    def rows(self) -> Iterable[Sequence[Any]]:
        return ((i.rank, i.name, i.score, i.expected_boxes, _in_words(i.boxes), i.reason) for i in self.items)

    def sentences(self) -> Iterable[str]:
        of_boxes = []
        if self.looked_at < self.candidates:
            of_boxes.append(f"Looked at for it: {self.looked_at}, drawn by chance.")
        boxes = counted(round(self.expected_boxes), "box", "boxes")
        return _of_choice(self, *of_boxes, f"About {boxes} to draw, {_long(self.expected_s)} of work.")


def _of_choice(
    result: SelectionResult | MultilabelSelectionResult | DetectionSelectionResult, *more: str
) -> Iterator[str]:
    """Say how many images were chosen and why, and which were left out. more: what is to be said between."""
    chosen = f"{len(result.items)} of {counted(result.candidates, 'unlabelled image')}, chosen by {result.method.name}"
    yield f"{chosen}: {result.method.why}."
    yield from more
    if result.near_copies_left_out:
        yield f"Near-copies left out: {result.near_copies_left_out}."
    yield from result.of_hand_outs()


def _long(seconds: float) -> str:
    """Write a time as a person counts it: seconds below two minutes, minutes below two hours, hours from there on."""
    whole, minutes = round(seconds), round(seconds / 60)
    if whole < 120:
        return counted(whole, "second")
    return f"{minutes} minutes" if minutes < 120 else f"{seconds / 3600:.1f} hours"


def _in_words(boxes: Sequence[PredictedBox]) -> str:
    counts = Counter(box.class_name or "something" for box in boxes if box.draft)
    return " + ".join(f"{count} {name}" for name, count in counts.most_common())


KIND = Kind(
    request=SelectionRequest,
    result=SelectionResult,
    results={"multilabel": MultilabelSelectionResult, "detection": DetectionSelectionResult},
    labels=LabelsNeed.OPTIONAL,
    stages=("read", "embed", "train", "prepare", "choose"),
    title="Next batch",
    question="Which images should a person label next?",
    answer="file names, best first, each with its reason",
    more="methods",
    call="select",
    command="select",
    usage="POOL -n N",
    about="The images of the folder POOL that are worth labelling next, best first. Without labels yet, leave --labels "
    "out.",
    shell_examples=(
        "nextlabel select photos -n 100",
        "nextlabel select photos --labels labels -n 100 -o batch.csv",
        "nextlabel select photos --task detection --labels boxes -n 100 -o batch.csv",
        "nextlabel select photos -n 24 --within 10",
    ),
    example={
        "kind": "selection",
        "backbone": "mobilenet",
        "add": 100,
        "path_to_img": "photos/train",
        "path_to_labels": "photos/labels",
    },
)
