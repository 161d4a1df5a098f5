"""Labelled embeddings for what is trained on them."""

import numpy as np
from hypothesis import strategies as st


def clusters(images: int, classes: int = 3, dimension: int = 8, spread: float = 0.5, seed: int = 0):
    """Images in turn of class 0, 1, ... around corners of a cube."""
    rng = np.random.default_rng(seed)
    targets = np.arange(images) % classes
    centres = 3 * np.eye(classes, dimension)
    return (centres[targets] + rng.normal(scale=spread, size=(images, dimension))).astype(np.float32), targets


@st.composite
def labelled_sets(draw: st.DrawFn):
    """Few images, of uneven classes; some with constant dimensions, some all alike, some far from the origin."""
    counts = draw(st.lists(st.integers(1, 5), min_size=2, max_size=4))
    targets = np.repeat(np.arange(len(counts)), counts)
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    embeddings = rng.normal(size=(len(targets), draw(st.integers(1, 20))))
    embeddings = embeddings * draw(st.sampled_from([0, 1e-20, 1, 1e10])) + draw(st.sampled_from([0, 1e-3, 1e6]))
    embeddings[:, 0] = draw(st.sampled_from([0, 7]))
    return embeddings.astype(np.float32), rng.permutation(targets)
