import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from nextlabel.core.embeddings.descriptor import BLOCKS, DIMENSION, SIDE, describe, describe_batch

Image = NDArray[np.uint8]

# Coarse images of few values, enlarged: flat regions, corners and noise, in as few choices as hypothesis likes
any_image = st.sampled_from([1, 2, 4, 16, SIDE]).flatmap(
    lambda side: arrays(np.uint8, (side, side, 3)).map(lambda image: enlarged(image, SIDE // side))
)


@settings(max_examples=40, deadline=None)
@given(any_image)
def test_any_image_gives_a_finite_vector_that_is_the_same_again_and_leaves_the_image_alone(image: Image):
    before = image.copy()
    descriptor = describe(image)
    assert descriptor.shape == (DIMENSION,)
    assert descriptor.dtype == np.float32
    assert np.isfinite(descriptor).all()
    assert np.array_equal(descriptor, describe(image))
    assert np.array_equal(image, before)


@settings(max_examples=20, deadline=None)
@given(st.lists(any_image, min_size=1, max_size=5))
def test_a_row_of_a_batch_is_the_image_described_alone(images: list[Image]):
    assert np.array_equal(describe_batch(np.stack(images)), np.stack([describe(image) for image in images]))


@settings(max_examples=20, deadline=None)
@given(any_image)
def test_shape_is_blind_to_mirroring(image: Image):
    here, mirrored = blocks(image), blocks(image[:, ::-1])
    assert np.allclose(here["shape"], mirrored["shape"], atol=1e-2)  # a square root makes much of rounding at zero


def test_the_outline_tells_left_from_right():
    slope = np.tri(SIDE, dtype=np.uint8)[..., None].repeat(3, axis=2) * 255
    assert np.abs(blocks(slope)["outline"] - blocks(slope[:, ::-1])["outline"]).max() > 0.1


@pytest.mark.parametrize("value", [0, 1, 128, 255])
def test_a_flat_image_has_colour_and_nothing_else(value: int):
    flat = blocks(np.full((SIDE, SIDE, 3), value, np.uint8))
    assert not flat["outline"].any()
    assert not flat["shape"].any()
    mean, spread = flat["colour"].reshape(2, 3, -1)
    assert np.allclose(mean[0], 0.5 * (value / 255) ** 0.5, atol=1e-5)
    assert np.allclose(mean[1:], 0, atol=1e-5)
    assert np.allclose(spread, 0, atol=1e-3)


def test_an_upright_edge_falls_to_the_first_orientation_and_a_level_one_to_the_middle_one():
    upright = np.zeros((SIDE, SIDE, 3), np.uint8)
    upright[:, SIDE // 2 :] = 255
    orientations = [
        blocks(image)["outline"].reshape(8, 6, 6).sum(axis=(1, 2)) for image in (upright, upright.swapaxes(0, 1))
    ]
    assert [int(histogram.argmax()) for histogram in orientations] == [0, 4]


def test_a_red_image_differs_from_a_green_one_by_its_colour_alone():
    red, green = (blocks(np.broadcast_to(np.array(colour, np.uint8), (SIDE, SIDE, 3))) for colour in (RED, GREEN))
    assert np.array_equal(red["shape"], green["shape"])
    assert np.abs(red["colour"] - green["colour"]).max() > 0.4


def test_a_moved_blob_stays_nearer_than_another_figure():
    disc, moved, cross = (drawn(figure) for figure in ("disc", "moved", "cross"))
    assert distance(disc, moved) < 0.7 * distance(disc, cross)


@pytest.mark.parametrize(
    "wrong", [np.zeros((SIDE, SIDE), np.uint8), np.zeros((32, 32, 3), np.uint8), np.zeros((SIDE, SIDE, 3))]
)
def test_another_shape_or_type_is_refused(wrong: Image):
    with pytest.raises(ValueError, match="expected uint8"):
        describe(wrong)


RED, GREEN = (200, 0, 0), (0, 200, 0)


def enlarged(image: Image, times: int) -> Image:
    return image.repeat(times, axis=0).repeat(times, axis=1)


def blocks(image: Image) -> dict[str, NDArray[np.float32]]:
    ends = np.cumsum(list(BLOCKS.values()))[:-1]
    return dict(zip(BLOCKS, np.split(describe(image), ends), strict=True))


def drawn(figure: str) -> Image:
    y, x = np.mgrid[:SIDE, :SIDE] - SIDE // 2
    inside = {
        "disc": x**2 + y**2 < 18**2,
        "moved": (x - 4) ** 2 + (y + 3) ** 2 < 18**2,
        "cross": (np.minimum(abs(x), abs(y)) < 6) & (np.maximum(abs(x), abs(y)) < 26),
    }[figure]
    return np.where(inside[..., None], 220, 40).repeat(3, axis=2).astype(np.uint8)


def distance(first: Image, second: Image) -> float:
    return float(np.linalg.norm(describe(first) - describe(second)))
