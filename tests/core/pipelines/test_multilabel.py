"""Several classes an image: squares of colours, of which an image has one, both or neither."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nextlabel.core.errors import InvalidRequest, OneClassEach, SingleClass
from nextlabel.core.kinds.registry import result_adapter
from nextlabel.core.kinds.results import as_csv, as_labels
from nextlabel.core.methods.registry import METHODS
from nextlabel.core.tasks.registry import MULTILABEL

COLOURS = {"blue": (30, 40, 220), "red": (220, 40, 30)}
SETS = [(), ("blue",), ("red",), ("blue", "red")]


def draw(folder: Path, count: int, start: int = 0) -> dict[str, tuple[str, ...]]:
    """Pictures of noise; the left half is red, or the right half blue, or both, or neither, in turn."""
    folder.mkdir(exist_ok=True, parents=True)
    said = {}
    for number in range(start, start + count):
        classes = SETS[number % len(SETS)]
        pixels = np.random.default_rng(number).integers(100, 160, (32, 32, 3), np.uint8)
        for name, half in (("red", np.s_[:, :16]), ("blue", np.s_[:, 16:])):
            if name in classes:
                pixels[half] = np.array(COLOURS[name]) + pixels[half] % 30
        said[f"{number:03}.png"] = classes
        Image.fromarray(pixels).save(folder / f"{number:03}.png")
    return said


def write(file: Path, said: dict[str, tuple[str, ...]]) -> str:
    file.write_text("".join(f"{line}\n" for name, classes in said.items() for line in MULTILABEL.lines(name, classes)))
    return str(file)


@pytest.fixture
def sets(bench):
    """Labels of the pools `train` and `val`."""
    train, val = draw(bench.root / "train", 24), draw(bench.root / "val", 16, start=100)
    return write(bench.root / "train.txt", train), write(bench.root / "val.txt", val)


# --- f1 ---------------------------------------------------------------------------------------------------------


def test_classes_that_are_easily_told_score_1_alone_and_together(bench, sets):
    result = bench.validate(*sets, task="multilabel")
    assert (result.kind, result.task) == ("f1", "multilabel")
    assert (result.f1_macro, result.f1_micro, result.f1_sample) == (1.0, 1.0, 1.0)
    assert (result.mean_average_precision, result.exact, result.misses) == (1.0, 1.0, ())
    assert [(one.class_name, one.support, one.f1_interval) for one in result.per_class] == [
        ("blue", 8, (1.0, 1.0)),
        ("red", 8, (1.0, 1.0)),
    ]
    assert result.co_occurrence.together == ((8, 4), (4, 8))
    assert result.co_occurrence.taken_for == ((0, 0), (0, 0))
    assert result.head.images_per_class == {"blue": 12, "red": 12}
    assert result_adapter.validate_json(result.model_dump_json()) == result


def test_what_is_missing_and_what_is_surplus_is_told_by_image_and_class(bench, sets):
    train, val = sets
    wrong = Path(val).read_text().replace("101.png\tblue", "101.png\tred")
    Path(val).write_text(wrong)
    result = bench.validate(train, val, task="multilabel")
    assert {(miss.name, miss.class_name, miss.miss) for miss in result.misses} == {
        ("101.png", "red", "missing"),
        ("101.png", "blue", "surplus"),
    }
    assert result.co_occurrence.taken_for == ((0, 0), (1, 0))
    assert result.exact == pytest.approx(15 / 16)
    assert as_csv(result).splitlines()[0].startswith("class,precision,recall,f1,average_precision")


def test_a_class_that_was_never_trained_is_missing_from_all_images_that_have_it(bench, sets):
    train, val = sets
    Path(val).write_text(Path(val).read_text().replace("100.png\t", "100.png\tgreen"))
    result = bench.validate(train, val, task="multilabel")
    assert result.classes_without_training_images == ("green",)
    assert [(miss.name, miss.class_name, miss.probability) for miss in result.misses] == [("100.png", "green", 0.0)]
    assert result.f1_macro == pytest.approx(2 / 3, abs=1e-6)


# --- prediction -------------------------------------------------------------------------------------------------


@pytest.fixture
def pool(bench):
    """Labels of 24 images of the pool, and what the other 12 would be labelled."""
    said = draw(bench.root / "pool", 36)
    names = sorted(said)
    return write(bench.root / "labels.txt", {name: said[name] for name in names[:24]}), {n: said[n] for n in names[24:]}


def test_every_other_image_is_given_the_classes_that_it_has_or_none(bench, pool):
    labels, others = pool
    result = bench.predict(labels, task="multilabel")
    assert {item.name: item.predicted for item in result.items} == others
    assert all(item.probabilities is None for item in result.items)
    assert result_adapter.validate_json(result.model_dump_json()) == result
    read = MULTILABEL.read(Path(write_text(bench.root / "told.txt", as_labels(result))))
    assert read.classes_by_name == others
    assert as_csv(result).splitlines()[:3] == [
        "name,predicted,confidence",
        f"024.png,,{result.items[0].confidence}",
        f"025.png,blue,{result.items[1].confidence}",
    ]
    assert "none of them: 3" in " ".join(result.sentences())


def write_text(path: Path, text: str | None) -> str:
    assert text is not None
    path.write_text(text)
    return str(path)


def test_all_probabilities_are_told_where_they_are_asked_for(bench, pool):
    result = bench.predict(pool[0], task="multilabel", all_probabilities=True)
    assert all(len(item.probabilities) == 2 for item in result.items)
    header, first, *_ = as_csv(result).splitlines()
    assert header == "name,predicted,confidence,blue,red"
    assert len(first.split(",")) == 5


def test_a_class_alone_is_learnt_against_images_that_have_none(bench, pool):
    said = {name: classes for name, classes in draw(bench.root / "pool", 24).items() if "blue" not in classes}
    result = bench.predict(write(bench.root / "red.txt", said), task="multilabel")
    assert result.head.classes == ("red",)
    by_name = {item.name: item.predicted for item in result.items}
    assert {by_name[name] for name in pool[1] if pool[1][name] == ("red",)} == {("red",)}
    assert {by_name[name] for name in pool[1] if pool[1][name] == ()} == {()}


# --- selection --------------------------------------------------------------------------------------------------


def test_before_any_label_images_that_stand_for_the_pool_are_chosen(bench):
    draw(bench.root / "pool", 24)
    result = bench.select(4, task="multilabel")
    assert (result.task, result.method.name, len(result.data), result.head) == ("multilabel", "maxherding", 4, None)
    assert all((item.predicted, item.in_doubt) == (None, ()) for item in result.items)
    assert as_labels(result) is None
    assert result_adapter.validate_json(result.model_dump_json()) == result


def test_images_labelled_none_are_labels_and_are_not_chosen_again(bench):
    said = draw(bench.root / "pool", 24)
    none = {name: () for name, classes in said.items() if not classes}
    result = bench.select(18, path_to_labels=write(bench.root / "none.txt", none), task="multilabel")
    assert (result.method.name, result.candidates) == ("maxherding", 18)
    assert not none.keys() & {*result.data}


@pytest.mark.parametrize(
    ("lines", "why"),
    [
        ("000.png\tred\n001.png\t\n", "2 labels of one class, which some images have and others have not: images that"),
        ("000.png\t\n001.png\t\n", "all labels say the same: images that stand for the whole pool"),
    ],
)
def test_why_a_method_is_taken_says_what_is_labelled_and_counts_none_as_no_class(bench, lines, why):
    draw(bench.root / "pool", 12)
    labels = write_text(bench.root / "labels.txt", lines)
    assert bench.select(4, path_to_labels=labels, task="multilabel").method.why.startswith(why)


def test_a_reason_names_the_classes_in_doubt(bench, pool):
    labels, _ = pool
    few = Path(labels).read_text().splitlines()[:9]
    Path(labels).write_text("\n".join(few))
    result = bench.select(6, path_to_labels=labels, task="multilabel")
    assert result.method.name == "uherding"
    doubted = [item for item in result.items if item.in_doubt]
    assert doubted
    for item in doubted:
        assert all(f"{one.class_name} {one.probability:.2f}" in item.reason for one in item.in_doubt)
        assert all(0.1 <= one.probability <= 0.9 for one in item.in_doubt)
    assert as_csv(result).splitlines()[0] == "rank,name,score,predicted,confidence,reason"
    assert MULTILABEL.read(Path(write_text(bench.root / "told.txt", as_labels(result)))).names == {*result.data}


def test_quotas_are_of_images_that_are_given_the_class(bench, pool):
    labels, others = pool
    result = bench.select(5, path_to_labels=labels, task="multilabel", class_quotas={"red": 3, "blue": 2})
    shown = [others[name] for name in result.data]
    assert sum("red" in classes for classes in shown) >= 3
    assert sum("blue" in classes for classes in shown) >= 2


@pytest.mark.parametrize("method", [name for name, method in METHODS.items() if "multilabel" in method.tasks()])
def test_every_method_that_makes_sense_chooses(bench, pool, method):
    quick = "vae2" if method == "vae" else method
    result = bench.select(4, path_to_labels=pool[0], task="multilabel", method=quick)
    assert len({*result.data}) == 4
    assert {*result.data} <= pool[1].keys()


@pytest.mark.parametrize("method", ["dropquery", "mixture"])
def test_methods_that_tell_one_class_from_another_are_refused_with_those_that_make_sense(bench, pool, method):
    with pytest.raises(InvalidRequest) as refused:
        bench.select(4, path_to_labels=pool[0], task="multilabel", method=method)
    (fault,) = refused.value.faults
    assert fault.pointer == "/method"
    assert "there are auto, uherding, cluster_margin, badge" in fault.detail
    assert method not in fault.detail.split("there are")[1]


# --- the other kinds --------------------------------------------------------------------------------------------


@pytest.fixture
def labelled(bench):
    """80 labelled images of a pool of 100."""
    said = draw(bench.root / "pool", 100)
    return write(bench.root / "labels.txt", dict(list(said.items())[:80]))


def test_a_learning_curve_is_that_of_macro_f1_over_classes(bench, labelled):
    paths = {"path_to_img": str(bench.root / "pool"), "path_to_labels": labelled}
    result = bench.carry_out("learning_curve", task="multilabel", repeats=2, **paths)
    assert result.points[-1].f1_macro > 0.9
    assert result.stability.kappas[-1] > 0.9


def test_an_audit_replays_methods_on_labels_of_several_classes(bench, labelled):
    paths = {"path_to_img": str(bench.root / "pool"), "path_to_labels": labelled}
    result = bench.carry_out("audit", task="multilabel", repeats=2, methods=["auto"], **paths)
    assert [arm.method for arm in result.arms] == ["random", "auto"]
    assert all(arm.f1_macro[-1] > 0.8 for arm in result.arms)


def test_a_class_that_was_forgotten_and_one_too_many_are_found(bench, labelled):
    text = Path(labelled).read_text()
    text = text.replace("023.png\tred\n", "").replace("040.png\t\n", "040.png\tred\n")
    Path(labelled).write_text(text)
    paths = {"path_to_img": str(bench.root / "pool"), "path_to_labels": labelled}
    result = bench.carry_out("label_check", task="multilabel", **paths)
    found = {(item.name, item.class_name, item.miss): item for item in result.items}
    assert found.keys() >= {("023.png", "red", "missing"), ("040.png", "red", "surplus")}
    assert found["023.png", "red", "missing"].suggested == ("blue", "red")
    assert found["040.png", "red", "surplus"].suggested == ()
    assert {"023.png\tblue", "023.png\tred", "040.png\t"} <= {*as_labels(result).splitlines()}
    assert result.expected_errors == pytest.approx(len(result.items) / 80, abs=1e-6)
    assert result_adapter.validate_json(result.model_dump_json()) == result


def test_contradictions_and_copies_that_disagree_are_told_by_class(bench):
    said = draw(bench.root / "pool", 40)
    shutil.copy(bench.root / "pool" / "003.png", bench.root / "pool" / "copy.png")
    folder = bench.root / "labels"
    folder.mkdir()
    write(folder / "ann.txt", {**said, "copy.png": ("red",)})
    write(folder / "bob.txt", {"004.png": ("blue",)})
    paths = {"path_to_img": str(bench.root / "pool"), "path_to_labels": str(folder)}
    result = bench.carry_out("label_check", task="multilabel", **paths)
    assert [(one.name, [*one.classes]) for one in result.conflicts] == [("004.png", ["none of the classes", "blue"])]
    assert (("003.png", "copy.png"), ("blue",)) in [
        (tuple(sorted(one.names)), one.classes) for one in result.copies_that_disagree
    ]


def test_what_is_similar_tells_the_classes_it_is_labelled(bench, pool):
    paths = {"path_to_img": str(bench.root / "pool"), "path_to_labels": pool[0], "like": ["001.png"]}
    result = bench.carry_out("similar", task="multilabel", add=35, among="all", **paths)
    classes = {item.name: item.classes for item in result.items}
    assert (classes["003.png"], classes["004.png"], classes["030.png"]) == (("blue", "red"), (), None)


def test_a_map_has_each_images_classes_and_those_it_is_given(bench, pool):
    paths = {"path_to_img": str(bench.root / "pool"), "path_to_labels": pool[0]}
    result = bench.carry_out("map", task="multilabel", **paths)
    at = dict(zip(result.names, result.classes, strict=True))
    assert (result.class_names, at["003.png"], at["004.png"], at["030.png"]) == (("blue", "red"), (0, 1), (), None)
    given = dict(zip(result.names, result.predicted, strict=True))
    assert [given[name] for name in ("024.png", "027.png")] == [(), (0, 1)]
    assert "003.png" in as_csv(result)
    assert result_adapter.validate_json(result.model_dump_json()) == result


# --- refused ----------------------------------------------------------------------------------------------------


def test_labels_of_another_task_are_refused_with_its_name(bench):
    names = draw(bench.root / "pool", 120)
    labels = write(bench.root / "one.txt", {name: ("red" if i % 2 else "blue",) for i, name in enumerate(names)})
    with pytest.raises(OneClassEach, match='"task": "classification"'):
        bench.predict(labels, task="multilabel")


def test_labels_that_all_say_the_same_are_refused(bench):
    names = draw(bench.root / "pool", 8)
    with pytest.raises(SingleClass, match=r"all 8 labels say blue \+ red"):
        bench.predict(write(bench.root / "same.txt", dict.fromkeys(names, ("blue", "red"))), task="multilabel")


def test_what_does_not_go_with_the_task_is_refused_at_its_field(bench, pool):
    for given, pointer in (
        ({"task": "multilabel", "head": "mlp"}, "/head"),
        ({"all_probabilities": True}, "/all_probabilities"),
    ):
        with pytest.raises(InvalidRequest) as refused:
            bench.predict(pool[0], **given)
        assert [fault.pointer for fault in refused.value.faults] == [pointer]
