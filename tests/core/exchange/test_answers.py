"""The one check after all readers: whatever a reader found, only labels come out of it."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nextlabel.core.errors import ExchangeMalformed
from nextlabel.core.exchange.answers import Answer, Reading, labels_of
from tests.core.exchange.names import CLASSES, NAMES


def reading(*said):
    """(name, class) or (name, class, by_model), a line each."""
    made = Reading.of(Path("x.csv"))
    made.answers += [Answer(f"line {at}", *one) for at, one in enumerate(said, start=1)]
    return made


def pairs(*said, **options):
    return labels_of(reading(*said), **options).pairs


@given(
    said=st.lists(st.tuples(NAMES, CLASSES | st.none() | st.integers() | st.lists(CLASSES), st.booleans()), max_size=6),
    take=st.booleans(),
)
def test_what_comes_out_is_labels_or_nothing(said, take):
    try:
        found = pairs(*said, take_predictions=take)
    except ExchangeMalformed:
        return
    assert found
    assert len(dict(found)) == len(found)
    assert all(isinstance(class_name, str) and class_name.strip() for _, class_name in found)
    assert all(any(one[:2] == pair and (take or not one[2]) for one in said) for pair in found)


def test_a_name_may_stand_there_twice_with_one_class_but_not_with_two():
    assert pairs(("a.png", "cat"), ("./a.png", " cat "), ("b//c.png", "dog")) == [("a.png", "cat"), ("b/c.png", "dog")]
    with pytest.raises(
        ExchangeMalformed, match=r"x.csv: line 1 and line 2: 'a.png': it has several classes \('cat', 'dog'\)"
    ):
        pairs(("a.png", "cat"), ("./a.png", "dog"))


def test_names_and_classes_that_look_the_same_are_the_same():
    composed, apart = "caf\u00e9", "cafe\u0301"
    assert pairs((f"{composed}.png", composed), (f"{apart}.png", apart)) == [(f"{composed}.png", composed)]
    assert pairs((f"{composed}.png", "cat"), pool=[f"{apart}.png"]) == [(f"{apart}.png", "cat")]


@pytest.mark.parametrize(
    "class_name", [7, 1.5, True, ["cat"], {"a": 1}, "[1, 2]", '{"a": 1}', "{'a': 1}", "[{'a'", "('a', 'b')", "a\tb"]
)
def test_a_class_is_a_plain_text(class_name):
    with pytest.raises(ExchangeMalformed, match=r"x\.csv: line 1: "):
        pairs(("a.png", class_name))
    assert pairs(("a.png", "[not] a list"), ("b.png", "(1)")) == [("a.png", "[not] a list"), ("b.png", "(1)")]


def test_a_cell_in_which_a_spreadsheet_lost_the_class_is_a_fault():
    with pytest.raises(ExchangeMalformed, match=r"line 2: '#N/A' says that a class got lost"):
        pairs(("a.png", "cat"), ("b.png", "#N/A"))


def test_where_each_class_is_called_as_an_image_is_it_is_no_class():
    assert pairs(("a.png", "b.png"), ("b.png", "cat")) == [("a.png", "b.png"), ("b.png", "cat")]
    with pytest.raises(ExchangeMalformed, match="all other classes are called as images are"):
        pairs(("a.png", "b.png"), ("b.png", "c.png"))


@pytest.mark.parametrize(
    ("classes", "said"),
    [
        (("Cat", "cat"), "they differ by case alone: 'Cat', 'cat'"),
        (("1", "1.0"), "they differ by the way numbers are written alone: '1', '1.0'"),
        (("cat", "NaN"), "taken for classes: 'NaN'; if they stand for no answer"),
        (("cat", "dog|cat"), "each taken for one class: 1 ('dog|cat')"),
        (("cat", "dog", "dog,cat"), "each taken for one class: 1 ('dog,cat')"),
        (("cat", "d\ufffdg"), "letters got lost before this file was written"),
    ],
)
def test_what_is_odd_about_classes_is_said(classes, said):
    notes = labels_of(reading(*((f"{at}.png", one) for at, one in enumerate(classes)))).notes
    assert len(notes) == 1
    assert said in notes[0]


def test_classes_with_a_comma_in_them_are_nothing_odd():
    assert labels_of(reading(("a.png", "cat, black"), ("b.png", "cat"))).notes == []


def test_names_that_differ_by_case_alone_are_said_where_no_pool_tells_them_apart():
    said = ("a.png", "cat"), ("A.PNG", "dog")
    assert labels_of(reading(*said)).notes == [
        "names that differ by case alone count as several images: 2 (a.png, A.PNG)"
    ]
    assert labels_of(reading(*said), pool=["a.png", "A.PNG"]).notes == []


@pytest.mark.parametrize("said", [[], [("a.png", None)], [("a.png", " ")], [("a.png", [])]])
def test_finding_nothing_is_a_fault(said):
    with pytest.raises(ExchangeMalformed, match=r"'x.csv': no answer found in it"):
        pairs(*said)


def test_what_is_left_out_is_counted_and_named():
    found = labels_of(reading(("a.png", "cat"), *((f"{at}.png", None) for at in range(7)), ("z.png", "dog", True)))
    assert found.notes == [
        "left out, as nothing says their class: 7 (0.png, 1.png, 2.png, 3.png, 4.png, ...)",
        (
            "left out, as a model proposed their class and nothing says that a person agreed: 1 (z.png); "
            "--take-predictions takes them"
        ),
    ]


def test_a_persons_word_counts_before_a_models():
    said = ("a.png", "cat", True), ("a.png", "dog", False), ("b.png", "cat", True)
    assert pairs(*said) == [("a.png", "dog")]
    assert pairs(*said, take_predictions=True) == [("a.png", "dog"), ("b.png", "cat")]
    with pytest.raises(ExchangeMalformed, match=r"1 \(b.png\); --take-predictions takes them"):
        pairs(said[2])


# --- names ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("train\\0001.jpg", "has a backslash"),
        ("C:\\photos\\0001.jpg", "an absolute path or a URL"),
        ("\\\\server\\photos\\0001.jpg", "an absolute path or a URL"),
        ("D:/photos/0001.jpg", "an absolute path or a URL"),
        ("/data/0001.jpg", "an absolute path or a URL"),
        ("file:///data/0001.jpg", "an absolute path or a URL"),
        ("https://x/0001.jpg", "an absolute path or a URL"),
        ("s3://bucket/0001.jpg", "an absolute path or a URL"),
        ("frame_000000", "images end in .jpeg"),
        ("0001.jpg.txt", "images end in .jpeg"),
        ("../0001.jpg", "leads out of the pool"),
        (".cache/0001.jpg", "is hidden"),
        ("", "the image has no name"),
        ("a\tb.jpg", "holds a tab"),
    ],
)
def test_a_name_that_no_pool_can_have_is_refused(name, said):
    with pytest.raises(ExchangeMalformed, match=f"line 1: .*{said}"):
        pairs((name, "cat"))


@pytest.mark.parametrize(
    ("names", "pool", "found"),
    [
        (["a.jpg", "b/c.jpg"], ["a.jpg", "b/c.jpg", "d.jpg"], ["a.jpg", "b/c.jpg"]),
        (["b\\c.jpg", "a.jpg"], ["a.jpg", "b/c.jpg"], ["b/c.jpg", "a.jpg"]),
        (["b\\c.jpg"], ["b\\c.jpg", "b/c.jpg"], ["b\\c.jpg"]),
        (["C:\\photos\\b\\c.jpg", "C:\\photos\\a.jpg"], ["a.jpg", "b/c.jpg"], ["b/c.jpg", "a.jpg"]),
        (["/data/a.jpg", "/data/b/c.jpg"], ["a.jpg", "b/c.jpg"], ["a.jpg", "b/c.jpg"]),
        (["file:///data/a%20b.jpg"], ["a b.jpg"], ["a b.jpg"]),
        (["https://x/y/a.jpg?v=1"], ["a.jpg"], ["a.jpg"]),
        (["cat/0.jpg", "dog/1.jpg"], ["0.jpg", "1.jpg"], ["0.jpg", "1.jpg"]),
        (["cat/0.jpg", "dog/0.jpg"], ["cat/0.jpg", "dog/0.jpg", "0.jpg"], ["cat/0.jpg", "dog/0.jpg"]),
    ],
)
def test_in_a_pool_names_are_found_without_folders_that_all_of_them_have_too_many(names, pool, found):
    assert pairs(*((name, "cat") for name in names), pool=pool) == [(name, "cat") for name in found]


@pytest.mark.parametrize(
    ("names", "pool", "absent"),
    [
        (["a.jpg", "b.jpg"], ["a.jpg"], "b.jpg"),
        (["frame_000000"], ["frame_000000.jpg"], "frame_000000"),
        (["x/a.jpg", "b.jpg"], ["a.jpg", "b.jpg"], "x/a.jpg"),  # not name by name
        (["cat/0.jpg", "dog/0.jpg"], ["0.jpg"], "cat/0.jpg"),  # two images can't be one
        (["A.JPG"], ["a.jpg"], "A.JPG"),
        (["../a.jpg"], ["b.jpg"], "../a.jpg"),
    ],
)
def test_a_name_that_the_pool_does_not_have_is_a_fault(names, pool, absent):
    with pytest.raises(ExchangeMalformed, match=f"the pool has no image '{absent}'"):
        pairs(*((name, "cat") for name in names), pool=pool)


def test_names_that_were_found_another_way_are_told():
    found = labels_of(reading(("x/a.jpg", "cat"), ("x/b.jpg", "cat")), ["a.jpg", "b.jpg"])
    assert found.notes == ["'x/a.jpg' is 'a.jpg' in the pool, and so are 1 more"]
