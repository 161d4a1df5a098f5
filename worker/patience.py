"""What must be written is written, however long Redis stays away."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from nextlabel.core.errors import StoreUnavailable
from nextlabel.core.logs import get_logger

log = get_logger(__name__)
RETRY_EVERY_S = 1.0
T = TypeVar("T")


def insist(write: Callable[[], T]) -> T:
    """An outage of Redis delays the end of a job and doesn't undo it; a lost lease is found out by the fence."""
    while True:
        try:
            return write()
        except StoreUnavailable as error:
            log.warning("waiting for Redis", cause=error.detail)
            time.sleep(RETRY_EVERY_S)
