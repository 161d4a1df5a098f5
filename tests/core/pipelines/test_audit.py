import numpy as np
import pytest

from nextlabel.core.errors import InvalidRequest, NoLabels
from nextlabel.core.kinds.results import as_csv
from nextlabel.core.methods.uncertainty import Margin
from nextlabel.core.pipelines.audit import _arm
from nextlabel.core.pipelines.verdicts import OF_CLASSES, summary_of, verdict_of_all
from tests.pools import draw


def audit(bench, labels, **fields):
    return bench.carry_out("audit", path_to_img=str(bench.root / "pool"), path_to_labels=labels, **fields)


@pytest.fixture
def labels(bench):
    return bench.labels(*draw(bench.root / "pool", red=60, blue=30, green=10))


def test_random_comes_first_and_is_no_better_than_itself(bench, labels):
    result = audit(bench, labels)
    assert [arm.method for arm in result.arms] == ["random", "auto", "margin"]
    chance = result.arms[0]
    assert (chance.gain, chance.gain_interval, chance.verdict) == (0, (0, 0), "no better")
    assert (result.images, result.validation, result.validation_images) == (60, "split", 40)


def test_every_arm_has_the_same_rounds_up_to_half_of_the_images(bench, labels):
    result = audit(bench, labels)
    assert {arm.labels for arm in result.arms} == {(10, 17, 30)}
    assert all(len(arm.f1_macro) == 3 for arm in result.arms)


def test_a_budget_ends_the_replay(bench, labels):
    assert audit(bench, labels, budget=20, methods=["margin"]).arms[1].labels[-1] == 20


def test_coverage_finds_a_rare_class_before_chance_does(bench):
    result = audit(bench, bench.labels(*draw(bench.root / "pool", red=150, blue=6, green=6)), methods=["auto"])
    assert result.arms[1].gain > 0
    assert result.sentence.startswith("On your labels, ")


def test_labels_that_a_method_chose_tell_nothing_of_methods(bench, digits, chosen_digits):
    result = audit(bench, bench.label_as(digits, chosen_digits[:60]), repeats=2)
    assert [arm.verdict for arm in result.arms] == ["no better", "unsure", "unsure"]
    assert "can't be told" in result.sentence
    assert "not a random sample" in result.sentence
    assert bench.warned_of() == ["labels_not_random"]


def test_random_labels_of_a_pool_are_audited(bench, digits):
    result = audit(bench, bench.label_as(digits, list(digits)[:100]), methods=["auto"])
    assert bench.warned_of() == []
    assert result.arms[1].gain_interval[1] > 0.01


@pytest.mark.parametrize(
    ("gains", "verdict"),
    [
        ([0.05, 0.06, 0.07], "better"),
        ([-0.05, -0.06, -0.07], "worse"),
        ([0.001, -0.001, 0.0], "no better"),
        ([0.2, -0.1, 0.05], "unsure"),
        ([0.02, -0.01, 0.005], "unsure"),
    ],
)
def test_only_an_interval_without_a_gain_worth_having_says_no_better(gains, verdict):
    chance = np.full((3, 2), 0.5)
    arm = _arm(Margin(), [10, 20], chance, chance + np.array(gains)[:, None], at_random=True)
    assert arm.verdict == verdict
    assert ("can't be told" in arm.sentence) == (verdict == "unsure")
    summary = summary_of([arm], verdict_of_all([arm], True), OF_CLASSES)
    assert ("chance is as good" in summary) == (verdict in ("no better", "worse"))
    assert _arm(Margin(), [10, 20], chance, chance + 0.1, at_random=False).verdict == "unsure"


def test_a_validation_set_judges_instead_of_a_part(bench, labels):
    held_out = draw(bench.root / "val", start=200, red=5, blue=5, green=5)
    result = audit(
        bench,
        labels,
        path_to_img_val=str(bench.root / "val"),
        path_to_labels_val=bench.labels(*held_out, file="val.txt"),
        repeats=2,
    )
    assert (result.images, result.validation, result.validation_images) == (80, "held out", 15)


def test_progress_counts_replays(bench, labels, every_step_is_told):
    audit(bench, labels, repeats=2, methods=["margin"])
    done = [progress.done for progress in bench.told if progress.stage == "replay"]
    assert done == sorted(done)
    assert (done[-1], bench.told[-1].total) == (4, 4)


def test_methods_that_train_a_network_each_round_are_refused_at_the_door(bench, labels):
    with pytest.raises(InvalidRequest) as refused:
        audit(bench, labels, methods=["margin", "vae", "nonsense"])
    faults = {fault.pointer: fault.detail for fault in refused.value.faults}
    assert "vae trains a network each round" in faults["/methods/1"]
    assert "there is no method 'nonsense'" in faults["/methods/2"]


def test_too_few_labels_are_refused_with_how_many_are_needed(bench):
    with pytest.raises(NoLabels, match="needs 60 labels at least; there are 20"):
        audit(bench, bench.labels(*draw(bench.root / "pool", red=10, blue=10)))


def test_the_same_request_gives_the_same_bytes_and_a_table(bench, labels):
    first, second = audit(bench, labels, repeats=2), audit(bench, labels, repeats=2)
    assert first.model_dump_json() == second.model_dump_json()
    assert as_csv(first).splitlines()[0] == "method,labels,f1_macro"
