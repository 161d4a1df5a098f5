import time
import unicodedata
from itertools import product

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from nextlabel.core.data.spelling import (
    all_as_seen,
    as_seen,
    difference,
    elsewhere,
    hint,
    look_alike,
    meant,
    misspelt,
    nearest,
    oddity,
    shows,
    spellings,
    unseen,
)

NFC, NFD = "Übung/Café.jpg", unicodedata.normalize("NFD", "Übung/Café.jpg")


@given(st.text())
def test_a_text_and_its_decomposed_form_are_seen_alike(text):
    assert as_seen(text) == as_seen(unicodedata.normalize("NFD", text)) == as_seen(as_seen(text))


@given(st.lists(st.text()))
def test_many_texts_are_seen_as_each_is(texts):
    assert list(all_as_seen(texts)) == [as_seen(text) for text in texts]


PARTS = st.text(st.characters(exclude_characters="/\0"))


@given(PARTS, PARTS)
@example("Übung", "Café.jpg")
def test_each_folder_of_a_name_may_be_spelt_in_its_own_way(folder, own):
    forms = [unicodedata.normalize(form, f"{folder}\0{own}").split("\0") for form in ("NFC", "NFD")]
    ways = spellings(f"{folder}/{own}")
    assert ways[0] == f"{folder}/{own}"
    assert {f"{one[0]}/{other[1]}" for one in forms for other in forms} <= {*ways}
    assert {as_seen(way) for way in ways} == {as_seen(f"{folder}/{own}")}


def test_a_name_in_ascii_is_spelt_in_one_way():
    assert spellings("a/b.jpg") == ("a/b.jpg",)
    assert len(spellings("ü/" * 20 + "a.jpg")) == 64


@pytest.mark.parametrize(
    ("text", "odd"),
    [
        ("cat", ""),
        ("café", ""),
        ("می\u200cخواهم", ""),  # Persian, which joins its letters or doesn't
        ("അവന്\u200d", ""),  # Malayalam, whose words may end in a joiner
        ("ه\u200d", ""),
        ("א+\u200f", ""),
        ("👨\u200d👧", ""),
        ("1\ufe0f\u20e3", ""),
        ("cat\u200b", "zero width space"),
        ("\ufeffcat", "zero width no-break space"),
        ("ca\u200ct", "zero width non-joiner"),
        ("C+\u200e", "left-to-right mark"),
        ("\u202ecat\xad", "right-to-left override, soft hyphen"),
        ("cat\ufe0f", "variation selector-16"),
        ("c\x0bat", "U+000B"),
    ],
)
def test_what_nobody_sees_and_no_writing_needs_is_named(text, odd):
    assert unseen(text) == odd
    assert shows(text)


@pytest.mark.parametrize("text", ["", " ", "\u200b", "\u2060 \ufeff", "\x7f", "\u3164", "\u2800", "\U000e0041"])
def test_a_text_of_which_nobody_sees_anything_shows_nothing(text):
    assert not shows(text)


def test_classes_that_differ_by_case_or_spaces_look_alike():
    assert look_alike(["T-shirt", "t-shirt", "hat", "dress shirt", "dressshirt"]) == [
        ("T-shirt", "t-shirt"),
        ("dress shirt", "dressshirt"),
    ]


@pytest.mark.parametrize(
    ("one", "other", "by"),
    [
        ("shirt", "Shirt", "case"),
        ("shirt", "shirt\u200b", "characters that can't be seen (zero width space)"),
        ("shirt", "\ufeffshirt", "characters that can't be seen (zero width no-break space)"),
        ("red shirt", "red\xa0shirt", "spaces"),
        ("shirt", "ѕhirt", "letters of two alphabets (cyrillic small letter dze)"),
        ("Shirt", "ｓhirt", "width and case"),
        ("café", "cafe", "accents"),
        ("1", "01", "the way numbers are written"),
        ("2", "2.0", "the way numbers are written"),
        ("class_7", "class 007", "spaces and hyphens and the way numbers are written"),
    ],
)
def test_what_two_that_look_alike_differ_by_is_said(one, other, by):
    assert look_alike([one, other, "another"]) == [tuple(sorted([one, other]))]
    assert difference(one, other) == by


@pytest.mark.parametrize(
    ("one", "other"), [("1", "10"), ("1", "-1"), ("0.5", "5"), ("a", "b"), ("10", "100"), ("й", "к")]
)
def test_what_differs_to_everybody_does_not_look_alike(one, other):
    assert look_alike([one, other]) == []


