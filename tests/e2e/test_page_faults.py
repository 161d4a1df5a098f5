"""What a hand means: no button is covered, nothing is overwritten unasked, nothing is lost or fails in silence."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, Route, expect

from nextlabel.api.app import create_app
from nextlabel.core.data.labels import write_labels
from nextlabel.core.keys import KeyFile, Scope
from nextlabel.core.settings import Settings
from tests.api.support import served
from tests.e2e import canned
from tests.e2e.canned import Canned
from tests.e2e.settled import hurried, settle
from tests.e2e.visitor import NARROW, WIDE, give_some, looked_at, read, until

pytestmark = pytest.mark.e2e
BATCH = [f"{colour}_{i}.png" for i in range(4) for colour in ("red", "green")]
SIZES = [
    (320, 560), (360, 640), (390, 844), (600, 560), (768, 1024), (861, 560), (1024, 600),
    (1280, 650), (1280, 800), (1366, 768), (1440, 780), (1920, 1080), (2560, 1440),
]  # fmt: skip
#: Names the renderer (0x9246), so that the map is drawn as on a graphics card: without one a plain canvas is quicker.
ANY_GRAPHICS = """
    const { getParameter } = WebGL2RenderingContext.prototype;
    WebGL2RenderingContext.prototype.getParameter = function (name) {
        return name === 0x9246 ? "a card" : getParameter.call(this, name);
    };
