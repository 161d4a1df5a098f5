"""Wake those who wait for a job to change. The whole process has one Redis subscription, however many wait.

A nudge may get lost with the connection, so nobody sleeps longer than LOOK_AGAIN_S without looking at the record.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import redis.asyncio
from redis.exceptions import RedisError

from nextlabel.core.jobs.store import CHANGED
from nextlabel.core.logs import get_logger

log = get_logger(__name__)
LOOK_AGAIN_S = 5.0
RECONNECT_S = 1.0


class Watcher:
    def __init__(self, redis_url: str, channel: str = CHANGED) -> None:
        self._url, self._channel = redis_url, channel
        self._bells: dict[str, set[asyncio.Event]] = defaultdict(set)
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self._task = asyncio.create_task(self._listen())

    async def stop(self) -> None:
        while self._task is not None and not self._task.done():
            self._task.cancel()  # again and again: redis-py loses a cancellation that meets it connecting
            await asyncio.wait([self._task], timeout=0.1)
        self._ring_all()

    @asynccontextmanager
    async def watching(self, job_id: str) -> AsyncIterator[Bell]:
        """Give a bell that rings when the job changes. Get it before reading the record, or changes get lost."""
        event = asyncio.Event()
        self._bells[job_id].add(event)
        try:
            yield Bell(event)
        finally:
            self._bells[job_id].discard(event)
            if not self._bells[job_id]:
                del self._bells[job_id]

    async def _listen(self) -> None:
        while True:
            try:
                await self._listen_once()
            except (RedisError, OSError) as error:
                log.warning("not hearing of changes", cause=str(error) or type(error).__name__)
                await asyncio.sleep(RECONNECT_S)

    async def _listen_once(self) -> None:
        client = redis.asyncio.Redis.from_url(self._url, decode_responses=True)
        async with client, client.pubsub() as subscription:
            await subscription.subscribe(self._channel)
            self._ring_all()  # what happened while we were away
            async for message in subscription.listen():
                if message["type"] == "message":
                    for event in self._bells.get(message["data"], ()):
                        event.set()

    def _ring_all(self) -> None:
        for events in self._bells.values():
            for event in events:
                event.set()


class Bell:
    """What one caller waits on; `Watcher` rings it."""

    def __init__(self, event: asyncio.Event) -> None:
        self._event = event

    async def wait(self, seconds: float) -> bool:
        """Wait until the job changes, but no longer than `seconds` or LOOK_AGAIN_S. Returns whether the bell rang."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._event.wait(), min(seconds, LOOK_AGAIN_S))
        rang = self._event.is_set()
        self._event.clear()
        return rang
