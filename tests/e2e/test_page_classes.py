"""The classes of a folder on the page: declared, reached by keys, and changed for everybody."""

from __future__ import annotations

import json

import pytest
from playwright.sync_api import expect

from tests.e2e.visitor import NARROW, looked_at, read, until

pytestmark = pytest.mark.e2e


def test_classes_have_one_key_for_everybody_and_are_changed_for_everybody(visit, project, labels):
    labels.mkdir()
    declared = [{"name": "red", "key": "r", "colour": "#c00", "description": "as a tomato"}]
    declared += [{"name": f"kind {number}"} for number in range(40)]
    (labels / "classes.json").write_text(json.dumps(declared))
    anna, ben = visit(), visit(NARROW, "dark")
    page = anna.open("#/label", {**project, "person": "anna"})
    expect(page.get_by_role("option")).to_have_count(8, timeout=60_000)
    expect(page.get_by_role("button", name="kind 39")).to_contain_text(".a")
    first = looked_at(page)
    page.keyboard.type("r")
    until(page, lambda: read(labels).get(first) == "red")
    second = looked_at(page)
    page.keyboard.type(".a")
    until(page, lambda: read(labels).get(second) == "kind 39")

    page.get_by_role("button", name="Classes", exact=True).click()
    told = page.get_by_role("dialog", name="Classes")
    told.get_by_role("button", name="Change kind 39").click()
    told.get_by_label("Key").fill("r")
    told.get_by_role("button", name="Save").click()
    expect(told.get_by_role("alert")).to_contain_text("is that of class 1 already")
    anna.forgive("422")
    told.get_by_label("Key").fill(".z")
    told.get_by_label("Name").fill("red")  # another key for what it is, and then one of two
    told.get_by_role("button", name="Save").click()
    page.get_by_role("button", name="Keep both").click()
    anna.forgive("422")
    told.get_by_label("Name").fill("ruby")
    told.get_by_role("button", name="Save").click()
    expect(told.get_by_role("button", name="Change ruby")).to_be_visible()
    assert read(labels) == {first: "red", second: "ruby"}
    anna.shot("classes")
    told.get_by_role("button", name="Undo").click()
    told.get_by_role("button", name="Change kind 39").click()
    expect(told.get_by_label("Key")).to_have_value(".z")
    told.get_by_label("Name").fill("red")
    told.get_by_role("button", name="Save").click()
    page.get_by_role("button", name="Make one of two").click()
    anna.forgive("422")
    until(page, lambda: read(labels) == {first: "red", second: "red"})
    expect(told.get_by_text("kind 39")).to_have_count(0)
    told.get_by_role("textbox", name="New class").fill("azure")
    told.get_by_role("button", name="Add").click()
    expect(told.get_by_role("button", name="Change azure")).to_be_visible()
    anna.forgive("409")  # where labels were still being changed it is added once more

    bens = ben.open("#/label", {**project, "person": "ben"})
    expect(bens.get_by_role("option")).to_have_count(8, timeout=60_000)
    expect(bens.get_by_role("button", name="azure")).to_contain_text(".a")
    bens.get_by_role("button", name="Classes", exact=True).click()
    told = bens.get_by_role("dialog", name="Classes")
    expect(told).to_contain_text("as a tomato")
    ben.shot("classes-narrow-dark")
    told.get_by_role("button", name="Change red").click()
    told.get_by_role("button", name="Remove, with its labels").click()
    bens.get_by_role("button", name="Remove", exact=True).click()
    until(bens, lambda: read(labels) == {})


def test_a_class_keeps_its_key_in_the_next_batch_where_none_is_declared(visit, project, labels):
    labels.mkdir()
    page = visit().open("#/label", project)
    expect(page.get_by_role("option")).to_have_count(8, timeout=60_000)
    field, made = page.get_by_role("textbox", name="Class by name"), ["shirt", "dress", "bag"]
    for name in made:
        at = looked_at(page)
        field.fill(name)
        field.press("Enter")
        if name != "shirt":  # a first class is not asked about
            page.get_by_role("button", name=f"Make the class “{name}”").click()
        until(page, lambda at=at, name=name: read(labels).get(at) == name)
    page.keyboard.press("n")
    expect(page.get_by_text("0 of 8")).to_be_visible(timeout=60_000)  # the next batch: keys would label the last one's
    for key, name in enumerate(made, start=1):
        at = looked_at(page)
        page.keyboard.press(str(key))
        until(page, lambda at=at, name=name: read(labels).get(at) == name)
    page.get_by_role("button", name="Classes", exact=True).click()
    rows = page.get_by_role("dialog", name="Classes").get_by_role("listitem")
    for row, name in enumerate(made):  # the list says the same
        expect(rows.nth(row)).to_contain_text(f"{row + 1}{name}")
    assert not (labels / "classes.json").exists()
