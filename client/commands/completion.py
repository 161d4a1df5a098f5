"""`nextlabel completion bash`: print the script by which the Tab key knows commands, options, methods and backbones."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from nextlabel.client.terminal import echo

VARIABLE = "_NEXTLABEL_COMPLETE"
SHELLS = ("bash", "zsh", "fish")


@click.command()
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print the script that completes this command with the Tab key. It asks no network.

    \b
    bash: nextlabel completion bash > ~/.local/share/bash-completion/completions/nextlabel
    zsh:  nextlabel completion zsh > "${fpath[1]}/_nextlabel"
    fish: nextlabel completion fish > ~/.config/fish/completions/nextlabel.fish
    """
    completes = get_completion_class(shell)
    assert completes is not None
    echo(completes(context.find_root().command, {}, "nextlabel", VARIABLE).source())
