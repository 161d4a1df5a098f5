"""What a run amounted to, in figures."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from statistics import median
from typing import Any

from tests.chaos.checker import Violation, claims_of
from tests.chaos.history import Evidence, happened_at


def figures(evidence: Evidence, violations: Sequence[Violation], *, seed: int, drain_s: float) -> dict[str, Any]:
    """As `--json` writes them."""
    history, records = evidence.history, evidence.records.values()
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
        "worker seconds lost to crashes": round(sum(_seconds_lost(evidence)), 1),
        "seconds until claimed again": _spans(_recoveries(evidence)),
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
            lines.append(f"{name:<42}{shown}")
    lines.append(f"{'violations':<42}{len(found['violations'])}")
    lines += [f"  {one['broken']}: {one['job_id'] or '-'}: {one['evidence']}" for one in found["violations"]]
    return "\n".join(lines)


def _end(record: Any) -> str:
    return f"{record.state}: {record.error.code}" if record.error else str(record.state)


def _interruptions(evidence: Evidence) -> Counter[str]:
    events = (event for events in evidence.events.values() for event in events)
    return Counter(event.data["reason"] for event in events if event.name == "state" and "reason" in event.data)


def _seconds_lost(evidence: Evidence) -> list[float]:
    """Of each claim that ended in a crash: from its beginning until it was put back."""
    lost = []
    for events in evidence.events.values():
        crashed = {
            happened_at(one) for one in events if one.name == "state" and one.data.get("reason") == "worker_lost"
        }
        lost += [until - begun for _, begun, until in claims_of(events) if until in crashed]
    return lost


def _recoveries(evidence: Evidence) -> dict[str, list[float]]:
    """By what struck it: from then until the job was another's, or had ended."""
    spans: defaultdict[str, list[float]] = defaultdict(list)
    for events in evidence.events.values():
        claims = list(claims_of(events))
        for i, (worker, begun, until) in enumerate(claims):
            blow = next((death for death in evidence.history.deaths if death.hit(worker, begun, until)), None)
            if blow is not None and i + 1 < len(claims):
                spans[blow.how].append(claims[i + 1][1] - blow.at)
    return spans


def _spans(spans: dict[str, list[float]]) -> dict[str, str]:
    return {name: _span(spans[name]) for name in sorted(spans)}


def _span(values: list[float]) -> str:
    if not values:
        return "none"
    return f"{min(values):.1f} / {median(values):.1f} / {max(values):.1f} (min / median / max of {len(values)})"
