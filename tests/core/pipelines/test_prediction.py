import json

import pytest

from nextlabel.core.errors import NoLabels, NothingToPredict, SingleClass, TooManyUnreadable
from nextlabel.core.kinds.registry import result_adapter
from nextlabel.core.kinds.results import as_labels
from nextlabel.core.neural.kept_texts import KeptTexts
from nextlabel.core.neural.texts import load_texts
from nextlabel.core.pipelines import texts
from nextlabel.core.tasks.classification import read_labels
from tests.pools import class_of, label, spoil
from tests.text_side import NAME

TWO_EACH = ("red_0.png", "red_1.png", "blue_0.png", "blue_1.png", "green_0.png", "green_1.png")


def test_every_unlabelled_image_gets_its_class_in_the_pools_order(bench):
    names = bench.pool(red=5, blue=5, green=5)
    result = bench.predict(bench.labels(*TWO_EACH))
    assert [item.name for item in result.items] == [name for name in names if name not in TWO_EACH]
    assert all(item.predicted == class_of(item.name) for item in result.items)
    assert all(1 / 3 < item.confidence <= 1 for item in result.items)


def test_an_item_has_the_three_most_probable_classes_best_first(bench):
    bench.pool(red=3, blue=3, green=3, grey=3)
    result = bench.predict(bench.labels("red_0.png", "blue_0.png", "green_0.png", "grey_0.png"))
    for item in result.items:
        chances = [one.probability for one in item.top]
        assert len(chances) == 3
        assert chances == sorted(chances, reverse=True)
        assert (item.predicted, item.confidence) == (item.top[0].class_name, chances[0])


def test_predictions_can_be_read_back_as_labels_and_used_for_the_next_selection(bench):
    bench.pool(red=5, blue=5, green=5)
    result = bench.predict(bench.labels(*TWO_EACH))
    written = bench.root / "predicted.txt"
    written.write_text(as_labels(result))
    assert read_labels(written).classes_by_name == {item.name: item.predicted for item in result.items}
    following = bench.select(add=20, path_to_labels=str(written))
    assert set(following.data) == set(TWO_EACH)


@pytest.mark.parametrize(("labelled", "error"), [((), NoLabels), (("red_0.png", "red_1.png"), SingleClass)])
def test_nothing_is_embedded_where_there_is_nothing_to_learn(bench, labelled, error):
    bench.pool(red=3, blue=3)
    with pytest.raises(error, match="prediction needs"):
        bench.predict(bench.labels(*labelled))
    assert bench.run.progress.stage == "read"


def test_labels_of_no_image_in_the_pool_teach_nothing(bench):
    bench.pool(red=3)
    with pytest.raises(NoLabels, match="no image of the pool has one"):
        bench.predict(bench.labels("blue_7.png", "green_7.png"))
    assert bench.warning("label_without_image").count == 2


def test_a_class_lost_to_an_unreadable_image_is_found_out_after_embedding(bench):
    bench.pool(red=11)
    spoil(bench.root / "pool", "blue_0.png")
    with pytest.raises(SingleClass, match="all 2 labels say 'red'"):
        bench.predict(bench.labels("red_0.png", "red_1.png", "blue_0.png"))


def test_where_everything_is_labelled_there_is_nothing_to_predict_and_nothing_is_embedded(bench):
    names = bench.pool(red=2, blue=2)
    with pytest.raises(NothingToPredict, match="labelled are 4 of 4"):
        bench.predict(bench.labels(*names))
    assert bench.run.progress.stage == "read"
    result = bench.predict(bench.labels(*names), cross_validate=True)
    assert (result.items, as_labels(result)) == ((), "")
    assert result.cross_validated[0].labels
    assert result.head.classes == ("blue", "red")


def test_unreadable_images_are_skipped_and_too_many_fail(bench):
    bench.pool(red=9, blue=9)
    spoil(bench.root / "pool", "a.png")
    result = bench.predict(bench.labels("red_0.png", "blue_0.png"))
    assert [one.name for one in result.skipped] == ["a.png"]
    assert "a.png" not in {item.name for item in result.items}
    spoil(bench.root / "pool", "b.png", "c.png")
    with pytest.raises(TooManyUnreadable):
        bench.predict(bench.labels("red_0.png", "blue_0.png"))


