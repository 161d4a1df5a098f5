"""Webhooks that are still to be delivered, in Redis: they survive a restart of the workers and of Redis itself.

The script that ends a job puts it here. Whoever delivers takes one, tries, and says how it went; any number may.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import SystemRandom

from nextlabel.core.jobs.store import JobStore

#: How long after each failed attempt the next one follows: the specification's table. After the last there is none.
RETRY_AFTER_S = (5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400)
JITTER = 0.1
MOST_RETRY_AFTER_S = 86_400.0
#: For an attempt and its look-up of the name. Should a deliverer be slower, another may send the same once more.
HELD_FOR_S = 120.0

_chance = SystemRandom()


@dataclass(frozen=True)
class Delivery:
    """The right to try once; a stale fence changes nothing."""

    job_id: str
    fence: int
    url: str
    failures: int


class Outbox:
    """Raises StoreUnavailable from every method, as the store does."""

    def __init__(self, store: JobStore) -> None:
        self._store = store

    def claim(self, held_for_s: float = HELD_FOR_S) -> Delivery | None:
        """The one that has been due the longest."""
        answer = self._store.run_script("claim_webhook", _ms(held_for_s))
        return Delivery(*answer) if answer else None

    def delivered(self, delivery: Delivery) -> None:
        self._settle(delivery, "delivered")

    def unwanted(self, delivery: Delivery) -> None:
        """The receiver wants no more of them."""
        self._settle(delivery, "unwanted")

    def failed(self, delivery: Delivery, *, not_before_s: float = 0) -> float | None:
        """-> seconds to the next attempt; None when this was the last. `not_before_s`: what the receiver asked for."""
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
