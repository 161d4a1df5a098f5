import numpy as np
import pytest
import timm
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image

from nextlabel.core.neural import crops
from nextlabel.core.neural.crops import REACH, Crop, Cut, resize_matrices
from tests.core.neural.photos import assert_the_same_but_for_rounding, config, smooth

CPU = torch.device("cpu")


def by_timm(config, image):
    transform = timm.data.create_transform(**config, is_training=False, normalize=False)
    return transform(image).permute(1, 2, 0).numpy()


def resize_matrix(cut, interpolation):
    (matrix,) = resize_matrices([cut], interpolation, cut.length, CPU)
    return matrix.double()


def by_pillow(crop, image):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(crops, "TORCH_RESIZES", False)
        return crop(image)


def by_matrices(crop, image):
    vertical, horizontal = crop.cuts(image.height, image.width)
    pixels = torch.from_numpy(np.array(image, np.float64)).permute(2, 0, 1)
    pixels = (pixels @ resize_matrix(horizontal, crop.interpolation).T).round().clamp(0, 255)
    pixels = (resize_matrix(vertical, crop.interpolation) @ pixels).round().clamp(0, 255)
    return pixels.permute(1, 2, 0).numpy()


@settings(deadline=None, max_examples=60)
@given(
    crop_mode=st.sampled_from(["center", "squash"]),
    interpolation=st.sampled_from(sorted(REACH)),
    crop_pct=st.sampled_from([0.875, 0.95, 1.0]),
    size=st.sampled_from([(48, 48), (32, 64)]),
    width=st.integers(3, 300),
    height=st.integers(3, 300),
)
@example(crop_mode="center", interpolation="bicubic", crop_pct=0.875, size=(48, 48), width=48, height=48)
@example(crop_mode="center", interpolation="bicubic", crop_pct=0.9, size=(48, 48), width=2000, height=3)
def test_by_torch_by_pillow_or_by_matrices_it_is_what_timm_makes_of_the_whole_image(
    crop_mode, interpolation, crop_pct, size, width, height
):
    one = config(crop_mode, interpolation, crop_pct, size)
    crop, image = Crop.of(one), smooth(width, height)
    theirs = by_timm(one, image)
    assert crop(image).shape == by_pillow(crop, image).shape == theirs.shape == (*size, 3)
    assert_the_same_but_for_rounding(crop(image), theirs)
    assert_the_same_but_for_rounding(by_pillow(crop, image), theirs)
    assert_the_same_but_for_rounding(by_matrices(crop, image), theirs)


@pytest.mark.skipif(not crops.TORCH_RESIZES, reason="PyTorch resizes where it has AVX2 only")
@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
@pytest.mark.parametrize("shape", [(298, 224), (400, 533), (90, 120)])
def test_torch_gives_the_pixels_of_pillow_but_for_a_few_levels(interpolation, shape):
    crop, image = Crop.of(config(interpolation=interpolation, size=(224, 224))), smooth(*shape)
    apart = np.abs(crop(image).astype(int) - by_pillow(crop, image).astype(int))
    assert 0 < apart.max() <= 2  # 0: torch was not asked
    assert apart.mean() < 0.1


def test_a_long_narrow_image_is_not_enlarged_as_a_whole(monkeypatch):
    """Its 10 x 3,000 pixels would become 256 x 76,800."""
    monkeypatch.setattr(crops.F, "interpolate", None)
    assert Crop.of(config(size=(224, 224)))(smooth(3000, 10)).shape == (224, 224, 3)


def test_a_very_large_image_is_not_copied_for_pytorch(monkeypatch):
    monkeypatch.setattr(crops.F, "interpolate", None)
    monkeypatch.setattr(crops, "MOST_PIXELS_COPIED", 300 * 400 - 1)
    assert Crop.of(config(size=(224, 224)))(smooth(300, 400)).shape == (224, 224, 3)


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((400, 533), (Cut(400, 56, 4, 48), Cut(533, 74, 13, 48))),  # int(56 * 533 / 400) = 74
        ((56, 56), (Cut(56, 56, 4, 48), Cut(56, 56, 4, 48))),
        ((200, 100), (Cut(200, 112, 32, 48), Cut(100, 56, 4, 48))),
    ],
)
def test_the_middle_is_cut_out_where_torchvision_cuts(size, expected):
    """56 = 48 / 0.875 rounded up; the start is half of what is left."""
    assert Crop.of(config(crop_pct=48 / 56)).cuts(*size) == expected


def test_what_timm_does_in_another_way_is_left_to_timm():
    assert Crop.of(config(crop_mode="border")) is None
    assert Crop.of(config(interpolation="hamming")) is None


def test_a_matrix_halves_an_axis_as_the_triangle_filter_does():
    """Four pixels to two: a pixel of the new scale reaches 2 old ones to each side of its middle, at 1 and 3."""
    matrix = resize_matrix(Cut(4, 2, 0, 2), "bilinear")
    outer, inner = 0.25, 0.75  # 1 - distance / 2, distances 1.5 and 0.5
    first = np.array([inner, inner, outer, 0]) / (2 * inner + outer)
    np.testing.assert_allclose(matrix.numpy(), [first, first[::-1]], rtol=1e-6)


def test_matrices_of_several_axes_take_nothing_from_beyond_an_axis_end():
    short, long = Cut(4, 2, 0, 2), Cut(6, 3, 1, 2)
    both = resize_matrices([short, long], "bicubic", 6, CPU)
    assert both.shape == (2, 2, 6)
    assert (both[0, :, 4:] == 0).all()
    np.testing.assert_array_equal(both[0, :, :4], resize_matrix(short, "bicubic"))
    np.testing.assert_array_equal(both[1], resize_matrix(long, "bicubic"))


@given(length=st.integers(1, 200), resized=st.integers(2, 200), interpolation=st.sampled_from(sorted(REACH)))
def test_the_rows_of_a_matrix_sum_to_one(length, resized, interpolation):
    matrix = resize_matrix(Cut(length, resized, 0, resized), interpolation)
    assert matrix.shape == (resized, length)
    np.testing.assert_allclose(matrix.sum(dim=1).numpy(), 1, rtol=1e-5)


def test_an_image_as_thin_as_a_hair_is_cut_to_its_middle():
    image = Image.new("RGB", (9000, 10))
    image.paste((255, 0, 0), (4480, 0, 4520, 10))
    assert (Crop.of(config())(image)[..., 0] > 250).all()
