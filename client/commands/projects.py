"""`nextlabel projects`: the pools, labels and settings that the service keeps by name, for everybody."""

from __future__ import annotations

from gettext import gettext as _
from typing import Any, get_args

import click

from nextlabel.client.commands.lazy import CommandGroup
from nextlabel.client.commands.listing import AsJson, Column, tell, tell_json
from nextlabel.client.commands.options import Finite, Key, PathType, Url
from nextlabel.client.http import Client
from nextlabel.client.projects import Project
from nextlabel.client.terminal import echo
from nextlabel.core.kinds.requests import AnyTask
from nextlabel.core.people import tidy

Name = click.argument("name")
LISTED = 10
WHAT_IT_IS = ("path_to_img", "path_to_labels", "task")


@click.group(cls=CommandGroup)
def projects() -> None:
    """The projects that the service keeps by name, the same as on the page: list, keep, rename and remove them.

    A project is a pool, its labels and how they are worked on. Removing one touches no image and no label.
    """


@projects.command("list")
@AsJson
@Url
@Key
def list_(as_json: bool, url: str, api_key: str | None) -> None:
    """List all projects, by name."""
    with Client(url, api_key) as client:
        found = client.projects()
    columns = [
        Column[Project]("name", lambda one: one.name, _("name")),
        Column[Project]("path_to_img", lambda one: one.path_to_img, _("images")),
        Column[Project]("path_to_labels", lambda one: one.path_to_labels, _("labels")),
        Column[Project]("task", lambda one: one.task, _("task")),
        Column[Project]("backbone", lambda one: one.backbone, _("backbone")),
    ]
    tell(found, columns, as_json=as_json)


@projects.command()
@Name
@AsJson
@Url
@Key
def show(name: str, as_json: bool, url: str, api_key: str | None) -> None:
    """Show all that is kept of the project NAME."""
    with Client(url, api_key) as client:
        project = _found(client, name)
        if project is None:
            raise _unknown(client, name)
    if as_json:
        tell_json(project.model_dump(mode="json"))
        return
    columns = [
        Column[tuple[str, Any]]("field", lambda one: one[0], ""),
        Column[tuple[str, Any]]("value", lambda one: one[1], ""),
    ]
    tell(list(project.model_dump(mode="json").items()), columns)


@projects.command()
@Name
@click.argument("path_to_img", metavar="[POOL]", type=PathType(folder=True), required=False)
@click.option("-l", "--labels", "path_to_labels", type=PathType(folder=False), help="Their labels.")
@click.option("--val", "path_to_img_val", type=PathType(folder=True), help="Validation images; an empty text: none.")
@click.option("--val-labels", "path_to_labels_val", type=PathType(folder=False), help="Their labels.")
@click.option(
    "--task", type=click.Choice(get_args(AnyTask)), help="What a label is: one class an image, several, or boxes."
)
@click.option("--backbone", help="What looks at the images; none where boxes are drawn.")
@click.option("--method", help="How a batch is chosen.")
@click.option("-n", "--add", type=click.IntRange(1, 1000), help="How many images a batch has.")
@click.option("--overlap-share", type=Finite(0, 1), help="Of the images, those that a second person labels, too.")
@click.option("--rename", metavar="NEW", help="Its name from now on.")
@Url
@Key
def keep(name: str, rename: str | None, url: str, api_key: str | None, **said: Any) -> None:
    """Keep the images of POOL and their labels as the project NAME, or change how it is worked on.

    A new one wants POOL and --labels. Of one that is kept, what is not said stays, and so do its POOL, --labels and
    --task: others are another project, with a name of its own.
    """
    if rename is not None and not tidy(rename):
        raise click.UsageError(_("say its name from now on: --rename NEW"))
    told = {field: value for field, value in said.items() if value is not None}
    with Client(url, api_key) as client:
        before = _found(client, name)
        if before is None and rename is not None:
            raise _unknown(client, name)
        if before is None and not {"path_to_img", "path_to_labels"} <= told.keys():
            words = _("there is no project {name} yet, and a new one wants POOL and --labels")
            raise click.UsageError(words.format(name=name))
        fields = before.model_dump() if before else {}
        if before is not None and any(told.get(field, fields[field]) != fields[field] for field in WHAT_IT_IS):
            words = _(
                "{name} is a project of {pool}, {labels} and {task}, and stays one: keep others under a new name, or "
                "remove it before (`nextlabel projects remove`)"
            )
            told_apart = {"pool": before.path_to_img, "labels": before.path_to_labels, "task": before.task}
            raise click.UsageError(words.format(name=before.name, **told_apart))
        wanted = Project(**{**fields, "name": rename or name, **told})
        kept = client.keep_project(wanted, was=name if rename else None)
    words = _("{name} is kept: images in {pool}, labels in {labels}")
    echo(words.format(name=kept.name, pool=kept.path_to_img, labels=kept.path_to_labels), err=True)


@projects.command()
@Name
@Url
@Key
def remove(name: str, url: str, api_key: str | None) -> None:
    """Remove the project NAME from the list, for everybody. Its images and labels stay where they are."""
    with Client(url, api_key) as client:
        if _found(client, name) is None:
            raise _unknown(client, name)
        client.forget_project(name)
    echo(_("{name} is no longer listed; its images and labels are where they were").format(name=name), err=True)


def _found(client: Client, name: str) -> Project | None:
    return next((one for one in client.projects() if one.name == tidy(name)), None)


def _unknown(client: Client, name: str) -> click.UsageError:
    there = [one.name for one in client.projects()]
    if not there:
        return click.UsageError(
            _("there is no project {name}, nor any other yet: `nextlabel projects keep`").format(name=name)
        )
    words = _("there is no project {name}; there are {names} (`nextlabel projects list` lists all)")
    more = ", ..." if len(there) > LISTED else ""
    return click.UsageError(words.format(name=name, names=", ".join(there[:LISTED]) + more))
