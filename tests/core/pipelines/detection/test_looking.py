import pytest

from nextlabel.core.errors import PathNotFound, TooManyUnreadable
from tests import shapes
from tests.core.pipelines.test_unreadable import empty, move_away, once
from tests.pools import spoil

QUICK = {"task": "detection", "backbone": None, "image_size": 64, "passes": 16}


@pytest.mark.usefixtures("backbone_here")
@pytest.mark.parametrize("act", [move_away, empty])
def test_a_pool_of_boxes_that_goes_meanwhile_is_gone(bench, act):
    lines = shapes.draw(bench.root / "pool", *[["square"], ["disc"]] * 8)
    shapes.write(bench.root / "boxes.jsonl", lines[:6])
    with pytest.raises(PathNotFound, match="It was there when the job began"):
        bench.predict(str(bench.root / "boxes.jsonl"), check=once("predict", bench, act(bench.root / "pool")), **QUICK)


@pytest.mark.usefixtures("backbone_here")
def test_more_images_of_boxes_that_cannot_be_read_than_are_allowed_end_the_job(bench):
    lines = shapes.draw(bench.root / "pool", *[["square"], ["disc"]] * 8)
    shapes.write(bench.root / "boxes.jsonl", lines[:6])
    spoil(bench.root / "pool", "z1.png", "z2.png")
    with pytest.raises(TooManyUnreadable, match="2 of 18 images can't be read, more than the 10%"):
        bench.predict(str(bench.root / "boxes.jsonl"), **QUICK)


@pytest.mark.usefixtures("backbone_here")
def test_of_few_images_that_are_asked_for_one_that_cannot_be_read_is_told_and_the_others_are_looked_at(bench):
    lines = shapes.draw(bench.root / "pool", *[["square"], ["disc"]] * 5)
    labels = shapes.write(bench.root / "boxes.jsonl", lines[:8])
    whole = lines[9]["name"]
    spoil(bench.root / "pool", "z1.png", "z2.png")

    def predict(*names):
        return bench.predict(labels, names=names, **QUICK)

    result = predict(whole, "z1.png")
    assert ([one.name for one in result.items], [one.name for one in result.skipped]) == ([whole], ["z1.png"])
    assert bench.warning("unreadable_image").names == ("z1.png",)
    with pytest.raises(TooManyUnreadable, match="none of the 2 images can be read"):
        predict("z1.png", "z2.png")
