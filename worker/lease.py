"""The right to run a job or a shard, kept alive by a thread with its own Redis client.

While Redis is out of contact, the work pauses at its next check, and goes on once a renewal finds that the fence still
holds: an outage of five minutes costs five minutes, not the job. A renewal counts from when it was sent, so that our
view of the lease ends before Redis' does.

The thread also sees what the work itself can't: that it does not stop although it was asked to, or gets nowhere.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Literal, Protocol, Self

from nextlabel.core.errors import Cancelled, DeadlineExceeded, Drained, LeaseLost, StoreRefused, StoreUnavailable
from nextlabel.core.jobs.store import LeaseAnswer
from nextlabel.core.logs import get_logger
from nextlabel.core.settings import Settings

log = get_logger(__name__)
PAUSED_LOOK_S = 0.2

#: Why a process must be ended from outside the work: it was asked to stop and goes on, or it does nothing at all.
GiveUpCause = Literal["cancel", "deadline", "stalled"]


class Clock(Protocol):
    """What the lease and the work measure time by; the module `time` is one."""

    def monotonic(self) -> float: ...

    def sleep(self, seconds: float, /) -> None: ...


class Lease:
    """A lease on a job or a shard that is renewed for as long as the context lasts."""

    def __init__(
        self,
        renew: Callable[[], LeaseAnswer],
        settings: Settings,
        give_up: Callable[[GiveUpCause], None] = lambda _: None,
        clock: Clock = time,
    ) -> None:
        """`renew` must not retry by itself: a renewal has to know at once that it failed.

        `give_up` is called in the thread, and is to end the process.
        """
        self._renew, self._settings, self._give_up, self._clock = renew, settings, give_up, clock
        self._renewed_at = self._alive_at = clock.monotonic()
        self._answer: LeaseAnswer = "ok"
        self._asked_to_stop_at: float | None = None
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
        """Return if the work may go on, having waited for Redis to be in reach.

        Raises Cancelled, DeadlineExceeded, Drained or LeaseLost.
        """
        while True:
            self.alive()
            self._raise_for_answer()
            if self._clock.monotonic() - self._renewed_at < self._settings.lease_s - self._settings.renew_every_s:
                return
            self._clock.sleep(PAUSED_LOOK_S)

    def alive(self) -> None:
        """Note that the work gets on: it is not stalled."""
        self._alive_at = self._clock.monotonic()

    def _raise_for_answer(self) -> None:
        match self._answer:
            case "cancel":
                raise Cancelled("cancelled by request")
            case "deadline":
                raise DeadlineExceeded
            case "drain":
                raise Drained("the worker is being stopped")
            case "lost":
                raise LeaseLost("another process owns the job now")

    def _keep_renewing(self) -> None:
        while not self._stop.wait(self._settings.renew_every_s):
            sent_at = self._clock.monotonic()
            try:
                self._answer = self._renew()
                self._renewed_at = sent_at
                cause = self._cause_to_give_up()
                if cause is not None:
                    self._give_up(cause)
                    return
            except StoreRefused as error:  # it would refuse again; once the lease has run out, a janitor decides
                self._answer = "lost"
                log.warning("lease lost: Redis refuses to renew it", cause=error.detail)
            except StoreUnavailable as error:
                self.alive()  # for all we know: it may be waiting for Redis, too
                log.warning("lease not renewed", cause=error.detail)
            except Exception:  # a dead thread would leave the job waiting for ever
                log.exception("lease not renewed")
            if self._answer == "lost":
                return

    def _cause_to_give_up(self) -> GiveUpCause | None:
        now = self._clock.monotonic()
        if self._answer in ("cancel", "deadline"):
            if self._asked_to_stop_at is None:
                self._asked_to_stop_at = now
            return self._answer if now - self._asked_to_stop_at > self._settings.cancel_grace_s else None
        return "stalled" if now - self._alive_at > self._settings.stall_after_s else None
