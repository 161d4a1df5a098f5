"""Jobs that nobody waits for give way to those that somebody does."""

from __future__ import annotations

import time
from collections.abc import Callable

from nextlabel.core.errors import GaveWay, StoreUnavailable
from nextlabel.core.jobs.store import JobStore
from nextlabel.core.kinds.registry import KINDS

LOOK_EVERY_S = 0.5
WAITED_S = 0.1  # a free process takes a job sooner
LEAST_S = 1.0  # at work before it gives way again, so that two messages that come in the wrong order cost no storm
KINDS_THAT_DO = tuple(kind.name for kind in KINDS.values() if kind.gives_way)


def giving_way(kind: str, store: JobStore, check: Callable[[], None] = lambda: None) -> Callable[[], None]:
    """Return a check for the work on a job of that kind: `check`, and GaveWay is raised where it is to give way."""
    if kind not in KINDS_THAT_DO:
        return check
    looked_at = time.monotonic() + LEAST_S - LOOK_EVERY_S

    def check_and_look() -> None:
        nonlocal looked_at
        check()
        if time.monotonic() - looked_at < LOOK_EVERY_S:
            return
        looked_at = time.monotonic()
        try:
            waited_for = store.others_wait(KINDS_THAT_DO, WAITED_S)
        except StoreUnavailable:  # the lease deals with that
            return
        if waited_for:
            raise GaveWay("somebody waits for another job")

    return check_and_look
