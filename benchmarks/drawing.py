"""A sitting in a browser from no box on, and what it waits for: figures and pictures of docs/detection-efficiency.md.

python -m benchmarks.drawing --data ../shared/data/cards --weights ../shared/data/weights --shots FOLDER

Images are kept apart on the page to validate by; then come batches as the page chooses them, the images kept apart, the
mAP, and boxes that look wrong. Boxes are drawn as people do, by keys and mouse, by the set's own answers: what is
suggested rightly is left, of what is suggested without its class or as another the class is pressed, what is badly
placed or nothing is removed, and what is missing is drawn. On some images a box is given a wrong class, as people do,
too. Needs a Chromium.
"""

from __future__ import annotations

import argparse
import re
import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import httpx
import numpy as np
from playwright.sync_api import Locator, Page, expect, sync_playwright

from benchmarks.detection import read_drawn
from nextlabel.client.stack import Stack, free_port
from nextlabel.core.data.boxes import Box, BoxedImage, Floats, iou
from tests.e2e.settled import hurried
from tests.e2e.visitor import ARGUMENTS, CHROMIUMS, WIDE, Visitor

WITHIN_MS, PATIENT_MS = 3_600_000, 600_000  # for an answer; for the page, on a machine on which much else runs
RIGHT = 0.7  # IoU with the answer from which on a suggested box is left where it is
SAME = 0.5  # IoU with the answer from which on a box is of that object
SLIP_EVERY = 10  # on one image of so many, a box is given a wrong class
LOOKED_AT = 15  # boxes that look wrong


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--shots", type=Path, required=True)
    parser.add_argument("--add", type=int, default=20, help="images a batch")
    parser.add_argument("--batches", type=int, default=2)
    parser.add_argument("--apart", type=int, default=40, help="images that are kept apart to validate by")
    given = parser.parse_args()
    given.shots.mkdir(parents=True, exist_ok=True)
    path = next(filter(None, map(shutil.which, CHROMIUMS)))
    with TemporaryDirectory() as folder, sync_playwright() as playwright:
        root = Path(folder)
        shutil.copytree(given.data / "images", root / "pool")
        (root / "labels").mkdir()
        settings = {name: f"{root}/{name}" for name in ("cache", "state")}
        stack = Stack(
            {
                "NEXTLABEL_DATA_ROOTS": folder,
                "NEXTLABEL_WEIGHTS_DIR": str(given.weights.resolve()),
                **{f"NEXTLABEL_{name.upper()}_DIR": path for name, path in settings.items()},
            },
            port=free_port(),
            workers=1,
            log=given.shots / "log.txt",
        )
        with stack:
            browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
            visitor = Visitor(browser.new_context(viewport=WIDE, reduced_motion="reduce"), stack.url)
            visitor.context.set_default_timeout(PATIENT_MS)
            expect.set_options(timeout=PATIENT_MS)
            project = {"pool": f"{root}/pool", "labels": f"{root}/labels", "valPool": "", "valLabels": ""}
            project |= {"backbone": "mobilenet", "method": "auto", "add": given.add, "person": "me"}
            page = visitor.open("#/quality", project | {"task": "detection"})
            sitting = Sitting(page, stack.url, read_drawn(given.data / "annotations.json"), given.shots)
            with hurried(page):  # nothing but the page's own time is measured
                sitting.all_of_it(given.add, given.batches, given.apart)
            print(f"faults of the page: {visitor.faults}")


class Listed(NamedTuple):
    """A box as the list beside the image has it."""

    class_name: str | None
    place: Floats
    suggested: bool