def test_the_eye_tells_case_and_accents_and_not_letters_of_another_alphabet():
    assert look_alike(["cat", "Cat", "cät", "саt"], to_the_eye=True) == [("cat", "саt")]


def test_what_is_meant_is_the_one_that_looks_alike_else_the_one_spelt_nearly_so():
    assert nearest("dres", ["dress", "shirt"]) == "dress"
    assert nearest("Shirt", ["shirts", "shirt"]) == "shirt"
    assert nearest("hat", ["dress", "shirt"]) is None
    assert hint(["hat", "One"], ["one"]) == "; perhaps 'One' is meant to be 'one', from which it differs by case alone"
    assert hint(["hat"], ["one"]) == ""


def test_names_that_are_meant_are_found_among_many():
    assert meant(["A.JPG", "b .jpg", "c.jpg"], ["a.jpg", "b.jpg", "c.jpg"]) == {"A.JPG": "a.jpg", "b .jpg": "b.jpg"}


def test_what_is_odd_about_a_name_is_said():
    assert oddity("a.jpg ") == "a space at its beginning or end"
    assert oddity("\ufeffa.jpg") == "an unusual character in it (zero width no-break space)"
    assert oddity("my\xa0cat.jpg") == "an unusual character in it (no-break space)"
    assert oddity("мой кот, 1.jpg") is None


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("photos/a.jpg", "a.jpg"),
        ("/data/photos/sub/a.jpg", "sub/a.jpg"),
        ("C:\\photos\\a.jpg", "a.jpg"),
        ("sub\\a.jpg", "sub/a.jpg"),
        ("a.jpg", "sub/a.jpg"),
        ("sub/a.jpg", "more/sub/a.jpg"),
    ],
)
def test_a_name_with_a_folder_too_many_or_too_few_is_found_elsewhere(name, file):
    assert elsewhere(["gone.jpg", name], ["b.jpg", file]) == (name, file)


@pytest.mark.parametrize(
    ("name", "files"),
    [("1.jpg", ["cats/1.jpg", "dogs/1.jpg"]), ("x/y/1.jpg", ["y/1.jpg", "1.jpg"]), ("a/1.jpg", ["1.jpg", "b/a/1.jpg"])],
)
def test_a_name_that_several_files_would_fit_is_not_elsewhere(name, files):
    assert elsewhere([name], files) is None
    assert elsewhere([name, "s/2.jpg"], [*files, "2.jpg"]) == ("s/2.jpg", "2.jpg")


def test_a_name_whose_end_is_part_of_another_name_is_not_elsewhere():
    assert elsewhere(["a.jpg", "photos/c.jpg"], ["sub/xa.jpg", "b.jpg"]) is None


@pytest.mark.parametrize("rare", ["dres", "drress", "drass", "derss"])
def test_a_rare_class_that_is_a_slip_away_from_a_frequent_one_is_perhaps_misspelt(rare):
    assert misspelt({"dress": 20, "shirt": 30, rare: 1}) == [(rare, "dress")]


def test_how_often_both_stand_decides_what_is_rare():
    assert misspelt({"dress": 1000, "drss": 3}) == [("drss", "dress")]
    assert misspelt({"dress": 15, "drss": 3}) == [("drss", "dress")]
    assert misspelt({"dress": 14, "drss": 3}) == []


def test_the_most_frequent_of_several_is_meant():
    assert misspelt({"tress": 20, "dress": 30, "press": 20, "ress": 1}) == [("ress", "dress")]


def test_thousands_of_classes_are_not_each_compared_with_all_others():
    words = ["".join(letters) for letters in product("abcdefgh", repeat=4)]  # 4,096
    counts = {f"{word} and so on": 1 if word[0] == "a" else 50 for word in words}
    began = time.process_time()
    assert len(misspelt(counts)) == 512
    assert time.process_time() - began < 4


@pytest.mark.parametrize(
    "counts",
    [
        {"dress": 20, "dres": 9},  # not rare
        {"house": 1000, "horse": 200},  # neither is
        {"dress": 3, "dres": 1},  # both are
        {"cat": 30, "car": 1},  # short
        {"class 1": 30, "class 2": 1},  # numbers are no slips
        {"shirt": 30, "t-shirt": 1},
        {"dress": 30, "dresses": 1},
        {"dress": 30, "Dress": 1},  # which is told as looking alike
    ],
)
def test_what_may_well_be_another_class_is_not_called_misspelt(counts):
    assert misspelt(counts) == []
