"""Every method there is. Adding one is one class and one line here."""

from __future__ import annotations

import difflib
import re
from typing import Any

from nextlabel.core.faults import validate
from nextlabel.core.methods.auto import Auto
from nextlabel.core.methods.base import Method
from nextlabel.core.methods.baseline import Random
from nextlabel.core.methods.coverage import CoreSet, FacilityLocation, MaxHerding, Novelty, TypiClust
from nextlabel.core.methods.detection import ClassSum, DetMax, DetMean, DetSum, Ppal
from nextlabel.core.methods.first_version import Mixture, Vae
from nextlabel.core.methods.hybrid import Badge, Bait, ClusterMargin, DropQuery, UHerding
from nextlabel.core.methods.uncertainty import Entropy, Least, Margin, Ratio

METHODS: dict[str, type[Method]] = {
    method.model_fields["name"].default: method
    for method in (
        Auto,
        UHerding,
        ClusterMargin,
        Badge,
        Bait,
        DropQuery,
        MaxHerding,
        FacilityLocation,
        TypiClust,
        Novelty,
        CoreSet,
        Least,
        Margin,
        Ratio,
        Entropy,
        Vae,
        Mixture,
        Random,
        DetSum,
        DetMax,
        DetMean,
        ClassSum,
        Ppal,
    )
}


def parse_method(value: Any) -> Method:
    """Make a method of `"margin"`, `"vae50"`, or `{"name": "margin", ...options}`.

    Raises ValueError naming what exists, or pydantic's ValidationError for a wrong option.
    """
    if isinstance(value, Method):
        return value
    options = _by_name(value) if isinstance(value, str) else value
    name = options.get("name") if isinstance(options, dict) else None
    if not isinstance(name, str) or name not in METHODS:
        alike = difflib.get_close_matches(str(name), METHODS, n=3)
        hint = f". Did you mean {', '.join(alike)}?" if alike else ""
        raise ValueError(f"there is no method {name!r}; there are: {', '.join(METHODS)}{hint}")
    return validate(METHODS[name], options, f"method {name}")


def _by_name(text: str) -> dict[str, Any]:
    """Read a name, and the epochs that may follow it as in the first version: `vae50`."""
    suffixed = re.fullmatch(r"(vae|mixture)([0-9]+)", text)
    return {"name": suffixed[1], "epochs": int(suffixed[2])} if suffixed else {"name": text}


def methods_of(task: str) -> list[str]:
    """Return the names of those that make sense for the task."""
    return [name for name, method in METHODS.items() if task in method.tasks()]


def describe(method: type[Method]) -> dict[str, Any]:
    """Return what `GET /capabilities` says of one method."""
    schema = method.model_json_schema()
    options = {name: field for name, field in schema["properties"].items() if name != "name"}
    return {
        "name": method.model_fields["name"].default,
        "summary": method.summary,
        "use": method.use,
        "source": method.source,
        "needs": sorted(method.needs),
        "tasks": method.tasks(),
        "several_classes": "multilabel" in method.tasks(),
        "options": options,
    }
