"""The built-in descriptor: an embedding that needs no weights, for first contact on machines without a network.

Three blocks, in the order of `BLOCKS`:

- outline: histograms of edge orientations in a coarse image, each cell normalised by its neighbourhood
  (Dalal & Triggs 2005; the neighbourhood as in Felzenszwalb et al. 2010)
- shape: edges once more, of the maps of edges: where those of one orientation begin, end and bend. The second layer
  of a scattering network (Bruna & Mallat 2013), with histograms in place of wavelets. Averaged with its mirror
  image, since most things mean the same facing left or right; the outline keeps the two apart.
- colour: mean and spread of lightness, red-green and yellow-blue

The caller squeezes the whole image into a square, whatever its aspect ratio: nothing at the borders is lost.
`python -m benchmarks.descriptor` has the figures.
"""

from __future__ import annotations

from functools import cache
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float32]

VERSION = "descriptor-1"  # part of the cache key: change it whenever the numbers change
SIDE = 64

ORIENTATIONS = 8  # of an edge, over half a turn
DIRECTIONS = 8  # in which edges of one orientation get stronger, over a full turn
MAP_CELLS = 16  # a side of the maps of edges that the shape is taken from
OUTLINE_CELLS, SHAPE_CELLS, COLOUR_CELLS = 6, 4, 4  # a side
BLOCKS = {
    "outline": ORIENTATIONS * OUTLINE_CELLS**2,
    "shape": ORIENTATIONS * DIRECTIONS * SHAPE_CELLS**2,
    "colour": 2 * 3 * COLOUR_CELLS**2,
}
DIMENSION = sum(BLOCKS.values())

SHAPE_WEIGHT, COLOUR_WEIGHT = np.float32(2), np.float32(0.5)  # for what goes by distance; a head that scales undoes it
HALF = np.float32(0.5)
FLAT = np.float32(0.02)  # contrast well below this counts as none; intensities go from 0 to 1
CEILING = np.float32(0.4)  # the most one edge may stand out of its neighbourhood
OPPONENTS = np.array([[1 / 3, 1 / 3, 1 / 3], [1 / 2, -1 / 2, 0], [1 / 4, 1 / 4, -1 / 2]], np.float32)


def describe(image: NDArray[np.uint8]) -> Floats:
    """Describe one image as `describe_batch` does: RGB (SIDE, SIDE, 3) -> (DIMENSION,)."""
    descriptor: Floats = describe_batch(image[None])[0]
    return descriptor


def describe_batch(images: NDArray[np.uint8]) -> Floats:
    """Describe images: RGB (B, SIDE, SIDE, 3) -> (B, DIMENSION), finite. A row does not depend on the others.

    A black image gives zeros.

    Raises ValueError for another shape or type.
    """
    if images.shape[1:] != (SIDE, SIDE, 3) or images.dtype != np.uint8:
        raise ValueError(f"expected uint8 (B, {SIDE}, {SIDE}, 3), got {images.dtype} {images.shape}")
    rgb = np.sqrt(np.moveaxis(images, -1, 1).astype(np.float32) / 255)  # (B, 3, S, S)
    blocks = [_outline(_halve(_halve(rgb))), SHAPE_WEIGHT * _shape(rgb), COLOUR_WEIGHT * _colour(rgb)]
    return np.concatenate([block.reshape(len(images), -1) for block in blocks], axis=1)


def _outline(rgb: Floats) -> Floats:
    """Return the outline: (B, 3, S, S) -> (B, O, c, c), each cell divided by the norm of the 3 x 3 cells around it,
    weighted 1-2-1.
    """
    cells = _pool(_edges(rgb), OUTLINE_CELLS)
    energy = np.pad((cells**2).sum(axis=1, keepdims=True), [(0, 0), (0, 0), (1, 1), (1, 1)], mode="edge")
    rows = (energy[..., :-2, :] + 2 * energy[..., 1:-1, :] + energy[..., 2:, :]) / 2
    around = (rows[..., :-2] + 2 * rows[..., 1:-1] + rows[..., 2:]) / 2
    outline: Floats = np.minimum(cells / np.sqrt(around + FLAT**2), CEILING)
    return outline


