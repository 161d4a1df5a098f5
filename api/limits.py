"""Refuse request bodies that are too large, while they are read and not by their header alone, and compressed ones."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from nextlabel.api.errors import HttpError, answer_to


class BodyLimit:
    """Middleware that limits bodies to `most_bytes`. `more` maps beginnings of paths to limits of their own."""

    def __init__(self, app: ASGIApp, most_bytes: int, more: Mapping[str, int]) -> None:
        self._app = app
        self._most_bytes = most_bytes
        self._more = more

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        encoding = Headers(scope=scope).get("Content-Encoding", "identity")
        if encoding.strip().lower() not in ("identity", ""):
            detail = f"the body comes with Content-Encoding: {encoding[:100]}; send it as it is, without one"
            refused = HttpError("unsupported_media_type", detail, {"Accept-Encoding": "identity"})
            await answer_to(refused)(scope, receive, send)
            return
        received = 0
        most_bytes = next(
            (most for begin, most in self._more.items() if scope["path"].startswith(begin)), self._most_bytes
        )

        async def counted() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > most_bytes:
                raise HttpError("body_too_large", f"a request may have {most_bytes} bytes at most")
            return message

        await self._app(scope, counted, send)
