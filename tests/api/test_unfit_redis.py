"""The API on a Redis that can't keep the promise, that lost something, or that something else wrote into."""

import pytest
import redis
from fastapi.testclient import TestClient

from nextlabel.api.app import create_app
from nextlabel.api.services import Services
from nextlabel.core.errors import Misconfigured
from nextlabel.core.keys import KeyFile, Scope
from tests.api.support import settings_for


@pytest.fixture
def server(empty_redis):
    with redis.Redis.from_url(empty_redis, decode_responses=True) as server:
        yield server
        server.config_set("maxmemory-policy", "noeviction")


def submit(client, data, **headers):
    answer = client.post("/jobs", json=data.selection, headers=headers)
    assert answer.status_code == 202
    return answer.json()["id"]


@pytest.mark.parametrize("policy", ["allkeys-lru", "volatile-ttl"])
def test_a_redis_that_evicts_is_named_by_readyz_and_accepts_no_job_until_it_is_mended(
    client, data, server, worker, policy
):
    worker.store.note_worker("w")
    accepted = submit(client, data)
    server.config_set("maxmemory-policy", policy)
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()["code"]) == (503, "not_ready")
    assert policy in answer.json()["faults"][0]
    refused = client.post("/jobs", json=data.selection)
    assert (refused.status_code, refused.json()["code"]) == (503, "store_unfit")
    assert "noeviction" in refused.json()["detail"]
    assert client.get(f"/jobs/{accepted}").status_code == 200  # what was accepted can be looked at
    server.config_set("maxmemory-policy", "noeviction")
    assert client.get("/readyz").status_code == 200
    submit(client, data)


def test_a_redis_that_evicts_is_refused_as_the_process_starts(settings, server):
    server.config_set("maxmemory-policy", "allkeys-lfu")
    with pytest.raises(Misconfigured, match=r"allkeys-lfu.*noeviction"):
        Services.of(settings).redis_watch.require(settings.redis_url, wait_s=0)


def test_a_redis_without_a_file_is_warned_of(client, server, worker):
    worker.store.note_worker("w")
    server.config_set("appendonly", "no")
    try:
        answer = client.get("/readyz")
    finally:
        server.config_set("appendonly", "yes")
    assert answer.status_code == 200
    assert "append-only" in answer.json()["warnings"][0]


def test_an_accepted_job_that_redis_lost_is_said_to_be_lost(client, data, server, worker):
    job_id = submit(client, data)
    server.flushall()
    worker.store.note_worker("w")
    assert "lost 1 accepted" in client.get("/readyz").json()["warnings"][0]
    answer = client.get(f"/jobs/{job_id}")
    assert (answer.status_code, answer.json()["code"]) == (404, "job_lost")
    assert "nextlabel_jobs_lost_total 1.0" in client.get("/metrics").text
    assert client.get("/jobs").json()["data"] == []


def test_one_broken_record_is_named_and_hides_no_other_and_can_be_deleted(client, data, server):
    sound, broken = submit(client, data), submit(client, data)
    server.hdel(f"nextlabel:job:{broken}", "kind", "id")
    listed = client.get("/jobs")
    assert (listed.status_code, [job["id"] for job in listed.json()["data"]]) == (200, [sound])
    assert listed.json()["broken"] == [broken]
    for call in (client.get, lambda path: client.post(f"{path}/cancel"), lambda path: client.get(f"{path}/events")):
        answer = call(f"/jobs/{broken}")
        assert (answer.status_code, answer.json()["code"]) == (404, "job_broken")
    assert client.delete(f"/jobs/{broken}").status_code == 204
    assert client.get("/jobs").json()["broken"] == []


def test_an_id_in_a_record_never_becomes_a_path(client, data, server, settings, tmp_path):
    victim = tmp_path / "victim"
    victim.mkdir()
    (victim / "1.json").write_text('{"secret": 1}')
    record = server.hgetall(f"nextlabel:job:{submit(client, data)}")
    for name in ("evil", "job_evil"):
        server.hset(f"nextlabel:job:{name}", mapping={**record, "id": str(victim), "state": "succeeded", "ended_by": 1})
        for answer in (client.get(f"/jobs/{name}"), client.get(f"/jobs/{name}/result")):
            assert (answer.status_code, answer.json()["code"]) == (404, "job_broken")
        assert client.delete(f"/jobs/{name}").status_code == 204
    assert (victim / "1.json").read_text() == '{"secret": 1}'


def test_a_lost_job_is_told_to_its_owner_and_to_nobody_else(data, tmp_path, empty_redis, server):
    keys = KeyFile(tmp_path / "keys.json")
    owners = {"anna": tuple(Scope)[:2], "bob": tuple(Scope)[:2], "eve": tuple(Scope)}
    made = [keys.create(owner, scopes) for owner, scopes in owners.items()]
    anna, bob, admin = ({"Authorization": f"Bearer {key}"} for key in made)
    settings = settings_for(data, tmp_path, empty_redis, api_keys_file=keys.path)
    with TestClient(create_app(settings), "http://localhost") as client:
        job_id = submit(client, data, **anna)
        server.flushall()
        client.get("/readyz")
        codes = [client.get(f"/jobs/{job_id}", headers=who).json()["code"] for who in (anna, bob, admin)]
    assert codes == ["job_lost", "job_not_found", "job_lost"]
