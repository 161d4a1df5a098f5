"""The versions of an answer that a caller has already, by their ETags."""

from __future__ import annotations

import re
from typing import Annotated

from fastapi import Depends, Header


async def known_etags(if_none_match: Annotated[str | None, Header()] = None) -> list[str]:
    """List them, in their quotes: a proxy may weaken ours to W/"7".

    This is a coroutine since FastAPI runs a plain function in a thread, at every call.
    """
    return re.findall(r'"[^"]*"', if_none_match or "")


KnownEtags = Annotated[list[str], Depends(known_etags)]
