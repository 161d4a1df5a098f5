import shutil

import numpy as np
import pytest

from nextlabel.core.kinds.results import as_csv
from nextlabel.core.pipelines.map import _tsne
from tests.pools import draw


def draw_map(bench, **fields):
    return bench.carry_out("map", path_to_img=str(bench.root / "pool"), **fields)


def test_images_that_look_alike_lie_close(bench):
    draw(bench.root / "pool", red=20, blue=20)
    result = draw_map(bench)
    places = np.column_stack([result.x, result.y])
    red = np.array([name.startswith("red") for name in result.names])
    between = np.linalg.norm(places[red].mean(axis=0) - places[~red].mean(axis=0))
    within = np.linalg.norm(places[red] - places[red].mean(axis=0), axis=1).mean()
    assert between > 2 * within
    assert np.abs(places).max() <= 1


def test_labels_and_predictions_are_indices_of_the_classes(bench):
    draw(bench.root / "pool", red=5, blue=5)
    result = draw_map(bench, path_to_labels=bench.labels("red_0.png", "blue_0.png"))
    assert result.class_names == ("blue", "red")
    classes = dict(zip(result.names, result.classes, strict=True))
    assert (classes["red_0.png"], classes["blue_0.png"], classes["red_1.png"]) == (1, 0, -1)
    assert [result.class_names[i] for i in result.predicted] == [name.partition("_")[0] for name in result.names]


def test_without_two_classes_nothing_is_predicted(bench):
    draw(bench.root / "pool", red=6)
    assert draw_map(bench, path_to_labels=bench.labels("red_0.png")).predicted is None


def test_a_large_pool_is_sampled_and_keeps_its_labelled_images(bench):
    draw(bench.root / "pool", red=30)
    result = draw_map(bench, points=10, path_to_labels=bench.labels("red_3.png", "red_29.png"))
    assert (len(result.names), result.images) == (10, 30)
    assert {"red_3.png", "red_29.png"} <= set(result.names)


@pytest.mark.parametrize("n", [1, 2, 4, 5, 7])
def test_a_few_images_have_places_too(bench, n):
    draw(bench.root / "pool", red=n)
    result = draw_map(bench)
    assert len(result.x) == n
    assert np.isfinite([*result.x, *result.y]).all()


def test_images_that_all_look_the_same_have_one_place(bench):
    (first,) = draw(bench.root / "pool", red=1)
    for i in range(9):
        shutil.copy(bench.root / "pool" / first, bench.root / "pool" / f"copy_{i}.png")
    result = draw_map(bench)
    assert set(result.x) | set(result.y) == {0.0}


def test_images_that_differ_by_less_than_can_be_told_have_one_place():
    low = (np.random.default_rng(0).normal(size=(20, 5)) * 1e-24).astype(np.float32)
    assert not _tsne(low, 0, None).any()  # without the limit it ends the process


def test_embeddings_of_one_number_have_places(bench):
    names = draw(bench.root / "pool", red=9)
    np.save(bench.root / "vectors.npy", np.arange(9.0)[:, None])
    (bench.root / "vectors.txt").write_text("\n".join(names))
    result = draw_map(bench, backbone=None, path_to_embeddings=str(bench.root / "vectors.npy"))
    assert len(set(result.x)) > 1


def test_the_same_request_gives_the_same_bytes_and_a_table(bench):
    draw(bench.root / "pool", red=8, blue=8)
    assert draw_map(bench).model_dump_json() == draw_map(bench).model_dump_json()
    assert as_csv(draw_map(bench)).splitlines()[0] == "name,x,y,class"
