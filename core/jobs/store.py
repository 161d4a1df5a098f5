"""Jobs in Redis: the truth about each. Every change is one Lua script, by Redis' clock, safe to run twice.

Keys, all under one prefix:
    job:<id>          hash    the record
    jobs              zset    id by time of creation (ms): listing
    queued            zset    id by time of queueing
    leases            zset    id by end of its lease
    holds:<worker>    hash    id, or <id>#<number of the shard> -> the process of that worker that holds it
    shards:<id>       hash    how its images are shared out among workers, while they are (core/jobs/shards.py)
    shard_leases      zset    <id>#<number of the shard> by end of its lease
    deadlines         zset    id by when it must have ended
    ended             zset    id by time of ending: retention
    jobs_of:<owner>   zset    the same of one owner, where there is one
    unfinished:<owner> set    ids of that owner's jobs that have not ended
    idempotency:<key> hash    job id and fingerprint of the request; the key of an owner stands after its name
    calls:<who>       string  when that caller's calls of the last minute are forgotten (ms)
    events:<id>       stream  what happened, for those who follow
    changed           channel ids, as they change
    workers           zset    worker by when it was last seen
    processes         hash    worker -> how many processes it has
    draining:<worker> string  that worker's jobs are put back at their next batch
    webhooks          zset    id of an ended job by when its webhook is due (outbox.py)
    totals, started, wait_ms, run_ms, reaped, fenced, shards, webhook_totals    counters for metrics

A worker is a parent process with its pool of processes; a process is named `<worker>/<process id>`. Processes hold jobs
and shards; workers are seen and drained.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from importlib.resources import files
from typing import Any, Literal, cast

import redis
from redis.commands.core import Script

from nextlabel.core.errors import (
    DeadlineExceeded,
    IdempotencyKeyReused,
    InvalidCursor,
    JobActive,
    JobEnded,
    JobNotFound,
    QuotaExceeded,
    StoreUnavailable,
)
from nextlabel.core.jobs.record import Interruption, Job, JobError, JobState, JobWarning, Progress

PREFIX = "nextlabel:"
CHANGED = PREFIX + "changed"
DRAIN_FOR_S = 600
FORGET_WORKER_MS = 86_400_000
SEEN_WITHIN_S = 10.0

#: The error of a job that nobody claimed before its deadline.
_LATE = JobError.of(DeadlineExceeded()).model_dump_json()

LeaseAnswer = Literal["ok", "cancel", "deadline", "drain", "lost"]


@dataclass(frozen=True)
class Claim:
    """The right to run a job. Every effect carries the fence, and a stale fence changes nothing."""

    job_id: str
    fence: int
    attempt: int
    kind: str
    request: dict[str, Any]


@dataclass(frozen=True)
class Event:
    """One line of a job's history. `id` orders events and resumes a stream after it."""

    id: str
    name: str
    data: dict[str, Any]


@dataclass(frozen=True)
class Page:
    jobs: list[Job]
    next_cursor: str | None


@dataclass(frozen=True)
class Counts:
    """What `/metrics` shows of the store. Counters count since Redis was first started."""

    live: dict[tuple[str, str], int]  # (kind, state) -> jobs that have not ended
    leased: int
    shard_leases: int
    oldest_queued_s: float
    lease_left_s: float | None  # until the first job's lease expires; far below 0: no janitor is at work
    started: dict[str, int]  # kind -> jobs
    wait_s: dict[str, float]  # kind -> from submission to first start, all together
    run_s: dict[str, float]  # kind -> from first start to end, all together
    ended: dict[tuple[str, str], int]  # (kind, state) -> jobs
    reaped: int  # jobs and shards taken back from processes that died or got stuck
    fenced: int  # writes refused for a stale fence
    shards: int
    shard_images: int
    shard_s: float
    workers: dict[str, bool]  # worker -> was it seen in the last ten seconds
    processes: int
    webhooks_waiting: int
    webhooks: dict[str, int]  # outcome -> attempts

    @property
    def queued(self) -> int:
        return sum(jobs for (_, state), jobs in self.live.items() if state == JobState.QUEUED)


