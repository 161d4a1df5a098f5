"""Every method there is. Adding one is one class and one line here."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, TypeAdapter

from core.methods.base import Method
from core.methods.baseline import Random
from core.methods.uncertainty import Entropy, Least, Margin, Ratio

METHODS: dict[str, type[Method]] = {
    method.model_fields["name"].default: method for method in (Random, Least, Margin, Ratio, Entropy)
}

AnyMethod = Annotated[Random | Least | Margin | Ratio | Entropy, Field(discriminator="name")]
_adapter: TypeAdapter[Method] = TypeAdapter(AnyMethod)


def parse_method(value: Any) -> Method:
    """`"margin"`, or `{"name": "margin", ...options}` -> the method.

    Raises ValueError naming what exists, or pydantic's ValidationError for a wrong option.
    """
    if isinstance(value, Method):
        return value
    options = {"name": value} if isinstance(value, str) else value
    name = options.get("name") if isinstance(options, dict) else None
    if name not in METHODS:
        raise ValueError(f"there is no method {name!r}; there are: {', '.join(METHODS)}")
    return _adapter.validate_python(options)


def describe(method: type[Method]) -> dict[str, Any]:
    """What `GET /capabilities` says of one method."""
    schema = method.model_json_schema()
    options = {name: field for name, field in schema["properties"].items() if name != "name"}
    return {
        "name": method.model_fields["name"].default,
        "summary": method.summary,
        "source": method.source,
        "needs": sorted(method.needs),
        "options": options,
    }
