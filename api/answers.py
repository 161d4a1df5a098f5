"""Give every answer, a 500 among them, an id that stands in the logs, too, and headers for browsers and caches."""

from __future__ import annotations

import re
import secrets

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from nextlabel.api.errors import bug
from nextlabel.core.logs import bound

REQUEST_ID = "X-Request-ID"


class AnswerHeaders:
    """The outermost middleware. It also turns an exception that nobody caught into a 500."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id, has_begun = _request_id(scope), False

        async def with_headers(message: Message) -> None:
            nonlocal has_begun
            if message["type"] == "http.response.start":
                has_begun = True
                _add_headers(MutableHeaders(scope=message), scope["path"], request_id)
            await send(message)

        with bound(request_id=request_id):
            try:
                await self._app(scope, receive, with_headers)
            except Exception as error:
                answer = bug(scope["path"], error)
                if has_begun:  # half an answer must not look like a whole one
                    raise
                await answer(scope, receive, with_headers)


def _request_id(scope: Scope) -> str:
    """Return the id that the client sent, or a new one where it sent none that is fit for a log."""
    sent = Headers(scope=scope).get(REQUEST_ID, "")
    return sent if re.fullmatch(r"[A-Za-z0-9._-]{1,64}", sent) else secrets.token_hex(16)


def _add_headers(headers: MutableHeaders, path: str, request_id: str) -> None:
    headers[REQUEST_ID] = request_id
    headers["X-Content-Type-Options"] = "nosniff"
    if path.startswith("/jobs"):
        headers["Cache-Control"] = "no-store"  # no proxy keeps it; a client that has the ETag asks with it all the same
