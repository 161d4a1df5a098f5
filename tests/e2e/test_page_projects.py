"""Several projects on the page, and links to what is looked at: kept by the service, opened in another browser."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.e2e.visitor import NARROW, give_some

pytestmark = pytest.mark.e2e


def test_two_browsers_see_the_same_projects_by_name(visit, pools, labels):
    visitor = visit()
    page = visitor.open("#/setup")
    (pools / "nothing").mkdir()
    page.get_by_label("Folder of photos", exact=True).fill(str(pools / "nothing"))
    page.get_by_label("Folder for labels", exact=True).fill(str(labels))
    page.get_by_label("Name of the project").fill("stripes")
    page.get_by_role("radio", name=re.compile("descriptor")).check()
    page.get_by_role("button", name="Start labelling").click()
    expect(page.get_by_role("alert").get_by_text("there is no image in it")).to_be_visible()
    page.get_by_label("Folder of photos", exact=True).fill(str(pools / "pool"))  # the name is free again
    begun = []
    page.on("request", lambda asked: begun.append(asked) if asked.method == "POST" else None)
    page.get_by_role("button", name="Start labelling").dblclick()
    expect(page.get_by_role("listbox").get_by_role("option").first).to_be_visible(timeout=60_000)
    assert sum(asked.url.endswith("/jobs") for asked in begun) == 1  # of a double click
    visitor.forgive("422")
    page.get_by_role("button", name="Project stripes").press("Enter")
    asked = page.get_by_role("dialog", name="Projects")
    expect(asked.get_by_text("open now")).to_be_visible()
    visitor.shot("projects")
    asked.get_by_role("link", name="New project").press("Enter")
    expect(page.get_by_label("Folder of photos", exact=True)).to_have_value("")

    other = visit(NARROW, "dark")
    page = other.open("#/browse?project=stripes")
    expect(page.get_by_text("60 images", exact=True)).to_be_visible()
    page.get_by_role("button", name="Project stripes").click()
    asked = page.get_by_role("dialog", name="Projects")
    asked.get_by_role("button", name="Rename stripes").click()
    asked.get_by_role("textbox", name="New name of stripes").fill("colours")
    other.shot("projects-narrow-dark")
    page.keyboard.press("Enter")
    expect(asked.get_by_role("link", name="colours")).to_be_visible()
    assert other.serious() == []
    asked.get_by_role("button", name="Remove colours").click()
    page.get_by_role("dialog", name="Remove colours from the list?").get_by_role("button", name="Remove").click()
    expect(asked.get_by_role("link", name="colours")).to_have_count(0)
    page.keyboard.press("Escape")
    expect(page.get_by_text("60 images", exact=True)).to_be_visible()
    assert labels.is_dir()

    visitor.page.goto(f"{visitor.url}/#/browse?project=colours")
    expect(visitor.page.get_by_role("heading", name="There is no project called colours here")).to_be_visible()
    visitor.shot("project-unknown")


def test_a_rename_that_is_refused_is_told_in_the_dialog(visit, project, labels):
    labels.mkdir()
    kept = {"path_to_img": project["pool"], "path_to_labels": project["labels"], "backbone": "descriptor"}
    visitor = visit(NARROW, "dark")
    for name, task in (("one", "classification"), ("two", "multilabel")):
        visitor.context.request.post(f"{visitor.url}/projects", data={**kept, "name": name, "task": task})
    page = visitor.open("#/browse?project=one")
    page.get_by_role("button", name="Project one").press("Enter")
    asked = page.get_by_role("dialog", name="Projects")
    asked.get_by_role("button", name="Rename one", exact=True).press("Enter")
    renamed = asked.get_by_role("textbox", name="New name of one")
    expect(renamed).to_be_focused()
    page.keyboard.type("two")
    page.keyboard.press("Enter")
    expect(asked.get_by_role("alert")).to_have_text(
        re.compile("^a project of .* is called so already; give this one another name")
    )
    asked.get_by_role("alert").click()
    asked.click(position={"x": 4, "y": 4})  # its margin
    expect(renamed).to_have_value("two")
    visitor.shot("project-rename-refused")
    visitor.forgive("422")
    for name in ("one", "two"):
        visitor.context.request.post(f"{visitor.url}/projects/forget", data={"name": name})


def test_a_project_whose_folder_is_gone_says_so_and_looks_no_longer(visit, pools, labels):
    gone = pools / "gone"
    gone.mkdir()
    labels.mkdir()
    visitor = visit()
    named = {"name": "gone", "path_to_img": str(gone), "path_to_labels": str(labels), "backbone": "descriptor"}
    visitor.context.request.post(f"{visitor.url}/projects", data=named)
    gone.rmdir()
    page = visitor.open("#/browse?project=gone")
    told = page.get_by_role("alert").filter(has_text="does not exist")
    expect(told.get_by_role("link", name="Set-up")).to_be_visible()
    expect(page.get_by_text("Looking through the pool")).to_have_count(0)
    page.wait_for_load_state("networkidle")
    expect(page.get_by_text(re.compile("does not exist"))).to_have_count(1)
    visitor.shot("project-gone")
    visitor.forgive("422")
    visitor.context.request.post(f"{visitor.url}/projects/forget", data={"name": "gone"})


def test_a_link_leads_another_browser_to_an_image_and_going_back_leads_to_it_too(visit, project, labels):
    give_some(labels, "red_0.png")
    named = {"name": "linked", "path_to_img": project["pool"], "path_to_labels": project["labels"]}
    visitor = visit()
    visitor.context.request.post(f"{visitor.url}/projects", data={**named, "backbone": "descriptor"})
    visitor.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = visitor.open("#/browse", project)
    expect(page.get_by_text("60 images", exact=True)).to_be_visible()
    expect(page.get_by_role("listbox")).to_be_focused()
    expect(page.get_by_role("button", name="Project linked")).to_be_visible()  # else no link can name it
    page.keyboard.press("End")
    expect(page).to_have_url(re.compile("image=red_9.png"))
    page.get_by_role("button", name="Copy link").click()
    expect(page.get_by_role("status").get_by_text("The link is copied.")).to_have_count(1)
    link = page.evaluate("navigator.clipboard.readText()")
    assert link == f"{visitor.url}/#/browse?project=linked&image=red_9.png"
    page.keyboard.press("m")
    expect(page).to_have_url(re.compile("similar"))
    page.go_back()
    expect(page.get_by_role("complementary").get_by_text("red_9.png")).to_be_visible()
    page.go_forward()
    expect(page).to_have_url(re.compile("similar"))

    other = visit(NARROW, "dark")
    page = other.page
    page.goto(link)
    expect(page.get_by_role("complementary").get_by_text("red_9.png")).to_be_visible()
    expect(page.get_by_role("option", name=re.compile("red_9.png"))).to_be_in_viewport()
    page.goto(link.replace("red_9", "gone"))
    expect(page.get_by_role("alert")).to_contain_text("gone.png is not in this pool")
    other.shot("link-to-nothing")
    page.goto(link.replace("image=", "labelled=yes&image="))
    expect(page.get_by_role("alert")).to_contain_text("not among the images that are looked for")
    page.get_by_role("link", name="Look for all images").click()
    expect(page.get_by_role("complementary").get_by_text("red_9.png")).to_be_visible()


def test_quality_tells_how_fast_people_are_and_of_whom_that_is_not_known(visit, project, labels):
    give_some(labels, "red_0.png")  # a file: nobody knows when
    visitor = visit(NARROW)
    given = {"path_to_labels": str(labels), "person": "anna"}
    for name in ("green_0.png", *(f"green_{i}.png" for i in range(1, 12))):
        one = {**given, "labels": [{"name": name, "class": "green"}]}
        assert visitor.context.request.post(f"{visitor.url}/labels", data=one).ok
        visitor.page.wait_for_timeout(210)  # what comes faster no person did
    page = visitor.open("#/quality", project)
    people = page.get_by_role("region", name="Who labels, and how fast")
    nearly_all = re.compile("(9|10|11) times in 1 sitting")  # one that arrives late shortens the time to the next
    expect(people.get_by_role("row", name=re.compile(r"anna 12 0\.\d s"))).to_contain_text(nearly_all)
    expect(people.get_by_role("row", name=re.compile("me 1 –"))).to_contain_text("no times")
    people.scroll_into_view_if_needed()
    visitor.shot("people")
    assert visitor.serious() == []
