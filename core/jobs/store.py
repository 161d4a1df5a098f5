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
    stack             hash    data roots and state folder of the stack whose Redis this is (tenancy.py)
    members           zset    processes of that stack by when they were last seen
    accepted:<ledger> string  how many jobs one API process has accepted (ledger.py)
    lost              zset    id of a job that was accepted and is no more, by when that was noticed
    lost_owners       hash    id -> whose it was
    hand_outs, batches:<project>, held:<project>    which images are with whom (hand_outs.py)
    totals, started, wait_ms, run_ms, reaped, fenced, lost_total, shards, webhook_totals    counters for metrics

A worker is a parent process with its pool of processes; a process is named `<worker>/<process id>`. Processes hold jobs
and shards; workers are seen and drained.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
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
    JobBroken,
    JobEnded,
    JobLost,
    JobNotFound,
    QuotaExceeded,
    StoreRefused,
    StoreUnavailable,
    StoreUnfit,
)
from nextlabel.core.jobs.ledger import Ledger
from nextlabel.core.jobs.record import (
    Job,
    JobError,
    JobState,
    JobWarning,
    Progress,
    checked_job_id,
)
from nextlabel.core.jobs.stored import Event, read_event, read_job, read_object
from nextlabel.core.jobs.tenancy import ANY, FOREIGN, Stack
from nextlabel.core.settings import DEFAULT_REDIS_PREFIX, Settings

PREFIX = DEFAULT_REDIS_PREFIX + ":"
CHANGED = PREFIX + "changed"
DRAIN_FOR_S = 600
FORGET_WORKER_MS = 86_400_000
SEEN_WITHIN_S = 10.0

#: The error of a job that nobody claimed before its deadline.
_LATE = JobError.of(DeadlineExceeded()).model_dump_json()

#: Answers of Redis that are about its state and not about what was asked: as much an outage as no answer.
_AWAY = re.compile(r"\b(LOADING|READONLY|MASTERDOWN|NOREPLICAS|MISCONF|OOM|BUSY|CLUSTERDOWN|TRYAGAIN)\b")

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
class Page:
    jobs: list[Job]
    next_cursor: str | None
    broken: tuple[str, ...] = ()  #: ids of the jobs on the way whose records can't be read


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
    lost: int = 0  # jobs that were accepted and that Redis lost

    @property
    def queued(self) -> int:
        return sum(jobs for (_, state), jobs in self.live.items() if state == JobState.QUEUED)


