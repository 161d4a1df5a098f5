"""How fast people label: the time between one person's successive images, as labels came over HTTP.

Labels files say no times. Redis keeps these, and nothing else does: one that loses its data loses how fast people
were, and no label.

Keys, under the store's prefix:
    pace:<labels>           hash    person -> {image, last, images, sittings, at_once}
    gaps:<labels>:<person>  list    ms between one image and the next, the newest first
"""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime

from nextlabel.core.jobs.hand_outs import key_of
from nextlabel.core.jobs.store import JobStore

PAUSE_S = 300.0  #: who labels nothing for longer sits down anew: that time counts for no image
LEAST_S = 0.2  # labels that come faster waited somewhere, and were sent together
MOST_GAPS = 1000
KEEP_DAYS = 180
LEAST_GAPS = 10  #: of fewer gaps no speed is told


@dataclass(frozen=True)
class Pace:
    """How fast a person labels in one place of labels.

    images: labelled over HTTP, one after another or many at once; at_once: of them, those that came many at once.
    gaps_s: between one image and the next within a sitting, the newest 1,000.
    """

    person: str
    images: int
    at_once: int
    sittings: int
    last_at: datetime
    gaps_s: tuple[float, ...]


class Paces:
    """How fast everybody is. Every method raises StoreUnavailable, as the store's do."""

    def __init__(self, store: JobStore) -> None:
        self._store = store

    def note(self, labels: str, person: str, names: Collection[str]) -> None:
        """Note that the person labelled these images in that place of labels just now; the same one again is none."""
        if not names:
            return
        image = next(iter(names)) if len(names) == 1 else ""
        times = [round(1000 * s) for s in (PAUSE_S, LEAST_S)]
        keep = round(KEEP_DAYS * 86_400_000)
        self._store.run_script("note_pace", key_of(labels), person, image, len(names), *times, MOST_GAPS, keep)

    def of(self, labels: str) -> list[Pace]:
        """List the paces of all whose labels came over HTTP, by name."""
        found = json.loads(self._store.run_script("list_paces", key_of(labels)))
        paces = [
            Pace(
                one["person"],
                one["images"],
                one["at_once"],
                one["sittings"],
                datetime.fromtimestamp(one["last"] / 1000, UTC),
                tuple(float(gap) / 1000 for gap in one["gaps"].split()),
            )
            for one in found
        ]
        return sorted(paces, key=lambda one: one.person.casefold())
