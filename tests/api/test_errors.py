"""Whatever is wrong, the answer is a problem document with a code from a closed list, and never a 500."""

from __future__ import annotations

import json

import httpx
import pytest
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from nextlabel.api.app import create_app
from nextlabel.api.errors import HTTP_STATUS, STATUS
from nextlabel.core.errors import Interrupted, NextlabelError
from nextlabel.core.kinds.registry import KINDS
from tests.api.support import settings_for

AS_JSON = {"Content-Type": "application/json"}


def tree(root):
    return {root, *(leaf for child in root.__subclasses__() for leaf in tree(child))}


def problem(answer):
    """The checked document."""
    body = answer.json()
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert body["status"] == answer.status_code >= 400
    assert body["type"] == f"urn:nextlabel:{body['code']}"
    assert body["code"] in {error.code for error in tree(NextlabelError)} | set(HTTP_STATUS)
    assert body["title"]
    assert body["detail"]
    assert ("Retry-After" in answer.headers) == (answer.status_code in (429, 503))
    return body


# --- bodies -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b'{"kind": "selection",}',
        b"{'kind': 'selection'}",
        b"selection",
        b'{"kind": "\xff"}',
        b"\x00",
        b"[" * 100_000,
        b'{"kind":' * 100_000,
        b'{"kind": "selection", "add": ' + b"9" * 5000 + b"}",
        b'{"kind": "selection", "class_quotas": {"\\ud800": 1}}',
        b"{" + b"".join(b'"%d":1,' % i for i in range(100_000)) + b'"99999":1}',
    ],
    ids=range(11),
)
def test_a_body_that_is_not_json_is_malformed(client, body):
    answer = client.post("/jobs", content=body, headers=AS_JSON)
    assert (answer.status_code, problem(answer)["code"]) == (400, "malformed_json")


@pytest.mark.parametrize("body", [b"", b"null", b"[]", b"[1]", b'"selection"', b"1", b"true", b"NaN"])
def test_a_body_that_is_no_object_is_an_invalid_request(client, body):
    answer = client.post("/jobs", content=body, headers=AS_JSON)
    assert (answer.status_code, problem(answer)["code"]) == (422, "invalid_request")


def test_broken_unicode_in_a_body_is_an_invalid_request(client):
    for body in (r'{"kind": "\ud800"}', r'{"kind": "f1", "path_to_img_val": "\ud800"}'):
        assert problem(client.post("/jobs", content=body, headers=AS_JSON))["code"] == "invalid_request"


def test_a_body_that_says_a_thing_twice_is_refused_and_the_key_is_named(client, data):
    body = json.dumps(data.selection)[:-1] + ', "add": 7}'
    answer = client.post("/jobs", content=body, headers=AS_JSON)
    assert (answer.status_code, problem(answer)["code"]) == (400, "malformed_json")
    assert "the key 'add' stands twice" in answer.json()["detail"]


def test_half_of_a_character_in_a_key_is_refused_and_the_key_is_named(client):
    answer = client.post("/jobs", content=r'{"kind": "f1", "a\ud800b": 1}', headers=AS_JSON)
    assert (answer.status_code, problem(answer)["code"]) == (400, "malformed_json")
    assert r"the key 'a\ud800b' holds half of a character; send whole ones" in answer.json()["detail"]


@pytest.mark.parametrize("media_type", ["text/plain", "application/x-www-form-urlencoded", "", "nonsense", None])
def test_a_body_of_another_content_type_is_refused_with_the_right_one(client, data, media_type):
    headers = {} if media_type is None else {"Content-Type": media_type}
    answer = client.post("/jobs", content=json.dumps(data.selection), headers=headers)
    assert (answer.status_code, problem(answer)["code"]) == (415, "unsupported_media_type")
    assert "application/json" in answer.json()["detail"]


@pytest.mark.parametrize("media_type", ["application/json; charset=utf-8", "Application/JSON", "application/x+json"])
def test_json_is_json_by_any_of_its_names(client, data, media_type):
    answer = client.post("/jobs", content=json.dumps(data.selection), headers={"Content-Type": media_type})
    assert answer.status_code == 202


def test_a_body_may_have_so_many_bytes_and_no_more(data, tmp_path, empty_redis):
    with TestClient(
        create_app(settings_for(data, tmp_path, empty_redis, max_request_bytes=1000)), "http://localhost"
    ) as client:
        body = json.dumps(data.selection).ljust(1000)
        assert client.post("/jobs", content=body, headers=AS_JSON).status_code == 202
        answer = client.post("/jobs", content=body + " ", headers=AS_JSON)
        assert (answer.status_code, problem(answer)["code"]) == (413, "body_too_large")
        assert "1000 bytes" in answer.json()["detail"]


def test_a_body_that_hides_its_length_is_counted_as_it_comes(url):
    answer = httpx.post(f"{url}/jobs", content=(b" " * 100_000 for _ in range(11)), headers=AS_JSON)
    assert (answer.status_code, problem(answer)["code"]) == (413, "body_too_large")


