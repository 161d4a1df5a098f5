"""What a kind of job is: the question that a job answers. Each kind's file ends in the one `Kind` that declares it."""

from __future__ import annotations

from dataclasses import dataclass

from nextlabel.core.kinds.requests import JobRequest
from nextlabel.core.kinds.results import Result


@dataclass(frozen=True)
class Kind:
    """Everything that lists kinds (admission, the API's document, the command line, clients, docs) reads these."""

    request: type[JobRequest]
    result: type[Result]

    @property
    def name(self) -> str:
        """What `kind` says in a request."""
        name: str = self.request.model_fields["kind"].default
        return name

    @property
    def proposes_labels(self) -> bool:
        """Whether a labels file can be made of its result."""
        return self.result.labels_file is not Result.labels_file
