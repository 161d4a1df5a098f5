"""What a pipeline may ask of the other worker processes; worker/crew.py answers."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from nextlabel.core.jobs.shards import Shard, ShardProgress


class Held(Protocol):
    """A shard that this process has. `seen` of its images were tried; the first `kept` are safe in the cache."""

    shard: Shard
    seen: int
    kept: int

    def check(self) -> None:
        """Raises Cancelled, Drained or ShardLost when the work must stop."""


class Crew(Protocol):
    """The worker processes that may work on this job together."""

    def would_help(self, seconds_left: float | None) -> bool:
        """Whether to share what is left. None: how long it takes isn't known yet."""

    def plan_path(self, key: str) -> Path:
        """Where the plan of that key lies, for all to read."""

    def lay_out(self, key: str, images: int) -> None:
        """Raises LeaseLost."""

    def take(self, backbone: str) -> AbstractContextManager[Held] | None:
        """The next shard, as large as this process' speed with that backbone suggests; None: none is left."""

    def state(self) -> ShardProgress:
        """How far the job's plan has got."""

    def call(self, state: ShardProgress) -> None:
        """Asks for as many helpers as there are work and processes for."""
