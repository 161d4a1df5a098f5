import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nextlabel.core.errors import InvalidRequest
from nextlabel.core.kinds.f1 import F1Request
from nextlabel.core.kinds.prediction import PredictionRequest
from nextlabel.core.kinds.registry import KINDS, parse_request
from nextlabel.core.kinds.selection import SelectionRequest
from nextlabel.core.methods.registry import METHODS

SELECTION = {"kind": "selection", "backbone": "b0", "add": 10, "path_to_img": "photos"}
PREDICTION = {"kind": "prediction", "backbone": "b0", "path_to_img": "photos", "path_to_labels": "labels.txt"}
F1 = {
    "kind": "f1",
    "backbone": "b0",
    **{f"path_to_{what}_{half}": "somewhere" for what in ("img", "labels") for half in ("train", "val")},
}

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
FIELDS = sorted({field for kind in KINDS.values() for field in kind.request.model_fields})
ODD_FIELDS = ["body", "query", "selection", "f1", "a/b", "~", ""]


def faults(body):
    with pytest.raises(InvalidRequest) as refused:
        parse_request(body)
    return [(fault.pointer, fault.code) for fault in refused.value.faults]


def refusal(body):
    with pytest.raises(InvalidRequest) as refused:
        parse_request(body)
    return refused.value.faults


def detail(body):
    with pytest.raises(InvalidRequest) as refused:
        parse_request(body)
    (fault,) = refused.value.faults
    return fault.detail


# --- what is taken ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "kind"), [(SELECTION, SelectionRequest), (PREDICTION, PredictionRequest), (F1, F1Request)]
)
def test_a_request_becomes_its_kinds_class_with_the_defaults_filled_in(body, kind):
    request = parse_request(body)
    assert type(request) is kind
    assert (request.head, request.seed, request.weights) == ("linear", 0, None)


def test_a_selection_without_a_method_is_by_auto_and_without_labels_from_nothing():
    request = parse_request(SELECTION)
    assert (request.method.name, request.path_to_labels) == ("auto", None)


@pytest.mark.parametrize("name", METHODS)
def test_a_method_is_asked_for_by_name_or_with_its_options(name):
    body = {**SELECTION, "task": METHODS[name].tasks()[0]}
    by_name, spelt_out = (parse_request({**body, "method": asked}) for asked in (name, {"name": name}))
    assert type(by_name.method) is METHODS[name]
    assert by_name == spelt_out


OF_BOXES = [
    {**{name: value for name, value in body.items() if name != "backbone"}, "task": "detection"}
    for body in (SELECTION, PREDICTION, F1)
]


@pytest.mark.parametrize("body", [SELECTION, PREDICTION, F1, *OF_BOXES])
def test_a_request_that_was_recorded_is_read_back_as_it_was(body):
    request = parse_request(body)
    assert parse_request(json.loads(request.model_dump_json())) == request


@pytest.mark.parametrize("body", [SELECTION, PREDICTION, F1])
def test_a_request_is_about_classification_unless_it_says_otherwise(body):
    assert parse_request(body).task == "classification"
    assert parse_request({**body, "task": "classification"}) == parse_request(body)


def test_a_request_that_names_the_task_has_the_fingerprint_that_it_had_before_there_were_tasks():
    recorded_before = "73f7381e5decd5e85479d187355da56a295d5830ca92403ee33e9a07ee75883a"
    assert parse_request(SELECTION).fingerprint() == recorded_before
    assert parse_request({**SELECTION, "task": "classification"}).fingerprint() == recorded_before


def test_the_fingerprint_is_of_what_is_asked_for_however_it_was_written():
    plain = parse_request(SELECTION).fingerprint()
    spelt_out = {**SELECTION, "seed": 0, "method": {"name": "auto"}, "path_to_labels": None}
    assert parse_request(dict(reversed(spelt_out.items()))).fingerprint() == plain
    others = [{"add": 11}, {"seed": 1}, {"method": "least"}, {"path_to_img": "other"}, {"weights": "random"}]
    prints = {parse_request({**SELECTION, **other}).fingerprint() for other in others}
    assert len(prints | {plain}) == 6


