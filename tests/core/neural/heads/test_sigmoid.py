import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import Ridge

from nextlabel.core.neural.heads import sigmoid
from nextlabel.core.neural.heads.sigmoid import left_out_logits, train_sigmoids
from nextlabel.core.neural.training import Examples


@st.composite
def labelled_sets(draw: st.DrawFn):
    """Few images; each class occurs, and not all images say the same. Some embeddings are alike, or far off."""
    images, classes = draw(st.integers(2, 9)), draw(st.integers(1, 4))
    rng = np.random.default_rng(draw(st.integers(0, 999)))
    said = rng.random((images, classes)) < draw(st.sampled_from([0.1, 0.5, 0.9]))
    said[rng.integers(images, size=classes), np.arange(classes)] = True
    said[0, 0] = not said[1:, 0].all()
    embeddings = rng.normal(size=(images, draw(st.integers(1, 12))))
    embeddings = embeddings * draw(st.sampled_from([0, 1e-20, 1, 1e10])) + draw(st.sampled_from([0, 1e-3, 1e6]))
    return embeddings.astype(np.float32), said


def photos(images=80, classes=4, seed=0):
    """Each class adds its own direction to an embedding."""
    rng = np.random.default_rng(seed)
    said = rng.random((images, classes)) < 0.3
    return (said @ (3 * np.eye(classes, 12)) + rng.normal(size=(images, 12))).astype(np.float32), said


@settings(max_examples=60, deadline=None)
@given(labelled=labelled_sets())
def test_it_survives_any_labels_and_is_a_function_of_them(labelled):
    embeddings, said = labelled
    before = embeddings.copy()
    examples = Examples(embeddings, said, said.shape[1])
    heads = [train_sigmoids("linear", examples, seed=seed) for seed in (0, 1)]
    one, other = (head.logits(embeddings) for head in heads)
    np.testing.assert_array_equal(one, other)
    np.testing.assert_array_equal(embeddings, before)
    assert one.shape == said.shape
    assert one.dtype == np.float32
    assert np.isfinite(one).all()
    assert ((heads[0].thresholds > 0) & (heads[0].thresholds < 1)).all()
    assert np.isfinite(left_out_logits(heads[0], examples, seed=0)).all()


def test_classes_are_found_again_alone_and_together():
    embeddings, said = photos(200)
    others, truth = photos(200, seed=1)
    head = train_sigmoids("linear", Examples(embeddings, said, 4), seed=0)
    decided = 1 / (1 + np.exp(-head.logits(others))) >= head.thresholds
    assert (decided == truth).mean() > 0.9


@pytest.mark.parametrize("dimension", [5, 40])
def test_the_scores_of_images_left_out_are_those_of_regressions_without_them(dimension):
    """The closed form against doing it: with fewer dimensions than images, and with more."""
    rng = np.random.default_rng(0)
    X = sigmoid._at_unit_length(rng.normal(size=(12, dimension)).astype(np.float32))
    said = rng.random((12, 3)) < 0.5
    held_out, losses = sigmoid._Regression.of(X, said).left_out()
    wide = np.concatenate([X, np.ones((12, 1))], axis=1)
    answers = np.where(said, 1.0, -1.0)
    for s, ridge in enumerate(sigmoid.RIDGES):
        for i in range(12):
            kept = np.arange(12) != i
            fit = Ridge(alpha=ridge, fit_intercept=False).fit(wide[kept], answers[kept])
            np.testing.assert_allclose(held_out[s, i], fit.predict(wide[i : i + 1])[0], atol=2e-4)
    np.testing.assert_allclose(losses, ((held_out - answers) ** 2).mean(axis=1), rtol=1e-3, atol=1e-5)


def test_probabilities_are_as_often_right_as_they_say():
    embeddings, said = photos(300)
    others, truth = photos(2_000, seed=1)
    head = train_sigmoids("linear", Examples(embeddings, said, 4), seed=0)
    probabilities = 1 / (1 + np.exp(-head.logits(others)))
    for low in np.arange(0, 1, 0.2):
        there = (probabilities >= low) & (probabilities < low + 0.2)
        assert abs(probabilities[there].mean() - truth[there].mean()) < 0.1


def test_a_class_of_one_image_survives_and_that_image_is_the_likeliest_to_have_it():
    embeddings, said = photos(60, classes=3)
    said[:, 2] = False
    said[7, 2] = True
    embeddings[7, 2] += 5
    logits = train_sigmoids("linear", Examples(embeddings, said, 3), seed=0).logits(embeddings)
    assert logits[:, 2].argmax() == 7


def test_a_class_that_every_image_has_is_given_to_every_image():
    embeddings, said = photos(60, classes=3)
    said[:, 0] = True
    head = train_sigmoids("linear", Examples(embeddings, said, 3), seed=0)
    others, _ = photos(200, classes=3, seed=1)
    assert (1 / (1 + np.exp(-head.logits(others)[:, 0])) >= head.thresholds[0]).all()


def test_a_threshold_is_the_median_of_three():
    """Best for the images' own F1: (0.4, 0.6]. Best for the F1 to expect: (0.2, 0.4]. As many as have it: 0.7."""
    probabilities = np.array([[0.9], [0.8], [0.6], [0.4], [0.2], [0.1]])
    said = np.array([[True], [False], [True], [False], [False], [False]])
    assert sigmoid._own_thresholds(probabilities, said) == pytest.approx([0.5], abs=0.011)
    assert sigmoid._as_many(probabilities, said) == pytest.approx([0.7])
    said = said[::-1]  # 0.4 and 0.1 have it: best for their F1 is to give it to all; the other two are as before
    assert sigmoid._own_thresholds(probabilities, said) == pytest.approx([0.3], abs=0.011)


def test_no_image_tells_of_itself_what_it_was_left_out_for():
    """One wrong label among many: the image's own score goes against it."""
    embeddings, said = photos(200)
    said[3] = ~said[3]
    examples = Examples(embeddings, said, 4)
    logits = left_out_logits(train_sigmoids("linear", examples, seed=0), examples, seed=0)
    assert ((logits[3] > 0) != said[3]).mean() >= 0.75


@pytest.mark.parametrize(
    ("name", "embeddings", "said", "says"),
    [
        ("mlp", np.zeros((2, 3)), [[1], [0]], "there is linear"),
        ("linear", np.zeros((2, 3)), [[1], [0], [1]], "fit together"),
        ("linear", np.zeros((2, 3)), [[1, 0], [0, 0]], "each of the 2"),
        ("linear", np.zeros((2, 3)), [[1], [1]], "two classes"),
        ("linear", np.array([[0.0], [np.nan]]), [[1], [0]], "not finite"),
    ],
)
def test_inputs_that_break_the_terms_are_refused(name, embeddings, said, says):
    said = np.array(said, bool)
    with pytest.raises(ValueError, match=says):
        train_sigmoids(name, Examples(embeddings.astype(np.float32), said, said.shape[1]), seed=0)
