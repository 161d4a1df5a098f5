"""Which names of images lie below a folder: the same for what comes in, and for files that are written by them."""

from __future__ import annotations

import re

from nextlabel.core.data.label_text import clean_name
from nextlabel.core.data.roots import shown
from nextlabel.core.errors import Inexpressible

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")
_ABSOLUTE = re.compile(r"/|[A-Za-z]:[/\\]|\\\\")


def plain(name: str) -> str:
    """Return the name without what says nothing in a path."""
    return "/".join(part for part in clean_name(name).split("/") if part not in ("", "."))


def is_url(name: str) -> bool:
    return _URL.match(name) is not None


def is_absolute(name: str) -> bool:
    """Tell whether it is a path from a root, or a URL, on any system."""
    return is_url(name) or _ABSOLUTE.match(name) is not None


def is_hidden(name: str) -> bool:
    """Tell whether a part of it begins with a dot, as one that leads out of the folder does."""
    return any(part.startswith(".") for part in plain(name).split("/"))


def check_below(name: str) -> None:
    """Raise Inexpressible where a file by that name would lie elsewhere than below its folder, on any system, or be
    hidden in it."""
    if not plain(name) or is_absolute(name) or is_hidden(name) or ".." in re.split(r"[/\\]", name):
        detail = f"no file is written by the name {shown(name)}: it is hidden, or leads out of the folder"
        raise Inexpressible(f"{detail}; mend it in the labels")