class JobStore:
    """All jobs. Every method raises StoreUnavailable when Redis can't be reached or refuses to write."""

    def __init__(self, client: redis.Redis) -> None:
        self._redis = client

    @classmethod
    def at(cls, url: str, *, timeout_s: float = 5.0, retry: bool = True) -> JobStore:
        """Make a store with a client of its own. `retry=False` is for lease renewal, which must know at once."""
        options: dict[str, Any] = {} if retry else {"retry": None}
        return cls(
            redis.Redis.from_url(
                url,
                decode_responses=True,
                socket_timeout=timeout_s,
                socket_connect_timeout=timeout_s,
                health_check_interval=10,
                **options,
            )
        )

    def close(self) -> None:
        self._redis.close()

    # --- a client's side ----------------------------------------------------------------------------------------

    def submit(
        self,
        job_id: str,
        kind: str,
        request_json: str,
        *,
        idempotency_key: str | None = None,
        fingerprint: str = "",
        keep_key_s: float = 0,
        deadline_s: float | None = None,
        webhook: str | None = None,
        owner: str = "",
        most_unfinished: int = 0,
    ) -> tuple[Job, bool]:
        """Record a job. -> (job, whether it is new). An idempotency key seen before gives the job it stands for.

        The job fails if it has not ended `deadline_s` from now. Raises IdempotencyKeyReused when the key's job came
        from another request, QuotaExceeded when the owner has `most_unfinished` jobs that have not ended (0: any
        number).
        """
        keep_ms = max(1, round(keep_key_s * 1000))
        deadline_ms = "" if deadline_s is None else round(deadline_s * 1000)
        key = _key_of(owner, idempotency_key) if idempotency_key else ""
        wanted = (request_json, key, fingerprint, keep_ms, deadline_ms, webhook or "", owner, most_unfinished)
        recorded_id, recorded_fingerprint, unfinished = cast(
            tuple[str, str, int], self.run_script("submit", job_id, kind, *wanted)
        )
        if not recorded_id:
            raise QuotaExceeded(f"{unfinished} of your jobs have not ended; wait for some, or cancel them")
        _refuse_reuse(recorded_id, recorded_fingerprint, fingerprint)
        return self.get(recorded_id), recorded_id == job_id

    def known_by(self, idempotency_key: str, fingerprint: str, owner: str = "") -> Job | None:
        """Return the job that the key stands for already. Raises IdempotencyKeyReused if another request made it."""
        with _reaching_redis():
            known = self._redis.hmget(PREFIX + "idempotency:" + _key_of(owner, idempotency_key), "id", "fingerprint")
        known_id, known_fingerprint = cast(list[str | None], known)
        if known_id is None:
            return None
        _refuse_reuse(known_id, known_fingerprint, fingerprint)
        try:
            return self.get(known_id)
        except JobNotFound:  # it was deleted, and its key is free
            return None

    def get(self, job_id: str) -> Job:
        """Read a job's record. Raises JobNotFound."""
        with _reaching_redis():
            fields = self._redis.hgetall(PREFIX + "job:" + job_id)
        if not fields:
            raise JobNotFound(f"there is no job {job_id}")
        return _job(cast(dict[str, str], fields))

    def page(
        self,
        *,
        kind: str | None = None,
        state: str | None = None,
        owner: str | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> Page:
        """List jobs, newest first, of one owner or of all. Raises InvalidCursor."""
        jobs: list[Job] = []
        index = "jobs" if not owner else f"jobs_of:{owner}"
        for job in self._newest_first(index, *_position(cursor)):
            if kind not in (None, job.kind) or state not in (None, job.state) or owner not in (None, job.owner):
                continue
            if len(jobs) == limit:
                return Page(jobs, _cursor(jobs[-1]))
            jobs.append(job)
        return Page(jobs, None)

    def cancel(self, job_id: str) -> Job:
        """Cancel a job; again and again is the same as once. Raises JobNotFound; JobEnded when it ended otherwise."""
        state = self.run_script("cancel", job_id)
        job = self.get(job_id)
        if JobState(state) not in (JobState.CANCELLED, JobState.CANCELLING):
            raise JobEnded(f"job {job_id} has {state} already")
        return job

    def forget(self, job_id: str) -> None:
        """Remove an ended job's record. Raises JobNotFound; JobActive for a job that has not ended."""
        state = self.run_script("forget", job_id)
        if state is None:
            raise JobNotFound(f"there is no job {job_id}")
        if not JobState(state).is_final:
            raise JobActive(f"job {job_id} is {state}; cancel it first")

    def events(self, job_id: str, after: str = "-") -> list[Event]:
        """List what happened after the event with that id ("-": all that is kept), oldest first."""
        start = after if after == "-" else f"({after}"
        with _reaching_redis():
            entries = self._redis.xrange(PREFIX + "events:" + job_id, min=start)
        return [
            Event(entry_id, fields["event"], json.loads(fields["data"]))
            for entry_id, fields in cast(list[tuple[str, dict[str, str]]], entries)
        ]

    # --- a worker's side ----------------------------------------------------------------------------------------

    def claim(self, job_id: str, *, process: str, token: str, lease_s: float) -> Claim | None:
        """Give the job to that process. None when another runs it or it has ended: the message came twice, or late.

        `process`: its name, `<worker>/<process id>`. `token`: a word made for this call; when the call is repeated with
        it, because the answer got lost, the same claim is the answer.
        """
        claimed = self.run_script("claim", job_id, process, token, round(lease_s * 1000), _LATE)
        if claimed is None:
            return None
        fence, attempt, kind, request = claimed
        return Claim(job_id, int(fence), int(attempt), kind, json.loads(request))

    def renew(self, claim: Claim, *, worker: str, lease_s: float) -> LeaseAnswer:
        """Renew a job's lease for `lease_s` from now, and hear whether it must stop.

        `worker`: whose process runs it; where that worker is draining, the answer is "drain".
        """
        answer = self.run_script("renew", claim.job_id, claim.fence, worker, round(lease_s * 1000))
        return cast(LeaseAnswer, answer)

    def report(self, claim: Claim, progress: Progress | None, warnings: tuple[JobWarning, ...] = ()) -> bool:
        """Show progress and warnings in the record. False when the claim is stale."""
        progress_json = progress.model_dump_json() if progress else ""
        warnings_json = json.dumps([warning.model_dump(mode="json") for warning in warnings]) if warnings else ""
        return bool(self.run_script("report", claim.job_id, claim.fence, progress_json, warnings_json) == "ok")

    def finish(self, claim: Claim, state: JobState, error: JobError | None = None) -> bool:
        """End a running job. False when the claim is stale.

        A job that was being cancelled ends as cancelled, whatever `state` says.
        """
        error_json = error.model_dump_json() if error else ""
        return bool(self.run_script("finish", claim.job_id, claim.fence, state.value, error_json) == "ok")

    def put_back(self, claim: Claim, reason: str) -> bool:
        """Put a running job back into the queue; no crash is charged. False when the claim is stale."""
        return bool(self.run_script("put_back", claim.job_id, claim.fence, reason) == "ok")

    def put_back_stalled(self, claim: Claim, most_crashes: int) -> bool:
        """Put back a job whose process does nothing any more, or end it as failed after too many such crashes.

        Returns whether it was put back and needs a message.
        """
        return bool(self.run_script("put_back_stalled", claim.job_id, claim.fence, most_crashes) == 1)

    # --- the janitor's side -------------------------------------------------------------------------------------

    def put_back_expired(self, most_crashes: int) -> list[str]:
        """Take back the jobs and shards whose leases have expired. -> ids that were put back and need a message."""
        return cast(list[str], self.run_script("put_back_expired", most_crashes, _LATE))

    def put_back_dead(self, dead: str, most_crashes: int) -> list[str]:
        """Take back the jobs and shards of a process, or of a worker with all its processes, that is dead.

        -> ids that were put back and need a message.
        """
        return cast(list[str], self.run_script("put_back_dead", dead, most_crashes))

    def processes_holding(self, worker: str) -> set[str]:
        """Name the processes of that worker that hold a job or a shard."""
        return set(cast(list[str], self.run_script("processes_holding", worker)))

    def queued_longer_than(self, seconds: float) -> list[str]:
        """List the ids of jobs that have been queued for longer, oldest first, at most 1,000."""
        with _reaching_redis():
            before = self._now_ms() - seconds * 1000
            ids = self._redis.zrangebyscore(PREFIX + "queued", "-inf", before, start=0, num=1000)
        return cast(list[str], ids)

    def ended_longer_than(self, seconds: float) -> list[str]:
        """List the ids of jobs that ended longer ago, oldest first, at most 1,000."""
        with _reaching_redis():
            before = self._now_ms() - seconds * 1000
            ids = self._redis.zrangebyscore(PREFIX + "ended", "-inf", before, start=0, num=1000)
        return cast(list[str], ids)

    def messages_waiting(self, queue_key: str) -> int:
        """Count the messages that no process has taken yet."""
        with _reaching_redis():
            return self._redis.llen(queue_key)

    def queue_length(self) -> int:
        """Count the jobs that wait for a process."""
        with _reaching_redis():
            return self._redis.zcard(PREFIX + "queued")

    def server_run_id(self) -> str:
        """Return the name of this run of Redis; it is another one after a restart."""
        with _reaching_redis():
            return str(self._redis.info("server")["run_id"])

    def note_worker(self, worker: str, processes: int = 1) -> None:
        """Note that the worker is alive just now, and how many processes it has."""
        with _reaching_redis():
            now = self._now_ms()
            self._redis.zadd(PREFIX + "workers", {worker: now})
            self._redis.hset(PREFIX + "processes", worker, str(processes))
            for gone in cast(list[str], self._redis.zrangebyscore(PREFIX + "workers", "-inf", now - FORGET_WORKER_MS)):
                self._redis.zrem(PREFIX + "workers", gone)
                self._redis.hdel(PREFIX + "processes", gone)

    def forget_worker(self, worker: str) -> None:
        """Forget a worker that has stopped."""
        with _reaching_redis():
            self._redis.zrem(PREFIX + "workers", worker)
            self._redis.hdel(PREFIX + "processes", worker)
            self._redis.delete(PREFIX + "draining:" + worker)

    def count_processes(self) -> int:
        """Count the processes of the workers that are alive."""
        seen = self.workers()
        with _reaching_redis():
            counts = cast(list[str | None], self._redis.hmget(PREFIX + "processes", seen)) if seen else []
        return sum(int(count or 1) for count in counts)

    def workers(self, within_s: float = SEEN_WITHIN_S) -> list[str]:
        """Name the workers that were seen within the last `within_s` seconds."""
        with _reaching_redis():
            names = self._redis.zrangebyscore(PREFIX + "workers", self._now_ms() - within_s * 1000, "+inf")
        return cast(list[str], names)

    def drain(self, worker: str) -> None:
        """Ask for the jobs that the worker runs to be put back at their next batch."""
        with _reaching_redis():
            self._redis.set(PREFIX + "draining:" + worker, "1", ex=DRAIN_FOR_S)

    def stop_draining(self, worker: str) -> None:
        """Take back what `drain` asked for."""
        with _reaching_redis():
            self._redis.delete(PREFIX + "draining:" + worker)

    # --- limits -------------------------------------------------------------------------------------------------

    def throttle(self, caller: str, per_minute: int) -> float:
        """Count this call if the caller may make it now, and return 0; else return the seconds until it may."""
        return float(self.run_script("throttle", caller, per_minute)) / 1000

    # --- health -------------------------------------------------------------------------------------------------

    def check_writable(self) -> None:
        """Raise StoreUnavailable unless Redis takes a write."""
        with _reaching_redis():
            self._redis.set(PREFIX + "writable", "1", ex=60)

    def counts(self) -> Counts:
        """Count all that `/metrics` shows."""
        live = cast(list[Any], self.run_script("count_jobs"))
        with _reaching_redis():
            now = self._now_ms()
            pipeline = self._redis.pipeline(transaction=False)
            for zset in ("leases", "shard_leases", "webhooks"):
                pipeline.zcard(PREFIX + zset)
            for zset in ("queued", "leases"):
                pipeline.zrange(PREFIX + zset, 0, 0, withscores=True)
            for totals in ("totals", "started", "wait_ms", "run_ms", "shards", "webhook_totals"):
                pipeline.hgetall(PREFIX + totals)
            pipeline.mget(PREFIX + "reaped", PREFIX + "fenced")
            pipeline.zrange(PREFIX + "workers", 0, -1, withscores=True)
            answers = pipeline.execute()
        leased, shard_leases, webhooks_waiting, oldest, next_lease, *hashes, counters, workers = answers
        ended, started, wait_ms, run_ms, shards, webhooks = hashes
        return Counts(
            live=dict(zip(zip(live[::3], live[1::3], strict=True), map(int, live[2::3]), strict=True)),
            leased=leased,
            shard_leases=shard_leases,
            oldest_queued_s=max(0.0, (now - oldest[0][1]) / 1000) if oldest else 0.0,
            lease_left_s=(next_lease[0][1] - now) / 1000 if next_lease else None,
            started={kind: int(jobs) for kind, jobs in started.items()},
            wait_s={kind: int(ms) / 1000 for kind, ms in wait_ms.items()},
            run_s={kind: int(ms) / 1000 for kind, ms in run_ms.items()},
            ended={cast(tuple[str, str], tuple(key.split(":"))): int(total) for key, total in ended.items()},
            reaped=int(counters[0] or 0),
            fenced=int(counters[1] or 0),
            shards=int(shards.get("committed", 0)),
            shard_images=int(shards.get("images", 0)),
            shard_s=float(shards.get("seconds", 0)),
            workers={name: now - seen_at < SEEN_WITHIN_S * 1000 for name, seen_at in workers},
            processes=self.count_processes(),
            webhooks_waiting=webhooks_waiting,
            webhooks={outcome: int(total) for outcome, total in webhooks.items()},
        )

    # --- inside -------------------------------------------------------------------------------------------------

    @cached_property
    def _scripts(self) -> dict[str, Script]:
        folder = files("nextlabel.core.jobs") / "lua"
        prelude = (folder / "prelude.lua").read_text()
        scripts = (file for file in folder.iterdir() if file.name.endswith(".lua") and file.name != "prelude.lua")
        return {
            script.name.removesuffix(".lua"): self._redis.register_script(f"{prelude}\n{script.read_text()}")
            for script in scripts
        }

    def run_script(self, script: str, *arguments: str | int | float) -> Any:
        """Run one of the scripts in core/jobs/lua, as one atomic step."""
        with _reaching_redis():
            return self._scripts[script](keys=[PREFIX], args=list(arguments))

    def _now_ms(self) -> float:
        seconds, microseconds = self._redis.time()
        return seconds * 1000 + microseconds / 1000

    def _newest_first(self, index: str, before_ms: float, before_id: str) -> Iterator[Job]:
        """Yield the jobs that are strictly older than the position (ties in time by id), fetched in lots."""
        start, lot = 0, 100
        while True:
            with _reaching_redis():
                ids = cast(
                    list[str],
                    self._redis.zrevrangebyscore(PREFIX + index, before_ms, "-inf", start=start, num=lot),
                )
                pipeline = self._redis.pipeline(transaction=False)
                for job_id in ids:
                    pipeline.hgetall(PREFIX + "job:" + job_id)
                records = pipeline.execute() if ids else []
            jobs = [_job(fields) for fields in records if fields]
            yield from (job for job in jobs if (_ms(job), job.id) < (before_ms, before_id))
            if len(ids) < lot:
                return
            start += lot


def _refuse_reuse(job_id: str, recorded_fingerprint: str | None, fingerprint: str) -> None:
    if recorded_fingerprint != fingerprint:
        raise IdempotencyKeyReused(
            f"this Idempotency-Key came before with another request (job {job_id}); use a new key"
        )


def _key_of(owner: str, idempotency_key: str) -> str:
    """Make an owner's idempotency key its own: the owner stands before it. No key has a line break in it."""
    return f"{owner}\n{idempotency_key}" if owner else idempotency_key


@contextmanager
def _reaching_redis() -> Iterator[None]:
    try:
        yield
    except redis.RedisError as error:
        raise StoreUnavailable(f"Redis can't be reached or can't write: {error}") from error


def _job(fields: dict[str, str]) -> Job:
    def loaded(name: str, load: Callable[[Any], Any], default: Any = None) -> Any:
        return load(json.loads(fields[name])) if fields.get(name) else default

    return Job(
        id=fields["id"],
        kind=fields["kind"],
        owner=fields.get("owner", ""),
        state=JobState(fields["state"]),
        rev=int(fields["rev"]),
        created_at=_time(fields["created_at"]),
        started_at=_time(fields["started_at"]) if "started_at" in fields else None,
        finished_at=_time(fields["finished_at"]) if "finished_at" in fields else None,
        request=json.loads(fields["request"]),
        attempt=int(fields["attempt"]),
        process=fields.get("worker"),
        ended_by=int(fields["ended_by"]) if "ended_by" in fields else None,
        progress=loaded("progress", Progress.model_validate),
        warnings=loaded("warnings", lambda warnings: tuple(map(JobWarning.model_validate, warnings)), ()),
        error=loaded("error", JobError.model_validate),
        last_interruption=loaded(
            "last_interruption", lambda entry: Interruption.model_validate({**entry, "at": _time(entry["at"])})
        ),
    )


def _time(ms: str | float) -> datetime:
    return datetime.fromtimestamp(float(ms) / 1000, UTC)


def _ms(job: Job) -> float:
    return round(job.created_at.timestamp() * 1000)


def _cursor(job: Job) -> str:
    return base64.urlsafe_b64encode(f"{_ms(job):.0f}:{job.id}".encode()).decode()


def _position(cursor: str | None) -> tuple[float, str]:
    if cursor is None:
        return float("inf"), ""
    try:
        ms, job_id = base64.urlsafe_b64decode(cursor.encode()).decode().split(":", 1)
        return int(ms), job_id
    except (ValueError, binascii.Error) as error:
        raise InvalidCursor("this cursor did not come from here; leave it out to begin with the newest job") from error