# --- routes -----------------------------------------------------------------------------------------------------


def test_an_unknown_route_is_not_found(client):
    for path in (
        "/page/%00",
        "/page/gone.js",
        "/page/%2e%2e/app.py",
        "/page/views",
        "/job",
        "/jobs/x/y",
        "/%00",
        "/%FF",
        "/static-offline-docs/../../etc/passwd",
    ):
        answer = client.get(path)
        assert (answer.status_code, problem(answer)["code"]) == (404, "route_not_found")


def test_a_wrong_verb_is_told_the_right_one(client):
    answer = client.put("/healthz")
    assert (answer.status_code, problem(answer)["code"]) == (405, "method_not_allowed")
    assert answer.headers["Allow"] == "GET"


def test_a_wrong_verb_is_told_all_right_ones_of_a_path_that_has_several(client):
    assert client.put("/jobs").headers["Allow"] == "GET, POST"
    assert client.put("/jobs/job_x").headers["Allow"] == "GET, DELETE"


@pytest.mark.parametrize(
    ("verb", "path"),
    [
        ("GET", "/jobs/job_x"),
        ("GET", "/jobs/job_x/result"),
        ("GET", "/jobs/job_x/events"),
        ("GET", "/jobs?limit=0"),
        ("GET", "/jobs?cursor=x"),
        ("POST", "/jobs"),
        ("POST", "/jobs/job_x/cancel"),
        ("DELETE", "/jobs/job_x"),
        ("PATCH", "/jobs/job_x"),
        ("GET", "/active_learning"),
        ("GET", "/f1"),
        ("POST", "/f1"),
        ("GET", "/readyz"),
    ],
)
def test_every_error_is_a_problem_document(client, verb, path):
    problem(client.request(verb, path))


def test_a_bug_is_told_without_its_details(settings):
    app = create_app(settings)

    @app.get("/broken")
    async def broken() -> None:
        raise RuntimeError("the password is tuna")

    with TestClient(app, "http://localhost", raise_server_exceptions=False) as client:
        answer = client.get("/broken")
    assert (answer.status_code, problem(answer)["code"]) == (500, "internal")
    assert "tuna" not in answer.text


# --- the lists --------------------------------------------------------------------------------------------------


def test_every_code_belongs_to_one_error():
    codes = [error.code for error in tree(NextlabelError)] + list(HTTP_STATUS)
    inherited = {error.code for error in tree(NextlabelError) if "code" not in vars(error)}
    assert len(codes) == len(set(codes)) + len(inherited)


def test_every_error_but_a_mere_interruption_has_a_status_of_its_own():
    for error in tree(NextlabelError) - {NextlabelError} - tree(Interrupted):
        assert any(issubclass(error, kind) for kind in STATUS if kind is not NextlabelError), error


# --- fuzz -------------------------------------------------------------------------------------------------------

FIELDS = sorted({field for kind in KINDS.values() for field in kind.request.model_fields} | {"name"})
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["selection", "f1", "b0", "margin", "linear", "random", "pool", "labels.txt", "..", "/"])
)
LATIN = st.characters(min_codepoint=32, max_codepoint=255)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(FIELDS) | st.text(), inner, max_size=3),
    max_leaves=6,
)
REQUESTS = st.fixed_dictionaries(
    {"kind": st.sampled_from([*KINDS]) | VALUES}, optional={field: VALUES for field in FIELDS if field != "kind"}
)
FUZZ = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


@FUZZ
@given(body=REQUESTS | VALUES)
@example(body={"kind": "selection", "method": {"name": []}})
def test_no_json_makes_the_service_stumble(client, body):
    answer = client.post("/jobs", content=json.dumps(body), headers=AS_JSON)
    assert answer.status_code in {202, 422}
    if answer.status_code == 422:
        assert all(fault["pointer"] == "" or fault["pointer"][0] == "/" for fault in problem(answer)["errors"])


@FUZZ
@given(body=st.binary(max_size=64))
def test_no_bytes_make_the_service_stumble(client, body):
    assert problem(client.post("/jobs", content=body, headers=AS_JSON))["status"] in {400, 422}


@FUZZ
@given(
    path=st.sampled_from(["/jobs", "/jobs/job_x", "/jobs/job_x/result", "/active_learning", "/f1", "/capabilities"]),
    query=st.dictionaries(st.sampled_from([*FIELDS, "wait", "limit", "cursor", "state"]), st.text(max_size=8)),
    headers=st.dictionaries(
        st.sampled_from(["Accept", "If-None-Match", "Last-Event-ID", "Idempotency-Key", "Prefer"]),
        st.text(LATIN, max_size=12).map(lambda text: text.encode("latin-1")),
    ),
)
def test_no_query_and_no_header_makes_the_service_stumble(client, path, query, headers):
    answer = client.get(path, params=query, headers=headers)
    assert answer.status_code < 500
    if answer.is_error:
        problem(answer)
