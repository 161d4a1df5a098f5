import pytest

from nextlabel.core.errors import Cancelled
from nextlabel.core.pipelines import run as module
from nextlabel.core.pipelines.run import Run
from nextlabel.core.settings import Settings


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(module, "time", clock)
    return clock


def new_run(check=lambda: None):
    told = []
    run = Run(Settings(), None, check=check, publish=lambda progress, warnings: told.append((progress, warnings)))
    run.plan("read", "embed")
    return run, told


def test_a_stage_knows_its_place_in_the_plan_and_is_told_at_once():
    run, told = new_run()
    run.stage("embed", total=10, unit="images", done=4)
    shown = told[-1][0]
    assert (shown.stage, shown.stage_index, shown.stage_count) == ("embed", 1, 2)
    assert (shown.done, shown.total, shown.unit, shown.rate_per_s) == (4, 10, "images", None)


def test_progress_within_a_stage_is_told_at_most_once_a_second(clock):
    run, told = new_run()
    run.stage("embed", total=100)
    for done in range(1, 13):
        clock.now += 0.25
        run.advance(done)
    assert [progress.done for progress, _ in told] == [0, 4, 8, 12]
    assert run.progress.done == 12


def test_the_rate_counts_only_what_was_done_in_this_stage(clock):
    run, _ = new_run()
    run.stage("embed", total=100, done=60)
    clock.now += 2
    run.advance(62)
    clock.now += 4
    run.advance(82)
    assert (run.progress.rate_per_s, run.progress.eta_s) == (5.0, 3.6)


def test_a_first_step_that_takes_long_makes_no_time_left_too_long(clock):
    run, _ = new_run()
    run.stage("embed", total=800)
    clock.now += 60
    run.advance(0)
    run.advance(8)
    for done in (16, 24, 32):
        assert (run.progress.rate_per_s, run.progress.eta_s) == (None, None)
        clock.now += 1
        run.advance(done)
    assert (run.progress.rate_per_s, run.progress.eta_s) == (8.0, 96.0)


def test_without_a_total_there_is_a_rate_and_no_time_left(clock):
    run, _ = new_run()
    run.stage("embed")
    run.advance(1)
    clock.now += 4
    run.advance(21)
    assert (run.progress.rate_per_s, run.progress.eta_s) == (5.0, None)


def test_a_total_that_becomes_known_on_the_way_stays_known():
    run, _ = new_run()
    run.stage("embed")
    run.advance(3, 10)
    run.advance(4)
    assert (run.progress.done, run.progress.total) == (4, 10)


def test_a_job_is_stopped_at_every_step_it_tells_of():
    def refuse():
        raise Cancelled("cancelled by request")

    run, told = new_run(refuse)
    for step in (lambda: run.stage("read"), lambda: run.advance(1), run.check):
        with pytest.raises(Cancelled):
            step()
    assert told[0][0].stage == "read"


def test_a_warning_is_told_with_the_next_progress_and_names_twenty_images_at_most():
    run, told = new_run()
    run.warn("unreadable_image", "left out", [f"{i}.jpg" for i in range(30)])
    run.warn("random_weights", "as asked")
    run.stage("read")
    unreadable, random_weights = told[-1][1]
    assert (unreadable.count, len(unreadable.names), unreadable.names[0]) == (30, 20, "0.jpg")
    assert (random_weights.count, random_weights.names) == (1, ())


def test_a_stage_outside_the_plan_is_a_mistake():
    run, _ = new_run()
    with pytest.raises(ValueError, match="not in tuple"):
        run.stage("train")
