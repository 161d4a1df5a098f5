import re
import unicodedata

import numpy as np
import pytest
from PIL import Image

from nextlabel.core.errors import (
    Cancelled,
    EmptyPool,
    InvalidRequest,
    LabelsMalformed,
    NameNotInPool,
    PathNotAllowed,
    PathNotFound,
)
from nextlabel.core.kinds.registry import result_adapter
from nextlabel.core.kinds.results import as_labels
from nextlabel.core.methods.registry import methods_of
from nextlabel.core.neural.heads.neighbours import Neighbours
from tests.pools import class_of, draw, label, spoil
from tests.text_side import NAME


def test_with_nothing_labelled_the_images_stand_for_the_pool_and_the_answer_says_why(bench):
    names = bench.pool(red=5, blue=5)
    result = bench.select(add=4, method="margin")
    assert len(set(result.data)) == 4
    assert set(result.data) <= set(names)
    assert (result.method.asked, result.method.name) == ("margin", "maxherding")
    assert result.method.why == "nothing is labelled yet, and margin needs two classes"
    assert (result.method.because.code, result.method.because.known) == ("needs_two_classes", "nothing")
    assert {item.because.code for item in result.items} == {"region"}
    assert (result.head, result.manifest.head, result.candidates) == (None, None, 10)
    assert {item.reason for item in result.items} == {"stands for a region of the pool without labels"}
    assert {item.name.split("_")[0] for item in result.items[:2]} == {"red", "blue"}
    assert {(item.predicted, item.confidence, item.top) for item in result.items} == {(None, None, ())}


def test_training_is_told_of_only_where_there_is_something_to_train_on(bench):
    bench.pool(red=5, blue=5)
    for labelled, trains in (((), False), (("red_0.png",), False), (("red_0.png", "blue_0.png"), True)):
        labels = bench.labels(*labelled)
        bench.select(path_to_labels=labels)
        assert ("train" in {told.stage for told in bench.told}) is trains
        bench.carry_out("map", path_to_img=str(bench.root / "pool"), path_to_labels=labels, points=10)
        assert ("train" in {told.stage for told in bench.told}) is trains


def test_an_empty_labels_file_is_the_same_as_none(bench):
    bench.pool(red=5, blue=5)
    assert bench.select(path_to_labels=bench.labels()).data == bench.select().data


def test_while_one_class_is_nearly_all_and_another_was_seen_once_what_lies_apart_comes_first(bench):
    bench.pool(red=9, blue=3, green=1)
    labels = [f"red_{i}.png" for i in range(8)]
    result = bench.select(1, path_to_labels=bench.labels(*labels, "blue_0.png"))
    assert (result.method.name, result.data) == ("facility_location", ("green_0.png",))
    assert "nearly all of one and some classes seen once, so that others are likely unseen: " in result.method.why
    assert bench.select(1, path_to_labels=bench.labels(*labels, "blue_0.png", "blue_1.png")).method.name == "uherding"
    one_each = bench.labels(*labels, "blue_0.png")
    assert bench.select(1, path_to_labels=one_each, task="multilabel").method.name == "uherding"


def test_with_one_class_auto_herds_and_the_answer_says_why(bench):
    bench.pool(red=5, blue=5)
    result = bench.select(path_to_labels=bench.labels("red_0.png", "red_1.png"))
    assert result.method.name == "maxherding"
    assert result.method.why.startswith("only one class is labelled")
    assert (result.head, result.candidates) == (None, 8)


@pytest.fixture
def named(knows_red_and_blue):
    """A pool in which few images are red, and a folder of labels that declares both classes."""
    bench = knows_red_and_blue
    bench.pool(red=2, blue=30)
    (bench.root / "labels").mkdir()
    (bench.root / "labels" / "classes.json").write_text('[{"name": "red"}, {"name": "blue"}]')
    return bench


