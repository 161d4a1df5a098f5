"""`nextlabel classes`: what is declared in a folder of labels, and the key of each class."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from nextlabel.client.main import cli, main


@pytest.fixture
def labels(tmp_path):
    folder = tmp_path / "labels"
    folder.mkdir()
    (folder / "anna.txt").write_text("a.png\tdog\nb.png\tcat\n")
    return folder


def told(*words):
    done = CliRunner().invoke(cli, ["classes", *map(str, words)], catch_exceptions=False)
    assert done.exit_code == 0
    return done.stdout


def test_a_class_is_declared_changed_and_listed_before_those_that_labels_have(labels):
    told("declare", labels, "owl", "--key", "o", "--colour", "#00F")
    told("declare", labels, "owl", "--description", "looks at you")
    listed = json.loads(told("list", labels, "--json"))
    assert [(one["name"], one["key"]) for one in listed] == [("owl", "o"), ("cat", "1"), ("dog", "2")]
    assert (listed[0]["colour"], listed[0]["description"]) == ("#00f", "looks at you")
    assert "looks at you" in told("list", labels)


def test_what_can_not_be_is_refused_with_its_place(labels, capsys):
    with pytest.raises(SystemExit) as ended:
        main(["classes", "declare", str(labels), "owl", "--key", "c"])
    assert ended.value.code == 1
    assert "is one of 1234567890abdefghijklopqrtvwxz" in capsys.readouterr().err
    assert not (labels / "classes.json").exists()
