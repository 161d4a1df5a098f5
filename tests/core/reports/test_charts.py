"""Charts are SVG that parses, shows what the result says, and asks no host."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest

from nextlabel.core.reports.charts import MOST_POINTS, chart_of, confusion, map_of_pool
from tests.canned_results import LEARNING_CURVE, MAP, RESULTS

SVG = "{http://www.w3.org/2000/svg}"


@pytest.mark.parametrize("kind", RESULTS)
def test_what_is_drawn_is_svg_without_addresses(kind):
    drawn = chart_of(RESULTS[kind])
    assert (drawn is None) == (kind not in ("learning_curve", "f1", "map"))
    if drawn is not None:
        assert ET.fromstring(drawn).tag == f"{SVG}svg"
        assert "href" not in drawn
        assert "url(" not in drawn


def test_a_curve_has_a_dot_a_size_and_a_band_ahead():
    root = ET.fromstring(chart_of(LEARNING_CURVE))
    assert len(root.findall(f"{SVG}circle")) == len(LEARNING_CURVE.points)
    assert len(root.findall(f"{SVG}polygon")) == 1


def test_a_forecast_that_can_t_be_told_is_not_drawn():
    untold = LEARNING_CURVE.now.model_copy(update={"f1_macro": None, "low": 0.0, "high": 1.0})
    result = LEARNING_CURVE.model_copy(update={"now": untold, "forecast": ()})
    assert ET.fromstring(chart_of(result)).findall(f"{SVG}polygon") == []


def test_a_map_of_a_million_images_shows_an_even_part():
    n = MOST_POINTS * 3
    columns = {
        "names": tuple(map(str, range(n))),
        "x": tuple(map(float, range(n))),
        "y": (0.0,) * n,
        "classes": (0,) * n,
    }
    drawn = map_of_pool(MAP.model_copy(update=columns))
    assert drawn.count("<circle") <= MOST_POINTS + 10
    assert len(drawn) < 600_000


def test_names_of_classes_are_text():
    result = RESULTS["f1"]
    named = result.confusion.model_copy(update={"classes": ("<b>", *result.confusion.classes[1:])})
    drawn = confusion(result.model_copy(update={"confusion": named}))
    assert "<b>" not in drawn
    ET.fromstring(drawn)
