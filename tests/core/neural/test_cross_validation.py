import numpy as np
import pytest

from nextlabel.core.neural.cross_validation import out_of_fold_logits
from nextlabel.core.neural.heads.registry import train_head
from nextlabel.core.neural.training import Examples


def blobs(per_class, n_classes=3, seed=0):
    rng = np.random.default_rng(seed)
    targets = np.repeat(np.arange(n_classes), per_class)
    return (np.eye(n_classes)[targets] * 4 + rng.normal(0, 1, (len(targets), n_classes))).astype(np.float32), targets


def judged(name, X, y):
    examples = Examples(X, y, y.max() + 1)
    return out_of_fold_logits(train_head(name, examples, seed=0), examples, seed=0)


@pytest.mark.parametrize("name", ["linear", "mlp"])
def test_the_rows_are_right_about_images_they_have_not_seen(name):
    X, y = blobs(20)
    logits = judged(name, X, y)
    assert logits.shape == (60, 3)
    assert (logits.argmax(axis=1) == y).mean() > 0.9


def test_a_wrong_label_does_not_speak_for_itself():
    X, y = blobs(20)
    y[0] = 1  # of 0
    logits = judged("linear", X, y)
    assert logits[0].argmax() == 0


def test_a_class_of_one_image_is_thought_impossible_by_the_heads_that_never_saw_it():
    X, y = blobs(10)
    X, y = np.vstack([X, X[:1]]), np.append(y, 3)
    logits = judged("linear", X, y)
    assert logits[-1, 3] < logits[-1, :3].min() - 20


def test_two_images_of_two_classes_survive():
    assert np.isfinite(judged("linear", *blobs(1, n_classes=2))).all()


def test_a_head_like_another_has_its_strength_and_temperature():
    X, y = blobs(40)
    like = train_head("linear", Examples(X, y, 3), seed=0)
    same = like.train_like(Examples(X, y, 3), seed=0)
    assert (same.temperature, same.details["strength"]) == (like.temperature, like.details["strength"])
    assert same.strength == like.strength == like.details["strength"]
    assert np.allclose(same.logits(X), like.logits(X), atol=0.4)  # of some thirty: another start
