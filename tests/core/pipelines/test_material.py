import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from nextlabel.core.errors import NoLabels, SingleClass
from nextlabel.core.kinds.registry import parse_request
from nextlabel.core.pipelines.material import all_rounded, top_of
from nextlabel.core.pipelines.source import load_backbone
from nextlabel.core.tasks.classification import MatchedClasses as Matched
from nextlabel.core.tasks.registry import CLASSIFICATION
from tests.core.pipelines.conftest import embedded

need_two_classes, probabilities = CLASSIFICATION.check_matched, CLASSIFICATION.probabilities
LOGITS = arrays(np.float32, st.tuples(st.integers(1, 5), st.integers(1, 6)), elements=st.floats(-1e4, 1e4, width=32))


def matched(classes, targets):
    return Matched(np.arange(len(targets)), classes, np.array(targets, np.int64), ())


def test_labelled_names_that_are_not_in_the_pool_are_told_and_left_out(bench):
    bench.pool(red=2, blue=2)
    found = embedded(bench, bench.labels("red_0.png", "red_7.png", "green_1.png"))
    assert found.matched.classes == ("red",)
    assert bench.warning("label_without_image").names == ("green_1.png", "red_7.png")


def test_files_that_are_not_listed_are_told_with_the_first_reason(bench, tmp_path):
    bench.pool(red=2)
    (tmp_path / "outside.png").touch()
    (bench.root / "pool" / "link.png").symlink_to(tmp_path / "outside.png")
    embedded(bench)
    warning = bench.warning("file_left_out")
    assert (warning.names, "outside the data roots" in warning.detail) == (("link.png",), True)


def test_untrained_weights_are_warned_of(bench):
    request = parse_request(
        {"kind": "selection", "backbone": "test_resnet", "weights": "random", "add": 1, "path_to_img": "p"}
    )
    assert load_backbone(request, bench.run).weights == "random-0"
    assert bench.warned_of() == ["random_weights"]


def test_the_descriptor_has_no_weights_to_warn_of(bench):
    request = parse_request(
        {"kind": "selection", "backbone": "descriptor", "weights": "random", "add": 1, "path_to_img": "p"}
    )
    load_backbone(request, bench.run)
    assert bench.warned_of() == []


def test_two_classes_are_needed_and_the_one_there_is_is_named():
    need_two_classes(matched(("cat", "dog"), [0, 1]), "f1")
    with pytest.raises(NoLabels, match="f1 needs labels"):
        need_two_classes(matched((), []), "f1")
    with pytest.raises(SingleClass, match="all 3 labels say 'cat'"):
        need_two_classes(matched(("cat",), [0, 0, 0]), "f1")


@given(LOGITS)
def test_probabilities_sum_to_one_and_keep_the_order_of_the_logits(logits):
    p = probabilities(logits)
    np.testing.assert_allclose(p.sum(axis=1), 1)
    assert (np.diff(np.take_along_axis(p, logits.argsort(axis=1), axis=1)) >= 0).all()


def test_probabilities_of_two_equal_logits_are_halves():
    logits = np.array([[1e4, 1e4], [0, np.log(3)]], np.float32)
    assert probabilities(logits).round(6).tolist() == [[0.5, 0.5], [0.25, 0.75]]


def test_the_top_classes_are_three_at_most_and_ties_go_by_class_order():
    top = top_of(CLASSIFICATION.answer(np.array([0.2, 0.3, 0.3, 0.2]), ["a", "b", "c", "d"]))
    assert [(one.class_name, one.probability) for one in top] == [("b", 0.3), ("c", 0.3), ("a", 0.2)]
    assert len(top_of(CLASSIFICATION.answer(np.array([0.4, 0.6]), ["a", "b"]))) == 2


def test_the_manifest_tells_what_the_answer_depends_on(bench):
    names = bench.pool(red=4, blue=4)
    labels = bench.labels(*names)
    one = bench.select(path_to_labels=labels).manifest
    assert (one.backbone, one.weights, one.head, one.device, one.seed) == ("descriptor", "none", "linear", "cpu", 0)
    assert set(one.versions) == {"torch", "timm", "scikit-learn", "numpy", "pillow"}
    bench.labels(*names[1:])
    other = bench.select(path_to_labels=labels).manifest
    assert (other.pools == one.pools, other.labels == one.labels) == (True, False)


def test_many_numbers_are_rounded_to_the_last_bit_as_one_is():
    rng = np.random.default_rng(0)
    halves = np.round(rng.uniform(-9, 9, 2_000), 2) + 0.005
    some = np.concatenate([rng.uniform(-1e4, 1e4, 2_000), halves, [0.0, -0.0, 2.675, 1.005, 0.125, -0.001]])
    for digits in (2, 6):
        expected = np.array([round(value, digits) for value in some.tolist()])
        assert all_rounded(some, digits).tobytes() == expected.tobytes()
