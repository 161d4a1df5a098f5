"""Many clients beside one busy worker: how long a poll and a submit take, and what they cost the worker.

    python -m benchmarks.load --clients 200 --submits-per-s 20 --seconds 60

Starts the real stack with its own Redis and one worker, which has more jobs waiting than it can do: small selections
on the demo's digits. In one run: the worker alone; beside clients that long-poll, as ours do; beside clients that ask
once a second; alone again. Times are from when a request was due, not from when it was sent.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import resource
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import httpx
import numpy as np

from nextlabel.client.digits import write_digits
from nextlabel.client.stack import Stack, free_port
from nextlabel.core.jobs.record import JobState

LABELS, ADD = 100, 10
WAIT_S = 30
TICK_S = 0.05
TIMEOUT_S = 60
STEPS = (50, 95, 99, 100)
ENDED = tuple(state.value for state in JobState if state.is_final)
SETTLE_S = 3.0  # clients that all arrive at once are not what is measured


@dataclass
class Phase:
    """What was seen in one stretch of time."""

    name: str
    errors: list[str]  # of the whole run
    seconds: float = 0.0
    requests: int = 0
    jobs_done: float = 0.0
    times_ms: dict[str, list[float]] = field(
        default_factory=lambda: {"submit": [], "poll": [], "change": [], "tick": []}
    )
    cpu: dict[str, float] = field(default_factory=dict)  # share of one core

    def summary(self) -> dict[str, object]:
        shown = {f"{name}_ms": _percentiles(times) for name, times in self.times_ms.items() if times}
        rates = {"requests_per_s": self.requests / self.seconds, "jobs_per_s": self.jobs_done / self.seconds}
        if self.requests:
            rates["api_cpu_ms_per_request"] = 1000 * self.cpu["api"] * self.seconds / self.requests
        return {"seconds": self.seconds, **rates, "cpu": self.cpu, **shown}


class Load:
    def __init__(self, url: str, folder: Path, arguments: argparse.Namespace) -> None:
        self._url, self._folder, self._arguments = url, folder, arguments
        self._shared = httpx.AsyncClient(base_url=url, timeout=TIMEOUT_S, limits=httpx.Limits(), trust_env=False)
        self._unwatched: asyncio.Queue[str] = asyncio.Queue()  # oldest first
        self._submitted = 0
        self._errors: list[str] = []
        self.phase = Phase("warm-up", self._errors)

    async def run(self) -> list[Phase]:
        seconds = self._arguments.seconds
        async with self._shared:
            for _ in range(self._backlog(await self._warm_up())):
                await self._submit(time.perf_counter())
            return [
                await self._measured("alone, before", seconds / 2),
                await self._measured("long polls", seconds, self._long_polls),
                await self._measured("polls each second", seconds, self._plain_polls),
                await self._measured("alone, after", seconds / 2),
            ]

    def _backlog(self, jobs_per_s: float) -> int:
        """So many that the worker has work to the end, and every client a job to follow."""
        seconds, submitted = self._arguments.seconds, 2 * self._arguments.seconds * self._arguments.submits_per_s
        needed = max(jobs_per_s * seconds / 2, jobs_per_s * 3 * seconds - submitted)
        return round(1.5 * needed) + self._arguments.clients

    async def _warm_up(self) -> float:
        """-> jobs a second; the embeddings are in the cache then, and the worker has its libraries."""
        for jobs in (1, 10):
            begin, done = time.perf_counter(), await self._done()
            for _ in range(jobs):
                await self._submit(begin)
            while await self._done() < done + jobs:
                await asyncio.sleep(0.02)
        return jobs / (time.perf_counter() - begin)

    async def _measured(
        self, name: str, seconds: float, follow: Callable[[httpx.AsyncClient], Awaitable[None]] | None = None
    ) -> Phase:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self._tick())]
            if follow is not None:
                tasks.append(group.create_task(self._submits()))
                tasks += [group.create_task(self._client(follow, turn)) for turn in range(self._arguments.clients)]
                await asyncio.sleep(SETTLE_S)
            phase = self.phase = Phase(name, self._errors)
            with _cpu(phase):
                done = await self._done()
                await asyncio.sleep(seconds)
                phase.jobs_done = await self._done() - done
            self.phase = Phase("between", self._errors)
            for task in tasks:
                task.cancel()
        return phase

    async def _tick(self) -> None:
        """How late this very process is: what was measured may be wrong by that."""
        while True:
            begin = time.perf_counter()
            await asyncio.sleep(TICK_S)
            self._took("tick", begin + TICK_S)

    async def _submits(self) -> None:
        async with asyncio.TaskGroup() as group:
            async for due in _every(1 / self._arguments.submits_per_s):
                group.create_task(self._submit(due))

    async def _submit(self, due: float) -> None:
        self._submitted += 1
        body = {"kind": "selection", "backbone": "descriptor", "add": ADD, "method": "margin", "seed": self._submitted}
        body |= {"path_to_img": str(self._folder / "pool"), "path_to_labels": str(self._folder / "labels.txt")}
        answer = await self._ask(self._shared, "POST", "/jobs", json=body)
        if answer is not None:
            self._took("submit", due)
            self._unwatched.put_nowait(answer.json()["id"])

    async def _client(self, follow: Callable[[httpx.AsyncClient], Awaitable[None]], turn: int) -> None:
        """With a connection of its own."""
        async with httpx.AsyncClient(base_url=self._url, timeout=TIMEOUT_S, trust_env=False, verify=False) as client:
            await asyncio.sleep(turn / self._arguments.clients)
            await follow(client)

    async def _long_polls(self, client: httpx.AsyncClient) -> None:
        """As client/talk.py does: look once, then wait for a change of what was seen."""
        while True:
            job_id, etag, state = await self._unwatched.get(), None, None
            while state not in ENDED:
                sent, known = time.perf_counter(), {"If-None-Match": etag} if etag else {}
                wait_s = WAIT_S if etag else 0
                began = time.time()
                answer = await self._ask(client, "GET", f"/jobs/{job_id}", params={"wait": wait_s}, headers=known)
                if answer is None:
                    continue
                if not wait_s:
                    self._took("poll", sent)
                if answer.status_code == httpx.codes.OK:
                    self._note_lateness(answer.json(), state, began)
                    etag, state = answer.headers["ETag"], answer.json()["state"]

    async def _plain_polls(self, client: httpx.AsyncClient) -> None:
        while True:
            job_id = await self._unwatched.get()
            async for due in _every(1.0):
                answer = await self._ask(client, "GET", f"/jobs/{job_id}")
                if answer is not None:
                    self._took("poll", due)
                    if answer.json()["state"] in ENDED:
                        break

    def _note_lateness(self, job: dict, state: str | None, began: float) -> None:
        """Of an answer that waited for the job's start or end, whose times are Redis', on the same machine."""
        changed = {"running": job["started_at"], **dict.fromkeys(ENDED, job["finished_at"])}.get(job["state"])
        if changed and job["state"] != state and (at := datetime.fromisoformat(changed).timestamp()) > began:
            self.phase.times_ms["change"].append(1000 * (time.time() - at))

    def _took(self, name: str, since: float) -> None:
        self.phase.times_ms[name].append(1000 * (time.perf_counter() - since))

    async def _ask(self, client: httpx.AsyncClient, verb: str, path: str, **options) -> httpx.Response | None:
        """None when it went wrong, which is noted."""
        try:
            answer = await client.request(verb, path, **options)
        except httpx.HTTPError as error:
            self._errors.append(f"{verb} {path}: {error!r}")
            return None
        self.phase.requests += 1
        if answer.is_error:
            self._errors.append(f"{verb} {path}: {answer.status_code} {answer.text[:200]}")
            return None
        return answer

    async def _done(self) -> float:
        text = (await self._shared.get("/metrics")).text
        return sum(float(count) for count in re.findall(r"^nextlabel_jobs_ended_total\{.*\} (\S+)", text, re.MULTILINE))


async def _every(seconds: float):
    """When each turn is due; turns that were missed come at once."""
    due = time.perf_counter()
    while True:
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        yield due
        due += seconds


@contextmanager
def _cpu(phase: Phase) -> Iterator[None]:
    """Notes how long it took, and which share of one core each process used."""
    before, begin = _cpu_seconds(), time.perf_counter()
    yield
    phase.seconds = time.perf_counter() - begin
    phase.cpu = {name: (used - before[name]) / phase.seconds for name, used in _cpu_seconds().items()}


def _cpu_seconds() -> dict[str, float]:
    own = resource.getrusage(resource.RUSAGE_SELF)
    return {"load generator": own.ru_utime + own.ru_stime, "api": _of_child(b"nextlabel.api")}


def _of_child(module: bytes) -> float:
    """CPU seconds of the child that runs `python -m module`, from Linux' /proc."""
    for pid in Path(f"/proc/self/task/{os.getpid()}/children").read_text().split():
        with suppress(OSError):
            if module in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0"):
                user, system = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]
                return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")
    raise RuntimeError(f"no child runs {module.decode()}")


