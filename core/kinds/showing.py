"""How results look to a person in Python: a few lines of text, or of HTML in a notebook, however large they are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from textwrap import shorten
from typing import Any

FEW = 10  # members of a field, rows of a table
LONG = 300  # characters


class Counted:
    """Stands in the text of an object for a field with many members."""

    def __init__(self, members: Sequence[Any] | Mapping[Any, Any]) -> None:
        self._text = f"<{len(members)} of them>"

    def __repr__(self) -> str:
        return self._text


def in_short(value: Any) -> Any:
    """Return the value, or how many members it has where these are many."""
    counts = isinstance(value, Sequence | dict) and not isinstance(value, str | bytes)
    return Counted(value) if counts and len(value) > FEW else value


def as_text(title: str, sentences: Iterable[str], rows: int) -> str:
    """Write what a result comes to, a sentence a line, and how many rows its table has."""
    return "\n".join([f"{title}:", *(f"  {_cut(one)}" for one in sentences), f"  {_more(rows, shown=0)}"])


def as_html(
    title: str, sentences: Iterable[str], header: Sequence[str], rows: Sequence[Sequence[Any]], count: int
) -> str:
    """Write the sentences and the first rows of so many as HTML without scripts, styles or addresses; all text is
    escaped.
    """
    head = "".join(f"<th>{escape(name)}</th>" for name in header)
    body = "".join(f"<tr>{''.join(f'<td>{escape(_cell(cell))}</td>' for cell in row)}</tr>" for row in rows)
    more = [_more(count, shown=FEW)] if count > FEW else []
    told = "".join(f"<p>{escape(_cut(one))}</p>" for one in sentences)
    table = f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>" if rows else ""
    return f"<div><b>{escape(title)}</b>{told}{table}{''.join(f'<p>{escape(one)}</p>' for one in more)}</div>"


def _more(rows: int, *, shown: int) -> str:
    return f"{'and ' if shown else ''}{rows - shown} {'more ' if shown else ''}rows; to_pandas() has all of them"


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:.3f}" if isinstance(value, float) else _cut(str(value))


def _cut(text: str) -> str:
    return shorten(text, LONG, placeholder=" …") if len(text) > LONG else text
