"""How quick the page is on a large pool: first paint, a sheet of 100, one key on a sheet of 1,000.

    python -m benchmarks.page [--images 100000] [--rounds 7] [--beside COMMAND] [--scroll NAMES]

Needs a Chromium. A real service answers for images and labels, and makes each thumbnail for the first time; the batches
are made up, so that no worker has to embed the pool first. `--beside`: the `nextlabel` of another version, whose page
is measured in turn with this one's. Times are medians of the rounds. CPU seconds, of browser and API together, tell
on a busy machine which of the two does more. `--scroll`: frames of a scroll through Browse, in the place of all that;
so many names are listed there, made up, each of an image of the pool.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import statistics
import subprocess
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import numpy as np
from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

from nextlabel.client.stack import Stack, free_port
from tests.e2e import canned
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
#: A job that is asked for is done; what it takes to ask for it, the service is asked all the same.
MADE_UP = """
    const asked = window.fetch.bind(window);
    window.fetch = async (address, how = {}) => {
        const path = new URL(address, location.href).pathname;
        const isJob = path === "/jobs" ? how.method === "POST" : path.startsWith("/jobs/");
        if (!isJob) return asked(address, how);
        await asked("/jobs?limit=1");
        return new Response(JSON.stringify(JOB), { headers: { "Content-Type": "application/json", ETag: '"1"' } });
    };
"""
#: Frames of a scroll, each in ms: some 2,400 pixels a second, then as fast as a wheel that is spun.
SCROLLED = """async ([steps, pixels]) => {
    const grid = document.getElementById("browse-grid");
    const frame = () => new Promise(requestAnimationFrame);
    const times = [];
    let before = await frame();
    for (let at = 0; at < steps; at++) {
        grid.scrollTop += pixels;
        const now = await frame();
        times.push(now - before);
        before = now;
    }
    return times;
}"""
#: The service lists as many as there are to be.
LISTED = """
    const toService = window.fetch.bind(window);
    window.fetch = async (address, how) => {
        const { pathname, searchParams } = new URL(address, location.href);
        if (pathname !== "/pool") return toService(address, how);
        const offset = Number(searchParams.get("offset")), limit = Number(searchParams.get("limit"));
        const now = new Date().toISOString();
        const said = { changed_at: now, classes: null, person: null, settled: false, disputed: false };
        const guess = { predicted: null, confidence: null, apart: false, notes: [] };
        const image = (_, at) => ({ name: NAMES[(offset + at) % NAMES.length], ...said, ...guess });
        const data = Array.from({ length: Math.min(limit, LISTED - offset) }, image);
        const seen = { view: "made up", total: LISTED, images: LISTED, listed_at: now };
        return Response.json({ ...seen, cross_validated: null, sought: null, data });
    };
