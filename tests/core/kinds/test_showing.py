"""Results as Python and notebooks show them."""

import re
import sys
from html import unescape

import pandas
import pytest

from nextlabel.client.hand_outs import HandOut
from nextlabel.core.kinds.results import MadeWhenAsked, as_csv
from tests.canned_results import RESULTS
from tests.core.kinds.test_results import prediction, selection


@pytest.mark.parametrize("result", RESULTS.values(), ids=list(RESULTS))
def test_the_frame_of_every_result_is_its_csv_file(result):
    frame = result.to_pandas()
    assert list(frame.columns) == list(result.header())
    assert frame.to_csv(index=False, lineterminator="\r\n") == as_csv(result)


@pytest.mark.parametrize("result", RESULTS.values(), ids=list(RESULTS))
def test_every_result_says_in_a_few_lines_what_it_comes_to(result):
    assert next(iter(result.sentences())) in repr(result)
    assert next(iter(result.sentences())) in unescape(result._repr_html_())
    assert str(result) == repr(result)


def test_a_large_prediction_is_a_few_lines_as_text_and_ten_rows_as_html():
    large = prediction(*(f"{i}.png" for i in range(2000)))
    assert repr(large) == "PredictionResult:\n  2000 images: cat: 2000.\n  2000 rows; to_pandas() has all of them"
    assert large._repr_html_().count("<tr>") == 1 + 10
    assert "and 1990 more rows" in large._repr_html_()


def test_a_sentence_that_names_a_thousand_classes_is_cut():
    items = tuple(one for i in range(1000) for one in prediction("a.png", first=f"class {i}").items)
    many = prediction("a.png").model_copy(update={"items": items})
    assert len(repr(many)) < 500
    assert len(many._repr_html_()) < 2000


def test_what_stands_in_a_file_name_is_text_in_a_notebook():
    html = selection("<script>alert(1)</script>.png")._repr_html_()
    assert "<script>" not in html
    assert "&lt;script&gt;" in html


def test_a_notebook_asks_no_host_for_what_a_result_shows():
    assert "http" not in selection("a.png")._repr_html_()
    assert "src=" not in selection("a.png")._repr_html_()


def test_parts_with_many_members_are_short_too():
    made = {"job_id": "job_1", "person": "anna", "ends_at": "2026-01-01T00:00:00Z", "left": 5000, "labelled": 0}
    assert "<5000 of them>" in repr(HandOut(**made, names=[f"{i}.png" for i in range(5000)]))
    few = prediction("a.png").items[0]
    assert "name='a.png'" in repr(few)
    assert "<" not in repr(few)


def test_members_that_are_made_when_asked_for_are_shown_as_others_are():
    made = MadeWhenAsked(5000, lambda i: prediction(f"{i}.png").items[0])
    many = prediction("a.png").model_copy(update={"items": made})
    assert repr(dict(many.__repr_args__())["items"]) == repr(made) == "<5000 of them>"
    few = MadeWhenAsked(2, lambda i: prediction(f"{i}.png").items[0])
    assert repr(few) == repr(tuple(few))


def test_without_pandas_it_is_said_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)  # as Python notes what can't be imported
    with pytest.raises(ModuleNotFoundError, match=re.escape("pip install 'nextlabel[pandas]'")):
        prediction("a.png").to_pandas()


def test_numbers_stay_numbers_in_a_frame():
    frame = prediction("a.png").to_pandas()
    assert pandas.api.types.is_float_dtype(frame.confidence)
