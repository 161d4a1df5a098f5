"""The page in Russian: chosen by the browser or by its reader, and nothing of it is cut on a screen or a phone."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.e2e import canned
from tests.e2e.test_page import Canned
from tests.e2e.visitor import NARROW, WIDE, give_some, looked_at, read, until
from tests.pools import class_of

pytestmark = pytest.mark.e2e

#: What hides a part of its own text; a tile's short line may, since what is said of it stands below the image, too.
CUT = """
[...document.querySelectorAll("button, h1, h2, h3, label, nav a, summary, dt, th, .hint, .badge, kbd, option")]
  .filter((one) => one.checkVisibility() && !one.closest(".only-heard, [role=option]"))
  .filter((one) => getComputedStyle(one).overflowX !== "visible" && one.scrollWidth > one.clientWidth + 1)
  .map((one) => one.innerText)
"""


#: Sentences in English, seen or heard. What the service says of a fault or warning more exactly stands in brackets.
ENGLISH = """
(() => {
  const texts = document.createTreeWalker(document.querySelector("#app"), NodeFilter.SHOW_TEXT);
  const said = [...document.querySelectorAll("[aria-label], [title], [placeholder]")]
    .flatMap((one) => ["aria-label", "title", "placeholder"].map((name) => one.getAttribute(name) ?? ""));
  while (texts.nextNode()) said.push(texts.currentNode.data);
  return said.filter((text) => /[a-z]{2,} [a-z]{2,} [a-z]{2,}/i.test(text.replace(/\\(.*\\)/g, "")));
})()
"""


@pytest.mark.parametrize(("viewport", "scheme"), [(WIDE, "light"), (NARROW, "dark")], ids=["wide", "narrow-dark"])
def test_a_russian_browser_labels_asks_and_sets_up_in_russian_and_nothing_is_cut(
    visit, project, labels, viewport, scheme
):
    give_some(labels, *(f"{colour}_{i}.png" for colour in ("red", "green", "blue") for i in range(4)))
    visitor = visit(viewport, scheme, locale="ru-RU")
    names = [f"red_{i}.png" for i in range(4)]
    measured = (canned.learning_curve(), canned.f1(["red", "green", "blue"], names))
    Canned(visitor.page, *measured, canned.label_check([("red_1.png", "green", "red")]))

    def look(name: str) -> None:
        visitor.shot(f"ru-{name}-{scheme}")
        assert page.evaluate(CUT) == [], name
        assert page.evaluate(ENGLISH) == [], name

    page = visitor.open("#/label", project)
    expect(page.get_by_role("option")).to_have_count(8, timeout=60_000)
    assert page.evaluate("document.documentElement.lang") == "ru"
    name = looked_at(page, "из")
    page.get_by_role("group", name="Классы").get_by_role("button", name=class_of(name)).click()
    until(page, lambda: read(labels).get(name) == class_of(name))
    expect(page.get_by_text("1 из 8")).to_be_visible()
    expect(page.get_by_text("всего 13 меток")).to_have_count(1)  # a phone has no room for it
    look("label")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Клавиши")).to_contain_text("принять подсказку")
    look("keys")
    page.keyboard.press("Escape")

    views = page.get_by_role("navigation", name="Разделы")
    for button, title in (("Классы", "Классы"), (re.compile("^Проект"), "Проекты")):
        page.get_by_role("button", name=button, exact=True).first.click()
        expect(page.get_by_role("dialog", name=title)).to_be_visible()
        look(title)
        page.keyboard.press("Escape")
    for view in ("Качество", "Проверка", "Карта", "Обзор", "Задания", "Настройка"):
        link = views.get_by_role("link", name=view)
        link.click()
        expect(link).to_have_attribute("aria-current", "page")
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        if view == "Качество":
            page.get_by_role("button", name="Предсказать").click()
            page.get_by_role("button", name="Оценить").click()
            expect(page.get_by_text("0,812", exact=True).first).to_be_visible()  # in a table, too
            expect(page.get_by_text(re.compile("Ещё 100 меток прибавят"))).to_be_visible()
        if view == "Проверка":
            page.get_by_role("button", name="Проверить все метки").click()
            expect(page.get_by_text("размечено green (0,04), похоже на red (0,88)").first).to_be_visible()
        if view == "Настройка":
            expect(page.get_by_role("radio", name=re.compile("margin Два лучших класса"))).to_be_attached()
        look(view)


def test_who_reads_chooses_another_language_than_the_browsers_and_it_stays_and_faults_are_told_in_it(visit, project):
    visitor = visit()
    page = visitor.open("#/setup", project)
    page.get_by_label("Language").select_option(label="Русский")
    expect(page.get_by_role("heading", level=1)).to_have_text("Настройка")
    folder = page.get_by_label("Папка с фото", exact=True)
    folder.fill("/etc")
    folder.press("Tab")
    expect(page.get_by_text("'/etc': вне папок, открытых сервису")).to_be_visible()
    expect(folder).to_have_attribute("aria-invalid", "true")
    visitor.forgive("422")
    page.reload()
    page.get_by_label("Язык").select_option(label="English")
    expect(page.get_by_role("heading", level=1)).to_have_text("Set-up")
