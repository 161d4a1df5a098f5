"""HTTP that browsers don't send, but that is well formed: HEAD, HTTP/1.0, other encodings, a proxy's path prefix."""

from __future__ import annotations

import gzip
import json
import re
import socket
from urllib.parse import urljoin, urlsplit

import pytest

from nextlabel.api.routes import page
from tests.api.test_errors import AS_JSON, problem


def wire(url: str, request: bytes) -> tuple[int, dict[str, str], bytes]:
    """Send bytes as they are. -> (status, headers by their small names, body)"""
    at = urlsplit(url)
    with socket.create_connection((at.hostname, at.port), timeout=10) as connection:
        connection.sendall(request)
        head, _, body = b"".join(iter(lambda: connection.recv(65536), b"")).partition(b"\r\n\r\n")
    first, *rest = head.decode().split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in rest)}
    return int(first.split()[1]), headers, body


# --- HEAD and HTTP/1.0 ------------------------------------------------------------------------------------------


def test_head_is_get_without_its_body_wherever_a_get_has_no_effect(client, url, data):
    job = client.post("/jobs", json=data.selection).json()["id"]
    places = ["/healthz", "/readyz", "/metrics", "/docs", "/openapi.json", "/capabilities", "/jobs", f"/jobs/{job}"]
    places += [f"/jobs/{job}/events", "/folders", f"/labels?path_to_labels={data.root / 'labels.txt'}"]
    places += ["/static-offline-docs/swagger-ui.css", *(["/"] if page.is_built() else [])]
    for place in places:
        status, headers, body = wire(
            url, f"HEAD {place} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode()
        )
        assert (status, body) == (200 if place != "/readyz" else 503, b""), place
        assert "x-request-id" in headers
    assert client.head("/gone").status_code == 404
    assert client.head("/jobs/job_x").status_code == 404
    assert client.head("/jobs", headers={"Host": "evil.example"}).status_code == 403


def test_head_makes_no_job(client):
    for path in ("/active_learning", "/f1"):
        answer = client.head(path)
        assert (answer.status_code, answer.headers["Allow"]) == (405, "GET")
    assert client.get("/jobs").json()["data"] == []


@pytest.mark.parametrize("path", ["/healthz", "/metrics", "/jobs", "/docs"])
def test_http_1_0_needs_no_host(url, path):
    assert wire(url, f"GET {path} HTTP/1.0\r\n\r\n".encode())[0] == 200
    assert wire(url, f"HEAD {path} HTTP/1.0\r\n\r\n".encode())[0] == 200
    assert wire(url, f"GET {path} HTTP/1.0\r\nHost: evil.example\r\n\r\n".encode())[0] == 403


# --- bodies -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/jobs", "/labels", "/label-studio/pool/setup"])
@pytest.mark.parametrize("encoding", ["gzip", "br", "deflate", "GZIP, identity", "nonsense"])
def test_an_encoded_body_is_refused_by_name(client, path, encoding):
    body = gzip.compress(b'{"kind": "map"}')
    answer = client.post(path, content=body, headers={**AS_JSON, "Content-Encoding": encoding})
    assert (answer.status_code, problem(answer)["code"]) == (415, "unsupported_media_type")
    assert f"Content-Encoding: {encoding}" in answer.json()["detail"]
    assert answer.headers["Accept-Encoding"] == "identity"


def test_an_encoding_that_is_none_is_none(client, data):
    for encoding in ("identity", "Identity", ""):
        headers = {**AS_JSON, "Content-Encoding": encoding}
        assert client.post("/jobs", content=json.dumps(data.selection), headers=headers).status_code == 202


@pytest.mark.parametrize("path", ["/jobs", "/labels", "/label-studio/pool/setup"])
@pytest.mark.parametrize(
    "media_type", ["text/plain", "application/json; charset=utf-16", "application/json;charset=latin1"]
)
def test_a_body_is_json_in_utf_8_and_says_so(client, path, media_type):
    answer = client.post(path, content=b'{"kind": "map"}', headers={"Content-Type": media_type})
    assert (answer.status_code, problem(answer)["code"]) == (415, "unsupported_media_type")
    assert media_type.partition("charset=")[2] in answer.json()["detail"]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32", "latin-1"])
