"""Where texts lie among images, as a worker process keeps it between jobs."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from cachetools import LRUCache

from nextlabel.core.embeddings.catalogue import BackboneSpec
from nextlabel.core.errors import WeightsUnavailable
from nextlabel.core.neural.texts import Directions, text_files, texts_are_here
from nextlabel.core.settings import Settings


class KeptTexts:
    """Keeps what the texts of the last jobs were embedded at: each round of labelling names the same classes.

    It keeps, too, that a hub could not be reached: whoever can do without texts doesn't wait for it in each job.
    """

    KEPT, AGAIN_S = 8, 600.0

    def __init__(self) -> None:
        self._kept: LRUCache[tuple[object, ...], Directions] = LRUCache(self.KEPT)
        self._failures: dict[str, _Failure] = {}

    def get(
        self, spec: BackboneSpec, texts: Sequence[str], settings: Settings, embed: Callable[[], Directions]
    ) -> Directions:
        """Return what `embed` does for these texts, or did when the backbone's files were the same.

        Raises WeightsUnavailable, and what `embed` does.
        """
        try:
            files = text_files(spec, settings)
        except WeightsUnavailable as error:
            self._failures[spec.name] = _Failure(time.monotonic(), error)
            raise
        looks = [(file, file.stat().st_mtime_ns, file.stat().st_size) for file in files]
        key = (spec.name, *looks, *texts)
        directions = self._kept.get(key)
        if directions is None:
            directions = self._kept[key] = embed()
        return directions

    def failed_lately(self, spec: BackboneSpec, settings: Settings) -> WeightsUnavailable | None:
        """Return why the backbone's files could not be had, where the hub need not be asked again yet."""
        failure = self._failures.get(spec.name)
        if failure is None or time.monotonic() - failure.at > self.AGAIN_S or texts_are_here(spec, settings):
            return None
        return failure.why


@dataclass(frozen=True)
class _Failure:
    at: float  # by time.monotonic()
    why: WeightsUnavailable
