import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nextlabel.core.data.draw import Draw, drawn_order
from nextlabel.core.data.places import place_at
from nextlabel.core.data.pool import draw_pool, list_pool

NAMES = [f"camera-{i // 500}/img_{i:04d}.jpg" for i in range(2_000)]

names_in_pools = st.lists(st.text(st.characters(codec="utf-8"), min_size=1), unique=True, max_size=30)


@given(names_in_pools, st.integers(0, 2**32 - 1))
def test_every_row_is_drawn_once(names, seed):
    assert sorted(drawn_order(names, seed).tolist()) == list(range(len(names)))


@given(names_in_pools, st.integers(0, 2**32 - 1), st.data())
def test_an_image_keeps_its_place_among_others_whatever_else_is_in_the_pool(names, seed, data):
    fewer = [name for name in names if data.draw(st.booleans())]
    order = [names[row] for row in drawn_order(names, seed)]
    assert [fewer[row] for row in drawn_order(fewer, seed)] == [name for name in order if name in fewer]


def test_the_first_that_are_drawn_come_from_all_parts_of_the_pool_alike():
    for seed in range(20):
        counts = np.bincount(drawn_order(NAMES, seed)[:400] // 200, minlength=10)
        assert counts.min() >= 20, "40 of each tenth of the pool are expected, give or take 6"


def test_another_seed_is_another_order():
    assert drawn_order(NAMES, 0).tolist() != drawn_order(NAMES, 1).tolist()
    assert drawn_order(NAMES, 0).tolist() == drawn_order(NAMES, 0).tolist()


@pytest.fixture
def folder(tmp_path):
    root = tmp_path.resolve()
    for name in NAMES[::20]:
        path = root / "pool" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    (root / "pool" / "link.jpg").symlink_to(root / "pool" / NAMES[0])
    return root


def test_a_pool_of_those_drawn_and_named_knows_how_many_there_are(folder):
    place = place_at("pool", [folder])
    whole = list_pool(place)
    order = [whole.names[row] for row in drawn_order(whole.names, 3)]
    pool, images = draw_pool(place, Draw(3, 10, named=[order[50], "nowhere.jpg"]))
    assert images == len(whole) == 101
    assert list(pool.names) == sorted([*order[:10], order[50]])
    rows = [whole.names.index(name) for name in pool.names]
    assert pool.stamps.tolist() == whole.stamps[rows].tolist()


def test_links_are_drawn_as_files_are(folder):
    pool, images = draw_pool(place_at("pool", [folder]), Draw(0, 0, named=["link.jpg"]))
    assert (pool.names, images) == (("link.jpg",), 101)


def test_a_draw_of_all_is_the_whole_pool(folder):
    place = place_at("pool", [folder])
    pool, images = draw_pool(place, Draw(0, 500))
    assert (pool.state(), images) == (list_pool(place).state(), 101)


def test_two_names_that_look_the_same_are_one_image_of_a_draw(tmp_path):
    root = tmp_path.resolve()
    composed, decomposed = "caf\u00e9.png", "cafe\u0301.png"
    for name in (composed, decomposed, "a.png"):
        (root / name).touch()
    if len(list(root.iterdir())) < 3:
        pytest.skip("this file system holds both for one name")
    pool, images = draw_pool(place_at(root, [root]), Draw(0, 0, named=[composed]))
    assert (pool.names, images) == ((decomposed,), 2)
    assert [file.name for file in pool.skipped] == [composed]
