"""Send what is large, and lasts longer than what it is made of may be there, or than its reader listens."""

from __future__ import annotations

import os
import re
from collections.abc import Generator, Mapping
from typing import Any, BinaryIO

from starlette.datastructures import Headers
from starlette.responses import FileResponse, StreamingResponse
from starlette.types import Receive, Scope, Send

from nextlabel.api.errors import HttpError, answer_to

RANGE = re.compile(r"bytes=(?:([0-9]{1,18})-([0-9]{0,18})|-([0-9]{1,18}))")


class OpenedFile(FileResponse):
    """Sends a file that is open, to its end even where it is deleted meanwhile, and closes it.

    Of ranges it sends one; what is none, or several, is as if nothing had been said of any.
    """

    def __init__(self, file: BinaryIO, *, headers: Mapping[str, str], media_type: str) -> None:
        self._file = file
        status = os.fstat(file.fileno())
        super().__init__(f"/dev/fd/{file.fileno()}", 200, headers, media_type, stat_result=status)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self._file:
            sent, size = Headers(scope=scope).get("range", ""), int(self.headers["content-length"])
            asked = RANGE.fullmatch(sent)
            if asked and self._is_beyond(asked, size) and "if-range" not in Headers(scope=scope):
                headers = {"Content-Range": f"bytes */{size}"}
                answer = answer_to(HttpError("range_not_satisfiable", f"there are {size} bytes of it", headers))
                await answer(scope, receive, send)
                return
            if not asked or (asked[2] and int(asked[2]) < int(asked[1])) or self._is_beyond(asked, size):
                headers_sent = [(name, value) for name, value in scope["headers"] if name != b"range"]
                scope = {**scope, "headers": headers_sent}
            await super().__call__(scope, receive, send)

    @staticmethod
    def _is_beyond(asked: re.Match[str], size: int) -> bool:
        first, _, last_bytes = asked.groups()
        return int(last_bytes) == 0 if last_bytes is not None else int(first) >= size


class Parts(StreamingResponse):
    """Sends parts as they are made. Where its reader goes away, what they are made of is let go at once."""

    def __init__(self, parts: Generator[str, None, None], **how: Any) -> None:
        super().__init__(parts, **how)
        self._parts = parts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._parts.close()
