"""`nextlabel mcp`: let an assistant ask the service."""

from __future__ import annotations

import asyncio
from gettext import gettext as _
from importlib.util import find_spec

import click

from nextlabel.client.commands.local import NotInstalled
from nextlabel.client.commands.options import Key, Url


@click.command()
@Url
@Key
def mcp(url: str, api_key: str | None) -> None:
    """Serve the Model Context Protocol on stdin and stdout: an assistant that speaks it starts this command.

    It gets a tool for each kind of job, and tools for jobs, labels, images and what is with people.
    """
    if find_spec("mcp") is None:
        raise NotInstalled(_('the official SDK of the protocol is missing here: pip install "nextlabel[mcp]"'))
    from nextlabel.client.mcp_server import serve  # noqa: PLC0415 - it imports the SDK, an extra

    asyncio.run(serve(url, api_key))
