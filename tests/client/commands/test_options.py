"""Options are the request's fields, all of them, and what is typed is what is sent."""

from __future__ import annotations

from pathlib import Path

import click
import pytest
from click.shell_completion import BashComplete
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from nextlabel.client.commands.asking import COMMANDS
from nextlabel.client.commands.completion import VARIABLE
from nextlabel.client.commands.options import in_options, request_body, request_parameters
from nextlabel.client.main import cli
from nextlabel.core.embeddings.catalogue import SHORT_NAMES
from nextlabel.core.errors import Fault, InvalidRequest
from nextlabel.core.kinds.registry import KINDS, parse_request
from nextlabel.core.kinds.requests import JobRequest
from nextlabel.core.methods.registry import METHODS


def typed(kind, *arguments):
    """The request that a command line stands for."""
    command = click.Command(kind, params=request_parameters(KINDS[kind].request))
    given = command.make_context(kind, list(arguments)).params
    return request_body(kind, given)


def test_a_field_that_is_true_or_false_is_a_flag():
    plain = typed("selection", "photos", "-n", "3")
    assert "content" not in plain
    assert typed("selection", "photos", "-n", "3", "--content") == {**plain, "content": True}


@pytest.mark.parametrize(
    "number",
    [
        ["--within", "nan"],
        ["--cost", "cat=nan"],
        ["--cost", "cat=inf"],
        ["--overlap-share", "nan"],
        ["--method", '{"name": "auto", "share": NaN}'],
        ["--method", '{"name": "auto", "name": "margin"}'],
    ],
)
def test_a_number_that_no_json_holds_and_a_key_that_stands_twice_are_refused(number):
    with pytest.raises(click.BadParameter):
        typed("selection", "photos", "-n", "3", *number)


@pytest.mark.parametrize("boxes", ["[NaN]", "[Infinity]", '[{"name": "a.png", "name": "b.png"}]'])
def test_nor_are_they_in_json(boxes):
    with pytest.raises(click.BadParameter, match="is not JSON"):
        typed("similar", "photos", "--like-boxes", boxes)


def test_a_backbone_is_named_where_nothing_else_sees_images_and_for_boxes_where_they_are_told_apart():
    boxes = ("photos", "--task", "detection", "--predictions", "found.csv")
    assert typed("map", *boxes)["backbone"] == "mobilenet"
    assert typed("map", *boxes, "--backbone", "b0")["backbone"] == "b0"
    assert "backbone" not in typed("prediction", *boxes)
    assert "backbone" not in typed("selection", "photos", "-n", "3", "--predictions", "found.csv")


@pytest.mark.parametrize(
    ("command", "pointer", "said"),
    [
        ("select", "/path_to_labels", "--labels"),
        ("select", "/path_to_img", "POOL"),
        ("select", "/methods/0/epochs", "--method 0 epochs"),
        ("hand-outs", "?path_to_labels", "--labels"),
        ("report", "/path_to_labels_train", "--labels"),
        ("paces", "?path_to_labels", "LABELS"),
        ("labels keep-apart", "/images", "--images"),
        ("labels settle", "/labels/0/name", "NAME"),
        ("labels notes", "/notes/0/text", "--text"),
        ("labels rename", "/class", "OLD"),
        ("labels rename", "/to", "NEW"),
        ("labels remove", "/class", "CLASS"),
        ("labels undo", "/path_to_labels", "FOLDER"),
        ("classes declare", "/classes/3/key", "--key"),
        ("projects keep", "/name", "NAME"),
        ("projects keep", "/backbone", "--backbone"),
    ],
)
def test_what_is_refused_is_told_by_what_was_typed(command, pointer, said):
    found = cli
    for name in command.split():
        found = found.get_command(click.Context(found), name)
    told = in_options(InvalidRequest([Fault(pointer, "invalid_value", "is odd")]), found)
    assert told.detail == f"{said}: is odd"


def test_every_command_tells_what_is_refused_so(tmp_path):
    told = CliRunner().invoke(cli, ["labels", "undo", str(tmp_path)])
    assert str(told.exception).startswith("FOLDER: no class was changed here")


def test_every_kind_has_a_command():
    assert list(COMMANDS) == [kind.command for kind in KINDS.values()]
    assert [command.name for command in COMMANDS.values()] == list(COMMANDS)
    assert cli.list_commands(click.Context(cli))[: len(COMMANDS)] == list(COMMANDS)
    assert all(cli.get_command(click.Context(cli), name) for name in cli.list_commands(click.Context(cli)))


@pytest.mark.parametrize("kind", KINDS)
def test_every_field_of_a_request_is_an_option_and_is_explained(kind):
    fields = KINDS[kind].request.model_fields.keys() - {"kind"}
    parameters = {one.name: one for one in request_parameters(KINDS[kind].request)}
    assert parameters.keys() == fields
    assert fields <= {one.name for one in COMMANDS[KINDS[kind].command].params}
    assert [name for name, one in parameters.items() if isinstance(one, click.Option) and not one.help] == []
    opts = [opt for one in COMMANDS[KINDS[kind].command].params for opt in one.opts]
    assert len(opts) == len(set(opts))


