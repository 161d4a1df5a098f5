"""What can be asked for. One frozen class a kind; `parse_request` reports every fault at once."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SerializeAsAny,
    TypeAdapter,
    ValidationError,
    ValidationInfo,
    WrapValidator,
    field_validator,
)
from pydantic_core import ErrorDetails, PydanticCustomError

from nextlabel.core.embeddings.catalogue import find_backbone
from nextlabel.core.errors import Fault, InvalidRequest
from nextlabel.core.methods.base import Method, Need
from nextlabel.core.methods.registry import METHODS, parse_method

HeadName = Literal["linear", "mlp"]
MAX_ADD = 10_000_000
MAX_DEADLINE_S = 366 * 86_400


def _known_backbone(name: Any) -> Any:
    if isinstance(name, str):
        try:
            find_backbone(name)
        except ValueError as error:
            raise PydanticCustomError("unknown_backbone", "{reason}", {"reason": str(error)}) from None
    return name


def _known_method(value: Any) -> Any:
    if not isinstance(value, str | dict | Method):
        return value  # pydantic says what is wrong with it
    try:
        return parse_method(value)
    except ValidationError:  # of its options
        raise
    except ValueError as error:
        raise PydanticCustomError("unknown_method", "{reason}", {"reason": str(error)}) from None


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
Names = Annotated[tuple[PathText, ...], Field(max_length=1_000_000)]


def _kind_is_required(schema: dict[str, Any]) -> None:
    """Its default is for us: a request without it is refused."""
    schema["required"] = ["kind", *schema.get("required", [])]


class JobRequest(BaseModel):
    """What all kinds share."""

    model_config = ConfigDict(frozen=True, extra="forbid", json_schema_extra=_kind_is_required)

    kind: str
    backbone: BackboneName | None
    head: HeadName = Field("linear", description="The classifier trained on the embeddings.")
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

    def fingerprint(self) -> str:
        """Of the validated request, defaults applied."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()


class OnePool(JobRequest):
    """Kinds that work on one labelled set, embedded by a backbone or by whoever asks."""

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
        None, description="Labels file, or folder of such files: `file name<TAB>class` a line. None yet: leave it out."
    )


class OnePredicted(OnePool):
    """Kinds that can do with the predictions of another model."""

    path_to_predictions: PathText | None = Field(
        None,
        description="Your own model's probabilities instead of a head's: a csv or tab-separated file with the header "
        "`name`, class, class, ... and one image a line. Needs no backbone, unless the method looks at embeddings.",
    )


class OneValidated(OnePool):
    """Kinds that may be shown a validation set, besides the labelled one."""

    path_to_img_val: PathText | None = Field(
        None, description="Folder of validation images. Without it, part of the labelled ones is held out."
    )
    path_to_labels_val: PathText | None = Field(None, description="Their labels; together with `path_to_img_val`.")


class SelectionRequest(OnePredicted):
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
        "them). The rest of `add` comes from all other classes.",
    )
    near_copies: Literal["skip", "allow"] = Field(
        "skip", description='"skip": one of a group of near-copies at most, and none of an image labelled or pending.'
    )

    @field_validator("class_quotas")
    @classmethod
    def _quotas_fit(cls, quotas: dict[str, int], info: ValidationInfo) -> dict[str, int]:
        wanted, add = sum(quotas.values()), info.data.get("add")
        if add is not None and wanted > add:
            reason = f"they are {wanted} images together, and add is {add}"
            raise PydanticCustomError("too_large_quotas", "{reason}", {"reason": reason})
        return quotas


class PredictionRequest(OnePool):
    """A class for every unlabelled image."""

    kind: Literal["prediction"] = "prediction"


class F1Request(JobRequest):
    """How good the head trained on one labelled set is on another."""

    kind: Literal["f1"] = "f1"
    backbone: BackboneName
    path_to_img_train: PathText
    path_to_labels_train: PathText
    path_to_img_val: PathText
    path_to_labels_val: PathText


