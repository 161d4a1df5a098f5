"""The page for several people, each in a browser of their own."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.e2e.visitor import NARROW, looked_at, read, until
from tests.pools import class_of

pytestmark = pytest.mark.e2e


def names_in(page) -> set[str]:
    tiles = page.get_by_role("option").evaluate_all("all => all.map(one => one.getAttribute('aria-label'))")
    return {re.fullmatch(r"\d+ of \d+: (.+?), .*", words)[1] for words in tiles}


def test_two_people_get_different_images_and_see_what_the_other_has(visit, project, labels):
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
    bens.evaluate("dispatchEvent(new Event('focus'))")
    bens.get_by_role("button", name="6 with others").click()
    told = bens.get_by_role("dialog", name="With whom images are")
    expect(told).to_contain_text("6 images are with anna for 30 min")
    expect(told).to_contain_text("8 images are with you for 30 min")
    ben.shot("hand-outs-narrow-dark")
    told.get_by_role("listitem").filter(has_text="anna").get_by_role("button", name="Take them back").click()
    expect(told).not_to_contain_text("anna")
    bens.keyboard.press("Escape")
    bens.keyboard.press("n")
    expect(bens.get_by_text("Choosing")).to_be_visible()
    expect(bens.get_by_role("button", name="Next batch")).to_be_enabled(timeout=60_000)
    assert first not in names_in(bens)

    annas.evaluate("dispatchEvent(new Event('focus'))")
    annas.get_by_role("button", name="16 with others").click()
    expect(annas.get_by_role("dialog", name="With whom images are")).to_contain_text("8 images are with ben")
    anna.shot("hand-outs")
    assert skipped not in read(labels)
