"""The seam behind which many processes, or another engine, embed a large pool together.

A pipeline asks for one thing only: that embeddings are in the cache. worker/sharding does it with the worker processes
that are free.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from hashlib import blake2b
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from nextlabel.core.data.pool import Pool
from nextlabel.core.embeddings.cache import CacheKey
from nextlabel.core.neural.backbones import Backbone

if TYPE_CHECKING:
    from nextlabel.core.pipelines.run import Run


class CacheFiller(Protocol):
    """Puts embeddings into the cache for one job, with more than this process."""

    def pays(self, seconds_left: float | None) -> bool:
        """Whether to hand over what is left. `seconds_left`: what it would take here; None: not known yet."""

    def fill(self, key: CacheKey, pool: Pool, rows: NDArray[np.int64], backbone: Backbone, run: Run) -> None:
        """Embed these rows of the pool into the cache of `key`, and return when there is no more to wait for.

        It may leave rows out, even all of them: those that can't be read or were changed meanwhile, or whose embeddings
        could not be written. Whoever asked finds them missing, and embeds them itself. `run` shows how far it has got,
        and raises when the job must stop.
        """


def digest_of(key: CacheKey, pool: Pool) -> str:
    """Name these images, as they are now and in this order, and what embeds them: 32 hex digits."""
    return blake2b(json.dumps([asdict(key), pool.state()]).encode(), digest_size=16).hexdigest()
