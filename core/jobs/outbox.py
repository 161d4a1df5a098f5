"""Webhooks that are still to be delivered, in Redis: they survive a restart of the workers and of Redis itself.

The script that ends a job puts its webhook here. Whoever delivers claims one, tries, and marks how it went; any number
of processes may do so.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import SystemRandom

from nextlabel.core.jobs.store import JobStore

#: How long after each failed attempt the next one follows: the specification's table. After the last there is none.
RETRY_AFTER_S = (5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400)
JITTER = 0.1
MOST_RETRY_AFTER_S = 86_400.0
#: Enough for one attempt, the look-up of the name included. If a process is slower, another may send the same again.
HELD_FOR_S = 120.0

_chance = SystemRandom()


@dataclass(frozen=True)
class Delivery:
    """The right to try once. A stale fence changes nothing."""

    job_id: str
    fence: int
    url: str
    failures: int


class Outbox:
    """The webhooks that wait. Every method raises StoreUnavailable, as the store's do."""

    def __init__(self, store: JobStore) -> None:
        self._store = store

    def claim(self, held_for_s: float = HELD_FOR_S) -> Delivery | None:
        """Claim the delivery that has been due the longest; None when none is due."""
        answer = self._store.run_script("claim_webhook", _ms(held_for_s))
        return Delivery(*answer) if answer else None

    def mark_delivered(self, delivery: Delivery) -> None:
        """Note that the receiver took it: it is not sent again."""
        self._settle(delivery, "delivered")

    def mark_unwanted(self, delivery: Delivery) -> None:
        """Note that the receiver wants no more of them: it is not sent again."""
        self._settle(delivery, "unwanted")

    def mark_failed(self, delivery: Delivery, *, not_before_s: float = 0) -> float | None:
        """Note a failed attempt. -> seconds to the next one; None when this was the last.

        `not_before_s`: how long the receiver asked to be left alone.
        """
        if delivery.failures >= len(RETRY_AFTER_S):
            self._settle(delivery, "given_up")
            return None
        wait_s = max(RETRY_AFTER_S[delivery.failures], min(not_before_s, MOST_RETRY_AFTER_S))
        wait_s *= _chance.uniform(1, 1 + JITTER)
        self._settle(delivery, "failed", again_s=wait_s)
        return wait_s

    def _settle(self, delivery: Delivery, outcome: str, again_s: float | None = None) -> None:
        again = "" if again_s is None else _ms(again_s)
        self._store.run_script("settle_webhook", delivery.job_id, delivery.fence, outcome, again)


def _ms(seconds: float) -> int:
    return round(seconds * 1000)
