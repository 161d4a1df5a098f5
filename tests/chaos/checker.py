"""Reads the history of a run and finds every breach of what nextlabel promises. Pure: data in, violations out."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise

from nextlabel.core.jobs.record import TRANSITIONS, Job, JobState
from nextlabel.core.jobs.stored import Event
from tests.chaos.history import Death, Evidence, Sighting, happened_at

TEMPORARY_GRACE_S = 5.0  # a file is last written so long at most before its writer is killed
DISK_GRACE_S = 5.0  # a write that failed on a full disk may be told so much later, Redis being away


@dataclass(frozen=True)
class Violation:
    broken: str  #: the promise, in short
    job_id: str | None
    evidence: str

    def __str__(self) -> str:
        return f"{self.broken}: {self.job_id or '-'}: {self.evidence}"


Check = Callable[[Evidence], Iterator[Violation]]


def check(evidence: Evidence) -> list[Violation]:
    return [violation for one in CHECKS for violation in one(evidence)]


# --- ends ------------------------------------------------------------------------------------------------------


def every_accepted_job_is_recorded(evidence: Evidence) -> Iterator[Violation]:
    for one in evidence.history.submissions:
        if one.job_id not in evidence.records:
            yield Violation("lost", one.job_id, f"{one.client} saw it accepted at {one.at:.3f}; there is no record")


def every_job_ends_exactly_once(evidence: Evidence) -> Iterator[Violation]:
    for job_id, record in evidence.records.items():
        events = evidence.events.get(job_id, [])
        ends = [event for event in events if event.name == "end"]
        if not record.state.is_final:
            yield Violation("left hanging", job_id, f"{record.state}, attempt {record.attempt}: {told(events)}")
        elif len(ends) != 1 or events[-1] is not ends[0]:
            yield Violation("not ended exactly once", job_id, told(events))
        elif ends[0].data["state"] != record.state:
            yield Violation("ended as two things", job_id, f"the record says {record.state}: {told(events)}")
    for job_id, n in Counter(one.job_id for one in evidence.claims if one.end in FINAL).items():
        if n > 1:
            yield Violation(
                "not ended exactly once", job_id, f"{n} attempts say in the workers' logs that they ended it"
            )


FINAL = {state.value for state in JobState if state.is_final}


def an_ended_state_never_changes(evidence: Evidence) -> Iterator[Violation]:
    answers: defaultdict[str, set[str]] = defaultdict(set)
    for sighting in evidence.history.sightings:
        if sighting.state.is_final:
            answers[sighting.job_id].add(sighting.digest)
    for job_id, digest in evidence.digests.items():
        answers[job_id].add(digest)
    for job_id, seen in answers.items():
        if len(seen) > 1:
            yield Violation("an ended job changed", job_id, f"{len(seen)} different answers: {sorted(seen)}")
    for (_, job_id), seen_by_one in by_client(evidence).items():
        if any(a.state.is_final and not b.state.is_final for a, b in pairwise(seen_by_one)):
            yield Violation("an ended job changed", job_id, path(seen_by_one))


def a_job_fails_only_for_a_reason_we_gave(evidence: Evidence) -> Iterator[Violation]:
    for job_id, record in evidence.records.items():
        if record.state is JobState.FAILED and not _has_reason(evidence, record):
            yield Violation("failed without a cause", job_id, f"{record.error}: {told(evidence.events[job_id])}")


def _has_reason(evidence: Evidence, record: Job) -> bool:
    code = record.error.code if record.error else None
    if code == "storage_full" and record.started_at and record.finished_at:
        begun, ended = record.started_at.timestamp(), record.finished_at.timestamp()
        return any(a <= ended and begun <= b + DISK_GRACE_S for a, b in evidence.history.full_disk)
    if code == "worker_lost":
        return len(struck(evidence, record.id)) >= evidence.max_crashes
    return False


def a_job_is_cancelled_only_when_asked(evidence: Evidence) -> Iterator[Violation]:
    for job_id, record in evidence.records.items():
        if record.state is JobState.CANCELLED and job_id not in evidence.history.cancels:
            yield Violation("cancelled by nobody", job_id, told(evidence.events[job_id]))


def poison_is_given_up(evidence: Evidence) -> Iterator[Violation]:
    """A job whose every attempt was killed ends as failed: worker_lost, unless it was cancelled."""
    for job_id, kills in evidence.history.poison_kills.items():
        record = evidence.records.get(job_id)
        if record is None or record.state is JobState.CANCELLED or kills < record.attempt:
            continue
        if record.error is None or record.error.code != "worker_lost":
            yield Violation("poison survived", job_id, f"killed {kills} times: {record.state}, {record.error}")


# --- claims ----------------------------------------------------------------------------------------------------


def states_follow_the_table(evidence: Evidence) -> Iterator[Violation]:
    """So between two claims of a job it was queued, and nothing follows its end."""
    for job_id, events in evidence.events.items():
        states = states_of(events)
        if states[:1] != [JobState.QUEUED]:
            yield Violation("not queued first", job_id, told(events))
        for before, after in pairwise(states):
            if after not in TRANSITIONS[before]:
                broken = "claimed twice" if after is JobState.RUNNING else "a step that is not in the table"
                yield Violation(broken, job_id, f"{before} -> {after}: {told(events)}")


def one_process_holds_a_lease(evidence: Evidence) -> Iterator[Violation]:
    owners: defaultdict[tuple[str, int], set[str]] = defaultdict(set)
    fences: dict[str, int] = {}
    for one in evidence.history.leased:
        owners[one.job_id, one.fence].add(one.worker)
        if one.state not in (JobState.RUNNING, JobState.CANCELLING):
            yield Violation("a lease without a claim", one.job_id, f"leased at {one.at:.3f} while {one.state!r}")
        if one.fence < fences.get(one.job_id, 0):
            yield Violation("a fence went back", one.job_id, f"{fences[one.job_id]} -> {one.fence} at {one.at:.3f}")
        fences[one.job_id] = one.fence
    for (job_id, fence), workers in owners.items():
        if len(workers) > 1:
            yield Violation("claimed twice", job_id, f"fence {fence} is with {sorted(workers)}")


def only_the_last_claim_ends_a_job(evidence: Evidence) -> Iterator[Violation]:
    """A process whose job was taken from it may finish it, and nothing comes of that."""
    newest: defaultdict[str, int] = defaultdict(int)
    for lease in evidence.history.leased:
        newest[lease.job_id] = max(newest[lease.job_id], lease.fence)
    for job_id, record in evidence.records.items():
        if record.ended_by is not None and record.ended_by < newest[job_id]:
            yield Violation("ended by a stale claim", job_id, f"fence {record.ended_by} after fence {newest[job_id]}")
    for claim in evidence.claims:
        if claim.end in FINAL and claim.job_id in evidence.records:
            last = evidence.records[claim.job_id].attempt
            if claim.attempt < last:
                yield Violation("ended by a stale claim", claim.job_id, f"attempt {claim.attempt} of {last}, say logs")


def every_attempt_is_one_claim(evidence: Evidence) -> Iterator[Violation]:
    """What workers say they began is what the records say they were given: no job cancelled in the queue ever ran."""
    logged = Counter((one.job_id, one.attempt) for one in evidence.claims)
    for (job_id, attempt), n in logged.items():
        if n > 1:
            yield Violation("claimed twice", job_id, f"attempt {attempt} was begun {n} times, say the workers' logs")
        elif job_id not in evidence.records or attempt > evidence.records[job_id].attempt:
            yield Violation("ran without a claim", job_id, f"attempt {attempt} was begun, says a worker's log")
    for job_id, record in evidence.records.items():
        claims = states_of(evidence.events.get(job_id, [])).count(JobState.RUNNING)
        if claims != record.attempt:
            yield Violation("ran without a claim", job_id, f"{record.attempt} attempts, {claims} claims")


# --- what clients see ------------------------------------------------------------------------------------------


def results_equal_those_of_an_undisturbed_run(evidence: Evidence) -> Iterator[Violation]:
    for job_id, record in evidence.records.items():
        if record.state is not JobState.SUCCEEDED:
            continue
        workload, result = evidence.workload(job_id), evidence.results.get(job_id, b"")
        if not result:
            yield Violation("succeeded without a result", job_id, f"{workload}, attempt {record.attempt}")
        elif workload is not None and result != evidence.expected[workload]:
            yield Violation("another result", job_id, f"{workload}: {difference(evidence.expected[workload], result)}")


def progress_never_goes_back(evidence: Evidence) -> Iterator[Violation]:
    for (client, job_id), seen in by_client(evidence).items():
        for a, b in pairwise(seen):
            back = (b.rev, b.attempt) < (a.rev, a.attempt) or b.attempt < a.attempt
            if back or (b.place or (0, 0)) < (a.place or (0, 0)):
                yield Violation("progress went back", job_id, f"as {client} saw it: {path([a, b])}")


def the_same_key_makes_one_job(evidence: Evidence) -> Iterator[Violation]:
    jobs: defaultdict[str, set[str]] = defaultdict(set)
    for one in evidence.history.submissions:
        if one.key is not None:
            jobs[one.key].add(one.job_id)
    for key, ids in jobs.items():
        if len(ids) > 1:
            yield Violation("one key, several jobs", min(ids), f"{key}: {sorted(ids)}")


def followers_miss_nothing(evidence: Evidence) -> Iterator[Violation]:
    """Who followed a job to its end saw each of its events once and in order, whatever cut the stream."""
    for job_id, seen in evidence.history.followed.items():
        events = [event.id for event in evidence.events.get(job_id, [])]
        if seen and seen != events[: len(seen)]:
            yield Violation("a stream with a gap", job_id, f"seen {seen}, happened {events}")


def answers_are_as_they_should_be(evidence: Evidence) -> Iterator[Violation]:
    for one in evidence.history.oddities:
        yield Violation("unexpected", one.job_id, f"{one.client} at {one.at:.3f}: {one.what}")


# --- what is left ----------------------------------------------------------------------------------------------


def nothing_is_left_in_the_store(evidence: Evidence) -> Iterator[Violation]:
    left = evidence.left
    for what, ids in (("leased", left.leases), ("queued", left.queued)):
        for job_id in ids:
            yield Violation("left hanging", job_id, f"still {what} after the drain")
    if left.messages:
        yield Violation("messages left", None, f"{left.messages} wait after the drain")
    for name in left.processes:
        yield Violation("a worker did not stop", None, f"{name} was asked by SIGTERM")


def temporary_files_are_gone(evidence: Evidence) -> Iterator[Violation]:
    """A killed process may leave what it was writing at that moment, and nothing else may."""
    killed = [death.at for death in evidence.history.deaths if "killed" in death.how]
    for file in evidence.left.temporary:
        if not any(file.at <= at + 0.1 and at <= file.at + TEMPORARY_GRACE_S for at in killed):
            yield Violation("a temporary file left", None, f"{file.path}, written at {file.at:.3f}")


def the_results_folder_holds_results(evidence: Evidence) -> Iterator[Violation]:
    """An attempt that was killed between its result and its end leaves a file that nobody looks at."""
    temporary = {file.path.rpartition("results/")[2] for file in evidence.left.temporary}
    for file in set(evidence.left.result_files) - temporary:
        job_id, _, name = file.partition("/")
        record = evidence.records.get(job_id)
        fence = name.removesuffix(".json")
        if record is None or not fence.isdigit():
            yield Violation("a stray file", job_id, file)
        elif record.ended_by is not None and int(fence) > record.ended_by:
            yield Violation("a stray file", job_id, f"{file} is newer than the end by fence {record.ended_by}")


CHECKS: tuple[Check, ...] = (
    every_accepted_job_is_recorded,
    every_job_ends_exactly_once,
    an_ended_state_never_changes,
    a_job_fails_only_for_a_reason_we_gave,
    a_job_is_cancelled_only_when_asked,
    poison_is_given_up,
    states_follow_the_table,
    one_process_holds_a_lease,
    only_the_last_claim_ends_a_job,
    every_attempt_is_one_claim,
    results_equal_those_of_an_undisturbed_run,
    progress_never_goes_back,
    the_same_key_makes_one_job,
    followers_miss_nothing,
    answers_are_as_they_should_be,
    nothing_is_left_in_the_store,
    temporary_files_are_gone,
    the_results_folder_holds_results,
)


# --- reading the history ---------------------------------------------------------------------------------------


def states_of(events: list[Event]) -> list[JobState]:
    return [JobState(event.data["state"]) for event in events if event.name in ("state", "end")]


def claims_of(events: list[Event]) -> Iterator[tuple[str, float, float]]:
    """(worker, from, until) of each: until the job was queued again, or ended."""
    steps = [event for event in events if event.name in ("state", "end") and event.data["state"] != "cancelling"]
    for event, following in pairwise([*steps, None]):
        if event is not None and event.data["state"] == JobState.RUNNING:
            until = happened_at(following) if following else float("inf")
            yield event.data["worker"], happened_at(event), until


def struck(evidence: Evidence, job_id: str) -> list[Death]:
    """The deaths that met a process while it ran that job; at most one for each claim."""
    found = []
    for worker, begun, until in claims_of(evidence.events[job_id]):
        mine = (death for death in evidence.history.deaths if death.hit(worker, begun, until))
        found += list(mine)[:1]
    return found


def by_client(evidence: Evidence) -> dict[tuple[str, str], list[Sighting]]:
    """What each client saw of each job, in order."""
    seen: defaultdict[tuple[str, str], list[Sighting]] = defaultdict(list)
    for sighting in evidence.history.sightings:
        seen[sighting.client, sighting.job_id].append(sighting)
    return seen


def told(events: list[Event]) -> str:
    """A job's story in one line."""
    steps = [event for event in events if event.name in ("state", "end")]
    return ", ".join(f"{happened_at(e):.3f} {e.data['state']} {e.data.get('worker', '')}".strip() for e in steps)


def path(sightings: list[Sighting]) -> str:
    return ", ".join(f"{one.at:.3f} rev {one.rev} {one.state} {one.place}" for one in sightings)


def difference(expected: bytes, result: bytes) -> str:
    """Where two results part."""
    at = next((i for i, (a, b) in enumerate(zip(expected, result, strict=False)) if a != b), None)
    at = min(len(expected), len(result)) if at is None else at
    start = max(0, at - 60)
    return f"at byte {at}: {expected[start : at + 40]!r} became {result[start : at + 40]!r}"
