"""`nextlabel paces`: how fast people label."""

from __future__ import annotations

from gettext import gettext as _

import click

from nextlabel.client.commands.listing import AsJson, Column, tell
from nextlabel.client.commands.options import Key, PathType, Url
from nextlabel.client.http import Client
from nextlabel.client.paces import Pace
from nextlabel.client.progress import ago


@click.command()
@click.argument("path_to_labels", metavar="LABELS", type=PathType(folder=False))
@AsJson
@Url
@Key
def paces(path_to_labels: str, as_json: bool, url: str, api_key: str | None) -> None:
    """Tell how fast people label in LABELS: seconds from one image to the next, pauses left out.

    Known of labels that came over HTTP; of those that were written into a file by hand, nobody knows. Of fewer than
    ten times nothing is told.
    """
    with Client(url, api_key) as client:
        found = client.paces(path_to_labels)
    columns = [
        Column[Pace]("person", lambda one: one.person, _("person")),
        Column[Pace]("seconds", lambda one: one.seconds, _("seconds an image"), lambda one: _one_place(one.seconds)),
        Column[Pace]("low", _low, _("half of them from"), lambda one: _one_place(_low(one))),
        Column[Pace]("high", _high, _("to"), lambda one: _one_place(_high(one))),
        Column[Pace]("times", lambda one: one.times, _("times")),
        Column[Pace]("images", lambda one: one.images, _("images")),
        Column[Pace]("at_once", lambda one: one.at_once, _("many at once")),
        Column[Pace]("sittings", lambda one: one.sittings, _("sittings")),
        Column[Pace]("last_at", lambda one: one.last_at, _("last"), lambda one: ago(one.last_at)),
    ]
    tell(found, columns, as_json=as_json)
    if not found:
        click.echo(_("nobody's labels came over HTTP yet, so nobody knows how fast they were given"), err=True)


def _low(one: Pace) -> float | None:
    return one.middle_half[0] if one.middle_half else None


def _high(one: Pace) -> float | None:
    return one.middle_half[1] if one.middle_half else None


def _one_place(seconds: float | None) -> str:
    return "" if seconds is None else f"{seconds:.1f}"
