"""Objects fetched before they are asked for, as many at once as it takes for nobody to wait for storage.

There is no speed to set. What was asked for and not taken yet is bounded: where storage is slow, all of that are
requests on their way; where it is fast, most of it lies ready. When storage says that it is asked for too much, half as
many are on their way as were, and each answer to come lets a few more go.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from contextlib import suppress

from nextlabel.core.data.objects import Fetched, Patience
from nextlabel.core.errors import BucketUnavailable

MOST_AT_ONCE = 64  # requests on their way
MOST_AHEAD = 256  # objects on their way or fetched, and not taken yet
MOST_BYTES = 256 << 20  # the same, by the sizes that were listed
MORE_AFTER = 8.0  # answers, until one more request may be on its way
HALVE_EVERY_S = 0.5
LOOK_EVERY_S = 0.5


class ReadAhead:
    """Fetches objects in an order that is known, and hands each out once. Any thread may `open`; `close` ends it."""

    def __init__(
        self, fetch: Callable[[str, Patience], Fetched], names: Sequence[str], sizes: Sequence[int], patience_s: float
    ) -> None:
        """`sizes`: bytes of each of the names. `patience_s`: how long an object is tried again for."""
        self._fetch = fetch
        self._left = deque(zip(names, sizes, strict=True))
        self._patience = Patience(patience_s, throttled=self._throttled)
        self._fetchers = ThreadPoolExecutor(MOST_AT_ONCE, thread_name_prefix="fetch")
        self._changing = threading.RLock()
        self._coming: dict[str, tuple[Future[Fetched], int]] = {}
        self._bytes, self._on_their_way = 0, 0
        self._at_once, self._halved = float(MOST_AT_ONCE), 0.0

    @property
    def waits_for(self) -> str | None:
        """Say what storage doesn't do, where that is waited for; None: it does."""
        return self._patience.waits_for

    def open(self, name: str) -> Fetched:
        """Hand out an object. Raises UnreadableImage, BucketUnavailable."""
        self._fetch_more()
        with self._changing:
            coming, size = self._coming.pop(name, (None, 0))
        if coming is None:
            return self._fetch(name, self._patience)
        try:
            return self._awaited(coming)
        finally:
            with self._changing:
                self._bytes -= size
            self._fetch_more()

    def close(self) -> None:
        """Fetch no more; who waits for an object gets BucketUnavailable. What is on its way is dropped."""
        self._patience.stop.set()
        self._fetchers.shutdown(wait=False, cancel_futures=True)

    def _awaited(self, coming: Future[Fetched]) -> Fetched:
        while not self._patience.stop.is_set():
            with suppress(TimeoutError, CancelledError):
                return coming.result(LOOK_EVERY_S)
        raise BucketUnavailable("reading from the bucket was stopped")

    def _fetch_more(self) -> None:
        with self._changing:
            while self._left and not self._patience.stop.is_set() and self._on_their_way < int(self._at_once):
                name, size = self._left[0]
                full = len(self._coming) >= MOST_AHEAD or self._bytes + size > MOST_BYTES
                if full and self._coming:
                    return
                self._left.popleft()
                self._bytes += size
                self._on_their_way += 1
                future = self._fetchers.submit(self._fetch, name, self._patience)
                self._coming[name] = future, size
                future.add_done_callback(self._arrived)

    def _arrived(self, _: Future[Fetched]) -> None:
        with self._changing:
            self._on_their_way -= 1
            self._at_once = min(MOST_AT_ONCE, self._at_once + 1 / MORE_AFTER)
        with suppress(RuntimeError):  # closed meanwhile
            self._fetch_more()

    def _throttled(self) -> None:
        with self._changing:
            now = time.monotonic()
            if now - self._halved > HALVE_EVERY_S:  # all that were on their way are told so together
                self._at_once, self._halved = max(1.0, self._at_once / 2), now
