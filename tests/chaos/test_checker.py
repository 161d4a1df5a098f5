"""The checker finds each kind of breach in a history made by hand, and nothing in one without."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from nextlabel.core.jobs.record import Job, JobError, JobState
from nextlabel.core.jobs.stored import Event
from tests.chaos.checker import check
from tests.chaos.history import (
    Death,
    Evidence,
    History,
    Leased,
    Leftovers,
    LoggedClaim,
    Oddity,
    Sighting,
    Submission,
    TemporaryFile,
)
from tests.chaos.observer import logged_claims
from tests.chaos.report import as_text, figures

SUCCEEDED, FAILED, CANCELLED = JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED
A, B = "worker-1@host/11", "worker-2@host/22"


def events(*steps: str) -> list[Event]:
    """`events("queued", "running A", "end succeeded")`, one second after another from second 1 on."""
    made = []
    for second, step in enumerate(steps, start=1):
        words = step.split()
        name = "end" if words[0] == "end" else "state"
        data = {"state": words[-1]} if name == "end" else {"state": words[0]}
        if words[0] == "running":
            data["worker"] = {"A": A, "B": B}[words[1]]
        elif words[0] == "queued" and len(words) > 1:
            data["reason"] = words[1]
        made.append(Event(f"{second * 1000}-0", name, data))
    return made


def record(state: JobState = SUCCEEDED, *, attempt: int = 1, error: str | None = None, ended_by: int = 1) -> Job:
    return Job(
        id="j", kind="f1", state=state, rev=9, request={}, attempt=attempt, ended_by=ended_by,
        created_at=at(1), started_at=at(2), finished_at=at(3),
        error=JobError(code=error, detail="") if error else None,
    )  # fmt: skip


def at(second: float) -> datetime:
    return datetime.fromtimestamp(second, UTC)


def evidence(job: Job | None = None, *steps: str, **history) -> Evidence:
    """Of one job, `j`, that a client submitted; by default it ran once and succeeded."""
    seen = History(submissions=[Submission(1, "ann", "j", "validation", "key")])
    for name, value in history.items():
        setattr(seen, name, value)
    return Evidence(
        history=seen,
        records={"j": job or record()},
        events={"j": events(*(steps or ("queued", "running A", "end succeeded")))},
        results={"j": b"0.9"},
        expected={"validation": b"0.9"},
        left=Leftovers(result_files=("j/1.json",)),
    )


def sightings(*seen: tuple[int, str, tuple[int, int] | None, str]) -> list[Sighting]:
    """(rev, state, place, digest) of each, by one client."""
    return [Sighting(n, "ann", "j", rev, JobState(state), 1, place, digest)
            for n, (rev, state, place, digest) in enumerate(seen)]  # fmt: skip


def broken(found: Evidence) -> set[str]:
    return {violation.broken for violation in check(found)}


def test_an_ordinary_history_has_no_violation():
    assert broken(evidence()) == set()


def test_a_history_full_of_excused_trouble_has_no_violation():
    steps = ("queued", "running A", "queued worker_lost", "running B", "cancelling", "end cancelled")
    seen = sightings((1, "queued", None, "a"), (3, "running", (1, 8), "b"), (7, "cancelled", (1, 8), "c"))
    found = evidence(
        record(CANCELLED, attempt=2),
        *steps,
        cancels={"j"},
        sightings=seen,
        deaths=[Death(2.5, "process killed", "/11")],
    )
    logs = (LoggedClaim("j", 1), LoggedClaim("j", 2, "cancelled"))
    left = Leftovers(temporary=(TemporaryFile("state/results/j/1.tmp", 2.4),), result_files=("j/1.json", "j/1.tmp"))
    assert broken(replace(found, claims=logs, digests={"j": "c"}, left=left)) == set()


def test_a_job_that_was_accepted_and_has_no_record_is_lost():
    assert broken(replace(evidence(), records={}, events={})) >= {"lost"}


@pytest.mark.parametrize(
    ("job", "steps", "expected"),
    [
        (record(JobState.QUEUED, attempt=0), ("queued",), "left hanging"),
        (record(JobState.RUNNING), ("queued", "running A"), "left hanging"),
        (record(), ("queued", "running A"), "not ended exactly once"),
        (record(), ("queued", "running A", "end succeeded", "end succeeded"), "not ended exactly once"),
        (record(), ("queued", "running A", "end succeeded", "queued"), "not ended exactly once"),
        (record(), ("queued", "running A", "end failed"), "ended as two things"),
        (record(), ("running A", "end succeeded"), "not queued first"),
        (record(attempt=2), ("queued", "running A", "running B", "end succeeded"), "claimed twice"),
        (record(), ("queued", "running A", "queued", "end succeeded"), "a step that is not in the table"),
        (record(CANCELLED, attempt=1), ("queued", "end cancelled", "running A"), "claimed twice"),
        (record(attempt=0), ("queued", "running A", "end succeeded"), "ran without a claim"),
        (record(CANCELLED), ("queued", "running A", "cancelling", "end cancelled"), "cancelled by nobody"),
        (record(FAILED, error="internal_error"), ("queued", "running A", "end failed"), "failed without a cause"),
        (record(FAILED, error="storage_full"), ("queued", "running A", "end failed"), "failed without a cause"),
        (record(FAILED, error="worker_lost"), ("queued", "running A", "end failed"), "failed without a cause"),
    ],
)
def test_a_story_that_breaks_the_promise_is_found(job, steps, expected):
    assert expected in broken(evidence(job, *steps))


def test_a_full_disk_excuses_the_failure_that_says_so():
    steps = ("queued", "running A", "end failed")
    found = evidence(record(FAILED, error="storage_full"), *steps, full_disk=[(2.5, 4.0)])
    assert broken(found) == set()
    assert broken(replace(found, history=replace(found.history, full_disk=[(30, 40)]))) == {"failed without a cause"}


def test_worker_lost_is_excused_by_as_many_deaths_of_its_own_processes_as_are_allowed():
    steps = ("queued", "running A", "queued worker_lost", "running B", "queued worker_lost", "running A", "end failed")
    job = record(FAILED, attempt=3, error="worker_lost")
    deaths = [Death(2.5, "process killed", "/11"), Death(4.5, "worker killed", "worker-2@"),
              Death(5, "worker frozen", "worker-1@", 9)]  # fmt: skip
    assert broken(evidence(job, *steps, deaths=deaths)) == set()
    assert broken(evidence(job, *steps, deaths=deaths[:2])) == {"failed without a cause"}
    assert broken(evidence(job, *steps, deaths=[*deaths[:2], Death(6.5, "process killed", "/33")])) == {
        "failed without a cause"
    }


def test_poison_that_was_killed_at_each_attempt_must_be_given_up():
    found = evidence(record(attempt=1))
    found.history.poison_kills["j"] = 1
    assert broken(found) == {"poison survived"}
    found.history.poison_kills["j"] = 0
    assert broken(found) == set()


def test_an_ended_job_that_looks_different_later_is_found():
    twice = sightings((5, "succeeded", None, "a"), (5, "succeeded", None, "b"))
    assert broken(evidence(sightings=twice)) == {"an ended job changed"}
    back = sightings((5, "succeeded", None, "a"), (6, "queued", None, "b"))
    assert broken(evidence(sightings=back)) == {"an ended job changed"}
    last = evidence(sightings=sightings((5, "succeeded", None, "a")))
    assert broken(replace(last, digests={"j": "b"})) == {"an ended job changed"}


@pytest.mark.parametrize("worse", [(4, (1, 8)), (5, (1, 7)), (5, (0, 9)), (5, None)])
def test_progress_that_goes_back_for_one_client_is_found(worse):
    rev, place = worse
    seen = sightings((5, "running", (1, 8), "a"), (rev, "running", place, "b"))
    assert broken(evidence(sightings=seen)) == {"progress went back"}


def test_two_processes_with_one_fence_and_a_lease_without_a_claim_are_found():
    assert broken(evidence(leased=[Leased(2, "j", "running", 1, A), Leased(2, "j", "running", 1, B)])) == {
        "claimed twice"
    }
    assert broken(evidence(leased=[Leased(2, "j", "queued", 1, A)])) == {"a lease without a claim"}
    back = [Leased(2, "j", "running", 2, A), Leased(3, "j", "running", 1, B)]
    assert broken(evidence(record(ended_by=2), leased=back)) == {"a fence went back"}


def test_a_job_that_was_ended_by_a_process_it_had_been_taken_from_is_found():
    steps = ("queued", "running A", "queued worker_lost", "running B", "end succeeded")
    found = evidence(record(attempt=2, ended_by=3), *steps, leased=[Leased(4, "j", "running", 3, B)])
    assert broken(found) == set()
    assert broken(replace(found, records={"j": record(attempt=2, ended_by=1)})) == {"ended by a stale claim"}
    assert broken(replace(found, claims=(LoggedClaim("j", 1, "succeeded"),))) == {"ended by a stale claim"}


def test_what_the_workers_logs_contradict_is_found():
    assert broken(replace(evidence(), claims=(LoggedClaim("j", 1), LoggedClaim("j", 1)))) == {"claimed twice"}
    assert broken(replace(evidence(), claims=(LoggedClaim("j", 2),))) == {"ran without a claim"}
    ends = (LoggedClaim("j", 0, "succeeded"), LoggedClaim("j", 1, "succeeded"))
    assert broken(replace(evidence(), claims=ends)) == {"not ended exactly once", "ended by a stale claim"}


def test_a_result_that_differs_or_is_missing_is_found_and_shown():
    found = replace(evidence(), results={"j": b"0.8"})
    assert [violation.broken for violation in check(found)] == ["another result"]
    assert "b'0.9' became b'0.8'" in check(found)[0].evidence
    assert broken(replace(evidence(), results={})) == {"succeeded without a result"}


def test_one_key_with_two_jobs_is_found():
    twice = [Submission(1, "ann", "j", "validation", "key"), Submission(2, "ann", "i", "validation", "key")]
    found = evidence(submissions=twice)
    found = replace(found, records={**found.records, "i": record()}, events={**found.events, "i": found.events["j"]})
    assert broken(replace(found, results={"j": b"0.9", "i": b"0.9"})) == {"one key, several jobs"}


@pytest.mark.parametrize("seen", [["1000-0", "3000-0"], ["1000-0", "2000-0", "2000-0"], ["2000-0", "1000-0"]])
def test_a_stream_with_a_gap_a_double_or_another_order_is_found(seen):
    assert broken(evidence(followed={"j": seen})) == {"a stream with a gap"}


def test_an_answer_that_no_fault_excuses_is_found():
    assert broken(evidence(oddities=[Oddity(1, "ann", "j", "GET /jobs/j: 404")])) == {"unexpected"}


@pytest.mark.parametrize(
    ("left", "expected"),
    [
        (Leftovers(leases=("j",)), "left hanging"),
        (Leftovers(queued=("j",)), "left hanging"),
        (Leftovers(messages=1), "messages left"),
        (Leftovers(processes=("worker-1",)), "a worker did not stop"),
        (Leftovers(temporary=(TemporaryFile("cache/x.tmp", 100.0),)), "a temporary file left"),
        (Leftovers(result_files=("filler",)), "a stray file"),
        (Leftovers(result_files=("unknown/1.json",)), "a stray file"),
        (Leftovers(result_files=("j/notes.txt",)), "a stray file"),
        (Leftovers(result_files=("j/2.json",)), "a stray file"),
    ],
)
def test_what_is_left_after_the_drain_is_found(left, expected):
    deaths = [Death(50.0, "process killed", "/11"), Death(101.0, "process frozen", "/11", 106.0)]
    assert broken(replace(evidence(deaths=deaths), left=left)) == {expected}


def test_claims_are_read_from_the_workers_logs_whatever_a_killed_process_left_of_a_line(tmp_path: Path):
    (tmp_path / "worker-0.log").write_text(
        '{"event": "job started", "job_id": "j", "attempt": 1}\n'
        '{"event": "job left", "job_id": "j", "attempt": 1, "end": "lease lost"}\n'
        '{"event": "job started", "job_id": "i", "attempt": 1}\n'
        "worker: Warm shutdown\n"
        '{"event": "job left", "job_id": "i", "att'
    )
    (tmp_path / "worker-1.log").write_text('{"event": "job started", "job_id": "j", "attempt": 2}\n')
    assert list(logged_claims(tmp_path)) == [
        LoggedClaim("j", 1, "lease lost"), LoggedClaim("i", 1), LoggedClaim("j", 2)
    ]  # fmt: skip


def test_the_report_counts_and_times_what_happened():
    steps = ("queued", "running A", "queued worker_lost", "running B", "end succeeded")
    found = evidence(record(attempt=2), *steps, deaths=[Death(2.5, "worker killed", "worker-1@")])
    table = figures(found, check(found), seed=7, drain_s=1.25)
    assert table["jobs"] == {"succeeded": 1}
    assert table["attempts beyond the first"] == 1
    assert table["interruptions"] == {"worker_lost": 1}
    assert table["seconds until claimed again"] == {"worker killed": "1.5 / 1.5 / 1.5 (min / median / max of 1)"}
    assert table["seconds until put back"] == {"worker killed": "0.5 / 0.5 / 0.5 (min / median / max of 1)"}
    assert table["taken over without a fault"] == []
    assert table["worker seconds lost to crashes"] == 1.0
    assert table["violations"] == []
    unharmed = figures(evidence(record(attempt=2), *steps), [], seed=7, drain_s=1)
    assert unharmed["taken over without a fault"] == ["j"]
    assert all(name in as_text(table) for name in table)


def test_every_check_has_a_history_above_that_breaks_it():
    """So that a new one is not forgotten here: each yields something that a test expects."""
    from tests.chaos.checker import CHECKS  # noqa: PLC0415

    source = Path(__file__).read_text()
    promises = Path(check.__code__.co_filename).read_text()
    yielded = {part.split('"')[1] for part in promises.split("yield Violation(")[1:] if part.startswith('"')}
    assert len(yielded) >= len(CHECKS)
    assert {one for one in yielded if f'"{one}"' not in source} == set()
