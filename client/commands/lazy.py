"""A group that imports a command when it is asked for: Tab and `labels` don't wait for what `up` needs."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

import click


class LazyGroup(click.Group):
    """`sections`: by heading, the names of commands and where each stands, as `module:attribute`."""

    def __init__(self, *args: Any, sections: Mapping[str, Mapping[str, str]], **options: Any) -> None:
        super().__init__(*args, **options)
        self._sections = sections
        self._places = {name: place for section in sections.values() for name, place in section.items()}

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*self._places, *super().list_commands(ctx)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self._places:
            return super().get_command(ctx, cmd_name)
        module, _, attribute = self._places[cmd_name].partition(":")
        command: click.Command = getattr(import_module(module), attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        added = dict.fromkeys(super().list_commands(ctx), "")
        for heading, names in {**self._sections, "More": added}.items():
            commands = {name: self.get_command(ctx, name) for name in names}
            width = formatter.width - 6 - max(map(len, names), default=0)
            rows = [(name, command.get_short_help_str(width)) for name, command in commands.items() if command]
            if rows:
                with formatter.section(heading):
                    formatter.write_dl(rows)
