"""How quick the page is on a large pool: first paint, a sheet of 100, one key on a sheet of 1,000.

    python -m benchmarks.page [--images 100000]

Needs a Chromium. A real service answers for images and labels; the batches are made up, so that no worker has to embed
the pool first.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

from nextlabel.client.stack import Stack, free_port
from tests.e2e import canned
from tests.e2e.canned import Canned
from tests.e2e.visitor import ARGUMENTS, CHROMIUMS

CLASSES = [f"class {i}" for i in range(12)]
PHOTOS = 50
SHEET, THUMBNAILS, TILES, KEYS = 100, 24, 1000, 40
#: From a key to the frame that shows what it did, each after the other, in ms.
KEY_TO_FRAME = """async (keys) => {
    const frame = () => new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)));
    const times = [];
    for (let i = 0; i < keys; i++) {
        const before = performance.now();
        const event = new KeyboardEvent("keydown", { key: "1", code: "Digit1", bubbles: true, cancelable: true });
        document.activeElement.dispatchEvent(event);
        await frame();
        times.push(performance.now() - before);
        await new Promise((resolve) => setTimeout(resolve, 60));
    }
    return times;
}"""
PAINTED = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime"
#: Resolves once so many tiles show their image.
FILLED = """async (wanted) => {
    const shown = () => [...document.querySelectorAll(".tile img")].slice(0, wanted).filter((one) => one.naturalWidth);
    while (shown().length < wanted) await new Promise(requestAnimationFrame);
}"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=100_000)
    images = parser.parse_args().images
    path = next(filter(None, map(shutil.which, CHROMIUMS)), None)
    if path is None:
        parser.error(f"needs a Chromium on the PATH; looked for {', '.join(CHROMIUMS)}")
    with tempfile.TemporaryDirectory() as folder, serve(Path(folder), images) as stack, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        project = {"pool": f"{folder}/pool", "labels": f"{folder}/labels", "valPool": "", "valLabels": ""}
        project |= {"backbone": "descriptor", "method": "auto", "add": SHEET, "person": "me"}
        names = sorted(entry.name for entry in os.scandir(f"{folder}/pool"))[images // 2 :]
        opened = [open_sheet(browser, stack.url, project, names[:SHEET]) for _ in range(5)]
        print(f"{images:,} images, {images // 2:,} labels")
        painted, filled = (statistics.median(times) for times in zip(*opened, strict=True))
        print(f"first paint: {painted:.2f} s")
        print(f"a sheet of {SHEET}: {filled:.2f} s to its first {THUMBNAILS} thumbnails")
        keys = press_keys(browser, stack.url, project, names[:TILES])
        print(
            f"a key on {TILES:,} tiles: {statistics.median(keys):.0f} ms to its frame, the slowest {max(keys):.0f} ms"
        )


def serve(folder: Path, images: int) -> Stack:
    """Half of the pool is labelled. All images are links to a few photos."""
    rng = np.random.default_rng(0)
    (folder / "photos").mkdir()
    (folder / "pool").mkdir()
    (folder / "labels").mkdir()
    photos = []
    for at in range(PHOTOS):
        photos.append(folder / "photos" / f"{at}.jpg")
        Image.fromarray(rng.integers(0, 255, (30, 40, 3), np.uint8)).resize((640, 480)).save(photos[-1])
    names = [f"image_{at:07}.jpg" for at in range(images)]
    for at, name in enumerate(names):
        os.link(photos[at % PHOTOS], folder / "pool" / name)
    lines = (f"{name}\t{CLASSES[at % len(CLASSES)]}\n" for at, name in enumerate(names[: images // 2]))
    (folder / "labels" / "me.txt").write_text("".join(lines))
    settings = {
        "NEXTLABEL_DATA_ROOTS": str(folder),
        "NEXTLABEL_STATE_DIR": str(folder / "state"),
        "NEXTLABEL_CACHE_DIR": str(folder / "cache"),
    }
    return Stack(settings, port=free_port(), workers=1, log=folder / "log.txt")


def visit(browser: Browser, project: dict[str, Any], names: list[str]) -> Page:
    page = browser.new_page(viewport={"width": 1280, "height": 800})
    page.add_init_script(f"localStorage.setItem('nextlabel.project', {json.dumps(json.dumps(project))})")
    Canned(page, canned.selection(names, CLASSES[0]))
    return page


def open_sheet(browser: Browser, url: str, project: dict[str, Any], names: list[str]) -> tuple[float, float]:
    """-> (first paint, first thumbnails), in seconds after the address was given. A new browser profile each time."""
    page = visit(browser, project, names)
    begun = time.perf_counter()
    page.goto(f"{url}/#/label")
    page.evaluate(FILLED, THUMBNAILS)
    seconds = time.perf_counter() - begun
    painted = page.evaluate(PAINTED) / 1000
    page.close()
    return painted, seconds


def press_keys(browser: Browser, url: str, project: dict[str, Any], names: list[str]) -> list[float]:
    page = visit(browser, project, names)
    page.goto(f"{url}/#/label")
    page.get_by_role("option").nth(len(names) - 1).wait_for(state="attached")
    page.get_by_role("option").first.focus()
    page.wait_for_timeout(2000)
    times: list[float] = page.evaluate(KEY_TO_FRAME, KEYS)
    page.close()
    return times


if __name__ == "__main__":
    main()
