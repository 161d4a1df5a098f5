"""Consoles that leave it to the command what becomes of output that is cut."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console


class Out(Console):
    """Prints on stdout. Raises BrokenPipeError once nobody reads it any more: rich by itself ends as a failure does."""

    def on_broken_pipe(self) -> None:
        """Raise again what rich has just caught."""
        raise  # noqa: PLE0704


@contextmanager
def counting(title: str, total: int, console: Console) -> Iterator[Callable[[int], None]]:
    """Give the function to call with how much is done: it moves a bar on a terminal, and nothing elsewhere."""
    if not console.is_terminal:
        yield lambda _done: None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn  # noqa: PLC0415 - slow to import

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=console, transient=True) as bars:
        task = bars.add_task(title, total=total)
        yield lambda done: bars.update(task, completed=done)
