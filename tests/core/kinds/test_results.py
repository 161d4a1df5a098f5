import csv
import io
import json
import pickle
import tracemalloc
import weakref

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from nextlabel.core.data.spelling import as_seen
from nextlabel.core.kinds import registry
from nextlabel.core.kinds.f1 import ClassScores, Confusion, F1Result
from nextlabel.core.kinds.prediction import (
    BoxesOfImage,
    DetectionPredictionResult,
    MultilabelPredictionItem,
    MultilabelPredictionResult,
    PredictionItem,
    PredictionResult,
)
from nextlabel.core.kinds.registry import read_result, result_adapter
from nextlabel.core.kinds.results import (
    ClassProbability,
    HeadSummary,
    MadeOfJson,
    MadeWhenAsked,
    Manifest,
    PredictedBox,
    Skipped,
    as_csv,
    as_labels,
    csv_parts,
    first_rows,
)
from nextlabel.core.kinds.selection import DetectionSelectionResult, MethodUsed, SelectionItem, SelectionResult
from nextlabel.core.tasks.classification import read_labels

MANIFEST = Manifest(
    nextlabel="0.1.0",
    versions={"torch": "2"},
    backbone="b0",
    weights="0123",
    preprocessing="224 px",
    head=None,
    device="cpu",
    seed=0,
    pools={},
    labels={},
)
HEAD = HeadSummary(
    name="linear", classes=("cat", "dog"), images_per_class={"cat": 1, "dog": 1}, temperature=1.0, details={"folds": 3}
)


def top(first="cat", second="dog"):
    return (
        ClassProbability(class_name=first, probability=0.75),
        ClassProbability(class_name=second, probability=0.25),
    )


def prediction(*names, first="cat"):
    items = tuple(PredictionItem(name=name, predicted=first, confidence=0.75, top=top(first)) for name in names)
    return PredictionResult(items=items, head=HEAD, skipped=(), manifest=MANIFEST)


def selection(*names, head=HEAD):
    guess = {"predicted": "cat", "confidence": 0.75, "top": top()} if head else {}
    unknown = {"predicted": None, "confidence": None, "top": ()}
    items = tuple(
        SelectionItem(rank=rank, name=name, score=0.5, cluster=None, reason="why", **{**unknown, **guess})
        for rank, name in enumerate(names, start=1)
    )
    used = MethodUsed(asked="margin", name="margin", why="as asked")
    return SelectionResult(data=names, items=items, method=used, candidates=9, head=head, skipped=(), manifest=MANIFEST)


def validation():
    scores = ClassScores(class_name="cat", precision=1.0, recall=0.5, f1=0.666667, support=2, predicted=1)
    return F1Result(
        f1_macro=0.7, f1_macro_interval=(0.6, 0.8), f1_micro=0.7, f1_weighted=0.7, accuracy=0.7, calibration_error=0.1,
        validation_images=2, per_class=(scores,), confusion=Confusion(classes=("cat",), matrix=((2,),)),
        classes_without_training_images=(), classes_without_validation_images=(), head=HEAD, skipped=(),
        manifest=MANIFEST,
    )  # fmt: skip


def items(names):
    box = PredictedBox(box=(1, 2.5, 3, 4), class_name="cat", score=0.5, draft=True)
    return [BoxesOfImage(name=name, width=9, height=8, boxes=(box, box)) for name in names]


def boxes(of_images):
    return DetectionPredictionResult(items=of_images, detector=None, skipped=(), manifest=MANIFEST)


@pytest.mark.parametrize(
    "result", [prediction("a.png"), selection("a.png"), selection("a.png", head=None), validation()]
)
def test_a_result_is_read_back_from_its_json_as_it_was(result):
    assert result_adapter.validate_json(result.model_dump_json()) == result


@pytest.mark.parametrize(
    "result", [prediction("a.png"), prediction(), selection("é.png"), selection("a.png", head=None), validation()]
)
def test_a_result_in_parts_is_the_same_json(result):
    assert b"".join(result.json_parts()).decode() == result.model_dump_json()


@pytest.mark.parametrize("names", [(), ("a.png",), ("é.png", 'b"c.png')])
def test_members_that_are_made_when_asked_for_are_as_if_they_were_there(names):
    there, made = boxes(items(names)), boxes(MadeWhenAsked(len(names), lambda i: items(names)[i]))
    assert made == there == made
    assert made.model_dump_json() == there.model_dump_json() == b"".join(made.json_parts()).decode()
    assert result_adapter.validate_json(made.model_dump_json()) == made
    assert as_csv(made) == as_csv(there)
    assert made.items[1:] == there.items[1:] == tuple(made.items)[1:]


def test_members_made_when_asked_for_are_not_those_of_another_result():
    made = MadeWhenAsked(2, lambda i: i)
    assert made == (0, 1)
    assert made == [0, 1]
    assert made != (0, 2)
    assert made != (0,)
    assert made != MadeWhenAsked(2, lambda i: i + 1)
    assert made[-1] == 1
    with pytest.raises(IndexError):
        made[2]


def test_one_member_at_a_time_is_made_while_a_result_is_written():
    alive = []

    def make(i):
        assert all(made() is None for made in alive[:-1])
        (member,) = items([f"{i}.png"])
        alive.append(weakref.ref(member))
        return member

    for _ in boxes(MadeWhenAsked(5, make)).json_parts():
        pass
    assert len(alive) == 5