def test_with_nothing_labelled_declared_names_help_to_choose_and_say_what_images_may_be(named):
    labels = named.root / "labels"
    fields = {"backbone": NAME, "near_copies": "allow"}
    told = named.select(4, path_to_labels=str(labels), **fields)
    assert sum(class_of(name) == "red" for name in told.data) == 2
    assert [item.predicted for item in told.items] == [class_of(item.name) for item in told.items]
    assert (told.head.name, told.manifest.head, told.method.name) == ("class_names", None, "auto")
    assert told.manifest.texts
    assert told.method.why.startswith("nothing is labelled yet, and the classes have names: images that stand for the")
    assert "for a class that its name tells: " in told.items[0].reason
    label(labels / "ann.txt", ["blue_0.png"])
    one = named.select(1, path_to_labels=str(labels), **fields)
    assert one.method.why.startswith("only one class is labelled, and the classes have names")
    assert one.head.images_per_class == {"red": 0, "blue": 1}
    label(labels / "ann.txt", ["blue_0.png", "red_0.png"])
    assert named.select(2, path_to_labels=str(labels), **fields).head.name == "linear"


@pytest.mark.parametrize("fields", [{"method": "maxherding", "backbone": NAME}, {"backbone": "descriptor"}])
def test_names_are_not_asked_by_a_method_that_was_named_nor_of_a_backbone_that_knows_no_texts(named, fields):
    told = named.select(3, path_to_labels=str(named.root / "labels"), **fields)
    assert (told.head, told.method.name, named.warned_of()) == (None, "maxherding", [])


def test_names_that_nothing_can_embed_are_left_aside_with_the_remedy_and_the_hub_is_asked_once(named, monkeypatch):
    (named.settings.weights_dir / f"{NAME}.text.model").unlink()
    monkeypatch.setattr(named, "settings", named.settings.model_copy(update={"hub_timeout_s": 0.1}))
    named.remember()
    for _ in range(2):
        told = named.select(3, path_to_labels=str(named.root / "labels"), backbone=NAME)
        assert (told.head, told.method.name) == (None, "maxherding")
        assert "spiece.model of nobody/nothing into NEXTLABEL_WEIGHTS_DIR" in named.warning("names_unread").detail


def test_names_that_can_not_be_spelt_are_left_aside(named):
    (named.root / "labels" / "classes.json").write_text('[{"name": "красный"}, {"name": "blue"}]')
    assert named.select(3, path_to_labels=str(named.root / "labels"), backbone=NAME).head is None
    assert "can't spell 1 of these texts" in named.warning("names_unread").detail


def test_a_file_of_classes_that_can_not_be_read_stops_no_selection(named):
    (named.root / "labels" / "classes.json").write_text('[{"name": "red"}, {"nom": "blue"}]')
    assert named.select(3, path_to_labels=str(named.root / "labels"), backbone=NAME).head is None
    assert "classes.json, class 2" in named.warning("names_unread").detail


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
    result = bench.select(path_to_labels=labels, method="margin")
    assert result.data[0] == "neither.png"
    assert (result.method.name, result.method.why, result.candidates) == ("margin", "as asked", 5)
    assert result.head.images_per_class == {"blue": 4, "red": 4}
    scores = [item.score for item in result.items]
    assert scores == sorted(scores, reverse=True)


def test_an_item_tells_rank_name_guess_and_reason(bench):
    bench.pool(red=4, blue=4, green=4)
    labels = bench.labels("red_0.png", "red_1.png", "blue_0.png", "blue_1.png", "green_0.png", "green_1.png")
    result = bench.select(add=5, path_to_labels=labels, method="margin")
    assert [item.rank for item in result.items] == [1, 2, 3, 4, 5]
    assert tuple(item.name for item in result.items) == result.data
    for item in result.items:
        assert (item.predicted, item.confidence) == (item.top[0].class_name, item.top[0].probability)
        assert [one.probability for one in item.top] == sorted((one.probability for one in item.top), reverse=True)
        assert sum(one.probability for one in item.top) == pytest.approx(1, abs=1e-5)
        assert re.fullmatch(
            r"uncertain: (red|blue|green) [01]\.\d\d / (red|blue|green) [01]\.\d\d by its neighbours", item.reason
        )


def test_what_a_head_alone_is_unsure_of_is_what_its_items_say(bench):
    bench.pool(red=4, blue=4)
    labels = bench.labels("red_0.png", "red_1.png", "blue_0.png", "blue_1.png")
    for item in bench.select(add=4, path_to_labels=labels, method="margin", head="linear_alone").items:
        first, second = item.top[:2]
        shown = f"{first.class_name} {first.probability:.2f} / {second.class_name} {second.probability:.2f}"
        assert item.reason == f"uncertain: {shown}"
        assert item.because.code == "uncertain"
        assert [(one.class_name, one.probability) for one in item.because.unsure_of] == [
            (one.class_name, one.probability) for one in item.top[:2]
        ]


