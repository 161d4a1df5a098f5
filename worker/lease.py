"""The right to run a job or a shard, kept alive by a thread with its own Redis client.

Out of contact with Redis, the work pauses at its next check and goes on when the fence still holds: an outage of five
minutes costs five minutes, not the job. All times are this process' monotonic clock, and a renewal counts from when it
was sent, so that our view of the lease ends before Redis' does.

The thread also sees what the work itself can't: that it does not stop although it was told to, or gets nowhere.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Literal, Self

from nextlabel.core.errors import Cancelled, DeadlineExceeded, Drained, LeaseLost, StoreUnavailable
from nextlabel.core.jobs.store import LeaseAnswer
from nextlabel.core.logs import get_logger
from nextlabel.core.settings import Settings

log = get_logger(__name__)
PAUSED_LOOK_S = 0.2

#: Why a process must be ended from outside the work: it was told to stop and goes on, or it does nothing at all.
GiveUpCause = Literal["cancel", "deadline", "stalled"]


class Lease:
    def __init__(
        self,
        renew: Callable[[], LeaseAnswer],
        settings: Settings,
        give_up: Callable[[GiveUpCause], None] = lambda _: None,
    ) -> None:
        """`renew` must not retry by itself: a renewal has to know at once that it failed.

        `give_up` is called in the thread, and is to end the process.
        """
        self._renew, self._settings, self._give_up = renew, settings, give_up
        self._renewed_at = self._alive_at = time.monotonic()
        self._answer: LeaseAnswer = "ok"
        self._told_at: float | None = None  # when the work was told to stop
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._keep_renewing, name="lease", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()

    def check(self) -> None:
        """Raises Cancelled, DeadlineExceeded, Drained or LeaseLost; waits as long as Redis is out of reach."""
        while True:
            self.alive()
            self._raise_for_answer()
            if time.monotonic() - self._renewed_at < self._settings.lease_s - self._settings.renew_every_s:
                return
            time.sleep(PAUSED_LOOK_S)

    def alive(self) -> None:
        """The work gets on."""
        self._alive_at = time.monotonic()

    def _raise_for_answer(self) -> None:
        match self._answer:
            case "cancel":
                raise Cancelled("cancelled by request")
            case "deadline":
                raise DeadlineExceeded("it had not ended by its deadline, `deadline_s` after it was submitted")
            case "drain":
                raise Drained("the worker is being stopped")
            case "lost":
                raise LeaseLost("another process owns the job now")

    def _keep_renewing(self) -> None:
        while not self._stop.wait(self._settings.renew_every_s):
            sent_at = time.monotonic()
            try:
                self._answer = self._renew()
                self._renewed_at = sent_at
                if self._gave_up():
                    return
            except StoreUnavailable as error:
                self.alive()  # for all we know: it may be waiting for Redis, too
                log.warning("lease not renewed", cause=error.detail)
            except Exception:  # a dead thread would leave the job waiting for ever
                log.exception("lease not renewed")
            if self._answer == "lost":
                return

    def _gave_up(self) -> bool:
        now = time.monotonic()
        if self._answer in ("cancel", "deadline"):
            self._told_at = self._told_at or now
            if now - self._told_at > self._settings.cancel_grace_s:
                self._give_up(self._answer)
                return True
        elif now - self._alive_at > self._settings.stall_after_s:
            self._give_up("stalled")
            return True
        return False
