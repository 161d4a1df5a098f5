"""Takes the pictures of boxes in docs/page, of coins, nuts and screws that are drawn here. Needs a Chromium.

python -m tools.box_pictures

What a detector says is made up: the objects, a little beside where they are.
"""

from __future__ import annotations

import math
import shutil
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter
from playwright.sync_api import Browser, Page, sync_playwright

from nextlabel.client.stack import Stack, free_port
from nextlabel.core.data.boxes import Box, BoxedImage, write_lines
from tests.e2e import canned
from tests.e2e.canned import Canned
from tests.e2e.visitor import ARGUMENTS, CHROMIUMS, NARROW, WIDE, Visitor
from tools.pictures import take

SIZE = (960, 720)
IMAGES, LABELLED, DRAWN = 18, 4, 2
SCORES = (0.93, 0.88, 0.81, 0.76, 0.71, 0.63, 0.57)
METAL, GOLD, DARK = (142, 152, 168), (201, 162, 39), (62, 66, 72)


def main() -> None:
    path = next(filter(None, map(shutil.which, CHROMIUMS)), None)
    if path is None:
        raise SystemExit(f"needs a Chromium on the PATH; looked for {', '.join(CHROMIUMS)}")
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        root = Path(folder)
        tables = draw_tables(root / "table")
        (root / "labels").mkdir()
        labelled = sorted(tables.items())[-LABELLED:]
        (root / "labels" / "boxes-me.jsonl").write_text(write_lines(labelled))
        settings = {f"NEXTLABEL_{name}_DIR": f"{root}/{name}" for name in ("STATE", "CACHE")}
        settings["NEXTLABEL_DATA_ROOTS"] = folder
        with Stack(settings, port=free_port(), workers=1, log=root / "log.txt") as stack:
            browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
            take_pictures(browser, stack.url, root, tables)


def take_pictures(browser: Browser, url: str, root: Path, tables: dict[str, BoxedImage]) -> None:
    project = {"pool": f"{root}/table", "labels": f"{root}/labels", "backbone": "mobilenet", "method": "auto"}
    project |= {"add": 12, "person": "me", "task": "detection"}
    page = Visitor(browser.new_context(viewport=WIDE, reduced_motion="reduce"), url).page
    answers(page, tables)
    _open(page, url, project)
    for _ in range(DRAWN):
        page.keyboard.press("Space")
    for key in ("Tab", "ArrowRight", "Tab", "ArrowRight"):
        page.keyboard.press(key)
    take(page, "boxes")
    phone = browser.new_context(viewport=NARROW, color_scheme="dark", reduced_motion="reduce", has_touch=True)
    page = Visitor(phone, url).page
    answers(page, tables)
    _open(page, url, project)
    for key in ("Tab", "ArrowRight"):
        page.keyboard.press(key)
    take(page, "boxes-phone")


def _open(page: Page, url: str, project: dict[str, object]) -> None:
    page.goto(f"{url}/#/setup")
    page.evaluate("one => localStorage.setItem('nextlabel.project', JSON.stringify(one))", project)
    page.goto(f"{url}/?#/label")
    page.get_by_role("application").locator("image").first.wait_for()


def answers(page: Page, tables: dict[str, BoxedImage]) -> None:
    """Let the page find a batch with what is suggested on it."""
    rng = np.random.default_rng(0)
    names = sorted(tables)[:-LABELLED][:12]
    result = canned.selection(names).model_dump(mode="json", by_alias=True)
    for item in result["items"]:
        item["boxes"] = [
            {"box": beside(box, rng), "class": box.class_name, "score": score, "draft": True}
            for box, score in zip(tables[item["name"]].boxes, SCORES, strict=False)
        ]
    Canned(page, result | {"task": "detection"})


def beside(box: Box, rng: np.random.Generator) -> list[float]:
    return np.round(np.array(box[1:5]) + rng.normal(0, 2, 4), 1).tolist()


# --- what lies on the table -------------------------------------------------------------------------------------


def draw_tables(folder: Path) -> dict[str, BoxedImage]:
    folder.mkdir()
    return {f"table_{i:02}.jpg": draw_table(folder / f"table_{i:02}.jpg", i) for i in range(IMAGES)}


def draw_table(path: Path, seed: int) -> BoxedImage:
    rng = np.random.default_rng(seed)
    wood = rng.normal((186, 176, 160), 9, (SIZE[1], SIZE[0], 3)).clip(0, 255).astype(np.uint8)
    image = Image.fromarray(wood).filter(ImageFilter.GaussianBlur(0.8))
    pen, boxes = ImageDraw.Draw(image), []
    cells = rng.permutation(12)[: rng.integers(3, 7)]
    for cell in cells.tolist():
        x, y = 120 + 240 * (cell % 4), 120 + 240 * (cell // 4)
        at = (x + int(rng.integers(-50, 50)), y + int(rng.integers(-50, 50)))
        boxes.append(OBJECTS[int(rng.integers(len(OBJECTS)))](pen, at, float(rng.uniform(0.75, 1.25))))
    image.save(path, quality=92)
    return BoxedImage(*SIZE, tuple(boxes))


def coin(pen: ImageDraw.ImageDraw, at: tuple[int, int], k: float) -> Box:
    x, y = at
    for radius, colour in ((46, (150, 118, 20)), (43, GOLD), (34, (176, 140, 30)), (31, GOLD)):
        pen.ellipse((x - k * radius, y - k * radius, x + k * radius, y + k * radius), fill=colour)
    return Box("coin", x - 46 * k, y - 46 * k, 92 * k, 92 * k)


def nut(pen: ImageDraw.ImageDraw, at: tuple[int, int], k: float) -> Box:
    x, y = at
    corners = [(x + 48 * k * math.cos(a * math.pi / 3), y + 48 * k * math.sin(a * math.pi / 3)) for a in range(6)]
    pen.polygon(corners, fill=METAL, outline=(96, 104, 118), width=3)
    pen.ellipse((x - 22 * k, y - 22 * k, x + 22 * k, y + 22 * k), fill=(186, 176, 160), outline=(96, 104, 118), width=3)
    return Box("nut", x - 48 * k, y - 42 * k, 96 * k, 84 * k)


def screw(pen: ImageDraw.ImageDraw, at: tuple[int, int], k: float) -> Box:
    x, y = at
    pen.rectangle((x - 60 * k, y - 20 * k, x - 44 * k, y + 20 * k), fill=DARK)
    pen.rectangle((x - 44 * k, y - 9 * k, x + 60 * k, y + 9 * k), fill=DARK)
    for step in range(-30, 60, 9):
        pen.line((x + step * k, y - 9 * k, x + (step + 5) * k, y + 9 * k), fill=(110, 116, 124), width=2)
    return Box("screw", x - 60 * k, y - 20 * k, 120 * k, 40 * k)


OBJECTS = (coin, nut, screw)

if __name__ == "__main__":
    main()
