"""A thread that looks at the store again and again, as long as it is there to be looked at."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from contextlib import suppress

import redis

from tests.chaos.stack import ChaosStack


class Watch(ABC):
    """`look` is what it does; a Redis that is away just then is no fault of its own."""

    def __init__(self, stack: ChaosStack, *, every_s: float) -> None:
        self._redis = redis.Redis.from_url(stack.redis_url, decode_responses=True, socket_timeout=1, retry=None)
        self._every_s = every_s
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._keep_looking, name=type(self).__name__.lower())

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        if self._thread.ident is not None:  # it was started
            self._thread.join()
        self._redis.close()

    @abstractmethod
    def look(self) -> None: ...

    def _keep_looking(self) -> None:
        while not self._stop.wait(self._every_s):
            with suppress(redis.RedisError):
                self.look()
