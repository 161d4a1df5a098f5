"""Numbers in the service's sentences, which are English: `1 image`, `2 images`."""

from __future__ import annotations


def counted(number: int, one: str, many: str = "", spec: str = "") -> str:
    """Write a number, by a format's `spec`, and what there are so many of. many: where that isn't `one` and an s."""
    return f"{number:{spec}} {one if number == 1 else many or f'{one}s'}"
