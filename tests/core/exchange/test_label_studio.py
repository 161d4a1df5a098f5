import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nextlabel.core.errors import ExchangeMalformed, Inexpressible
from nextlabel.core.exchange.answers import labels_of
from nextlabel.core.exchange.entries import Entry, entries_of
from nextlabel.core.exchange.image_urls import ImageUrls
from nextlabel.core.exchange.label_studio import Control, config, read_config, read_export, tasks
from tests.api.support import f1_result, prediction_result, selection_result
from tests.core.exchange.names import CLASSES, ENTRIES, imported, pairs

URLS = ImageUrls("/data/local-files/?d=photos/")


def annotated(name, *class_names, id_=1, **more):
    """A task as Label Studio exports it, an annotation a class."""
    annotations = [
        {
            "id": at,
            "was_cancelled": False,
            "updated_at": f"2026-01-0{at}",
            "result": Control().result(class_name),
            **more,
        }
        for at, class_name in enumerate(class_names, start=1)
    ]
    return {"id": id_, "data": {"image": URLS.url(name)}, "annotations": annotations}


@pytest.fixture
def export(tmp_path):
    def export(content, file_name="export.json", **options):
        path = tmp_path / file_name
        path.write_text(content if isinstance(content, str) else json.dumps(content), "utf-8")
        return imported(read_export(path, URLS.name, **options))

    return export


def test_a_batch_becomes_tasks_in_rank_order_to_be_sorted_by_an_ascending_score():
    made = tasks(entries_of(selection_result(("b c.png", "cat"), ("a.png", "dog"))), URLS, Control(), "nextlabel-1")
    assert [task["data"]["image"] for task in made] == [
        "/data/local-files/?d=photos/b%20c.png",
        "/data/local-files/?d=photos/a.png",
    ]
    (prediction,) = made[0]["predictions"]
    assert prediction["model_version"] == "nextlabel-1"
    assert prediction["result"] == [
        {"from_name": "choice", "to_name": "image", "type": "choices", "value": {"choices": ["cat"]}}
    ]
    scores = [task["predictions"][0]["score"] for task in made]
    assert 0 < scores[0] < scores[1] < 0.5


def test_predictions_come_the_least_sure_first_and_after_every_batch():
    (first, second) = entries_of(prediction_result(("a.png", "cat"), ("b.png", "dog")))
    assert 0.5 < first.score <= second.score


def test_a_batch_without_a_head_has_scores_and_no_classes():
    (task,) = tasks(entries_of(selection_result(("a.png", None), head=None)), URLS, Control(), "v")
    assert task["predictions"][0]["result"] == []


def test_labels_become_annotations():
    (task,) = tasks([Entry("a.png", "cat", given=True)], URLS, Control(), "v")
    assert "predictions" not in task
    assert task["annotations"] == [{"result": Control().result("cat")}]


def test_an_f1_has_no_images_to_export():
    with pytest.raises(Inexpressible, match="kind f1"):
        entries_of(f1_result())


@given(entries=ENTRIES)
def test_labels_come_back_as_they_went(tmp_path_factory, entries):
    made = tasks(entries, URLS, Control(), "v")
    file = tmp_path_factory.mktemp("tasks") / "tasks.json"
    file.write_text(json.dumps(made))
    assert imported(read_export(file, URLS.name)) == pairs(entries)


@given(classes=st.lists(CLASSES, min_size=1, unique=True), name=CLASSES, key=CLASSES.filter(lambda k: k[0] != "$"))
def test_the_configuration_is_read_back_as_it_was_written(classes, name, key):
    control = Control(name, "image", key, tuple(classes))
    assert read_config(config(classes, control)) == control


def test_a_configuration_without_classes_is_refused():
    with pytest.raises(Inexpressible, match="no class is known yet"):
        config([], Control())


