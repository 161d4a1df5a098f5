"""Commands for what is with people: list it, and take it back."""

from __future__ import annotations

from datetime import UTC, datetime
from gettext import gettext as _
from gettext import ngettext

import click

from nextlabel.client.commands.listing import AsJson, Column, tell
from nextlabel.client.commands.options import Key, Name, PathType, Url
from nextlabel.client.hand_outs import HandOut
from nextlabel.client.http import Client
from nextlabel.client.progress import seconds
from nextlabel.client.terminal import echo

Pool = click.argument("path_to_img", metavar="POOL", type=PathType(folder=True))
Labels = click.option("-l", "--labels", "path_to_labels", type=PathType(folder=False), help="Their labels, if any yet.")


@click.command("hand-outs")
@Pool
@Labels
@AsJson
@Url
@Key
def hand_outs(path_to_img: str, path_to_labels: str | None, as_json: bool, url: str, api_key: str | None) -> None:
    """Tell which images of POOL are with whom, and for how long.

    `nextlabel select POOL -n N --person NAME` hands a batch out.
    """
    with Client(url, api_key) as client:
        found = client.hand_outs(path_to_img, path_to_labels)
    columns = [
        Column[HandOut]("person", lambda one: one.person, _("person")),
        Column[HandOut]("left", lambda one: one.left, _("left")),
        Column[HandOut]("labelled", lambda one: one.labelled, _("labelled")),
        Column[HandOut]("ends_at", lambda one: one.ends_at, "", _time_left),
        Column[HandOut]("job", lambda one: one.job_id, _("job")),
    ]
    tell(found, columns, as_json=as_json)


def _time_left(one: HandOut) -> str:
    left_s = max(0.0, (one.ends_at - datetime.now(UTC)).total_seconds())
    return _("for {time}").format(time=seconds(left_s))


@click.command("give-back")
@Pool
@Labels
@click.option("--person", help="What this person has. Left out: whoever has it.")
@click.option("--job", "job_id", help="Of that job's batch alone.")
@click.option("--name", "names", type=Name(), multiple=True, help="These images alone; may be given several times.")
@Url
@Key
def give_back(
    path_to_img: str,
    path_to_labels: str | None,
    person: str | None,
    job_id: str | None,
    names: tuple[str | list[str], ...],
    url: str,
    api_key: str | None,
) -> None:
    """Take images of POOL back from whoever has them, so that others get them."""
    if not (person or job_id or names):
        raise click.UsageError(_("say whose: --person, --job or --name"))
    flat = [name for given in names for name in ([given] if isinstance(given, str) else given)]
    with Client(url, api_key) as client:
        images = client.give_back(path_to_img, path_to_labels, person=person, job_id=job_id, names=flat or None)
    echo(
        ngettext("{images} image is anybody's again", "{images} images are anybody's again", images).format(
            images=images
        )
    )
