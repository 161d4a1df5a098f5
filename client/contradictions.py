"""Images that people see in several ways, as the service tells them: `api/routes/labels.py` writes what this reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel, Field

from nextlabel.core.kinds.results import Part

#: By name, what somebody says of an image: a class, several, () where none applies, None to take it back.
Classes = Mapping[str, str | Sequence[str] | None]


class Contradiction(Part):
    """An image, and the classes that each person gives it; () says that none applies.

    `version` changes with all that is said of it: whoever settles it says what they saw.
    """

    name: str
    classes: dict[str, tuple[str, ...]]
    version: str = ""


class OneLabel(Part):
    name: str
    class_name: str = Field(alias="class")
    person: str


class LabelsTold(BaseModel):
    conflicts: list[OneLabel]
    versions: dict[str, str] = {}


class Settled(BaseModel):
    """`versions`: by name, of all that is said of the image now; none where an older service settled it."""

    versions: dict[str, str] = {}


def gathered(told: LabelsTold) -> list[Contradiction]:
    """Gather lines by image."""
    by_name: dict[str, dict[str, tuple[str, ...]]] = {}
    for one in told.conflicts:
        said = by_name.setdefault(one.name, {})
        said[one.person] = (*said.get(one.person, ()), *filter(None, [one.class_name]))
    return [
        Contradiction(name=name, classes=classes, version=told.versions.get(name, ""))
        for name, classes in by_name.items()
    ]


def lines_of(classes_by_name: Classes) -> list[dict[str, Any]]:
    """Write what is said of images as the service takes it."""
    return [
        {"name": name, "class": one}
        for name, said in classes_by_name.items()
        for one in ([said] if said is None or isinstance(said, str) else list(said) or [""])
    ]
