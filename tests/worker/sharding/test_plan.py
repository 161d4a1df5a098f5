import os
import time
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nextlabel.core.data.places import place_at
from nextlabel.core.data.pool import Pool, list_pool
from nextlabel.core.embeddings.cache import CacheKey
from nextlabel.core.errors import JobNotFound, PathNotAllowed
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


@pytest.mark.parametrize("name", ["/etc/passwd", "../out.png", "a/../../out.png", "", "a\0.png"])
def test_a_plan_with_a_name_that_leads_out_of_its_place_is_damaged(plan, tmp_path, name):
    files = replace(plan.pool.files, names=(name, *plan.pool.files.names[1:]))
    Plan(plan.key, Pool(plan.pool.place, files)).write(tmp_path / "p.npz")
    with pytest.raises(OSError, match="damaged"):
        Plan.read(tmp_path / "p.npz", [tmp_path])


def test_a_plan_that_is_no_plan_is_damaged(tmp_path):
    for content in (b"", b"PK\x03\x04", b"\x93NUMPY"):
        (tmp_path / "p.npz").write_bytes(content)
        with pytest.raises(OSError, match="damaged"):
            Plan.read(tmp_path / "p.npz", [tmp_path])


@pytest.mark.parametrize(("job_id", "key"), [("../job_1", "key"), ("job_1", "../key"), ("job_1", "/key"), ("", "key")])
def test_neither_a_jobs_id_nor_a_plans_key_leads_elsewhere(tmp_path, job_id, key):
    with pytest.raises((JobNotFound, FileNotFoundError)):
        plan_path(tmp_path, job_id, key)
