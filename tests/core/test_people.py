import unicodedata

import pytest

from nextlabel.core.people import in_file_names, is_name, tidy

NAMES = ["anna", "Анна Петрова", "O'Neil", "अनिता", "李雷", "J. R.", "a-b@c.d", "7", "Zoë", "x" * 64]
NONE = [
    "",
    " ",
    ".",
    "..",
    ".anna",
    "_anna",
    "-x",
    "a/b",
    "a\\b",
    "a:b",
    "a*",
    'a"b',
    "a\tb",
    "a\nb",
    "a\n",
    "a ",
    "\0",
]


@pytest.mark.parametrize("name", NAMES)
def test_what_people_are_called_is_a_name(name):
    assert is_name(name)
    assert is_name(unicodedata.normalize("NFD", name))


@pytest.mark.parametrize("name", [*NONE, "a\u202eb", "a\u200bb", "x" * 65, "ж" * 101])
def test_what_no_file_or_key_can_be_called_is_none(name):
    assert not is_name(name)


def test_a_name_that_looks_the_same_is_the_same():
    assert tidy(" Zoe\u0308 ") == "Zo\u00eb"
    assert in_file_names("Анна  Петрова ") == "Анна_Петрова"