class Sitting:
    """One person at the page. acts: keys, clicks and drags. waited_s: for answers, and in taking pictures."""

    def __init__(self, page: Page, url: str, answers: Mapping[str, BoxedImage], shots: Path) -> None:
        self._page, self._url, self._answers, self._shots = page, url, answers, shots
        self._stage = page.get_by_role("application")
        self._boxes = page.locator(".box-list button")
        self._began = time.monotonic()
        self._waited_s = 0.0
        self._acts = self._suggested = self._left = self._named = self._removed = self._drawn = 0
        self._slips: dict[str, Box] = {}  # by the image: the box that was given a wrong class

    def all_of_it(self, add: int, batches: int, apart: int) -> None:
        self._keep_apart(apart)
        for number in range(1, batches + 1):
            self._waited(f"batch {number}", self._page.get_by_text(re.compile(rf"^0 of {add} in this batch")))
            self._draw_all(f"batch {number}", add)
            if number < batches:
                self._press("Space")  # the next batch
        self._page.goto(f"{self._url}/#/quality")
        self._click(self._page.get_by_role("link", name="Label them"))
        self._draw_all("kept apart", apart)
        self._press("Space")  # back to Quality
        self._answer("quality", "Measure", self._page.get_by_text("average recall"))
        print(self._page.get_by_role("region", name="How good it is now").inner_text()[:400])
        self._answer("check", "Check all boxes", self._page.locator(".suspects li").first)
        self._check()
        self._answer("map", "Draw the map", self._page.locator(".plane-frame canvas"))
        self._page.locator(".side").get_by_role("link").click()
        self._waited("boxes like one", self._page.locator(".alike li").first)
        self._shoot("similar")
        waited, whole = self._waited_s, time.monotonic() - self._began
        print(f"{whole:.0f} s in all, {waited:.0f} of them waited for answers and pictures; {self._acts} acts")

    def _keep_apart(self, n: int) -> None:
        self._page.locator(".kept-apart input").fill(str(n))
        self._acts += len(str(n))
        self._click(self._page.get_by_role("button", name="Keep them apart"))
        expect(self._page.get_by_text(re.compile(f"^{n} images are kept apart"))).to_be_visible()
        self._shoot("kept-apart")
        self._page.goto(f"{self._url}/#/label")

    def _draw_all(self, what: str, n: int) -> None:
        """Draw on all images that are shown, with a slip now and then where they are learnt from."""
        before = self._acts, self._waited_s, time.monotonic()
        self._suggested = self._left = self._named = self._removed = self._drawn = 0
        done = self._page.locator(".strip-of-batch .tile.finished")
        for i in range(n):
            expect(self._stage.locator("image").first).to_be_visible()
            if i in (0, n // 2):
                self._shoot(f"{what.replace(' ', '-')}-{i}")
            self._image(slips=what != "kept apart" and i % SLIP_EVERY == SLIP_EVERY // 2)
            expect(done).to_have_count(i + 1)
        acts, waited, began = before
        seconds = time.monotonic() - began - (self._waited_s - waited)
        counts = f"{self._suggested} boxes suggested, {self._left} of them left as they were, {self._named} named"
        counts += f", {self._removed} removed; {self._drawn} drawn"
        print(f"{what}: {n} images in {seconds:.0f} s: {counts}; {self._acts - acts} acts", flush=True)

    def _image(self, *, slips: bool) -> None:
        name = (self._stage.get_attribute("aria-label") or "").split(",")[0]
        wanted = list(self._answers[name].boxes)
        if slips and wanted and (others := sorted(set(self._classes()) - {wanted[0].class_name})):
            wanted[0] = self._slips[name] = wanted[0]._replace(class_name=others[0])
        self._suggested += sum(box.suggested for box in self._listed())
        while wrong := self._first_wrong(wanted):
            at, right = wrong
            self._go_to(at)
            if right is None:
                self._press("Delete")
                self._removed += 1
            else:
                self._name(right)
                self._named += 1
        there = self._listed()
        self._left += sum(box.suggested for box in there)
        for box in _missing(wanted, there):
            self._draw(box)
        self._press("Space")

    def _first_wrong(self, wanted: list[Box]) -> tuple[int, str | None] | None:
        """Return the first box that is not as it should be, and the class that it should have: None, it is nothing."""
        left = list(wanted)
        for at, (class_name, place, _) in enumerate(self._listed()):
            index = _best(place, left, RIGHT)
            if index is None:
                return at, None
            right = left.pop(index).class_name
            if class_name != right:
                return at, right
        return None

    def _listed(self) -> list[Listed]:
        """List what is seen on the image."""
        rows = self._boxes.evaluate_all(
            "all => all.map(one => [one.querySelector('.class-name').innerText, one.classList.contains('suggested')])"
        )
        places = self._stage.locator(".box rect.line").evaluate_all(
            "all => all.map(one => ['x', 'y', 'width', 'height'].map(side => Number(one.getAttribute(side))))"
        )
        classes = [None if text.startswith("no class") else re.sub(r" \d+.%$", "", text) for text, _ in rows]
        boxes = np.array(places).reshape(-1, 4)
        return [Listed(name, box, row[1]) for name, box, row in zip(classes, boxes, rows, strict=True)]

    def _go_to(self, at: int) -> None:
        """Pick a box: by Tab where it is the next one, else by a click."""
        pressed = self._boxes.evaluate_all("all => all.findIndex(one => one.ariaPressed === 'true')")
        if at == pressed:
            return
        if at == pressed + 1:
            self._press("Tab")
        else:
            self._click(self._boxes.nth(at))

    def _draw(self, box: Box) -> None:
        k, left, top = self._stage.locator("svg > g").evaluate(
            "one => { const m = one.getScreenCTM(); return [m.a, m.e, m.f]; }"
        )
        x, y, width, height = box[1:5]
        mouse = self._page.mouse
        self._page.keyboard.press("Escape")
        self._page.keyboard.down("Shift")
        mouse.move(left + k * (x + 1), top + k * (y + 1))
        mouse.down()
        mouse.move(left + k * (x + width / 2), top + k * (y + height / 2))
        mouse.move(left + k * (x + width - 1), top + k * (y + height - 1))
        mouse.up()
        self._page.keyboard.up("Shift")
        self._acts += 1
        self._drawn += 1
        if self._listed()[-1].class_name != box.class_name:  # a new one has the class that was used last
            self._name(box.class_name)

    def _classes(self) -> list[str]:
        return self._page.get_by_role("group", name="Classes").locator("button .class-name").all_inner_texts()

    def _name(self, class_name: str) -> None:
        """Name the picked box, by its key; a class that is new by its name."""
        chips = self._page.get_by_role("group", name="Classes")
        chip = chips.get_by_role("button", name=re.compile(rf"\b{re.escape(class_name)}\b"))
        if chip.count():
            self._press(chip.first.locator("kbd").inner_text())
            return
        field = self._page.get_by_role("textbox", name="Class by name")
        if not field.evaluate("one => one === document.activeElement"):
            self._press("c")
        field.fill(class_name)
        self._acts += len(class_name)
        self._press("Enter")
        self._page.wait_for_timeout(300)
        make = self._page.get_by_role("button", name="Make the class")
        if make.count():
            make.press("Enter")
            self._acts += 1
        expect(chip.first).to_be_visible()
        self._stage.focus()

    def _check(self) -> None:
        """Look at the boxes that look most wrong: take what is suggested where the answers say so, else keep it."""
        job = httpx.get(f"{self._url}/jobs", params={"kind": "label_check", "limit": 1}).json()["data"][0]["id"]
        answer = httpx.get(f"{self._url}/jobs/{job}/result", headers={"Accept": "application/json"})
        suspects: list[dict[str, Any]] = answer.json()["items"]
        acts, found, taken = self._acts, dict[str, int](), list[str]()
        for rank, one in enumerate(suspects[:LOOKED_AT], start=1):
            slip = self._slips.get(one["name"])
            if slip and one["box"] and _iou(one["box"], slip[1:5]) >= SAME:
                found[one["name"]] = rank
            if self._is_right(one):
                taken.append(one["suspicion"])
            if self._is_right(one):
                self._click(self._page.locator(".desk button.primary"))
            else:
                self._press("k")
        looked = min(LOOKED_AT, len(suspects))
        print(f"check: {len(suspects)} boxes look wrong; of the first {looked}, {len(taken)} were: {taken}")
        print(f"check: wrong classes given {len(self._slips)}, found {len(found)}, as no. {sorted(found.values())}")
        print(f"check: {self._acts - acts} acts", flush=True)
        self._shoot("checked")

    def _is_right(self, suspect: Mapping[str, Any]) -> bool:
        """Tell whether the answers have it as is suggested."""
        box, predicted, suggested = suspect["box"], suspect["predicted_box"], suspect["suggested"]
        answers = self._answers[suspect["name"]].boxes
        if suspect["suspicion"] == "spurious":
            return max(_iou(box, one[1:5]) for one in answers) < SAME
        of_class = [one for one in answers if one.class_name == suggested]
        place = box if suspect["suspicion"] == "swapped" else predicted
        best = max((_iou(place, one[1:5]) for one in of_class), default=0.0)
        now = max(_iou(box, one[1:5]) for one in answers) if suspect["suspicion"] == "badly_placed" else SAME
        return best >= max(SAME, now)

    def _answer(self, view: str, button: str, answer: Locator) -> None:
        self._page.goto(f"{self._url}/#/{view}")
        self._click(self._page.get_by_role("button", name=button))
        self._waited(button, answer)
        self._shoot(view)

    def _waited(self, what: str, answer: Locator) -> None:
        began = time.monotonic()
        answer.wait_for(timeout=WITHIN_MS)
        now = time.monotonic()
        self._waited_s += now - began
        print(f"{what}: waited {now - began:.0f} s; {now - self._began:.0f} s in all", flush=True)

    def _click(self, what: Locator) -> None:
        what.click()
        self._acts += 1

    def _press(self, key: str) -> None:
        self._page.keyboard.press(key)
        self._acts += 1

    def _shoot(self, name: str) -> None:
        began = time.monotonic()
        self._page.mouse.move(0, 0)
        self._page.wait_for_timeout(1500)
        self._page.screenshot(path=self._shots / f"{name}.png")
        self._waited_s += time.monotonic() - began


def _iou(one: Any, other: Any) -> float:
    return float(iou(np.array([one], float), np.array([other], float))[0, 0])


def _best(place: Any, boxes: list[Box], least: float) -> int | None:
    """Return which of the boxes overlaps the place most; None where none does by so much."""
    overlaps = [_iou(place, one[1:5]) for one in boxes]
    best = int(np.argmax(overlaps)) if overlaps else 0
    return best if overlaps and overlaps[best] >= least else None


def _missing(wanted: list[Box], there: list[Listed]) -> list[Box]:
    left = list(wanted)
    for box in there:
        if (index := _best(box.place, left, RIGHT)) is not None:
            left.pop(index)
    return left


if __name__ == "__main__":
    main()