def test_the_choice_about_an_image_is_found_among_others():
    text = """
        <View><Text name="t" value="$text"/><Image name="i" value="$photo"/>
        <Choices name="mood" toName="t"><Choice value="good"/></Choices>
        <Choices name="kind" toName="i"><Choice value="Shirt" alias="shirt"/><Choice value="dress"/></Choices>
        <Choices name="season" toName="i" value="$seasons"/></View>"""
    assert read_config(text) == Control("kind", "i", "photo", ("shirt", "dress"))
    assert read_config(text, "season") == Control("season", "i", "photo")
    with pytest.raises(ExchangeMalformed, match="no <Choices> named 'mood'"):
        read_config(text, "mood")


@pytest.mark.parametrize("text", ["", "<View>", "<View/>", '<!DOCTYPE a [<!ENTITY b "c">]><View>&b;</View>'])
def test_a_configuration_that_is_none_is_refused(text):
    with pytest.raises(ExchangeMalformed, match="the labelling configuration"):
        read_config(text)


def test_a_class_that_the_configuration_does_not_offer_is_not_proposed():
    control = Control(choices=("cat", "dog"))
    assert control.result("bird") == []
    assert control.result("cat") != []


def test_skipped_and_unlabelled_tasks_are_left_out(export):
    skipped = annotated("b.png", "cat", was_cancelled=True)
    assert export([annotated("a.png", "cat"), skipped, annotated("c.png")]) == [("a.png", "cat")]


def test_annotators_who_disagree_are_told_of_unless_the_newest_counts(export):
    task = annotated("a.png", "cat", "dog", id_=7)
    with pytest.raises(ExchangeMalformed, match=r"export\.json: task 7: .*it has several classes \('cat', 'dog'\)"):
        export([task])
    assert export([task], newest=True) == [("a.png", "dog")]


def test_the_same_image_in_two_tasks_must_have_one_class(export):
    with pytest.raises(ExchangeMalformed, match=r"task 1 and task 2: 'a\.png': .* \('cat', 'dog'\)"):
        export([annotated("a.png", "cat"), annotated("a.png", "dog", id_=2)])


def test_an_image_of_another_place_is_told_of(export):
    task = {**annotated("a.png", "cat", id_=3), "data": {"image": "https://elsewhere/a.png"}}
    with pytest.raises(ExchangeMalformed, match=r"task 3: no image is known by 'https://elsewhere/a\.png'"):
        export([task])


def test_all_faults_are_told_at_once(export):
    with pytest.raises(ExchangeMalformed) as told:
        export([annotated(f"{at}.png", "cat", "dog", id_=at) for at in range(30)])
    assert told.value.detail.count("\n") == 21
    assert told.value.detail.endswith("and 10 more")


MINIMAL = {"id": 1, "annotation_id": 2, "annotator": 1, "lead_time": 1.5, "created_at": "", "updated_at": ""}


def test_json_min_is_read(export):
    rows = [
        {**MINIMAL, "image": URLS.url("a.png"), "choice": "cat"},
        {**MINIMAL, "image": URLS.url("b.png"), "choice": {"choices": ["dog"]}},
        {**MINIMAL, "image": URLS.url("c.png")},
    ]
    assert export(rows) == [("a.png", "cat"), ("b.png", "dog")]


def test_csv_is_read(export):
    text = "annotation_id,annotator,kind,created_at,id,photo\n1,1,cat,now,1,{}\n2,1,,now,2,{}\n"
    file = text.format(URLS.url("ä.png"), URLS.url("b.png"))
    with pytest.raises(ExchangeMalformed, match=r"None of its columns is called choice: kind.*--from-name kind"):
        export(file, "export.csv")
    assert export(file, "export.csv", from_name="kind") == [("ä.png", "cat")]
    assert export(file.replace(",", "\t"), "export.tsv", from_name="kind") == [("ä.png", "cat")]


def test_a_column_that_could_be_the_class_is_asked_about_and_be_it_the_only_one(export):
    row = {**MINIMAL, "image": URLS.url("a.png"), "kind": "cat", "season": "summer"}
    with pytest.raises(ExchangeMalformed, match="None of its columns is called choice: kind, season"):
        export([row])
    assert export([row], from_name="season") == [("a.png", "summer")]
    with pytest.raises(ExchangeMalformed, match="the column 'sesaon' is not there; its columns are kind, season"):
        export([row], from_name="sesaon")