def test_a_selection_says_of_an_image_what_a_prediction_says(bench, digits):
    labels = bench.label_as(digits, list(digits)[:40])
    chosen = bench.select(add=20, path_to_labels=labels)
    predicted = {item.name: item for item in bench.predict(labels).items}
    for item in chosen.items:
        assert item.predicted == predicted[item.name].predicted
        assert item.confidence == pytest.approx(predicted[item.name].confidence, abs=1e-4)


def test_images_are_chosen_without_the_distributions_say(bench, digits, monkeypatch):
    labels = bench.label_as(digits, list(digits)[:40])
    asked = {"path_to_labels": labels, "add": 20, "method": "margin"}
    chosen = bench.select(**asked)
    monkeypatch.setattr(Neighbours, "gaussians", lambda *_: None)
    without = bench.select(**asked)
    assert without.data == chosen.data
    assert [item.confidence for item in without.items] != [item.confidence for item in chosen.items]


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


def test_auto_says_what_it_does_at_each_number_of_labels(bench):
    names = bench.pool(red=5, blue=5)
    assert bench.select().method.model_dump() == {
        "asked": "auto",
        "name": "maxherding",
        "why": "nothing is labelled yet: images that stand for the whole pool",
        "because": {"code": "whole_pool", "known": "nothing", "labels": 0, "classes": 0},
    }
    result = bench.select(path_to_labels=bench.labels(*names[1:7]))
    assert (result.method.asked, result.method.name) == ("auto", "uherding")
    assert "6 labels of 2 classes" in result.method.why
    assert all(item.reason.startswith("stands for a region that is unsure: ") for item in result.items)


@pytest.mark.parametrize("method", [*sorted({*methods_of("classification")} - {"vae"}), "vae2"])
def test_every_method_carries_a_selection_out_and_from_memory_the_same_again(bench, method):
    bench.remember()
    names = bench.pool(red=9, blue=9, green=9)
    labels = bench.labels(*(name for name in names if int(name[-5]) < 4))
    result = bench.select(add=6, path_to_labels=labels, method=method)
    assert len(set(result.data)) == 6
    assert (result.method.asked, result.candidates) == (method.rstrip("2"), 15)
    assert all(item.reason and item.predicted for item in result.items)
    assert result == bench.select(add=6, path_to_labels=labels, method=method)


@pytest.mark.parametrize("method", [*sorted({*methods_of("classification")} - {"vae"}), "vae2"])
@pytest.mark.parametrize("labelled", [["red_0.png"], ["red_0.png", "blue_0.png"]])
def test_one_class_and_classes_of_one_image_stop_no_method(bench, method, labelled):
    bench.pool(red=4, blue=4)
    assert len(bench.select(path_to_labels=bench.labels(*labelled), method=method).data) == 3


@pytest.mark.usefixtures("every_step_is_told")
@pytest.mark.parametrize("method", ["vae3", "mixture2"])
def test_the_first_versions_methods_count_their_epochs(bench, method):
    names = bench.pool(red=5, blue=5)
    bench.select(path_to_labels=bench.labels(*names[:7]), method=method)
    epochs = [told for told in bench.told if told.stage == "prepare"]
    assert {told.unit for told in epochs} == {"epochs"}
    assert (epochs[-1].done, epochs[-1].total) == (int(method[-1]), int(method[-1]))


@pytest.mark.usefixtures("every_step_is_told")
@pytest.mark.parametrize("method", ["vae100", "mixture100", "dropquery"])
def test_a_method_that_trains_can_be_stopped_while_it_does(bench, method):
    names = bench.pool(red=5, blue=5)

    def stop():
        if bench.told and bench.told[-1].stage == "prepare" and bench.told[-1].total:
            raise Cancelled("enough")

    with pytest.raises(Cancelled):
        bench.select(path_to_labels=bench.labels(*names[:7]), method=method, check=stop)


def test_mixture_returns_the_map_it_chose_from(bench):
    names = bench.pool(red=5, blue=5)
    result = bench.select(path_to_labels=bench.labels(*names[:7]), method="mixture")
    assert [point.name for point in result.map] == names
    assert {point.name: point.class_name for point in result.map} == {
        name: name.split("_")[0] if name in names[:7] else None for name in names
    }
    assert {point.name for point in result.map if point.chosen} == set(result.data)
    assert bench.select().map is None