def test_a_request_cannot_be_changed():
    with pytest.raises(ValueError, match="frozen"):
        parse_request(SELECTION).add = 3


# --- what is refused --------------------------------------------------------------------------------------------


def test_every_fault_is_told_at_once():
    body = {"kind": "selection", "backbone": "bo", "add": 0, "seed": -1, "head": "svm", "methode": "least"}
    assert sorted(faults(body)) == [
        ("/add", "invalid_value"),
        ("/backbone", "unknown_backbone"),
        ("/head", "invalid_value"),
        ("/methode", "unknown_field"),
        ("/path_to_img", "missing_field"),
        ("/seed", "invalid_value"),
    ]


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"kind": "selektion"}, ("/kind", "unknown_kind")),
        ({"kind": ["selection"]}, ("/kind", "unknown_kind")),
        ({"method": "magrin"}, ("/method", "unknown_method")),
        ({"method": {"name": "magrin"}}, ("/method", "unknown_method")),
        ({"method": {"name": ["margin"]}}, ("/method", "unknown_method")),
        ({"method": {}}, ("/method", "unknown_method")),
        ({"method": 5}, ("/method", "invalid_value")),
        ({"method": {"name": "margin", "epochs": 5}}, ("/method/epochs", "unknown_field")),
        ({"method": "vae0"}, ("/method/epochs", "invalid_value")),
        ({"method": "margin5"}, ("/method", "unknown_method")),
        ({"class_quotas": {"red": 11}}, ("/class_quotas", "invalid_value")),
        ({"class_quotas": {"red": -1}}, ("/class_quotas/red", "invalid_value")),
        ({"near_copies": "keep"}, ("/near_copies", "invalid_value")),
        ({"exclude": "a.png"}, ("/exclude", "invalid_value")),
        ({"backbone": 5}, ("/backbone", "invalid_value")),
        ({"add": 10**400}, ("/add", "invalid_value")),
        ({"add": 1.5}, ("/add", "invalid_value")),
        ({"add": True}, ("/add", "invalid_value")),
        ({"deadline_s": True}, ("/deadline_s", "invalid_value")),
        ({"class_quotas": {"a": True}}, ("/class_quotas/a", "invalid_value")),
        ({"task": "detection", "cost": {"box_s": True}}, ("/cost/box_s", "invalid_value")),
        ({"method": {"name": "typiclust", "neighbours": True}}, ("/method/neighbours", "invalid_value")),
        ({"seed": 2**32}, ("/seed", "invalid_value")),
        ({"content": 1}, ("/content", "invalid_value")),
        ({"content": "true"}, ("/content", "invalid_value")),
        ({"weights": "pretrained"}, ("/weights", "invalid_value")),
        ({"path_to_img": ""}, ("/path_to_img", "invalid_value")),
        ({"path_to_img": "x" * 5000}, ("/path_to_img", "invalid_value")),
        ({"path_to_img": None}, ("/path_to_img", "invalid_value")),
        ({"path_to_img_val": "x"}, ("/path_to_img_val", "unknown_field")),
        ({"selection": 1}, ("/selection", "unknown_field")),
        ({"body": 1}, ("/body", "unknown_field")),
        ({"query": 1}, ("/query", "unknown_field")),
        ({"task": "segmentation"}, ("/task", "unknown_task")),
        ({"task": ["classification"]}, ("/task", "unknown_task")),
        ({"task": None}, ("/task", "unknown_task")),
        ({"class_quotas": {"a/b~": "x"}}, ("/class_quotas/a~1b~0", "invalid_value")),
        ({"exclude": ["a.png", 5]}, ("/exclude/1", "invalid_value")),
        ({"exclude": ["a.png", ""]}, ("/exclude/1", "invalid_value")),
        ({"exclude": {"a": 1}}, ("/exclude", "invalid_value")),
        ({"a/b~c": 1}, ("/a~1b~0c", "unknown_field")),
    ],
)
def test_a_fault_is_pointed_at(change, fault):
    assert faults({**SELECTION, **change}) == [fault]


