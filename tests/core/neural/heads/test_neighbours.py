import numpy as np
import pytest

from nextlabel.core.neural.heads.neighbours import NEAREST, NEIGHBOURHOOD, Neighbours, neighbourhood
from nextlabel.core.neural.heads.registry import HEADS, train_head
from nextlabel.core.neural.training import Examples
from tests.core.neural.labelled import clusters


def test_the_nearest_are_those_at_the_least_angle_around_their_mean():
    corners = np.repeat(np.eye(4, dtype=np.float32), 10, axis=0) + 5  # 40 images: two have a say
    nearest = Neighbours(corners).nearest(2 * np.eye(4, dtype=np.float32) + 5)
    assert (nearest // 10 == np.arange(4)[:, None]).all()
    assert nearest.shape == (4, 2)


@pytest.mark.parametrize(("images", "most"), [(1, 1), (25, 1), (26, 2), (175, 7), (5_000, NEAREST)])
def test_in_a_small_pool_fewer_have_a_say(images, most):
    assert Neighbours(np.zeros((images, 2), np.float32)).most == most


def test_half_of_the_say_is_the_images_own():
    pool = Neighbours(np.array([[1, 0]] * 200 + [[-1, 0]] * 200, np.float32))
    own, said = np.zeros((1, 2)), np.log([[0.9, 0.1]] * 200 + [[0.2, 0.8]] * 200)
    logits = pool.join(own, said, np.array([[3, 0]], np.float32))
    assert np.exp(logits) == pytest.approx(np.array([[0.7, 0.3]]), rel=1e-4)


def test_a_stray_image_is_given_the_class_of_those_around_it():
    """One image in each class is labelled; a dimension that tells nothing sets one of them apart."""
    embeddings, targets = clusters(400, classes=2, dimension=8, spread=1.0)
    examples = Examples(embeddings[:4], targets[:4], 2)
    head = train_head("linear", examples, seed=0)
    alone = np.mean(head.logits(embeddings).argmax(axis=1) == targets)
    asking = head.among(Neighbours(embeddings), examples)
    among = np.mean(asking.logits(embeddings).argmax(axis=1) == targets)
    assert among > alone


def test_images_asked_about_together_have_no_say_in_one_another():
    embeddings, targets = clusters(300)
    examples = Examples(embeddings[:9], targets[:9], 3)
    head = train_head("linear", examples, seed=0).among(Neighbours(embeddings[:200]), examples)
    together = head.logits(embeddings[200:])
    one_by_one = np.concatenate([head.logits(embeddings[i : i + 1]) for i in range(200, 300)])
    assert together == pytest.approx(one_by_one, abs=1e-4)


def test_what_was_found_for_embeddings_that_cannot_be_written_to_is_kept():
    embeddings, _ = clusters(300)
    pool = Neighbours(embeddings[:100].copy())
    found = pool.nearest(embeddings)
    assert pool.nearest(embeddings) is not found
    embeddings.flags.writeable = False
    found = pool.nearest(embeddings)
    assert pool.nearest(embeddings) is found
    turned = embeddings[::-1]
    assert not np.array_equal(pool.nearest(turned), found)
    assert pool.nearest(embeddings) is found


@pytest.mark.parametrize("pool", [np.ones((30, 3)), np.zeros((3, 3)), np.full((60, 3), 1e10)])
def test_images_that_are_all_alike_are_neighbours_like_any(pool):
    examples = Examples(*clusters(30, dimension=3), 3)
    head = train_head("linear", examples, seed=0).among(Neighbours(pool.astype(np.float32)), examples)
    assert np.isfinite(head.logits(examples.embeddings)).all()


def test_an_even_draw_of_a_large_pool_stays_the_same_when_images_are_added():
    names = [f"{i}.jpg" for i in range(3 * NEIGHBOURHOOD)]
    before, after = ({names[row] for row in neighbourhood(names[:end])} for end in (-100, None))
    assert len(before) == len(after) == NEIGHBOURHOOD
    assert after - before <= set(names[-100:])
    assert neighbourhood(names[:10]).tolist() == list(range(10))


def test_heads_that_ask_none_are_given_none():
    examples = Examples(*clusters(30), 3)
    for name in HEADS:
        head = train_head(name, examples, seed=0).among(Neighbours(examples.embeddings), examples)
        assert (head.neighbours is not None) == (name == "linear")
