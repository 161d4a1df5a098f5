"""The page and the documentation behind a proxy that serves them under a path prefix."""

from __future__ import annotations

import re

import httpx
import pytest
from playwright.sync_api import expect

from nextlabel.client.http import Client
from tests.e2e.prefix_proxy import under_a_prefix
from tests.e2e.visitor import give_some, looked_at, read, until
from tests.pools import class_of

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def prefixed(stack):
    with under_a_prefix(stack.url) as url:
        yield url


def test_the_page_labels_and_shows_all_its_views_under_a_prefix(visit, prefixed, project, labels):
    give_some(labels, "red_0.png", "green_0.png", "blue_0.png")
    visitor = visit(url=prefixed)
    page = visitor.open("#/label", project)
    expect(page.get_by_role("option")).to_have_count(8, timeout=60_000)
    until(page, lambda: page.locator(".tile img").first.evaluate("one => one.naturalWidth") > 0)
    name = looked_at(page)
    page.get_by_role("group", name="Classes").get_by_role("button", name=class_of(name)).click()
    until(page, lambda: read(labels).get(name) == class_of(name))
    page.keyboard.press("Alt+6")
    row = page.get_by_role("list", name="Jobs, newest first").get_by_role("listitem").first
    expect(row).to_contain_text("done")
    with page.expect_download() as saved:
        row.get_by_role("button", name="CSV").click()
    assert name in saved.value.path().read_text()
    page.keyboard.press("Alt+4")
    page.get_by_role("button", name="Draw the map").click()
    expect(page.get_by_role("application", name="Map of 60 images")).to_be_visible(timeout=60_000)
    for digit, heading in ((2, "Quality"), (3, "Suspicious labels"), (7, "Set-up")):
        page.keyboard.press(f"Alt+{digit}")
        expect(page.get_by_role("heading", level=1)).to_contain_text(heading)


def test_the_documentation_finds_its_files_and_makes_its_calls_under_a_prefix(visit, prefixed):
    visitor = visit(url=prefixed)
    page = visitor.open("docs")
    call = page.locator(".opblock", has_text="/healthz")
    call.get_by_role("button").first.click()
    call.get_by_role("button", name="Try it out").click()
    with page.expect_response(re.compile("/healthz$")) as answered:
        call.get_by_role("button", name="Execute").click()
    assert answered.value.url == f"{prefixed}/healthz"
    assert answered.value.ok


def test_a_path_with_a_slash_too_many_stays_under_the_prefix(prefixed):
    answer = httpx.get(f"{prefixed}/docs/", follow_redirects=True)
    assert (answer.status_code, str(answer.url)) == (200, f"{prefixed}/docs")


def test_the_clients_speak_with_a_service_under_a_prefix_and_follow_its_events(prefixed, pools, labels):
    labels.mkdir()
    with Client(prefixed) as client:
        job = client.submit(
            {"kind": "map", "backbone": "descriptor", "path_to_img": str(pools / "pool"), "path_to_labels": str(labels)}
        )
        assert [event.name for event in client.events(job.id)][-1] == "end"
        assert client.download(job.id, "csv")
