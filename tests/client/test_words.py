"""The command's words: what is said in English has Russian, and what a program reads stays as it is."""

from __future__ import annotations

import ast
import importlib.util
import os
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from nextlabel.client.main import main
from nextlabel.client.words import LANGUAGES

pytest.importorskip("babel", reason="needs babel")  # of the extra dev
CLIENT = Path(__file__).parents[2] / "client"
found = importlib.util.spec_from_file_location("words", CLIENT.parent / "tools" / "words.py")  # it is not installed
words = importlib.util.module_from_spec(found)
found.loader.exec_module(words)
#: Functions by which the command says something to a person.
SAYS = ("echo", "print", "UsageError", "BadParameter", "ClickException", "NotInstalled", "fail", "StackError")
#: An assistant reads the one, a programmer's editor the next two; of the last only HTML is left.
READ_BY_OTHERS = ("mcp_server.py", "fields.py", "signatures.py", "notebooks.py")
FILES = sorted(path.relative_to(CLIENT).as_posix() for path in CLIENT.rglob("*.py"))
SENTENCE = re.compile("[A-Za-z]{2,} [a-z]{2,}")
TRANSLATES = ("_", "gettext", "ngettext")
FIELD = re.compile(r"{(\w+)[^}]*}|%\((\w+)\)s")


def fields(text):
    return sorted(one or other for one, other in FIELD.findall(text))


def plain(said):
    """Whether an argument is words of English, and not what `_` made of them."""
    if isinstance(said, ast.JoinedStr):
        return any(plain(part) for part in said.values if isinstance(part, ast.Constant))
    text = said.value if isinstance(said, ast.Constant) and isinstance(said.value, str) else ""
    return bool(re.search("[a-z]{2}", text.removeprefix("nextlabel: ")))


def called(node):
    return node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")


def says(node):
    return isinstance(node, ast.Call) and called(node) in SAYS and any(plain(one) for one in node.args[:1])


@cache
def told():
    """All that stands in the catalogues, each form of a plural by itself."""
    return {one for message in words.messages() for one in ([message] if isinstance(message, str) else message)}


def docstrings(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[0] if node.body else None
            yield first.value if isinstance(first, ast.Expr) else None


def helps(tree):
    """What becomes help, which stands in the catalogues as a whole."""
    for node in ast.walk(tree):
        if isinstance(node, ast.keyword) and node.arg == "help":
            yield node.value
        if isinstance(node, ast.AugAssign) and getattr(node.target, "attr", "") == "help":
            yield node.value


def translations(tree):
    """The texts that `_` and its like are called with, each as the node it is."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and called(node) in TRANSLATES:
            yield from (one for one in node.args if isinstance(one, ast.Constant) and isinstance(one.value, str))


def sentences(tree):
    """What reads as a sentence and is neither translated nor help nor a docstring."""
    others = [*docstrings(tree), *helps(tree), *translations(tree)]
    known = {id(part) for one in others if one is not None for part in ast.walk(one)}
    pieces = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in known:
            is_part_of_help = id(node) not in pieces and any(node.value in one for one in told())
            if SENTENCE.search(node.value) and not is_part_of_help:
                yield node.lineno, node.value


@pytest.mark.parametrize("language", LANGUAGES[1:])
def test_no_word_is_missing_and_none_is_too_many(language):
    """`make words` adds what is new; its translation is written by hand."""
    catalogue = words.read(language)
    told = {message.id: message.string for message in catalogue if message.id}
    wanted = words.messages()
    assert [message for message in wanted if message not in told] == []
    assert [message for message in told if message not in wanted] == []
    assert [
        message for message, string in told.items() if not all([string] if isinstance(string, str) else string)
    ] == []


@pytest.mark.parametrize("language", LANGUAGES[1:])
def test_what_is_put_into_a_sentence_is_in_its_translation_too(language):
    for message in words.read(language):
        if isinstance(message.id, str):
            assert fields(message.string) == fields(message.id), message.id
        elif message.id:
            one, several = message.id
            assert all({*fields(form)} <= {*fields(one), *fields(several)} for form in message.string), message.id


@pytest.mark.parametrize("language", LANGUAGES[1:])
def test_the_compiled_catalogue_is_that_of_the_written_one(language):
    assert words.file_of(language, "mo").read_bytes() == words.compiled(words.read(language))


@pytest.mark.parametrize("file", [file for file in FILES if file not in READ_BY_OTHERS])
def test_all_that_the_command_says_is_in_the_catalogues(file):
    tree = ast.parse((CLIENT / file).read_text())
    assert [node.lineno for node in ast.walk(tree) if says(node)] == []
    assert list(sentences(tree)) == []


def test_no_translated_text_stands_where_it_is_not_found():
    """`make words` looks into no f-string."""
    found = {one.value for file in FILES for one in translations(ast.parse((CLIENT / file).read_text()))}
    assert found - told() == set()


def test_a_sentence_that_is_not_translated_is_found():
    tree = ast.parse(
        'def f(n):\n    """Say it."""\n    told = f"{n} images are left"\n    echo(told)\n    echo("done")\n'
    )
    assert [text for _, text in sentences(tree)] == [" images are left"]
    assert [node.lineno for node in ast.walk(tree) if says(node)] == [5]


def said(*arguments, **environment):
    ran = subprocess.run(
        [sys.executable, "-m", "nextlabel.client.main", *arguments],
        capture_output=True, text=True, check=False, env={**os.environ, **environment},
    )  # fmt: skip
    return ran.returncode, ran.stdout + ran.stderr


def test_the_language_is_the_setting_s_or_the_terminal_s():
    code, text = said("select", "--help", LANG="ru_RU.UTF-8", LC_ALL="", LANGUAGE="")
    assert code == 0
    assert text.startswith("Вызов: nextlabel select")
    assert "Сколько изображений выбрать." in text
    code, text = said("select", "--hlp", LC_ALL="ru_RU.UTF-8", NEXTLABEL_LANGUAGE="en")
    assert (code, "No such option '--hlp'." in text) == (2, True)


def test_types_of_values_are_said_in_the_language_too():
    _, text = said("jobs", "--help", NEXTLABEL_LANGUAGE="ru")
    assert "--limit ЦЕЛОЕ ЧИСЛО" in text
    assert "[НАСТРОЙКИ]" in text
    _, text = said("jobs", "--limit", "x", NEXTLABEL_LANGUAGE="ru")
    assert "целое число" in text
    _, text = said("keys", "list", NEXTLABEL_LANGUAGE="ru", NEXTLABEL_API_KEYS_FILE="")
    assert "(переменная: NEXTLABEL_API_KEYS_FILE)" in text
    assert "--limit INTEGER RANGE" in said("jobs", "--help", NEXTLABEL_LANGUAGE="en")[1]


def test_a_language_that_is_not_there_is_refused_with_those_that_are(monkeypatch, capsys):
    monkeypatch.setenv("NEXTLABEL_LANGUAGE", "de")
    with pytest.raises(SystemExit) as end:
        main(["--help"])
    assert end.value.code == 2
    assert "there is no 'de'; there are en, ru" in capsys.readouterr().err
