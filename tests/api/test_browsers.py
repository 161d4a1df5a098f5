"""Web pages in a browser on this machine, where no key is asked for."""

from __future__ import annotations

import pytest
from fastapi.testclient import TestClient

from nextlabel.api.app import create_app
from nextlabel.core.keys import KeyFile, Scope
from tests.api.support import settings_for
from tests.api.test_errors import problem


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST:5000", "127.0.0.1", "127.0.0.1:5000", "[::1]:5000", "192.168.1.2:80", "0.0.0.0"]
)
def test_localhost_and_addresses_are_answered(client, host):
    assert client.get("/jobs", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example:5000", "127.0.0.1@evil.example", "x", ""]
)
def test_a_name_that_is_not_ours_is_refused_whatever_it_stands_for(client, host, data):
    for path in ("/jobs", "/healthz", "/docs"):
        answer = client.get(path, headers={"Host": host})
        assert (answer.status_code, problem(answer)["code"]) == (403, "forbidden")
    assert client.post("/jobs", json=data.f1, headers={"Host": host}).status_code == 403


@pytest.mark.parametrize(("verb", "path"), [("GET", "/active_learning"), ("POST", "/jobs/x/cancel"), ("GET", "/jobs")])
def test_what_a_page_of_another_site_asks_for_is_refused(client, verb, path):
    answer = client.request(verb, path, headers={"Sec-Fetch-Site": "cross-site"})
    assert (answer.status_code, problem(answer)["code"]) == (403, "forbidden")
    old_browser = client.request(verb, path, headers={"Origin": "https://evil.example"})
    assert old_browser.status_code == 403
    assert client.request(verb, path, headers={"Origin": "null"}).status_code == 403


@pytest.mark.parametrize("site", ["none", "same-origin", "same-site"])
def test_what_a_person_or_a_page_of_this_machine_asks_for_is_answered(client, site):
    assert client.get("/jobs", headers={"Sec-Fetch-Site": site}).status_code == 200
    assert client.get("/jobs", headers={"Origin": "http://localhost:5000"}).status_code == 200


@pytest.mark.parametrize(("verb", "path"), [("GET", "/active_learning"), ("GET", "/f1"), ("POST", "/jobs/x/cancel")])
def test_what_has_effects_is_refused_to_a_page_of_another_port_of_this_machine(client, verb, path):
    for site in ("same-site", "cross-site", "SAME-ORIGIN", ""):
        answer = client.request(verb, path, headers={"Sec-Fetch-Site": site})
        assert (answer.status_code, problem(answer)["code"]) == (403, "forbidden")
    for site in ("same-origin", "none"):
        assert client.request(verb, path, headers={"Sec-Fetch-Site": site}).status_code in (404, 422)


#: What Chromium and Firefox send to a host that is not this machine over plain http: no Sec-Fetch-Site at all.
BROWSERS = [
    {"User-Agent": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36"},
    {"Accept-Language": "en-US,en;q=0.5"},
    {"Upgrade-Insecure-Requests": "1"},
    {"Referer": "http://evil.example/"},
    {"Sec-CH-UA": '"Chromium";v="142"'},
    {"Cookie": "a=b"},
]


@pytest.mark.parametrize("sign", BROWSERS, ids=lambda sign: next(iter(sign)))
@pytest.mark.parametrize("path", ["/active_learning", "/f1"])
def test_the_first_version_s_calls_are_refused_to_a_browser_that_doesn_t_say_whose_page_asks(client, sign, path):
    answer = client.get(path, headers=sign)
    assert (answer.status_code, problem(answer)["code"]) == (403, "forbidden")
    assert "POST /jobs" in answer.json()["detail"]
    assert client.get("/jobs", headers=sign).status_code == 200
    assert client.get(path, headers={**sign, "Sec-Fetch-Site": "same-origin"}).status_code == 422


@pytest.mark.parametrize("path", ["/active_learning", "/f1"])
def test_scripts_make_the_first_version_s_calls_as_ever(client, path):
    node = {"User-Agent": "node", "Accept-Language": "*", "Sec-Fetch-Mode": "cors"}
    for headers in ({"User-Agent": "curl/8.5.0"}, {"User-Agent": "python-requests/2.32"}, node):
        assert client.get(path, headers=headers).status_code == 422  # the arguments are missing


def test_a_link_from_another_site_leads_to_the_documentation(client):
    assert client.get("/docs", headers={"Sec-Fetch-Site": "cross-site"}).status_code == 200


def test_no_answer_allows_other_sites_to_read_it(client):
    headers = {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}
    for answer in (client.options("/jobs", headers=headers), client.get("/healthz", headers=headers)):
        assert not [name for name in answer.headers if name.startswith("access-control-")]


def test_the_name_it_was_told_to_listen_on_is_ours(settings):
    with TestClient(create_app(settings, host="GPUbox"), "http://gpubox:5000") as client:
        assert client.get("/jobs").status_code == 200
        assert client.get("/jobs", headers={"Host": "other"}).status_code == 403


def test_where_a_person_opened_it_to_all_any_name_is_answered_and_foreign_pages_are_not(data, tmp_path, empty_redis):
    settings = settings_for(data, tmp_path, empty_redis, auth="off")
    with TestClient(create_app(settings), "http://gpubox:5000") as client:
        assert client.get("/jobs").status_code == 200
        assert client.get("/jobs", headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403


def test_with_keys_the_key_is_all_that_counts(data, tmp_path, empty_redis):
    file = KeyFile(tmp_path / "keys.json")
    headers = {"Authorization": f"Bearer {file.create('anna', [Scope.READ])}", "Sec-Fetch-Site": "cross-site"}
    settings = settings_for(data, tmp_path, empty_redis, api_keys_file=file.path)
    with TestClient(create_app(settings), "https://nextlabel.example") as client:
        assert client.get("/jobs", headers=headers).status_code == 200