"""
STEPS, SLOWLY, FAST = 240, 40, 400
PAINTED = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime"
#: Resolves once so many tiles show their image.
FILLED = """async (wanted) => {
    const shown = () => [...document.querySelectorAll(".tile img")].slice(0, wanted).filter((one) => one.naturalWidth);
    while (shown().length < wanted) await new Promise(requestAnimationFrame);
}"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--beside", type=Path, help="the `nextlabel` of another version")
    parser.add_argument("--scroll", type=int, metavar="NAMES", help="measure a scroll through so many names alone")
    asked = parser.parse_args()
    path = next(filter(None, map(shutil.which, CHROMIUMS)), None)
    if path is None:
        parser.error(f"needs a Chromium on the PATH; looked for {', '.join(CHROMIUMS)}")
    with tempfile.TemporaryDirectory() as name, ExitStack() as open_till_the_end:
        folder = Path(name)
        names = make_pool(folder, asked.images)[asked.images // 2 :]
        urls = {"this page": open_till_the_end.enter_context(serve(folder)).url}
        if asked.beside:
            urls[str(asked.beside)] = open_till_the_end.enter_context(serve_other(folder, asked.beside))
        playwright = open_till_the_end.enter_context(sync_playwright())
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        project = {"pool": f"{folder}/pool", "labels": f"{folder}/labels", "valPool": "", "valLabels": ""}
        project |= {"backbone": "descriptor", "method": "auto", "add": SHEET, "person": "me"}
        print(f"{asked.images:,} images, {asked.images // 2:,} labels; {asked.rounds} rounds")
        if asked.scroll:
            tell_scrolls(browser, urls, project, names[:PHOTOS], asked)
            return
        opened: dict[str, list[Opened]] = {which: [] for which in urls}
        pressed: dict[str, list[float]] = {which: [] for which in urls}
        for at in range(asked.rounds):
            sheet = names[(at + 1) * TILES :][:SHEET]  # none whose thumbnails were made before
            for which, url in urls.items():
                opened[which].append(open_sheet(browser, url, project, sheet))
        for _ in range(asked.rounds):
            for which, url in urls.items():
                pressed[which] += press_keys(browser, url, project, names[:TILES])
        for which in urls:
            tell(which, opened[which], pressed[which])


class Opened(NamedTuple):
    """How long it took to open a sheet, in seconds after the address was given."""

    painted: float
    filled: float
    cpu: float


def tell(which: str, opened: list[Opened], keys: list[float]) -> None:
    painted, filled, cpu = (statistics.median(times) for times in zip(*opened, strict=True))
    print(f"{which}\n  first paint: {painted:.2f} s")
    print(f"  a sheet of {SHEET}: {filled:.2f} s to its first {THUMBNAILS} thumbnails, {cpu:.2f} s of CPU")
    slow = sorted(keys)[int(0.95 * len(keys))]
    print(f"  a key on {TILES:,} tiles: {statistics.median(keys):.0f} ms to its frame, 95 of 100 within {slow:.0f} ms")
    print(f"  the slowest {max(keys):.0f} ms")


def tell_scrolls(
    browser: Browser, urls: dict[str, str], project: dict[str, Any], names: list[str], asked: argparse.Namespace
) -> None:
    """Scroll each version in turn, slowly and fast, and print how long frames took, and the CPU of all of it."""
    frames: dict[tuple[str, int], list[float]] = defaultdict(list)
    cpu: dict[tuple[str, int], list[float]] = defaultdict(list)
    for _ in range(asked.rounds):
        for which, url in urls.items():
            page = visit(browser, project, [])
            page.add_init_script(f"{{ const NAMES = {json.dumps(names)}, LISTED = {asked.scroll}; {LISTED} }}")
            page.goto(f"{url}/#/browse")
            page.get_by_role("option").first.wait_for(timeout=600_000)
            for pixels in (SLOWLY, FAST):
                page.wait_for_timeout(1000)
                before = cpu_seconds()
                frames[which, pixels] += page.evaluate(SCROLLED, [STEPS, pixels])
                cpu[which, pixels].append(cpu_seconds() - before)
            page.close()
    print(f"{asked.scroll:,} names in Browse")
    for (which, pixels), times in frames.items():
        slow = sorted(times)[int(0.95 * len(times))]
        spent = statistics.median(cpu[which, pixels])
        print(f"{which}, {pixels} pixels a frame: {statistics.median(times):.0f} ms, 95 of 100 within {slow:.0f} ms")
        print(f"  the slowest {max(times):.0f} ms; {1000 * spent / STEPS:.1f} ms of CPU a frame, of browser and API")


def make_pool(folder: Path, images: int) -> list[str]:
    """Half of the pool is labelled. All images are links to a few photos. Returns their names."""
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
    return names


def serve(folder: Path) -> Stack:
    return Stack(settings(folder, "this"), port=free_port(), workers=1, log=folder / "this.log")


@contextmanager
def serve_other(folder: Path, command: Path) -> Iterator[str]:
    """Run another version's whole stack. Yields its URL once it is ready."""
    url = f"http://127.0.0.1:{(port := free_port())}"
    with (folder / "other.log").open("wb") as log:
        env = {**os.environ, **settings(folder, "other")}
        up = [str(command), "up", "--port", str(port), "--workers", "1"]
        process = subprocess.Popen(up, cwd=folder, env=env, stdout=log, stderr=log)  # not beside modules of ours
        try:
            wait_until_ready(url, process, Path(log.name))
            yield url
        finally:
            process.send_signal(signal.SIGINT)
            process.wait()


def wait_until_ready(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    while True:
        with suppress(httpx.TransportError):
            if httpx.get(f"{url}/readyz").is_success:
                return
        if process.poll() is not None:
            raise SystemExit(f"{process.args!r} ended with exit code {process.returncode}:\n{log.read_text()}")
        time.sleep(0.2)


def settings(folder: Path, which: str) -> dict[str, str]:
    return {
        "NEXTLABEL_DATA_ROOTS": str(folder),
        "NEXTLABEL_STATE_DIR": str(folder / f"state-{which}"),
        "NEXTLABEL_CACHE_DIR": str(folder / f"cache-{which}"),
    }


def visit(browser: Browser, project: dict[str, Any], names: list[str]) -> Page:
    page = browser.new_page(viewport={"width": 1280, "height": 800})
    page.add_init_script(f"localStorage.setItem('nextlabel.project', {json.dumps(json.dumps(project))})")
    page.add_init_script(f"{{ const JOB = {json.dumps(job_of(names))}; {MADE_UP} }}")
    return page


def job_of(names: list[str]) -> dict[str, Any]:
    now = datetime.now(UTC).isoformat()
    result = canned.selection(names, CLASSES[0]).model_dump(mode="json")
    told = {"id": "made_up", "kind": "selection", "state": "succeeded", "result": result, "finished_at": now}
    return {**told, "owner": "", "request": {}, "warnings": [], "attempt": 1, "progress": None, "error": None}


def open_sheet(browser: Browser, url: str, project: dict[str, Any], names: list[str]) -> Opened:
    """Open a sheet in a new browser profile."""
    page = visit(browser, project, names)
    before, begun = cpu_seconds(), time.perf_counter()
    page.goto(f"{url}/#/label", wait_until="commit")
    page.evaluate(FILLED, THUMBNAILS)
    filled, cpu = time.perf_counter() - begun, cpu_seconds() - before
    painted = page.evaluate(PAINTED) / 1000
    page.close()
    return Opened(painted, filled, cpu)


def cpu_seconds() -> float:
    """Return what all that this process has started, and what that has started, have taken so far."""
    seconds, children = {}, defaultdict(list)
    for file in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # it has just ended
            _, parent, *fields = file.read_text().rpartition(")")[2].split()
            children[int(parent)].append(int(file.parent.name))
            seconds[int(file.parent.name)] = (int(fields[9]) + int(fields[10])) / os.sysconf("SC_CLK_TCK")
    found = [os.getpid()]
    for process in found:
        found += children[process]
    return sum(seconds.get(process, 0.0) for process in found)


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
