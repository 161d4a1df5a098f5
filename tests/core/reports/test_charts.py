"""Charts are SVG that parses, shows what the result says, and asks no host."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

import pytest

from nextlabel.core.kinds.registry import KINDS
from nextlabel.core.reports.charts import MOST_POINTS, chart_of, confusion, f1_by_class, is_drawn, map_of_pool
from nextlabel.core.reports.pictures import png_of
from tests.canned_results import AGREEMENT, BOXES_AUDIT, BOXES_F1, LEARNING_CURVE, MAP, RESULTS

SVG = "{http://www.w3.org/2000/svg}"


@pytest.mark.parametrize("kind", RESULTS)
def test_what_is_drawn_is_svg_without_addresses(kind):
    drawn = chart_of(RESULTS[kind])
    assert (drawn is None) == (kind not in ("learning_curve", "f1", "map", "audit", "agreement"))
    if drawn is not None:
        assert ET.fromstring(drawn).tag == f"{SVG}svg"
        assert "href" not in drawn
        assert "url(" not in drawn


def test_a_curve_has_a_dot_a_size_and_a_band_ahead():
    root = ET.fromstring(chart_of(LEARNING_CURVE))
    assert len(root.findall(f"{SVG}circle")) == len(LEARNING_CURVE.points)
    assert len(root.findall(f"{SVG}polygon")) == 1


def test_what_folds_come_to_together_lies_on_its_line_though_each_alone_comes_to_more():
    points = tuple(one.model_copy(update={"f1_macro": 0.5, "repeats": (0.6, 0.7)}) for one in LEARNING_CURVE.points)
    root = ET.fromstring(chart_of(LEARNING_CURVE.model_copy(update={"points": points})))
    dots = [float(dot.attrib["cy"]) for dot in root.findall(f"{SVG}circle")]
    lines = [re.findall(r"M[\d.]+ ([\d.]+)V([\d.]+)$", path.attrib["d"]) for path in root.findall(f"{SVG}path")]
    ends = [sorted(map(float, one[0])) for one in lines if one]
    assert len(ends) >= len(dots)
    assert all(any(top <= y <= bottom for top, bottom in ends) for y in dots)


def texts_of(drawn):
    return [one.text for one in ET.fromstring(drawn).iter(f"{SVG}text")]


def words_of(drawn):
    return " ".join(texts_of(drawn))


def test_title_axes_and_intervals_stand_in_the_picture():
    curve = words_of(chart_of(LEARNING_CURVE))
    assert "macro F1 by the number of labels: measured, with its repeats, and forecast with its 95 % range" in curve
    assert {"labels", "macro F1"} <= {one.text for one in ET.fromstring(chart_of(LEARNING_CURVE)).iter(f"{SVG}text")}
    scores = RESULTS["f1"].per_class[0].model_copy(update={"f1_interval": (0.1, 0.9)})
    f1 = words_of(f1_by_class(RESULTS["f1"].model_copy(update={"per_class": (scores,)})))
    assert "Macro F1 0.875 (95 %: 0.800 to 0.900) on 4 images" in f1
    assert "0.67 (0.10 to 0.90), 2 images" in f1
    assert "can't be told, 1 shared images" in words_of(chart_of(AGREEMENT))
    boxes = words_of(chart_of(BOXES_F1))
    assert "mAP@50 0.800 (95 %: 0.700 to 0.900) on 4 boxes of 3 images" in boxes
    assert {"missed", "nothing there"} <= {*re.findall("missed|nothing there", boxes)}


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_what_is_drawn_of_a_kind_is_drawn_for_all_its_tasks(kind):
    assert len({is_drawn(kind.result_of(task)) for task in kind.tasks}) == 1


def test_an_audit_of_boxes_is_drawn_by_boxes_and_map50():
    drawn = chart_of(BOXES_AUDIT)
    assert {"boxes", "mAP@50", "random", "det_sum: +0.050 (+0.020 to +0.080)"} <= {*texts_of(drawn)}
    assert len(ET.fromstring(drawn).findall(f"{SVG}polyline")) == 2


def test_a_png_is_the_same_picture_in_pixels():
    pytest.importorskip("resvg_py")
    assert png_of(chart_of(MAP)).startswith(b"\x89PNG")


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