def test_excluded_and_pending_images_are_never_selected(bench):
    names = bench.pool(red=4, blue=4)
    result = bench.select(add=8, exclude=names[:2], pending=names[2:4])
    assert sorted(result.data) == names[4:]
    assert result.candidates == 4
    assert bench.warned_of() == ["fewer_than_asked"]


def test_pending_images_count_as_covered(bench):
    bench.pool(red=6, blue=1)
    assert bench.select(add=1, pending=["blue_0.png"]).data[0].startswith("red")
    assert bench.select(add=1, pending=[f"red_{i}.png" for i in range(3)]).data == ("blue_0.png",)


def test_a_name_to_exclude_that_is_not_in_the_pool_is_told(bench):
    bench.pool(red=4)
    bench.select(exclude=["rad_0.png"], pending=["red_0.png", "green_0.png"])
    assert bench.warning("name_without_image").names == ("green_0.png", "rad_0.png")


def test_near_copies_come_once_and_are_named(bench):
    bench.pool(red=30)
    for i in range(4):
        Image.open(bench.root / "pool" / "red_0.png").save(bench.root / "pool" / f"again_{i}.png")
    result = bench.select(add=34)
    family = {"red_0.png", *(f"again_{i}.png" for i in range(4))}
    (item,) = [item for item in result.items if item.name in family]
    assert set(item.copies) == family - {item.name}
    assert (len(result.data), result.near_copies_left_out) == (30, 4)
    assert "near-copies" in bench.warning("fewer_than_asked").detail
    assert len(bench.select(add=34, near_copies="allow").data) == 34


def test_no_near_copy_of_a_labelled_image_is_selected(bench):
    bench.pool(red=30)
    Image.open(bench.root / "pool" / "red_0.png").save(bench.root / "pool" / "again.png")
    result = bench.select(add=31, path_to_labels=bench.labels("red_0.png"))
    assert "again.png" not in result.data


def test_class_quotas_are_of_the_predicted_class_and_the_rest_of_the_others(bench):
    bench.pool(red=8, blue=8, green=8)
    labels = bench.labels(*(f"{colour}_{i}.png" for colour in ("red", "blue", "green") for i in range(3)))
    result = bench.select(add=6, path_to_labels=labels, class_quotas={"red": 2, "blue": 0})
    predicted = [item.predicted for item in result.items]
    assert predicted[:2] == ["red", "red"]
    assert predicted[2:] == ["green"] * 4
    assert bench.warned_of() == []


def test_a_quota_that_cant_be_met_is_told_and_one_without_a_head_too(bench):
    names = bench.pool(red=4, blue=4)
    result = bench.select(add=6, path_to_labels=bench.labels(*names[2:6]), class_quotas={"violet": 3})
    assert len(result.data) == 3
    assert bench.warning("class_quota_unmet").detail == "3 images were asked for of 'violet'; the head sees 0 left"
    bench.select(add=6, class_quotas={"red": 3})
    assert "class_quotas_unused" in bench.warned_of()


def test_an_image_taken_for_a_class_with_few_labels_is_told_as_rare(bench):
    bench.pool(red=40, blue=10)
    labels = bench.labels(*(f"red_{i}.png" for i in range(30)), *(f"blue_{i}.png" for i in range(4)))
    result = bench.select(add=16, path_to_labels=labels, near_copies="allow")
    assert {item.predicted: item.reason.endswith("; rare class") for item in result.items} == {
        "red": False,
        "blue": True,
    }


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
    first, second = (bench.select(add=5, seed=seed, method="random").data for seed in (1, 2))
    assert first != second


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
    ],
)
def test_what_changed_on_the_disk_since_the_request_was_accepted_is_told(bench, fields, error):
    bench.pool(red=2)
    (bench.root / "empty").mkdir()
    (bench.root / "commas.txt").write_text("red_0.png,red\n")
    with pytest.raises(error):
        bench.select(**fields)


# --- brought along ----------------------------------------------------------------------------------------------


def predictions(bench, rows):
    path = bench.root / "predictions.csv"
    path.write_text("\n".join(["name,blue,red", *(f"{name},{1 - red},{red}" for name, red in rows.items())]))
    return str(path)


