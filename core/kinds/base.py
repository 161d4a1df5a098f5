"""What a kind of job is: the question that a job answers. Each kind's file ends in the one `Kind` that declares it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from inspect import cleandoc
from typing import Any

from nextlabel.core.kinds.requests import JobRequest
from nextlabel.core.kinds.results import Result


class LabelsNeed(StrEnum):
    """What a kind needs of the labels of the images it works on (not of validation labels)."""

    OPTIONAL = "optional"  #: there may be none yet, or of one class only
    TRAINING = "training"  #: a head is trained on them: two classes at least


@dataclass(frozen=True, kw_only=True)
class Kind:
    """One kind of job. Whatever lists kinds is made from these: docs/decisions/a-kind-has-a-home.md says what.

    The docstring of `request` says in a sentence what a job of the kind answers; the command's help, the calls of the
    clients and the API's document show it.

    results: by task, of those whose answers look otherwise than `result`.
    unlabelled: tasks of which it needs no labels, whatever `labels` says.
    title: what the page calls such a job. question: what a person wants to know who asks for one.
    answer: what they get, in a few words. more: the page of docs/ that tells more, without `.md`.
    stages: all stages that its pipeline may go through, in order.
    call: the name of the method of both clients that asks for one. command: of the command of `nextlabel`.
    usage: what has to follow the command. about: what the command's help says after the request's sentence.
    by_names: whether the names of declared classes will do, where labels can't teach a head yet, with a backbone that
        knows texts.
    gives_way: whether such a job is put back, at its next batch, for the sake of others that wait.
    shell_examples: commands as a person may type them. example: a request as the API's document shows it.
    """

    request: type[JobRequest]
    result: type[Result]
    labels: LabelsNeed
    stages: tuple[str, ...]
    title: str
    question: str
    answer: str
    more: str
    call: str
    command: str
    usage: str
    about: str
    shell_examples: tuple[str, ...]
    example: Mapping[str, Any]
    results: Mapping[str, type[Result]] = field(default_factory=dict)
    by_names: bool = False
    gives_way: bool = False
    unlabelled: tuple[str, ...] = ()

    def result_of(self, task: str) -> type[Result]:
        """The form of its answers to requests of that task."""
        return self.results.get(task, self.result)

    def labels_of(self, task: str) -> LabelsNeed:
        """What it needs of the labels of that task."""
        return LabelsNeed.OPTIONAL if task in self.unlabelled else self.labels

    @property
    def name(self) -> str:
        """What `kind` says in a request."""
        name: str = self.request.model_fields["kind"].default
        return name

    @property
    def tasks(self) -> tuple[str, ...]:
        """The tasks it serves, the default first."""
        return self.request.tasks()

    @property
    def summary(self) -> str:
        """The sentence of the request's docstring."""
        assert self.request.__doc__ is not None
        return cleandoc(self.request.__doc__)

    @property
    def proposes_labels(self) -> bool:
        """Whether a labels file can be made of its result."""
        return self.result.labels_file is not Result.labels_file

    def planned(self, *, leave_out: Collection[str] = ()) -> tuple[str, ...]:
        """The stages of one job, in order: all but those that this one has no need of."""
        assert set(leave_out) <= set(self.stages)
        return tuple(stage for stage in self.stages if stage not in leave_out)