def test_true_is_no_number_and_the_remedy_is_told():
    with pytest.raises(InvalidRequest, match="write a number here, not true or false"):
        parse_request({**SELECTION, "class_quotas": {"a": True}})
    assert parse_request({**SELECTION, "add": "5", "deadline_s": 3, "content": True}).add == 5


LISTS = {
    "audit": {**PREDICTION, "kind": "audit"},
    "similar": {**SELECTION, "kind": "similar", "like": ["a.png"]},
    "learning_curve": {**PREDICTION, "kind": "learning_curve"},
}


@pytest.mark.parametrize(
    ("kind", "change", "expected"),
    [
        ("audit", {"methods": [{"name": "margin", "temp": 1}]}, [("/methods/0/temp", "unknown_field")]),
        ("audit", {"methods": ["auto", {"name": "margin", "a/b": 1}]}, [("/methods/1/a~1b", "unknown_field")]),
        ("audit", {"methods": ["margin", "magrin"]}, [("/methods/1", "unknown_method")]),
        ("audit", {"methods": [5, {}]}, [("/methods/0", "invalid_value"), ("/methods/1", "unknown_method")]),
        (
            "audit",
            {"methods": ["vae0", "vae"]},
            [("/methods/0/epochs", "invalid_value"), ("/methods/1", "invalid_value")],
        ),
        ("audit", {"methods": []}, [("/methods", "invalid_value")]),
        ("audit", {"methods": "margin"}, [("/methods", "invalid_value")]),
        ("audit", {"methods": ["margin"] * 21}, [("/methods", "invalid_value")]),
        ("similar", {"like": [5]}, [("/like/0", "invalid_value")]),
        ("similar", {"like": ["a.png", "", None]}, [("/like/1", "invalid_value"), ("/like/2", "invalid_value")]),
        ("similar", {"like": []}, [("/like", "invalid_value")]),
        ("similar", {"like": [5], "unlike": [5]}, [("/like/0", "invalid_value"), ("/unlike/0", "invalid_value")]),
        ("similar", {"like": [], "backbone": "siglip", "like_text": ["a", ""]}, [("/like_text/1", "invalid_value")]),
        ("learning_curve", {"ahead": [-1, 5]}, [("/ahead/0", "invalid_value")]),
        ("learning_curve", {"ahead": [0]}, [("/ahead/0", "invalid_value")]),
    ],
)
def test_a_fault_in_a_list_is_told_at_its_place_in_it_and_only_there(kind, change, expected):
    assert sorted(faults({**LISTS[kind], **change})) == expected


def test_images_like_a_text_need_a_backbone_that_knows_texts_and_no_images_that_they_are_like():
    body = {**SELECTION, "kind": "similar", "like_text": ["a heron"], "backbone": "siglip"}
    assert parse_request(body).like_text == ("a heron",)
    assert detail({**body, "backbone": "mobilenet"}) == "mobilenet knows no text: siglip does"
    assert faults({**body, "like": ["a.png"], "unlike": ["b.png"]}) == [
        ("/like", "invalid_value"),
        ("/unlike", "invalid_value"),
    ]
    assert faults({**body, "weights": "random"}) == [("/weights", "invalid_value")]
    brought = {"backbone": None, "path_to_embeddings": "e.npy"}
    assert faults({**body, **brought}) == [("/path_to_embeddings", "invalid_value")]
    of_boxes = {"task": "detection", "like_boxes": [{"name": "a.png", "box": [0, 0, 9, 9]}]}
    assert faults({**body, **of_boxes}) == [("/like_text", "invalid_value")]
    assert faults({**body, "backbone": "sigli"}) == [("/backbone", "unknown_backbone")]


