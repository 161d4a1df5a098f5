"""Look through a pool: which of its images have a label, or a guess, that is asked for, in which order.

What was found is kept as a view, so that whoever pages through a million names sees them in one order, however many
labels are given meanwhile.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias
from weakref import WeakValueDictionary

import numpy as np
from cachetools import LRUCache
from numpy.typing import NDArray

from nextlabel.core.data.label_files import Survey
from nextlabel.core.data.places import Place
from nextlabel.core.data.pool import Pool, list_pool
from nextlabel.core.data.spelling import all_as_seen, as_seen

FRESH_S, FRESH_TIMES = 10.0, 10  # a listing that young is taken for a new view, too; or younger than it took, so often
MOST_VIEWS, MOST_IMAGES, MOST_GUESSES = 16, 3_000_000, 2  # kept; the images of pools, each counted once
Labelled: TypeAlias = Literal["any", "yes", "no", "disputed"]
Sort: TypeAlias = Literal["name", "-name", "time", "-time", "confidence", "-confidence"]
Answer: TypeAlias = tuple[str, ...]


@dataclass(frozen=True)
class Wanted:
    """Which images are looked for, and in which order.

    class_name: of the label that counts, or of the person's where one is named; "" finds what none applies to.
    person: the name of a person's file. search: a part of the name, in any case. predicted, least, most: of the guess;
    "" as for classes. Sorted by confidence, what has no guess comes last.
    """

    labelled: Labelled = "any"
    class_name: str | None = None
    person: str | None = None
    search: str = ""
    predicted: str | None = None
    least: float | None = None
    most: float | None = None
    sort: Sort = "name"


@dataclass(frozen=True, eq=False)
class Guesses:
    """What a model says of the N images of a pool. codes: (N,), the place in `answers`; -1 where it says nothing.

    confidence: (N,), from 0 to 1; NaN where it says nothing. trust: what is known of how often it is wrong.
    """

    answers: tuple[Answer, ...]
    codes: NDArray[np.int32]
    confidence: NDArray[np.float32]
    trust: Any = None

    @classmethod
    def of(cls, pool: Pool, said: Iterable[tuple[str, Answer, float]], trust: Any = None) -> Guesses:
        """Put (name, classes, confidence) in the pool's order; names that it does not have are left out."""
        answers: dict[Answer, int] = {}
        by_name = {as_seen(name): (answers.setdefault(answer, len(answers)), sure) for name, answer, sure in said}
        codes = np.full(len(pool), -1, np.int32)
        confidence = np.full(len(pool), np.nan, np.float32)
        for name, row in pool.find(by_name.keys()).items():
            codes[row], confidence[row] = by_name[name]
        return cls(tuple(answers), codes, confidence, trust)

    def having(self, class_name: str) -> NDArray[np.bool_]:
        """Tell of each image whether the class is guessed: (N,); of "", whether it is guessed that none applies."""
        fit = [code for code, answer in enumerate(self.answers) if class_name in (answer or ("",))]
        return np.isin(self.codes, fit)


@dataclass(frozen=True, eq=False)
class Listing:
    """A pool as it was listed. at: seconds since the epoch. state: changes with the images. took: seconds."""

    pool: Pool
    state: str
    at: float
    took: float = 0.0

    @property
    def fresh_until(self) -> float:
        return self.at + max(FRESH_S, FRESH_TIMES * self.took)


@dataclass(frozen=True, eq=False)
class View:
    """Images that were found: rows of the listing's pool, in order. id: the same for the same question and answer."""

    id: str
    listing: Listing
    rows: NDArray[np.int64]
    guesses: Guesses | None

    @classmethod
    def of(cls, listing: Listing, asked: str, rows: NDArray[np.int64], guesses: Guesses | None) -> View:
        """Make the view of what was found. asked: a text that changes with the question, and with the labels."""
        said = f"{listing.pool.place.key}\0{listing.state}\0{asked}"
        return cls(hashlib.sha256(said.encode(errors="replace")).hexdigest()[:32], listing, rows, guesses)

    def place_of(self, row: int) -> int | None:
        """Return at which place a row of the pool was found; None: it is none of those that were."""
        there = np.flatnonzero(self.rows == row)
        return int(there[0]) if len(there) else None


