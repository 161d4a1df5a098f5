"""What every answer has, a 500 among them: an id that stands in the logs, too, and headers for browsers and caches."""

from __future__ import annotations

import re
import secrets

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from nextlabel.api.errors import bug
from nextlabel.core.logs import bound

REQUEST_ID = "X-Request-ID"


class Answers:
    """Middleware, around all other."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id, begun = _request_id(scope), False

        async def with_headers(message: Message) -> None:
            nonlocal begun
            if message["type"] == "http.response.start":
                begun = True
                _add_headers(MutableHeaders(scope=message), scope["path"], request_id)
            await send(message)

        with bound(request_id=request_id):
            try:
                await self._app(scope, receive, with_headers)
            except Exception as error:
                answer = bug(scope["path"], error)
                if begun:  # half an answer must not look like a whole one
                    raise
                await answer(scope, receive, with_headers)


def _request_id(scope: Scope) -> str:
    given = Headers(scope=scope).get(REQUEST_ID, "")
    return given if re.fullmatch(r"[A-Za-z0-9._-]{1,64}", given) else secrets.token_hex(16)


def _add_headers(headers: MutableHeaders, path: str, request_id: str) -> None:
    headers[REQUEST_ID] = request_id
    headers["X-Content-Type-Options"] = "nosniff"
    if path.startswith("/jobs"):
        headers["Cache-Control"] = "no-store"  # no proxy keeps it; a client that has the ETag asks with it all the same
