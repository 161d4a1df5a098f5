"""Looks into the store from outside, many times a second, and takes the inventory when all is over."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import httpx

from nextlabel.core.jobs.store import PREFIX
from tests.chaos.history import Evidence, History, Leased, Leftovers, LoggedClaim, Sighting, TemporaryFile
from tests.chaos.stack import ChaosStack
from tests.chaos.watch import Watch

LOOKS_EVERY_S = 0.05

#: Every lease with its record, at one instant: id, state, fence, worker, one after the other.
SNAPSHOT = """
local seen = {}
for _, id in ipairs(redis.call('ZRANGE', KEYS[1] .. 'leases', 0, -1)) do
  local found = redis.call('HMGET', KEYS[1] .. 'job:' .. id, 'state', 'fence', 'worker')
  seen[#seen + 1] = {id, found[1] or '', found[2] or '0', found[3] or ''}
end
return seen
"""


class Observer(Watch):
    """A thread that notes each new combination of lease, state, fence and worker."""

    def __init__(self, stack: ChaosStack, history: History) -> None:
        super().__init__(stack, every_s=LOOKS_EVERY_S)
        self._history = history
        self._known: set[tuple[str, ...]] = set()

    def look(self) -> None:
        for job_id, state, fence, worker in self._redis.eval(SNAPSHOT, 1, PREFIX):
            if (seen := (job_id, state, fence, worker)) not in self._known:
                self._known.add(seen)
                self._history.leased.append(Leased(time.time(), job_id, state, int(fence), worker))


def take_inventory(
    stack: ChaosStack, history: History, expected: dict[str, bytes], *, messages: int, stuck: list[str]
) -> Evidence:
    """When every worker has stopped. `messages`: that waited before; `stuck`: workers that had not stopped."""
    store = stack.store()
    with stack.client() as client:
        ids = client.zrange(PREFIX + "jobs", 0, -1)
    records = {job_id: store.get(job_id) for job_id in ids}
    digests, results = _last_answers(stack, list(records))
    return Evidence(
        history=history,
        records=records,
        events={job_id: store.events(job_id) for job_id in ids},
        results=results,
        expected=expected,
        digests=digests,
        claims=tuple(logged_claims(stack.logs)),
        left=_leftovers(stack, messages, stuck),
    )


def _last_answers(stack: ChaosStack, job_ids: list[str]) -> tuple[dict[str, str], dict[str, bytes]]:
    digests, results = {}, {}
    with httpx.Client(base_url=stack.url, timeout=30) as http:
        for job_id in job_ids:
            answer = http.get(f"/jobs/{job_id}")
            digests[job_id] = Sighting.of("the end", answer.json(), answer.headers["ETag"]).digest
            if answer.json()["state"] == "succeeded":
                result = http.get(f"/jobs/{job_id}/result")
                results[job_id] = result.content if result.is_success else b""
    return digests, results


def _leftovers(stack: ChaosStack, messages: int, stuck: list[str]) -> Leftovers:
    with stack.client() as client:
        return Leftovers(
            leases=tuple(client.zrange(PREFIX + "leases", 0, -1)),
            queued=tuple(client.zrange(PREFIX + "queued", 0, -1)),
            messages=messages,
            temporary=tuple(_temporary_files(stack.state, stack.cache)),
            result_files=tuple(str(p.relative_to(stack.results)) for p in stack.results.rglob("*") if p.is_file()),
            processes=tuple(stuck),
        )


def _temporary_files(*folders: Path) -> Iterator[TemporaryFile]:
    for folder in folders:
        for path in folder.rglob("*.tmp"):
            yield TemporaryFile(str(path.relative_to(folder.parent)), path.stat().st_mtime)


def logged_claims(logs: Path) -> Iterator[LoggedClaim]:
    """Every attempt that a worker's log tells of, with its end if it had one."""
    for log in sorted(logs.glob("worker-*.log")):
        ends: dict[tuple[str, int], str | None] = {}
        for line in log.read_text(errors="replace").splitlines():
            entry = _entry(line)
            attempt = (entry.get("job_id", ""), entry.get("attempt", 0))
            if entry.get("event") == "job started":
                if attempt in ends:
                    yield LoggedClaim(*attempt, ends[attempt])  # twice: the checker will say so
                ends[attempt] = None
            elif entry.get("event") == "job left":
                ends[attempt] = entry["end"]
        yield from (LoggedClaim(*attempt, end) for attempt, end in ends.items())


def _entry(line: str) -> dict:
    """A line that a killed process left half written, or that is no JSON, tells nothing."""
    try:
        entry = json.loads(line)
    except ValueError:
        return {}
    return entry if isinstance(entry, dict) else {}
