"""Keys, scopes, owners and limits, over real HTTP against the real app."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
import threading
import time
from contextlib import ExitStack

import httpx
import pytest
from fastapi.testclient import TestClient

from nextlabel.api.app import create_app
from nextlabel.api.auth import MAX_STREAMS, OPEN, is_open
from nextlabel.api.routes.page import is_built
from nextlabel.core.keys import KeyFile, Scope
from nextlabel.core.kinds.registry import parse_request
from tests.api.support import f1_result, routes_of, served, settings_for
from tests.api.test_errors import problem
from tests.api.test_events import following

BOTH = (Scope.READ, Scope.WRITE)
CALLS = [
    ("POST", "/jobs"),
    ("GET", "/jobs"),
    ("GET", "/jobs/{id}"),
    ("GET", "/jobs/{id}?wait=1"),
    ("GET", "/jobs/{id}/result"),
    ("GET", "/jobs/{id}/events"),
    ("POST", "/jobs/{id}/cancel"),
    ("DELETE", "/jobs/{id}"),
    ("GET", "/active_learning"),
    ("GET", "/f1"),
    ("GET", "/capabilities"),
    ("GET", "/folders"),
    ("GET", "/images"),
    ("GET", "/labels"),
    ("POST", "/labels"),
    ("GET", "/metrics"),
]
OF_A_JOB = [(verb, path) for verb, path in CALLS if "{id}" in path]


@pytest.fixture
def keys(tmp_path):
    file = KeyFile(tmp_path / "keys.json")
    file.create("nobody", ())
    return file


@pytest.fixture
def settings(data, tmp_path, empty_redis, keys):
    return settings_for(data, tmp_path, empty_redis, api_keys_file=keys.path)


@pytest.fixture
def caller(client, keys):
    """A call in the name of an owner, whose key is made for it."""

    def made(owner, *scopes):
        key = keys.create(owner, scopes or BOTH)

        def call(verb, path, **options):
            headers = {"Authorization": f"Bearer {key}", **options.pop("headers", {})}
            return client.request(verb, path, headers=headers, **options)

        return call

    return made


@pytest.fixture
def anna(caller):
    return caller("anna")


@pytest.fixture
def bob(caller):
    return caller("bob")


def submitted(call, data, **options):
    answer = call("POST", "/jobs", json=data.f1, **options)
    assert answer.status_code == 202, answer.text
    return answer.json()["id"]


def code(answer):
    return answer.status_code, problem(answer)["code"]


# --- keys -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("verb", "path"), [*CALLS, ("GET", "/nowhere"), ("PUT", "/jobs")])
def test_without_a_key_nothing_of_anybody_shows(client, verb, path):
    answer = client.request(verb, path)
    assert code(answer) == (401, "unauthenticated")
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.parametrize("path", ["/healthz", "/docs", "/openapi.json", "/static-offline-docs/swagger-ui.css"])
def test_health_documentation_and_the_empty_page_need_no_key(client, path):
    assert client.get(path).status_code == 200
    assert client.get("/").status_code == (200 if is_built() else 503)
    assert client.get("/page/gone.js").status_code == 404
    assert client.get("/readyz").json()["faults"]


def test_every_route_is_open_by_name_or_asks_for_a_scope(client):
    document = client.get("/openapi.json").json()
    assert document["components"]["securitySchemes"]["key"]["scheme"] == "bearer"
    guarded = {
        (verb, path): operation.get("security")
        for path, operations in document["paths"].items()
        for verb, operation in operations.items()
        if not is_open(path)
    }
    assert len(guarded) >= 11
    assert [call for call, security in guarded.items() if not security or not security[0]["key"]] == []


def test_nothing_is_open_but_what_is_named(settings):
    routes = routes_of(create_app(settings))
    assert len(routes) > 30
    assert {route.path for route in routes if is_open(route.path)} <= {"/", *OPEN, "/docs/oauth2-redirect"}
    for path in ("/docsx", "/healthz2", "//docs", "/jobs/../docs", "/DOCS", "//", "//jobs", "/pagex"):
        assert not is_open(path)


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Bearer",
        "Bearer ",
        "Bearer x",
        "Basic {key}",
        "{key}",
        "Bearer {key}x",
        "Bearer {key} {key}",
        "Bearer {KEY}",
    ],
)
def test_a_garbled_key_is_no_key(client, keys, header):
    key = keys.create("anna", BOTH)
    header = header.format(key=key, KEY=key.upper())
    assert code(client.get("/jobs", headers={"Authorization": header})) == (401, "unauthenticated")


def test_a_key_in_the_query_is_no_key(client, keys):
    key = keys.create("anna", BOTH)
    for name in ("api_key", "key", "access_token", "token", "authorization"):
        assert client.get("/jobs", params={name: key}).status_code == 401
    client.cookies["Authorization"] = f"Bearer {key}"
    assert client.get("/jobs").status_code == 401


def test_bearer_is_written_as_one_likes(client, keys):
    key = keys.create("anna", BOTH)
    assert client.get("/jobs", headers={"authorization": f"bearer {key}"}).status_code == 200


def test_a_revoked_key_is_refused_at_once_and_a_second_one_goes_on(client, keys, data):
    old, new = keys.create("anna", BOTH), keys.create("anna", BOTH)

    def jobs(key):
        return client.get("/jobs", headers={"Authorization": f"Bearer {key}"}).status_code

    assert (jobs(old), jobs(new)) == (200, 200)
    keys.revoke(old.split("_")[1])
    assert (jobs(old), jobs(new)) == (401, 200)


def test_who_has_no_key_is_told_before_a_body_is_read(client):
    answer = client.post("/jobs", content=b"{", headers={"Content-Type": "application/json"})
    assert answer.status_code == 401


def test_the_log_tells_who_was_turned_away(client, keys, logged):
    client.get("/jobs", headers={"Authorization": f"Bearer {keys.create('anna', BOTH)}x"})
    assert "turned away" in logged()
    assert "nl_" not in logged()


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("NEXTLABEL_AUTH", "auto", "nextlabel: 0.0.0.0 can be reached from other machines, and no key would be asked"),
        ("NEXTLABEL_API_KEYS_FILE", "/nowhere/keys.json", "nextlabel: there is no keys file /nowhere/keys.json; "),
    ],
)
def test_the_api_refuses_to_start_and_says_why_in_one_line(variable, value, said):
    told = subprocess.run(
        [sys.executable, "-m", "nextlabel.api", "--host", "0.0.0.0"],
        env={**os.environ, variable: value}, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert told.returncode == 1
    assert told.stderr.startswith(said)
    assert told.stderr.count("\n") == 1


# --- scopes -----------------------------------------------------------------------------------------------------


def test_each_call_needs_its_scope_and_no_other(caller):
    write = {("POST", "/jobs"), ("POST", "/jobs/{id}/cancel"), ("DELETE", "/jobs/{id}")}
    write |= {("GET", "/active_learning"), ("GET", "/f1"), ("POST", "/labels")}
    needs = {call: "write" if call in write else "admin" if call[1] == "/metrics" else "read" for call in CALLS}
    may = {
        caller("root", Scope.ADMIN): {"read", "admin"},  # who sees all, reads
        caller("reader", Scope.READ): {"read"},
        caller("writer", Scope.WRITE): {"write"},
    }
    for (call, allowed), (verb, path) in itertools.product(may.items(), CALLS):
        answer = call(verb, path.format(id="job_x"))
        assert (answer.status_code == 403) == (needs[verb, path] not in allowed), (verb, path, answer.text)
        if answer.status_code == 403:
            assert problem(answer)["code"] == "forbidden"


# --- owners -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("verb", "path"), OF_A_JOB)
def test_another_owners_job_is_not_found_as_if_there_were_none(anna, bob, data, verb, path):
    job_id = submitted(anna, data)
    answer = bob(verb, path.format(id=job_id))
    unknown = bob(verb, path.format(id="job_x"))
    assert code(answer) == code(unknown) == (404, "job_not_found")
    assert answer.text.replace(job_id, "") == unknown.text.replace("job_x", "")
    assert anna("GET", f"/jobs/{job_id}").json()["state"] == "queued"


def test_a_list_shows_ones_own_jobs_whatever_key_made_them(caller, anna, bob, data):
    mine = {submitted(anna, data), submitted(caller("anna"), data)}
    theirs = submitted(bob, data)

    def listed(call):
        return {job["id"] for job in call("GET", "/jobs").json()["data"]}

    assert listed(anna) == mine
    assert listed(bob) == {theirs}
    assert listed(caller("root", Scope.ADMIN)) == {*mine, theirs}


def test_pages_of_a_list_hold_ones_own_jobs_alone(anna, bob, data):
    mine = [submitted(call, data) for call in (anna, bob, anna, bob, anna)][::-2]
    first = anna("GET", "/jobs?limit=2").json()
    second = anna("GET", f"/jobs?limit=2&cursor={first['next_cursor']}").json()
    assert [job["id"] for page in (first, second) for job in page["data"]] == mine
    assert second["next_cursor"] is None


def test_an_admin_who_may_write_cancels_anybodys_job(caller, anna, data):
    job_id = submitted(anna, data)
    assert caller("root", Scope.ADMIN)("POST", f"/jobs/{job_id}/cancel").status_code == 403
    assert caller("root", Scope.ADMIN, Scope.WRITE)("POST", f"/jobs/{job_id}/cancel").status_code == 200
    assert anna("GET", f"/jobs/{job_id}").json()["state"] == "cancelled"


def test_the_same_idempotency_key_of_two_owners_makes_two_jobs(anna, bob, data):
    once = {"headers": {"Idempotency-Key": "k"}}
    first, other = submitted(anna, data, **once), submitted(bob, data, **once)
    assert first != other
    assert submitted(anna, data, **once) == first
    assert bob("POST", "/jobs", json=data.prediction, **once).json()["code"] == "idempotency_key_reused"


def test_a_job_from_before_there_were_owners_is_an_admins_to_see(caller, anna, worker, data):
    request = parse_request(data.f1)
    worker.store.submit("job_old", request.kind, request.model_dump_json())
    worker.store._redis.hdel("nextlabel:job:job_old", "owner")
    assert anna("GET", "/jobs/job_old").status_code == 404
    assert caller("root", Scope.ADMIN)("GET", "/jobs/job_old").json()["owner"] == ""
    worker.succeed("job_old", f1_result())
    assert caller("root", Scope.ADMIN)("GET", "/jobs/job_old").json()["state"] == "succeeded"


def test_the_first_version_s_calls_make_jobs_of_their_caller(anna, bob, data, worker):
    measuring = {name: value for name, value in data.f1.items() if name != "kind"}
    with worker.carrying_out(f1_result(0.5)):
        answer = anna("GET", "/f1", params=measuring)
    assert answer.json() == {"f1_macro": 0.5}
    job_id = answer.headers["X-Job-ID"]
    assert anna("GET", f"/jobs/{job_id}").json()["owner"] == "anna"
    assert bob("GET", f"/jobs/{job_id}").status_code == 404


# --- limits -----------------------------------------------------------------------------------------------------


@pytest.fixture
def limited(data, tmp_path, empty_redis, keys):
    def served_with(client=("10.0.0.1", 1), **limits):
        app = create_app(settings_for(data, tmp_path, empty_redis, **limits))
        return TestClient(app, "http://localhost", client=client)

    return served_with


def bearer(keys, owner):
    return {"Authorization": f"Bearer {keys.create(owner, BOTH)}"}


def test_an_owners_keys_share_what_it_may_submit_and_others_have_their_own(limited, keys, data):
    with limited(submits_per_minute=3, api_keys_file=keys.path) as client:
        anna = itertools.cycle([bearer(keys, "anna"), bearer(keys, "anna")])
        answers = [client.post("/jobs", json=data.f1, headers=next(anna)) for _ in range(4)]
        assert [answer.status_code for answer in answers] == [202, 202, 202, 429]
        assert code(answers[3]) == (429, "rate_limited")
        assert problem(answers[3])["retryable"]
        assert 15 <= int(answers[3].headers["Retry-After"]) <= 20  # one every twenty seconds
        assert client.post("/jobs", json=data.f1, headers=bearer(keys, "bob")).status_code == 202
        assert client.get("/jobs", headers=next(anna)).status_code == 200  # reading is counted by itself


def test_without_keys_an_address_has_its_own_limit(limited):
    for address in ("10.0.0.1", "10.0.0.2"):
        with limited(reads_per_minute=1, client=(address, 1)) as client:
            assert [client.get("/capabilities").status_code for _ in range(2)] == [200, 429]


@pytest.mark.parametrize("more", ["", "?wait=1", "/result", "/events"])
def test_one_call_is_counted_once(limited, more):
    with limited(reads_per_minute=2) as client:
        assert [client.get(f"/jobs/job_x{more}").status_code for _ in range(3)] == [404, 404, 429]


def test_without_keys_and_without_a_setting_there_is_no_limit(limited, worker):
    with limited() as client:
        assert {client.get("/jobs").status_code for _ in range(3)} == {200}
    assert worker.store._redis.keys("nextlabel:calls:*") == []


def test_with_keys_there_is_a_limit_without_any_setting(client, anna, data, monkeypatch):
    monkeypatch.setattr("nextlabel.api.auth.SUBMITS_PER_MINUTE", 2)
    assert [anna("POST", "/jobs", json=data.f1).status_code for _ in range(3)] == [202, 202, 429]


def test_where_redis_is_out_of_reach_the_limit_lets_pass(data, tmp_path):
    settings = settings_for(data, tmp_path, "redis://127.0.0.1:1/0", reads_per_minute=1)
    with TestClient(create_app(settings), "http://localhost") as client:
        assert {client.get("/capabilities").status_code for _ in range(3)} == {200}
        assert client.get("/jobs").status_code == 503


def test_an_owner_has_so_many_unfinished_jobs_and_no_more(limited, keys, data, worker):
    with limited(max_unfinished_jobs=2, api_keys_file=keys.path) as client:
        anna, bob = bearer(keys, "anna"), bearer(keys, "bob")
        once = {**anna, "Idempotency-Key": "k"}
        first = client.post("/jobs", json=data.f1, headers=once).json()["id"]
        client.post("/jobs", json=data.f1, headers=anna)
        refused = client.post("/jobs", json=data.f1, headers=anna)
        assert code(refused) == (429, "quota_exceeded")
        assert problem(refused)["detail"].startswith("2 of your jobs have not ended")
        assert client.post("/jobs", json=data.f1, headers=bob).status_code == 202
        assert client.post("/jobs", json=data.f1, headers=once).json()["id"] == first  # a repeat is none more
        worker.succeed(first, f1_result())
        assert client.post("/jobs", json=data.f1, headers=anna).status_code == 202


def test_many_submits_at_once_do_not_get_past_the_quota(data, tmp_path, empty_redis):
    with served(create_app(settings_for(data, tmp_path, empty_redis, max_unfinished_jobs=5))) as url:
        statuses = []

        def submit():
            statuses.append(httpx.post(f"{url}/jobs", json=data.f1).status_code)

        threads = [threading.Thread(target=submit) for _ in range(15)]
        [thread.start() for thread in threads]
        [thread.join() for thread in threads]
        assert sorted(statuses) == [202] * 5 + [429] * 10


def test_an_owner_follows_ten_jobs_at_once_and_may_again_when_one_is_closed(url, keys, data):
    anna, bob = bearer(keys, "anna"), bearer(keys, "bob")
    jobs = [httpx.post(f"{url}/jobs", json=data.f1, headers=who).json()["id"] for who in (anna, bob)]
    with ExitStack() as streams:
        opened = [streams.enter_context(following(url, jobs[0], headers=anna)) for _ in range(MAX_STREAMS)]
        assert {next(events)["event"] for events in opened} == {"state"}
        refused = httpx.get(f"{url}/jobs/{jobs[0]}/events", headers=anna)
        assert code(refused) == (429, "too_many_streams")
        with following(url, jobs[1], headers=bob) as events:
            next(events)
    deadline = time.monotonic() + 10
    while (answer := _follow(url, jobs[0], anna)) == 429 and time.monotonic() < deadline:
        time.sleep(0.1)
    assert answer == 200


def _follow(url, job_id, headers):
    with httpx.stream("GET", f"{url}/jobs/{job_id}/events", headers=headers) as answer:
        return answer.status_code
