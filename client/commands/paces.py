"""`nextlabel paces`: how fast people label."""

from __future__ import annotations

from gettext import gettext as _

import click

from nextlabel.client.commands.listing import AsJson, Column, tell
from nextlabel.client.commands.options import Key, PathType, Url
from nextlabel.client.http import Client
from nextlabel.client.paces import Pace
from nextlabel.client.progress import ago
from nextlabel.client.terminal import echo


@click.command()
@click.argument("path_to_labels", metavar="LABELS", type=PathType(folder=False))
@AsJson
@Url
@Key
def paces(path_to_labels: str, as_json: bool, url: str, api_key: str | None) -> None:
    """Tell how fast people label in LABELS: seconds from one image to the next, pauses left out.

    In brackets stands between what half of these times lie. Known of labels that came over HTTP; of those that were
    written into a file by hand, nobody knows. Of fewer than ten times nothing is told.
    """
    with Client(url, api_key) as client:
        found = client.paces(path_to_labels)
    columns = [
        Column[Pace]("person", lambda one: one.person, _("person")),
        Column[Pace]("seconds", lambda one: one.seconds, _("seconds an image"), _seconds),
        Column[Pace]("low", _low, in_table=False),
        Column[Pace]("high", _high, in_table=False),
        Column[Pace]("times", lambda one: one.times, _("times")),
        Column[Pace]("images", lambda one: one.images, _("labelled")),
        Column[Pace]("at_once", lambda one: one.at_once, _("at once")),
        Column[Pace]("sittings", lambda one: one.sittings, _("sittings")),
        Column[Pace]("last_at", lambda one: one.last_at, _("last"), lambda one: ago(one.last_at)),
    ]
    tell(found, columns, as_json=as_json)
    if not found:
        echo(_("nobody's labels came over HTTP yet, so nobody knows how fast they were given"), err=True)


def _low(one: Pace) -> float | None:
    return one.middle_half[0] if one.middle_half else None


def _high(one: Pace) -> float | None:
    return one.middle_half[1] if one.middle_half else None


def _seconds(one: Pace) -> str:
    """Write the median, and between what half of the times lie; nothing where they are too few."""
    if one.seconds is None or one.middle_half is None:
        return ""
    low, high = one.middle_half
    return f"{one.seconds:.1f} ({low:.1f}–{high:.1f})"
