import csv
import io

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from nextlabel.core.data.external import check_embeddings, check_predictions, read_embeddings, read_predictions
from nextlabel.core.errors import EmbeddingsMalformed, PathNotAllowed, PathNotFound, PathWrongKind, PredictionsMalformed


@pytest.fixture
def vectors(tmp_path):
    def write(array, names):
        np.save(tmp_path / "vectors.npy", array)
        (tmp_path / "vectors.txt").write_text(names, encoding="utf-8")
        return str(tmp_path / "vectors.npy")

    return write


@pytest.fixture
def predictions(tmp_path):
    def write(text):
        (tmp_path / "predictions.csv").write_bytes(text if isinstance(text, bytes) else text.encode())
        return str(tmp_path / "predictions.csv")

    return write


def test_rows_belong_to_the_names_beside_them(vectors, tmp_path):
    found = read_embeddings(vectors(np.array([[1, 2], [3, 4]]), "./a.png\nsub/b.png\n"), [tmp_path])
    assert found.names == ("a.png", "sub/b.png")
    assert found.matrix.tolist() == [[1, 2], [3, 4]]
    assert found.matrix.dtype == np.float32


@pytest.mark.parametrize(
    ("array", "names", "fault"),
    [
        (np.zeros((2, 3)), "a\n", "has 1 names, and .* 2 rows"),
        (np.zeros((2, 3)), "a\na\n", "txt:2: 'a' stands there twice"),
        (np.zeros((2, 3)), "a\n\n", "txt:2: the name is empty"),
        (np.zeros(2), "a\nb\n", r"shape \(images, d\), not float64 of shape \(2,\)"),
        (np.zeros((0, 3)), "", "must hold numbers"),
        (np.array([["x"]]), "a\n", "must hold numbers"),
        (np.array([[1.0], [np.nan]]), "a\nb\n", "row 1, of 'b', has a value that is not finite"),
    ],
)
def test_embeddings_that_do_not_fit_are_refused_with_the_place(vectors, tmp_path, array, names, fault):
    with pytest.raises(EmbeddingsMalformed, match=fault):
        read_embeddings(vectors(array, names), [tmp_path])


def test_no_pickle_is_ever_loaded(tmp_path):
    np.save(tmp_path / "bad.npy", np.array([{"a": 1}], object), allow_pickle=True)
    (tmp_path / "bad.txt").write_text("a\n")
    with pytest.raises(EmbeddingsMalformed, match="can't be read as numbers"):
        check_embeddings(str(tmp_path / "bad.npy"), [tmp_path])


def test_paths_stay_under_the_roots(vectors, tmp_path):
    path = vectors(np.zeros((1, 1)), "a\n")
    with pytest.raises(PathNotAllowed):
        read_embeddings(path, [tmp_path / "elsewhere"])
    with pytest.raises(PathWrongKind, match="is a folder"):
        read_embeddings(str(tmp_path), [tmp_path])
    (tmp_path / "vectors.txt").unlink()
    with pytest.raises(PathNotFound, match=r"vectors\.txt"):
        read_embeddings(path, [tmp_path])


@pytest.mark.parametrize("separator", [",", "\t"])
def test_predictions_are_read_from_csv_and_tab_separated_files(predictions, tmp_path, separator):
    text = "name,cat,dog\n./a.png,0.25,0.75\n\nb.png,1,0\n".replace(",", separator)
    found = read_predictions(predictions("\ufeff" + text.replace("\n", "\r\n")), [tmp_path])
    assert (found.names, found.classes) == (("a.png", "b.png"), ("cat", "dog"))
    assert found.probabilities.tolist() == [[0.25, 0.75], [1, 0]]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("cat,dog\na,0.5,0.5\n", "csv:1: the header must be `name`"),
        ("name,cat\na,1\n", "csv:1: the header must be"),
        ("name,cat,cat\na,1,0\n", "csv:1: the header must be"),
        ("", "csv:1: the header must be"),
        ("name,cat,dog\n", "has a header and no prediction"),
        ("name,cat,dog\na,0.5\n", "csv:2: 1 numbers, and the header has 2 classes"),
        ("name,cat,dog\na,0.5,x\n", "csv:2: could not convert"),
        ("name,cat,dog\na,0.5,-0.5\n", "csv:2: a probability is below 0"),
        ("name,cat,dog\na,nan,1\n", "csv:2: a probability is below 0 or not finite"),
        ("name,cat,dog\na,2.5,1\n", "csv:2: the probabilities sum to 3.5; they must to 1 .logits need a softmax"),
        ("name,cat,dog\na,1,0\na,0,1\n", "csv:3: 'a' stands there twice"),
        ("name,cat,dog\n,1,0\n", "csv:2: the name is empty"),
        (b"name,cat,dog\n\xff,1,0\n", "byte 13 is not UTF-8"),
    ],
)
def test_predictions_that_do_not_fit_are_refused_with_the_line(predictions, tmp_path, text, fault):
    with pytest.raises(PredictionsMalformed, match=fault):
        read_predictions(predictions(text), [tmp_path])


def test_the_door_looks_at_the_first_lines_alone(predictions, tmp_path):
    path = predictions("name,cat,dog\na,1,0\nb,9,9\n")
    check_predictions(path, [tmp_path], rows=1)
    with pytest.raises(PredictionsMalformed, match="csv:3"):
        check_predictions(path, [tmp_path], rows=2)


NAMES = st.lists(
    st.text(st.characters(blacklist_categories=("Cs", "Cc")), min_size=1).filter(
        lambda name: name[:1] not in ".\ufeff"
    ),
    min_size=1,
    max_size=5,
    unique=True,
)


@given(NAMES, st.data())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_a_csv_writer_writes_is_read_back(tmp_path, names, data):
    weights = data.draw(arrays(float, (len(names), 3), elements=st.floats(0.01, 1)))
    rows = weights / weights.sum(axis=1, keepdims=True)
    text = io.StringIO()
    csv.writer(text).writerows([["name", "x", "y, z", 'q"'], *([n, *row] for n, row in zip(names, rows, strict=True))])
    (tmp_path / "p.csv").write_text(text.getvalue(), encoding="utf-8", newline="")
    found = read_predictions(str(tmp_path / "p.csv"), [tmp_path])
    assert (found.names, found.classes) == (tuple(names), ("x", "y, z", 'q"'))
    assert np.allclose(found.probabilities, rows)


def test_the_fingerprint_changes_with_any_number_or_name(predictions, tmp_path):
    texts = ("name,x,y\na,1,0\n", "name,x,y\na,0,1\n", "name,x,y\nb,1,0\n", "name,x,z\na,1,0\n")
    assert len({read_predictions(predictions(text), [tmp_path]).fingerprint() for text in texts}) == 4