@pytest.mark.parametrize("head", ["linear", "mlp"])
def test_the_same_request_gives_the_same_bytes(bench, head):
    bench.pool(red=5, blue=5)
    labels = bench.labels("red_0.png", "red_1.png", "blue_0.png", "blue_1.png")
    first, second = (bench.predict(labels, head=head).model_dump_json() for _ in range(2))
    assert first == second
    assert result_adapter.validate_json(first).head.name == head


def test_progress_goes_through_the_stages_and_ends_with_every_image_predicted(bench, every_step_is_told):
    bench.pool(red=5, blue=5)
    bench.predict(bench.labels("red_0.png", "blue_0.png"))
    places = [(progress.stage_index, progress.done) for progress in bench.told]
    assert places == sorted(places)
    assert list(dict.fromkeys(progress.stage for progress in bench.told)) == ["read", "embed", "train", "predict"]
    assert (bench.run.progress.done, bench.run.progress.total) == (8, 8)


def test_how_often_so_sure_a_head_is_wrong_is_told_of_labels_that_it_has_not_seen(bench):
    bench.pool(red=12, blue=12)
    names = [f"{colour}_{i}.png" for colour in ("red", "blue") for i in range(10)]
    told = bench.labels(*names)
    wrong = bench.root / "wrong.txt"
    wrong.write_text(bench.root.joinpath(told).read_text().replace("red_0.png\tred", "red_0.png\tblue"))
    levels = bench.predict(str(wrong), cross_validate=True).cross_validated
    assert [level.confidence for level in levels] == [0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99]
    assert (levels[0].labels, levels[0].wrong) == (20, 1)
    assert [level.labels for level in levels] == sorted((level.labels for level in levels), reverse=True)
    assert bench.predict(told).cross_validated is None


def test_where_nothing_is_labelled_the_names_of_the_declared_classes_tell(knows_red_and_blue):
    bench = knows_red_and_blue
    bench.pool(red=3, blue=3)
    labels = bench.root / "labels"
    labels.mkdir()
    (labels / "classes.json").write_text('[{"name": "red"}, {"name": "blue"}]')
    told = bench.predict(str(labels), backbone=NAME, cross_validate=True)
    assert [item.predicted for item in told.items] == [class_of(item.name) for item in told.items]
    assert all(item.confidence > 0.5 for item in told.items)
    assert (told.head.name, told.head.classes, told.manifest.head) == ("class_names", ("red", "blue"), None)
    assert told.manifest.texts
    assert not any(level.labels for level in told.cross_validated)
    assert "go by the names of the classes" in repr(told)
    label(labels / "ann.txt", ["red_0.png"])
    assert bench.predict(str(labels), backbone=NAME).head.images_per_class == {"red": 1, "blue": 0}
    label(labels / "ann.txt", ["red_0.png", "blue_0.png"])
    assert bench.predict(str(labels), backbone=NAME).head.name == "linear"
    (labels / "ann.txt").unlink()
    with pytest.raises(NoLabels):
        bench.predict(str(labels))


@pytest.fixture
def declared(knows_red_and_blue):
    """A pool, a validation set and six labels in a folder that declares what red and blue are."""
    bench = knows_red_and_blue
    names = bench.pool(red=8, blue=8)
    bench.pool("train", red=8, blue=8)
    bench.pool("val", red=3, blue=3)
    (bench.root / "labels").mkdir()
    (bench.root / "labels" / "classes.json").write_text('[{"name": "red"}, {"name": "blue"}, {"name": "green"}]')
    label(bench.root / "labels" / "ann.txt", [*names[:3], *names[-3:]])
    return bench


def test_a_head_listens_to_the_names_of_declared_classes_and_says_how_much_in_each_kind(declared):
    labels = str(declared.root / "labels")
    weight = declared.predict(labels, backbone=NAME).head.details["names"]
    assert weight > 0
    val = declared.labels("red_0.png", "blue_0.png", file="val.txt")
    for told in (
        declared.predict(labels, backbone=NAME, cross_validate=True),
        declared.select(2, path_to_labels=labels, backbone=NAME),
        declared.validate(labels, val, backbone=NAME),
    ):
        assert (told.head.details["names"], bool(told.manifest.texts), told.manifest.head) == (weight, True, "linear")