class LearningCurveRequest(OneValidated):
    """How much more labels would bring, and whether to stop."""

    kind: Literal["learning_curve"] = "learning_curve"
    repeats: int = Field(5, ge=2, le=50, description="Nested random subsets of the labels that are trained on.")
    ahead: Annotated[tuple[Annotated[int, Field(ge=1, le=MAX_ADD)], ...], Field(min_length=1, max_length=20)] = Field(
        (100, 500, 1000), description="For how many more labels to forecast."
    )
    worth_per_100: float = Field(
        0.005, gt=0, le=1, description="The gain in macro F1 below which 100 more labels are not worth their while."
    )


class AuditRequest(OneValidated):
    """Whether methods beat chance on the labels there are."""

    kind: Literal["audit"] = "audit"
    methods: Annotated[tuple[MethodChoice, ...], Field(min_length=1, max_length=20)] = Field(
        default_factory=lambda: (parse_method("auto"), parse_method("margin")),
        validate_default=True,
        description="To replay beside `random`.",
    )
    repeats: int = Field(5, ge=2, le=50, description="How often, each time with other first labels.")
    budget: int | None = Field(
        None, ge=20, le=MAX_ADD, description="Labels to replay to. Default: half of those there are, 1,000 at most."
    )


class LabelCheckRequest(OnePredicted, OneValidated):
    """Which labels look wrong."""

    kind: Literal["label_check"] = "label_check"


class SimilarRequest(OnePool):
    """Images like some, and unlike others."""

    kind: Literal["similar"] = "similar"
    add: int = Field(ge=1, le=MAX_ADD, description="How many images to return.")
    like: Annotated[tuple[PathText, ...], Field(min_length=1, max_length=1_000_000)] = Field(
        description="Names of images that show what is looked for."
    )
    unlike: Names = Field((), description="Names of images that don't.")
    exclude: Names = Field((), description="Names of images never to return.")
    among: Literal["unlabelled", "all"] = Field("unlabelled", description="Which images to return.")


class MapRequest(OnePool):
    """The pool in a plane: images that look alike lie close."""

    kind: Literal["map"] = "map"
    points: int = Field(20_000, ge=10, le=100_000, description="How many images at most; labelled ones come first.")


KINDS: dict[str, type[JobRequest]] = {
    kind.model_fields["kind"].default: kind
    for kind in (
        SelectionRequest,
        PredictionRequest,
        F1Request,
        LearningCurveRequest,
        AuditRequest,
        LabelCheckRequest,
        SimilarRequest,
        MapRequest,
    )
}

OneOfThem = (
    SelectionRequest
    | PredictionRequest
    | F1Request
    | LearningCurveRequest
    | AuditRequest
    | LabelCheckRequest
    | SimilarRequest
    | MapRequest
)
AnyRequest = Annotated[OneOfThem, Field(discriminator="kind")]
#: Documented as AnyRequest and taken as it comes: `admit` validates it together with what it names on the disk.
RawRequest = Annotated[OneOfThem, WrapValidator(lambda value, _: value)]
_adapter: TypeAdapter[JobRequest] = TypeAdapter(AnyRequest)


def parse_request(data: Any) -> JobRequest:
    """Raises InvalidRequest with every fault found, each with its JSON pointer."""
    faults: list[Fault] = []
    try:
        request = _adapter.validate_python(data)
    except ValidationError as error:
        faults = faults_of(error.errors(), data)
    faulty = {fault.pointer for fault in faults}
    faults += [fault for fault in _unfit(data) if fault.pointer not in faulty]
    if faults:
        raise InvalidRequest(faults)
    return request


def _unfit(data: Any) -> Iterator[Fault]:
    """Fields that are right by themselves and don't go together."""
    kind = KINDS.get(str(data.get("kind"))) if isinstance(data, dict) else None
    if kind is None or not issubclass(kind, OnePool):
        return
    given = {name for name, value in data.items() if value is not None}
    sources = [name for name in (*_EMBED, "path_to_predictions") if name in kind.model_fields]
    if not given.intersection(sources):
        yield Fault("/backbone", "missing_field", f"name one of {', '.join(sources)}")
    if given.issuperset(_EMBED):
        yield Fault("/path_to_embeddings", "invalid_value", "there is a backbone too: leave one of the two out")
    if issubclass(kind, OneValidated):
        yield from _unfit_validation(given)
    if issubclass(kind, AuditRequest):
        yield from _too_slow(data.get("methods"))
    if "path_to_predictions" in given.intersection(kind.model_fields) and not given.intersection(_EMBED):
        yield from _blind(data.get("method"))


