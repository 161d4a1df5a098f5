"""The Python client of nextlabel: `from nextlabel import Client`.

Names are imported when they are asked for: the API and the workers lie below this package and need no client.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nextlabel.client.errors import ClientError, JobCancelled, JobFailed, NotNextlabel, Refused, Unreachable
    from nextlabel.client.http import AsyncClient, Client
    from nextlabel.client.job import Job
    from nextlabel.client.projects import Project
    from nextlabel.client.talk import Event
    from nextlabel.core.data.labels import write_labels
    from nextlabel.core.data.notes import GivenNote
    from nextlabel.core.tasks.classification import read_labels

__all__ = [
    "AsyncClient",
    "Client",
    "ClientError",
    "Event",
    "GivenNote",
    "Job",
    "JobCancelled",
    "JobFailed",
    "NotNextlabel",
    "Project",
    "Refused",
    "Unreachable",
    "read_labels",
    "write_labels",
]

_HOMES = {
    "nextlabel.client.errors": (
        "ClientError",
        "JobCancelled",
        "JobFailed",
        "NotNextlabel",
        "Refused",
        "Unreachable",
    ),
    "nextlabel.client.http": ("AsyncClient", "Client"),
    "nextlabel.client.job": ("Job",),
    "nextlabel.client.projects": ("Project",),
    "nextlabel.client.talk": ("Event",),
    "nextlabel.core.data.labels": ("write_labels",),
    "nextlabel.core.data.notes": ("GivenNote",),
    "nextlabel.core.tasks.classification": ("read_labels",),
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOME_OF[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
