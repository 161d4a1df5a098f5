"""The page for several people, each in a browser of their own."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from nextlabel.core.data.kept_apart import kept_apart
from nextlabel.core.data.labels import write_labels
from tests.e2e.visitor import NARROW, looked_at, read, until
from tests.pools import class_of

pytestmark = pytest.mark.e2e


def names_in(page) -> set[str]:
    tiles = page.get_by_role("option").evaluate_all("all => all.map(one => one.getAttribute('aria-label'))")
    return {re.fullmatch(r"\d+ of \d+: (.+?), .*", words)[1] for words in tiles}


def test_two_people_get_different_images_and_see_what_the_other_has(visit, client, project, labels):
    labels.mkdir()
    anna, ben = visit(), visit(NARROW, "dark")
    annas = anna.open("#/label", {**project, "person": "anna"})
    expect(annas.get_by_role("option")).to_have_count(8, timeout=60_000)
    bens = ben.open("#/label", {**project, "person": "ben"})
    expect(bens.get_by_role("option")).to_have_count(8, timeout=60_000)
    assert not names_in(annas) & names_in(bens)

    first = looked_at(annas)
    annas.keyboard.type(class_of(first))
    annas.keyboard.press("Enter")
    until(annas, lambda: first in read(labels))
    until(annas, lambda: looked_at(annas) != first)
    skipped = looked_at(annas)
    annas.get_by_role("button", name="Skip").click()
    expect(annas.get_by_role("button", name="1 skipped")).to_be_visible()
    of_project = {"path_to_img": project["pool"], "path_to_labels": str(labels)}
    until(annas, lambda: {one.person: one.left for one in client.hand_outs(**of_project)} == {"anna": 6, "ben": 8})
    bens.evaluate("dispatchEvent(new Event('focus'))")
    bens.get_by_role("button", name="6 with others").click()
    told = bens.get_by_role("dialog", name="With whom images are")
    expect(told).to_contain_text("6 images are with anna for 30 min")
    expect(told).to_contain_text("8 images are with you for 30 min")
    ben.shot("hand-outs-narrow-dark")
    told.get_by_role("listitem").filter(has_text="anna").get_by_role("button", name="Take them back").click()
    expect(told).not_to_contain_text("anna")
    bens.keyboard.press("Escape")
    with bens.expect_request(lambda asked: asked.method == "POST" and asked.url.endswith("/jobs")):
        bens.keyboard.press("n")
    expect(bens.get_by_role("button", name="Next batch")).to_be_enabled(timeout=60_000)
    assert first not in names_in(bens)

    until(annas, lambda: sum(one.left for one in client.hand_outs(**of_project) if one.person == "ben") == 16)
    annas.evaluate("dispatchEvent(new Event('focus'))")
    annas.get_by_role("button", name="16 with others").click()
    expect(annas.get_by_role("dialog", name="With whom images are")).to_contain_text("8 images are with ben")
    anna.shot("hand-outs")
    assert skipped not in read(labels)


def test_both_labels_are_kept_and_a_third_person_settles_them(visit, project, labels):
    labels.mkdir()
    ben, cem = visit(), visit(NARROW, "dark")
    page = ben.open("#/label", {**project, "person": "ben"})
    expect(page.get_by_role("option")).to_have_count(8, timeout=60_000)
    name = looked_at(page)
    write_labels(labels / "anna.txt", [(name, "purple")])
    page.keyboard.type("red")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Keep both").click()
    until(page, (labels / "ben.txt").exists)
    ben.forgive("409")

    page = cem.open("#/check", {**project, "person": "cem"})
    row = page.get_by_role("listitem").filter(has_text=name)
    expect(row).to_contain_text("purple (anna), red (ben)")
    write_labels(labels / "_settled.txt", [(name, "purple")])  # by somebody else, this moment
    row.get_by_role("button", name="red").press("Enter")
    expect(page.get_by_text("labelled meanwhile").first).to_be_visible()
    assert (labels / "_settled.txt").read_text() == f"{name}\tpurple\n"
    cem.forgive("409")
    page.get_by_role("listitem").filter(has_text=f"{name}: purple").get_by_role("button").press("Enter")
    until(page, lambda: not (labels / "_settled.txt").read_text())
    page.evaluate("dispatchEvent(new Event('focus'))")
    row.get_by_role("button", name="red").press("Enter")
    until(page, (labels / "_settled.txt").read_text)
    assert (labels / "_settled.txt").read_text() == f"{name}\tred\n"
    assert (labels / "anna.txt").read_text() == f"{name}\tpurple\n"
    page.evaluate("dispatchEvent(new Event('focus'))")
    settled = page.get_by_role("listitem").filter(has_text=f"{name}: red")
    expect(settled).to_be_visible()
    cem.shot("settled-narrow-dark")
    settled.get_by_role("button", name="Open again").press("Enter")
    until(page, lambda: not (labels / "_settled.txt").read_text())


def test_the_report_is_one_file_that_opens_without_a_host_and_says_what_is_not_told(visit, project, labels, tmp_path):
    labels.mkdir()
    write_labels(labels / "anna.txt", [("red_1.png", "red"), ("blue_1.png", "blue")])
    visitor = visit()
    page = visitor.open("#/quality", project)
    with page.expect_download() as saved:
        page.get_by_role("button", name="Report").press("Enter")
    assert saved.value.suggested_filename == "report.html"
    saved.value.save_as(tmp_path / "report.html")
    text = (tmp_path / "report.html").read_text()
    assert "2 labelled images (anna 2)" in text
    assert "Not told: a learning curve" in text


def test_images_are_kept_apart_on_the_page_and_the_model_is_scored_by_them(visit, project, pools, labels):
    labels.mkdir()
    visitor = visit(NARROW)
    page = visitor.open("#/quality", {**project, "valPool": "", "valLabels": ""})
    begins = page.get_by_role("spinbutton", name="Images to keep apart")
    expect(begins).to_have_value("30")  # half of the pool
    begins.fill("12")
    page.get_by_role("button", name="Keep them apart").press("Enter")
    page.get_by_role("link", name="Label them").click()
    expect(page.get_by_text("12 of 60 images")).to_be_visible()
    apart = {name: class_of(name) for name in kept_apart(labels, [labels])}
    others = [path.name for path in sorted((pools / "pool").iterdir()) if path.name not in apart][::4]
    write_labels(labels / "me.txt", [*apart.items(), *((name, class_of(name)) for name in others)])
    page.goto(f"{visitor.url}/#/quality")
    expect(page.get_by_text("12 labelled")).to_be_visible()
    section = page.get_by_role("region", name="How good it is now")
    section.get_by_role("button", name="Measure").click()
    expect(section).to_contain_text("on 12 images", timeout=60_000)
    visitor.shot("kept-apart")
    assert visitor.serious() == []
