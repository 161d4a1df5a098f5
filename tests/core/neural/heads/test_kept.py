import numpy as np
import pytest

from nextlabel.core.neural.heads import kept as kept_module
from nextlabel.core.neural.heads.kept import TrainedHeads
from nextlabel.core.neural.training import Examples


@pytest.fixture
def trained(monkeypatch):
    """Which heads were trained, by name and seed."""
    asked, train = [], kept_module.train_head

    def noted(name, examples, *, seed, **how):
        asked.append((name, seed))
        return train(name, examples, seed=seed, **how)

    monkeypatch.setattr(kept_module, "train_head", noted)
    return asked


def test_a_head_asked_for_again_is_not_trained_again(trained):
    embeddings, targets = np.random.default_rng(0).normal(size=(30, 4)).astype(np.float32), np.arange(30) % 3
    kept = TrainedHeads()
    first = kept.get("linear", Examples(embeddings, targets, 3), seed=0)
    assert kept.get("linear", Examples(embeddings.copy(), targets.copy(), 3), seed=0) is first
    assert trained == [("linear", 0)]


def test_whatever_differs_makes_another_head(trained):
    embeddings, targets = np.random.default_rng(0).normal(size=(30, 4)).astype(np.float32), np.arange(30) % 3
    kept = TrainedHeads()
    kept.get("linear", Examples(embeddings, targets, 3), seed=0)
    kept.get("linear", Examples(embeddings, targets, 3), seed=1)
    kept.get("linear", Examples(embeddings + 1, targets, 3), seed=1)
    kept.get("linear", Examples(embeddings + 1, np.roll(targets, 1), 3), seed=1)
    assert trained == [("linear", 0), ("linear", 1), ("linear", 1), ("linear", 1)]
    kept.get("linear", Examples(embeddings, targets, 3), seed=0)  # two are kept, and this one was the fourth last
    assert len(trained) == 5


def test_what_a_head_makes_of_its_neighbours_is_fitted_once():
    rng = np.random.default_rng(0)
    examples = Examples(rng.normal(size=(30, 4)).astype(np.float32), np.arange(30) % 3, 3)
    near, others = (rng.normal(size=(400, 4)).astype(np.float32) for _ in range(2))
    kept = TrainedHeads()

    def asking(neighbourhood):
        return kept.among(kept.get("linear", examples, seed=0), kept.neighbours(neighbourhood), examples)

    first = asking(near)
    assert asking(near.copy()) is first
    assert asking(others) is not first
    alone = kept.get("linear", examples, seed=0)
    again = alone.among(kept.neighbours(near), examples)
    assert np.array_equal(first.logits(examples.embeddings), again.logits(examples.embeddings))
    assert first.gaussians is not None
    assert asking(None) is alone