"""
#: On top in the middle of the button: the button itself, or what lies on it.
ON_TOP = """(button) => {
    button.scrollIntoView({ block: "center" });
    const { left, top, width, height } = button.getBoundingClientRect();
    const found = document.elementFromPoint(left + width / 2, top + height / 2);
    return button.contains(found) ? "" : found?.outerHTML.slice(0, 100) ?? "nothing";
}"""
#: Until what a hand did is on the screen.
DRAWN = "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
PRESS = """([key, code]) => {
    const event = new KeyboardEvent("keydown", { key, code, bubbles: true, cancelable: true });
    document.activeElement.dispatchEvent(event);
}"""


def open_batch(visitor, project, predicted=None) -> Page:
    visitor.canned = Canned(visitor.page, canned.selection(BATCH, predicted))
    page = visitor.open("#/label", project)
    expect(page.get_by_role("option")).to_have_count(len(BATCH))
    return page


def classes_of(page: Page):
    return page.get_by_role("group", name="Classes")


# --- what is seen -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("many", [1, 10, 60])
def test_nothing_lies_on_a_class_button_at_any_size(visit, project, labels, many):
    labels.mkdir()
    names = [f"a long name of a class of clothes, number {at}" for at in range(many)]
    write_labels(labels / "me.txt", [(f"other_{at}.png", name) for at, name in enumerate(names)])
    visitor = visit()
    page = open_batch(visitor, project, predicted=names[0])
    buttons = classes_of(page).get_by_role("button")
    expect(buttons).to_have_count(many)
    for width, height in SIZES:
        page.set_viewport_size({"width": width, "height": height})
        covered = {at: found for at in range(0, many, 7) if (found := buttons.nth(at).evaluate(ON_TOP))}
        assert covered == {}, (width, height)
        visitor.shot(f"label-{many}-{width}x{height}")


# --- nothing is overwritten -------------------------------------------------------------------------------------


def test_enter_leaves_a_colleagues_label_and_keeps_both_answers_to_be_settled(visit, project, labels):
    labels.mkdir()
    visitor = visit()
    page = open_batch(visitor, project, predicted="red")
    name = looked_at(page)
    write_labels(labels / "anna.txt", [(name, "purple")])
    page.keyboard.press("Enter")
    question = page.get_by_role("dialog", name="Somebody labelled it otherwise")
    expect(question.get_by_role("img", name=name)).to_be_visible()
    expect(question.get_by_role("button", name="Leave it")).to_be_focused()
    page.keyboard.press("Enter")
    expect(question).to_have_count(0)
    expect(page.get_by_role("option", name=re.compile(f"{name}, labelled purple by anna"))).to_be_visible()
    assert read(labels) == {name: "purple"}

    page.keyboard.press("Alt+3")
    page.get_by_role("button", name="red (you)").click()
    until(page, lambda: read(labels) == {name: "red"})
    expect(page.get_by_role("button", name="red (you)")).to_have_count(0)
    visitor.forgive("409")


def test_a_second_tab_shows_what_the_first_has_given(visit, project, labels):
    labels.mkdir()
    visitor = visit()
    first = open_batch(visitor, project, predicted="red")
    second = visitor.context.new_page()
    Canned(second, canned.selection(BATCH, "red"))
    second.goto(f"{visitor.url}/#/label")
    expect(second.get_by_role("option")).to_have_count(len(BATCH))
    first.bring_to_front()
    name = looked_at(first)
    first.keyboard.press("Enter")
    expect(second.get_by_role("option", name=re.compile(f"{name}, labelled red"))).to_have_count(1)


def test_what_a_colleague_gave_meanwhile_is_seen_when_one_comes_back(visit, project, labels):
    labels.mkdir()
    visitor = visit()
    page = open_batch(visitor, project)
    write_labels(labels / "anna.txt", [("green_1.png", "green")])
    page.evaluate("dispatchEvent(new Event('focus'))")
    expect(page.get_by_role("option", name=re.compile("green_1.png, labelled green by anna"))).to_be_visible()


# --- typing -----------------------------------------------------------------------------------------------------


def test_a_part_of_a_class_takes_the_match_and_a_new_class_is_asked_for(visit, project, labels):
    labels.mkdir()
    write_labels(labels / "me.txt", [("x.png", "t-shirt"), ("y.png", "shirt")])
    visitor = visit()
    page = open_batch(visitor, project)
    name = looked_at(page)
    page.keyboard.press("c")
    page.keyboard.type("shi")
    visitor.shot("typed")
    page.keyboard.press("Enter")
    until(page, lambda: read(labels).get(name) == "shirt")

    other = looked_at(page)
    page.keyboard.press("c")
    page.keyboard.type("shit")
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog", name="A new class?")).to_contain_text("There is no class “shit” yet")
    page.keyboard.press("Escape")
    assert other not in read(labels)
    expect(classes_of(page).get_by_role("button", name=re.compile("^shit"))).to_have_count(0)


def test_a_class_that_is_taken_back_leaves_no_button_behind(visit, project, labels):
    labels.mkdir()
    write_labels(labels / "me.txt", [("x.png", "shirt")])
    visitor = visit()
    page = open_batch(visitor, project)
    page.keyboard.press("c")
    page.keyboard.type("wrong")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Make the class").press("Enter")
    until(page, lambda: "wrong" in read(labels).values())
    page.keyboard.press("u")
    until(page, lambda: "wrong" not in read(labels).values())
    page.reload()
    expect(page.get_by_role("option")).to_have_count(len(BATCH))
    expect(classes_of(page).get_by_role("button")).to_have_count(1)


def test_keys_work_on_a_cyrillic_keyboard(visit, project, labels):
    labels.mkdir()
    visitor = visit()
    page = open_batch(visitor, project, predicted="red")
    first = looked_at(page)
    page.get_by_role("option", selected=True).focus()
    page.evaluate(PRESS, ["ы", "KeyS"])
    expect(page.get_by_role("option", name=re.compile(f"{first}, skipped"))).to_be_visible()
    page.evaluate(PRESS, ["г", "KeyU"])
    expect(page.get_by_role("option", name=re.compile(f"{first}, skipped"))).to_have_count(0)
    page.evaluate(PRESS, ["с", "KeyC"])
    expect(page.get_by_role("textbox", name="Class by name")).to_be_focused()
    page.keyboard.press("Escape")
    page.evaluate(PRESS, ["ь", "KeyM"])
    expect(page).to_have_url(re.compile("similar"))


# --- nothing is lost --------------------------------------------------------------------------------------------


def test_a_label_that_is_not_on_the_disk_looks_so_is_sent_again_and_leaving_asks(visit, project, labels):
    labels.mkdir()
    visitor = visit()
    page = open_batch(visitor, project, predicted="red")
    page.route("**/labels", lambda route: route.abort())
    page.route("**/readyz", lambda route: route.abort())
    names = [looked_at(page)]
    page.keyboard.press("Enter")
    names.append(looked_at(page))
    page.keyboard.press("Enter")
    expect(page.get_by_role("option", name=re.compile("not saved yet"))).to_have_count(2)
    expect(page.get_by_text("saving 2 …")).to_be_visible()
    banner = page.get_by_role("alert")
    expect(banner).to_contain_text("2 labels wait here to be saved")
    visitor.shot("unsaved")
    asked = []
    page.once("dialog", lambda dialog: (asked.append(dialog.type), dialog.dismiss()))
    page.close(run_before_unload=True)
    until(page, lambda: asked == ["beforeunload"])

    page.unroute("**/labels")
    page.unroute("**/readyz")
    until(page, lambda: set(names) <= read(labels).keys())
    expect(page.get_by_role("option", name=re.compile("not saved yet"))).to_have_count(0)
    expect(banner).to_have_count(0)
    visitor.forgive("ERR_FAILED")


def test_a_label_is_taken_back_after_a_reload_and_skipped_images_are_brought_back(visit, project, labels):
    give_some(labels, "red_0.png")
    visitor = visit()
    page = open_batch(visitor, project)
    page.get_by_role("option", name=re.compile("red_0.png, labelled red")).click()
    page.keyboard.press("Delete")
    until(page, lambda: "red_0.png" not in read(labels))
    page.keyboard.press("u")
    until(page, lambda: read(labels).get("red_0.png") == "red")
    page.get_by_role("button", name="Take back").click()  # as on a phone, which has no such key
    until(page, lambda: "red_0.png" not in read(labels))
    page.get_by_role("button", name="Undo").click()
    until(page, lambda: read(labels).get("red_0.png") == "red")

    name = looked_at(page) if "red_0" not in looked_at(page) else "green_0.png"
    page.get_by_role("option", name=re.compile(re.escape(name))).click()
    page.keyboard.press("s")
    page.get_by_role("button", name="1 skipped").click()
    listed = page.get_by_role("dialog", name="Skipped images")
    expect(listed).to_contain_text(name)
    visitor.shot("skipped")
    listed.get_by_role("button", name="Bring back").click()
    page.keyboard.press("Escape")
    expect(page.get_by_role("option", name=re.compile(f"{name}, skipped"))).to_have_count(0)


# --- when something is away -------------------------------------------------------------------------------------


def unready(*faults: str) -> Callable[[Route], None]:
    body = {"code": "not_ready", "detail": "", "status": 503, "faults": list(faults)}
    return lambda route: route.fulfill(status=503, json=body, headers={"Content-Type": "application/problem+json"})


def test_one_banner_says_that_a_worker_is_missing_and_what_waits_says_so_too(visit, project, labels):
    give_some(labels, "red_0.png", "green_0.png")
    visitor = visit()
    page = visitor.page
    page.route("**/readyz", unready("no worker was seen in the last 10 seconds; jobs are recorded and wait"))
    Canned(page, canned.map_of(BATCH, ["red", "green"], points=50), stuck="queued")
    visitor.open("#/map", project)
    expect(page.get_by_role("alert")).to_contain_text("No worker was seen in the last 10 seconds")
    page.get_by_role("button", name="Draw the map").click()
    expect(page.get_by_text("no worker is there to do it")).to_be_visible()
    page.unroute("**/readyz")
    expect(page.get_by_role("alert")).to_have_count(0)
    visitor.forgive("503")


@pytest.mark.parametrize("view", ["label", "quality", "check", "map", "jobs", "setup"])
def test_every_view_says_that_the_service_is_away_and_recovers_by_itself(visit, project, labels, view):
    give_some(labels, *(f"{colour}_{i}.png" for colour in ("red", "green", "blue") for i in range(20)))
    visitor = visit()
    page = visitor.page
    Canned(page, canned.selection(BATCH), canned.map_of(BATCH, ["red", "green"], points=50))
    visitor.open("#/jobs", project)
    expect(page.get_by_role("heading", level=1)).to_have_text("Jobs")
    away = re.compile(r"/(jobs|labels|folders|images|readyz|capabilities)(\?|/|$)")
    page.route(away, lambda route: route.abort())
    page.goto(f"{visitor.url}/#/{view}")
    expect(page.get_by_role("alert")).to_contain_text("The service does not answer")
    visitor.shot(f"away-{view}")
    page.unroute(away)
    expect(page.get_by_role("alert")).to_have_count(0)
    there = {
        "label": lambda: page.get_by_role("option").first,
        "quality": lambda: page.get_by_role("button", name="Forecast"),
        "check": lambda: page.get_by_role("button", name="Check all labels"),
        "map": lambda: page.get_by_role("button", name="Draw the map"),
        "jobs": lambda: page.get_by_role("list", name="Jobs, newest first"),
        "setup": lambda: page.get_by_role("button", name=re.compile("Save and propose")),
    }
    expect(there[view]()).to_be_visible(timeout=30_000)
    visitor.forgive("ERR_FAILED")


def test_going_from_view_to_view_leaves_no_rejection_behind(visit, project, labels):
    give_some(labels, "red_0.png")
    visitor = visit()
    page = open_batch(visitor, project)
    with hurried(page):
        for _ in range(3):
            for digit in "234561":
                page.keyboard.press(f"Alt+{digit}")
                page.wait_for_timeout(30)
    expect(page.get_by_role("option")).to_have_count(len(BATCH))


# --- the map ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("touch", [False, True], ids=["mouse", "touch"])
def test_a_point_on_the_map_stays_when_it_is_clicked_or_tapped(visit, project, labels, touch):
    give_some(labels, "red_0.png", "green_0.png")
    visitor = visit(NARROW if touch else WIDE, has_touch=touch)
    page = visitor.page
    if not touch:
        page.add_init_script(ANY_GRAPHICS)
    Canned(page, canned.map_of(BATCH, ["red", "green"], points=3000))
    visitor.open("#/map", project)
    page.get_by_role("button", name="Draw the map").click()
    plane = page.get_by_role("application")
    under = page.get_by_role("complementary", name="The image under the pointer")
    expect(under).to_contain_text("Click or tap a point")
    box = plane.bounding_box()
    press = page.touchscreen.tap if touch else page.mouse.click
    for x in range(5, 95, 6):
        for y in range(10, 90, 8):
            press(box["x"] + box["width"] * x / 100, box["y"] + box["height"] * y / 100)
            page.evaluate(DRAWN)
            if "Held" in under.inner_text():
                break
        else:
            continue
        break
    expect(under).to_contain_text("Held")
    held = under.inner_text()
    if not touch:
        for share in (0.2, 0.4, 0.6, 0.8):
            page.mouse.move(box["x"] + box["width"] * share, box["y"] + box["height"] * share)
        assert under.inner_text() == held
    visitor.shot(f"map-held-{touch}")
    under.get_by_role("link", name="More like this").click()
    name = re.search(r"(\w+_\d\.png)", held)[1]
    expect(page).to_have_url(re.compile(f"like={name}"))
    visitor.forgive("404")


# --- jobs -------------------------------------------------------------------------------------------------------


def test_a_job_opens_its_own_batch_and_its_own_folders(visit, project, labels, pools, client):
    labels.mkdir()
    (pools / "elsewhere").mkdir(exist_ok=True)
    request = {
        "kind": "selection",
        "backbone": "descriptor",
        "add": 5,
        "path_to_img": str(pools / "val"),
        "path_to_labels": str(pools / "elsewhere"),
    }
    job = client.wait(client.submit(request).id)
    visitor = visit()
    page = visitor.open("#/jobs", project)
    row = page.get_by_role("list", name="Jobs, newest first").get_by_role("listitem").first
    expect(row.get_by_role("button", name="Suggestions")).to_be_visible()
    visitor.shot("jobs-list")
    row.get_by_role("link", name="Open").click()
    expect(page.get_by_role("option")).to_have_count(5)
    expect(page.get_by_role("option", name=re.compile(re.escape(job.result.data[0])))).to_be_visible()
    expect(page.get_by_role("banner")).to_contain_text("val")
    page.go_back()
    row.get_by_role("button", name="Forget").click()
    page.get_by_role("dialog").get_by_role("button", name="Cancel").click()
    expect(row.get_by_role("link", name="Open")).to_be_visible()


def test_a_batch_that_a_colleague_sent_the_address_of_is_not_called_old(visit, project, labels):
    labels.mkdir()
    visitor = visit()
    Canned(visitor.page, canned.selection(BATCH))
    page = visitor.open("#/label?job=canned_selection", project)
    expect(page.get_by_role("option")).to_have_count(len(BATCH))
    expect(page.get_by_text("This is an earlier batch.")).to_have_count(0)


def test_a_cancelled_job_is_told_once(visit, project, labels):
    give_some(labels, "red_0.png", "green_0.png")
    visitor = visit()
    page = visitor.page
    Canned(page, canned.map_of(BATCH, ["red", "green"], points=50), stuck="cancelled")
    visitor.open("#/map", project)
    page.get_by_role("button", name="Draw the map").click()
    expect(page.get_by_text("Map was cancelled.", exact=True)).to_be_visible()


# --- set-up -----------------------------------------------------------------------------------------------------


def test_set_up_names_all_that_is_wrong_in_the_words_of_its_fields_and_makes_nothing(visit, pools, labels):
    visitor = visit()
    page = visitor.open("#/setup")
    page.get_by_label("Folder of photos", exact=True).fill("/etc")
    page.get_by_label("Folder for labels", exact=True).fill(str(labels))
    page.get_by_label("Your name").fill("/anna")
    page.get_by_label("Images a batch").fill("0")
    page.get_by_text("Validation set (optional)").click()
    page.get_by_label("Validation photos", exact=True).fill(str(pools / "nowhere"))
    page.get_by_label("Validation labels", exact=True).fill(str(pools / "nothing.txt"))
    page.get_by_role("button", name="Start labelling").click()
    told = page.get_by_role("alert")
    for words in ("Folder of photos:", "Your name:", "Images a batch:", "Validation photos:", "Validation labels:"):
        expect(told).to_contain_text(words)
    expect(told).not_to_contain_text("path_to")
    assert not labels.exists()
    visitor.shot("setup-all-faults")
    visitor.forgive("422", "404")


def test_a_name_with_spaces_is_a_name(visit, pools, labels):
    visitor = visit()
    page = visitor.page
    Canned(page, canned.selection(BATCH, "red"))
    visitor.open("#/setup")
    page.get_by_label("Folder of photos", exact=True).fill(str(pools / "pool"))
    page.get_by_label("Folder for labels", exact=True).fill(str(labels))
    page.get_by_label("Your name").fill("Анна Петрова")
    expect(page.get_by_text("Your labels go to Анна_Петрова.txt.")).to_be_visible()
    page.get_by_role("button", name="Start labelling").click()
    expect(page.get_by_role("option")).to_have_count(len(BATCH))
    page.keyboard.press("Escape")
    page.get_by_role("option").first.focus()
    page.keyboard.press("Enter")
    until(page, (labels / "Анна_Петрова.txt").exists)
    expect(page.get_by_role("banner")).to_contain_text("Анна_Петрова")


# --- small things -----------------------------------------------------------------------------------------------


def test_an_answer_says_how_many_labels_ago_it_was_made_and_a_replay_what_it_needs(visit, project, labels):
    give_some(labels, *(f"{colour}_{i}.png" for colour in ("red", "green") for i in range(10)))
    visitor = visit()
    page = visitor.page
    Canned(page, canned.learning_curve())
    visitor.open("#/quality", project)
    audit = page.get_by_role("region", name="Does choosing help here?")
    expect(audit.get_by_role("button", name="Replay")).to_be_disabled()
    expect(audit).to_contain_text("A replay needs 60 labels; there are 20.")
    curve = page.get_by_role("region", name="How much more to label")
    curve.get_by_role("button", name="Forecast").click()
    expect(curve).to_contain_text("280 labels fewer since")  # the canned answer knew 300
    expect(curve.get_by_text("Go on", exact=True)).to_have_count(1)


def test_a_new_tab_needs_no_key_that_another_has_and_the_header_says_who_one_is(
    visit, pools, labels, project, tmp_path, empty_redis
):
    keys = KeyFile(tmp_path / "keys.json")
    key = keys.create("anna", [Scope.READ, Scope.WRITE])
    labels.mkdir()
    settings = Settings(
        data_roots=(pools,), state_dir=tmp_path, cache_dir=tmp_path, redis_url=empty_redis, api_keys_file=keys.path
    )
    with served(create_app(settings)) as url:
        visitor = visit(url=url)
        page = visitor.page
        Canned(page, canned.selection(BATCH, "red"))
        visitor.open("#/label", project)
        page.get_by_label("Your key").fill(key)
        page.keyboard.press("Enter")
        expect(page.get_by_role("option")).to_have_count(len(BATCH))
        page.get_by_role("option").first.focus()
        page.keyboard.press("Enter")
        until(page, (labels / "anna.txt").exists)
        expect(page.get_by_role("banner")).to_contain_text("anna")
        second = visitor.context.new_page()
        second.goto(f"{url}/#/setup")
        expect(second.get_by_role("heading", level=1)).to_have_text("Set-up")
        expect(second.get_by_label("Your key")).to_have_count(0)
        visitor.forgive("401", "503")
        page.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(visit, project, labels, scheme):
    give_some(labels, *(f"{colour}_{i}.png" for colour in ("red", "green", "blue") for i in range(20)))
    visitor = visit(WIDE, scheme)
    page = visitor.page
    names = [f"red_{i}.png" for i in range(4)]
    suspects = [("red_9.png", "green", "red"), ("blue_9.png", "blue", "red")]
    Canned(
        page,
        *(canned.selection(BATCH, "red"), canned.similar(BATCH, "red_1.png")),
        *(canned.learning_curve(), canned.audit(), canned.f1(["red", "green"], names)),
        canned.label_check(suspects, ["red_1.png", "green_1.png"]),
        canned.map_of(BATCH, ["red", "green"], points=500),
    )
    starts = {"quality": ["Forecast", "Measure", "Replay"], "check": ["Check all labels"], "map": ["Draw the map"]}
    visitor.open("#/label", project)
    for view in ("label", "quality", "check", "map", "jobs", "setup", "similar?like=red_1.png"):
        page.evaluate("view => { location.hash = `#/${view}`; }", view)
        for name in starts.get(view, []):
            page.get_by_role("button", name=name).click()
        settle(page)
        expect(page.locator(".under-way")).to_have_count(0)
        assert visitor.serious() == [], view


def test_meters_are_seen_in_forced_colours(visit, project, labels):
    give_some(labels, "red_0.png")
    visitor = visit(forced_colors="active")
    page = open_batch(visitor, project, predicted="red")
    meter = page.get_by_role("img", name="red: 60 %").locator("span")
    assert meter.evaluate("one => getComputedStyle(one.parentElement).borderTopWidth") == "1px"
    colour = meter.evaluate("one => getComputedStyle(one).backgroundColor")
    assert colour not in ("rgba(0, 0, 0, 0)", "rgb(255, 255, 255)")