def test_predictions_brought_along_choose_what_they_are_unsure_of(bench):
    names = draw(bench.root / "pool", red=3, blue=3)
    sure = dict.fromkeys(names, 0.9) | {"red_1.png": 0.55, "blue_2.png": 0.4}
    result = bench.select(2, backbone=None, path_to_predictions=predictions(bench, sure))
    assert result.data == ("red_1.png", "blue_2.png")
    assert (result.method.name, result.head, result.manifest.backbone) == ("margin", None, "none")
    assert result.items[0].reason == "uncertain: red 0.55 / blue 0.45"
    assert bench.warned_of() == ["near_copies_unknown"]
    assert as_labels(result) == "red_1.png\tred\nblue_2.png\tblue\n"


def test_beside_a_backbone_they_take_the_place_of_the_head(bench):
    names = draw(bench.root / "pool", red=6, blue=6)
    result = bench.select(3, path_to_predictions=predictions(bench, dict.fromkeys(names, 0.6)))
    assert (result.method.name, len(result.data)) == ("uherding", 3)
    assert result.manifest.predictions is not None


def test_images_without_a_prediction_are_not_chosen_and_told(bench):
    draw(bench.root / "pool", red=3, blue=3)
    result = bench.select(
        6, backbone=None, path_to_predictions=predictions(bench, {"red_0.png": 0.5, "red_1.png": 0.6})
    )
    assert result.data == ("red_0.png", "red_1.png")
    assert "without_prediction" in bench.warned_of()


def test_predictions_of_images_that_are_not_in_the_pool_are_counted_and_named(bench):
    names = draw(bench.root / "pool", red=3, blue=3)
    others = {f"elsewhere_{i}.png": 0.5 for i in range(7)}
    given = {"backbone": None, "path_to_predictions": predictions(bench, dict.fromkeys(names, 0.6) | others)}
    bench.select(2, **given)
    warning = bench.warning("prediction_without_image")
    assert (warning.count, warning.names[:1]) == (7, ("elsewhere_0.png",))
    assert warning.detail.startswith("the file has predictions of these images, which are not in the pool")
    bench.select(2, **{**given, "path_to_predictions": predictions(bench, dict.fromkeys(names, 0.6))})
    assert "prediction_without_image" not in bench.warned_of()


def test_a_name_in_a_file_of_predictions_that_lacks_its_folder_is_told_with_where_the_image_is(bench):
    names = draw(bench.root / "pool", red=3, blue=3)
    draw(bench.root / "pool" / "deep", green=1)
    given = predictions(bench, dict.fromkeys([*names, "green_0.png"], 0.6))
    bench.select(2, backbone=None, path_to_predictions=given)
    assert "'green_0.png' is there as 'deep/green_0.png'" in bench.warning("prediction_without_image").detail


def test_predictions_of_no_image_of_the_pool_are_refused(bench):
    draw(bench.root / "pool", red=2)
    with pytest.raises(NameNotInPool, match=r"it names 'elsewhere\.png'"):
        bench.select(1, backbone=None, path_to_predictions=predictions(bench, {"elsewhere.png": 0.5}))


def test_a_class_that_only_labels_have_is_a_class_too(bench):
    names = draw(bench.root / "pool", red=4, blue=4, green=2)
    asked = {"path_to_labels": bench.labels("green_0.png", "red_0.png"), "method": "badge"}
    result = bench.select(2, path_to_predictions=predictions(bench, dict.fromkeys(names, 0.5)), **asked)
    assert len(result.data) == 2
    assert {one.class_name for one in result.items[0].top} == {"blue", "red", "green"}


def test_embeddings_brought_along_take_the_place_of_a_backbone(bench):
    names = draw(bench.root / "pool", red=3, blue=3)
    vectors = np.array([[name < "c", name > "c"] for name in names[:5]], float)
    np.save(bench.root / "vectors.npy", vectors)
    (bench.root / "vectors.txt").write_text("\n".join(names[:5]))
    asked = {"backbone": None, "path_to_embeddings": str(bench.root / "vectors.npy"), "near_copies": "allow"}
    result = bench.select(6, **asked)
    assert sorted(result.data) == sorted(names[:5])
    assert result.skipped[0].name == names[5]
    assert bench.warning("without_embedding").names == (names[5],)
    assert "embedding_without_image" not in bench.warned_of()
    (bench.root / "pool" / names[0]).unlink()
    bench.select(6, **asked)
    assert bench.warning("embedding_without_image").names == (names[0],)


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"backbone": None}, "/backbone"),
        ({"path_to_embeddings": "v.npy"}, "/path_to_embeddings"),
        ({"backbone": None, "path_to_predictions": "p.csv", "method": "badge"}, "/method"),
    ],
)
def test_what_does_not_go_together_is_refused_at_the_door(bench, fields, pointer):
    with pytest.raises(InvalidRequest) as refused:
        bench.select(1, **fields)
    assert [fault.pointer for fault in refused.value.faults] == [pointer]


