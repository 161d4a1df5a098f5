import csv
import io
import resource
from unicodedata import is_normalized

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
        (np.zeros((2, 3)), "a\n", "has 1 name, and .* 2 rows"),
        (np.zeros((2, 3)), "a\na\n", "txt:2: 'a' stands there twice"),
        (np.zeros((2, 3)), "a\n\n", "txt:2: the name is empty"),
        (np.zeros(2), "a\nb\n", r"shape \(images, d\), not float64 of shape \(2,\)"),
        (np.zeros((0, 3)), "", "must hold numbers"),
        (np.array([["x"]]), "a\n", "must hold numbers"),
        (np.array([[1.0], [np.nan]]), "a\nb\n", "row 1, of 'b', has a value that is not finite"),
        (np.array([[1.0], [-1e16]]), "a\nb\n", r"row 1, of 'b', has a value beyond 1e\+15"),
        (np.array([[0.0], [1e-16]]), "a\nb\n", "row 1, of 'b', .* too little to be told apart by"),
        (np.array([[1.0, 1.0], [0.0, 0.0], [0.0, -1e-30]]), "a\nb\nc\n", "row 2, of 'c', .* too little"),
        (np.array([[1.0], [1e-60]]), "a\nb\n", "row 1, of 'b', .* too little"),
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
        ("name,cat,\u200b\na,1,0\n", "csv:1: the header must be"),
        ("", "csv:1: the header must be"),
        ("name,cat,dog\n", "has a header and no prediction"),
        ("name,cat,dog\na,0.5\n", "csv:2: 1 number, and the header has 2 classes"),
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
        lambda name: name[:1] not in ".\ufeff" and is_normalized("NFC", name)
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


# --- files that may be anything ---------------------------------------------------------------------------------


def npy(header, data=b"", version=1):
    text = header.encode().ljust(118) + b"\n"
    return b"\x93NUMPY" + bytes([version, 0]) + len(text).to_bytes(2, "little") + text + data


def of_shape(shape, descr="'<f4'"):
    return npy(f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}}}", bytes(64))


def archive():
    stream = io.BytesIO()
    np.savez(stream, a=np.zeros((2, 3)))
    return stream.getvalue()


ODD = {
    "an archive": archive(),
    "a zip that is none": b"PK\3\4" + bytes(60),
    "empty": b"",
    "a picture": b"\xff\xd8\xff\xe0" + bytes(60),
    "an unknown version": npy("{}", version=9),
    "header syntax": npy("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3)"),
    "an indented header": npy("  {\n'descr'"),
    "no header": npy(""),
    "nested too deep": npy("(" * 100),
    "a call": npy("__import__('os').getcwd()"),
    "a shape of words": of_shape("('2', 3)"),
    "a shape of truth": of_shape("(True, 3)"),
    "a negative shape": of_shape("(-1, 3)"),
    "a shape too large": of_shape(f"({10**30}, 3)"),
    "a shape larger than the file": of_shape(f"({10**9}, 3)"),
    "no shape": npy("{'descr': '<f4', 'fortran_order': False}"),
    "a type that is none": of_shape("(2, 3)", "'<q99'"),
    "a type of another kind": of_shape("(2, 3)", "['x']"),
    "objects": of_shape("(2, 3)", "'|O'"),
    "records": of_shape("(2, 1)", "[('a', '<f4'), ('b', '<f4')]"),
    "truth": of_shape("(2, 3)", "'|b1'"),
    "complex": of_shape("(2, 3)", "'<c8'"),
    "times": of_shape("(2, 3)", "'<M8[s]'"),
    "rows without end": of_shape(f"(1, {10**15})"),
}