_EMBED = ("backbone", "path_to_embeddings")
_VALIDATION = ("path_to_img_val", "path_to_labels_val")


def _unfit_validation(given: Collection[str]) -> Iterator[Fault]:
    there = [name for name in _VALIDATION if name in given]
    if len(there) == 1:
        (absent,) = set(_VALIDATION) - set(there)
        yield Fault(f"/{absent}", "missing_field", f"it belongs together with {there[0]}")
    if there and "backbone" not in given:
        yield Fault(f"/{there[0]}", "invalid_value", "validation images need a backbone to embed them")


def _too_slow(asked: Any) -> Iterator[Fault]:
    """Methods that train networks of their own in each round, which would take an audit hours."""
    for place, one in enumerate(asked if isinstance(asked, list | tuple) else ()):
        try:
            method = parse_method(one)
        except (ValueError, TypeError):
            continue  # told already
        if not method.needs <= {Need.EMBEDDINGS, Need.LOGITS}:
            able = ", ".join(name for name, one in METHODS.items() if one.needs <= {Need.EMBEDDINGS, Need.LOGITS})
            detail = f"{method.name} trains a network each round and is not replayed; these are: {able}"
            yield Fault(f"/methods/{place}", "invalid_value", detail)


def _blind(asked: Any) -> Iterator[Fault]:
    """A method that looks at embeddings, where there are none."""
    try:
        method = parse_method("auto" if asked is None else asked)
    except (ValueError, TypeError):
        return  # told already
    if method.name != "auto" and not method.needs <= {Need.LOGITS}:
        able = ", ".join(name for name, one in METHODS.items() if one.needs <= {Need.LOGITS})
        detail = f"{method.name} looks at more than predictions: name a backbone too, or take auto, {able}"
        yield Fault("/method", "invalid_value", detail)


def faults_of(errors: Sequence[ErrorDetails], body: Any) -> list[Fault]:
    """Pydantic's errors in our words."""
    kind = body.get("kind") if isinstance(body, dict) else None
    return [
        Fault(_pointer(error, kind), _CODES.get(error["type"], "invalid_value"), _detail(error, kind))
        for error in errors
    ]


def _pointer(error: ErrorDetails, kind: Any) -> str:
    steps = [str(step) for step in error["loc"]]
    if steps[:1] in (["query"], ["header"]):
        return f"?{steps[-1]}"
    if error["type"] in ("union_tag_invalid", "union_tag_not_found"):
        return "/kind"
    return "/" + "/".join(step.replace("~", "~0").replace("/", "~1") for step in _steps_in_body(steps, kind))


def _steps_in_body(steps: list[str], kind: Any) -> list[str]:
    """Without the tags of the unions, which pydantic counts as steps: the kind, and the name of a method."""
    steps = steps[1:] if steps[:1] in (["body"], [kind]) else steps
    return [steps[0], *steps[2:]] if steps[:1] == ["method"] else steps


#: What pydantic calls a fault -> what we call it; the rest are `invalid_value`.
_CODES = {
    "missing": "missing_field",
    "extra_forbidden": "unknown_field",
    "union_tag_invalid": "unknown_kind",
    "union_tag_not_found": "missing_field",
    "unknown_backbone": "unknown_backbone",
    "unknown_method": "unknown_method",
}


def _detail(error: ErrorDetails, kind: Any) -> str:
    if error["type"] == "extra_forbidden" and kind not in list(KINDS):
        return "there is no such field"
    if error["type"] == "extra_forbidden":
        owner, fields = _owner(error["loc"], kind)
        return f"there is no such field; {owner} has {', '.join(fields)}"
    if error["type"] in ("union_tag_invalid", "union_tag_not_found"):
        return f"`kind` must be one of {', '.join(KINDS)}"
    return error["msg"]


def _owner(place: tuple[int | str, ...], kind: str) -> tuple[str, Iterable[str]]:
    """What the unknown field at that place was given to, and the fields that has."""
    if "method" in place[:-1]:
        method = str(place[-2])
        return f"method {method}", METHODS[method].model_fields
    return kind, KINDS[kind].model_fields
