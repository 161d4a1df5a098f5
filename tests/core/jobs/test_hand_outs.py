"""Hand-outs: any order of calls against a model, then what a person can check by hand."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
import redis
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from nextlabel.core.errors import LeaseLost
from nextlabel.core.jobs.hand_outs import HandOuts, Project, people_by_name
from nextlabel.core.jobs.record import JobState, new_job_id
from nextlabel.core.jobs.store import PREFIX, Claim, JobStore

PROJECTS = (Project("/pool", "/labels"), Project("/other pool", "/labels"), Project("/pool", ""))
PEOPLE = ("anna", "ben", "carla")
NAMES = ("a.png", "b c.png", 'ж"d.png')
LEASE_S = 600.0


def claimed(store: JobStore) -> Claim:
    job, _ = store.submit(new_job_id(), "selection", "{}")
    claim = store.claim(job.id, process="w@host/1", token=job.id, lease_s=600)
    assert claim is not None
    return claim


class Batches(RuleBasedStateMachine):
    """The model: who has which image by which job, and whether they have labelled it."""

    store: JobStore
    redis: redis.Redis

    def __init__(self) -> None:
        super().__init__()
        self.redis.flushall()
        self.hand_outs = HandOuts(self.store)
        self.claims = [claimed(self.store) for _ in range(4)]
        self.owner: dict[tuple[Project, str], str] = {}  # (project, job) -> person
        self.held: dict[tuple[Project, str, str], bool] = {}  # (project, job, name) -> labelled

    @rule(
        job=st.integers(0, 3),
        project=st.sampled_from(PROJECTS),
        person=st.sampled_from(PEOPLE),
        wanted=st.dictionaries(st.sampled_from(NAMES), st.integers(1, 2)),
    )
    def hand_out(self, job: int, project: Project, person: str, wanted: dict[str, int]) -> None:
        claim = self.claims[job]
        for key in [key for key in self.held if key[:2] == (project, claim.job_id)]:
            del self.held[key]
        refused = set()
        for name, most in wanted.items():
            people = self._people(project, name)
            if person in people or len(people) >= most:
                refused.add(name)
            else:
                self.held[project, claim.job_id, name] = False
        self.owner[project, claim.job_id] = person
        assert self.hand_outs.hand_out(claim, project, person, wanted, LEASE_S).refused == refused

    @rule(
        project=st.sampled_from(PROJECTS),
        person=st.sampled_from(["", *PEOPLE]),
        job=st.none() | st.integers(0, 3),
        names=st.none() | st.lists(st.sampled_from(NAMES), unique=True),
    )
    def give_back(self, project: Project, person: str, job: int | None, names: list[str] | None) -> None:
        job_id = "" if job is None else self.claims[job].job_id
        back = [
            (at, id_, name)
            for at, id_, name in self.held
            if at == project
            and job_id in ("", id_)
            and person in ("", self.owner[at, id_])
            and (names is None or name in names)
        ]
        unlabelled = sum(not self.held.pop(key) for key in back)
        assert self.hand_outs.give_back(project, person=person, job_id=job_id, names=names) == unlabelled

    @rule(
        labels=st.sampled_from(["/labels", ""]),
        person=st.sampled_from(PEOPLE),
        given=st.dictionaries(st.sampled_from(NAMES), st.booleans()),
    )
    def label(self, labels: str, person: str, given: dict[str, bool]) -> None:
        for project, job_id, name in self.held:
            if project.labels == labels and self.owner[project, job_id] == person and name in given:
                self.held[project, job_id, name] = given[name]
        self.hand_outs.note_labels(labels, person, given, LEASE_S)

    @rule(project=st.sampled_from(PROJECTS), person=st.sampled_from(PEOPLE))
    def time_is_up(self, project: Project, person: str) -> None:
        """Of all that this person has: their batches end now."""
        batches = f"{PREFIX}batches:{project.key}"
        for job_id, batch in self.redis.hgetall(batches).items():
            self.redis.hset(batches, job_id, batch.replace('"ends":"1', '"ends":"0') if person in batch else batch)
        for key in [key for key in self.held if key[0] == project and self.owner[key[:2]] == person]:
            del self.held[key]

    @invariant()
    def the_lists_are_as_the_model_says(self) -> None:
        for project in PROJECTS:
            told = {
                (project, one.job_id, name): labelled
                for one in self.hand_outs.of(project)
                for names, labelled in ((one.left, False), (one.labelled, True))
                for name in names
            }
            assert told == {key: labelled for key, labelled in self.held.items() if key[0] == project}

    @invariant()
    def all_that_is_kept_goes_by_itself(self) -> None:
        for key in self.redis.scan_iter(f"{PREFIX}held:*"):
            assert 0 < self.redis.ttl(key) <= LEASE_S + 1

    def _people(self, project: Project, name: str) -> set[str]:
        return {self.owner[at, id_] for at, id_, held in self.held if (at, held) == (project, name)}


def test_whatever_is_called_in_whatever_order_images_are_with_whom_the_model_says(empty_redis):
    store = JobStore.at(empty_redis)
    with redis.Redis.from_url(empty_redis, decode_responses=True) as client:
        Batches.store, Batches.redis = store, client
        run_state_machine_as_test(
            Batches,
            settings=settings(
                max_examples=40, stateful_step_count=20, deadline=None, suppress_health_check=list(HealthCheck)
            ),
        )
    store.close()


PROJECT = PROJECTS[0]


@pytest.fixture
def hand_outs(store: JobStore) -> Iterator[HandOuts]:
    return HandOuts(store)


def test_what_one_person_has_no_other_gets_until_its_time_is_up(store, hand_outs):
    annas, bens = claimed(store), claimed(store)
    assert not hand_outs.hand_out(annas, PROJECT, "anna", {"a": 1, "b": 1}, lease_s=0.2).refused
    assert hand_outs.hand_out(bens, PROJECT, "ben", {"b": 1, "c": 1}, lease_s=600).refused == {"b"}
    assert people_by_name(hand_outs.of(PROJECT)) == {"a": {"anna"}, "b": {"anna"}, "c": {"ben"}}
    time.sleep(0.25)
    assert not hand_outs.hand_out(bens, PROJECT, "ben", {"b": 1, "c": 1}, lease_s=600).refused
    assert people_by_name(hand_outs.of(PROJECT)) == {"b": {"ben"}, "c": {"ben"}}


def test_the_same_call_again_changes_nothing_and_another_attempt_of_the_job_replaces_what_the_first_handed_out(
    store, hand_outs
):
    claim = claimed(store)
    for _ in range(2):
        assert not hand_outs.hand_out(claim, PROJECT, "anna", {"a": 1, "b": 1}, 600).refused
    store.put_back(claim, "drained")
    again = store.claim(claim.job_id, process="w@host/2", token="again", lease_s=600)
    hand_outs.hand_out(again, PROJECT, "anna", {"b": 1, "c": 1}, 600)
    assert people_by_name(hand_outs.of(PROJECT)) == {"b": {"anna"}, "c": {"anna"}}


def test_a_process_that_lost_its_job_hands_nothing_out(store, hand_outs):
    claim = claimed(store)
    store.put_back(claim, "drained")
    with pytest.raises(LeaseLost):
        hand_outs.hand_out(claim, PROJECT, "anna", {"a": 1}, 600)
    assert hand_outs.of(PROJECT) == []


def test_an_image_that_was_labelled_is_still_ones_own_should_the_label_be_taken_back(store, hand_outs):
    claim, other = claimed(store), claimed(store)
    hand_outs.hand_out(claim, PROJECT, "anna", {"a": 1, "b": 1}, 600)
    hand_outs.note_labels("/labels", "anna", {"a": True}, 600)
    assert [(one.left, one.labelled) for one in hand_outs.of(PROJECT)] == [(("b",), ("a",))]
    assert hand_outs.hand_out(other, PROJECT, "ben", {"a": 1}, 600).refused == {"a"}
    hand_outs.note_labels("/labels", "anna", {"a": False}, 600)
    assert [one.left for one in hand_outs.of(PROJECT)] == [("a", "b")]


def test_whoever_labels_keeps_the_rest_of_the_batch_for_longer(store, hand_outs):
    claim = claimed(store)
    hand_outs.hand_out(claim, PROJECT, "anna", {"a": 1, "b": 1}, lease_s=1)
    before = hand_outs.of(PROJECT)[0].ends_at
    hand_outs.note_labels("/labels", "ben", {"a": True}, 600)
    assert hand_outs.of(PROJECT)[0].ends_at == before
    hand_outs.note_labels("/labels", "anna", {"a": True}, 600)
    assert (hand_outs.of(PROJECT)[0].ends_at - before).total_seconds() > 500


def test_a_job_that_succeeded_leaves_its_batch_with_the_person(store, hand_outs):
    claim = claimed(store)
    hand_outs.hand_out(claim, PROJECT, "anna", {"a": 1}, 600)
    store.finish(claim, JobState.SUCCEEDED)
    assert people_by_name(hand_outs.of(PROJECT)) == {"a": {"anna"}}