def test_a_body_that_is_not_utf_8_is_told_so_whatever_it_is(client, encoding):
    answer = client.post("/jobs", content='{"kind": "größer"}'.encode(encoding), headers=AS_JSON)
    assert (answer.status_code, problem(answer)["code"]) == (400, "malformed_json")
    assert "not UTF-8" in answer.json()["detail"]


def test_a_byte_order_mark_before_json_is_passed_over(client, data):
    content = json.dumps(data.selection).encode("utf-8-sig")
    assert client.post("/jobs", content=content, headers=AS_JSON).status_code == 202


def test_a_body_in_chunks_and_one_that_waits_to_be_asked_for_are_read(url, data):
    body = json.dumps(data.selection).encode()
    head = b"POST /jobs HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\n"
    chunks = b"%x\r\n%s\r\n%x\r\n%s\r\n0\r\n\r\n" % (10, body[:10], len(body) - 10, body[10:])
    assert wire(url, head + b"Transfer-Encoding: chunked\r\n\r\n" + chunks)[0] == 202
    asked = head + b"Expect: 100-continue\r\nContent-Length: %d\r\n\r\n" % len(body)
    assert wire(url, asked + body)[0] == 100  # the answer to the request follows


# --- paths ------------------------------------------------------------------------------------------------------


def test_a_slash_too_many_leads_to_the_path_without_it(client):
    for path in ("/docs/", "/jobs/?limit=3", "/jobs/job_x/"):
        answer = client.get(path, follow_redirects=False)
        assert answer.status_code == 307, path
        assert not urlsplit(answer.headers["Location"]).path.startswith("/")
        asked, _, query = path.partition("?")
        place = urljoin(f"http://host/nextlabel{path}", answer.headers["Location"])
        assert place == f"http://host/nextlabel{asked.rstrip('/')}" + (f"?{query}" if query else "")
    for path in ("/gone/", "/healthz//", "/jobs//job_x"):
        assert client.get(path, follow_redirects=False).status_code == 404


def test_letters_of_a_path_may_be_written_as_percents(client):
    assert client.get("/%6Aobs").status_code == 200
    assert problem(client.get("/jobs%2f%2e%2e"))["status"] == 404


def test_a_new_job_s_place_has_the_prefix_that_a_proxy_took_off(client, data):
    for sent, prefix in (("/nextlabel", "/nextlabel"), ("/a/b-1/", "/a/b-1"), ("", "")):
        answer = client.post("/jobs", json=data.selection, headers={"X-Forwarded-Prefix": sent})
        assert answer.headers["Location"] == f"{prefix}/jobs/{answer.json()['id']}"
    for evil in ("//evil.example", "https://evil.example", "/a\\b", "/x?y", "/a//b", "a"):
        answer = client.post("/jobs", json=data.selection, headers={"X-Forwarded-Prefix": evil})
        assert answer.headers["Location"] == f"/jobs/{answer.json()['id']}"


def test_the_interface_s_document_says_that_its_calls_are_beside_it(client):
    (server,) = client.get("/openapi.json").json()["servers"]
    assert urljoin("http://host/nextlabel/openapi.json", f"{server['url']}/jobs") == "http://host/nextlabel/jobs"


# --- frames -----------------------------------------------------------------------------------------------------


def test_no_answer_can_be_framed(client):
    for path in ("/", "/docs", "/openapi.json", "/healthz", "/jobs", "/gone", "/static-offline-docs/swagger-ui.css"):
        answer = client.get(path)
        assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
        assert answer.headers["X-Frame-Options"] == "DENY"


def test_the_documentation_runs_its_own_script_and_no_other(client):
    answer = client.get("/docs")
    policy = dict(part.split(" ", 1) for part in answer.headers["Content-Security-Policy"].split("; "))
    assert policy["default-src"] == "'none'"
    assert re.fullmatch(r"'self' 'sha256-[\w+/]{43}='", policy["script-src"])
