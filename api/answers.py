"""Give every answer, a 500 among them, an id that stands in the logs, too, and headers for browsers and caches."""

from __future__ import annotations

import re
import secrets

from anyio import BrokenResourceError
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from nextlabel.api.errors import bug
from nextlabel.core.logs import bound, get_logger

log = get_logger(__name__)
REQUEST_ID = "X-Request-ID"
PREFIX = "X-Forwarded-Prefix"


class AnswerHeaders:
    """The outermost middleware. It also turns an exception that nobody caught into a 500."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id, has_begun, has_left = _request_id(scope), False, False

        async def noticing() -> Message:
            nonlocal has_left
            message = await receive()
            has_left = has_left or message["type"] == "http.disconnect"
            return message

        async def with_headers(message: Message) -> None:
            nonlocal has_begun
            if message["type"] == "http.response.start":
                has_begun = True
                _add_headers(MutableHeaders(scope=message), scope, request_id)
            await send(message)

        with bound(request_id=request_id):
            try:
                await self._app(scope, noticing, with_headers)
            except Exception as error:
                if _is_of_a_client_that_left(error, has_begun or has_left):
                    log.info("client left", path=scope["path"])
                    return
                answer = bug(scope["path"], error)
                if has_begun:  # half an answer must not look like a whole one
                    raise
                await answer(scope, receive, with_headers)


def _is_of_a_client_that_left(error: BaseException, may_have_left: bool) -> bool:
    """Tell whether nothing went wrong but that nobody reads the answer, or sends the rest of the body.

    may_have_left: the answer had begun, or the client was seen to go; else a broken stream is one of our own.
    """
    if isinstance(error, BaseExceptionGroup):
        return all(_is_of_a_client_that_left(one, may_have_left) for one in error.exceptions)
    return isinstance(error, ClientDisconnect) or (may_have_left and isinstance(error, BrokenResourceError))


def _request_id(scope: Scope) -> str:
    """Return the id that the client sent, or a new one where it sent none that is fit for a log."""
    sent = Headers(scope=scope).get(REQUEST_ID, "")
    return sent if re.fullmatch(r"[A-Za-z0-9._-]{1,64}", sent) else secrets.token_hex(16)


def _add_headers(headers: MutableHeaders, scope: Scope, request_id: str) -> None:
    headers[REQUEST_ID] = request_id
    headers["X-Content-Type-Options"] = "nosniff"
    # No page of another site may show an answer in a frame and have a person click there.
    headers["X-Frame-Options"] = "DENY"
    headers.setdefault("Content-Security-Policy", "frame-ancestors 'none'")
    if scope["path"].startswith("/jobs"):
        headers["Cache-Control"] = "no-store"  # no proxy keeps it; a client that has the ETag asks with it all the same
    if headers.get("Location", "").startswith("/"):
        headers["Location"] = _prefix(scope) + headers["Location"]


def _prefix(scope: Scope) -> str:
    """Return the path that a proxy took off before it passed the request on, where it says so."""
    sent = Headers(scope=scope).get(PREFIX, "").rstrip("/")
    return sent if re.fullmatch(r"(/[A-Za-z0-9._~-]+){1,20}", sent) else ""