@pytest.mark.parametrize("method", ["dropquery", "mixture", "vae"])
def test_predictions_without_labels_do_not_fail_a_method_that_trains_on_labels(bench, method):
    names = bench.pool(red=3, blue=3)
    result = bench.select(2, path_to_predictions=predictions(bench, dict.fromkeys(names, 0.6)), method=method)
    assert result.method.name == "maxherding"
    assert result.method.why.startswith("nothing is labelled yet")


# --- labels as people leave them --------------------------------------------------------------------------------


def test_labelled_images_are_not_proposed_again_however_their_names_are_spelt(bench):
    names = [unicodedata.normalize("NFD", f"Übung {i}.png") for i in range(6)]
    for name, drawn in zip(names, draw(bench.root / "drawn", red=3, blue=3), strict=True):
        (bench.root / "pool").mkdir(exist_ok=True)
        (bench.root / "drawn" / drawn).rename(bench.root / "pool" / name)
    labels = bench.root / "labels.txt"
    labels.write_text(unicodedata.normalize("NFC", f"{names[0]}\tblau\n{names[3]}\trot\n"))
    result = bench.select(add=9, path_to_labels=str(labels), near_copies="allow")
    assert (result.candidates, sorted(result.data)) == (4, [names[i] for i in (1, 2, 4, 5)])
    assert result.head.images_per_class == {"blau": 1, "rot": 1}
    set_aside = {"exclude": [unicodedata.normalize("NFC", names[1])], "pending": [f"./{names[2]}"]}
    assert bench.select(add=9, **set_aside).candidates == 4
    assert "name_without_image" not in bench.warned_of()


def test_a_contradiction_leaves_that_one_image_out_with_a_warning(bench):
    names = bench.pool(red=4, blue=4)
    bench.labels("red_0.png", "red_1.png", "blue_0.png", file="anna.txt")
    folder = bench.root / "labels"
    folder.mkdir()
    (bench.root / "anna.txt").rename(folder / "anna.txt")
    (folder / "bob.txt").write_text("red_1.png\tblue\n")
    result = bench.select(add=9, path_to_labels=str(folder), near_copies="allow")
    assert sorted(result.data) == sorted(set(names) - {"red_0.png", "red_1.png", "blue_0.png"})
    assert result.head.images_per_class == {"blue": 1, "red": 1}
    warning = bench.warning("labels_disputed")
    assert (warning.count, warning.names) == (1, ("red_1.png",))
    assert warning.detail.endswith("'red_1.png' is 'red' in anna.txt:2, 'blue' in bob.txt:1")


def test_files_beside_the_labels_that_are_nobody_s_are_named_and_stop_nothing(bench):
    bench.pool(red=4, blue=4)
    folder = bench.root / "labels"
    folder.mkdir()
    label(folder / "anna.txt", ["red_0.png", "blue_0.png"])
    label(folder / "anna.txt~", ["red_1.png"])
    (folder / "Thumbs.db").write_bytes(b"\0")
    (folder / ".DS_Store").write_bytes(b"\0")
    (folder / "bob.txt").symlink_to(bench.root / "a disk that is not there")
    (folder / "old").mkdir()
    label(folder / "old" / "carl.txt", ["red_2.png"])
    (folder / "empty").mkdir()
    assert bench.select(add=9, path_to_labels=str(folder), near_copies="allow").candidates == 6
    assert bench.warning("labels_file_left_out").names == ("Thumbs.db", "anna.txt~", "bob.txt", "old/")


