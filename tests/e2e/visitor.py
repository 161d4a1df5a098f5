"""A browser that looks at the page as a person does, and forgives no error."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from time import monotonic
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import BrowserContext, ConsoleMessage, Page, expect

from nextlabel.core.data.labels import write_labels
from nextlabel.core.tasks.classification import read_labels
from tests.e2e.settled import watch
from tests.pools import class_of

ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
CHROMIUMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
WIDE, NARROW = {"width": 1280, "height": 800}, {"width": 390, "height": 844}
PATIENCE_MS = 30_000  # a busy machine is no failure
expect.set_options(timeout=PATIENCE_MS)
ROOT = Path(__file__).resolve().parents[2]
SHOTS = os.environ.get("SHOTS")  # a folder: what is seen is kept there, for people to look at
AXE = ROOT / "api/page/node_modules/axe-core/axe.min.js"
#: A tile's short text is hidden from screen readers, which hear a sentence instead.
NOT_ASKED = {"label-content-name-mismatch": {"enabled": False}}
RACES = os.environ.get("RACES")  # a seed: requests, answers, timers and frames are held back at random
#: Sending waits up to 100 ms, in one case of four; an answer up to 400, one in twelve 1.5 s: they overtake each other.
#: Timers are up to 150 ms late, and frames, with which the focus is handed over, up to 200.
HELD_BACK = """
    let seed = SEED + [...location.hash].reduce((sum, one) => sum + one.charCodeAt(0), 0);
    const random = () => {
        seed = (seed + 0x6d2b79f5) | 0;
        let mixed = Math.imul(seed ^ (seed >>> 15), 1 | seed);
        mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
        return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
    };
    const { fetch, setTimeout, requestAnimationFrame } = window;
    const hold = (ms, signal) => new Promise((resolve, reject) => {
        const timer = setTimeout(resolve, ms);
        signal?.addEventListener("abort", () => (clearTimeout(timer), reject(signal.reason)));
    });
    window.fetch = async (what, how) => {
        await hold(random() < 0.25 ? 100 * random() : 0, how?.signal);
        const answer = await fetch(what, how);
        await hold(random() < 1 / 12 ? 1500 : 400 * random(), how?.signal);
        return answer;
    };
    let late = 0, drawnAt = 0;
    window.setTimeout = (callback, ms = 0, ...given) => {
        const now = performance.now();
        if (now > drawnAt + 200) [late, drawnAt] = [random() < 0.3 ? 150 * random() : 0, now];
        return setTimeout(callback, ms + late, ...given);
    };
    let frame = new Map(), frames = 0;
    const draw = (time) => {
        const callbacks = [...frame.values()];
        frame.clear();
        for (const callback of callbacks) try { callback(time); } catch (fault) { reportError(fault); }
    };
    window.requestAnimationFrame = (callback) => {
        const late = random() < 0.3 ? 200 * random() : 0;
        if (!frame.size) setTimeout(() => requestAnimationFrame(draw), late);
        frame.set(++frames, callback);
        return frames;
    };
    window.cancelAnimationFrame = (id) => frame.delete(id);
"""
#: What software rendering has to say about its speed, where there is no graphics card.
OF_THE_DRIVER = "GL Driver Message"


class Visitor:
    """A page that must run without an error and ask no other host for anything."""

    def __init__(self, context: BrowserContext, url: str) -> None:
        self.context, self.url = context, url
        self.faults: list[str] = []
        context.set_default_timeout(PATIENCE_MS)
        context.on("console", self._listen)  # of all tabs, unhandled rejections among the errors
        context.on("weberror", lambda fault: self.faults.append(str(fault.error)))
        context.on("request", lambda request: self._look_at(request.url))
        if RACES:
            context.add_init_script(f"(() => {{ {HELD_BACK.replace('SEED', str(int(RACES)))} }})();")
        watch(context)
        self.page: Page = context.new_page()

    def _listen(self, said: ConsoleMessage) -> None:
        if said.type in ("error", "warning") and OF_THE_DRIVER not in said.text:
            self.faults.append(said.text)

    def forgive(self, *parts: str) -> None:
        """Browsers log answers that say no, as a test may want them."""
        self.faults = [fault for fault in self.faults if not any(part in fault for part in parts)]

    def _look_at(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme != "blob" and parts.netloc != urlsplit(self.url).netloc:
            self.faults.append(f"another host was asked: {url}")

    def open(self, view: str = "", project: dict | None = None) -> Page:
        if project:
            text = json.dumps(json.dumps(project))
            self.page.add_init_script(
                f"localStorage.getItem('nextlabel.project') ?? localStorage.setItem('nextlabel.project', {text})"
            )
        self.page.goto(f"{self.url}/{view}")
        return self.page

    def serious(self) -> list[tuple[str, str, str]]:
        """What axe finds wrong with the view as it is, and takes for serious. Skips the test where it is not there."""
        if not AXE.is_file():
            pytest.skip("needs axe-core, which the page's build brings (make page)")
        if not self.page.evaluate("'axe' in window"):
            self.page.evaluate(AXE.read_text())
        found = self.page.evaluate(f"axe.run({{ rules: {json.dumps(NOT_ASKED)} }}).then((found) => found.violations)")
        return [
            (one["id"], node["html"], node["failureSummary"])
            for one in found
            if one["impact"] in ("serious", "critical")
            for node in one["nodes"]
        ]

    def leave(self) -> None:
        """Close all pages; what a test answers in the service's place is answered to the end, or not at all."""
        for page in self.context.pages:
            page.unroute_all(behavior="ignoreErrors")
        self.context.close()

    def shot(self, name: str) -> None:
        assert self.page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"), name
        if SHOTS:
            self.page.wait_for_timeout(500)
            self.page.screenshot(path=Path(SHOTS) / f"{name}.png")


def looked_at(page: Page, of: str = "of") -> str:
    """The name of the image that keys are about; `of` as the language of the page says it."""
    words = page.get_by_role("option", selected=True).get_attribute("aria-label")
    return re.fullmatch(rf"\d+ {of} \d+: (.+?), .*", words)[1]


def read(folder: Path) -> dict[str, str]:
    return dict(read_labels(folder).classes_by_name)


def give_some(labels: Path, *names: str) -> None:
    labels.mkdir(exist_ok=True)
    write_labels(labels / "me.txt", [(name, class_of(name)) for name in names])


def until(page: Page, holds) -> None:
    """Wait until it holds, 60 s at most: a job may have to end before."""
    given_up = monotonic() + 60
    while not holds():
        assert monotonic() < given_up, "it never came to hold"
        page.wait_for_timeout(50)
