"""`nextlabel keys`: make, list and revoke API keys. It works on the file; a running API reads it anew by itself."""

from __future__ import annotations

from gettext import gettext as _
from pathlib import Path

import click

from nextlabel.client.commands.lazy import CommandGroup
from nextlabel.client.commands.listing import Column, tell
from nextlabel.client.commands.options import FromEnvironment
from nextlabel.client.paths import OwnPath
from nextlabel.client.terminal import echo
from nextlabel.core.keys import ApiKey, KeyFile, Scope

File = click.option(
    "--file",
    cls=FromEnvironment,
    type=OwnPath(dir_okay=False),
    envvar="NEXTLABEL_API_KEYS_FILE",
    show_envvar=True,
    required=True,
    help="The keys file.",
)


@click.group(cls=CommandGroup)
def keys() -> None:
    """Make, list and revoke API keys: they say who may call, and what for (docs/security.md)."""


@keys.command()
@click.argument("owner")
@click.option(
    "--scope",
    "scopes",
    type=click.Choice([scope.value for scope in Scope]),
    multiple=True,
    default=[Scope.READ.value, Scope.WRITE.value],
    show_default=True,
    help="May be given several times.",
)
@File
def create(owner: str, scopes: tuple[str, ...], file: Path) -> None:
    """Make a key for OWNER and print it, this once. Jobs belong to the owner, who may have several keys."""
    key = KeyFile(file).create(owner, list(map(Scope, dict.fromkeys(scopes))))
    echo(_("{file} keeps no copy that could be read back: store the key now.").format(file=file), err=True)
    echo(key)


@keys.command("list")
@File
def list_keys(file: Path) -> None:
    """List the id, time of making, owner and scopes of each key."""
    columns = [
        Column[ApiKey]("id", lambda key: key.id),
        Column[ApiKey]("created_at", lambda key: key.created_at, _("created"), _made),
        Column[ApiKey]("owner", lambda key: key.owner, _("owner")),
        Column[ApiKey]("scopes", lambda key: " ".join(key.scopes), _("scopes")),
    ]
    tell(KeyFile(file).read(), columns)


def _made(key: ApiKey) -> str:
    return f"{key.created_at:%Y-%m-%d %H:%M} UTC"


@keys.command()
@click.argument("key_id", metavar="ID")
@File
def revoke(key_id: str, file: Path) -> None:
    """Revoke a key by its ID, the part between the two underscores."""
    KeyFile(file).revoke(key_id)
    echo(_("revoked {id}").format(id=key_id), err=True)
