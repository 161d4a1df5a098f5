import os
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nextlabel.core.data.places import place_at
from nextlabel.core.data.pool import list_pool
from nextlabel.core.embeddings.cache import CacheKey
from nextlabel.core.errors import PathNotAllowed
from nextlabel.worker.sharding.plan import GIVEN_UP_AFTER_S, Plan, plan_path, remove_old_plans
from tests import pools


@pytest.fixture
def plan(tmp_path):
    pools.draw(tmp_path / "data" / "pool", red=3)
    pool = list_pool(place_at("pool", [tmp_path / "data"]))
    return Plan(CacheKey("b0", "weights", "preprocessing", pool.place.key), pool)


def test_a_plan_that_was_written_is_read_as_it_was(plan, tmp_path):
    plan.write(tmp_path / "plans" / "p.npz")
    read = Plan.read(tmp_path / "plans" / "p.npz", [tmp_path / "data"])
    assert (read.key, read.pool.names) == (plan.key, plan.pool.names)
    assert read.pool.state() == plan.pool.state()
    assert [path.name for path in (tmp_path / "plans").iterdir()] == ["p.npz"]


def test_a_plan_of_a_place_that_is_not_below_this_machines_roots_is_refused(plan, tmp_path):
    plan.write(tmp_path / "p.npz")
    (tmp_path / "other").mkdir()
    with pytest.raises(PathNotAllowed):
        Plan.read(tmp_path / "p.npz", [tmp_path / "other"])


@given(st.from_regex(r"job_[0-9a-f]{28}", fullmatch=True), st.from_regex(r"[0-9a-f]{32}", fullmatch=True))
def test_the_job_of_a_plan_is_known_by_its_file(tmp_path_factory, job_id, key):
    path = plan_path(tmp_path_factory.mktemp("plans"), job_id, key)
    path.touch()
    asked = []
    remove_old_plans(path.parent, lambda of: bool(asked.append(of)))
    assert asked == [job_id]
    assert path.exists()
    remove_old_plans(path.parent, job_id.__eq__)
    assert not path.exists()


def test_a_plan_that_is_being_written_stays_and_one_that_never_was_finished_goes(tmp_path):
    for age_s, name in [(0, ".new.tmp"), (2 * GIVEN_UP_AFTER_S, ".old.tmp")]:
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (time.time() - age_s,) * 2)
    remove_old_plans(tmp_path, lambda _: True)
    assert [path.name for path in tmp_path.iterdir()] == [".new.tmp"]


def test_where_no_plan_was_ever_written_there_is_none_to_remove(tmp_path):
    remove_old_plans(tmp_path / "nowhere", lambda _: True)