def test_the_network_of_texts_is_loaded_once_for_rounds_that_label_more_classes_each(declared, monkeypatch):
    declared.remember()
    loads = count_loads(monkeypatch)
    labels = declared.root / "labels"
    (labels / "classes.json").write_text('[{"name": "red"}, {"name": "blue"}, {"name": "bed"}, {"name": "красный"}]')
    for n in (2, 3):
        label_as(labels, ["red", "blue", "bed"][:n])
        details = declared.predict(str(labels), backbone=NAME).head.details
        assert "names" in details
    alone = declared.predict(str(labels), backbone=NAME).head.details
    assert (alone, len(loads)) == (details, 1)


def test_a_class_that_was_not_declared_costs_one_load_and_nothing_for_the_others(declared, monkeypatch):
    declared.remember()
    loads = count_loads(monkeypatch)
    labels, told = declared.root / "labels", []
    (labels / "classes.json").write_text('[{"name": "red"}, {"name": "blue"}]')
    for classes in (["red"], ["red", "boat"], ["red", "boat", "ship"], ["red", "ship"], ["red", "boat"]):
        label_as(labels, classes)
        told.append((declared.predict(str(labels), backbone=NAME).head.details, len(loads)))
    assert [loads for _, loads in told] == [1, 2, 3, 3, 3]  # the first by names alone
    assert told[4][0] == told[1][0]


@pytest.mark.parametrize("most_alone", [1, 1_000], ids=["more than are kept one by one", "fewer"])
def test_names_after_the_first_that_are_declared_cost_one_load_for_all_of_them(declared, monkeypatch, most_alone):
    monkeypatch.setattr(texts, "MOST_BESIDE", 2)
    monkeypatch.setattr(KeptTexts, "ALONE", most_alone)
    declared.remember()
    loads = count_loads(monkeypatch)
    labels = declared.root / "labels"
    (labels / "classes.json").write_text(json.dumps([{"name": name} for name in ("red", "blue", "bed", "boat")]))
    label_as(labels, ["red", "blue", "bed", "boat"])
    first, again = (declared.predict(str(labels), backbone=NAME).head.details for _ in range(2))
    assert (again, len(loads)) == (first, 1)


def test_no_network_is_loaded_for_names_of_which_one_can_not_be_spelt(declared, monkeypatch):
    declared.remember()
    loads = count_loads(monkeypatch)
    label_as(declared.root / "labels", ["red", "красный"])
    for _ in range(2):
        told = declared.predict(str(declared.root / "labels"), backbone=NAME)
        assert "names" not in told.head.details
        assert "can't spell 1 of these texts" in declared.warning("names_unread").detail
    assert loads == []


def count_loads(monkeypatch):
    def load(*given):
        loads.append(given)
        return load_texts(*given)

    loads = []
    monkeypatch.setattr(texts, "load_texts", load)
    return loads


def label_as(folder, classes):
    images = (f"{colour}_{i}.png" for colour in ("red", "blue") for i in range(6))
    answers = zip(images, [one for one in classes for _ in range(3)], strict=False)
    (folder / "ann.txt").write_text("".join(f"{name}\t{class_name}\n" for name, class_name in answers))


def test_names_that_were_not_declared_are_not_listened_to_nor_by_a_network(declared):
    for fields in ({"labels": str(declared.root / "labels" / "ann.txt")}, {"head": "mlp"}):
        told = declared.predict(**{"labels": str(declared.root / "labels"), "backbone": NAME, **fields})
        assert ("names" in told.head.details, told.manifest.texts) == (False, None)


def test_a_head_does_without_names_that_nothing_can_embed_and_warns(declared):
    (declared.settings.weights_dir / f"{NAME}.text.safetensors").unlink()
    declared.settings = declared.settings.model_copy(update={"hub_timeout_s": 0.1})
    told = declared.predict(str(declared.root / "labels"), backbone=NAME)
    assert (told.head.name, "names" in told.head.details) == ("linear", False)
    assert "model.safetensors of nobody/nothing into NEXTLABEL_WEIGHTS_DIR" in declared.warning("names_unread").detail
