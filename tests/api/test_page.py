"""The page as it is served: the built files, compressed, under a strict policy, or a word that it is not built."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from nextlabel.api.app import create_app
from nextlabel.api.routes import page
from tests.api.support import settings_for

needs_the_page = pytest.mark.skipif(not page.is_built(), reason="the page is not built here (make page)")
MOST_BYTES = 60_000  #: Charts and the map come when they are looked at, or when there is nothing else to do.


def addresses(html: str) -> list[str]:
    """What the browser fetches before it shows anything."""
    return [f"/{found.removeprefix('./')}" for found in re.findall(r'(?:src|href)="(\./page/[^"]+)"', html)]


@needs_the_page
def test_the_page_may_run_its_own_scripts_and_nothing_else(client):
    script = next(path for path in addresses(client.get("/").text) if path.endswith(".js"))
    for path in ("/", script):
        answer = client.get(path)
        policy = dict(part.split(" ", 1) for part in answer.headers["Content-Security-Policy"].split("; "))
        assert policy["default-src"] == "'none'"
        assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
        assert policy["frame-ancestors"] == "'none'"
        known = client.get(path, headers={"If-None-Match": answer.headers["ETag"]})
        assert known.status_code == 304
    assert client.get("/page/../app.py").json()["code"] == "route_not_found"
    assert client.get("/page/gone.js").json()["code"] == "route_not_found"
    assert client.post(script).json()["code"] == "method_not_allowed"


@needs_the_page
def test_what_changes_its_name_with_its_content_is_kept_and_the_rest_is_asked_for_anew(client):
    start = client.get("/")
    assert start.headers["Cache-Control"] == "no-cache"
    for path in (path for path in addresses(start.text) if not path.endswith(".svg")):
        assert "immutable" in client.get(path).headers["Cache-Control"]


@needs_the_page
@pytest.mark.parametrize(("accepted", "given"), [("gzip, deflate, br;q=1", "br"), ("gzip", "gzip"), ("identity", None)])
def test_each_file_comes_in_the_smallest_form_that_the_browser_takes(client, accepted, given):
    script = next(path for path in addresses(client.get("/").text) if path.endswith(".js"))
    answer = client.get(script, headers={"Accept-Encoding": accepted})
    assert answer.headers.get("Content-Encoding") == given
    assert "javascript" in answer.headers["Content-Type"]
    assert "Accept-Encoding" in answer.headers["Vary"]
    if given:
        assert int(answer.headers["Content-Length"]) < len(client.get(script).content) / 2


@needs_the_page
def test_what_is_fetched_before_anything_shows_is_small_and_from_here(client):
    html = client.get("/").text
    assert not re.search(r'(?:src|href)="(?:/|https?:)', html)  # relative: it works under a prefix, too
    assert {Path(path).suffix for path in addresses(html)} == {".js", ".css", ".svg"}
    assert sum(len(gzip.compress(client.get(path).content)) for path in addresses(html)) < MOST_BYTES
    assert sum(path.endswith(".js") for path in addresses(html)) == 2  # what has no words, and what has


@needs_the_page
def test_something_shows_before_any_script_has_run(client):
    app = re.search(r'<div id="app"[^>]*>(.*?)</div>', client.get("/").text)
    assert re.sub("<[^>]+>", "", app[1]) == "nextlabel"


@needs_the_page
def test_the_licences_of_what_is_bundled_come_along():
    text = (page.STATIC / "page" / "licences.md").read_text()
    for name in ("preact", "@preact/signals", "uplot", "@deck.gl/core", "d3-zoom", "kdbush"):
        assert f"{name} - " in text, name


def test_where_the_page_is_not_built_it_says_how_it_would_be(data, tmp_path, empty_redis, monkeypatch):
    monkeypatch.setattr(page, "STATIC", tmp_path / "static")
    with TestClient(create_app(settings_for(data, tmp_path, empty_redis)), "http://localhost") as client:
        answer = client.get("/")
        assert answer.status_code == 503
        assert "<code>make page</code>" in answer.text
        assert "Content-Security-Policy" in answer.headers
        assert client.get("/healthz").status_code == 200
        assert client.get("/page/index.js").json()["code"] == "route_not_found"
