import dataclasses
import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from core.data.labels import Matched
from core.errors import Cancelled, NoLabels, SingleClass, TooManyUnreadable
from core.jobs.requests import parse_request
from core.pipelines import material
from core.pipelines.material import (
    embed_rows,
    load_backbone,
    need_two_classes,
    probabilities,
    read_labelled,
    top_classes,
)
from tests.core.pipelines.conftest import Bench
from tests.pools import spoil

LOGITS = arrays(np.float32, st.tuples(st.integers(1, 5), st.integers(1, 6)), elements=st.floats(-1e4, 1e4, width=32))


def embedded(bench, labels=None, check=lambda: None):
    """All of the pool, as selection and prediction embed it."""
    bench.run = run = bench.new_run(check)
    run.plan("embed")
    labelled = read_labelled(str(bench.root / "pool"), labels, run)
    backbone = bench.backbones.load(material.find_backbone("descriptor"))
    return embed_rows(labelled, np.arange(len(labelled.pool)), backbone, "embed", run)


def matched(classes, targets):
    return Matched(np.arange(len(targets)), classes, np.array(targets, np.int64), ())


# --- embeddings and their cache ---------------------------------------------------------------------------------


def test_rows_are_the_pools_and_stay_so_when_the_cache_has_some_of_them(bench):
    bench.pool(red=3, blue=3)
    first = embedded(bench)
    bench.pool(green=4)
    both = embedded(bench)
    assert both.pool.names == tuple(sorted(both.pool.names))
    rows = [both.pool.names.index(name) for name in first.pool.names]
    np.testing.assert_array_equal(both.embeddings[rows], first.embeddings)
    np.testing.assert_array_equal(both.embeddings, embedded(Bench(bench.root.parent, cache_dir="/nowhere")).embeddings)


def test_a_second_run_embeds_nothing(bench):
    bench.pool(red=5, blue=5)
    embedded(bench)
    assert bench.begun_with("embed") == 0
    embedded(bench)
    assert bench.begun_with("embed") == 10


def test_adding_images_embeds_only_those(bench):
    bench.pool(red=5, blue=5)
    embedded(bench)
    bench.pool(green=3)
    embedded(bench)
    assert bench.begun_with("embed") == 10
    assert bench.run.progress.done == 13


def test_a_changed_image_is_embedded_again(bench):
    bench.pool(red=5)
    before = embedded(bench).embeddings
    Image.new("RGB", (9, 9), "blue").save(bench.root / "pool" / "red_3.png")
    after = embedded(bench).embeddings
    assert bench.begun_with("embed") == 4
    assert np.flatnonzero((before != after).any(axis=1)).tolist() == [3]


def test_another_backbone_takes_nothing_from_this_ones_cache(bench):
    bench.pool(red=2, blue=2)
    bench.select()
    bench.select(backbone="test_resnet", weights="random")
    assert bench.begun_with("embed") == 0


def test_a_cache_that_cannot_be_written_costs_one_warning_and_no_answer(tmp_path):
    (tmp_path / "file").touch()
    bench = Bench(tmp_path, cache_dir=tmp_path / "file" / "cache")
    bench.pool(red=6, blue=6)
    np.testing.assert_array_equal(embedded(bench).embeddings, embedded(bench).embeddings)
    assert bench.begun_with("embed") == 0
    assert bench.warned_of() == ["cache_not_written"]
    assert "could not be kept for next time" in bench.warning("cache_not_written").detail


def test_what_was_embedded_before_a_job_is_stopped_is_kept(bench):
    bench.pool(red=10, blue=10)

    def after_two_batches():
        if bench.run.progress and bench.run.progress.done >= 8:
            raise Cancelled("cancelled by request")

    with pytest.raises(Cancelled):
        embedded(bench, check=after_two_batches)
    embedded(bench)
    assert bench.begun_with("embed") == 8