def _shape(rgb: Floats) -> Floats:
    """Return the shape: (B, 3, S, S) -> (B, O, D, c, c)."""
    maps = _pool(_edges(rgb), MAP_CELLS)
    maps = maps / np.sqrt(maps.sum(axis=1, keepdims=True) + FLAT)
    cells = np.sqrt(_pool(_by_direction(*_gradient(maps)), SHAPE_CELLS))
    return (cells + _mirror(cells)) * HALF


def _colour(rgb: Floats) -> Floats:
    """Return the colours: (B, 3, S, S) -> (B, 6, c, c)."""
    opponents = np.einsum("oc,bcyx->boyx", OPPONENTS, rgb)
    mean = _pool(opponents, COLOUR_CELLS)
    variance = np.maximum(_pool(opponents**2, COLOUR_CELLS) - mean**2, 0)
    return np.concatenate([mean, np.sqrt(variance)], axis=1)


def _mirror(cells: Floats) -> Floats:
    """Turn cells (B, O, D, c, c) of an image into those of its mirror image, left for right."""
    orientations = -np.arange(ORIENTATIONS) % ORIENTATIONS
    directions = (DIRECTIONS // 2 - np.arange(DIRECTIONS)) % DIRECTIONS
    return cells[:, orientations][:, :, directions][..., ::-1]


def _edges(rgb: Floats) -> Floats:
    """Return the gradient of each pixel's strongest channel, by orientation: (B, 3, S, S) -> (B, O, S, S)."""
    dx, dy = _gradient(rgb)
    strongest = (dx**2 + dy**2).argmax(axis=1)[:, None]
    dx, dy = (np.take_along_axis(component, strongest, axis=1)[:, 0] for component in (dx, dy))
    cosines, length = _cosines(dx, dy, np.arange(ORIENTATIONS) * np.pi / ORIENTATIONS)
    return length * np.square(np.square(np.square(cosines)))


def _by_direction(dx: Floats, dy: Floats) -> Floats:
    """Share gradients among directions: (..., S, S) -> (..., D, S, S)."""
    cosines, length = _cosines(dx, dy, np.arange(DIRECTIONS) * 2 * np.pi / DIRECTIONS)
    return length * np.square(np.square(np.maximum(cosines, 0)))


def _cosines(dx: Floats, dy: Floats, angles: NDArray[np.float64]) -> tuple[Floats, Floats]:
    """Return the cosines of gradients with A angles, and their lengths: (..., A, S, S), (..., 1, S, S).

    Even powers of the cosine share a gradient among neighbouring angles: no jumps, and cheaper than an arc tangent.
    """
    dx, dy = dx[..., None, :, :], dy[..., None, :, :]
    length = np.hypot(dx, dy)
    cosine, sine = (values.astype(np.float32)[:, None, None] for values in (np.cos(angles), np.sin(angles)))
    cosines: Floats = np.divide(dx * cosine + dy * sine, np.maximum(length, np.float32(1e-6)))
    return cosines, length


def _gradient(maps: Floats) -> tuple[Floats, Floats]:
    """Return central differences along x and along y, each (..., S, S)."""
    padded = np.pad(maps, [(0, 0)] * (maps.ndim - 2) + [(1, 1), (1, 1)], mode="edge")
    return padded[..., 1:-1, 2:] - padded[..., 1:-1, :-2], padded[..., 2:, 1:-1] - padded[..., :-2, 1:-1]


def _pool(maps: Floats, cells: int) -> Floats:
    """Average under overlapping triangles: (..., S, S) -> (..., cells, cells)."""
    shares = _shares(maps.shape[-1], cells)
    pooled: Floats = np.matmul(np.matmul(shares, maps), shares.T)
    return pooled


@cache
def _shares(side: int, cells: int) -> Floats:
    """Share each pixel between the two cells whose centres it lies between, the outermost to one: (cells, side)."""
    position = np.clip((np.arange(side) + 0.5) / side * cells - 0.5, 0, cells - 1)
    shares = np.maximum(0, 1 - np.abs(position - np.arange(cells)[:, None]))
    means: Floats = (shares * cells / side).astype(np.float32)
    return means


def _halve(maps: Floats) -> Floats:
    """Average 2 x 2 pixels: (..., S, S) -> (..., S/2, S/2)."""
    rows = (maps[..., ::2, :] + maps[..., 1::2, :]) * HALF
    return (rows[..., ::2] + rows[..., 1::2]) * HALF
