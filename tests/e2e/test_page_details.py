"""Small things that a person meets on the page: letters, words, ages, badges."""

from __future__ import annotations

import io
import re

import pytest
from PIL import Image
from playwright.sync_api import expect

from tests.e2e import canned
from tests.e2e.canned import Canned
from tests.e2e.visitor import NARROW, give_some, until

pytestmark = pytest.mark.e2e
AS_OF = re.compile(r"as of (just now|\d+ s ago)")
#: What is written on canvases, with the size of its letters in pixels of the screen.
WRITTEN = """
    window.written = [];
    const { fillText } = CanvasRenderingContext2D.prototype;
    CanvasRenderingContext2D.prototype.fillText = function (text, ...where) {
        window.written.push([text, parseFloat(/([0-9.]+)px/.exec(this.font)[1]) / devicePixelRatio]);
        return fillText.call(this, text, ...where);
    };
"""


def test_charts_name_their_axes_in_letters_that_are_read_on_a_phone(visit, project, labels):
    give_some(labels, *(f"{colour}_{i}.png" for colour in ("red", "green", "blue") for i in range(20)))
    visitor = visit(NARROW, device_scale_factor=3)
    page = visitor.page
    page.add_init_script(WRITTEN)
    Canned(page, canned.learning_curve(), canned.audit())
    visitor.open("#/quality", project)
    for name in ("Forecast", "Replay"):
        page.get_by_role("button", name=name).click()
        chart = page.get_by_role("region").filter(has=page.get_by_role("button", name=name)).get_by_role("img").first
        expect(chart).to_be_visible()
        until(page, lambda: {"macro F1", "labels"} <= {text for text, _ in page.evaluate("window.written")})
        assert min(size for _, size in page.evaluate("window.written.splice(0)")) >= 12
        visitor.shot(f"chart-{name}-narrow")
    expect(page.get_by_text("agrees with the one before it: well (kappa 0.88; 1 is full agreement)")).to_be_visible()


def test_the_code_of_other_views_follows_when_the_first_has_been_there_for_a_while(visit, project):
    visitor = visit()
    with visitor.page.expect_request(re.compile("MapView.*js")):
        visitor.open("#/jobs", project)


def test_a_heading_is_not_covered_by_what_stands_beside_it_on_a_phone(visit, project, labels):
    give_some(labels, "red_0.png", "green_0.png")
    visitor = visit({"width": 320, "height": 640})
    page = visitor.page
    Canned(page, canned.label_check([("red_9.png", "green", "red")]))
    visitor.open("#/check", project)
    page.get_by_role("button", name="Check all labels").click()
    heading = page.get_by_role("heading", level=1)
    expect(page.get_by_text(AS_OF)).to_be_visible()
    written, beside = heading.evaluate(
        """(one) => {
            const words = document.createRange();
            words.selectNodeContents(one);
            const other = one.nextElementSibling.getBoundingClientRect();
            const { right, bottom } = words.getBoundingClientRect();
            return [[right, bottom], [other.left, other.top]];
        }"""
    )
    assert written[0] <= beside[0] or written[1] <= beside[1]
    visitor.shot("heading-320")


@pytest.mark.parametrize(("view", "button"), [("check", "Check all labels"), ("map", "Draw the map")])
def test_every_list_says_when_it_was_made_and_how_many_labels_ago(visit, project, labels, view, button):
    give_some(labels, *(f"{colour}_{i}.png" for colour in ("red", "green") for i in range(10)))
    visitor = visit()
    page = visitor.page
    drawn = canned.map_of(["red_0.png", "green_0.png"], ["red", "green"], points=500)
    Canned(page, drawn, canned.label_check([("red_9.png", "green", "red")]))
    visitor.open(f"#/{view}", project)
    page.get_by_role("button", name=button).click()
    expect(page.get_by_text(AS_OF)).to_be_visible()
    fewer = {"check": 60, "map": sum(one >= 0 for one in drawn.classes)}[view] - 20
    expect(page.get_by_text(f"{fewer} {'label' if fewer == 1 else 'labels'} fewer since")).to_be_visible()


def test_a_running_job_has_a_small_badge_and_a_bar_that_forced_colours_leave(visit, project):
    visitor = visit(forced_colors="active")
    page = visitor.page
    job = Canned(page, canned.learning_curve())._job("learning_curve", "running")
    listed = {"data": [job], "next_cursor": None, "broken": []}
    page.route(re.compile(r"/jobs\?"), lambda route: route.fulfill(json=listed))
    visitor.open("#/jobs", project)
    row = page.get_by_role("list", name="Jobs, newest first").get_by_role("listitem")
    badge = row.get_by_text("running", exact=True)
    expect(badge).to_be_visible()
    assert badge.bounding_box()["width"] < row.bounding_box()["width"] / 4
    bar = row.get_by_role("progressbar")
    assert bar.evaluate("one => getComputedStyle(one).borderTopWidth") == "1px"
    seen = Image.open(io.BytesIO(bar.screenshot())).convert("RGB")
    done, to_do = (seen.getpixel((int(seen.width * share), seen.height // 2)) for share in (0.2, 0.8))
    assert done != to_do
