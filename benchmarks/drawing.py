"""A sitting in a browser from no box on, and what is waited for in it: figures and pictures of docs/detection.md.

python -m benchmarks.drawing --data ../shared/data/cards --weights ../shared/data/weights --shots FOLDER

Boxes are drawn as people do, by mouse and keys, by the set's own answers: what is suggested rightly is left, of what is
suggested as another class the class is pressed, what is badly placed or nothing is removed, and what is missing is
drawn. 28 % of the set are the validation set. Needs a Chromium.
"""

from __future__ import annotations

import argparse
import re
import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from playwright.sync_api import Locator, Page, expect, sync_playwright

from benchmarks.detection import FOR_SCORING, read_drawn
from nextlabel.client.stack import Stack, free_port
from nextlabel.core.data.boxes import Box, BoxedImage, Floats, iou, write_lines
from tests.e2e.visitor import ARGUMENTS, CHROMIUMS, WIDE, Visitor

WITHIN_MS, PATIENT_MS = 3_600_000, 600_000  # for an answer; for the page, on a machine on which much else runs
RIGHT = 0.7  # IoU with the answer from which on a suggested box is left where it is


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--shots", type=Path, required=True)
    parser.add_argument("--add", type=int, default=20, help="images a batch")
    parser.add_argument("--batches", type=int, default=2)
    given = parser.parse_args()
    given.shots.mkdir(parents=True, exist_ok=True)
    path = next(filter(None, map(shutil.which, CHROMIUMS)))
    with TemporaryDirectory() as folder, sync_playwright() as playwright:
        root = Path(folder)
        answers = read_drawn(given.data / "annotations.json")
        divide(given.data / "images", answers, root)
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
            project = {"pool": f"{root}/pool", "labels": f"{root}/labels", "backbone": "mobilenet", "method": "auto"}
            project |= {"valPool": f"{root}/val", "valLabels": f"{root}/val.jsonl", "add": given.add, "person": "me"}
            page = visitor.open("#/label", project | {"task": "detection"})
            Sitting(page, stack.url, answers, given.shots).all_of_it(given.add, given.batches)
            print(f"faults of the page: {visitor.faults}")


def divide(images: Path, answers: Mapping[str, BoxedImage], root: Path) -> None:
    names = np.random.default_rng(0).permutation(sorted(answers)).tolist()
    held = names[: round(FOR_SCORING * len(names))]
    for folder, some in (("val", held), ("pool", names[len(held) :])):
        (root / folder).mkdir()
        for name in some:
            shutil.copy(images / name, root / folder / name)
    (root / "labels").mkdir()
    (root / "val.jsonl").write_text(write_lines((name, answers[name]) for name in held))


class Sitting:
    """One person at the page. acts: keys, clicks and drags."""

    def __init__(self, page: Page, url: str, answers: Mapping[str, BoxedImage], shots: Path) -> None:
        self._page, self._url, self._answers, self._shots = page, url, answers, shots
        self._stage = page.get_by_role("application")
        self._began = time.monotonic()
        self._acts = self._suggested = self._left = self._drawn = 0

    def all_of_it(self, add: int, batches: int) -> None:
        for number in range(1, batches + 1):
            self._batch(number, add)
            if number < batches:
                self._press("Space")  # the next batch
        self._answer("quality", "Measure", self._page.get_by_text("average recall"))
        print(self._page.get_by_role("region", name="How good it is now").inner_text()[:400])
        self._answer("check", "Check all boxes", self._page.locator(".suspects li").first)
        self._answer("map", "Draw the map", self._page.locator(".plane-frame canvas"))
        self._page.locator(".side").get_by_role("link").click()
        self._waited("boxes like one", self._page.locator(".alike li").first)
        self._shoot("similar")

    def _batch(self, number: int, n: int) -> None:
        self._waited(f"batch {number}", self._page.get_by_text(re.compile(rf"^0 of {n} in this batch")))
        self._acts = self._suggested = self._left = self._drawn = 0
        began = time.monotonic()
        for i in range(n):
            expect(self._stage.locator("image").first).to_be_visible()
            if i in (0, n // 2):
                self._shoot(f"batch{number}-{i}")
            self._image()
            expect(self._page.get_by_text(re.compile(rf"^{i + 1} of {n} in this batch"))).to_be_visible()
        done = f"{self._suggested} boxes suggested, {self._left} of them right, {self._drawn} drawn"
        print(
            f"{n} images in {time.monotonic() - began:.0f} s: {done}; {self._acts} keys, clicks and drags", flush=True
        )

    def _image(self) -> None:
        name = (self._stage.get_attribute("aria-label") or "").split(",")[0]
        missing = list(self._answers[name].boxes)
        boxes, at = self._page.locator(".box-list button"), 0
        for class_name, place in self._suggestions():
            self._suggested += 1
            there = iou(place[None], np.array([one[1:5] for one in missing]).reshape(-1, 4))[0]
            if there.max(initial=0) < RIGHT:
                self._pick(boxes.nth(at))
                self._press("Delete")
                continue
            one = missing.pop(int(there.argmax()))
            self._left += class_name == one.class_name
            if class_name != one.class_name:
                self._pick(boxes.nth(at))
                self._name(one.class_name)
            at += 1
        for one in missing:
            self._draw(one)
        self._press("Space")

    def _suggestions(self) -> list[tuple[str | None, Floats]]:
        """List what is seen on the image, in the order of the list beside it: class, if it has one, and place."""
        texts = [text.split("\n")[0] for text in self._page.locator(".box-list .class-name").all_inner_texts()]
        lines = self._stage.locator(".box rect.line")
        places = lines.evaluate_all(
            "all => all.map(one => ['x', 'y', 'width', 'height'].map(side => Number(one.getAttribute(side))))"
        )
        classes = [None if text.startswith("no class") else re.sub(r" \d+.%$", "", text) for text in texts]
        return list(zip(classes, np.array(places).reshape(-1, 4), strict=True))

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
        self._name(box.class_name)

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
        self._press("Enter")
        self._acts += len(class_name)
        self._page.wait_for_timeout(300)
        make = self._page.get_by_role("button", name="Make the class")
        if make.count():
            make.press("Enter")
        expect(chip.first).to_be_visible()
        self._stage.focus()

    def _answer(self, view: str, button: str, answer: Locator) -> None:
        self._page.goto(f"{self._url}/#/{view}")
        self._page.get_by_role("button", name=button).click()
        self._waited(button, answer)
        self._shoot(view)

    def _waited(self, what: str, answer: Locator) -> None:
        began = time.monotonic()
        answer.wait_for(timeout=WITHIN_MS)
        now = time.monotonic()
        print(f"{what}: waited {now - began:.0f} s; {now - self._began:.0f} s in all", flush=True)

    def _pick(self, box: Locator) -> None:
        box.click()
        self._acts += 1

    def _press(self, key: str) -> None:
        self._page.keyboard.press(key)
        self._acts += 1

    def _shoot(self, name: str) -> None:
        self._page.mouse.move(0, 0)
        self._page.wait_for_timeout(1500)
        self._page.screenshot(path=self._shots / f"{name}.png")


if __name__ == "__main__":
    main()
