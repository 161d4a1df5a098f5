import numpy as np

from nextlabel.core.neural.heads.scaling import Scaling


def test_a_dimension_that_hardly_varies_is_not_blown_up():
    embeddings = np.zeros((100, 2), np.float32)
    embeddings[:50, 0] = 1
    embeddings[0, 1] = 1e-4
    largest = np.abs(Scaling.of(embeddings)(np.ones((1, 2), np.float32))).max()
    assert largest < 4


def test_scaling_leaves_identical_embeddings_at_zero():
    embeddings = np.full((7, 3), 0.1, np.float32)
    assert np.abs(Scaling.of(embeddings)(embeddings)).max() < 1e-6
