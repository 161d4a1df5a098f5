import numpy as np
import pytest

from nextlabel.core.curves.forecast import fit_all, outlook
from nextlabel.core.errors import NoLabels, NothingToValidate
from nextlabel.core.kinds.learning_curve import Coverage, Stability
from nextlabel.core.kinds.results import as_csv, as_labels
from nextlabel.core.pipelines.advice import advise
from tests.pools import draw, label
from tests.text_side import NAME


def curve(bench, labels, repeats=2, **fields):
    pool = str(bench.root / "pool")
    return bench.carry_out("learning_curve", path_to_img=pool, path_to_labels=labels, repeats=repeats, **fields)


def pool(bench, per_class=20, unlabelled=10):
    names = draw(bench.root / "pool", red=per_class, blue=per_class)
    draw(bench.root / "pool", start=500, red=unlabelled, blue=unlabelled)
    return bench.labels(*names)


def test_classes_that_are_easily_told_apart_need_no_more_labels(bench):
    result = curve(bench, pool(bench, per_class=40))
    assert (result.labels, result.validation, result.validation_images) == (80, "cross-validation", 80)
    assert result.points[-1].f1_macro == 1.0
    assert result.now.f1_macro == pytest.approx(1.0, abs=0.02)
    assert [one.extra for one in result.forecast] == [100, 500, 1000]
    assert result.stability.kappas == (1.0, 1.0, 1.0)
    assert result.advice.verdict == "stop"
    assert "kappa" in result.advice.sentence or "coverage" not in result.advice.sentence


def test_points_grow_and_hold_every_repeat(bench):
    result = curve(bench, pool(bench), repeats=3, ahead=[7])
    labels = [point.labels for point in result.points]
    assert labels == sorted(set(labels))
    assert labels[-1] == 26  # two of three folds of 40
    assert all(len(point.repeats) == 3 for point in result.points)
    assert [(one.extra, one.labels) for one in result.forecast] == [(7, 47)]
    assert all(one.low <= one.f1_macro <= one.high for one in (result.now, *result.forecast))


def test_a_validation_set_is_held_out(bench):
    held_out = draw(bench.root / "val", start=100, red=6, blue=6)
    result = curve(
        bench,
        pool(bench),
        path_to_img_val=str(bench.root / "val"),
        path_to_labels_val=bench.labels(*held_out, file="val.txt"),
    )
    assert (result.validation, result.validation_images) == ("held out", 12)
    assert result.points[-1].labels == 40


def test_heads_of_a_curve_listen_to_the_names_of_declared_classes(knows_red_and_blue):
    bench = knows_red_and_blue
    names, held_out = draw(bench.root / "pool", red=18, blue=18), draw(bench.root / "val", start=100, red=6, green=6)
    (bench.root / "labels").mkdir()
    label(bench.root / "labels" / "ann.txt", names)
    fields = {"backbone": NAME, "path_to_img_val": str(bench.root / "val")}
    fields["path_to_labels_val"] = bench.labels(*held_out, file="val.txt")
    plain = curve(bench, str(bench.root / "labels"), **fields)
    (bench.root / "labels" / "classes.json").write_text('[{"name": "red"}, {"name": "blue"}]')
    named = curve(bench, str(bench.root / "labels"), **fields)
    assert (plain.manifest.texts, bool(named.manifest.texts)) == (None, True)
    assert named.points[0].f1_macro >= plain.points[0].f1_macro


def test_a_validation_class_that_was_never_trained_costs_what_it_should(bench):
    held_out = draw(bench.root / "val", start=100, red=6, green=6)
    result = curve(
        bench,
        pool(bench),
        path_to_img_val=str(bench.root / "val"),
        path_to_labels_val=bench.labels(*held_out, file="val.txt"),
    )
    assert result.points[-1].f1_macro < 0.7


def test_too_few_labels_are_refused_with_how_many_are_needed(bench):
    with pytest.raises(NoLabels, match="needs 30 labels at least; there are 20"):
        curve(bench, pool(bench, per_class=10))


def test_a_validation_folder_without_labels_is_refused(bench):
    draw(bench.root / "val", start=100, red=2)
    with pytest.raises(NothingToValidate):
        curve(
            bench,
            pool(bench),
            path_to_img_val=str(bench.root / "val"),
            path_to_labels_val=bench.labels("gone.png", file="val.txt"),
        )


def test_where_all_is_labelled_there_is_no_stability_to_tell(bench):
    assert curve(bench, bench.labels(*draw(bench.root / "pool", red=20, blue=20))).stability is None


def test_the_same_request_gives_the_same_bytes_and_a_table(bench):
    labels = pool(bench)
    first, second = curve(bench, labels), curve(bench, labels)
    assert first.model_dump_json() == second.model_dump_json()
    assert as_csv(first).splitlines()[0] == "labels,f1_macro,low,high,measured"
    assert as_labels(first) is None


# --- labels that a method chose ------------------------------------------------------------------------------------


VALIDATION = ("val", "val.txt")


def held_out(bench):
    folder, labels = (str(bench.root / name) for name in VALIDATION)
    return {"path_to_img_val": folder, "path_to_labels_val": labels}


