import csv
import io

from hypothesis import given
from hypothesis import strategies as st

from nextlabel.core.data.cells import cell_of, classes_in
from nextlabel.core.kinds.prediction import MultilabelPredictionItem, MultilabelPredictionResult
from nextlabel.core.kinds.results import as_csv
from tests.api.support import HEAD, MANIFEST

CLASSES = st.lists(st.text(st.sampled_from("ab|\\, \"'"), min_size=1, max_size=6), min_size=1, max_size=4)


@given(CLASSES)
def test_all_classes_of_a_cell_come_back_whatever_their_names_hold(classes):
    assert classes_in(cell_of(classes)) == classes


def test_plain_names_stand_as_they_are_and_a_bar_in_a_name_is_told_from_one_between_two():
    assert cell_of(["cat", "C:\\dogs"]) == "cat|C:\\dogs"
    assert cell_of(["a|b", "c\\", "d"]) == "a\\|b|c\\\\|d"
    assert classes_in("cat|C:\\dogs\\") == ["cat", "C:\\dogs\\"]
    assert (cell_of([]), classes_in("")) == ("", [""])


@given(CLASSES)
def test_a_result_as_csv_tells_several_classes_apart(classes):
    item = MultilabelPredictionItem(name="a.png", predicted=tuple(classes), confidence=0.5, top=())
    result = MultilabelPredictionResult(items=(item,), head=HEAD, skipped=(), manifest=MANIFEST)
    _, (_, predicted, _) = csv.reader(io.StringIO(as_csv(result)))
    assert classes_in(predicted) == classes
