import numpy as np
import pytest

from nextlabel.core.methods import auto
from nextlabel.core.methods.auto import unseen_likely
from nextlabel.core.methods.registry import METHODS, parse_method
from tests.core.methods.pools import inputs_of


def settle(asked, *counts, **more):
    """As `auto.settle`, with the reason in words."""
    method, because = auto.settle(asked, *counts, **more)
    return method, because.in_words(asked.name)


@pytest.mark.parametrize(
    ("labels", "classes", "name"), [(0, 0, "maxherding"), (5, 1, "maxherding"), (2, 2, "uherding")]
)
def test_auto_herds_until_a_head_can_be_unsure(labels, classes, name):
    method, why = settle(parse_method("auto"), labels, classes)
    assert method.name == name
    assert why


@pytest.mark.parametrize(
    ("images_per_class", "likely"),
    [
        ([], False),
        ([9], False),  # nothing was seen once
        ([4, 1], True),
        ([3, 1], False),  # no class has four fifths
        ([7, 2], False),
        ([49, 1], True),
        ([50, 1], False),  # one in fifty would be a fiftieth of the pool
        ([98, 1, 1], True),
    ],
)
def test_unseen_classes_are_likely_beside_one_that_nearly_all_labels_have_and_some_that_were_seen_once(
    images_per_class, likely
):
    assert unseen_likely(np.repeat(np.arange(len(images_per_class)), images_per_class)) is likely


def test_while_unseen_classes_are_likely_auto_looks_for_what_lies_apart():
    method, why = settle(parse_method("auto"), 20, 3, unseen=True)
    assert method.name == "facility_location"
    assert why.startswith(
        "20 labels of 3 classes, nearly all of one and some classes seen once, so that others are likely unseen"
    )
    assert settle(parse_method("margin"), 20, 3, unseen=True) == (parse_method("margin"), "as asked")


def test_auto_by_itself_looks_for_what_lies_apart_too():
    flat, apart = [[1, 0.1 * i] for i in range(8)], [[-1, 0]]
    inputs = inputs_of(flat + apart, labelled=range(6), targets=[0, 0, 0, 0, 0, 1], logits=np.zeros((9, 2)))
    assert parse_method("auto").select(inputs, 1, np.random.default_rng(0)).rows == [8]


@pytest.mark.parametrize("name", ["margin", "badge", "dropquery", "mixture"])
def test_a_method_that_needs_two_classes_gives_way_to_herding_and_says_so(name):
    for labels, classes, known in ((0, 0, "nothing is labelled yet"), (7, 1, "only one class is labelled")):
        method, why = settle(parse_method(name), labels, classes)
        assert method.name == "maxherding"
        assert why == f"{known}, and {name} needs two classes"
    assert settle(parse_method(name), 7, 2) == (parse_method(name), "as asked")


@pytest.mark.parametrize("name", ["vae", "novelty"])
def test_what_learns_from_labelled_images_gives_way_while_there_are_none(name):
    method, why = settle(parse_method(name), 0, 0)
    assert method.name == "maxherding"
    assert why == f"nothing is labelled yet, and {name} learns from labelled images"
    assert settle(parse_method(name), 1, 1)[1] == "as asked"


def test_vae_needs_one_labelled_image():
    assert settle(parse_method("vae9"), 1, 1) == (parse_method("vae9"), "as asked")


@pytest.mark.parametrize("name", [name for name in METHODS if name != "auto"])
def test_with_labels_of_two_classes_every_method_runs_as_asked(name):
    assert settle(parse_method(name), 10, 2) == (parse_method(name), "as asked")


def test_auto_picks_what_its_choice_picks():
    inputs = inputs_of(np.random.default_rng(0).normal(size=(20, 3)))
    auto, herding = (parse_method(n).select(inputs, 4, np.random.default_rng(0)) for n in ("auto", "maxherding"))
    assert auto.rows.tolist() == herding.rows.tolist()


def test_without_embeddings_auto_goes_by_the_predictions_alone():
    method, why = settle(parse_method("auto"), 0, 3, embeddings=False)
    assert method.name == "margin"
    assert why == "there are predictions, and no embeddings: images that the predictions are unsure of"


@pytest.mark.parametrize(
    ("name", "lacks"), [("dropquery", "needs two classes"), ("vae", "learns from labelled images")]
)
def test_predictions_are_no_labels_to_train_a_network_on(name, lacks):
    method, why = settle(parse_method(name), 0, 3, labelled_classes=0)
    assert method.name == "maxherding"
    assert why == f"nothing is labelled yet, and {name} {lacks}"


@pytest.mark.parametrize("name", ["uherding", "margin", "badge"])
def test_predictions_are_enough_for_a_method_that_goes_by_what_the_head_says(name):
    assert settle(parse_method(name), 0, 3, labelled_classes=0)[1] == "as asked"
