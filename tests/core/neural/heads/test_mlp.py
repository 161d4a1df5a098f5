import numpy as np

from nextlabel.core.neural.heads.registry import train_head
from nextlabel.core.neural.training import Examples
from tests.core.neural.labelled import clusters


def test_mlp_differs_between_seeds():
    embeddings, targets = clusters(12)
    one, two = (train_head("mlp", Examples(embeddings, targets, 3), seed=seed).logits(embeddings) for seed in (1, 2))
    assert not np.array_equal(one, two)
