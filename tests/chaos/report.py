"""What a run amounted to, in figures."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median
from typing import Any

from tests.chaos.checker import Violation, claims_of
from tests.chaos.history import Death, Evidence, happened_at


def figures(evidence: Evidence, violations: Sequence[Violation], *, seed: int, drain_s: float) -> dict[str, Any]:
    """As `--json` writes them."""
    history, records, taken = evidence.history, evidence.records.values(), list(takeovers(evidence))
    return {
        "seed": seed,
        "jobs": dict(Counter(_end(record) for record in records).most_common()),
        "jobs by workload": dict(Counter(one.workload for one in history.submissions).most_common()),
        "faults": dict(history.faults.most_common()),
        "poisoned jobs": len(history.poison_kills),
        "poison kills": history.poison_kills.total(),
        "answers": dict(history.answers.most_common()),
        "looks at jobs": len(history.sightings),
        "attempts": sum(record.attempt for record in records),
        "attempts beyond the first": sum(max(0, record.attempt - 1) for record in records),
        "interruptions": dict(_interruptions(evidence)),
        "taken over without a fault": [one.job_id for one in taken if one.blow is None],
        "worker seconds lost to crashes": round(sum(one.held_s for one in taken), 1),
        "seconds until put back": _by_blow(taken, lambda one: one.put_back_s),
        "seconds until claimed again": _by_blow(taken, lambda one: one.claimed_s),
        **(
            {"seconds from an outage's end to the next step of a job": _until_work(evidence)} if history.outages else {}
        ),
        "seconds until a stopped worker was gone": _span(history.drains_s),
        "files left by kills": len(evidence.left.temporary),
        "drain_s": round(drain_s, 1),
        "violations": [vars(one) for one in violations],
    }


def as_text(found: dict[str, Any]) -> str:
    """The same for a person."""
    lines = []
    for name, value in found.items():
        if name != "violations":
            shown = ", ".join(f"{key} {one}" for key, one in value.items()) if isinstance(value, dict) else value
            lines.append(f"{name:<66} {shown}")
    lines.append(f"{'violations':<50}{len(found['violations'])}")
    lines += [f"  {one['broken']}: {one['job_id'] or '-'}: {one['evidence']}" for one in found["violations"]]
    return "\n".join(lines)


def _end(record: Any) -> str:
    return f"{record.state}: {record.error.code}" if record.error else str(record.state)


def _interruptions(evidence: Evidence) -> Counter[str]:
    events = (event for events in evidence.events.values() for event in events)
    return Counter(event.data["reason"] for event in events if event.name == "state" and "reason" in event.data)


@dataclass(frozen=True)
class Takeover:
    """A claim that was taken from a process; `blow`: what had struck it, None if it was only slow."""

    job_id: str
    held_s: float
    blow: Death | None
    put_back_s: float  #: from the blow
    claimed_s: float | None  #: from the blow; None where nobody claimed it again


def takeovers(evidence: Evidence) -> Iterator[Takeover]:
    for job_id, events in evidence.events.items():
        lost = {happened_at(one) for one in events if one.name == "state" and one.data.get("reason") == "worker_lost"}
        for (worker, begun, until), following in pairwise([*claims_of(events), None]):
            if until in lost:
                blow = next((one for one in evidence.history.deaths if one.hit(worker, begun, until)), None)
                since = blow.at if blow else until
                yield Takeover(job_id, until - begun, blow, until - since, following[1] - since if following else None)


def _by_blow(taken: list[Takeover], seconds: Callable[[Takeover], float | None]) -> dict[str, str]:
    spans: defaultdict[str, list[float]] = defaultdict(list)
    for one in taken:
        if one.blow is not None and (value := seconds(one)) is not None:
            spans[one.blow.how].append(value)
    return {name: _span(spans[name]) for name in sorted(spans)}


def _until_work(evidence: Evidence) -> dict[str, str]:
    """A step is a claim or an end. Those that come while nothing waits to be done say nothing, and are left out."""
    steps = sorted(happened_at(e) for events in evidence.events.values() for e in events if e.name in ("state", "end"))
    spans: defaultdict[str, list[float]] = defaultdict(list)
    for how, _, until in evidence.history.outages:
        at = bisect_left(steps, until)
        if at < len(steps):
            spans[how].append(steps[at] - until)
    return {how: _span(spans[how]) for how in sorted(spans)}


def _span(values: list[float]) -> str:
    if not values:
        return "none"
    return f"{min(values):.1f} / {median(values):.1f} / {max(values):.1f} (min / median / max of {len(values)})"
