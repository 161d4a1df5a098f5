"""Where texts lie among images, as a worker process keeps it between jobs."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from cachetools import LRUCache

from nextlabel.core.embeddings.catalogue import BackboneSpec
from nextlabel.core.errors import WeightsUnavailable
from nextlabel.core.neural.texts import Directions, load_words, text_files, texts_are_here
from nextlabel.core.settings import Settings


class KeptTexts:
    """Keeps what the texts of the last jobs were embedded at: each round of labelling names the same classes. It keeps
    them together as they were asked for: alone, or among others, a text lies a millionth elsewhere, and the same
    request must not tell other numbers for what was asked before.

    It keeps vocabularies, too, by which what can't be spelt is known without a network, and that a hub could not be
    reached: whoever can do without texts doesn't wait for it in each job.
    """

    KEPT, ALONE, AGAIN_S = 8, 1_000, 600.0

    def __init__(self) -> None:
        self._kept: LRUCache[tuple[object, ...], Directions] = LRUCache(self.KEPT)
        self._alone: LRUCache[tuple[object, ...], Directions] = LRUCache(self.ALONE)
        self._words: LRUCache[tuple[object, ...], Any] = LRUCache(self.KEPT)
        self._failures: dict[str, _Failure] = {}

    def get(
        self, spec: BackboneSpec, texts: Sequence[str], settings: Settings, embed: Callable[[], Directions]
    ) -> Directions:
        """Return what `embed` does for these texts, or did when the backbone's files were the same.

        Raises WeightsUnavailable, and what `embed` does.
        """
        key = (spec.name, *self._looks(spec, settings), *texts)
        # many single ones must not take the place of those together
        kept = self._kept if len(texts) > 1 else self._alone
        directions = kept.get(key)
        if directions is None:
            directions = kept[key] = embed()
        return directions

    def words(self, spec: BackboneSpec, settings: Settings) -> Any:
        """Return the backbone's vocabulary. Raises what `load_words` does."""
        key = self._looks(spec, settings)[0]
        words = self._words.get(key)
        if words is None:
            words = self._words[key] = load_words(spec, settings)
        return words

    def _looks(self, spec: BackboneSpec, settings: Settings) -> list[tuple[object, ...]]:
        """Return where vocabulary and weights lie, their times of change and sizes. Raises WeightsUnavailable."""
        try:
            files = text_files(spec, settings)
        except WeightsUnavailable as error:
            self._failures[spec.name] = _Failure(time.monotonic(), error)
            raise
        return [(file, file.stat().st_mtime_ns, file.stat().st_size) for file in files]

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
