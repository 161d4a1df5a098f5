"""Which images are with whom: a batch is handed out to a person for a time, and nobody else gets its images meanwhile.

Redis keeps hand-outs and nothing else does: a Redis that loses its data loses who has what, and no label. Whether an
image is labelled, the labels files say; here it is noted besides, so that it isn't counted as still to be done.

Keys, under the store's prefix:
    hand_outs           zset    project by when all that is handed out of it is over
    batches:<project>   hash    job id -> {person, ends}: the batch that this job handed out, and to when (ms)
    held:<project>      hash    name -> ids of the jobs whose batches it is in, "!" after one whose person labelled it
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from nextlabel.core.errors import LeaseLost
from nextlabel.core.jobs.store import Claim, JobStore


@dataclass(frozen=True)
class Project:
    """A pool and its labels, by where both really lie. `labels` is "" where there are none yet."""

    pool: str
    labels: str

    @property
    def key(self) -> str:
        return f"{key_of(self.labels)}:{key_of(self.pool)}"


@dataclass(frozen=True)
class HandOut:
    """A batch that is with a person. `left`: names of its images that are still to be labelled; `labelled`: the others.

    What the person skipped or gave back is in neither.
    """

    job_id: str
    person: str
    ends_at: datetime
    left: tuple[str, ...]
    labelled: tuple[str, ...]


@dataclass(frozen=True)
class HandedOut:
    """What came of handing a batch out. `refused`: names that were not: somebody has them."""

    ends_at: datetime
    refused: frozenset[str]


class HandOuts:
    """All that is with people. Every method raises StoreUnavailable, as the store's do."""

    def __init__(self, store: JobStore) -> None:
        self._store = store

    def of(self, project: Project) -> list[HandOut]:
        """List the batches that are handed out, the one that ends first at the beginning."""
        found = json.loads(self._store.run_script("list_hand_outs", project.key))
        left: dict[str, list[str]] = {job_id: [] for job_id in found["batches"]}
        labelled: dict[str, list[str]] = {job_id: [] for job_id in found["batches"]}
        for name, batches in sorted(found["held"].items()):
            for one in batches.split():
                (labelled if one.endswith("!") else left)[one.removesuffix("!")].append(name)
        listed = [
            HandOut(job_id, batch["person"], _time(batch["ends"]), tuple(left[job_id]), tuple(labelled[job_id]))
            for job_id, batch in found["batches"].items()
            if left[job_id] or labelled[job_id]
        ]
        return sorted(listed, key=lambda one: (one.ends_at, one.job_id))

    def hand_out(
        self, claim: Claim, project: Project, person: str, most_holders: Mapping[str, int], lease_s: float
    ) -> HandedOut:
        """Make these names the batch of the job that runs, with that person for `lease_s`; all in one step.

        most_holders: by name, how many people may have it, this one among them. A name that the person has from another
        job is refused. What the job handed out before, in an attempt that died, is given back unless it is named again.

        Raises LeaseLost: another process runs the job now.
        """
        names, most = json.dumps(list(most_holders)), json.dumps(list(most_holders.values()))
        answer = self._store.run_script(
            "hand_out", claim.job_id, claim.fence, project.key, person, _ms(lease_s), names, most
        )
        if answer == "lost":
            raise LeaseLost("another process runs this job now")
        ends, *refused = answer
        return HandedOut(_time(ends), frozenset(refused))

    def give_back(
        self, project: Project, *, person: str = "", job_id: str = "", names: Sequence[str] | None = None
    ) -> int:
        """Take images back: of one person or of all (""), of one job's batch or of all, these names or all (None).

        Returns how many there were that had not been labelled.
        """
        wanted = "" if names is None else json.dumps(list(names))
        return int(self._store.run_script("give_back", project.key, person, job_id, wanted))

    def note_labels(self, labels: str, person: str, given: Mapping[str, bool], lease_s: float) -> None:
        """Note that the person labelled images, or took labels back (False), in that place of labels, of any pool.

        Who labels is at work: the batches that these images are of are theirs for `lease_s` from now.
        """
        names, is_given = json.dumps(list(given)), json.dumps(list(given.values()))
        self._store.run_script("note_labels", key_of(labels), person, _ms(lease_s), names, is_given)


def people_by_name(hand_outs: Iterable[HandOut]) -> dict[str, set[str]]:
    """Return the people who have each image, labelled by them or not."""
    people: dict[str, set[str]] = {}
    for one in hand_outs:
        for name in (*one.left, *one.labelled):
            people.setdefault(name, set()).add(one.person)
    return people


def key_of(place: str) -> str:
    return sha256(place.encode(errors="surrogateescape")).hexdigest()[:32]


def _ms(seconds: float) -> int:
    return max(1, round(seconds * 1000))


def _time(ms: Any) -> datetime:
    return datetime.fromtimestamp(float(ms) / 1000, UTC)