@pytest.mark.parametrize("content", ODD.values(), ids=ODD)
@pytest.mark.parametrize("look", [check_embeddings, read_embeddings])
def test_odd_files_of_embeddings_are_refused_in_words(tmp_path, content, look):
    (tmp_path / "vectors.npy").write_bytes(content)
    (tmp_path / "vectors.txt").write_text("a\nb\n")
    with pytest.raises(EmbeddingsMalformed, match=r"vectors\.npy"):
        look(str(tmp_path / "vectors.npy"), [tmp_path])


@pytest.mark.parametrize("dtype", [">f4", "<f2", "<f8", ">i8", "|u1"])
@pytest.mark.parametrize("order", "CF")
def test_numbers_of_any_type_and_order_are_embeddings(vectors, tmp_path, dtype, order):
    path = vectors(np.array([[1, 2, 3], [4, 5, 6]], dtype, order=order), "a\nb\n")
    check_embeddings(path, [tmp_path])
    assert read_embeddings(path, [tmp_path]).matrix.tolist() == [[1, 2, 3], [4, 5, 6]]


def test_numbers_that_are_not_finite_in_32_bits_are_refused_at_the_door(vectors, tmp_path):
    with pytest.raises(EmbeddingsMalformed, match="row 1, of 'b', has a value that is not finite, or not in 32 bits"):
        check_embeddings(vectors(np.array([[1.0], [1e300]]), "a\nb\n"), [tmp_path])


def sparse(path, head=b"", size=3_000_000_000):
    with path.open("wb") as file:
        file.write(head)
        file.truncate(size)
    return str(path)


@pytest.mark.parametrize("head", [b"", b"name,cat,dog\n", b"name,cat,dog\n" + b"a,1,0"])
def test_the_door_reads_little_of_a_large_file_of_predictions(tmp_path, head):
    path = sparse(tmp_path / "huge.csv", head)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(PredictionsMalformed, match=r"byte [0-9]+ is 0\. It is no text file"):
        check_predictions(path, [tmp_path])
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000  # kB


def test_the_door_reads_little_of_large_files_of_embeddings(tmp_path):
    header = npy("{'descr': '<f4', 'fortran_order': False, 'shape': (3000000, 250)}")
    path = sparse(tmp_path / "huge.npy", header, len(header) + 3_000_000_000)
    (tmp_path / "huge.txt").write_text("".join(f"{number}\n" for number in range(2_000)))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    check_embeddings(path, [tmp_path])  # how many names there are, and the other rows, is seen when they are read
    sparse(tmp_path / "huge.txt")
    with pytest.raises(EmbeddingsMalformed, match=r"byte 0 is 0\. It is no text file"):
        check_embeddings(path, [tmp_path])
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000  # kB


@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r"])
def test_lines_end_as_any_system_ends_them(tmp_path, ends):
    np.save(tmp_path / "v.npy", np.zeros((3, 2)))
    (tmp_path / "v.txt").write_bytes(("\ufeff" + ends.join(["a", "ü", "c", ""])).encode())
    assert read_embeddings(str(tmp_path / "v.npy"), [tmp_path]).names == ("a", "ü", "c")
    (tmp_path / "p.csv").write_bytes(("\ufeff" + ends.join(["name,x,y", "a,1,0", "b,0,1"])).encode())
    assert read_predictions(str(tmp_path / "p.csv"), [tmp_path]).names == ("a", "b")


def test_a_line_without_end_is_refused(predictions, tmp_path):
    with pytest.raises(PredictionsMalformed, match="has a line of more than 4,000,000 bytes"):
        check_predictions(predictions("name," + "x" * 5_000_000), [tmp_path])


@pytest.mark.parametrize(("names", "has"), [("a\nb\nc\n", "3 names"), ("a\nb\nc\nd\n", "more than 2 names")])
def test_more_names_than_rows_are_refused(vectors, tmp_path, names, has):
    for look in (check_embeddings, read_embeddings):
        with pytest.raises(EmbeddingsMalformed, match=f"has {has}, and .* 2 rows"):
            look(vectors(np.zeros((2, 2)), names), [tmp_path])
