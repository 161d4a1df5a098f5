"""`nextlabel projects`, against the real API."""

from __future__ import annotations

import json

import pytest

from nextlabel.client.main import NOT_TAKEN, USAGE, main
from tests.client.commands.terminal import on_a_terminal


@pytest.fixture
def told(url, data, monkeypatch, capsys):
    """Runs a command beside the data; returns its exit code, stdout and stderr."""
    (data.root / "team").mkdir()
    monkeypatch.chdir(data.root)
    monkeypatch.setenv("NEXTLABEL_URL", url)

    def run(*words):
        with pytest.raises(SystemExit) as end:
            main(["projects", *words])
        return (end.value.code, *capsys.readouterr())

    return run


def test_a_project_is_kept_changed_renamed_and_removed(told, client, data):
    assert told("keep", "cards", "pool", "--labels", "team", "--backbone", "b0")[0] == 0
    assert told("keep", "cards", "-n", "40")[0] == 0
    assert told("keep", "cards", "--rename", "faces")[0] == 0
    (kept,) = client.projects()
    assert (kept.name, kept.backbone, kept.add) == ("faces", "b0", 40)
    assert told("list") == (
        0,
        f"name,path_to_img,path_to_labels,task,backbone\nfaces,{data.root}/pool,{data.root}/team,classification,b0\n",
        "",
    )
    assert json.loads(told("show", "faces", "--json")[1]) == kept.model_dump()
    assert "\nadd,40\n" in told("show", "faces")[1]
    assert told("remove", "faces")[0] == 0
    assert json.loads(told("list", "--json")[1]) == []
    assert (data.root / "team").is_dir()


def test_a_person_sees_a_table(told, url):
    told("keep", "cards", "pool", "--labels", "team")
    assert "│ cards │" in on_a_terminal("projects", "list", NEXTLABEL_URL=url)
    assert "│ method " in on_a_terminal("projects", "show", "cards", NEXTLABEL_URL=url)


@pytest.mark.parametrize(
    ("words", "code", "remedy"),
    [
        (["show", "nowhere"], USAGE, "`nextlabel projects list` lists"),
        (["keep", "cards"], USAGE, "wants POOL and --labels"),
        (["keep", "nowhere", "--rename", "cards"], USAGE, "`nextlabel projects list` lists"),
        (["keep", "cards", "pool", "--labels", "nowhere"], NOT_TAKEN, "nowhere' does not exist"),
        (["keep", "cards", "pool", "--labels", "team", "--overlap-share", "nan"], USAGE, "is no finite number"),
        (["keep", "cards", "--rename", ""], USAGE, "--rename NEW"),
        (["keep", "../cards", "pool", "--labels", "team"], NOT_TAKEN, "NAME: a project's name has 1 to 64 characters"),
        (["remove", "nowhere"], USAGE, "there is no project nowhere; there are faces (`nextlabel projects list` lists"),
        (
            ["keep", "cards", "pool", "--labels", "team", "--backbone", "b9"],
            NOT_TAKEN,
            "--backbone: there is no backbone",
        ),
        (["keep", "cards", "pool", "--labels", "team", "--method", "x"], NOT_TAKEN, "--method: there is no method 'x'"),
        (["keep", "cards", "pool", "--labels", "pool"], NOT_TAKEN, "holds images. Labels want a folder of their own"),
    ],
)
def test_what_can_not_be_is_refused_with_what_to_do(told, words, code, remedy):
    told("keep", "faces", "pool", "--labels", "team")
    ended, _, said = told(*words)
    assert (ended, remedy in " ".join(said.split())) == (code, True), said


def test_where_no_project_is_kept_yet_it_is_said(told):
    assert "nor any other yet" in told("show", "nowhere")[2]


@pytest.mark.parametrize("other", [["pool", "--labels", "labels.txt"], ["--task", "multilabel"]])
@pytest.mark.parametrize("rename", [[], ["--rename", "cards"], ["--rename", "faces"]])
def test_a_project_stays_that_of_its_folders_and_task(told, client, other, rename):
    told("keep", "cards", "pool", "--labels", "team")
    before = client.projects()
    ended, _, said = told("keep", "cards", *other, *rename, "-n", "40")
    assert (ended, "keep others under a new name" in " ".join(said.split())) == (USAGE, True), said
    assert client.projects() == before
    assert told("keep", "cards", "pool", "--labels", "team", "-n", "40")[0] == 0
