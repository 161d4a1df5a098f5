import shutil

import numpy as np
import pytest

from nextlabel.core.errors import NoLabels, SingleClass, TooFewOfAClass
from nextlabel.core.kinds.results import as_csv, as_labels
from tests.pools import draw


def check(bench, labels, **fields):
    return bench.carry_out("label_check", path_to_img=str(bench.root / "pool"), path_to_labels=labels, **fields)


def lines(bench, file, pairs):
    path = bench.root / file
    path.parent.mkdir(exist_ok=True)
    path.write_text("".join(f"{name}\t{class_}\n" for name, class_ in pairs))
    return str(path)


def by_colour(names):
    return [(name, name.partition("_")[0]) for name in names]


def test_a_label_that_was_swapped_comes_first_with_the_right_suggestion(bench):
    pairs = dict(by_colour(draw(bench.root / "pool", red=20, blue=20)))
    result = check(bench, lines(bench, "labels.txt", (pairs | {"red_3.png": "blue"}).items()))
    first = result.items[0]
    assert (first.rank, first.name, first.given, first.suggested) == (1, "red_3.png", "blue", "red")
    assert first.confidence > 0.5 > first.given_probability
    assert first.reason.startswith("labelled blue (0.")
    assert as_labels(result).startswith("red_3.png\tred\n")
    assert as_csv(result).splitlines()[0] == "rank,name,given,suggested,given_probability,confidence,reason"


def test_clean_labels_raise_no_suspicion(bench):
    result = check(bench, bench.labels(*draw(bench.root / "pool", red=20, blue=20)))
    assert (result.labels, result.items, result.expected_errors) == (40, (), 0.0)


def test_few_labels_a_class_are_too_few_to_expect_a_number_of_errors(bench):
    assert check(bench, bench.labels(*draw(bench.root / "pool", red=10, blue=10))).expected_errors is None
    assert bench.warned_of() == ["few_labels"]


def test_only_what_is_labelled_is_embedded(bench):
    names = draw(bench.root / "pool", red=5, blue=5)
    draw(bench.root / "pool", green=50)
    check(bench, bench.labels(*names))
    assert {progress.stage: progress.total for progress in bench.told}["embed"] == 10


def test_a_name_with_two_classes_is_told_with_its_places_and_judged_no_further(bench):
    names = draw(bench.root / "pool", red=5, blue=5)
    lines(bench, "labels/ada.txt", by_colour(names))
    lines(bench, "labels/bob.txt", [("red_1.png", "blue")])
    result = check(bench, str(bench.root / "labels"))
    (conflict,) = result.conflicts
    assert (conflict.name, dict(conflict.classes)) == ("red_1.png", {"red": "ada.txt:7", "blue": "bob.txt:1"})
    assert result.labels == 9


def test_copies_with_different_classes_are_told_once(bench):
    names = draw(bench.root / "pool", red=15, blue=15)
    shutil.copy(bench.root / "pool" / "red_0.png", bench.root / "pool" / "copy.png")
    result = check(bench, lines(bench, "labels.txt", [*by_colour(names), ("copy.png", "blue")]))
    (pair,) = result.copies_that_disagree
    assert dict(zip(pair.names, pair.classes, strict=True)) == {"copy.png": "blue", "red_0.png": "red"}


def test_training_images_that_are_copies_of_validation_images_are_leaks(bench):
    names = draw(bench.root / "pool", red=15, blue=15)
    held_out = draw(bench.root / "val", start=100, red=4, blue=4)
    shutil.copy(bench.root / "val" / "red_100.png", bench.root / "pool" / "copy.png")
    result = check(
        bench,
        lines(bench, "labels.txt", [*by_colour(names), ("copy.png", "red")]),
        path_to_img_val=str(bench.root / "val"),
        path_to_labels_val=bench.labels(*held_out, file="val.txt"),
    )
    (leak,) = result.leaks
    assert (leak.name, leak.validation_name, leak.identical) == ("copy.png", "red_100.png", True)
    assert (leak.class_name, leak.validation_class) == ("red", "red")


def test_the_only_image_of_a_class_is_not_judged(bench):
    names = draw(bench.root / "pool", red=10, blue=10, green=1)
    result = check(bench, bench.labels(*names))
    assert bench.warning("class_too_small").names == ("green",)
    assert result.items == ()