def test_what_tasks_without_an_annotation_say_is_no_answer(export):
    answered = {**MINIMAL, "image": URLS.url("a.png"), "camera": "hall", "choice": "cat"}
    open_ = {"id": 2, "annotation_id": None, "image": URLS.url("b.png"), "camera": "cellar"}
    assert export([answered, {**answered, "choice": None, "image": URLS.url("c.png")}, open_]) == [("a.png", "cat")]
    with pytest.raises(ExchangeMalformed, match="'camera' is no answer: tasks without an annotation have it, too"):
        export([answered, open_], from_name="camera")


def test_beside_the_choice_another_answer_is_named_and_not_taken(tmp_path):
    file = tmp_path / "export.csv"
    file.write_text(f"annotation_id,choice,image,note\n1,cat,{URLS.url('a.png')},\n2,,{URLS.url('b.png')},too dark\n")
    found = labels_of(read_export(file, URLS.name))
    assert found.pairs == [("a.png", "cat")]
    assert found.notes == [
        "the class is what choice says; --from-name names another of: note",
        "left out, as nothing says their class: 1 (b.png)",
    ]


STRUCTURES = [
    [{"taxonomy": [["Clothes", "Shirt"]]}],
    [{"x": 1.0, "rectanglelabels": ["Shirt"]}],
    {"text": ["a shirt"]},
    ["shirt", "dress"],
    4,
]


@pytest.mark.parametrize("value", STRUCTURES)
def test_a_structure_is_no_class(export, value):
    row = {**MINIMAL, "image": URLS.url("a.png"), "answer": value}
    with pytest.raises(ExchangeMalformed, match="has no choice of an image's class in it: answer holds lists"):
        export([row])
    with pytest.raises(ExchangeMalformed, match="row 1: a class is a plain text"):
        export([row], from_name="answer")
    for text in (json.dumps(value), str(value)):
        if not isinstance(value, int):  # a csv knows no numbers
            quoted = text.replace('"', '""')
            with pytest.raises(ExchangeMalformed, match=r"row 1: (a class is a plain text|.*it has several)"):
                export(f'annotation_id,image,choice\n1,{URLS.url("a.png")},"{quoted}"\n', "export.csv")


def region(type_, value, name="choice", **more):
    return {"from_name": name, "to_name": "image", "type": type_, "value": value, **more}


def with_regions(*regions):
    return {"id": 1, "data": {"image": URLS.url("a.png")}, "annotations": [{"result": list(regions)}]}


@pytest.mark.parametrize(
    ("regions", "said"),
    [
        ([region("taxonomy", {"taxonomy": [["Clothes", "Shirt"]]}, "kind")], r"its answers are of kind \(taxonomy\)"),
        ([region("rating", {"rating": 4}, "stars")], r"its answers are of stars \(rating\)"),
        ([region("rectanglelabels", {"rectanglelabels": ["a"]}, "label")], "Boxes are taken with --task detection"),
        ([region("choices", {"choices": ["a"], "x": 1, "width": 2})], "'choice' is about a part of the image"),
        ([region("choices", {"choices": ["a"]}, item_index=1)], "'choice' is about a part of the image"),
        ([region("choices", {"choices": [["a", "b"]]})], r'a class is a plain text, and \["a", "b"\] is none'),
        ([region("choices", {"choices": ["a", "b"]})], r"it has several classes \('a', 'b'\)"),
        (
            [region("choices", {"choices": ["a"]}, "x"), region("choices", {"choices": ["b"]}, "y")],
            "several choices .*x, y",
        ),
        ([], "no answer found in it"),
    ],
)
def test_what_is_no_one_choice_of_an_image_is_refused(export, regions, said):
    with pytest.raises(ExchangeMalformed, match=said):
        export([with_regions(*regions)])


def test_a_choice_that_is_not_there_is_told_of_with_those_that_are(export):
    with pytest.raises(ExchangeMalformed, match="no choice named 'chioce' in it: there is choice"):
        export([annotated("a.png", "cat")], from_name="chioce")


