"""Images of the pool that have a say in what a head says of those near to them. docs/heads.md: what it is worth."""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import softmax
from sklearn.utils.extmath import randomized_svd

from nextlabel.core.data.draw import drawn_order
from nextlabel.core.methods.geometry import Geometry
from nextlabel.core.neural.heads.gaussians import Gaussians
from nextlabel.core.neural.training import Floats, Integers

NEIGHBOURHOOD = 2_000  # images of the pool that neighbours are sought among: an even draw of it
NEAREST, OF_SO_MANY = 8, 25  # of those have a say, and no more than one in so many of a small pool
SHARE = 0.5  # of the say that the image itself has
DIRECTIONS = 64  # in which nearness is told
A_DIRECTION = 4  # images at least for each of those in which distributions are fitted
DRAW = 0  # the seed of the draw: whatever the request's is, all kinds ask the same images
KEPT = 5  # these themselves; a pool and the images that its head is scored on, twice
AT_ONCE = 512  # rows of a product, which then stays in a core's cache
LEAST = 1e-30  # probability: its logarithm is finite


def neighbourhood(names: Sequence[str]) -> Integers:
    """Return the rows of a pool of these names among which neighbours are sought, ascending: (R,)."""
    return np.sort(drawn_order(names, DRAW)[:NEIGHBOURHOOD])


class Neighbours:
    """The images among which an image's neighbours are sought: embeddings (R, d) float32, R of 1 at least."""

    def __init__(self, embeddings: Floats) -> None:
        self.embeddings = embeddings.view()
        self.embeddings.flags.writeable = False  # so that their own nearest are kept, too: each fit asks for them
        self._kept: list[tuple[weakref.ref[Floats], NDArray[np.int16]]] = []  # embeddings, and what was found for them

    def __len__(self) -> int:
        return len(self.embeddings)

    @property
    def most(self) -> int:
        """How many have a say in one image."""
        return min(NEAREST, -(-len(self) // OF_SO_MANY))

    def join(self, own: Floats, said: Floats, embeddings: Floats, power: float = 1.0) -> Floats:
        """Join what a head says of images with what it says of their neighbours: logits (N, C) of both.

        own: (N, C), of the images, and said: (R, C), of those that may be neighbours, calibrated logits.
        embeddings: (N, d), of the images. power: that the mean is raised to.
        """
        mean: Floats = softmax(own, axis=1) * SHARE
        mean += softmax(said, axis=1)[self.nearest(embeddings)].mean(axis=1) * (1 - SHARE)
        return np.asarray(np.log(np.maximum(mean, LEAST)) * power, np.float32)

    def gaussians(self, embeddings: Floats, targets: Integers, said: Floats) -> Gaussians | None:
        """Fit the classes' distributions to labelled images (L, d) and to these; None where these are too few.

        targets: (L,) in 0..C-1, each class at least once. said: (R, C), logits of these images.
        """
        directions = self._directions[:, : len(self) // A_DIRECTION]
        if not directions.shape[1]:
            return None
        few = slice(directions.shape[1])
        origin, pool = self._origin[few], self._coordinates[:, few]
        return Gaussians.fit(embeddings @ directions - origin, targets, pool, said).seen_through(directions, origin)

    def nearest(self, embeddings: Floats) -> NDArray[np.int16]:
        """Return the places of those nearest to each image, by the angle at their mean: (N, d) -> (N, most).

        One that is among them is its own nearest: so little more of the say is its own. What was found for embeddings
        that can't be written to is kept while they are, of the last `KEPT` of those.
        """
        for asked, found in self._kept:
            if asked() is embeddings:
                return found
        found = np.empty((len(embeddings), self.most), np.int16)
        for start in range(0, len(embeddings), AT_ONCE):
            found[start : start + AT_ONCE] = self._search(embeddings[start : start + AT_ONCE])
        if not embeddings.flags.writeable:
            self._kept = [*(kept for kept in self._kept if kept[0]() is not None), (weakref.ref(embeddings), found)]
            self._kept = self._kept[-KEPT:]
        return found

    def _search(self, embeddings: Floats) -> NDArray[np.int64]:
        # All of it in torch: where numpy and torch take turns, each waits for the other's threads, 3.5 times as long.
        directions, origin, places = map(torch.from_numpy, (self._directions, self._origin, self._places))
        asked = torch.from_numpy(embeddings.copy())  # else it warns of what may only be read
        likeness = (asked @ directions - origin) @ places.T
        return np.asarray(torch.topk(likeness, self.most, sorted=False).indices.numpy())

    @cached_property
    def _geometry(self) -> Geometry:
        return Geometry(self.embeddings)

    @cached_property
    def _units(self) -> Floats:
        return self._geometry.units(np.arange(len(self)))

    @cached_property
    def _directions(self) -> Floats:
        """Those in which the images vary most: (d, DIRECTIONS)."""
        most = min(DIRECTIONS, *self._units.shape)
        return np.ascontiguousarray(randomized_svd(self._units, most, n_iter=2, random_state=0)[2].T, np.float32)

    @cached_property
    def _origin(self) -> Floats:
        origin: Floats = self._geometry.mean @ self._directions
        return origin

    @cached_property
    def _coordinates(self) -> Floats:
        """Where the images lie in those directions: (R, DIRECTIONS)."""
        coordinates: Floats = self.embeddings @ self._directions
        coordinates -= self._origin
        return coordinates

    @cached_property
    def _places(self) -> Floats:
        """Where the images lie in those directions, at unit length: (R, DIRECTIONS)."""
        places: Floats = self._units @ self._directions
        lengths = np.linalg.norm(places, axis=1, keepdims=True)
        places /= np.where(lengths > 0, lengths, 1)
        return places