class JobStore:
    """All jobs. Every method raises StoreUnavailable when Redis can't be reached or refuses to write."""

    def __init__(
        self,
        client: redis.Redis,
        prefix: str = DEFAULT_REDIS_PREFIX,
        *,
        stack: Callable[[], Stack] = lambda: ANY,
        ledger: Ledger | None = None,
    ) -> None:
        """`prefix`: what all keys begin with. `stack`: in another's Redis nothing is submitted or claimed.

        `ledger`: where the jobs are noted that are accepted through this store.
        """
        self._redis, self._prefix, self._stack_of, self._ledger = client, f"{prefix}:", stack, ledger

    @classmethod
    def at(
        cls,
        url: str,
        prefix: str = DEFAULT_REDIS_PREFIX,
        *,
        timeout_s: float = 5.0,
        retry: bool = True,
        stack: Callable[[], Stack] = lambda: ANY,
        ledger: Ledger | None = None,
    ) -> JobStore:
        """Make a store with a client of its own. `retry=False` is for lease renewal, which must know at once."""
        options: dict[str, Any] = {} if retry else {"retry": None}
        client = redis.Redis.from_url(
            url,
            decode_responses=True,
            encoding_errors="replace",  # what isn't UTF-8 isn't ours, and must not hide what is
            socket_timeout=timeout_s,
            socket_connect_timeout=timeout_s,
            health_check_interval=10,
            **options,
        )
        return cls(client, prefix, stack=stack, ledger=ledger)

    @classmethod
    def of(
        cls, settings: Settings, *, timeout_s: float = 5.0, retry: bool = True, ledger: Ledger | None = None
    ) -> JobStore:
        """Make the store of the stack that has these settings."""
        options: dict[str, Any] = {"timeout_s": timeout_s, "retry": retry, "ledger": ledger}
        return cls.at(settings.redis_url, settings.redis_prefix, stack=lambda: Stack.of(settings), **options)

    @cached_property
    def stack(self) -> Stack:
        """The stack that this store's jobs belong to. Its state folder is looked at when it is needed, not before."""
        return self._stack_of()

    @property
    def changed(self) -> str:
        """The channel that tells the ids of jobs as they change."""
        return self._prefix + "changed"

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
        ledger = self._ledger.name if self._ledger else ""
        recorded_id, recorded_fingerprint, unfinished, *number = cast(
            tuple[str, str, int, int],
            self.run_script("submit", checked_job_id(job_id), kind, *wanted, *self.stack, ledger),
        )
        if not recorded_id and unfinished < 0:
            raise StoreUnfit(FOREIGN)
        if not recorded_id:
            raise QuotaExceeded(f"{unfinished} of your jobs have not ended; wait for some, or cancel them")
        if self._ledger and number[0]:
            self._ledger.note(number[0], recorded_id, owner)
        _refuse_reuse(recorded_id, recorded_fingerprint, fingerprint)
        return self.get(recorded_id), recorded_id == job_id

    def known_by(self, idempotency_key: str, fingerprint: str, owner: str = "") -> Job | None:
        """Return the job that the key stands for already. Raises IdempotencyKeyReused if another request made it."""
        with reaching_redis():
            known = self._redis.hmget(
                self._prefix + "idempotency:" + _key_of(owner, idempotency_key), "id", "fingerprint"
            )
        known_id, known_fingerprint = cast(list[str | None], known)
        if known_id is None or known_fingerprint is None:
            return None
        _refuse_reuse(known_id, known_fingerprint, fingerprint)
        try:
            return self.get(known_id)
        except JobNotFound:  # it was deleted, and its key is free
            return None

    def get(self, job_id: str) -> Job:
        """Read a job's record. Raises JobNotFound; JobLost or JobBroken when there was one, or is."""
        with reaching_redis():
            pipeline = self._redis.pipeline(transaction=False)
            pipeline.hgetall(self._prefix + "job:" + job_id)
            pipeline.hexists(self._prefix + "lost_owners", job_id)
            fields, lost = pipeline.execute(raise_on_error=False)
        if fields == {} and lost is True:
            raise JobLost(job_id)
        return read_job(job_id, fields)

    def owner_of_lost(self, job_id: str) -> str:
        """Say whose the lost job was; "" where nobody knows."""
        with reaching_redis():
            return cast(str | None, self._redis.hget(self._prefix + "lost_owners", job_id)) or ""

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
        broken: list[str] = []
        index = "jobs" if not owner else f"jobs_of:{owner}"
        for job in self._newest_first(index, broken, *_position(cursor)):
            if kind not in (None, job.kind) or state not in (None, job.state) or owner not in (None, job.owner):
                continue
            if len(jobs) == limit:
                return Page(jobs, _cursor(jobs[-1]), tuple(broken))
            jobs.append(job)
        return Page(jobs, None, tuple(broken))

    def cancel(self, job_id: str) -> Job:
        """Cancel a job; again and again is the same as once. Raises JobNotFound; JobEnded when it ended otherwise."""
        state = self.run_script("cancel", job_id)
        job = self.get(job_id)
        if JobState(state) not in (JobState.CANCELLED, JobState.CANCELLING):
            raise JobEnded(f"job {job_id} has {state} already")
        return job

    def forget(self, job_id: str) -> None:
        """Remove the record of an ended job, or one that is broken.

        Raises JobNotFound; JobActive for a job that has not ended.
        """
        state = self.run_script("forget", job_id, "broken" if self._is_broken(job_id) else "")
        if state is None:
            raise JobNotFound(f"there is no job {job_id}")
        if self._ledger:
            self._ledger.strike(job_id)
        if state == "broken":
            return
        if not JobState(state).is_final:
            raise JobActive(f"job {job_id} is {state}; cancel it first")

    def _is_broken(self, job_id: str) -> bool:
        try:
            self.get(job_id)
        except JobBroken:
            return True
        except JobNotFound:
            pass
        return False

    def events(self, job_id: str, after: str = "-") -> list[Event]:
        """List what happened after the event with that id ("-": all that is kept), oldest first."""
        start = after if after == "-" else f"({after}"
        with reaching_redis():
            entries = self._redis.xrange(self._prefix + "events:" + job_id, min=start)
        events = (read_event(*entry) for entry in cast(list[tuple[str, dict[str, str]]], entries))
        return [event for event in events if event is not None]

    # --- a worker's side ----------------------------------------------------------------------------------------

    def claim(self, job_id: str, *, process: str, token: str, lease_s: float) -> Claim | None:
        """Give the job to that process. None when another runs it or it has ended: the message came twice, or late.

        `process`: its name, `<worker>/<process id>`. `token`: a word made for this call; when the call is repeated with
        it, because the answer got lost, the same claim is the answer. A job whose request can't be read ends as failed.
        Raises StoreUnfit in another stack's Redis.
        """
        lease_ms = round(lease_s * 1000)
        claimed = self.run_script("claim", checked_job_id(job_id), process, token, lease_ms, _LATE, *self.stack)
        if claimed is None:
            return None
        if claimed == "foreign":
            raise StoreUnfit(FOREIGN)
        fence, attempt, kind, request = claimed
        try:
            return Claim(job_id, int(fence), int(attempt), kind, read_object(request))
        except (ValueError, TypeError) as error:
            broken = JobError.of(JobBroken(job_id, f"request: {error}"))
            self.finish(Claim(job_id, int(fence), int(attempt), kind, {}), JobState.FAILED, broken)
            return None

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

    def others_wait(self, kinds: Sequence[str], for_s: float) -> bool:
        """Whether a job of none of these kinds has been queued for so long."""
        return bool(self.run_script("others_wait", round(for_s * 1000), *kinds))

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
        with reaching_redis():
            before = self._now_ms() - seconds * 1000
            ids = self._redis.zrangebyscore(self._prefix + "queued", "-inf", before, start=0, num=1000)
        return cast(list[str], ids)

    def ended_longer_than(self, seconds: float) -> list[str]:
        """List the ids of jobs that ended longer ago, oldest first, at most 1,000."""
        with reaching_redis():
            before = self._now_ms() - seconds * 1000
            ids = self._redis.zrangebyscore(self._prefix + "ended", "-inf", before, start=0, num=1000)
        return cast(list[str], ids)

    def messages_waiting(self, queue_key: str) -> int:
        """Count the messages that no process has taken yet."""
        with reaching_redis():
            return self._redis.llen(queue_key)

    def queue_length(self) -> int:
        """Count the jobs that wait for a process."""
        with reaching_redis():
            return self._redis.zcard(self._prefix + "queued")

    def server_run_id(self) -> str:
        """Return the name of this run of Redis; it is another one after a restart."""
        with reaching_redis():
            return str(self._redis.info("server").get("run_id"))

    def info(self) -> dict[str, Any]:
        """Return what Redis says of itself."""
        with reaching_redis():
            return dict(self._redis.info())

    def config(self, name: str) -> str | None:
        """Return that setting of Redis; None where it may not be asked for, as in most managed ones."""
        try:
            with reaching_redis():
                return cast(dict[str, str], self._redis.config_get(name)).get(name)
        except StoreRefused:
            return None

    def note_worker(self, worker: str, processes: int = 1, gpus: int | None = None) -> None:
        """Note that the worker is alive just now, and how many processes and GPUs it has; None: that isn't known."""
        with reaching_redis():
            now = self._now_ms()
            self._redis.hset(self._prefix + "processes", worker, str(processes))
            if gpus is None:
                self._redis.hdel(self._prefix + "gpus", worker)
            else:
                self._redis.hset(self._prefix + "gpus", worker, str(gpus))
            self._redis.zadd(self._prefix + "workers", {worker: now})  # last: who sees it sees what it has
            for gone in cast(
                list[str], self._redis.zrangebyscore(self._prefix + "workers", "-inf", now - FORGET_WORKER_MS)
            ):
                self._redis.zrem(self._prefix + "workers", gone)
                self._redis.hdel(self._prefix + "processes", gone)
                self._redis.hdel(self._prefix + "gpus", gone)

    def forget_worker(self, worker: str) -> None:
        """Forget a worker that has stopped."""
        with reaching_redis():
            self._redis.zrem(self._prefix + "workers", worker)
            self._redis.hdel(self._prefix + "processes", worker)
            self._redis.hdel(self._prefix + "gpus", worker)
            self._redis.delete(self._prefix + "draining:" + worker)

    def count_processes(self) -> int:
        """Count the processes of the workers that are alive."""
        seen = self.workers()
        with reaching_redis():
            counts = cast(list[str | None], self._redis.hmget(self._prefix + "processes", seen)) if seen else []
        return sum(int(count) if count and re.fullmatch(r"[0-9]{1,4}", count) else 1 for count in counts)

    def have_no_gpu(self) -> bool:
        """Tell whether it is known that no worker that is alive has a GPU; not where none is, or one doesn't tell."""
        seen = self.workers()
        with reaching_redis():
            counts = cast(list[str | None], self._redis.hmget(self._prefix + "gpus", seen)) if seen else []
        return bool(seen) and all(count == "0" for count in counts)

    def workers(self, within_s: float = SEEN_WITHIN_S) -> list[str]:
        """Name the workers that were seen within the last `within_s` seconds."""
        with reaching_redis():
            names = self._redis.zrangebyscore(self._prefix + "workers", self._now_ms() - within_s * 1000, "+inf")
        return cast(list[str], names)

    def drain(self, worker: str) -> None:
        """Ask for the jobs that the worker runs to be put back at their next batch."""
        with reaching_redis():
            self._redis.set(self._prefix + "draining:" + worker, "1", ex=DRAIN_FOR_S)

    def stop_draining(self, worker: str) -> None:
        """Take back what `drain` asked for."""
        with reaching_redis():
            self._redis.delete(self._prefix + "draining:" + worker)

    # --- whose it is --------------------------------------------------------------------------------------------

    def join(self, process: str, alive_s: float) -> Stack | None:
        """Show that this process of the stack is alive. -> another stack that has this Redis, and lives, or None.

        A process counts as alive for `alive_s` after it last did so.
        """
        answer = cast(list[str], self.run_script("join", *self.stack, process, round(alive_s * 1000)))
        return Stack(*answer) if answer else None

    def part(self, process: str) -> None:
        """Show that this process of the stack has stopped."""
        with reaching_redis():
            self._redis.zrem(self._prefix + "members", process)

    # --- what got lost ------------------------------------------------------------------------------------------

    def check_ledger(self) -> list[str]:
        """Compare what this process accepted with what Redis knows of it. -> ids of the jobs that it has lost since.

        An accepted job that is missing is remembered as lost. Redis goes back behind what it has confirmed when it was
        restored or restarted without its files, and when a replica takes over that lacked the last writes.
        """
        if self._ledger is None:
            return []
        count = self._ledger.count  # before Redis is asked: others of this process may be submitting
        kept = int(self.run_script("ledger", self._ledger.name, count))
        if kept >= count:
            return []
        doubtful = self._ledger.after(kept)
        lost = cast(list[str], self.run_script("mark_lost", *(part for entry in doubtful for part in entry)))
        for job_id in lost:
            self._ledger.strike(job_id)
        return lost

    def lost(self, within_s: float) -> list[str]:
        """List the ids of jobs that were noticed to be lost in that time, oldest first."""
        with reaching_redis():
            since = self._now_ms() - within_s * 1000
            return cast(list[str], self._redis.zrangebyscore(self._prefix + "lost", since, "+inf"))

    def give_up(self, ids: Sequence[str]) -> None:
        """Take out of all that is looked through what can't be the id of a job."""
        for job_id in ids:
            self.run_script("forget", job_id, "broken")

    # --- limits -------------------------------------------------------------------------------------------------

    def throttle(self, caller: str, per_minute: int) -> float:
        """Count this call if the caller may make it now, and return 0; else return the seconds until it may."""
        return float(self.run_script("throttle", caller, per_minute)) / 1000

    # --- health -------------------------------------------------------------------------------------------------

    def check_writable(self) -> None:
        """Raise StoreUnavailable unless Redis takes a write."""
        with reaching_redis():
            self._redis.set(self._prefix + "writable", "1", ex=60)

    def counts(self) -> Counts:
        """Count all that `/metrics` shows."""
        live = cast(list[Any], self.run_script("count_jobs"))
        with reaching_redis():
            now = self._now_ms()
            pipeline = self._redis.pipeline(transaction=False)
            for zset in ("leases", "shard_leases", "webhooks"):
                pipeline.zcard(self._prefix + zset)
            for zset in ("queued", "leases"):
                pipeline.zrange(self._prefix + zset, 0, 0, withscores=True)
            for counters in ("totals", "started", "wait_ms", "run_ms", "shards", "webhook_totals"):
                pipeline.hgetall(self._prefix + counters)
            pipeline.mget(self._prefix + "reaped", self._prefix + "fenced", self._prefix + "lost_total")
            pipeline.zrange(self._prefix + "workers", 0, -1, withscores=True)
            answers = pipeline.execute()
        leased, shard_leases, webhooks_waiting, oldest, next_lease, *hashes, numbers, workers = answers
        totals, started, wait_ms, run_ms, shards, webhooks = map(_numbers, hashes)
        return Counts(
            live={(kind, state): int(jobs) for kind, state, jobs in zip(*[iter(live)] * 3, strict=True)},
            leased=leased,
            shard_leases=shard_leases,
            oldest_queued_s=max(0.0, (now - oldest[0][1]) / 1000) if oldest else 0.0,
            lease_left_s=(next_lease[0][1] - now) / 1000 if next_lease else None,
            started={kind: int(jobs) for kind, jobs in started.items()},
            wait_s={kind: ms / 1000 for kind, ms in wait_ms.items()},
            run_s={kind: ms / 1000 for kind, ms in run_ms.items()},
            ended={(kind, state): int(jobs) for (kind, state), jobs in _pairs(totals)},
            reaped=int(numbers[0] or 0),
            fenced=int(numbers[1] or 0),
            shards=int(shards.get("committed", 0)),
            shard_images=int(shards.get("images", 0)),
            shard_s=float(shards.get("seconds", 0)),
            workers={name: now - seen_at < SEEN_WITHIN_S * 1000 for name, seen_at in workers},
            processes=self.count_processes(),
            webhooks_waiting=webhooks_waiting,
            webhooks={outcome: int(total) for outcome, total in webhooks.items()},
            lost=int(numbers[2] or 0),
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
        with reaching_redis():
            return self._scripts[script](keys=[self._prefix], args=list(arguments))

    def _now_ms(self) -> float:
        seconds, microseconds = self._redis.time()
        return seconds * 1000 + microseconds / 1000

    def _newest_first(self, index: str, broken: list[str], before_ms: float, before_id: str) -> Iterator[Job]:
        """Yield the jobs that are strictly older than the position (ties in time by id), fetched in lots.

        The ids of records that can't be read go into `broken`.
        """
        start, lot = 0, 100
        while True:
            with reaching_redis():
                ids = cast(
                    list[str],
                    self._redis.zrevrangebyscore(self._prefix + index, before_ms, "-inf", start=start, num=lot),
                )
                pipeline = self._redis.pipeline(transaction=False)
                for job_id in ids:
                    pipeline.hgetall(self._prefix + "job:" + job_id)
                records = pipeline.execute(raise_on_error=False) if ids else []
            for job_id, fields in zip(ids, records, strict=True):
                try:
                    job = read_job(job_id, fields)
                except JobBroken:
                    broken.append(job_id[:80])
                except JobNotFound:  # it was forgotten just now
                    continue
                else:
                    if (_ms(job), job.id) < (before_ms, before_id):
                        yield job
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
def reaching_redis() -> Iterator[None]:
    """Raises StoreUnavailable where Redis is out of reach, StoreRefused where it is there and answers with an error."""
    try:
        yield
    except redis.RedisError as error:
        if _is_away(error):
            raise StoreUnavailable(f"Redis can't be reached or can't write: {error}") from error
        raise StoreRefused(f"Redis refuses: {error}") from error


def _is_away(error: redis.RedisError) -> bool:
    """Whether that tells an outage, which ends by itself or by its operator, and no fault of what was asked."""
    if isinstance(error, redis.AuthenticationError | redis.exceptions.AuthorizationError):
        return False
    absent = (redis.ConnectionError, redis.TimeoutError, redis.InvalidResponse, redis.ReadOnlyError)
    full_or_down = (redis.OutOfMemoryError, redis.exceptions.ClusterDownError, redis.exceptions.TryAgainError)
    return isinstance(error, (*absent, *full_or_down)) or _AWAY.search(str(error)) is not None


def _numbers(counters: Mapping[str, str]) -> dict[str, float]:
    """Read a hash of counters; what is no number is left out."""
    return {name: float(value) for name, value in counters.items() if re.fullmatch(r"[0-9]{1,15}(\.[0-9]*)?", value)}


def _pairs(totals: Mapping[str, float]) -> Iterator[tuple[tuple[str, str], float]]:
    """Yield ((kind, state), jobs) of the counters whose names are `<kind>:<state>`."""
    for name, jobs in totals.items():
        kind, _, state = name.partition(":")
        if state in set(JobState):
            yield (kind, state), jobs


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
