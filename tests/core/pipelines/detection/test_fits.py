"""What detectors of several repeats come to."""

from __future__ import annotations

import numpy as np
import pytest

from nextlabel.core.data.boxes import Box, BoxedImage, Detected
from nextlabel.core.errors import NothingToValidate
from nextlabel.core.pipelines.detection.fits import Answers, map50_of


def found(*boxes):
    return Detected(
        np.array([box[:4] for box in boxes], float), np.zeros(len(boxes), np.int64), np.array([box[4] for box in boxes])
    )


def test_folds_are_scored_together_whose_mean_would_flatter():
    cat, dog = BoxedImage(99, 99, (Box("cat", 10, 10, 20, 20),)), BoxedImage(99, 99)
    first = Answers(("cat",), [cat], [found((10, 10, 20, 20, 0.3))])
    second = Answers(
        ("cat", "dog"), [cat, dog], [found((50, 50, 20, 20, 0.9), (10, 10, 20, 20, 0.5)), Detected.nothing()]
    )
    assert (map50_of([first]), map50_of([second])) == pytest.approx((1, 1 / 2))
    assert map50_of([first, second]) == pytest.approx(2 / 3)
    assert map50_of([Answers((), [cat, dog], [Detected.nothing()] * 2)]) == 0
    with pytest.raises(NothingToValidate):
        map50_of([Answers(("cat",), [dog], [Detected.nothing()])])
