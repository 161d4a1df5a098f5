"""The hands of the tests themselves."""

import pytest
from playwright.sync_api import Route

from tests.e2e.settled import hurried
from tests.e2e.visitor import until

pytestmark = pytest.mark.e2e
#: A key that begins a frame, then a timer, then a call to the service, and only then a frame that shows all is done.
CHAIN = """
    addEventListener("keydown", ({ key }) => {
        if (key !== "F9") return;
        if (document.body.dataset.done === "no") document.body.dataset.early = "yes";
        document.body.dataset.done = "no";
        requestAnimationFrame(() => setTimeout(async () => {
            await (await fetch("healthz")).json();
            requestAnimationFrame(() => { document.body.dataset.done = "yes"; });
        }, 30));
    });
"""


def test_a_press_and_a_look_wait_for_all_that_was_begun_before_and_those_in_a_hurry_do_not(visit):
    page = visit().open("#/setup")
    page.evaluate(CHAIN)
    for _ in range(3):
        page.keyboard.press("F9")
    assert page.locator("body").get_attribute("data-early") is None
    assert page.locator("body").get_attribute("data-done") == "yes"
    held: list[Route] = []
    page.route("**/healthz", lambda route: route.continue_() if held else held.append(route))
    with hurried(page):
        page.keyboard.press("F9")
        assert page.locator("body").get_attribute("data-done") == "no"
        until(page, lambda: held)
    held[0].continue_()
    assert page.locator("body").get_attribute("data-done") == "yes"