def _percentiles(times: list[float]) -> dict[str, float]:
    shown = dict(zip(("p50", "p95", "p99", "max"), np.percentile(times, STEPS), strict=True))
    return {"n": len(times), **{name: round(float(value), 1) for name, value in shown.items()}}


def report(phases: list[Phase]) -> dict[str, object]:
    alone = [phase for phase in phases if phase.name.startswith("alone")]
    rate_alone = sum(phase.jobs_done for phase in alone) / sum(phase.seconds for phase in alone)
    summaries = {phase.name: phase.summary() for phase in phases}
    for summary in summaries.values():
        summary["jobs_per_s_to_alone"] = summary["jobs_per_s"] / rate_alone
    return {"cores": os.cpu_count(), "phases": summaries, "errors": phases[0].errors}


def show(told: dict) -> None:
    print(f"{told['cores']} cores\n")
    print("| | requests/s | jobs/s | to alone | API's CPU | a request, ms | generator's CPU |")
    print("|---|---|---|---|---|---|---|")
    for name, one in told["phases"].items():
        each = f"{one['api_cpu_ms_per_request']:.1f}" if "api_cpu_ms_per_request" in one else ""
        shares = f"{one['cpu']['api']:.0%} | {each} | {one['cpu']['load generator']:.0%}"
        rates = f"{one['requests_per_s']:.0f} | {one['jobs_per_s']:.2f} | {one['jobs_per_s_to_alone']:.2f}"
        print(f"| {name} | {rates} | {shares} |")
    print("\n| ms | n | p50 | p95 | p99 | max |\n|---|---|---|---|---|---|")
    for name, one in told["phases"].items():
        for key, words in WORDS.items():
            if key in one:
                print(f"| {name}: {words} | " + " | ".join(f"{value:g}" for value in one[key].values()) + " |")
    print(f"\n{len(told['errors'])} errors", *told["errors"][:5], sep="\n")