def find(
    listing: Listing,
    labels: Survey,
    guesses: Guesses | None,
    wanted: Wanted,
    only: Sequence[Collection[str]] = (),
    but: Collection[str] = (),
) -> NDArray[np.int64]:
    """Return the rows of the images that are wanted, in their order.

    only, but: of names that stand in each of these, and not in those; names as they are compared.
    """
    pool = listing.pool
    fit = np.ones(len(pool), np.bool_)
    if wanted.class_name is not None or wanted.person is not None:
        fit &= _at(pool, labels.having(wanted.class_name, wanted.person))
    if wanted.labelled == "disputed":
        fit &= _at(pool, labels.disputed)
    elif wanted.labelled != "any":
        fit &= _at(pool, labels.having()) == (wanted.labelled == "yes")
    for names in only:
        fit &= _at(pool, names)
    if but:
        fit &= ~_at(pool, but)
    if wanted.search:
        part = as_seen(wanted.search).lower()
        fit &= np.fromiter((part in name.lower() for name in all_as_seen(pool.names)), np.bool_, len(pool))
    if wanted.predicted is not None:
        fit &= guesses.having(wanted.predicted) if guesses else False
    if wanted.least is not None:
        fit &= guesses.confidence >= wanted.least if guesses else False
    if wanted.most is not None:
        fit &= guesses.confidence <= wanted.most if guesses else False
    rows = np.flatnonzero(fit)
    return rows[_order(pool, rows, guesses, wanted.sort)]


def _at(pool: Pool, names: Collection[str]) -> NDArray[np.bool_]:
    """Tell of each image whether its name, as names are compared, is one of those: (N,)."""
    found = np.zeros(len(pool), np.bool_)
    found[[*pool.find(names).values()]] = True
    return found


def _order(pool: Pool, rows: NDArray[np.int64], guesses: Guesses | None, sort: Sort) -> NDArray[np.int64]:
    keys: NDArray[np.floating | np.integer] = rows
    if sort.endswith("time"):
        keys = pool.mtimes_ns[rows]
    elif sort.endswith("confidence") and guesses is not None:
        keys = guesses.confidence[rows]  # NaN is sorted last
    return np.argsort(-keys if sort.startswith("-") else keys, kind="stable")


@dataclass(eq=False)
class RecentViews:
    """Keeps the views and listings used last. Any thread may use it.

    list_images: what lists a place. clock: seconds since the epoch.
    """

    list_images: Callable[[Place], Pool] = list_pool
    clock: Callable[[], float] = time.time
    _views: OrderedDict[str, View] = field(default_factory=OrderedDict)
    _guesses: LRUCache[tuple[str, str], Guesses] = field(default_factory=lambda: LRUCache(MOST_GUESSES))
    _listings: dict[str, Listing] = field(default_factory=dict)
    _changing: threading.Lock = field(default_factory=threading.Lock)
    _making: WeakValueDictionary[str, threading.Lock] = field(default_factory=WeakValueDictionary)

    def get(self, view_id: str) -> View | None:
        with self._changing:
            if view_id in self._views:
                self._views.move_to_end(view_id)
            return self._views.get(view_id)

    def listing(self, place: Place, *, anew: bool = False) -> Listing:
        """List a place, unless that was done a moment ago. Who asks while another lists it waits for what comes of it.

        anew: what was listed before this call isn't taken.

        Raises EmptyPool, and what `Place.list` raises.
        """
        asked = self.clock()
        with self._alone(place.key):
            kept = self._listings.get(place.key)
            if kept is not None and asked <= (kept.at if anew else kept.fresh_until):
                return kept
            begun = self.clock()
            pool = self.list_images(place)
            state, now = pool.state(), self.clock()
            listing = Listing(pool, state, now, now - begun)
            with self._changing:
                young = {key: one for key, one in self._listings.items() if one.fresh_until >= now}
                self._listings = {**young, place.key: listing}
            return listing

    def guesses(self, listing: Listing, job_id: str, read: Callable[[], Guesses]) -> Guesses:
        """Return what a job guessed of the listed images, read once as long as nobody looks through two others."""
        key = (listing.state, job_id)
        with self._alone(f"{listing.state} {job_id}"):
            guesses = self._guesses.get(key) or read()
            with self._changing:
                self._guesses[key] = guesses
            return guesses

    def keep(self, view: View) -> View:
        with self._changing:
            self._views[view.id] = view
            self._views.move_to_end(view.id)
            while len(self._views) > MOST_VIEWS or (len(self._views) > 1 and self._images() > MOST_IMAGES):
                self._views.popitem(last=False)
        return view

    def _images(self) -> int:
        return sum(map(len, {id(view.listing): view.listing.pool for view in self._views.values()}.values()))

    def _alone(self, about: str) -> threading.Lock:
        with self._changing:
            return self._making.setdefault(about, threading.Lock())
