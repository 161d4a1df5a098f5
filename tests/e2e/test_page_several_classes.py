"""The page in a real browser, where an image may have several classes, or none of them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from nextlabel.core.kinds.label_check import MultilabelLabelCheckResult, MultilabelSuspiciousLabel
from nextlabel.core.tasks.registry import MULTILABEL
from tests.core.pipelines.test_multilabel import write
from tests.e2e.canned import REST, Canned
from tests.e2e.visitor import NARROW, looked_at, until

pytestmark = pytest.mark.e2e


@pytest.fixture
def several(data: Path, labels: Path, said) -> dict:
    """As the set-up leaves it; `labels` is made by whoever labels first."""
    return {
        "pool": str(data / "several"),
        "labels": str(labels),
        "valPool": str(data / "several_val"),
        "valLabels": str(data / "several_val.txt"),
        "backbone": "descriptor",
        "method": "auto",
        "add": 8,
        "person": "me",
        "task": "multilabel",
    }


def read(labels: Path) -> dict[str, tuple[str, ...]]:
    return dict(MULTILABEL.read(labels).classes_by_name)


def test_from_zero_labels_round_the_loop_by_keyboard(visit, data, labels, said):
    visitor = visit()
    page = visitor.open("#/setup")
    page.get_by_label("Folder of photos", exact=True).fill(str(data / "several"))
    page.keyboard.press("Tab")
    expect(page.get_by_label("Folder for labels", exact=True)).to_have_value(f"{data}/several-labels")
    page.get_by_label("Folder for labels", exact=True).fill(str(labels))
    page.get_by_label("Images a batch").fill("8")
    page.get_by_role("radio", name="descriptor").press("Space")
    page.get_by_role("radio", name="several classes, or none").press("Space")
    visitor.shot("several-setup")
    page.get_by_role("button", name="Start labelling").press("Enter")

    expect(page.get_by_role("option")).to_have_count(8, timeout=60_000)
    told: dict[str, tuple[str, ...]] = {}
    for _ in range(8):
        name = looked_at(page)
        for class_name in said[name]:
            press_class(page, class_name)
        if not said[name]:
            page.get_by_role("listbox").get_by_role("option", selected=True).focus()
            page.keyboard.press("x")
        expect(page.get_by_role("option", selected=True)).to_have_attribute("aria-label", re.compile("not saved"))
        assert name not in (read(labels) if labels.exists() else {})
        page.keyboard.press("Enter")
        told[name] = said[name]
        until(page, lambda name=name: len(told) == 8 or looked_at(page) != name)
    until(page, lambda: read(labels) == told)
    expect(page.get_by_text("8 of 8")).to_be_visible()
    none = next(name for name, classes in told.items() if not classes)
    expect(page.get_by_role("option", name=re.compile(f"{none}, labelled none of these"))).to_be_visible()
    visitor.shot("several-label-zero")

    page.keyboard.press("n")
    expect(page.get_by_text("0 of 8")).to_be_visible(timeout=60_000)
    expect(page.get_by_role("option", name=re.compile("suggested"))).to_have_count(8)
    visitor.shot("several-label-batch")
    first = looked_at(page)
    suggested = page.get_by_role("option", selected=True).get_attribute("aria-label").rpartition("suggested ")[2]
    page.keyboard.press("Enter")
    until(page, lambda: first in read(labels))
    assert (" + ".join(read(labels)[first]) or "none of these") == " + ".join(sorted(suggested.split(" + ")))
    page.keyboard.press("u")
    until(page, lambda: first not in read(labels))
    assert looked_at(page) == first
    press_class(page, "red")
    page.keyboard.press("n")
    expect(page.get_by_role("dialog", name="Not all is saved")).to_contain_text("1 image of this batch")
    page.keyboard.press("Enter")
    page.keyboard.press("u")
    expect(page.get_by_role("option", name=re.compile("suggested"))).to_have_count(8)


def press_class(page: Page, name: str) -> None:
    """Toggle a class by its key; a new one by its name."""
    chip = page.get_by_role("group", name="Classes").get_by_role("button", name=re.compile(rf"\b{name}\b"))
    field = page.get_by_role("textbox", name="Class by name")
    if chip.count():
        if field.evaluate("one => one === document.activeElement"):
            page.keyboard.press("Escape")
        page.keyboard.press(chip.locator("kbd").inner_text())
        return
    is_first = page.get_by_text("No class yet").count()
    field.fill(name)
    page.keyboard.press("Enter")
    if not is_first:
        page.get_by_role("dialog", name="A new class?").wait_for()
        page.keyboard.press("Enter")
    expect(chip).to_have_attribute("aria-pressed", "true")


def test_what_others_say_is_asked_about_and_contradictions_are_settled_class_by_class(visit, several, labels, said):
    labels.mkdir()
    names = list(said)
    write(labels / "anna.txt", {names[0]: ("red",), names[1]: ("blue", "red")})
    write(labels / "bert.txt", {names[0]: ("blue", "red"), names[1]: ("blue", "red")})
    page = visit(NARROW, "dark").open("#/check", several)
    expect(page.get_by_text("red (anna); blue + red (bert)")).to_be_visible()
    page.get_by_role("button", name="blue: only bert").click()
    page.get_by_role("button", name="Settle: red + blue").click()
    until(page, labels.joinpath("_settled.txt").exists)
    assert labels.joinpath("anna.txt").read_text() == f"{names[0]}\tred\n{names[1]}\tblue\n{names[1]}\tred\n"
    assert read(labels) == {names[0]: ("blue", "red"), names[1]: ("blue", "red")}


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_quality_and_map_are_shown_class_by_class(visit, several, labels, said, scheme):
    labels.mkdir()
    write(labels / "me.txt", dict(list(said.items())[:24]))
    visitor = visit(NARROW, scheme) if scheme == "dark" else visit()
    page = visitor.open("#/quality", several)
    quality = page.get_by_role("region", name="How good it is now")
    quality.get_by_role("button", name="Measure").click()
    expect(quality.get_by_text(re.compile("mAP [01]"))).to_be_visible(timeout=60_000)
    expect(quality.get_by_role("row", name=re.compile("^blue"))).to_contain_text("%")
    quality.get_by_text("By class").scroll_into_view_if_needed()
    visitor.shot(f"several-quality-{scheme}")
    page.goto(page.url.partition("#")[0] + "#/map")
    page.get_by_role("button", name="Draw the map").click()
    page.get_by_role("combobox", name="Coloured by").select_option("blue", timeout=60_000)
    expect(page.get_by_text("without blue")).to_be_visible()
    visitor.shot(f"several-map-{scheme}")


def test_missing_and_surplus_classes_are_put_right_by_keyboard(visit, several, labels, said):
    labels.mkdir()
    names = list(said)[:2]
    write(labels / "me.txt", {names[0]: ("red",), names[1]: ("blue", "red")})
    suspects = [(names[0], "blue", "missing"), (names[0], "red", "surplus"), (names[1], "red", "surplus")]
    items = tuple(
        MultilabelSuspiciousLabel(
            rank=rank,
            name=name,
            class_name=class_name,
            miss=miss,
            probability=0.9 if miss == "missing" else 0.1,
            suggested=("blue",),
            reason=f"{class_name} looks {miss}",
        )
        for rank, (name, class_name, miss) in enumerate(suspects, start=1)
    )
    visitor = visit()
    result = MultilabelLabelCheckResult(
        labels=2, expected_errors=None, items=items, conflicts=(), copies_that_disagree=(), leaks=(), **REST
    )
    Canned(visitor.page, result)
    page = visitor.open("#/check", several)
    page.get_by_role("button", name="Check all labels").click()
    expect(page.get_by_role("button", name="Change to blue")).to_be_visible()
    visitor.shot("several-check")
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Change to no red")).to_be_visible()
    page.keyboard.press("Enter")
    until(page, lambda: read(labels)[names[0]] == ("blue",))
    page.keyboard.press("k")
    page.keyboard.press("u")
    page.keyboard.press("u")
    until(page, lambda: read(labels)[names[0]] == ("blue", "red"))
    assert read(labels)[names[1]] == ("blue", "red")