def test_predictions_and_drafts_are_nobodys_answers(export):
    task = {**annotated("a.png"), "predictions": [{"result": Control().result("cat")}]}
    task["drafts"] = [{"result": Control().result("cat")}]
    with pytest.raises(ExchangeMalformed, match="no answer found"):
        export([task])


def test_the_newest_annotation_counts_whatever_task_it_is_in(export):
    def at(class_name, time, **more):
        task = annotated("a.png", class_name, **more)
        task["annotations"][0]["updated_at"] = time
        return task

    newer, older = at("cat", "2026-01-02T08:00:00.5Z"), at("dog", "2026-01-02T08:00:00Z", id_=2)
    assert export([newer, older], newest=True) == [("a.png", "cat")]
    assert export([older, newer], newest=True) == [("a.png", "cat")]
    assert export([newer, at("dog", "2026-01-02T10:00:00+02:00")], newest=True) == [("a.png", "cat")]
    with pytest.raises(ExchangeMalformed, match="no answer found"):
        export([older, at("dog", "2026-01-03", was_cancelled=True)], newest=True)
    with pytest.raises(ExchangeMalformed, match="several classes"):
        export([newer, at("dog", "2026-01-02T08:00:00.5Z")], newest=True)
    with pytest.raises(ExchangeMalformed, match="no `updated_at` says which is the newest"):
        export([newer, at("dog", None)], newest=True)
    rows = [
        {**MINIMAL, "updated_at": f"2026-01-0{day}", "image": URLS.url("a.png"), "choice": class_name}
        for day, class_name in ((3, "cat"), (1, "dog"))
    ]
    assert export(rows, newest=True) == [("a.png", "cat")]


def test_two_columns_of_one_name_are_told_of(export):
    with pytest.raises(ExchangeMalformed, match="two of its columns are called 'choice'"):
        export(f"image,choice,choice\n{URLS.url('a.png')},cat,dog\n", "export.csv")


@pytest.mark.parametrize("content", ["{", "{}", '"a"', "[1]", '[{"data": 1}]', '[{"a": "b/c.png", "d": "e/f.png"}]'])
def test_a_file_that_is_no_export_is_refused(export, content):
    with pytest.raises(ExchangeMalformed, match=r"export\.json"):
        export(content)


KEYS = st.sampled_from(
    ["id", "data", "image", "annotations", "result", "value", "choices", "from_name", "type", "choice"]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.just("choices") | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=20,
)


@given(annotation=st.dictionaries(KEYS, JSON), task=st.dictionaries(KEYS, JSON), data=JSON)
def test_no_json_makes_it_fall_over(tmp_path_factory, annotation, task, data):
    file = tmp_path_factory.mktemp("any") / "any.json"
    file.write_text(json.dumps([{**task, "data": data, "annotations": [annotation]}, task, data]))
    with suppress(ExchangeMalformed):
        imported(read_export(file, URLS.name))


@pytest.mark.parametrize("more", [{"model_version": "v1"}, {"score": 0.4}, {"type": "prediction", "completed_by": 1}])
def test_a_prediction_among_the_annotations_is_no_persons_answer(export, more):
    said = annotated("a.png", "cat")
    said["annotations"].append({**annotated("a.png", "dog", **more)["annotations"][0], "updated_at": "2026-02-01"})
    assert export([said]) == [("a.png", "cat")]
    assert export([said], newest=True) == [("a.png", "cat")]


def test_what_a_person_submitted_of_a_prediction_is_their_answer(export):
    assert export([annotated("a.png", "cat", score=0.4, completed_by=1)]) == [("a.png", "cat")]


def test_annotations_that_are_numbers_alone_are_told_of(export):
    with pytest.raises(ExchangeMalformed, match="task 1: its annotations are numbers"):
        export([{**annotated("a.png"), "annotations": [12, 13]}])


def test_a_choice_that_is_no_list_is_one_choice(export):
    assert export([with_regions({**region("choices", {"choices": "cat"})})]) == [("a.png", "cat")]
    with pytest.raises(ExchangeMalformed, match="a class is a plain text, and 7 is none"):
        export([with_regions({**region("choices", {"choices": 7})})])
