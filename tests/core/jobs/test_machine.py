"""Any sequence of calls by workers that live and die, against a model of what a job and its shards may go through."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import cast

import redis
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    MultipleResults,
    RuleBasedStateMachine,
    invariant,
    multiple,
    precondition,
    rule,
    run_state_machine_as_test,
)

from nextlabel.core.errors import JobActive, JobEnded, JobNotFound
from nextlabel.core.jobs.record import TRANSITIONS, JobError, JobState, Progress, new_job_id
from nextlabel.core.jobs.shards import Shard, ShardStore
from nextlabel.core.jobs.store import PREFIX, Claim, JobStore

CRASHES = 3
IMAGES = 40
HELD = (JobState.RUNNING, JobState.CANCELLING)
ENDS = (JobState.SUCCEEDED, JobState.FAILED)
PROCESSES = ("a@host/1", "a@host/2", "b@host/1")


@dataclass
class Expected:
    """What the model knows of one job."""

    state: JobState = JobState.QUEUED
    fence: int = 0  # as far as the model has seen it
    holder: str = ""
    crashes: int = 0
    place: tuple[int, int] = (-1, 0)  # of the furthest progress
    planned: bool = False
    poisoned: bool = False
    done: set[int] = field(default_factory=set)  # images whose shards were left as done
    given: dict[int, Shard] = field(default_factory=dict)  # number -> the last right given out
    holders: dict[int, str] = field(default_factory=dict)  # number -> who holds it now
    shard_crashes: dict[int, int] = field(default_factory=dict)


class Jobs(RuleBasedStateMachine):
    store: JobStore
    redis: redis.Redis
    ids = Bundle("ids")
    claims = Bundle("claims")
    shards = Bundle("shards")

    def __init__(self) -> None:
        super().__init__()
        self.redis.flushall()
        self.jobs: dict[str, Expected] = {}
        self.tokens = map(str, itertools.count())
        self.sharing = ShardStore(self.store)

    # --- clients ------------------------------------------------------------------------------------------------

    @precondition(lambda self: all(job.state.is_final for job in self.jobs.values()))  # so that much happens to each
    @rule(target=ids)
    def submit(self) -> str:
        job_id = new_job_id()
        job, new = self.store.submit(job_id, "f1", "{}")
        assert (new, job.state) == (True, JobState.QUEUED)
        assert self.store.submit(job_id, "f1", "{}")[1]  # the same call again is the same job
        self.jobs[job_id] = Expected()
        return job_id

    @precondition(lambda self: any(not job.state.is_final for job in self.jobs.values()))
    @rule(job_id=ids, really=st.sampled_from([True, False, False]))
    def cancel(self, job_id: str, really: bool) -> None:
        job = self.jobs.get(job_id)
        if job is None or not really:
            return
        if job.state in ENDS:
            try:
                self.store.cancel(job_id)
            except JobEnded:
                return
            raise AssertionError("an ended job was cancelled")
        if not job.state.is_final:
            job.state = JobState.CANCELLED if job.state is JobState.QUEUED else JobState.CANCELLING
            self._ended(job)
        assert self.store.cancel(job_id).state is job.state

    @precondition(lambda self: any(job.state.is_final for job in self.jobs.values()))
    @rule(job_id=ids)
    def forget(self, job_id: str) -> None:
        job = self.jobs.get(job_id)
        try:
            self.store.forget(job_id)
        except JobNotFound:
            assert job is None
        except JobActive:
            assert job is not None
            assert not job.state.is_final
        else:
            assert job is not None
            assert job.state.is_final
            del self.jobs[job_id]

    # --- workers ------------------------------------------------------------------------------------------------

    @rule(target=claims, job_id=ids, process=st.sampled_from(PROCESSES), plan=st.booleans())
    def claim(self, job_id: str, process: str, plan: bool) -> Claim | MultipleResults[Claim]:
        job, token = self.jobs.get(job_id), next(self.tokens)
        claim = self.store.claim(job_id, process=process, token=token, lease_s=600)
        if job is None or job.state is not JobState.QUEUED:
            assert claim is None
            return multiple()
        assert claim is not None
        assert claim.fence > job.fence
        assert self.store.claim(job_id, process=process, token=token, lease_s=600) == claim
        job.state, job.fence, job.holder = JobState.RUNNING, claim.fence, process
        if plan:
            self._plan(claim)
        return claim

    @rule(claim=claims)
    def renew(self, claim: Claim) -> None:
        expected = {JobState.RUNNING: "ok", JobState.CANCELLING: "cancel"}
        answer = self.store.renew(claim, worker="a@host", lease_s=600)
        assert answer == (expected[self.jobs[claim.job_id].state] if self._owns(claim) else "lost")

    @rule(claim=claims, stage=st.integers(0, 2), done=st.integers(0, 5))
    def report(self, claim: Claim, stage: int, done: int) -> None:
        shown = Progress(stage="s", stage_index=stage, stage_count=3, done=done)
        assert self.store.report(claim, shown) == self._owns(claim)
        if self._owns(claim):
            job = self.jobs[claim.job_id]
            if job.place[0] >= 0 and (stage, done) > job.place:
                job.crashes = 0
            job.place = max(job.place, (stage, done))

    @rule(claim=claims, end=st.sampled_from(ENDS))
    def finish(self, claim: Claim, end: JobState) -> None:
        owns, job = self._owns(claim), self.jobs.get(claim.job_id)
        error = JobError(code="internal", detail="it went wrong") if end is JobState.FAILED else None
        recorded = self.store.finish(claim, end, error)
        if owns and job:
            job.state = JobState.CANCELLED if job.state is JobState.CANCELLING else end
            self._ended(job)
            assert recorded
            assert self.store.finish(claim, end, error)  # twice is once

    @rule(claim=claims)
    def put_back(self, claim: Claim) -> None:
        assert self.store.put_back(claim, "drained") == self._owns(claim)
        if self._owns(claim):
            self._put_back(self.jobs[claim.job_id])

    @rule(claim=claims)
    def stall(self, claim: Claim) -> None:
        if self._owns(claim):
            self._crash(self.jobs[claim.job_id])
            assert self.store.put_back_stalled(claim, CRASHES) == (self.jobs[claim.job_id].state is JobState.QUEUED)

    @precondition(lambda self: any(job.holder or job.holders for job in self.jobs.values()))
    @rule(who=st.sampled_from([*PROCESSES, "a@host", "everybody"]))
    def die(self, who: str) -> None:
        """A process, a worker with its processes, or all of them, whose leases run out."""
        if who != "everybody":
            self._dies(lambda holder: holder == who or holder.startswith(f"{who}/"))
            self.store.put_back_dead(who, CRASHES)
            return
        for leases in ("leases", "shard_leases"):
            for member in cast(list[str], self.redis.zrange(PREFIX + leases, 0, -1)):
                self.redis.zadd(PREFIX + leases, {member: 1})
        self._dies(bool)
        self.store.put_back_expired(CRASHES)

    # --- shards -------------------------------------------------------------------------------------------------

    @rule(target=shards, job_id=ids, process=st.sampled_from(PROCESSES), wanted=st.integers(1, 30))
    def take(self, job_id: str, process: str, wanted: int) -> Shard | MultipleResults[Shard]:
        job, token = self.jobs.get(job_id), next(self.tokens)
        options = {"process": process, "token": token, "lease_s": 600, "wanted": wanted, "least": 1}
        shard = self.sharing.claim(job_id, **options)
        if job is None or not job.planned or job.poisoned or job.state not in (JobState.QUEUED, JobState.RUNNING):
            assert shard is None
        elif shard is not None:
            assert self.sharing.claim(job_id, **options) == shard
            assert shard.number not in job.holders
            assert not job.done & set(range(shard.start, shard.stop))
            job.given[shard.number], job.holders[shard.number] = shard, process
        else:
            taken = {image for number in job.holders for image in self._images(job, number)}
            assert taken | job.done == set(range(IMAGES))
        return shard or multiple()

    @rule(shard=shards)
    def renew_shard(self, shard: Shard) -> None:
        answer = self.sharing.renew(shard, worker="a@host", lease_s=600, seen=0)
        cancelling = self._holds(shard) and self.jobs[shard.job_id].state is JobState.CANCELLING
        assert answer == ("lost" if not self._holds(shard) else "cancel" if cancelling else "ok")

    @rule(shard=shards, share=st.floats(0, 1))
    def leave(self, shard: Shard, share: float) -> None:
        done, holds = round(share * len(shard)), self._holds(shard)
        assert self.sharing.leave(shard, done, 0.1) == holds
        if holds:
            job = self.jobs[shard.job_id]
            del job.holders[shard.number]
            job.done |= set(range(shard.start, shard.start + done))
            if done:
                job.shard_crashes[shard.number] = 0

    # --- what always holds --------------------------------------------------------------------------------------

    @invariant()
    def states_are_as_expected(self) -> None:
        for job_id, job in self.jobs.items():
            record = self.store.get(job_id)
            assert record.state is job.state
            assert record.state.is_final == (record.finished_at is not None)

    @invariant()
    def every_job_stands_where_its_state_says(self) -> None:
        def of(*states: JobState) -> set[str]:
            return {job_id for job_id, job in self.jobs.items() if job.state in states}

        assert self._members("queued") == of(JobState.QUEUED)
        assert self._members("leases") == of(JobState.RUNNING, JobState.CANCELLING)
        assert self._members("ended") == of(JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED)
        assert self._members("jobs") == set(self.jobs)
        assert self.redis.smembers(PREFIX + "unfinished:") == of(*(state for state in JobState if not state.is_final))

    @invariant()
    def shards_are_held_by_whom_we_gave_them_to(self) -> None:
        held = {f"{job_id}#{number}" for job_id, job in self.jobs.items() for number in job.holders}
        assert self._members("shard_leases") == held
        for job_id, job in self.jobs.items():
            state = self.sharing.progress(job_id)
            assert (state.done, state.held, bool(state.poisoned)) == (len(job.done), len(job.holders), job.poisoned)

    @invariant()
    def what_each_workers_processes_hold_is_known(self) -> None:
        for worker in ("a@host", "b@host"):
            held = {job_id: job.holder for job_id, job in self.jobs.items() if job.state in HELD}
            held |= {
                f"{job_id}#{number}": by for job_id, job in self.jobs.items() for number, by in job.holders.items()
            }
            its = {what: process for what, process in held.items() if process.startswith(f"{worker}/")}
            assert self.redis.hgetall(f"{PREFIX}holds:{worker}") == its
            assert self.store.processes_holding(worker) == set(its.values())

    @precondition(lambda self: self.jobs)
    @invariant()
    def histories_follow_the_table_and_end_once(self) -> None:
        for job_id in self.jobs:
            states = [
                JobState(event.data["state"]) for event in self.store.events(job_id) if event.name in ("state", "end")
            ]
            assert all(after in TRANSITIONS[before] for before, after in itertools.pairwise(states))
            assert sum(event.name == "end" for event in self.store.events(job_id)) == states[-1].is_final

    # --- the model ----------------------------------------------------------------------------------------------

    def _plan(self, claim: Claim) -> None:
        assert self.sharing.plan(claim, "key", IMAGES)
        self.jobs[claim.job_id].planned = True

    def _owns(self, claim: Claim) -> bool:
        job = self.jobs.get(claim.job_id)
        return bool(job and job.state in (JobState.RUNNING, JobState.CANCELLING) and job.fence == claim.fence)

    def _holds(self, shard: Shard) -> bool:
        job = self.jobs.get(shard.job_id)
        return bool(job and shard.number in job.holders and job.given[shard.number] == shard)

    def _images(self, job: Expected, number: int) -> range:
        return range(job.given[number].start, job.given[number].stop)

    def _members(self, zset: str) -> set[str]:
        return set(cast(list[str], self.redis.zrange(PREFIX + zset, 0, -1)))

    def _put_back(self, job: Expected) -> None:
        if job.state is JobState.CANCELLING:
            job.state = JobState.CANCELLED
            self._ended(job)
        else:
            job.state, job.fence, job.holder = JobState.QUEUED, job.fence + 1, ""

    def _crash(self, job: Expected) -> None:
        job.crashes += 1
        if job.state is not JobState.CANCELLING and job.crashes >= CRASHES:
            job.state = JobState.FAILED
            self._ended(job)
        else:
            self._put_back(job)

    def _dies(self, its) -> None:  # type: ignore[no-untyped-def]
        for job in self.jobs.values():
            for number in [number for number, holder in job.holders.items() if its(holder)]:
                del job.holders[number]
                job.shard_crashes[number] = job.shard_crashes.get(number, 0) + 1
                job.poisoned |= job.shard_crashes[number] >= CRASHES
            if job.state in (JobState.RUNNING, JobState.CANCELLING) and its(job.holder):
                self._crash(job)

    def _ended(self, job: Expected) -> None:
        if job.state.is_final:
            job.planned = job.poisoned = False
            job.done, job.given, job.holders, job.shard_crashes = set(), {}, {}, {}


def test_whatever_is_called_in_whatever_order_the_store_is_as_the_model_says(empty_redis):
    store = JobStore.at(empty_redis)
    with redis.Redis.from_url(empty_redis, decode_responses=True) as client:
        Jobs.store, Jobs.redis = store, client
        run_state_machine_as_test(
            Jobs,
            settings=settings(
                max_examples=50, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck)
            ),
        )
    store.close()


def test_a_job_that_is_not_there_is_not_found_by_any_call(empty_redis):
    store = JobStore.at(empty_redis)
    for call in (store.get, store.cancel, store.forget):
        try:
            call("job_unknown")
        except JobNotFound:
            continue
        raise AssertionError(call)
    store.close()
