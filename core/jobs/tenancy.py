"""Whose Redis it is: all processes of one stack have the same data roots and the same state folder.

A worker can't know by a job whether it is meant for it: the same path means other images under other roots, and a
result lies where its own API looks for it alone. So the first process says in Redis which stack it belongs to, the
others compare, and each is seen there for as long as it lives. When none of them lives any more, another stack may move
in: that is how an owner changes the data roots.
"""

from __future__ import annotations

import json
import os
import secrets
import time
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from nextlabel.core.data_roots import buckets_of
from nextlabel.core.disk import make_private
from nextlabel.core.logs import get_logger
from nextlabel.core.settings import Settings

log = get_logger(__name__)
ID_FILE = "stack-id"
FOREIGN = (
    "this Redis is in use by another stack of nextlabel, with other data roots or another state folder, and each would "
    "take the other's jobs: give each stack a Redis of its own, or a database of it "
    "(NEXTLABEL_REDIS_URL=redis://.../1), or a NEXTLABEL_REDIS_PREFIX; to change the roots of this one, stop all its "
    "processes first"
)


class Stack(NamedTuple):
    """What all processes of a stack have in common. "" stands for what isn't known and fits every stack."""

    roots: str  #: the data roots, a JSON list
    state: str  #: the name that stands in the state folder: the folder may be mounted anywhere

    @classmethod
    def of(cls, settings: Settings) -> Stack:
        """Describe the stack that has these settings; its state folder gets a name where it has none."""
        folders, buckets = map(os.path.normpath, settings.data_roots), map(str, buckets_of(settings.data_roots))
        roots = json.dumps([*folders, *buckets])
        return cls(roots, _name_of(settings.state_dir))


ANY = Stack("", "")


def _name_of(folder: Path) -> str:
    """Read the name of a state folder, which is made with it; "" where it can't be written."""
    path = folder / ID_FILE
    try:
        make_private(folder)
        with suppress(FileExistsError):
            made = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o660)
            with os.fdopen(made, "w") as file:
                file.write(secrets.token_hex(16))
        for _ in range(20):  # whoever made it just now is writing it
            if name := path.read_text()[:64].strip():
                return name
            time.sleep(0.05)
        path.write_text(secrets.token_hex(16))  # whoever made it died over it
        return path.read_text().strip()
    except (OSError, UnicodeError) as error:
        log.warning(
            "the state folder has no name; whether other processes use the same is not checked", cause=str(error)
        )
        return ""
