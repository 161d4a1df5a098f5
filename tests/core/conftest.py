"""Files that a process may not read, even where the tests run as root, whom nothing is forbidden."""

from __future__ import annotations

import os
import pickle
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

NOBODY = 65534


@pytest.fixture
def shared_path() -> Iterator[Path]:
    """Like tmp_path, but any user may enter it and its parents."""
    path = Path(tempfile.mkdtemp(dir="/tmp")).resolve()
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


@pytest.fixture
def as_nobody() -> Callable[[Callable[[], Any]], Any]:
    """Calls a function as a user whom permissions bind; returns its value, or the exception it raised."""
    return _in_forked_child if os.getuid() == 0 else _caught


def _caught(function: Callable[[], Any]) -> Any:
    try:
        return function()
    except Exception as error:
        return error


def _in_forked_child(function: Callable[[], Any]) -> Any:
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.setgroups([])
            os.setgid(NOBODY)
            os.setuid(NOBODY)
            os.write(writing, pickle.dumps(_caught(function)))
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as stream:
        answer = stream.read()
    os.waitpid(child, 0)
    if not answer:
        pytest.skip("this machine lets no process drop its privileges")
    return pickle.loads(answer)
