import numpy as np
import pytest

from nextlabel.core.neural.precision import calibration_images, cpu_has, precisions


@pytest.mark.parametrize(
    ("setting", "shown", "tried"),
    [
        ("exact", "int8", ("float32",)),
        ("fast", "float32", ("int8", "bfloat16", "float32")),
        ("auto", "float32", ("float32",)),
        ("auto", "bfloat16", ("bfloat16", "float32")),
        ("auto", "int8", ("int8", "float32")),
    ],
)
def test_auto_tries_what_was_shown_and_fast_whatever_is_narrower(setting, shown, tried):
    assert precisions(setting, shown) == tried


def test_a_cpu_without_the_arithmetic_is_known_by_what_openvino_lists():
    assert not cpu_has("bfloat16", ["FP32", "INT8"])
    assert not cpu_has("int8", ["FP32", "BF16"])
    assert cpu_has("float32", [])


def test_calibration_images_are_always_the_same_and_no_two_are_alike():
    first, again = (np.stack(list(calibration_images((48, 64, 3), 4))) for _ in range(2))
    assert (first.shape, first.dtype) == ((4, 48, 64, 3), np.uint8)
    np.testing.assert_array_equal(first, again)
    assert all(image.std() > 5 for image in first)
    assert not any((first[0] == other).all() for other in first[1:])
