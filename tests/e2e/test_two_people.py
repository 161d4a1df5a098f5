"""Two people, each in a browser, through a whole project: classes, hand-outs, overlap, a doubt settled, a report."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from nextlabel.core.tasks.classification import read_labels
from tests.e2e.test_page_team import names_in
from tests.e2e.visitor import NARROW, until
from tests.pools import class_of

pytestmark = pytest.mark.e2e


def test_two_people_go_through_a_whole_project_from_classes_to_the_report(visit, client, project, labels, tmp_path):
    labels.mkdir()
    anna, ben = visit(), visit(NARROW, "dark")
    of_project = {"path_to_img": project["pool"], "path_to_labels": str(labels)}

    # Anna declares the classes: they have the same keys for both.
    annas = anna.open("#/label", {**project, "person": "anna"})
    expect(annas.get_by_role("option")).to_have_count(8, timeout=60_000)
    annas.get_by_role("button", name="Classes", exact=True).click()
    declared = annas.get_by_role("dialog", name="Classes")
    for name in ("red", "green", "blue"):
        declared.get_by_role("textbox", name="New class").fill(name)
        declared.get_by_role("button", name="Add").click()
        expect(declared.get_by_role("button", name=f"Change {name}")).to_be_visible()
    annas.keyboard.press("Escape")

    # Each has a batch that the other does not get.
    bens = ben.open("#/label", {**project, "person": "ben"})
    expect(bens.get_by_role("option")).to_have_count(8, timeout=60_000)
    first = names_in(annas)
    assert not first & names_in(bens)
    for name in first:
        say(annas, labels / "anna.txt", name, class_of(name))
    assert set(by(labels / "anna.txt")) == first
    until(annas, lambda: {one.person: one.left for one in client.hand_outs(**of_project)} == {"ben": 8})

    # Ben is asked for a second opinion on what Anna labelled, without a word on what she said, and sees one otherwise.
    again = client.select(**of_project, backbone="descriptor", add=12, method="random", person="ben", overlap=2)
    second = {item.name for item in again.items if item.second_opinion}
    assert second
    assert second <= first
    newest = client.jobs("selection", limit=1)[0].id
    bens.goto(f"{ben.url}/#/label?job={newest}")
    until(bens, lambda: names_in(bens) == set(again.data))
    doubted = min(second)
    for name in again.data:
        if name == doubted:
            say(bens, labels / "ben.txt", name, "green" if class_of(name) == "red" else "red", otherwise=True)
        else:
            say(bens, labels / "ben.txt", name, class_of(name))
    ben.forgive("409")
    assert set(by(labels / "ben.txt")) == set(again.data)

    # It counts nowhere until it is settled; both files stay as they are.
    before = (labels / "anna.txt").read_text(), (labels / "ben.txt").read_text()
    (contradiction,) = client.contradictions(str(labels))
    assert contradiction.name == doubted
    annas.goto(f"{anna.url}/#/check")
    row = annas.get_by_role("listitem").filter(has_text=doubted)
    row.get_by_role("button", name=class_of(doubted), exact=True).click()
    until(annas, (labels / "_settled.txt").exists)
    assert (labels / "_settled.txt").read_text() == f"{doubted}\t{class_of(doubted)}\n"
    assert ((labels / "anna.txt").read_text(), (labels / "ben.txt").read_text()) == before
    assert client.contradictions(str(labels)) == []

    # How far they agree is told of what both have seen, and the report that Ben takes away tells who did what.
    agreed = client.agreement(**of_project, backbone="descriptor")
    assert {one.person: one.images for one in agreed.people} == dict.fromkeys(("anna", "ben"), len(second))
    annas.goto(f"{anna.url}/#/quality")
    agreement = annas.get_by_role("region", name="Do people agree?")
    agreement.get_by_role("button", name="Compare").click()
    expect(agreement).to_contain_text("0 to be settled, 1 settled.", timeout=60_000)
    expect(agreement.get_by_role("row", name=re.compile("ben"))).to_contain_text("look here first")
    anna.shot("agreement")
    bens.goto(f"{ben.url}/#/quality")
    with bens.expect_download() as saved:
        bens.get_by_role("button", name="Report").click()
    saved.value.save_as(tmp_path / "report.html")
    told = (tmp_path / "report.html").read_text()
    assert "anna 8" in told
    assert f"ben {len(again.items)}" in told
    assert "0 about which people contradict each other, 1 settled" in told
    assert "<td>ben</td><td>8</td>" in told  # the batch that Ben was given first is still with him


def by(file: Path) -> dict[str, str]:
    return dict(read_labels(file).classes_by_name) if file.exists() else {}


def say(page: Page, file: Path, name: str, class_name: str, *, otherwise: bool = False) -> None:
    """Give an image of the batch a class; `otherwise`: somebody else gave it another, and both are kept."""
    page.get_by_role("option", name=re.compile(rf": {name},")).click()
    page.get_by_role("group", name="Classes").get_by_role("button", name=class_name).click()
    if otherwise:
        page.get_by_role("button", name="Keep both").click()
    until(page, lambda: by(file).get(name) == class_name)
