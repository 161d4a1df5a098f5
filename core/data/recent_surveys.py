"""Surveys of labels that were made last: ten questions about one folder read its files once."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from weakref import WeakValueDictionary

from cachetools import LRUCache

from nextlabel.core.data.label_files import Survey, survey
from nextlabel.core.data.label_text import LabelLines

MOST_LABELS = 300_000  # about 50 MB


class RecentSurveys:
    """Keeps the surveys used last, until they have `most_labels` together. Any thread may use it."""

    def __init__(self, most_labels: int = MOST_LABELS) -> None:
        self._kept: LRUCache[tuple[Path, str, LabelLines], Survey] = LRUCache(most_labels, lambda seen: len(seen) + 1)
        self._changing = threading.Lock()
        self._reading: WeakValueDictionary[Path, threading.Lock] = WeakValueDictionary()

    def get(self, path: Path, state: str, roots: Sequence[Path], task: LabelLines) -> Survey:
        """Return the task's survey of labels whose `state_of` that is. Raises what `survey` raises."""
        with self._changing:
            reading = self._reading.setdefault(path, threading.Lock())
        with reading:  # who asks while another reads the same folder waits for what comes of it
            with self._changing:
                seen = self._kept.get((path, state, task))
            if seen is None:
                seen = survey(path, roots, task)
                self._keep((path, state, task), seen)
            return seen

    def _keep(self, key: tuple[Path, str, LabelLines], seen: Survey) -> None:
        with self._changing:
            if len(seen) < self._kept.maxsize:
                self._kept[key] = seen
