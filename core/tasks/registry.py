"""Every task there is. Adding one is a file beside this and a line here; one of classes has a trainer besides."""

from __future__ import annotations

from collections.abc import Mapping

from nextlabel.core.tasks.base import ClassTask, Task
from nextlabel.core.tasks.classification import Classification
from nextlabel.core.tasks.detection import Detection
from nextlabel.core.tasks.multilabel import Multilabel

CLASSIFICATION = Classification()  # the default of every request
MULTILABEL = Multilabel()
DETECTION = Detection()
#: Those whose labels are classes of whole images.
CLASS_TASKS: Mapping[str, ClassTask] = {task.name: task for task in (CLASSIFICATION, MULTILABEL)}
TASKS: Mapping[str, Task] = {**CLASS_TASKS, DETECTION.name: DETECTION}


def task_of(name: str) -> ClassTask:
    """Return the task of classes of that name. Raises ValueError, which lists those there are."""
    if name not in CLASS_TASKS:
        raise ValueError(f"there is no task {name!r}; there are {', '.join(CLASS_TASKS)}")
    return CLASS_TASKS[name]
