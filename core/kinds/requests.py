"""What every kind of job may be asked: the fields of requests, and the bases that kinds share."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Annotated, Any, ClassVar, Literal, get_args

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Field,
    SerializeAsAny,
    ValidationError,
    field_validator,
)

from nextlabel.core.data.label_text import clean_name
from nextlabel.core.data.roots import shown
from nextlabel.core.embeddings.catalogue import find_backbone
from nextlabel.core.errors import Fault
from nextlabel.core.faults import NoBooleansAsNumbers, custom_error
from nextlabel.core.methods.base import Method
from nextlabel.core.methods.registry import parse_method
from nextlabel.core.people import PERSON, RULE, is_name, tidy

HeadName = Literal["linear", "linear_alone", "mlp"]
ONE_CLASS_HEADS = ("linear_alone", "mlp")
MAX_ADD = 10_000_000
MIN_SCORE = 0.05
PASSES = 800  # of images, while a detector is trained
AUGMENTED_PASSES = 1_000  # the same where images pass otherwise by chance, as objects are small
LARGE_PASSES = 8_000  # the same of a large detector, on a GPU
LIGHT_PASSES = 2_400  # the same of a light head, to which an image is a few rows of numbers
MAX_DEADLINE_S = 366 * 86_400
MAX_WITHIN_S = 86_400
LATER_FIELDS = frozenset({
    "task", "content", "all_probabilities", "cross_validate", "person", "overlap", "overlap_share", "detector",
    "image_size", "passes", "names", "min_score", "cost", "within_s", "warm",
})  # fmt: skip
EMBED = ("backbone", "path_to_embeddings")
OF_CLASSES = "What a label is: one class an image (`classification`), or any number of them (`multilabel`)."
TaskOfClasses = Literal["classification", "multilabel"]
AnyTask = Literal["classification", "multilabel", "detection"]
DetectorName = Literal["whole", "light", "large"]
OF_BOXES_ALONE = "it is of the task detection alone"
OWN_DETECTOR = "boxes are found by a detector of its own: leave it out"
VALIDATION = ("path_to_img_val", "path_to_labels_val")


def _known_backbone(name: Any) -> Any:
    if isinstance(name, str):
        try:
            find_backbone(name)
        except ValueError as error:
            raise custom_error("unknown_backbone", str(error)) from None
    return name


def _known_method(value: Any) -> Any:
    if not isinstance(value, str | dict | Method):
        return value  # pydantic says what is wrong with it
    try:
        return parse_method(value)
    except ValidationError:  # of its options
        raise
    except ValueError as error:
        raise custom_error("unknown_method", str(error)) from None


BACKBONES = "b0, resnet50, mobilenet, dinov2, dinov3, siglip, descriptor, or any timm model name."
BackboneName = Annotated[
    str,
    BeforeValidator(_known_backbone),
    Field(description=BACKBONES),
]
MethodChoice = Annotated[
    SerializeAsAny[Method],
    BeforeValidator(_known_method, json_schema_input_type=str | dict[str, Any]),
    Field(
        description='A method\'s name (`vae50`, `mixture3` set its epochs), or `{"name": ..., options}`. '
        "`GET /capabilities` lists them."
    ),
]
PathText = Annotated[str, Field(min_length=1, max_length=4096)]
ImageName = Annotated[PathText, AfterValidator(clean_name)]
#: The field `task` of kinds that boxes are not served by.
OfClasses = Annotated[TaskOfClasses, Field(description=OF_CLASSES)]
Names = Annotated[tuple[ImageName, ...], Field(max_length=1_000_000)]


def _person(name: str) -> str:
    tidied = tidy(name)
    if not is_name(tidied):
        raise custom_error("invalid_value", f"{shown(name)} names nobody: a name has {RULE}")
    return tidied


#: Who reads the schema is told the rule as a pattern, and who breaks it in words.
PersonName = Annotated[str, AfterValidator(_person), Field(json_schema_extra={"pattern": f"^{PERSON}$"})]


def _kind_is_required(schema: dict[str, Any]) -> None:
    """Its default is for us: a request without it is refused."""
    schema["required"] = ["kind", *schema.get("required", [])]


class JobRequest(NoBooleansAsNumbers):
    """The fields that all kinds share."""

    model_config = ConfigDict(frozen=True, extra="forbid", json_schema_extra=_kind_is_required)

    #: Fields that came later.
    later: ClassVar[frozenset[str]] = LATER_FIELDS
    #: Fields that the default task needs, and another has to leave out: the schema can't require them.
    needed: ClassVar[Sequence[str]] = ()

    kind: str
    backbone: BackboneName | None
    head: HeadName = Field(
        "linear",
        description="The classifier trained on the embeddings. `linear` lets the nearest images of the pool have a say "
        "in what it says of an image; `linear_alone` and `mlp` don't.",
    )
    task: AnyTask = Field(
        "classification",
        description=f"{OF_CLASSES} Or boxes with a class each (`detection`).",
    )
    content: bool = Field(
        False,
        strict=True,
        description="Read every image to see whether it was changed, where the file system may not tell "
        "(a network share). Takes as long as reading all of the files.",
    )
    seed: int = Field(0, ge=0, lt=2**32, description="The same request with the same seed gives the same answer.")
    weights: Literal["random"] | None = Field(
        None, description='Leave out for pretrained weights. "random": an untrained network, to compare with.'
    )
    deadline_s: float | None = Field(
        None,
        gt=0,
        le=MAX_DEADLINE_S,
        description="Fails unless it has ended so many seconds after it was submitted.",
    )
    webhook: Annotated[str, Field(max_length=2000)] | None = Field(
        None,
        description="An https URL that is told when the job has ended, by a signed POST after the Standard Webhooks "
        "specification. It may be told more than once.",
    )

    @classmethod
    def tasks(cls) -> tuple[str, ...]:
        """The tasks that this kind serves, the default first."""
        return get_args(cls.model_fields["task"].annotation)

    @classmethod
    def misfits(cls, body: Mapping[str, Any]) -> Iterator[Fault]:
        """The faults of fields that may be right by themselves and don't go together.

        `body` has not been validated: what is wrong with a single field is told elsewhere, and passed over here.
        """
        if body.get("task") == "multilabel" and body.get("head") in ONE_CLASS_HEADS:
            detail = f"{body['head']} gives an image one class; linear has a sigmoid a class"
            yield Fault("/head", "invalid_value", detail)
        if of_boxes(body) and body.get("head") in ONE_CLASS_HEADS:
            yield Fault("/head", "invalid_value", "boxes are found by a detector, and there is no head: leave it out")

    @field_validator("task", mode="before")
    @classmethod
    def _is_served(cls, task: Any) -> Any:
        if task not in cls.tasks():
            raise custom_error("unknown_task", f"`task` must be one of {', '.join(cls.tasks())}")
        return task

    def fingerprint(self) -> str:
        """A digest of the validated request, with its defaults: the same for the same question, however it was written.

        Fields that came later are left out while they have their default, so that requests recorded before them keep
        their fingerprints.
        """
        later = {name: field for name, field in type(self).model_fields.items() if name in self.later}
        exclude = {name for name, field in later.items() if getattr(self, name) == field.default}
        return hashlib.sha256(self.model_dump_json(exclude=exclude).encode()).hexdigest()


class OnePool(JobRequest):
    """The fields of kinds that work on one labelled set, embedded by a backbone or by whoever asks."""

    #: Fields that say what images look like; one at least has to be given, and only one of the first two.
    sources: ClassVar[tuple[str, ...]] = EMBED

    backbone: BackboneName | None = Field(
        None, description=f"{BACKBONES} Left out where embeddings, or predictions, are brought along."
    )
    path_to_embeddings: PathText | None = Field(
        None,
        description="Your own embeddings instead of a backbone: a `.npy` file of (images, d) numbers, and beside it a "
        "`.txt` of the same name with one image name a line, in the same order.",
    )
    path_to_img: PathText = Field(description="Folder of images, labelled and unlabelled together.")
    path_to_labels: PathText | None = Field(
        None,
        description="Labels file, or folder of such files: `file name<TAB>class` a line; of boxes, a line of JSON for "
        "each image. None yet: leave it out.",
    )

    @classmethod
    def misfits(cls, body: Mapping[str, Any]) -> Iterator[Fault]:
        yield from super().misfits(body)
        given = given_in(body)
        if not given.intersection(cls.sources) and not of_boxes(body):
            yield Fault("/backbone", "missing_field", f"name one of {', '.join(cls.sources)}")
        if given.issuperset(EMBED):
            yield Fault("/path_to_embeddings", "invalid_value", "there is a backbone too: leave one of the two out")


class Timed(OnePool):
    """The fields of kinds that can do with a part of the pool, where the whole would take too long to embed."""

    within_s: float | None = Field(
        None,
        gt=0,
        le=MAX_WITHIN_S,
        description="Do with what is embedded so many seconds after the job began: images drawn evenly from the whole "
        "pool, the labelled ones first. Asked again, it does with more. Left out: the whole pool is embedded.",
    )

    @classmethod
    def misfits(cls, body: Mapping[str, Any]) -> Iterator[Fault]:
        yield from super().misfits(body)
        given = given_in(body)
        if "within_s" not in given:
            return
        if of_boxes(body):
            detail = "a detector looks at 2,000 images at most, which takes a minute: leave it out"
            yield Fault("/within_s", "invalid_value", detail)
        elif "backbone" not in given:
            yield Fault("/within_s", "invalid_value", "it is about what a backbone embeds, and there is none")
        if body.get("content") is True:
            yield Fault("/within_s", "invalid_value", "content reads every image first: leave one of the two out")


class OnePredicted(OnePool):
    """The fields of kinds that can do with the predictions of another model."""

    sources = (*OnePool.sources, "path_to_predictions")

    path_to_predictions: PathText | None = Field(
        None,
        description="Your own model's probabilities instead of a head's: a csv or tab-separated file with the header "
        "`name`, class, class, ... and one image a line. Needs no backbone, unless the method looks at embeddings.",
    )

    @classmethod
    def misfits(cls, body: Mapping[str, Any]) -> Iterator[Fault]:
        yield from super().misfits(body)
        if body.get("task") == "multilabel":
            why = "each line must sum to 1, which is one class an image: leave it out with the task multilabel"
            yield from unfit(body, ["path_to_predictions"], why)


class Detecting(JobRequest):
    """The fields of kinds that train a detector, for boxes."""

    detector: DetectorName | None = Field(
        None,
        description="For boxes: what finds them. `whole`: a small network, all of which is trained on the labels, in "
        "about a minute. `light`: a head on what it and a backbone see untrained, in seconds; it finds less. "
        "`large`: D-FINE or RT-DETRv2, on a GPU. Left out: `large` where a worker has a GPU and its weights, or else "
        "`whole`.",
    )
    image_size: int | None = Field(
        None,
        ge=64,
        le=1280,
        description="For boxes: pixels of the longer side of an image as the detector sees it. Left out: 320; 416 "
        "where objects are small and the whole network is trained; 640 for a large one. Larger finds smaller objects, "
        "and takes longer by its square.",
    )
    passes: int | None = Field(
        None,
        ge=8,
        le=100_000,
        description="For boxes: how many images pass while the detector is trained; an image may pass several times. "
        f"Left out: {PASSES}, {AUGMENTED_PASSES} where objects are small, {LIGHT_PASSES} for a light head, "
        f"{LARGE_PASSES} for a large detector.",
    )

    @classmethod
    def misfits(cls, body: Mapping[str, Any]) -> Iterator[Fault]:
        yield from super().misfits(body)
        if body.get("detector") == "large" and body.get("weights") == "random":
            yield Fault("/weights", "invalid_value", "a large detector is made of its weights: leave it out")
        if (why := _why_no_detector(body)) is not None:
            yield from unfit(body, ["detector", "image_size", "passes"], why)


class Drafting(Detecting):
    """The fields of kinds whose detector proposes boxes to people, and judges nothing."""

    warm: bool = Field(
        False,
        strict=True,
        description="For boxes: let training go on from a detector that is kept and learnt from some of the same "
        "labels, which takes half as long, unless `passes` says how long. The answer then depends on what is kept; "
        "`detector.warm_from` says what it was. Left out: training begins with the published weights, and the same "
        "request gives the same answer.",
    )

    @classmethod
    def misfits(cls, body: Mapping[str, Any]) -> Iterator[Fault]:
        yield from super().misfits(body)
        if body.get("warm") is not True:
            return
        why = _why_no_detector(body)
        if why is None and body.get("detector") in ("light", "large"):
            why = "it is of the small network that is trained whole: leave one out"
        if why is not None:
            yield Fault("/warm", "invalid_value", why)


class BoxesPredicted(Drafting):
    """The fields of kinds that look at predicted boxes, and can do with those of another detector."""

    later: ClassVar[frozenset[str]] = LATER_FIELDS | {"path_to_predictions"}

    path_to_predictions: PathText | None = Field(
        None,
        description="For boxes alone: what your own detector says of the images; none is trained then. As csv "
        "(`name,class,x,y,width,height,score`), as COCO with scores, or as lines of JSON.",
    )

    @classmethod
    def misfits(cls, body: Mapping[str, Any]) -> Iterator[Fault]:
        yield from super().misfits(body)
        if not of_boxes(body):
            yield from unfit(body, ["path_to_predictions"], OF_BOXES_ALONE)


class OnBoxes(Timed, BoxesPredicted):
    """The fields of kinds that tell images apart by a backbone, and boxes as well."""

    @classmethod
    def misfits(cls, body: Mapping[str, Any]) -> Iterator[Fault]:
        yield from super().misfits(body)
        if not of_boxes(body):
            return
        if "backbone" not in given_in(body):
            yield Fault("/backbone", "missing_field", "name one: boxes are told apart by what it sees in them")
        yield from unfit(body, ["path_to_embeddings"], "they are of whole images: leave them out")


class OneValidated(OnePool):
    """The fields of kinds that may be shown a validation set, besides the labelled one."""

    path_to_img_val: PathText | None = Field(
        None, description="Folder of validation images. Without it, part of the labelled ones is held out."
    )
    path_to_labels_val: PathText | None = Field(None, description="Their labels; together with `path_to_img_val`.")

    @classmethod
    def misfits(cls, body: Mapping[str, Any]) -> Iterator[Fault]:
        yield from super().misfits(body)
        given = given_in(body)
        there = [name for name in VALIDATION if name in given]
        if len(there) == 1:
            (absent,) = set(VALIDATION) - set(there)
            yield Fault(f"/{absent}", "missing_field", f"it belongs together with {there[0]}")
        if there and "backbone" not in given and not of_boxes(body):
            yield Fault(f"/{there[0]}", "invalid_value", "validation images need a backbone to embed them")


def given_in(body: Mapping[str, Any]) -> set[str]:
    """The names of the fields that say something: null is the same as nothing."""
    return {name for name, value in body.items() if value is not None}


def of_boxes(body: Mapping[str, Any]) -> bool:
    """Whether it is of the task `detection`."""
    return bool(body.get("task") == "detection")


def unfit(body: Mapping[str, Any], names: Iterable[str], why: str) -> Iterator[Fault]:
    """Yield a fault for each of those fields that says something."""
    given = given_in(body)
    return (Fault(f"/{name}", "invalid_value", why) for name in names if name in given)


def _why_no_detector(body: Mapping[str, Any]) -> str | None:
    if not of_boxes(body):
        return OF_BOXES_ALONE
    return "predictions were brought along: no detector is trained" if "path_to_predictions" in given_in(body) else None


def method_in(choice: Any) -> Method | None:
    """The method that was chosen; None where it is none, which is told as a fault of its field."""
    try:
        return parse_method(choice)
    except (ValueError, TypeError):
        return None
