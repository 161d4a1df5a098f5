"""`make words`: bring the command's catalogues up to date, and compile them.

The command says the help of commands and options, `_(...)` in the client, and what click says itself. What
is new is added to each catalogue without a translation, which a test then asks for; what is gone is dropped.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from inspect import cleandoc
from pathlib import Path

import click
from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

from nextlabel.client.commands.lazy import MORE
from nextlabel.client.main import SECTIONS, cli
from nextlabel.client.words import CATALOGUES, DOMAIN, LANGUAGES, TYPES
from nextlabel.core.data.boxes import SCALING

Message = str | tuple[str, ...]  # of one, and of several
METAVARS = ("[OPTIONS]", "COMMAND [ARGS]...")  # as click has them
CLIENT = Path(__file__).parent.parent / "client"


def messages() -> list[Message]:
    """List all that the command says, in a fixed order, each once."""
    in_code = (*_in_code(CLIENT), *_in_code(Path(click.__file__).parent))
    found = [*help_of(cli), *SECTIONS, MORE, *TYPES, *METAVARS, SCALING, *in_code]
    return list(dict.fromkeys(filter(None, found)))


def help_of(command: click.Command) -> Iterator[str]:
    """Yield the help of a command, of its options, and of the commands below it."""
    yield cleandoc(command.help or "")
    yield from (one.help for one in command.params if isinstance(one, click.Option) and one.help)
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            assert below is not None
            yield from help_of(below)


def file_of(language: str, suffix: str) -> Path:
    return CATALOGUES / language / "LC_MESSAGES" / f"{DOMAIN}.{suffix}"


def compiled(catalogue: Catalog) -> bytes:
    """Return what gettext reads."""
    written = io.BytesIO()
    write_mo(written, catalogue)
    return written.getvalue()


def read(language: str) -> Catalog:
    with file_of(language, "po").open("rb") as file:
        return read_po(file, locale=language)


def main() -> None:
    for language in LANGUAGES[1:]:
        old = read(language)
        new = Catalog(locale=language, domain=DOMAIN, creation_date=old.creation_date, revision_date=old.revision_date)
        for message in messages():
            was = old.get(message if isinstance(message, str) else message[0])
            new.add(message, was.string if was else None)
        with file_of(language, "po").open("wb") as file:
            write_po(file, new, width=120, ignore_obsolete=True)
        file_of(language, "mo").write_bytes(compiled(new))


def _in_code(folder: Path) -> Iterator[Message]:
    for _, _, message, _, _ in extract_from_dir(str(folder), method_map=[("**.py", "python")]):
        yield message


if __name__ == "__main__":
    main()