def test_labels_of_one_class_can_not_be_checked(bench):
    with pytest.raises(SingleClass):
        check(bench, bench.labels(*draw(bench.root / "pool", red=4)))


def test_two_images_of_each_class_are_enough_to_look(bench):
    result = check(bench, bench.labels(*draw(bench.root / "pool", red=2, blue=2)))
    assert result.labels == 4


def test_predictions_brought_along_judge_without_a_backbone(bench):
    names = draw(bench.root / "pool", red=4, blue=4)
    predictions = bench.root / "predictions.csv"
    sure = [f"{name},{0.9 if name < 'c' else 0.1},{0.1 if name < 'c' else 0.9}" for name in names]
    predictions.write_text("\n".join(["name,blue,red", *sure]))
    pairs = dict(by_colour(names)) | {"red_3.png": "blue"}
    result = check(
        bench, lines(bench, "labels.txt", pairs.items()), backbone=None, path_to_predictions=str(predictions)
    )
    assert [(one.name, one.suggested, one.confidence) for one in result.items] == [("red_3.png", "red", 0.9)]
    assert result.manifest.backbone == "none"
    assert result.manifest.predictions is not None
    assert result.copies_that_disagree == ()


def test_predictions_that_know_none_of_the_labels_are_refused(bench):
    names = draw(bench.root / "pool", red=2, blue=2)
    predictions = bench.root / "predictions.csv"
    predictions.write_text("\n".join(["name,cat,dog", *(f"{name},0.5,0.5" for name in names)]))
    with pytest.raises(NoLabels, match="no labelled image has a prediction for its class"):
        check(bench, bench.labels(*names), backbone=None, path_to_predictions=str(predictions))
    assert {progress.stage for progress in bench.told} == {"read"}


def test_embeddings_brought_along_judge_without_a_backbone(bench):
    names = draw(bench.root / "pool", red=10, blue=10)
    np.save(bench.root / "vectors.npy", np.array([[name < "c", name > "c"] for name in names], np.float64))
    (bench.root / "vectors.txt").write_text("\n".join(names) + "\n")
    pairs = dict(by_colour(names)) | {"red_3.png": "blue"}
    brought = {"backbone": None, "path_to_embeddings": str(bench.root / "vectors.npy")}
    result = check(bench, lines(bench, "labels.txt", pairs.items()), **brought)
    assert result.items[0].name == "red_3.png"
    assert result.manifest.backbone == "brought along"


def test_the_same_request_gives_the_same_bytes(bench):
    pairs = dict(by_colour(draw(bench.root / "pool", red=12, blue=12))) | {"red_3.png": "blue", "blue_5.png": "red"}
    labels = lines(bench, "labels.txt", pairs.items())
    assert check(bench, labels).model_dump_json() == check(bench, labels).model_dump_json()


@pytest.mark.parametrize(
    ("counts", "words"),
    [
        ({"red": 1, "green": 1, "blue": 1}, "of the 3 classes each of them has one"),
        ({"red": 5, "green": 1}, "of the 2 classes only 'red' has"),
    ],
)
def test_classes_of_one_image_can_t_be_judged_which_is_said_before_anything_is_embedded(bench, counts, words):
    with pytest.raises(TooFewOfAClass, match=words):
        check(bench, bench.labels(*draw(bench.root / "pool", **counts)))
    assert {progress.stage for progress in bench.told} == {"read"}


def test_predictions_whose_classes_differ_by_spelling_are_told(bench):
    names = draw(bench.root / "pool", red=2, blue=2)
    (bench.root / "predictions.csv").write_text("\n".join(["name,Red,Blue", *(f"{name},0.5,0.5" for name in names)]))
    with pytest.raises(NoLabels, match="perhaps 'blue' is meant to be 'Blue', from which it differs by case alone"):
        check(bench, bench.labels(*names), backbone=None, path_to_predictions=str(bench.root / "predictions.csv"))


def test_labels_whose_names_begin_with_the_pools_own_folder_are_told_so_though_the_pool_is_not_listed(bench):
    pairs = by_colour(draw(bench.root / "pool", red=8, blue=8))
    check(bench, lines(bench, "labels.txt", [*pairs, ("pool/red_0.png", "red")]))
    assert "perhaps 'pool/red_0.png' is there as 'red_0.png'" in bench.warning("label_without_image").detail
