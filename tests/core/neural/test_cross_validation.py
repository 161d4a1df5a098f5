import numpy as np
import pytest

from nextlabel.core.neural.cross_validation import out_of_fold_logits
from nextlabel.core.neural.heads.registry import train_head


def blobs(per_class, n_classes=3, seed=0):
    rng = np.random.default_rng(seed)
    targets = np.repeat(np.arange(n_classes), per_class)
    return (np.eye(n_classes)[targets] * 4 + rng.normal(0, 1, (len(targets), n_classes))).astype(np.float32), targets


@pytest.mark.parametrize("name", ["linear", "mlp"])
def test_the_rows_are_right_about_images_they_have_not_seen(name):
    X, y = blobs(20)
    logits = out_of_fold_logits(train_head(name, X, y, 3, seed=0), X, y, seed=0)
    assert logits.shape == (60, 3)
    assert (logits.argmax(axis=1) == y).mean() > 0.9


def test_a_wrong_label_does_not_speak_for_itself():
    X, y = blobs(20)
    y[0] = 1  # of 0
    logits = out_of_fold_logits(train_head("linear", X, y, 3, seed=0), X, y, seed=0)
    assert logits[0].argmax() == 0


def test_a_class_of_one_image_is_thought_impossible_by_the_heads_that_never_saw_it():
    X, y = blobs(10)
    X, y = np.vstack([X, X[:1]]), np.append(y, 3)
    logits = out_of_fold_logits(train_head("linear", X, y, 4, seed=0), X, y, seed=0)
    assert logits[-1, 3] < logits[-1, :3].min() - 20


def test_two_images_of_two_classes_survive():
    X, y = blobs(1, n_classes=2)
    logits = out_of_fold_logits(train_head("linear", X, y, 2, seed=0), X, y, seed=0)
    assert np.isfinite(logits).all()


def test_a_head_like_another_has_its_strength_and_temperature():
    X, y = blobs(40)
    like = train_head("linear", X, y, 3, seed=0)
    same = like.train_like(X, y, 3, seed=0)
    assert (same.temperature, same.details["strength"]) == (like.temperature, like.details["strength"])
    assert same.strength == like.strength == like.details["strength"]
    assert np.allclose(same.logits(X), like.logits(X), atol=0.4)  # of some thirty: another start
