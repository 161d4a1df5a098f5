import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from nextlabel.core.errors import InvalidRequest
from nextlabel.core.kinds.admission import admit
from nextlabel.core.kinds.f1 import F1Request
from nextlabel.core.kinds.prediction import PredictionRequest
from nextlabel.core.kinds.selection import SelectionRequest
from nextlabel.core.settings import Settings


@pytest.fixture
def root(tmp_path):
    """A pool of two files that are no images: admission opens none."""
    root = tmp_path / "data"
    (root / "pool").mkdir(parents=True)
    (root / "pool" / "a.png").touch()
    (root / "pool" / "b.png").touch()
    (root / "empty").mkdir()
    (root / "labels.txt").write_text("a.png\tcat\nb.png\tdog\n")
    (root / "one_class.txt").write_text("a.png\tcat\n")
    (root / "none.txt").touch()
    (root / "commas.txt").write_text("a.png,cat\n")
    (root / "twice.txt").write_text("a.png\tcat\na.png\tdog\n")
    return root


@pytest.fixture
def settings(root):
    return Settings(data_roots=(root,))


SELECTION = {"kind": "selection", "backbone": "b0", "add": 1, "path_to_img": "pool"}
PREDICTION = {"kind": "prediction", "backbone": "b0", "path_to_img": "pool", "path_to_labels": "labels.txt"}
F1 = {
    "kind": "f1",
    "backbone": "b0",
    "path_to_img_train": "pool",
    "path_to_labels_train": "labels.txt",
    "path_to_img_val": "pool",
    "path_to_labels_val": "labels.txt",
}


def faults(body, settings):
    with pytest.raises(InvalidRequest) as refused:
        admit(body, settings)
    return [(fault.pointer, fault.code) for fault in refused.value.faults]


@pytest.mark.parametrize(
    ("body", "kind"), [(SELECTION, SelectionRequest), (PREDICTION, PredictionRequest), (F1, F1Request)]
)
def test_a_request_whose_paths_are_good_is_admitted(settings, body, kind):
    assert type(admit(body, settings)) is kind


@pytest.mark.parametrize("labels", [None, "none.txt", "empty", "one_class.txt", "labels.txt"])
def test_a_selection_may_begin_with_no_labels_or_with_one_class(settings, labels):
    admit({**SELECTION, "path_to_labels": labels}, settings)


@pytest.mark.parametrize(
    ("labels", "code"), [(None, "no_labels"), ("none.txt", "no_labels"), ("one_class.txt", "single_class")]
)
def test_what_learns_from_labels_needs_two_classes(settings, labels, code):
    assert faults({**PREDICTION, "path_to_labels": labels}, settings) == [("/path_to_labels", code)]


def test_with_a_backbone_that_knows_texts_two_declared_classes_will_do_for_a_prediction(settings, root):
    (root / "labels").mkdir()
    body = {**PREDICTION, "path_to_labels": "labels", "backbone": "siglip"}
    assert faults(body, settings) == [("/path_to_labels", "no_labels")]
    (root / "labels" / "classes.json").write_text('[{"name": "cat"}, {"name": "dog"}]')
    admit(body, settings)
    (root / "labels" / "ann.txt").write_text("a.png\tcat\n")
    admit(body, settings)
    with pytest.raises(InvalidRequest, match="with the backbone siglip, the names of the declared classes will do"):
        admit({**body, "backbone": "b0"}, settings)
    assert faults({**body, "task": "multilabel"}, settings) == [("/path_to_labels", "single_class")]


def test_a_prediction_without_the_field_is_told_to_name_labels(settings):
    body = {field: value for field, value in PREDICTION.items() if field != "path_to_labels"}
    assert faults(body, settings) == [("/path_to_labels", "no_labels")]


def test_validation_labels_may_be_of_one_class_and_training_labels_may_not(settings):
    admit({**F1, "path_to_labels_val": "one_class.txt"}, settings)
    one_class = {**F1, "path_to_labels_train": "one_class.txt"}
    assert faults(one_class, settings) == [("/path_to_labels_train", "single_class")]


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/etc", "path_not_allowed"),
        ("../..", "path_not_allowed"),
        ("nowhere", "path_not_found"),
        ("labels.txt", "path_wrong_kind"),
        ("empty", "empty_pool"),
        ("a\0b", "path_not_allowed"),
    ],
)
def test_a_pool_that_cannot_be_used_is_refused(settings, path, code):
    assert faults({**SELECTION, "path_to_img": path}, settings) == [("/path_to_img", code)]


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/etc/passwd", "path_not_allowed"),
        ("nowhere.txt", "path_not_found"),
        ("commas.txt", "labels_malformed"),
        ("twice.txt", None),  # a contradiction leaves the one image out
        ("pool/a.png", None),  # an empty file is no labels
    ],
)
def test_labels_that_cannot_be_used_are_refused(settings, path, code):
    body = {**SELECTION, "path_to_labels": path}
    if code is None:
        admit(body, settings)
    else:
        assert faults(body, settings) == [("/path_to_labels", code)]


def test_a_link_out_of_the_roots_is_refused(settings, root, tmp_path):
    (tmp_path / "outside").mkdir()
    (root / "link").symlink_to(tmp_path / "outside")
    assert faults({**SELECTION, "path_to_img": "link"}, settings) == [("/path_to_img", "path_not_allowed")]


