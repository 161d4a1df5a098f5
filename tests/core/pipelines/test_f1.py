import shutil
from pathlib import Path

import pytest

from nextlabel.core.errors import ClassesNeverMeet, NoLabels, NothingToValidate, SingleClass, TooManyUnreadable
from nextlabel.core.kinds.registry import result_adapter
from tests.pools import draw, label, spoil


def sets(bench, train, val):
    """Two pools, with everything in them labelled."""
    return (
        bench.labels(*draw(bench.root / "train", **train), file="train.txt"),
        bench.labels(*draw(bench.root / "val", start=100, **val), file="val.txt"),
    )


def test_classes_that_are_easily_told_apart_score_one(bench):
    result = bench.validate(*sets(bench, {"red": 5, "blue": 5}, {"red": 3, "blue": 3}))
    assert (result.f1_macro, result.f1_macro_interval) == (1.0, (1.0, 1.0))
    assert (result.f1_micro, result.f1_weighted, result.accuracy) == (1.0, 1.0, 1.0)
    assert result.confusion.matrix == ((3, 0), (0, 3))
    assert result.validation_images == 6
    assert [(one.class_name, one.f1, one.support) for one in result.per_class] == [("blue", 1.0, 3), ("red", 1.0, 3)]


def test_images_labelled_wrongly_for_validation_cost_what_they_should(bench):
    train, _ = sets(bench, {"red": 5, "blue": 5}, {"red": 4, "blue": 4})
    lines = [f"{colour}_{i}.png\t{colour}" for colour in ("red", "blue") for i in range(100, 104)]
    wrong = bench.root / "wrong.txt"
    wrong.write_text("\n".join(lines).replace("red_100.png\tred", "red_100.png\tblue"))
    result = bench.validate(train, str(wrong))
    assert result.confusion.matrix == ((4, 1), (0, 3))
    (miss,) = result.misses
    assert (miss.name, miss.class_name, miss.predicted) == ("red_100.png", "blue", "red")
    assert result.f1_macro == pytest.approx((8 / 9 + 6 / 7) / 2, abs=1e-6)
    low, high = result.f1_macro_interval
    assert low < result.f1_macro < high


def test_both_sets_share_one_label_space(bench):
    """Training knows {blue, green, red} and validation {green, red}: index 0 of one is not index 0 of the other."""
    result = bench.validate(*sets(bench, {"blue": 5, "green": 5, "red": 5}, {"green": 3, "red": 3}))
    assert result.confusion.classes == ("blue", "green", "red")
    assert result.confusion.matrix == ((0, 0, 0), (0, 3, 0), (0, 0, 3))
    assert result.f1_macro == 1.0
    assert result.classes_without_validation_images == ("blue",)
    assert result.classes_without_training_images == ()


def test_a_class_that_was_never_trained_is_named_and_counts_as_missed(bench):
    result = bench.validate(*sets(bench, {"blue": 5, "red": 5}, {"blue": 3, "green": 3, "red": 3}))
    assert result.classes_without_training_images == ("green",)
    assert result.head.classes == ("blue", "red")
    green = result.per_class[1]
    assert (green.class_name, green.f1, green.support, green.predicted) == ("green", 0.0, 3, 0)
    assert result.accuracy == pytest.approx(6 / 9, abs=1e-6)


def test_classes_that_are_numbers_are_ordered_as_numbers(bench):
    names = draw(bench.root / "train", red=4, blue=4)
    draw(bench.root / "val", start=100, red=2, blue=2)
    for file, numbered in (("train.txt", names), ("val.txt", ["blue_100.png", "red_100.png"])):
        lines = [f"{name}\t{'2' if name.startswith('red') else '10'}\n" for name in numbered]
        (bench.root / file).write_text("".join(lines))
    result = bench.validate(str(bench.root / "train.txt"), str(bench.root / "val.txt"))
    assert result.confusion.classes == ("2", "10")
    assert result.f1_macro == 1.0


def test_the_order_of_lines_and_the_unlabelled_images_do_not_matter(bench):
    train, val = sets(bench, {"red": 5, "blue": 5}, {"red": 3, "blue": 3})
    before = bench.validate(train, val)
    shuffled = ["red_102.png", "blue_100.png", "red_100.png", "blue_102.png", "blue_101.png", "red_101.png"]
    label(bench.root / "val.txt", shuffled)
    draw(bench.root / "val", start=200, green=4)
    after = bench.validate(train, val)
    assert after.model_copy(update={"manifest": None}) == before.model_copy(update={"manifest": None})


def test_only_what_is_labelled_is_embedded_and_the_images_that_the_head_asks(bench):
    train, val = sets(bench, {"red": 5, "blue": 5}, {"red": 3, "blue": 3})
    draw(bench.root / "train", green=50)
    for head, asked in (("linear_alone", None), ("linear", 60)):
        bench.validate(train, val, head=head)
        totals = {progress.stage: progress.total for progress in bench.told}
        assert (totals["embed training images"], totals["embed validation images"]) == (10, 6)
        assert totals.get("embed neighbours") == asked


