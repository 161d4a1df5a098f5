from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nextlabel.core.data.lasso import inside, lasso_in


def test_points_inside_a_line_are_told_from_those_outside_and_in_its_dents():
    corners = lasso_in("0,0,4,0,4,4,2,1,0,4")  # a square with a dent from below
    assert inside([1, 2, 3, 5, 2], [1, 3, 1, 1, 0.5], corners).tolist() == [True, False, True, False, True]


@given(
    st.lists(st.tuples(st.integers(-9, 9), st.integers(-9, 9)), min_size=3, max_size=8),
    st.tuples(st.integers(-9, 9), st.integers(-9, 9)),
)
def test_where_a_line_begins_and_which_way_it_runs_changes_nothing(corners, point):
    x, y = [point[0] + 0.5], [point[1] + 0.5]
    expected = inside(x, y, corners)
    assert inside(x, y, [*corners[1:], corners[0]]) == expected
    assert inside(x, y, corners[::-1]) == expected
    box = np.array(corners)
    if not (box.min(0) <= [x[0], y[0]]).all() or not ([x[0], y[0]] <= box.max(0)).all():
        assert not expected


@pytest.mark.parametrize("text", ["", "1,2", "1,2,3,4", "1,2,3,4,5", "a,b,c,d,e,f", "nan,1,2,3,4,5"])
def test_what_is_no_line_around_anything_is_refused(text):
    with pytest.raises(ValueError, match="a lasso"):
        lasso_in(text)