def test_faults_of_the_form_and_of_the_disk_are_told_at_once(settings):
    body = {
        "kind": "f1",
        "backbone": "bo",
        "path_to_img_train": "nowhere",
        "path_to_labels_train": "commas.txt",
        "x": 1,
    }
    assert sorted(faults(body, settings)) == [
        ("/backbone", "unknown_backbone"),
        ("/path_to_img_train", "path_not_found"),
        ("/path_to_img_val", "missing_field"),
        ("/path_to_labels_train", "labels_malformed"),
        ("/path_to_labels_val", "missing_field"),
        ("/x", "unknown_field"),
    ]


def test_one_fault_of_a_field_is_enough(settings):
    body = {**SELECTION, "path_to_img": "", "path_to_img_elsewhere": "nowhere"}
    assert faults(body, settings) == [("/path_to_img", "invalid_value"), ("/path_to_img_elsewhere", "unknown_field")]


def test_paths_are_looked_at_even_when_the_kind_is_unknown(settings):
    assert faults({**SELECTION, "kind": "x", "path_to_img": "nowhere"}, settings) == [
        ("/kind", "unknown_kind"),
        ("/path_to_img", "path_not_found"),
    ]


@pytest.mark.parametrize("body", [None, 5, [], "x"])
def test_what_is_no_object_is_refused(settings, body):
    assert faults(body, settings) == [("/", "invalid_value")]


@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(path=st.text(), labels=st.none() | st.text())
def test_no_path_is_too_strange(settings, path, labels):
    body = {**SELECTION, "path_to_img": f"no{path}", "path_to_labels": labels}
    assert {pointer for pointer, _ in faults(body, settings)} <= {"/path_to_img", "/path_to_labels"}


@pytest.mark.parametrize("kind", ["learning_curve", "audit", "label_check"])
def test_every_kind_that_learns_from_labels_is_told_to_name_them(settings, kind):
    assert admit({**PREDICTION, "kind": kind}, settings).kind == kind
    nameless = {name: value for name, value in PREDICTION.items() if name != "path_to_labels"}
    assert faults({**nameless, "kind": kind}, settings) == [("/path_to_labels", "no_labels")]


def test_a_contradiction_stops_no_job_unless_nothing_else_is_labelled(settings, root):
    (root / "both.txt").write_text("a.png\tcat\na.png\tdog\nb.png\tcat\nc.png\tdog\n")
    admit({**PREDICTION, "kind": "label_check", "path_to_labels": "both.txt"}, settings)
    admit({**PREDICTION, "path_to_labels": "both.txt"}, settings)
    with pytest.raises(InvalidRequest, match=r"people contradict each other about all images labelled in it \(1\)"):
        admit({**PREDICTION, "path_to_labels": "twice.txt"}, settings)


@pytest.mark.parametrize(
    ("task", "file", "why"),
    [
        ("detection", "anna.txt", "they hold classes and no boxes"),
        ("multilabel", "boxes.jsonl", "they hold boxes, which the task `detection` alone reads"),
        ("classification", "labels", "they don't end in .txt"),
    ],
)
def test_a_folder_without_labels_of_the_task_is_refused_with_what_lies_in_it(settings, root, task, file, why):
    (root / "others").mkdir()
    (root / "others" / file).write_text("a.png\tcat\nb.png\tdog\n")
    said = f"there is no label in it.*not read were '{file}': {why}"
    with pytest.raises(InvalidRequest, match=said):
        admit({**PREDICTION, "kind": "label_check", "task": task, "path_to_labels": "others"}, settings)


@pytest.mark.parametrize(
    ("field", "path", "code"),
    [
        ("path_to_predictions", "p.csv", "predictions_malformed"),
        ("path_to_embeddings", "v.npy", "embeddings_malformed"),
        ("path_to_embeddings", "../v.npy", "path_not_allowed"),
    ],
)
def test_files_brought_along_are_looked_at_before_the_job_is_taken(settings, root, field, path, code):
    (root / "p.csv").write_text("name,cat,dog\na.png,0.5,0.9\n")
    (root / "v.npy").write_bytes(b"nonsense")
    assert faults({**SELECTION, "backbone": None, field: path}, settings) == [(f"/{field}", code)]


@pytest.mark.parametrize(("file", "asked"), [("validation.json", {}), ("notes.json", {"person": "anna"})])
def test_damaged_files_beside_the_labels_are_told_before_anything_is_embedded(settings, root, file, asked):
    folder = root / "of_people"
    folder.mkdir()
    (folder / "anna.txt").write_text("a.png\tcat\nb.png\tdog\n")
    body = {**SELECTION, "path_to_labels": "of_people", **asked}
    admit(body, settings)
    (folder / file).write_text("[")
    assert faults(body, settings) == [("/path_to_labels", "labels_malformed")]


def test_half_of_a_validation_set_is_told_what_belongs_to_it(settings):
    body = {**PREDICTION, "kind": "learning_curve", "path_to_img_val": "pool"}
    assert faults(body, settings) == [("/path_to_labels_val", "missing_field")]
