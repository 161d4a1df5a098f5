"""The command's words: what is said in English has Russian, and what a program reads stays as it is."""

from __future__ import annotations

import ast
import importlib.util
import os
import re
import subprocess
import sys
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
#: Files, or functions in them, whose words are in the catalogues: the main loop's commands.
DONE = (
    "commands/asking.py",
    "commands/jobs.py",
    "commands/lazy.py",
    "commands/local.py",
    "commands/options.py",
    "commands/output.py",
    "progress.py",
    "shown.py",
    "commands/classes.py",
    "commands/hand_outs.py",
    "commands/labels.py",
    "keys.py",
)
#: Files that say something in English still, besides those functions.
NOT_YET = (
    "box_exchange.py",
    "commands/mcp.py",
    "commands/report.py",
    "demo.py",
    "exchange.py",
    "main.py",
    "stack.py",
    "words.py",
)
FIELD = re.compile(r"{(\w+)[^}]*}|%\((\w+)\)s")


def fields(text):
    return sorted(one or other for one, other in FIELD.findall(text))


def plain(said):
    """Whether an argument is words of English, and not what `_` made of them."""
    if isinstance(said, ast.JoinedStr):
        return any(plain(part) for part in said.values if isinstance(part, ast.Constant))
    return isinstance(said, ast.Constant) and isinstance(said.value, str) and bool(re.search("[a-z]{2}", said.value))


def says(node):
    called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    return called in SAYS and any(plain(one) for one in node.args[:1])


def untranslated(place):
    file, _, name = place.partition(":")
    tree = ast.parse((CLIENT / file).read_text())
    part = next(n for n in tree.body if isinstance(n, ast.FunctionDef) and n.name == name) if name else tree
    return [node.lineno for node in ast.walk(part) if isinstance(node, ast.Call) and says(node)]


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


@pytest.mark.parametrize("place", DONE)
def test_what_the_main_loop_prints_is_in_the_catalogues(place):
    assert untranslated(place) == []


def test_which_files_say_something_in_english_still_is_known():
    files = (path.relative_to(CLIENT).as_posix() for path in CLIENT.rglob("*.py"))
    assert tuple(sorted(file for file in files if untranslated(file))) == NOT_YET


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


def test_a_language_that_is_not_there_is_refused_with_those_that_are(monkeypatch, capsys):
    monkeypatch.setenv("NEXTLABEL_LANGUAGE", "de")
    with pytest.raises(SystemExit) as end:
        main(["--help"])
    assert end.value.code == 2
    assert "there is no 'de'; there are en, ru" in capsys.readouterr().err
