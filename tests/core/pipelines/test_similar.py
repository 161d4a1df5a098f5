import pytest

from nextlabel.core.errors import InvalidRequest, NameNotInPool
from nextlabel.core.kinds.results import as_csv, as_labels
from tests.pools import draw
from tests.text_side import NAME


def similar(bench, like, **fields):
    fields = {"add": 4, "path_to_img": str(bench.root / "pool"), **fields}
    return bench.carry_out("similar", like=like, **fields)


def test_images_of_the_example_s_kind_come_first(bench):
    draw(bench.root / "pool", red=5, blue=30, green=30)
    result = similar(bench, ["red_0.png"])
    assert sorted(result.data) == ["red_1.png", "red_2.png", "red_3.png", "red_4.png"]
    assert [item.rank for item in result.items] == [1, 2, 3, 4]
    assert {item.like for item in result.items} == {"red_0.png"}
    assert [item.score for item in result.items] == sorted((item.score for item in result.items), reverse=True)


def test_counterexamples_push_their_kind_down(bench):
    draw(bench.root / "pool", red=6, blue=20, green=20)
    mixed = similar(bench, ["red_0.png", "green_0.png"], add=10)
    only_red = similar(bench, ["red_0.png", "green_0.png"], unlike=["green_1.png", "green_2.png"], add=5)
    assert {name.partition("_")[0] for name in mixed.data} == {"red", "green"}
    assert {name.partition("_")[0] for name in only_red.data} == {"red"}
    assert all(0 <= item.score <= 1 for item in only_red.items)


def test_labelled_images_are_returned_only_when_asked_for_and_with_their_class(bench):
    draw(bench.root / "pool", red=4, blue=4)
    labels = bench.labels("red_1.png", "blue_1.png")
    assert "red_1.png" not in similar(bench, ["red_0.png"], path_to_labels=labels).data
    everything = similar(bench, ["red_0.png"], path_to_labels=labels, among="all", add=7)
    assert {item.name: item.class_name for item in everything.items}["red_1.png"] == "red"
    assert everything.candidates == 7


def test_neither_examples_nor_excluded_images_are_returned(bench):
    draw(bench.root / "pool", red=5)
    result = similar(bench, ["red_0.png"], unlike=["red_1.png"], exclude=["red_2.png"], add=10)
    assert sorted(result.data) == ["red_3.png", "red_4.png"]


def test_an_example_that_the_pool_has_not_is_warned_of(bench):
    draw(bench.root / "pool", red=3)
    similar(bench, ["red_0.png", "gone.png"])
    assert bench.warning("name_without_image").names == ("gone.png",)


def test_without_any_example_in_the_pool_there_is_nothing_to_compare_with(bench):
    draw(bench.root / "pool", red=3)
    with pytest.raises(NameNotInPool, match=r"none of the images to find more like; the first is 'gone\.png'"):
        similar(bench, ["gone.png"])
    assert {progress.stage for progress in bench.told} == {"read"}  # nothing was embedded to find that out


def test_a_pool_of_the_examples_alone_has_nothing_similar(bench):
    draw(bench.root / "pool", red=2)
    result = similar(bench, ["red_0.png"], unlike=["red_1.png"])
    assert (result.data, result.candidates) == ((), 0)
    assert as_csv(result).splitlines() == ["rank,name,score,like,class"]
    assert as_labels(result) is None


def test_a_text_finds_the_images_it_tells_of(knows_red_and_blue):
    bench = knows_red_and_blue
    draw(bench.root / "pool", red=3, blue=3)
    fields = {"path_to_img": str(bench.root / "pool"), "backbone": NAME, "add": 3}
    found = bench.carry_out("similar", like_text=["blue!"], **fields)
    assert sorted(found.data) == ["blue_0.png", "blue_1.png", "blue_2.png"]
    assert {item.like for item in found.items} == {"blue!"}
    assert found.items[0].score > 0
    both = bench.carry_out("similar", like_text=["blue", "red"], **{**fields, "add": 6})
    assert all(item.name.startswith(item.like) for item in both.items)
    assert found.manifest.texts
    assert both.manifest.texts == found.manifest.texts
    with pytest.raises(InvalidRequest, match="reads English, and can't spell 1 of these texts: 'синий'"):
        bench.carry_out("similar", like_text=["blue", "синий"], **fields)
