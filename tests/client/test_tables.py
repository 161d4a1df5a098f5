"""What a person is shown of each kind of result."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from nextlabel.client.tables import ROWS, show
from tests.api.support import prediction_result, selection_result
from tests.canned_results import RESULTS


def shown(result, width=120):
    text = io.StringIO()
    show(result, Console(file=text, width=width))
    return text.getvalue()


@pytest.mark.parametrize("kind", RESULTS)
def test_every_kind_of_result_comes_to_a_sentence_and_a_table(kind):
    sentences = list(RESULTS[kind].sentences())
    assert sentences
    assert all(sentence.endswith(".") for sentence in sentences)
    text = shown(RESULTS[kind])
    assert all(sentence in text for sentence in sentences)
    assert "━" in text


def test_the_sentences_say_what_matters():
    assert list(RESULTS["prediction"].sentences()) == ["2 images: cat: 1, dog: 1."]
    (score,) = RESULTS["f1"].sentences()
    assert score.startswith("Macro F1 0.875 (95 %: 0.800 to 0.900) on 4 images")
    assert list(RESULTS["learning_curve"].sentences()) == ["Go on: 100 more labels should bring about 0.1."]
    assert list(RESULTS["label_check"].sentences())[1:] == [
        "Names with several classes: 1.",
        "Groups of near-copies that disagree: 1.",
        "Labelled images that are (nearly) validation images, too: 1.",
    ]


def test_of_many_rows_the_first_are_shown_and_the_rest_counted():
    text = shown(prediction_result(*((f"{i}.png", "cat") for i in range(ROWS + 5))))
    assert "and 5 more; --output FILE has them all" in text
    assert f" {ROWS - 1}.png" in text
    assert f" {ROWS}.png" not in text


def test_a_name_is_never_cut_nor_read_as_markup():
    name = "[bold]" + "x" * 100 + ".png"
    text = shown(selection_result((name, "cat")), width=80)
    cells = [line.split("│")[2].strip() for line in text.splitlines() if line.count("│") > 2]
    assert "".join(cells) == name


def test_what_a_terminal_obeys_is_written_out_in_names_and_sentences():
    text = shown(prediction_result(("\x1b]0;title\x07.png", "\x1b[31mcat"), ("\u202egnp.exe.png", "день\u200dночь")))
    assert not {"\x1b", "\x07", "\u202e"}.intersection(text)
    assert r"\x1b]0;title\x07.png" in text
    assert r"\u202egnp.exe.png" in text
    assert r"\x1b[31mcat: 1" in text
    assert "день\u200dночь" in text


def test_a_learning_curve_tells_measured_from_forecast_and_an_audit_what_is_saved():
    curve = shown(RESULTS["learning_curve"])
    assert "measured" in curve
    assert "forecast: 100 more" in curve
    assert "38 % (25 to 47)" in shown(RESULTS["audit"])
