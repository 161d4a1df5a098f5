"""Writes that wait for Redis, however long it stays away."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from nextlabel.core.errors import StoreRefused, StoreUnavailable
from nextlabel.core.logs import get_logger

log = get_logger(__name__)
RETRY_EVERY_S = 1.0
T = TypeVar("T")


def insist(write: Callable[[], T]) -> T:
    """Try until Redis answers, and return its answer.

    So an outage delays the end of a job and doesn't undo it. If the lease was lost meanwhile, the fence refuses it.
    Raises StoreRefused: an error that Redis answers with, it would answer with again and again.
    """
    while True:
        try:
            return write()
        except StoreRefused:
            raise
        except StoreUnavailable as error:
            log.warning("waiting for Redis", cause=error.detail)
            time.sleep(RETRY_EVERY_S)
