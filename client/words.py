"""The command's words in the language of whoever uses it: gettext, one catalogue a language in client/locale.

The words of click, by which the command is made, stand in the same catalogues. `make words` compiles them.
"""

from __future__ import annotations

import gettext
import os
from copy import copy
from inspect import cleandoc
from pathlib import Path

import click

SETTING = "NEXTLABEL_LANGUAGE"
DOMAIN, CATALOGUES = "nextlabel", Path(__file__).parent / "locale"
#: What click calls the types of values, in help and where a value is none.
TYPES = ("integer", "integer range", "float", "float range", "text")
LANGUAGES = ("en", *sorted(folder.name for folder in CATALOGUES.iterdir() if folder.is_dir()))


def choose_language() -> None:
    """Speak the language of NEXTLABEL_LANGUAGE, else that of LANGUAGE, LC_ALL, LC_MESSAGES or LANG; English where that
    one has no catalogue.

    Raises UsageError: NEXTLABEL_LANGUAGE names none that is there.
    """
    chosen = os.environ.get(SETTING)
    if chosen and chosen not in LANGUAGES:
        words = gettext.gettext("{setting}: there is no {language!r}; there are {languages}")
        raise click.UsageError(words.format(setting=SETTING, language=chosen, languages=", ".join(LANGUAGES)))
    if chosen:
        os.environ["LANGUAGE"] = chosen
    gettext.bindtextdomain(DOMAIN, CATALOGUES)
    gettext.textdomain(DOMAIN)  # that is where click looks, too


def translated(command: click.Command) -> click.Command:
    """Return the command with its help, that of its options and of all commands below it in the language chosen."""
    said = copy(command)
    said.help, said.params = _said(command.help), [copy(one) for one in command.params]
    said.options_metavar = _said(command.options_metavar)
    for parameter in said.params:
        if isinstance(parameter, click.Option):
            parameter.help = _said(parameter.help)
        if parameter.type.name in TYPES:
            parameter.type = copy(parameter.type)
            parameter.type.name = gettext.gettext(parameter.type.name)
    if isinstance(said, click.Group):
        said.subcommand_metavar = gettext.gettext(said.subcommand_metavar)
        said.commands = {name: translated(one) for name, one in said.commands.items()}
    return said


def _said(words: str | None) -> str | None:
    return gettext.gettext(cleandoc(words)) if words else words
