"""Pydantic's errors in our words: every fault of an object at once, each with a JSON pointer into it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails, InitErrorDetails, PydanticCustomError

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
M = TypeVar("M", bound=BaseModel)


def validate(model: type[M], data: Any, owner: str) -> M:
    """An instance of `model`. Raises ValidationError, which tells of an unknown field what fields `owner` has.

    Pydantic puts such an error, raised in a validator of a field, at the place of that field: so an object in an
    object is told by its own fields, at its own place, however deep it lies.
    """
    try:
        return model.model_validate(data)
    except ValidationError as error:
        fields = f"{NO_SUCH_FIELD}; {owner} has {', '.join(model.model_fields)}"
        lines = [_with_fields(one, fields) for one in error.errors(include_url=False)]
        raise ValidationError.from_exception_data(error.title, lines) from None


def faults_of(errors: Sequence[ErrorDetails]) -> list[Fault]:
    """A fault for each error."""
    places = [tuple(error["loc"]) for error in errors]
    return [
        Fault(pointer(error["loc"]), CODES.get(error["type"], "invalid_value"), _detail(error))
        for error in errors
        if not _counts_good_items_only(error, places)
    ]


def pointer(place: Iterable[int | str]) -> str:
    """`("methods", 0, "a/b")` -> `/methods/0/a~1b`, as RFC 6901 has it, but that `/` is the whole object."""
    return "/" + "/".join(str(step).replace("~", "~0").replace("/", "~1") for step in place)


def custom_error(code: str, reason: str) -> PydanticCustomError:
    """What a validator raises to say `reason` as it is: pydantic would read braces in it as places to fill."""
    return PydanticCustomError(code, "{reason}", {"reason": reason})


def _with_fields(error: ErrorDetails, fields: str) -> InitErrorDetails:
    """`fields`: told of an unknown field of the model itself; one that lies deeper has been told of already."""
    own = error["type"] == "extra_forbidden" and len(error["loc"]) == 1
    reason = fields if own else error["msg"]
    return InitErrorDetails(type=custom_error(error["type"], reason), loc=error["loc"], input=error["input"])


def _counts_good_items_only(error: ErrorDetails, places: Sequence[tuple[int | str, ...]]) -> bool:
    """Of one wrong item, pydantic says besides that the list is too short: it has 0 items that are right."""
    own = tuple(error["loc"])
    return error["type"] == "too_short" and any(place[: len(own)] == own != place for place in places)


def _detail(error: ErrorDetails) -> str:
    """Pydantic's own words of an unknown field are about inputs."""
    plain = error["type"] == "extra_forbidden" and not error["msg"].startswith(NO_SUCH_FIELD)
    return NO_SUCH_FIELD if plain else error["msg"]
