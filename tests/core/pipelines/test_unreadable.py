import shutil
from uuid import uuid4

import pytest

from nextlabel.core.data import places
from nextlabel.core.data.objects import objects_of
from nextlabel.core.data.places import place_at
from nextlabel.core.data_roots import BucketUrl, Roots
from nextlabel.core.errors import BucketUnavailable, PathNotAllowed, PathNotFound
from nextlabel.core.pipelines.unreadable import refuse_gone
from tests.core.pipelines.conftest import embedded
from tests.object_storage import environment, refusal
from tests.pools import spoil

GONE = "does not exist. It was there when the job began.*Bring it back and retry the job"


def once(stage, bench, act):
    """A check that acts once, when the stage has begun."""
    acted = []

    def check():
        progress = bench.run.progress
        if not acted and progress is not None and progress.stage == stage:
            acted.append(act())

    return check


def move_away(folder):
    return lambda: folder.rename(folder.with_name("elsewhere"))


def empty(folder):
    """What lies where a share was mounted, once it is not any more."""

    def act():
        shutil.rmtree(folder)
        folder.mkdir()

    return act


def test_a_folder_that_is_moved_while_it_is_embedded_is_gone_and_not_unreadable(bench):
    bench.pool(red=20, blue=20)
    with pytest.raises(PathNotFound, match=GONE):
        embedded(bench, check=once("embed", bench, move_away(bench.root / "pool")))
    (bench.root / "elsewhere").rename(bench.root / "pool")
    assert len(embedded(bench).pool) == 40  # once it is back; what was kept meanwhile is what is there


def test_what_was_cached_before_the_folder_went_is_right_and_nothing_else_was(bench):
    names = bench.pool(red=20, blue=20)
    with pytest.raises(PathNotFound):
        embedded(bench, check=once("embed", bench, move_away(bench.root / "pool")))
    (bench.root / "elsewhere").rename(bench.root / "pool")
    again = embedded(bench)
    kept = bench.begun_with("embed")
    assert kept < len(names)
    shutil.rmtree(bench.settings.cache_dir)
    assert (embedded(bench).embeddings == again.embeddings).all()


def test_an_empty_folder_where_a_share_was_mounted_is_gone_too(bench):
    bench.pool(red=20, blue=20)
    with pytest.raises(PathNotFound, match=r"has no image in it any more\. It was there when the job began"):
        embedded(bench, check=once("embed", bench, empty(bench.root / "pool")))


def test_a_few_images_that_go_with_their_folder_end_the_job_though_as_many_may_be_unreadable(bench):
    bench.pool(red=40)
    embedded(bench)
    bench.pool(blue=2)
    with pytest.raises(PathNotFound, match=GONE):
        embedded(bench, check=once("embed", bench, move_away(bench.root / "pool")))


def test_images_that_are_gone_from_a_folder_that_is_there_are_named_as_ever(bench):
    bench.pool(red=18)
    spoil(bench.root / "pool", "a.png")

    def delete():
        (bench.root / "pool" / "a.png").unlink()

    assert len(embedded(bench, check=once("embed", bench, delete)).pool) == 18
    assert bench.warning("unreadable_image").names == ("a.png",)


@pytest.mark.parametrize("act", [move_away, empty])
def test_a_folder_in_the_pool_that_goes_and_takes_too_many_with_it_is_named(bench, act):
    bench.pool(red=20)
    bench.pool("pool/cameras/b", blue=20)
    gone = f"'{bench.root}/pool/cameras' (does not exist|has no image in it any more).*Bring it back and retry the job"
    with pytest.raises(PathNotFound, match=gone):
        embedded(bench, check=once("embed", bench, act(bench.root / "pool" / "cameras")))


def test_a_few_images_of_a_folder_that_goes_from_the_pool_are_named_as_ever(bench):
    bench.pool(red=40)
    bench.pool("pool/a", blue=2)
    assert len(embedded(bench, check=once("embed", bench, empty(bench.root / "pool" / "a"))).pool) == 40
    assert bench.warning("unreadable_image").names == ("a/blue_0.png", "a/blue_1.png")


def test_a_validation_pool_that_goes_meanwhile_is_named(bench):
    train, val = bench.pool("train", red=5, blue=5), bench.pool("val", red=20, blue=20)
    labels, val_labels = bench.labels(*train), bench.labels(*val, file="val.txt")
    act = move_away(bench.root / "val")
    with pytest.raises(PathNotFound, match=f"'{bench.root}/val' {GONE}"):
        bench.validate(labels, val_labels, check=once("embed validation images", bench, act))


def test_a_link_out_of_the_roots_where_the_folder_was_is_told_with_the_remedy(bench, tmp_path_factory):
    outside = tmp_path_factory.mktemp("outside")

    def act():
        move_away(bench.root / "pool")()
        (bench.root / "pool").symlink_to(outside)

    bench.pool(red=20, blue=20)
    with pytest.raises(PathNotAllowed, match="It was there when the job began"):
        embedded(bench, check=once("embed", bench, act))


def test_a_bucket_is_asked_whether_it_is_still_there_with_the_patience_of_the_settings(bench, storage):
    name = f"b-{uuid4().hex[:12]}"
    storage.make(name)
    url = BucketUrl("s3", name, "photos")
    update = {"data_roots": Roots((), [BucketUrl("s3", name)]), "bucket_patience_s": 0.0}
    bench.settings = bench.settings.model_copy(update=update)
    objects_of.cache_clear()
    with environment(**storage.environment):
        storage.relay.asked.clear()
        storage.relay.fault = lambda _method, _path: refusal(503, "SlowDown")
        try:
            place = place_at(str(url), bench.settings.data_roots)
            with pytest.raises(BucketUnavailable):
                refuse_gone(place, bench.new_run())
        finally:
            storage.relay.fault = lambda _method, _path: None
            objects_of.cache_clear()
    assert len(storage.relay.asked) == 1


def test_a_listing_in_which_the_folder_went_is_none(bench, monkeypatch):
    bench.pool("pool/a", red=2)
    bench.pool("pool/b", red=2)
    place = place_at(bench.root / "pool", [bench.root])
    whole = places.Walk._list_folder

    def list_one_folder_and_go(walk, name, real, most):
        whole(walk, name, real, most)
        if name == "b":
            move_away(bench.root / "pool")()

    monkeypatch.setattr(places.Walk, "_list_folder", list_one_folder_and_go)
    with pytest.raises(PathNotFound):
        place.list()
