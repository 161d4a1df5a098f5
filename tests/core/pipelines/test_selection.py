import pytest
from PIL import Image

from core.errors import EmptyPool, LabelsConflict, LabelsMalformed, PathNotAllowed, PathNotFound
from core.jobs.results import result_adapter
from tests.pools import draw, spoil


def test_with_nothing_labelled_images_are_drawn_by_chance_and_the_answer_says_why(bench):
    names = bench.pool(red=5, blue=5)
    result = bench.select(add=4)
    assert len(set(result.data)) == 4
    assert set(result.data) <= set(names)
    assert (result.method.asked, result.method.name) == ("margin", "random")
    assert result.method.why == "nothing is labelled yet, so no head can be unsure of anything"
    assert (result.head, result.manifest.head, result.candidates) == (None, None, 10)
    assert {item.reason for item in result.items} == {f"drawn by chance: {result.method.why}"}
    assert {(item.predicted, item.confidence, item.top) for item in result.items} == {(None, None, ())}


def test_an_empty_labels_file_is_the_same_as_none(bench):
    bench.pool(red=5, blue=5)
    assert bench.select(path_to_labels=bench.labels()).data == bench.select().data


def test_with_one_class_images_are_drawn_by_chance_and_the_answer_says_why(bench):
    bench.pool(red=5, blue=5)
    result = bench.select(path_to_labels=bench.labels("red_0.png", "red_1.png"))
    assert result.method.name == "random"
    assert result.method.why.startswith("only one class is labelled")
    assert (result.head, result.candidates) == (None, 8)


def test_chance_that_was_asked_for_says_so_and_still_shows_what_the_head_thinks(bench):
    names = bench.pool(red=5, blue=5)
    result = bench.select(method="random", path_to_labels=bench.labels(*names[:8]))
    assert (result.method.name, result.method.why) == ("random", "as asked")
    assert [(item.reason, item.predicted) for item in result.items] == [("drawn by chance", "red")] * 2


def test_with_two_classes_the_most_uncertain_images_come_first(bench):
    bench.pool(red=6, blue=6)
    red, blue = (Image.open(bench.root / "pool" / name) for name in ("red_0.png", "blue_0.png"))
    Image.blend(red, blue, 0.5).save(bench.root / "pool" / "neither.png")
    labels = bench.labels(*(f"{colour}_{i}.png" for colour in ("red", "blue") for i in range(4)))
    result = bench.select(path_to_labels=labels)
    assert result.data[0] == "neither.png"
    assert (result.method.name, result.method.why, result.candidates) == ("margin", "as asked", 5)
    assert result.head.images_per_class == {"blue": 4, "red": 4}
    scores = [item.score for item in result.items]
    assert scores == sorted(scores, reverse=True)


def test_an_item_tells_rank_name_guess_and_reason(bench):
    bench.pool(red=4, blue=4, green=4)
    labels = bench.labels("red_0.png", "red_1.png", "blue_0.png", "blue_1.png", "green_0.png", "green_1.png")
    result = bench.select(add=5, path_to_labels=labels)
    assert [item.rank for item in result.items] == [1, 2, 3, 4, 5]
    assert tuple(item.name for item in result.items) == result.data
    for item in result.items:
        assert (item.predicted, item.confidence) == (item.top[0].class_name, item.top[0].probability)
        assert [one.probability for one in item.top] == sorted((one.probability for one in item.top), reverse=True)
        assert sum(one.probability for one in item.top) == pytest.approx(1, abs=1e-5)
        first, second = item.top[:2]
        shown = f"{first.class_name} {first.probability:.2f} / {second.class_name} {second.probability:.2f}"
        assert item.reason == f"uncertain: {shown}"


def test_labelled_images_are_never_selected(bench):
    names = bench.pool(red=4, blue=4)
    result = bench.select(add=100, path_to_labels=bench.labels(*names[2:6]))
    assert sorted(result.data) == names[:2] + names[6:]


def test_fewer_images_than_asked_for_are_told(bench):
    bench.pool(red=2, blue=2)
    assert len(bench.select(add=5).data) == 4
    assert bench.warning("fewer_than_asked").detail == "5 images were asked for and 4 unlabelled ones are left"
    bench.select(add=4)
    assert bench.warned_of() == []


def test_where_everything_is_labelled_there_is_nothing_to_select(bench):
    names = bench.pool(red=3, blue=3)
    result = bench.select(path_to_labels=bench.labels(*names))
    assert (result.data, result.items, result.candidates) == ((), (), 0)
    assert result.head.classes == ("blue", "red")
    assert bench.warned_of() == ["fewer_than_asked"]


def test_an_unreadable_image_is_skipped_and_never_selected(bench):
    bench.pool(red=10)
    spoil(bench.root / "pool", "a.png")
    result = bench.select(add=11)
    assert [one.name for one in result.skipped] == ["a.png"]
    assert (len(result.data), "a.png" in result.data) == (10, False)


def test_a_class_whose_only_labelled_image_is_unreadable_does_not_count(bench):
    bench.pool(red=6, blue=6)
    spoil(bench.root / "pool", "blue_0.png")
    result = bench.select(path_to_labels=bench.labels("red_0.png", "red_1.png", "blue_0.png"))
    assert result.method.why.startswith("only one class is labelled")
    assert result.candidates == 9


def test_images_in_sub_folders_go_by_their_relative_names(bench):
    draw(bench.root / "pool" / "summer", red=2)
    draw(bench.root / "pool", blue=1)
    assert sorted(bench.select().data) == ["blue_0.png", "summer/red_0.png", "summer/red_1.png"]


def test_the_same_request_gives_the_same_bytes_with_and_without_the_cache(bench):
    bench.pool(red=6, blue=6, green=6)
    labels = bench.labels("red_0.png", "red_1.png", "blue_0.png", "blue_1.png")
    first, second = (bench.select(add=5, path_to_labels=labels).model_dump_json() for _ in range(2))
    assert bench.begun_with("embed") == 18
    assert first == second


def test_another_seed_draws_others(bench):
    bench.pool(red=20, blue=20)
    assert bench.select(add=5, seed=1).data != bench.select(add=5, seed=2).data


def test_a_result_can_be_read_back_from_its_json(bench):
    bench.pool(red=4, blue=4)
    result = bench.select(path_to_labels=bench.labels("red_0.png", "blue_0.png"))
    assert result_adapter.validate_json(result.model_dump_json()) == result


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"path_to_img": "/etc"}, PathNotAllowed),
        ({"path_to_img": "nowhere"}, PathNotFound),
        ({"path_to_img": "empty"}, EmptyPool),
        ({"path_to_labels": "nowhere.txt"}, PathNotFound),
        ({"path_to_labels": "commas.txt"}, LabelsMalformed),
        ({"path_to_labels": "twice.txt"}, LabelsConflict),
    ],
)
def test_what_changed_on_the_disk_since_the_request_was_accepted_is_told(bench, fields, error):
    bench.pool(red=2)
    (bench.root / "empty").mkdir()
    (bench.root / "commas.txt").write_text("red_0.png,red\n")
    (bench.root / "twice.txt").write_text("red_0.png\tred\nred_0.png\tblue\n")
    with pytest.raises(error):
        bench.select(**fields)
