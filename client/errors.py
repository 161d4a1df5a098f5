"""Errors between a client and the service.

ClientError
├── Unreachable      nobody answers at that address
│   └── NotNextlabel     something else does
├── Unsendable       what was said is no text, no list or no JSON, or the key is none
├── Refused          the service said no; `problem` says why
└── JobFailed        the job ended without a result; `job` is its record
    └── JobCancelled     because a person asked for it
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from gettext import gettext as _
from typing import Any

from nextlabel.client.job import Job
from nextlabel.core.errors import WeightsUnavailable


class ClientError(Exception):
    """The base of all errors of a client. `retryable`: trying again later may help."""

    retryable = False


class Unreachable(ClientError):
    retryable = True

    @classmethod
    def because(cls, error: Exception, url: str) -> Unreachable:
        words = _("no answer from {url} ({error}); is `nextlabel up` running there? NEXTLABEL_URL says where else")
        return cls(words.format(url=url, error=str(error) or type(error).__name__))


class NotNextlabel(Unreachable):
    """Something else listens at that address."""

    retryable = False

    @classmethod
    def at(cls, url: object) -> NotNextlabel:
        words = _("what answers at {url} is not nextlabel, or one of another version")
        return cls(words.format(url=url))


class Unsendable(ClientError):
    """What was said can't be sent: a name that is no UTF-8, what JSON can't hold, a text where several are wanted, what
    is too long for an address, or an API key that is none."""

    @classmethod
    def because(cls, error: UnicodeEncodeError) -> Unsendable:
        """Name the word in which the broken character stands, for the text may be all of a request."""
        before, after = error.object[: error.start], error.object[error.start :]
        word = re.split(r'["\s]', before)[-1] + re.split(r'["\s]', after)[0]
        return cls(_("{word!r} is no UTF-8, and can't be sent: rename it").format(word=word))

    @classmethod
    def as_json(cls, error: Exception) -> Unsendable:
        return cls(_("what was said can't be sent, as JSON has no words for it: {error}").format(error=error))


class Refused(ClientError):
    """The service refused. `problem` is its RFC 9457 document: `code`, `detail`, and in `errors` every fault."""

    def __init__(self, problem: Mapping[str, Any]) -> None:
        faults = [f"  {fault['pointer']}: {fault['detail']}" for fault in problem.get("errors", ())]
        super().__init__("\n".join([_("refused:"), *faults]) if faults else str(problem.get("detail", problem)))
        self.problem = problem
        self.retryable = bool(problem.get("retryable"))

    @property
    def code(self) -> str:
        """The code of the error, one of docs/errors.md; empty where a proxy answered."""
        return str(self.problem.get("code", ""))


class JobFailed(ClientError):
    def __init__(self, job: Job) -> None:
        cancelled = _("job {id} was cancelled").format(id=job.id)
        super().__init__(f"{job.error.code}: {job.error.detail}" if job.error else cancelled)
        self.job = job
        self.retryable = job.error is not None and job.error.retryable
        if self.descriptor_helps:
            self.add_note(_('backbone="descriptor" needs no weights, for a first try'))

    @property
    def descriptor_helps(self) -> bool:
        """Whether the job would go with the backbone that needs no weights: not with a detector's, or for texts."""
        request = self.job.request
        return (
            self.job.error is not None
            and self.job.error.code == WeightsUnavailable.code
            and request.get("backbone") not in (None, "descriptor")
            and request.get("task") != "detection"
            and not request.get("like_text")
        )


class JobCancelled(JobFailed):
    """The job was cancelled. Its record has no error: somebody wanted it so."""
