"""A group that imports a command when it is asked for: Tab and `labels` don't wait for what `up` needs."""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from functools import wraps
from gettext import gettext as _
from importlib import import_module
from typing import Any

import click

from nextlabel.client.errors import Refused
from nextlabel.client.words import translated
from nextlabel.core.errors import InvalidRequest

MORE = "More"


class Cut(Exception):
    """Whoever reads the output had enough of it: click makes an exit that looks like a failure of a BrokenPipeError."""


class CommandGroup(click.Group):
    """A group that tells where the options of its commands go."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse what stands before the command: an unknown option may be this group's or a command's."""
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            words = _(
                "no option {option} goes before the command; those of a command go after it: {name} COMMAND {option}"
            )
            said = words.format(option=error.option_name, name=ctx.command_path)
            raise click.NoSuchOption(error.option_name, said, error.possibilities, ctx) from None


class LazyGroup(CommandGroup):
    """A group with sections: each heading maps names of commands to where they stand, as `module:attribute`.

    Instead of names, a section may say where a dictionary of commands by name stands. It is imported to list its
    commands, and to look for a name that no other section has.
    """

    def __init__(self, *args: Any, sections: Mapping[str, Mapping[str, str] | str], **options: Any) -> None:
        super().__init__(*args, **options)
        self._sections = sections

    def list_commands(self, ctx: click.Context) -> list[str]:
        ours = (name for section in self._sections.values() for name in _commands_of(section))
        return [*ours, *super().list_commands(ctx)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        for section in sorted(self._sections.values(), key=lambda section: isinstance(section, str)):
            command = _commands_of(section).get(cmd_name)
            if command is not None:
                return _by_options(translated(command if isinstance(command, click.Command) else _import(command)))
        return super().get_command(ctx, cmd_name)

    def make_context(self, *arguments: Any, **more: Any) -> click.Context:
        try:
            return super().make_context(*arguments, **more)
        except BrokenPipeError:  # of --help
            raise Cut from None

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            raise Cut from None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command; of one that isn't there, tell those that are called nearly so."""
        try:
            return super().resolve_command(ctx, args)
        except click.exceptions.NoSuchCommand as error:
            raise click.exceptions.NoSuchCommand(
                error.command_name, possibilities=self.list_commands(ctx), ctx=ctx
            ) from None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        listed = {heading: list(_commands_of(section)) for heading, section in self._sections.items()}
        for heading, names in {**listed, MORE: super().list_commands(ctx)}.items():
            commands = {name: self.get_command(ctx, name) for name in names}
            width = formatter.width - 6 - max(map(len, names), default=0)
            rows = [(name, command.get_short_help_str(width)) for name, command in commands.items() if command]
            if rows:
                with formatter.section(_(heading)):
                    formatter.write_dl(rows)


def _by_options(command: click.Command) -> click.Command:
    """Return the command, and all below it, so that what is refused is told by the names of its own options."""
    told, callback = copy(command), command.callback
    if callback is not None:

        @wraps(callback)
        def carry_out(*arguments: Any, **given: Any) -> Any:
            try:
                return callback(*arguments, **given)
            except (Refused, InvalidRequest) as error:
                raise _import("nextlabel.client.commands.options:in_options")(error, command) from None

        told.callback = carry_out
    if isinstance(told, click.Group):
        told.commands = {name: _by_options(one) for name, one in told.commands.items()}
    return told


def _commands_of(section: Mapping[str, str] | str) -> Mapping[str, str | click.Command]:
    return _import(section) if isinstance(section, str) else section


def _import(place: str) -> Any:
    module, _, attribute = place.partition(":")
    return getattr(import_module(module), attribute)
