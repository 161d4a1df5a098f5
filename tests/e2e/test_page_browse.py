"""All images of a pool on the page: found, looked at, and labelled many at once."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from playwright.sync_api import expect

from nextlabel.core.data.labels import write_labels
from nextlabel.core.data.notes import read_notes
from tests.e2e.visitor import NARROW, give_some, read, until
from tests.pools import class_of, draw

pytestmark = pytest.mark.e2e
#: Keys pressed and clicks made, whatever they are for.
COUNTED = """
    window.acts = 0;
    for (const kind of ["keydown", "click", "change"]) addEventListener(kind, (event) => {
        if (event.isTrusted) window.acts++;
    }, true);
"""


def test_two_hundred_images_are_labelled_in_a_few_clicks_and_it_is_told_how_many_of_such_were_wrong(
    visit, data, project, labels
):
    pool = data / "page" / "many"
    names = draw(pool, red=72, green=72, blue=72)
    give_some(labels, *(f"{colour}_{i}.png" for colour in ("red", "green", "blue") for i in range(5)))
    visitor = visit()
    page = visitor.page
    page.add_init_script(COUNTED)
    visitor.open("#/browse", {**project, "pool": str(pool)})
    expect(page.get_by_text("216 images", exact=True)).to_be_visible()
    page.get_by_role("button", name="Suggest classes").click()
    expect(page.get_by_role("combobox", name="Sure from")).to_be_visible(timeout=60_000)
    page.get_by_role("combobox", name="Labelled").select_option("not labelled")
    expect(page.get_by_text("201 of 216 images")).to_be_visible()
    visitor.shot("browse")
    page.get_by_role("button", name="Accept all 201").click()
    told = page.get_by_role("dialog", name="Accept 201 suggestions?")
    expect(told).to_contain_text("Of 15 labelled images that the model was sure of to 50")
    expect(told).to_contain_text("0 were wrong")
    told.get_by_role("button", name="Accept all 201").click()
    until(page, lambda: read(labels) == {name: class_of(name) for name in names})
    assert page.evaluate("window.acts") <= 40
    page.get_by_role("button", name="Export").click()
    asked = page.get_by_role("dialog", name="Take away")
    asked.get_by_role("combobox", name="Format").select_option("COCO")
    visitor.shot("export")
    with page.expect_download() as saved:
        asked.get_by_role("button", name="Save").click()
    assert len(json.loads(Path(saved.value.path()).read_text())["annotations"]) == 216
    page.get_by_role("button", name="Export").click()
    asked.get_by_role("radio", name="suggestions").check()
    with page.expect_download() as saved:
        asked.get_by_role("button", name="Save").click()
    assert len(Path(saved.value.path()).read_text().splitlines()) == 1 + 201
    page.get_by_role("button", name="Undo").click()
    until(page, lambda: len(read(labels)) == 15)
    assert visitor.serious() == []


def test_images_are_found_and_labelled_many_at_once_by_keyboard_alone(visit, project, labels):
    give_some(labels, "red_0.png", "green_0.png", "blue_0.png")
    write_labels(labels / "anna.txt", [("blue_1.png", "red")])
    visitor = visit()
    page = visitor.open("#/browse", project)
    grid = page.get_by_role("listbox")
    expect(grid).to_be_focused()
    expect(page.get_by_text("60 images", exact=True)).to_be_visible()
    page.keyboard.press("/")
    page.keyboard.type("BLUE")
    expect(page.get_by_text("20 of 60 images")).to_be_visible()
    assert "search=BLUE" in page.url
    page.keyboard.press("Escape")
    expect(grid).to_be_focused()
    page.keyboard.press("Home")
    page.keyboard.press("Control+a")
    expect(page.get_by_text("20 selected").first).to_be_visible()
    key = page.get_by_role("group", name="Classes").get_by_role("button", name="blue").locator("kbd").inner_text()
    page.keyboard.press(key)
    asked = page.get_by_role("dialog", name="1 label of others say otherwise")
    visitor.shot("browse-others")
    asked.get_by_role("button", name="Leave theirs").press("Enter")
    blue = {f"blue_{i}.png": "blue" for i in range(20)}
    until(page, lambda: {name for name, said in read(labels).items() if said == "blue"} == {*blue} - {"blue_1.png"})
    assert (labels / "anna.txt").read_text() == "blue_1.png\tred\n"
    page.keyboard.press("u")
    until(page, lambda: len(read(labels)) == 4)
    page.keyboard.press("Control+a")
    page.keyboard.press(key)
    asked.get_by_role("button", name="Mine count").press("Enter")
    until(page, lambda: read(labels).get("blue_1.png") == "blue")
    assert (labels / "anna.txt").read_text() == "blue_1.png\tred\n"
    page.keyboard.press("u")
    until(page, lambda: "blue_1.png" not in (labels / "me.txt").read_text() + (labels / "_settled.txt").read_text())
    until(page, lambda: len(read(labels)) == 4)

    photo = page.get_by_role("complementary").locator(".zoomed")
    page.keyboard.press("+")
    expect(photo).to_have_css("transform", re.compile(r"matrix\(1\.5, 0, 0, 1\.5, "))
    brightness = page.get_by_role("complementary").get_by_role("slider", name="Brightness")
    brightness.fill("2.5")
    expect(photo).to_have_css("filter", "brightness(2.5)")
    visitor.shot("browse-close")
    brightness.fill("1")
    grid.focus()
    page.keyboard.press("End")  # blue_9.png
    expect(photo).to_have_css("transform", "none")
    page.keyboard.press("Shift+ArrowLeft")
    page.keyboard.press("Shift+ArrowLeft")
    expect(page.get_by_role("listbox").get_by_role("option", selected=True)).to_have_count(3)
    page.keyboard.press(key)
    until(page, lambda: len(read(labels)) == 7)
    page.keyboard.press("Shift+ArrowRight")  # from where the last one was
    page.keyboard.press("Delete")
    until(page, lambda: len(read(labels)) == 5)
    page.keyboard.press("u")
    until(page, lambda: len(read(labels)) == 7)
    page.keyboard.press("Space")
    expect(page.get_by_role("listbox").get_by_role("option", selected=True)).to_have_count(1)
    page.keyboard.press("Escape")
    expect(page.get_by_role("listbox").get_by_role("option", selected=True)).to_have_count(0)

    page.keyboard.press("!")
    until(page, lambda: len(read_notes(labels, [labels])) == 1)
    page.keyboard.press(";")
    expect(page.get_by_role("textbox", name="Note")).to_be_focused()
    page.keyboard.type("too dark")
    page.keyboard.press("Enter")
    until(page, lambda: [(one.unsure, one.text) for one in read_notes(labels, [labels])] == [(True, "too dark")])
    page.get_by_role("combobox", name="Notes").select_option("somebody is unsure")
    expect(page.get_by_text("1 of 60 images")).to_be_visible()
    expect(page.get_by_role("option", name=re.compile(r"unsure: too dark \(me\)"))).to_be_visible()
    visitor.shot("browse-notes")
    assert len(read(labels)) == 7
    assert visitor.serious() == []


def test_a_rubber_band_and_clicks_select_and_others_labels_appear_within_seconds(visit, project, labels):
    give_some(labels, "red_0.png", "green_0.png")
    visitor = visit(NARROW, "dark")
    page = visitor.open("#/browse?class=green", project)
    expect(page.get_by_text("1 of 60 images")).to_be_visible()
    page.get_by_role("button", name="All images", exact=True).click()
    tiles = page.get_by_role("listbox").get_by_role("option")
    expect(tiles.nth(8)).to_have_attribute("aria-label", re.compile("blue_16.png"))
    first, last = (tiles.nth(at).bounding_box() for at in (0, 4))
    page.mouse.move(first["x"] + 5, first["y"] + 5)
    page.mouse.down()
    page.mouse.move(last["x"] + 20, last["y"] + 20, steps=4)
    page.mouse.up()
    selected = page.get_by_role("listbox").get_by_role("option", selected=True)
    expect(selected).to_have_count(4)  # two columns of two rows
    tiles.nth(8).click(modifiers=["Control"])
    tiles.nth(0).click(modifiers=["Control"])
    expect(selected).to_have_count(4)
    visitor.shot("browse-narrow-dark")
    assert visitor.serious() == []
    tiles.nth(0).click()
    tiles.nth(2).click(modifiers=["Shift"])
    expect(selected).to_have_count(3)
    write_labels(labels / "anna.txt", [("blue_0.png", "blue")])
    expect(page.get_by_role("option", name=re.compile("blue_0.png, labelled blue by anna"))).to_be_visible()
