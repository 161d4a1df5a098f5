"""Refuse request bodies that are too large, while they are read and not by their header alone."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from nextlabel.api.errors import HttpError


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
