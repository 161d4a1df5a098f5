"""What the page lists of a map, and what it saves: charts, and images by class."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.e2e.visitor import NARROW, give_some

pytestmark = pytest.mark.e2e


def test_a_lasso_on_the_map_filters_the_grid_and_the_map_is_saved_as_a_file(visit, project, labels):
    give_some(labels, "red_0.png", "green_0.png", "blue_0.png")
    visitor = visit()
    page = visitor.open("#/map", project)
    page.get_by_role("button", name="Draw the map").click()
    plane = page.get_by_role("application")
    expect(plane).to_be_visible(timeout=60_000)
    with page.expect_download() as saved:
        page.get_by_role("button", name="Save the chart as SVG").click()
    drawn = Path(saved.value.path()).read_text()
    assert drawn.startswith("<svg ")
    assert not re.search(r"href|url\(|@import", drawn)
    with page.expect_download() as saved:
        page.get_by_role("button", name="Save the chart as PNG").press("Enter")
    assert Path(saved.value.path()).read_bytes().startswith(b"\x89PNG")

    page.keyboard.press("l")
    expect(page.get_by_text("60 images", exact=True)).to_be_visible()
    page.go_back()
    expect(plane).to_be_visible()
    page.get_by_role("button", name="Lasso").click()
    box = plane.bounding_box()
    left, top, right, bottom = (box["x"] + 20, box["y"] + 6, box["x"] + box["width"] / 2, box["y"] + box["height"] - 60)
    page.mouse.move(left, top)
    page.mouse.down()
    for x, y in ((right, top), (right, bottom), (left, bottom)):
        page.mouse.move(x, y, steps=3)
    visitor.shot("map-lasso")
    page.mouse.up()
    count = page.get_by_text(re.compile("^[0-9]+ of 60 images$"))
    expect(count).to_be_visible()
    assert 0 < int(count.inner_text().split()[0]) < 60
    visitor.shot("browse-lasso")
    assert visitor.serious() == []
    page.get_by_role("button", name="Not these alone").click()
    expect(page.get_by_text("60 images", exact=True)).to_be_visible()


def test_images_are_taken_away_by_class_and_it_is_told_before_how_large_that_is(visit, project, labels):
    give_some(labels, "red_0.png", "green_0.png", "green_1.png", "gone.png")
    visitor = visit(NARROW, "dark")
    page = visitor.open("#/browse", project)
    page.get_by_role("button", name="Export").click()
    asked = page.get_by_role("dialog", name="Take away")
    asked.get_by_role("combobox", name="Format").select_option("ImageFolder")
    expect(asked.get_by_text(re.compile("^3 images, [0-9]+ kB$"))).to_be_visible()
    expect(asked.get_by_text("1 image with a label is not in the pool")).to_be_visible()
    visitor.shot("export-folder")
    assert visitor.serious() == []
    with page.expect_download() as saved:
        asked.get_by_role("button", name="Save").press("Enter")
    with zipfile.ZipFile(saved.value.path()) as packed:
        there = Path(project["pool"], "green_1.png").read_bytes()
        assert packed.read("green/green_1.png") == there
        assert {name.split("/")[0] for name in packed.namelist()} == {
            ".nextlabel.json",
            "red",
            "green",
            "_left_out.txt",
        }