@pytest.mark.parametrize("method", [{"name": "margin", "temp": 1}, {"name": "mixture", "epoch": 1}])
def test_an_unknown_option_of_a_method_is_told_with_the_options_of_that_method(method):
    fields = ", ".join(METHODS[method["name"]].model_fields)
    expected = f"there is no such field; method {method['name']} has {fields}"
    assert detail({**SELECTION, "method": method}) == expected
    assert expected in {fault.detail for fault in refusal({**LISTS["audit"], "methods": ["auto", method]})}


@given(field=st.text(min_size=1))
def test_an_unknown_option_is_pointed_at_wherever_its_method_stands(field):
    method = {"name": "margin", field: 1}
    if field == "name":
        return
    escaped = field.replace("~", "~0").replace("/", "~1")
    assert faults({**SELECTION, "method": method}) == [(f"/method/{escaped}", "unknown_field")]
    assert faults({**LISTS["audit"], "methods": ["auto", method]}) == [(f"/methods/1/{escaped}", "unknown_field")]


def test_a_task_that_is_not_served_is_told_with_those_that_are():
    body = {"kind": "embedding", "backbone": "b0", "path_to_img": "p", "task": "detection"}
    assert detail(body) == "`task` must be one of classification, multilabel"


@pytest.mark.parametrize("body", [None, 5, [], "selection"])
def test_what_is_no_object_is_refused_as_a_whole(body):
    assert faults(body) == [("/", "invalid_value")]


def test_a_request_without_a_kind_is_told_which_there_are():
    assert faults({}) == [("/kind", "missing_field")]
    assert detail({}) == f"`kind` must be one of {', '.join(KINDS)}"


def test_a_refusal_says_what_exists():
    assert "least, margin, ratio, entropy, vae, mixture, random" in detail({**SELECTION, "method": "magrin"})
    assert "Did you mean" in detail({**SELECTION, "backbone": "resnet5O"})
    assert detail({**PREDICTION, "add": 5}).startswith("there is no such field; prediction has kind, backbone, head")
    with_options = {**SELECTION, "method": {"name": "margin", "epochs": 5}}
    assert detail(with_options) == "there is no such field; method margin has name"


@given(
    base=st.sampled_from([SELECTION, PREDICTION, F1]),
    change=st.dictionaries(st.sampled_from(FIELDS + ODD_FIELDS), JSON, max_size=4),
    without=st.sets(st.sampled_from(FIELDS), max_size=2),
)
def test_any_json_is_either_a_request_or_refused_with_pointers_into_it(base, change, without):
    body = {field: value for field, value in {**base, **change}.items() if field not in without}
    for fault in faults_found(body):
        first = fault.pointer.split("/")[1].replace("~1", "/").replace("~0", "~")
        assert fault.detail
        assert (body.get(first) is None or first == "kind") or fault.code != "missing_field"
        assert first in body or fault.code == "missing_field"


def faults_found(body):
    try:
        parse_request(body)
    except InvalidRequest as refused:
        return refused.faults or [None]
    return []


# --- time -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["selection", "prediction", "similar", "map"])
def test_time_is_set_for_what_a_backbone_embeds(kind):
    body = {"kind": kind, "backbone": "b0", "path_to_img": "photos", "path_to_labels": "labels.txt", "within_s": 10}
    body |= {"add": 1} if kind in ("selection", "similar") else {}
    body |= {"like": ["a.png"]} if kind == "similar" else {}
    assert parse_request(body).within_s == 10
    assert faults(body | {"within_s": 0}) == [("/within_s", "invalid_value")]
    assert faults(body | {"content": True}) == [("/within_s", "invalid_value")]
    brought = {name: value for name, value in body.items() if name != "backbone"} | {"path_to_embeddings": "a.npy"}
    assert faults(brought) == [("/within_s", "invalid_value")]


def test_a_request_without_a_time_keeps_the_fingerprint_that_it_had():
    timed = parse_request(SELECTION | {"within_s": 10})
    assert parse_request(SELECTION | {"within_s": None}).fingerprint() == parse_request(SELECTION).fingerprint()
    assert timed.fingerprint() != parse_request(SELECTION).fingerprint()