def test_chosen_labels_cannot_score_themselves_and_the_result_says_so(bench, digits, chosen_digits):
    result = curve(bench, bench.label_as(digits, chosen_digits[:60]))
    assert "`random` chooses" in bench.warning("labels_not_random").detail
    assert result.advice.verdict == "unsure"
    assert "can't be told" in result.advice.sentence
    assert {(told.f1_macro, told.low, told.high) for told in (result.now, *result.forecast)} == {(None, 0.0, 1.0)}
    assert as_csv(result).splitlines()[-1].endswith(",,0.0,1.0,False")


def test_the_forecast_from_chosen_labels_is_what_more_chosen_labels_bring(bench, digits, chosen_digits):
    result = curve(bench, bench.label_as(digits, chosen_digits[:100]), **held_out(bench), repeats=3, ahead=[100])
    assert "chosen by `auto`" in bench.warning("labels_not_random").detail
    (told,) = result.forecast
    train = {
        "path_to_img_train": str(bench.root / "pool"),
        "path_to_labels_train": bench.label_as(digits, chosen_digits),
    }
    came = bench.carry_out("f1", **train, **held_out(bench)).f1_macro
    assert told.f1_macro == pytest.approx(came, abs=0.02)
    assert told.low <= came <= told.high


def test_from_a_few_chosen_labels_nothing_is_told_of_a_curve_that_still_rises(bench, digits):
    """Twenty of ten classes: each more is worth much, and nobody knows where that ends (by neighbours, it has)."""
    alone = {"head": "linear_alone"}
    chosen = bench.choose(digits, [20, 20, 20], **alone)
    result = curve(bench, bench.label_as(digits, chosen), **held_out(bench), **alone, ahead=[10_000])
    assert result.points[-1].f1_macro - result.points[0].f1_macro > 0.1
    assert result.now.f1_macro is not None  # that is measured
    assert [(told.f1_macro, told.low, told.high) for told in result.forecast] == [(None, 0.0, 1.0)]
    assert "Ask again at 250" in result.advice.sentence


def test_random_labels_are_taken_for_what_they_are(bench, digits):
    curve(bench, bench.label_as(digits, list(digits)[:100]), **held_out(bench))
    assert bench.warned_of() == []


# --- advice -----------------------------------------------------------------------------------------------------


def expecting(curve_of_labels):
    sizes = np.array([20, 40, 80, 160, 320], float)
    return outlook(fit_all(sizes, np.array([curve_of_labels(sizes)] * 3)), 320, np.array([420.0]), 0.01)


STABLE = Stability(labels=(1, 2, 3, 4), kappas=(0.99, 0.99, 0.99), images=100)
SHAKY = Stability(labels=(1, 2, 3, 4), kappas=(0.7, 0.8, 0.8), images=100)


def flat(n):
    return 0 * n + 0.8


def test_a_steep_curve_says_go_on():
    advice = advise(320, expecting(lambda n: 0.1 * n**0.3), 0.005, STABLE, None)
    assert advice.verdict == "go_on"
    assert advice.sentence.startswith("Go on: 100 more labels are expected to add 0.0")
    assert (advice.because.code, advice.because.worth, advice.because.kappa) == ("worthwhile", 0.005, 0.99)
    assert f"add {advice.because.gain:.3f} (" in advice.sentence


def test_a_flat_curve_says_stop_and_why():
    advice = advise(320, expecting(flat), 0.005, STABLE, Coverage(share=0.83, images=100))
    assert advice.verdict == "stop"
    assert "kappa 0.99" in advice.sentence
    assert "83% of the pool" in advice.sentence
    assert (advice.because.code, advice.because.coverage, advice.because.doubts) == ("enough", 0.83, ())


def test_a_flat_curve_whose_predictions_still_change_is_not_sure():
    advice = advise(320, expecting(flat), 0.005, SHAKY, None)
    assert (advice.verdict, "kappa 0.77" in advice.sentence) == ("unsure", True)
    assert advice.because.doubts == ("predictions_change",)


def test_a_flat_curve_over_labels_that_leave_most_of_the_pool_out_is_not_sure():
    advice = advise(320, expecting(flat), 0.005, STABLE, Coverage(share=0.2, images=100))
    assert (advice.verdict, "only 20% of the pool" in advice.sentence) == ("unsure", True)
    assert advice.because.doubts == ("pool_not_covered",)


def test_labels_that_cannot_be_scored_are_not_sure_whatever_the_head_thinks():
    advice = advise(320, None, 0.005, STABLE, Coverage(share=0.9, images=100))
    assert (advice.verdict, "`random`" in advice.sentence) == ("unsure", True)
    assert advice.because.code == "cant_be_scored"
    too_few = advise(40, None, 0.005, STABLE, None)
    assert (too_few.verdict, too_few.because.code, too_few.because.ask_again_at) == ("go_on", "few_labels", 60)


def test_chosen_labels_that_are_too_few_for_their_curve_say_go_on_and_no_figure():
    advice = advise(100, expecting(lambda n: 0.1 * n**0.3), 0.005, STABLE, None, needed=250)
    assert advice.verdict == "go_on"
    assert advice.sentence.endswith("Ask again at 250.")
    assert (advice.because.code, advice.because.ask_again_at) == ("still_rising", 250)
    assert advise(250, expecting(flat), 0.005, STABLE, None, needed=250).verdict == "stop"


def test_a_few_labels_say_nothing_of_stopping():
    advice = advise(40, expecting(flat), 0.005, STABLE, None)
    assert (advice.verdict, "40 labels are too few" in advice.sentence) == ("go_on", True)