def test_a_field_that_is_new_is_an_option_by_itself():
    class NewRequest(JobRequest):
        kind: str = "new"
        path_to_img: str
        shades: tuple[str, ...] = ()
        weights_by_class: dict[str, float] | None = None
        depth: int = 3

    command = click.Command("new", params=request_parameters(NewRequest))
    arguments = ["photos", "--shades", "red", "--shades", "blue", "--depth", "4"]
    found = command.make_context("new", arguments).params
    assert (found["shades"], found["depth"], found["path_to_img"]) == (("red", "blue"), 4, "photos")


names = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=12).filter(
    lambda name: not name.startswith("@")
)


@given(
    add=st.integers(1, 10**6),
    seed=st.integers(0, 2**32 - 1),
    exclude=st.lists(names, max_size=3),
    pending=st.lists(names, max_size=3),
    quotas=st.dictionaries(names, st.integers(0, 3), max_size=3),
    method=st.sampled_from([name for name, method in METHODS.items() if "classification" in method.tasks()]),
    near_copies=st.sampled_from(["skip", "allow"]),
)
def test_what_is_typed_is_what_is_asked_for(add, seed, exclude, pending, quotas, method, near_copies):
    add += 10
    body = typed(
        "selection",
        *(f"--add={add}", f"--seed={seed}", f"--method={method}", f"--near-copies={near_copies}"),
        *(f"--exclude={name}" for name in exclude),
        *(f"--pending={name}" for name in pending),
        *(f"--class-quotas={name}={count}" for name, count in quotas.items()),
        "/nowhere/photos",
    )
    wanted = {
        "kind": "selection", "backbone": "mobilenet", "path_to_img": "/nowhere/photos", "add": add, "seed": seed,
        "exclude": exclude, "pending": pending, "class_quotas": quotas, "method": method, "near_copies": near_copies,
    }  # fmt: skip
    assert parse_request(body) == parse_request(wanted)


def test_what_is_not_said_is_not_sent():
    assert typed("selection", "/nowhere", "-n", "5") == {
        "kind": "selection",
        "backbone": "mobilenet",
        "path_to_img": "/nowhere",
        "add": 5,
    }


@pytest.mark.parametrize(
    ("arguments", "backbone"),
    [
        ((), "mobilenet"),
        (("--backbone", "resnet50"), "resnet50"),
        (("--embeddings", "e.npy"), None),
        (("--predictions", "p.csv"), None),
        (("--predictions", "p.csv", "--backbone", "b0"), "b0"),
    ],
)
def test_what_is_brought_along_takes_the_place_of_a_backbone(arguments, backbone):
    assert typed("selection", "/nowhere", "-n", "5", *arguments).get("backbone") == backbone


def test_a_path_that_is_here_is_sent_absolute_and_any_other_as_it_is(tmp_path, monkeypatch):
    (tmp_path / "photos").mkdir()
    monkeypatch.chdir(tmp_path)
    body = typed("prediction", "photos", "--labels", "elsewhere/labels")
    assert body["path_to_img"] == str(tmp_path / "photos")
    assert body["path_to_labels"] == "elsewhere/labels"
    assert typed("prediction", "x" * 5000)["path_to_img"] == "x" * 5000


def test_names_may_come_from_a_file(tmp_path):
    file = tmp_path / "labels.txt"
    file.write_bytes("\ufeffa b.png\tcat\r\n\r\nc\u2028.png\r\n".encode())
    body = typed("similar", "/nowhere", "-n", "1", "--like", f"@{file}", "--like", "d.png")
    assert body["like"] == ("a b.png", "c\u2028.png", "d.png")
    with pytest.raises(click.BadParameter, match="No such file"):
        typed("similar", "/nowhere", "-n", "1", "--like", f"@{tmp_path}/nothing")


def test_a_method_may_have_options_and_there_may_be_several():
    body = typed("audit", "/nowhere", "--method", '{"name": "bait", "directions": 3}', "--method", "margin")
    assert [method.name for method in parse_request(body).methods] == ["bait", "margin"]
    assert typed("learning_curve", "/nowhere", "--ahead", "10", "--ahead", "20")["ahead"] == (10, 20)
    with pytest.raises(click.BadParameter, match="neither a name nor JSON"):
        typed("audit", "/nowhere", "--method", "{vae}")


@pytest.mark.parametrize("arguments", [("-n", "0"), ("-n", "x"), ("-n", "1", "--class-quotas", "dress"), ()])
def test_what_can_be_seen_to_be_wrong_is_wrong_usage(arguments):
    with pytest.raises(click.UsageError):
        typed("selection", "/nowhere", *arguments)


def test_the_tab_key_knows_commands_backbones_methods_and_heads():
    def completed(*words):
        *before, begun = words
        return [one.value for one in BashComplete(cli, {}, "nextlabel", VARIABLE).get_completions(before, begun)]

    assert set(completed("")) == set(cli.list_commands(click.Context(cli)))
    assert completed("select", "--backbone", "")[: len(SHORT_NAMES)] == list(SHORT_NAMES)
    assert "vit_small_patch14_dinov2.lvd142m" in completed("select", "--backbone", "vit_small")
    assert completed("select", "--method", "ma") == [name for name in METHODS if name.startswith("ma")]
    assert completed("select", "--head", "m") == ["mlp"]
    assert completed("select", "--cancel") == ["--cancel-on-interrupt"]
    (folder,) = BashComplete(cli, {}, "nextlabel", VARIABLE).get_completions(["select"], str(Path.cwd()))
    assert folder.type == "dir"