def test_the_head_that_is_scored_is_the_one_that_predicts(bench):
    """Validation labels that are all wrong make a miss of every image, and of a miss the confidence is told."""
    names = draw(bench.root / "pool", red=30, blue=30, green=20)
    folder, labels = str(bench.root / "pool"), bench.labels(*names[:5], *names[30:35])
    (bench.root / "val.txt").write_text("".join(f"{name}\tblue\n" for name in names[60:70]) + "blue_29.png\tred\n")
    told = {}
    for head in ("linear", "linear_alone"):
        folders = {"path_to_img_train": folder, "path_to_img_val": folder}
        scored = bench.validate(labels, str(bench.root / "val.txt"), head=head, **folders)
        said = {item.name: item.confidence for item in bench.predict(labels, head=head).items}
        assert scored.misses
        told[head] = {miss.name: miss.confidence for miss in scored.misses}
        assert told[head] == pytest.approx({name: said[name] for name in told[head]}, abs=1e-4)
        assert ("neighbours_among" in scored.head.details) == ("neighbours" in scored.manifest.pools)
    assert told["linear"] != told["linear_alone"]


def test_where_images_of_the_pool_cannot_be_read_the_head_answers_alone_and_that_is_told(bench):
    train, val = sets(bench, {"red": 5, "blue": 5}, {"red": 3, "blue": 3})
    for i in range(5):
        (bench.root / "train" / f"broken_{i}.png").write_bytes(b"no image")
    result = bench.validate(train, val)
    assert (result.head.name, result.head.details.get("neighbours_among")) == ("linear_alone", None)
    assert bench.warned_of() == ["neighbours_unreadable"]
    assert "5 of 15 images can't be read" in bench.warning("neighbours_unreadable").detail
    asked_for = bench.validate(train, val, head="linear_alone")
    assert (asked_for.head.name, bench.warned_of()) == ("linear_alone", [])
    assert asked_for.calibration_error == result.calibration_error


def test_files_in_both_sets_are_left_out_of_the_training(bench):
    names = draw(bench.root / "pool", red=6, blue=6)
    folder = str(bench.root / "pool")
    result = bench.validate(
        bench.labels(*names, file="train.txt"),
        bench.labels("red_0.png", "blue_0.png", file="val.txt"),
        path_to_img_train=folder,
        path_to_img_val=folder,
    )
    assert result.head.images_per_class == {"blue": 5, "red": 5}
    assert bench.warning("in_both_sets").names == ("blue_0.png", "red_0.png")


def test_a_validation_folder_inside_the_training_folder_is_held_out_too(bench):
    names = draw(bench.root / "train", red=4, blue=4)
    held_out = draw(bench.root / "train" / "val", start=100, red=2, blue=2)
    result = bench.validate(
        bench.labels(*names, *(f"val/{name}" for name in held_out), file="train.txt"),
        bench.labels(*held_out, file="val.txt"),
        path_to_img_val=str(bench.root / "train" / "val"),
    )
    assert sum(result.head.images_per_class.values()) == 8
    assert bench.warning("in_both_sets").names[0] == "val/blue_100.png"


def test_training_on_nothing_but_validation_images_is_refused(bench):
    names = draw(bench.root / "pool", red=3, blue=3)
    folder = str(bench.root / "pool")
    labels = bench.labels(*names)
    with pytest.raises(NoLabels, match="every labelled training image is a validation image too"):
        bench.validate(labels, labels, path_to_img_train=folder, path_to_img_val=folder)


def test_a_class_that_is_left_only_in_validation_images_is_found_out_before_embedding(bench):
    names = draw(bench.root / "pool", red=3, blue=1)
    folder = str(bench.root / "pool")
    with pytest.raises(SingleClass, match="all 3 labels say 'red'"):
        bench.validate(
            bench.labels(*names, file="train.txt"),
            bench.labels("blue_0.png", file="val.txt"),
            path_to_img_train=folder,
            path_to_img_val=folder,
        )
    assert bench.run.progress.stage == "read"


def test_copies_under_another_name_are_trained_on_and_warned_of(bench):
    train, val = sets(bench, {"red": 3, "blue": 3}, {"red": 1, "blue": 1})
    shutil.copy(bench.root / "val" / "red_100.png", bench.root / "train" / "red_7.png")
    label(bench.root / "train.txt", ["red_0.png", "red_7.png", "blue_0.png", "blue_1.png"])
    result = bench.validate(train, val)
    assert result.head.images_per_class == {"blue": 2, "red": 2}
    assert bench.warning("leak").names == ("red_7.png",)
    (leak,) = result.leaks
    assert (leak.name, leak.validation_name, leak.identical) == ("red_7.png", "red_100.png", True)


