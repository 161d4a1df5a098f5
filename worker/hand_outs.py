"""Hand-outs as a job has them that runs here: it waits for Redis, and its fence goes with what it hands out."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress

from nextlabel.core.errors import LeaseLost
from nextlabel.core.jobs.hand_outs import HandOut, HandOuts, Project
from nextlabel.core.jobs.store import Claim
from nextlabel.worker.patience import insist
from nextlabel.worker.process import Process


class JobHandOuts:
    """What one job hands out, and what others have."""

    def __init__(self, claim: Claim, process: Process) -> None:
        self._claim, self._lease_s = claim, process.settings.hand_out_s
        self._hand_outs = HandOuts(process.store)
        self._handed_out: tuple[Project, str] | None = None

    def of_others(self, project: Project) -> list[HandOut]:
        return [one for one in insist(lambda: self._hand_outs.of(project)) if one.job_id != self._claim.job_id]

    def hand_out(self, project: Project, person: str, most_holders: Mapping[str, int]) -> frozenset[str]:
        """Raises LeaseLost."""
        self._handed_out = project, person
        handed = insist(
            lambda: self._hand_outs.hand_out(self._claim, project, person, most_holders, lease_s=self._lease_s)
        )
        return handed.refused

    def give_back(self) -> None:
        """Take back what it handed out, if anything: nobody will see it."""
        if self._handed_out is not None:
            with suppress(LeaseLost):
                self.hand_out(*self._handed_out, {})
