"""Every task there is. Adding one is a file beside this, a line here and a trainer in core/neural/trainers.py."""

from __future__ import annotations

from collections.abc import Mapping

from nextlabel.core.tasks.base import Task
from nextlabel.core.tasks.classification import Classification
from nextlabel.core.tasks.multilabel import Multilabel

CLASSIFICATION = Classification()  # the default of every request
MULTILABEL = Multilabel()
TASKS: Mapping[str, Task] = {task.name: task for task in (CLASSIFICATION, MULTILABEL)}


def task_of(name: str) -> Task:
    """Return the task of that name. Raises ValueError, which lists those there are."""
    if name not in TASKS:
        raise ValueError(f"there is no task {name!r}; there are {', '.join(TASKS)}")
    return TASKS[name]
