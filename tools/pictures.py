"""Takes the pictures of the page in docs/page, of the handwritten digits. Needs a Chromium.

python -m tools.pictures
"""

from __future__ import annotations

import re
import shutil
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from nextlabel.client.digits import write_digits
from nextlabel.client.stack import Stack, free_port
from nextlabel.core.data.labels import write_labels
from nextlabel.core.tasks.classification import read_labels
from tests.e2e.visitor import ARGUMENTS, CHROMIUMS, NARROW, WIDE, Visitor, looked_at

PICTURES = Path(__file__).resolve().parents[1] / "docs" / "page"
ADD, GIVEN = 24, 5
TALL = {"width": 1280, "height": 1480}
WITHIN_MS = 300_000


def main() -> None:
    path = next(filter(None, map(shutil.which, CHROMIUMS)), None)
    if path is None:
        raise SystemExit(f"needs a Chromium on the PATH; looked for {', '.join(CHROMIUMS)}")
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        data = Path(folder) / "digits"
        write_digits(data)
        answers = dict(read_labels(data / "answers.txt").classes_by_name)
        (data / "labels").mkdir()
        write_labels(data / "labels" / "me.txt", sorted(answers.items())[::20])
        settings = {"NEXTLABEL_DATA_ROOTS": str(data), "NEXTLABEL_STATE_DIR": f"{folder}/state"}
        settings["NEXTLABEL_CACHE_DIR"] = f"{folder}/cache"
        with Stack(settings, port=free_port(), workers=1, log=Path(folder) / "log.txt") as stack:
            browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
            take_pictures(browser, stack.url, data, answers)


def take_pictures(browser: Browser, url: str, data: Path, answers: dict[str, str]) -> None:
    project = {"pool": f"{data}/pool", "labels": f"{data}/labels", "backbone": "descriptor", "method": "auto"}
    project |= {"valPool": f"{data}/val", "valLabels": f"{data}/labels_val.txt", "add": ADD, "person": "me"}
    page = Visitor(browser.new_context(viewport=WIDE, reduced_motion="reduce"), url).open("#/label", project)
    page.get_by_role("option").nth(ADD - 1).wait_for(timeout=WITHIN_MS)
    for _ in range(GIVEN):
        name = answers[looked_at(page)]
        page.get_by_role("group", name="Classes").get_by_role("button", name=re.compile(rf"^{name}\b")).click()
    take(page, "label")
    batch = page.url
    page.goto(f"{url}/#/map")
    page.get_by_role("button", name="Draw the map").click()
    page.get_by_role("application").wait_for(timeout=WITHIN_MS)
    take(page, "map")
    page.set_viewport_size(TALL)
    page.goto(f"{url}/#/quality")
    for section, button, answer in (
        ("How much more to label", "Forecast", page.locator(".chart")),
        ("How good it is now", "Measure", page.locator(".confusion")),
    ):
        page.get_by_role("region", name=section).get_by_role("button", name=button).click()
        answer.wait_for(timeout=WITHIN_MS)
    page.evaluate("scrollTo(0, 0)")
    take(page, "quality")
    phone = browser.new_context(viewport=NARROW, color_scheme="dark", reduced_motion="reduce", has_touch=True)
    page = Visitor(phone, url).open(batch.removeprefix(f"{url}/"), project)
    page.get_by_role("option").nth(ADD - 1).wait_for(timeout=WITHIN_MS)
    take(page, "label-phone")


def take(page: Page, name: str) -> None:
    page.mouse.move(0, 0)
    page.wait_for_timeout(2000)  # images that are seen are there; those below come when they are scrolled to
    page.screenshot(path=PICTURES / f"{name}.png")


if __name__ == "__main__":
    main()
