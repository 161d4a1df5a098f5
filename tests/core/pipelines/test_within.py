"""Requests that say by when they want an answer. A moment is time for one batch, of four images here."""

import json

import pytest

from nextlabel.core.data.draw import drawn_order
from nextlabel.core.errors import NameNotInPool
from nextlabel.core.kinds.results import Reached

MOMENT = 1e-9
ONE = {"method": "random", "near_copies": "allow"}


def ask(bench, kind, **fields):
    return bench.carry_out(kind, path_to_img=str(bench.root / "pool"), within_s=MOMENT, **fields)


@pytest.fixture
def drawn(bench):
    """-> the names of the pool, 30 images of three colours, as they are drawn by seed 0."""
    names = sorted(bench.pool(red=10, green=10, blue=10))
    return [names[row] for row in drawn_order(names, 0)]


def test_without_a_time_nothing_is_said_of_it(bench, drawn):
    result = bench.select(2)
    assert result.reached is None
    assert not any("Looked at" in sentence for sentence in result.sentences())


def test_what_is_embedded_in_time_is_chosen_from_and_it_is_an_even_draw(bench, drawn):
    result = bench.select(30, within_s=MOMENT, **ONE)
    assert sorted(result.data) == sorted(drawn[:4])
    assert (result.reached, result.candidates) == (Reached(images=4, of=30), 4)
    assert any(sentence.startswith("Looked at 4 of 30 images") for sentence in result.sentences())


def test_asked_again_it_chooses_among_more(bench, drawn):
    reached = [bench.select(1, within_s=MOMENT).reached.images for _ in range(4)]
    assert reached == [4, 8, 12, 16]


def test_who_reaches_all_of_the_pool_has_the_answer_without_a_time(bench, drawn):
    given = {"path_to_labels": bench.labels("red_0.png", "blue_0.png"), "exclude": ["red_1.png"]}
    timed, whole = bench.select(5, within_s=3600, **given), bench.select(5, **given)
    assert timed.reached == Reached(images=30, of=30)
    assert json.loads(timed.model_dump_json()) | {"reached": None} == json.loads(whole.model_dump_json())


def test_what_lies_in_the_cache_by_another_way_does_not_count_before_its_turn(bench, drawn):
    last = drawn[-8:]
    ask(bench, "similar", add=1, like=[last[0]], unlike=last[1:])
    result = bench.select(30, within_s=MOMENT, **ONE)
    assert set(result.data) == set(drawn[: result.reached.images])
    assert result.reached.images < 30 - 8


def test_a_labelled_image_of_each_class_is_there_and_the_other_labelled_ones_come_in_turn(bench, drawn):
    labelled = [name for name in drawn[10:] if not name.startswith("green")]
    result = bench.select(1, within_s=MOMENT, path_to_labels=bench.labels(*labelled))
    assert set(result.head.images_per_class) == {"red", "blue"}
    assert result.reached.images == 4
    more = bench.select(1, within_s=MOMENT, path_to_labels=bench.labels(*labelled))
    assert sum(more.head.images_per_class.values()) == 5, "two at first, then as many labelled ones as others"


def test_names_that_there_was_no_time_for_are_not_said_to_be_absent(bench, drawn):
    bench.select(1, within_s=MOMENT, exclude=[drawn[20], "nowhere.png"])
    (warning,) = [one for one in bench.run.warnings if one.code == "name_without_image"]
    assert warning.names == ("nowhere.png",)


def test_examples_are_embedded_whatever_the_time(bench, drawn):
    found = ask(bench, "similar", add=5, like=drawn[20:26])
    assert found.reached.images >= 6
    assert {item.like for item in found.items} <= set(drawn[20:26])
    with pytest.raises(NameNotInPool):
        ask(bench, "similar", add=1, like=["nowhere.png"])


def test_a_map_and_predictions_are_of_what_was_reached(bench, drawn):
    labels = bench.labels("red_0.png", "blue_0.png")
    predicted = ask(bench, "prediction", path_to_labels=labels)
    assert len(predicted.items) == predicted.reached.images - 2 == 2
    drawn_map = ask(bench, "map", path_to_labels=labels)
    assert len(drawn_map.names) == drawn_map.images == drawn_map.reached.images == 8


def test_an_unreadable_image_is_looked_at_and_left_out(bench, drawn):
    (bench.root / "pool" / drawn[0]).write_bytes(b"no image")
    bench.settings = bench.settings.model_copy(update={"max_unreadable_fraction": 0.5})
    result = bench.select(30, within_s=MOMENT, **ONE)
    assert sorted(result.data) == sorted(drawn[1:4])
    assert result.reached.images == 4
    assert [one.name for one in result.skipped] == [drawn[0]]
