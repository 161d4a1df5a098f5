"""Pydantic's errors in our words: every fault of an object at once, each with a JSON pointer into it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

from pydantic import BaseModel, GetCoreSchemaHandler, ValidationError
from pydantic_core import CoreSchema, ErrorDetails, InitErrorDetails, PydanticCustomError, core_schema

from nextlabel.core.errors import Fault

#: What pydantic calls a fault -> what we call it; the rest are `invalid_value`.
CODES = {
    "missing": "missing_field",
    "extra_forbidden": "unknown_field",
    "unknown_backbone": "unknown_backbone",
    "unknown_method": "unknown_method",
    "unknown_task": "unknown_task",
}
NO_SUCH_FIELD = "there is no such field"
GIVEN_TWICE = "it is given more than once; give it once"
M = TypeVar("M", bound=BaseModel)


class KeyTwice(ValueError):
    """A key stands twice in an object of JSON, which is JSON all the same, and says two things."""


def validate(model: type[M], data: Any, owner: str) -> M:
    """Make an instance of `model`. Raises ValidationError, which tells of an unknown field what fields `owner` has.

    Pydantic puts such an error, raised in a validator of a field, at the place of that field: so an object in an
    object is told by its own fields, at its own place, however deep it lies.
    """
    try:
        return model.model_validate(data)
    except ValidationError as error:
        fields = f"{NO_SUCH_FIELD}; {owner} has {', '.join(model.model_fields)}"
        errors = [_with_fields(detail, fields) for detail in error.errors(include_url=False)]
        raise ValidationError.from_exception_data(error.title, errors) from None


def object_of(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    """Make a JSON object of its keys and values, for `json.loads`, which else takes the last of two values in silence.

    Raises KeyTwice where a key stands there twice.
    """
    made = dict(pairs)
    if len(made) < len(pairs):
        ((twice, _),) = Counter(key for key, _ in pairs).most_common(1)
        raise KeyTwice(f"the key {twice[:200]!r} stands twice in one object")
    return made


def check_once(data: bytes) -> None:
    """Raise KeyTwice where pydantic would take the last of two values in silence; what else is wrong it says itself."""
    try:
        json.loads(data, object_pairs_hook=object_of)
    except KeyTwice:
        raise
    except (ValueError, RecursionError):
        pass


def faults_of(errors: Sequence[ErrorDetails]) -> list[Fault]:
    """Turn each error into a fault; leave out the errors that only repeat another."""
    places = [tuple(error["loc"]) for error in errors]
    return [
        Fault(pointer(error["loc"]), CODES.get(error["type"], "invalid_value"), _detail(error))
        for error in errors
        if not _counts_good_items_only(error, places)
    ]


def pointer(place: Iterable[int | str]) -> str:
    """Write `("methods", 0, "a/b")` as `/methods/0/a~1b`: RFC 6901, but that `/` stands for the whole object."""
    return "/" + "/".join(str(step).replace("~", "~0").replace("/", "~1") for step in place)


def custom_error(code: str, reason: str) -> PydanticCustomError:
    """Make a validator's error that says `reason` as it is: pydantic would take braces in it for places to fill."""
    return PydanticCustomError(code, "{reason}", {"reason": reason})


def _with_guarded_numbers(schema: Any) -> Any:
    """Return the schema of a type, in which each number is looked at before pydantic makes one of it."""
    if isinstance(schema, list | tuple):
        return type(schema)(map(_with_guarded_numbers, schema))
    if not isinstance(schema, dict):
        return schema
    kept = ("default", "metadata")  # what a model's author wrote, and no schemas
    made = {key: part if key in kept else _with_guarded_numbers(part) for key, part in schema.items()}
    if made.get("type") in ("int", "float"):
        return core_schema.no_info_before_validator_function(_no_boolean, made)
    return made


def _no_boolean(value: Any) -> Any:
    if isinstance(value, bool):
        raise custom_error("boolean", "write a number here, not true or false")
    return value


def _with_fields(error: ErrorDetails, fields: str) -> InitErrorDetails:
    """Put `fields` in the place of pydantic's words for an unknown field of the model itself.

    An unknown field that lies deeper keeps its words: a `validate` further in has put them right already.
    """
    own = error["type"] == "extra_forbidden" and len(error["loc"]) == 1
    reason = fields if own else error["msg"]
    return InitErrorDetails(type=custom_error(error["type"], reason), loc=error["loc"], input=error["input"])


def _counts_good_items_only(error: ErrorDetails, places: Sequence[tuple[int | str, ...]]) -> bool:
    """Tell whether an error only follows from others: of one wrong item, pydantic also says the list is too short."""
    own = tuple(error["loc"])
    return error["type"] == "too_short" and any(place[: len(own)] == own != place for place in places)


def _detail(error: ErrorDetails) -> str:
    """Return what to say of the error. Pydantic's own words for an unknown field speak of inputs: ours replace them."""
    plain = error["type"] == "extra_forbidden" and not error["msg"].startswith(NO_SUCH_FIELD)
    return NO_SUCH_FIELD if plain else error["msg"]


class NoBooleansAsNumbers(BaseModel):
    """A model whose numbers, however deep they lie, take no true and no false, which pydantic counts as 1 and 0."""

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        guarded: CoreSchema = _with_guarded_numbers(handler(source))
        return guarded
