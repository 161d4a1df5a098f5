"""Consoles that leave it to the command what becomes of output that is cut."""

from __future__ import annotations

from rich.console import Console


class Out(Console):
    """Prints on stdout. Raises BrokenPipeError once nobody reads it any more: rich by itself ends as a failure does."""

    def on_broken_pipe(self) -> None:
        """Raise again what rich has just caught."""
        raise  # noqa: PLE0704
