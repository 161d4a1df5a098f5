"""Hands that wait: before a test does something to a page or looks at it, what was begun there before is done.

Whoever labels sees that a dialog is gone, or the next batch there, before they press a key; a test sees nothing. So
what it does by a page's keyboard, mouse and touchscreen, by locators, and by going elsewhere, waits until the page is
settled: no call to the service is under way, nothing says `aria-busy`, and what was put off until the next frame, as a
hand-over of the focus, has happened. A job's long poll may go on for as long as the job: it is waited for only by
`aria-busy`, as of a batch that the next one is about to replace. `hurried` names the hands that mean not to wait.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any

from playwright.sync_api import BrowserContext, Error, Keyboard, Locator, Mouse, Page, Touchscreen

#: Milliseconds after which a page that is not settled is a fault: no answer takes as long on a busy machine.
PATIENCE_MS = 60_000
#: Keeps what is under way in a document; `settled()` resolves with what still is when it has waited for too long.
WATCHED = """
    const { fetch, setTimeout, clearTimeout, requestAnimationFrame, cancelAnimationFrame } = window;
    const calls = new Map(), soon = new Map();
    const SOON_MS = 50;
    let last = 0;
    window.fetch = async (what, how) => {
        const address = String(what?.url ?? what);
        if (/[?&]wait=/.test(address)) return fetch(what, how);
        const id = ++last;
        calls.set(id, `${how?.method ?? "GET"} ${address}`);
        try {
            const answer = await fetch(what, how);
            void answer.clone().blob().catch(() => {}).finally(() => calls.delete(id));
            return answer;
        } catch (error) {
            calls.delete(id);
            throw error;
        }
    };
    const over = (id) => (soon.get(id)?.(), soon.delete(id));
    const watched = (begin, callback, kind) => {
        let id = null, isOver = false;
        id = begin((...given) => {
            isOver = true;
            try { callback(...given); } finally { over(kind + id); }
        });
        const { promise, resolve } = Promise.withResolvers();
        if (!isOver) soon.set(kind + id, Object.assign(resolve, { promise }));
        return id;
    };
    window.setTimeout = (callback, ms = 0, ...given) => ms > SOON_MS || typeof callback !== "function"
        ? setTimeout(callback, ms, ...given)
        : watched((run) => setTimeout(run, ms, ...given), callback, "timer ");
    window.clearTimeout = (id) => (over("timer " + id), clearTimeout(id));
    window.requestAnimationFrame = (callback) => watched(requestAnimationFrame, callback, "frame ");
    window.cancelAnimationFrame = (id) => (over("frame " + id), cancelAnimationFrame(id));
    const frame = () => new Promise((done) => (requestAnimationFrame(done), setTimeout(done, 100)));
    const busy = () => document.querySelectorAll("[aria-busy=true]");
    window.settled = async (patience) => {
        const until = performance.now() + patience;
        for (let still = 0; still < 2; ) {  // an endless animation asks for a frame in each frame
            const put = [...soon.values()].map(({ promise }) => promise);
            const isUnderWay = calls.size + busy().length > 0;
            await Promise.race([Promise.all(put), new Promise((late) => setTimeout(late, until - performance.now()))]);
            await frame();
            still = isUnderWay || calls.size + busy().length ? 0 : put.length ? still + 1 : 2;
            const left = [
                ...calls.values(), ...soon.keys(), ...[...busy()].map((one) => one.outerHTML.slice(0, 100)),
            ];
            if (performance.now() > until) return left;
        }
        return [];
    };
"""
GONE = "Execution context was destroyed"  # the page goes elsewhere, and is looked at there
#: What is done by hand, or seen. Locators wait by themselves for what is there, not for what is still to go or to come.
HANDS: dict[type, tuple[str, ...]] = {
    Keyboard: ("press", "type", "insert_text"),
    Mouse: ("click", "dblclick", "down"),
    Touchscreen: ("tap",),
    Page: ("goto", "reload", "go_back", "go_forward", "evaluate"),
    Locator: (
        *("click", "dblclick", "tap", "press", "fill", "check", "uncheck", "select_option", "focus", "hover"),
        *("count", "inner_text", "get_attribute", "input_value", "bounding_box", "evaluate", "evaluate_all"),
    ),
}
_evaluate = Page.evaluate


def settle(page: Page) -> None:
    """Return once the page has done what was begun on it; at once where it isn't watched.

    Raises AssertionError: it never came to rest; with what is under way.
    """
    while True:
        try:
            left = _evaluate(page, f"window.settled?.({PATIENCE_MS})")
        except Error as error:
            if GONE not in error.message:
                raise
        else:
            assert not left, f"the page never came to rest: {left}"
            return


def watch(context: BrowserContext) -> None:
    """Have the hands on all pages of the context wait. Called before the first of them is there."""
    context.add_init_script(f"(() => {{ {WATCHED} }})();")
    context.on("page", _give_hands)


@contextmanager
def hurried(page: Page) -> Iterator[None]:
    """Hands that press and look at once, as of somebody who is quicker than the page."""
    page.in_a_hurry = True
    try:
        yield
    finally:
        page.in_a_hurry = False


def _give_hands(page: Page) -> None:
    for hands in (page.keyboard, page.mouse, page.touchscreen):
        hands.page = page
    page.page = page


def _waiting(act: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(act)
    def waits(hands: Any, *args: Any, **more: Any) -> Any:
        page = getattr(hands, "page", None)
        if page is not None and not getattr(page, "in_a_hurry", False):
            settle(page)
        return act(hands, *args, **more)

    return waits


for _kind, _acts in HANDS.items():
    for _act in _acts:
        setattr(_kind, _act, _waiting(getattr(_kind, _act)))