ODD = ['],"head":', '],"detector":', ',{"name":', '"items":[{"name":', "é.png", "a.png"]
SKIPPED = tuple(Skipped(name=name, reason="a copy") for name in ODD)


def of_several(names):
    items = [MultilabelPredictionItem(name=name, predicted=(), confidence=0.75, top=top()) for name in names]
    return MultilabelPredictionResult(items=items, head=HEAD, skipped=(), manifest=MANIFEST)


@pytest.mark.parametrize(
    "made", [prediction(*ODD), of_several(ODD), boxes(items(ODD))], ids=["one class", "several", "boxes"]
)
def test_the_members_of_a_large_result_are_made_of_its_json_when_asked_for(monkeypatch, made):
    made = made.model_copy(update={"skipped": SKIPPED})
    content = b"".join(made.json_parts())
    assert isinstance(read_result(content).items, tuple)
    monkeypatch.setattr(registry, "LARGE", 0)
    read = read_result(content)
    assert isinstance(read.items, MadeOfJson)
    assert (read, type(read), read.items[-1]) == (made, type(made), made.items[-1])
    assert b"".join(read.json_parts()) == content
    assert (as_csv(read), repr(read)) == (as_csv(made), repr(made))
    assert pickle.loads(pickle.dumps(read)) == made
    assert read_result(json.dumps(json.loads(content), indent=1).encode()) == made  # as no result of ours is written
    assert read_result(made.model_copy(update={"items": ()}).model_dump_json().encode()).items == ()
    for torn in (content[:-1], content.replace(b'"width":9', b'"width":"w"').replace(b"0.75", b"true?", 1)):
        with pytest.raises(ValidationError):
            read_result(torn)


def test_a_large_result_takes_little_more_room_than_its_json():
    content = b"".join(boxes(items([f"{i}.png" for i in range(10_000)])).json_parts())
    assert len(content) > registry.LARGE
    tracemalloc.start()
    read = read_result(content)
    assert sum(len(part) for part in csv_parts(read)) == len(as_csv(read))
    first, count = first_rows(read, 3)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (len(first), count) == (3, 20_000)
    assert most < 2 * len(content)


def test_a_class_is_called_class_on_the_wire():
    assert prediction("a.png").model_dump(mode="json")["items"][0]["top"][0] == {"class": "cat", "probability": 0.75}


def test_a_prediction_as_csv_has_a_header_and_quotes_what_needs_it():
    assert as_csv(prediction('a,"b".png')) == (
        "name,predicted,confidence,second,second_probability\r\n"
        '"a,""b"".png",cat,0.75,dog,0.25\r\n'
    )  # fmt: skip


def test_a_selection_as_csv_leaves_empty_what_no_head_has_guessed():
    assert as_csv(selection("a.png", head=None)).splitlines()[1] == "1,a.png,0.5,,,why"
    assert as_csv(selection("a.png")).splitlines()[1] == "1,a.png,0.5,cat,0.75,why"


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0.2, "0 seconds"),
        (0.6, "1 second"),
        (1.4, "1 second"),
        (29, "29 seconds"),
        (119.6, "2 minutes"),
        (150, "2 minutes"),
        (7_190, "2.0 hours"),
        (12_600, "3.5 hours"),
    ],
)
def test_a_batch_of_boxes_says_in_a_persons_units_how_long_it_takes(seconds, said):
    method = MethodUsed.model_construct(name="random", why="why")
    counts = {"candidates": 9, "looked_at": 9, "expected_boxes": 2.0}
    result = DetectionSelectionResult.model_construct(items=(), method=method, expected_s=seconds, **counts)
    assert f"About 2 boxes to draw, {said} of work." in list(result.sentences())


def test_an_f1_as_csv_is_a_line_for_each_class():
    assert list(csv.reader(io.StringIO(as_csv(validation())))) == [
        ["class", "precision", "recall", "f1", "support", "predicted"],
        ["cat", "1.0", "0.5", "0.666667", "2", "1"],
    ]


def test_labels_are_lines_of_name_and_class_where_there_are_classes():
    assert as_labels(prediction("a.png", "b.png")) == "a.png\tcat\nb.png\tcat\n"
    assert as_labels(selection("b.png", "a.png")) == "b.png\tcat\na.png\tcat\n"
    assert as_labels(selection("a.png", head=None)) is None
    assert as_labels(validation()) is None
    assert as_labels(selection()) == ""


POOL_NAMES = st.text(
    st.characters(exclude_characters="\t\n\r\0", exclude_categories=("Cs",)), min_size=1, max_size=10
).map(lambda text: text.replace("/", "_").lstrip(".") + ".png")


@given(names=st.lists(POOL_NAMES, unique=True, max_size=5))
def test_labels_read_back_name_every_image_of_a_pool_whatever_it_is_called(tmp_path_factory, names):
    path = tmp_path_factory.mktemp("labels") / "labels.txt"
    path.write_bytes(as_labels(prediction(*names)).encode())
    assert read_labels(path).classes_by_name == dict.fromkeys(map(as_seen, names), "cat")
    assert {name for name, _ in read_labels(path).pairs()} <= set(names)


def test_a_name_that_begins_with_a_byte_order_mark_is_read_back_whole(tmp_path):
    path = tmp_path / "labels.txt"
    path.write_bytes(as_labels(prediction("\ufeffa.png")).encode())
    assert read_labels(path).classes_by_name == {"\ufeffa.png": "cat"}
