"""How commands list things: a table for a person on a terminal, csv in a pipe, JSON where it is asked for."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, is_dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

import click
from pydantic import BaseModel

from nextlabel.client.consoles import Out
from nextlabel.client.csv_lines import csv_line
from nextlabel.client.tables import table
from nextlabel.client.terminal import echo

T = TypeVar("T")
AsJson = click.option("--json", "as_json", is_flag=True, help="For a program.")


@dataclass(frozen=True)
class Column(Generic[T]):
    """A column of a list. `name` and `of`: what csv has; `heading` and `shown`: what a person reads in their place.

    in_table: False: a person reads it in another column.
    """

    name: str
    of: Callable[[T], Any]
    heading: str | None = None
    shown: Callable[[T], Any] | None = None
    in_table: bool = True


def tell(items: Iterable[T], columns: Sequence[Column[T]], *, as_json: bool = False) -> None:
    """Print a list on stdout, in the form that suits whoever reads it. JSON has all that is known of each."""
    if as_json:
        tell_json([_record(one) for one in items])
    elif sys.stdout.isatty():
        read = [one for one in columns if one.in_table]
        headings = [one.name if one.heading is None else one.heading for one in read]
        Out().print(table(headings, ([(c.shown or c.of)(item) for c in read] for item in items)))
    else:
        sys.stdout.write(csv_line(one.name for one in columns))
        for item in items:
            sys.stdout.write(csv_line(_plain(one.of(item)) for one in columns))


def tell_json(said: Any) -> None:
    echo(json.dumps(said, indent=2, ensure_ascii=False))


def _record(item: Any) -> Any:
    if isinstance(item, BaseModel):
        return item.model_dump(mode="json")
    return asdict(item) if is_dataclass(item) and not isinstance(item, type) else item


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value