def test_without_a_labelled_validation_image_there_is_nothing_to_validate(bench):
    train, val = sets(bench, {"red": 3, "blue": 3}, {"red": 3})
    label(bench.root / "val.txt", ["green_7.png"])
    with pytest.raises(NothingToValidate, match="no image of the validation folder"):
        bench.validate(train, val)
    assert bench.warning("label_without_image").names == ("green_7.png",)


def test_unreadable_images_of_both_sets_are_skipped(bench):
    train, val = sets(bench, {"red": 12, "blue": 12}, {"red": 12, "blue": 12})
    spoil(bench.root / "train", "red_1.png")
    spoil(bench.root / "val", "blue_101.png")
    result = bench.validate(train, val)
    assert [one.name for one in result.skipped] == ["red_1.png", "blue_101.png"]
    assert (result.head.images_per_class["red"], result.validation_images, result.f1_macro) == (11, 23, 1.0)
    assert bench.warned_of() == ["unreadable_image", "unreadable_image"]


def test_a_validation_set_that_cannot_be_read_fails_the_job(bench):
    train, val = sets(bench, {"red": 3, "blue": 3}, {"red": 1, "blue": 1})
    spoil(bench.root / "val", "red_100.png", "blue_100.png")
    with pytest.raises(TooManyUnreadable, match="none of the 2 images"):
        bench.validate(train, val)


def test_the_validation_labels_choose_nothing_in_the_head(bench):
    train, val = sets(bench, {"red": 5, "blue": 5}, {"red": 4, "blue": 4})
    before = bench.validate(train, val)
    label(bench.root / "val.txt", ["red_100.png"])
    assert bench.validate(train, val).head == before.head


def test_the_same_request_gives_the_same_bytes_and_embeds_nothing_again(bench):
    train, val = sets(bench, {"red": 5, "blue": 5, "green": 5}, {"red": 3, "green": 3})
    first, second = (bench.validate(train, val).model_dump_json() for _ in range(2))
    assert first == second
    assert bench.begun_with("embed training images") == 15
    assert bench.begun_with("embed validation images") == 6
    assert result_adapter.validate_json(first).model_dump_json() == first


def test_a_validation_image_that_is_a_link_into_the_pool_is_left_out_of_the_training(bench):
    train, val = sets(bench, {"red": 5, "blue": 5}, {"red": 2, "blue": 2})
    linked = bench.root / "val" / "red_100.png"
    linked.unlink()
    linked.symlink_to(bench.root / "train" / "red_0.png")
    bench.validate(train, val)
    assert bench.warning("in_both_sets").names == ("red_0.png",)


# --- classes that never meet ------------------------------------------------------------------------------------


def labelled_as(bench, file, *pairs):
    (bench.root / file).write_text("".join(f"{name}\t{class_name}\n" for name, class_name in pairs))
    return str(bench.root / file)


@pytest.mark.parametrize(
    ("classes", "words"),
    [
        (("Red", "Blue"), "perhaps 'Blue' is meant to be 'blue', from which it differs by case alone"),
        (("rde", "bleu"), "perhaps 'bleu' is meant to be 'blue'"),
        (("cat", "dog"), r"\('cat', 'dog'\) has a training label \('blue', 'red'\)"),
    ],
)
def test_classes_that_never_meet_are_refused_before_anything_is_embedded(bench, classes, words):
    train, _ = sets(bench, {"red": 3, "blue": 3}, {"red": 1, "blue": 1})
    val = labelled_as(bench, "other.txt", ("red_100.png", classes[0]), ("blue_100.png", classes[1]))
    with pytest.raises(ClassesNeverMeet, match=words):
        bench.validate(train, val)
    assert {progress.stage for progress in bench.told} == {"read"}


def test_a_class_of_the_validation_set_that_no_training_label_has_is_told(bench):
    train, _ = sets(bench, {"red": 3, "blue": 3}, {"red": 1, "blue": 1})
    val = labelled_as(bench, "other.txt", ("red_100.png", "red"), ("blue_100.png", "01"))
    assert bench.validate(train, val).classes_without_training_images == ("01",)
    assert bench.warning("class_never_trained").names == ("01",)


def test_contradictions_are_left_out_of_both_sets(bench):
    train, val = sets(bench, {"red": 3, "blue": 3}, {"red": 2, "blue": 2})
    for file, name in ((train, "red_0.png"), (val, "red_100.png")):
        Path(file).write_text(f"{Path(file).read_text()}{name}\tblue\n")
    result = bench.validate(train, val)
    assert (result.validation_images, result.head.images_per_class) == (3, {"blue": 3, "red": 2})
    assert bench.warned_of().count("labels_disputed") == 2