def test_a_link_to_labels_elsewhere_under_the_roots_is_a_persons_file(bench):
    bench.pool(red=4, blue=4)
    folder = bench.root / "labels"
    folder.mkdir()
    label(bench.root / "annas.txt", ["red_0.png", "blue_0.png"])
    (folder / "anna.txt").symlink_to(bench.root / "annas.txt")
    assert bench.select(add=9, path_to_labels=str(folder), near_copies="allow").candidates == 6
    assert "labels_file_left_out" not in bench.warned_of()


def test_labels_of_another_pool_are_as_none_and_the_warning_says_what_they_nearly_name(bench):
    bench.pool(red=4, blue=4)
    labels = bench.root / "labels.txt"
    labels.write_text("RED_0.PNG\tred\nblue_0.png \tblue\nold.png\tblue\n")
    result = bench.select(path_to_labels=str(labels))
    assert result.head is None
    assert result.method.why.startswith("nothing is labelled yet")
    detail = bench.warning("label_without_image").detail
    assert detail.endswith("'RED_0.PNG' and 'red_0.png', which is there, differ by case alone")


def test_labels_whose_names_begin_with_the_pools_own_folder_are_told_how_to_name_its_images(bench):
    bench.pool(red=4, blue=4)
    labels = bench.root / "labels.txt"
    labels.write_text("".join(f"pool/red_{number}.png\tred\n" for number in range(4)))
    bench.select(path_to_labels=str(labels))
    warning = bench.warning("label_without_image")
    assert warning.count == 4
    assert warning.detail.endswith(
        "perhaps 'pool/red_0.png' is there as 'red_0.png': a name is the path from the pool's folder on"
    )


def test_classes_that_the_eye_can_t_tell_apart_are_told(bench):
    bench.pool(red=4, blue=4)
    labels = bench.root / "labels.txt"
    labels.write_text("red_0.png\tred\nred_1.png\tred\u200b\nblue_0.png\tBlue\nblue_1.png\tblue\n")
    bench.select(path_to_labels=str(labels))
    warning = bench.warning("classes_look_alike")
    assert warning.names == ("red", "red\u200b")
    assert "zero width space" in warning.detail


def test_classes_that_are_put_together_of_others_are_told(bench):
    bench.pool(red=4, blue=4)
    labels = bench.root / "labels.txt"
    labels.write_text("red_0.png\tred\nblue_0.png\tblue\nred_1.png\tred; blue\nblue_1.png\tblue, sky\n")
    bench.select(path_to_labels=str(labels), task="multilabel")
    assert bench.warning("classes_in_one").names == ("red; blue",)


def test_a_quota_is_of_a_class_however_it_is_spelt(bench):
    bench.pool(red=4, blue=4)
    labels = bench.root / "labels.txt"
    labels.write_text("red_0.png\tCafé\nblue_0.png\tBar\n")
    quotas = {unicodedata.normalize("NFD", " Café"): 2}
    bench.select(add=2, path_to_labels=str(labels), near_copies="allow", class_quotas=quotas)
    assert "class_quota_unmet" not in bench.warned_of()
    bench.select(add=2, path_to_labels=str(labels), near_copies="allow", class_quotas={"café": 2})
    assert bench.warning("class_quota_unmet").detail.endswith("'Café', from which it differs by case alone")


def test_what_is_brought_along_is_found_however_names_are_spelt(bench):
    composed, decomposed = (unicodedata.normalize(form, "é.png") for form in ("NFC", "NFD"))
    bench.pool(red=2)
    (bench.root / "pool" / "red_0.png").rename(bench.root / "pool" / decomposed)
    (bench.root / "p.csv").write_text(f"name,{composed},b\n{composed},0.9,0.1\n./red_1.png,0.5,0.5\n")
    np.save(bench.root / "v.npy", np.eye(2))
    (bench.root / "v.txt").write_text(f"{composed}\n./red_1.png\n")
    brought = {"path_to_predictions": str(bench.root / "p.csv"), "path_to_embeddings": str(bench.root / "v.npy")}
    assert bench.select(add=2, backbone=None, near_copies="allow", **brought).candidates == 2
    assert bench.warned_of() == []


def test_where_all_is_excluded_the_warning_says_so(bench):
    names = bench.pool(red=2)
    assert bench.select(add=5, exclude=[f"./{name}" for name in names]).data == ()
    said = "5 images were asked for and 0 unlabelled ones are left, neither excluded nor handed out"
    assert bench.warning("fewer_than_asked").detail == said
