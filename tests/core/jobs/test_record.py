import time

import pytest

from nextlabel.core.jobs.record import TRANSITIONS, JobState, JobWarning, new_job_id


def test_the_table_has_every_state_and_leads_to_an_end_from_each():
    assert set(TRANSITIONS) == set(JobState)
    for state in JobState:
        reached, before = {state}, set()
        while reached != before:
            before = reached
            reached = reached.union(*(TRANSITIONS[one] for one in reached))
        assert any(one.is_final for one in reached)


def test_ended_states_are_three_and_lead_nowhere():
    assert {state for state in JobState if state.is_final} == {"succeeded", "failed", "cancelled"}


def test_a_job_that_is_being_cancelled_can_only_be_cancelled():
    assert TRANSITIONS[JobState.CANCELLING] == {JobState.CANCELLED}


def test_ids_are_distinct_and_sort_by_time():
    first = new_job_id()
    time.sleep(0.002)
    later = [new_job_id() for _ in range(1000)]
    assert len({first, *later}) == 1001
    assert all(first < one for one in later)
    assert len(first) == len("job_") + 12 + 16


def test_a_record_cannot_be_changed():
    with pytest.raises(ValueError, match="frozen"):
        JobWarning(code="a", detail="b").count = 3