def test_a_stopped_job_leaves_no_thread_behind(bench):
    bench.pool(red=10, blue=10)

    def at_the_first_batch():
        if bench.run.progress and bench.run.progress.done:
            raise Cancelled("cancelled by request")

    with pytest.raises(Cancelled) as stopped:
        embedded(bench, check=at_the_first_batch)
    assert [thread.name for thread in threading.enumerate() if thread.name.startswith("decode")] == []
    assert stopped.traceback  # which holds every frame the job was in


def test_a_long_job_keeps_what_it_has_every_now_and_then(bench, monkeypatch):
    monkeypatch.setattr(material, "FLUSH_EVERY_S", 0.0)
    bench.pool(red=6, blue=6)
    embedded(bench)
    assert len(list(bench.settings.cache_dir.glob("*/*.segment"))) == 3


def test_progress_never_goes_back_and_ends_when_all_is_done(bench, every_step_is_told):
    bench.pool(red=10)
    spoil(bench.root / "pool", "z.png")
    embedded(bench)
    done = [progress.done for progress in bench.told]
    assert done == sorted(done) == [0, 4, 8, 11]
    assert {progress.total for progress in bench.told} == {11}


# --- what can't be read -----------------------------------------------------------------------------------------


def test_unreadable_images_are_left_out_by_name_and_reason(bench):
    bench.pool(red=10, blue=10)
    spoil(bench.root / "pool", "blue_3.png", "red_0.png")
    found = embedded(bench, bench.labels("blue_3.png", "blue_4.png", "red_1.png"))
    assert len(found.pool) == len(found.embeddings) == 18
    assert [one.name for one in found.unreadable] == ["blue_3.png", "red_0.png"]
    assert [found.pool.names[row] for row in found.matched.rows] == ["blue_4.png", "red_1.png"]
    warning = bench.warning("unreadable_image")
    assert (warning.count, warning.names) == (2, ("blue_3.png", "red_0.png"))
    assert "the first is blue_3.png: none of JPEG" in warning.detail


def test_more_unreadable_images_than_allowed_fail_the_job(bench):
    bench.pool(red=16)
    spoil(bench.root / "pool", "a.png", "b.png")
    with pytest.raises(TooManyUnreadable, match=r"2 of 18 images can't be read, more than the 10%.*a\.png"):
        embedded(bench)


def test_as_many_unreadable_images_as_allowed_do_not(bench):
    bench.pool(red=18)
    spoil(bench.root / "pool", "a.png", "b.png")
    assert len(embedded(bench).pool) == 18


def test_where_no_image_can_be_read_there_is_no_answer_whatever_is_allowed(tmp_path):
    bench = Bench(tmp_path, max_unreadable_fraction=1.0)
    bench.pool()
    spoil(bench.root / "pool", "a.png", "b.png")
    with pytest.raises(TooManyUnreadable, match="none of the 2 images can be read; the first is a"):
        embedded(bench)


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


# --- smaller things ---------------------------------------------------------------------------------------------


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
    top = top_classes(np.array([0.2, 0.3, 0.3, 0.2]), ["a", "b", "c", "d"])
    assert [(one.class_name, one.probability) for one in top] == [("b", 0.3), ("c", 0.3), ("a", 0.2)]
    assert len(top_classes(np.array([0.4, 0.6]), ["a", "b"])) == 2


def test_the_manifest_tells_what_the_answer_depends_on(bench):
    names = bench.pool(red=4, blue=4)
    labels = bench.labels(*names)
    one = bench.select(path_to_labels=labels).manifest
    assert (one.backbone, one.weights, one.head, one.device, one.seed) == ("descriptor", "none", "linear", "cpu", 0)
    assert set(one.versions) == {"torch", "timm", "scikit-learn", "numpy", "pillow"}
    bench.labels(*names[1:])
    other = bench.select(path_to_labels=labels).manifest
    assert (other.pools == one.pools, other.labels == one.labels) == (True, False)


def test_what_embedding_gives_is_never_changed_afterwards(bench):
    bench.pool(red=2)
    with pytest.raises(dataclasses.FrozenInstanceError):
        embedded(bench).embeddings = None
