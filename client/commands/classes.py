"""`nextlabel classes`: which classes a folder of labels has, and the key of each. Needs no service."""

from __future__ import annotations

from dataclasses import replace
from gettext import gettext as _
from pathlib import Path

import click

from nextlabel.client.commands.labels import Folder
from nextlabel.client.commands.lazy import CommandGroup
from nextlabel.client.commands.listing import AsJson, Column, tell
from nextlabel.client.terminal import echo
from nextlabel.core.data.class_file import LabelClass, completed, declare_classes, declared_classes
from nextlabel.core.data.spelling import as_seen
from nextlabel.core.tasks.classification import read_labels


@click.group(cls=CommandGroup)
def classes() -> None:
    """The classes of a folder of labels: list them, and declare them with keys, colours and words.

    They stand in its file classes.json, which may be edited. `nextlabel labels rename` and `remove` change it, too.
    """


@classes.command("list")
@click.argument("folder", type=Folder)
@AsJson
def list_(folder: Path, as_json: bool) -> None:
    """List the classes of FOLDER in the order of their keys: those that were declared, then others that labels have."""
    root = folder.resolve()
    found = completed(declared_classes(root, [root]).classes, read_labels(root).classes)
    columns = [
        Column[LabelClass]("key", lambda one: one.key, _("key")),
        Column[LabelClass]("class", lambda one: one.name, _("class")),
        Column[LabelClass]("colour", lambda one: one.colour, _("colour")),
        Column[LabelClass]("description", lambda one: one.description, _("description")),
        Column[LabelClass]("example", lambda one: one.example, _("example")),
    ]
    tell(found, columns, as_json=as_json)


@classes.command()
@click.argument("folder", type=Folder)
@click.argument("name")
@click.option("--key", help="A digit or letter that does nothing else on the page, or . or , and one.")
@click.option("--colour", help="#rrggbb.")
@click.option("--description", help="What it is, for those who label.")
@click.option("--example", help="The name of an image that shows it.")
def declare(folder: Path, name: str, **said: str | None) -> None:
    """Declare the class NAME in FOLDER, or change what was said of it. What is not said stays as it is."""
    root = folder.resolve()
    seen = declared_classes(root, [root])
    told = {field: text for field, text in said.items() if text is not None}
    called = as_seen(name.strip())
    fresh = () if any(one.name == called for one in seen.classes) else (LabelClass(called),)
    changed = [replace(one, **told) if one.name == called else one for one in (*seen.classes, *fresh)]
    declare_classes(root, changed, version=seen.version, roots=[root])
    words = _("{name} is declared in {file}")
    echo(words.format(name=called, file=folder / "classes.json"), err=True)