WORDS = {
    "submit_ms": "submit",
    "poll_ms": "poll that does not wait",
    "change_ms": "a waiting poll's answer after the job's start or end",
    "tick_ms": "the generator's own lateness",
}


def main() -> None:
    arguments = _parse()
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        write_digits(work)
        answers = (work / "answers.txt").read_text().splitlines(keepends=True)
        (work / "labels.txt").write_text("".join(answers[:LABELS]))
        environment = {
            "NEXTLABEL_DATA_ROOTS": folder,
            "NEXTLABEL_STATE_DIR": f"{folder}/state",
            "NEXTLABEL_MAX_UNFINISHED_JOBS": "0",  # more are submitted than one worker carries out
            "NEXTLABEL_CACHE_DIR": f"{folder}/cache",
        }
        with Stack(environment, port=free_port(), workers=1, own_redis=True, log=work / "stack.log") as stack:
            told = report(asyncio.run(Load(stack.url, work, arguments).run()))
    print(json.dumps(told, indent=2)) if arguments.json else show(told)
    if told["errors"]:
        raise SystemExit(f"{len(told['errors'])} requests went wrong")


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60, help="of each of the two loads; alone: half of it, twice")
    parser.add_argument("--clients", type=int, default=200)
    parser.add_argument("--submits-per-s", type=float, default=20)
    parser.add_argument("--json", action="store_true", help="figures for a program to read")
    return parser.parse_args()


if __name__ == "__main__":
    main()
