"""Read a request's body as JSON in UTF-8, or say why it can't be read."""

from __future__ import annotations

import json
from collections.abc import Callable, Coroutine, Sequence
from email.message import Message
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute

from nextlabel.api.errors import HttpError
from nextlabel.core.faults import object_of

JSON = "application/json"
UTF_8 = ("utf-8", "utf8", "us-ascii")


class JsonRoute(APIRoute):
    """A route whose body, if it takes one, is JSON in UTF-8.

    FastAPI hands on what says that it is something else as bytes, and guesses the encoding.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def handle_json(request: Request) -> Response:
            request = _JsonRequest(request.scope, request.receive)
            if self.body_field is not None and await request.body():
                _check_content_type(request.headers.get("Content-Type"))
            return await handle(request)

        return handle_json


class _JsonRequest(Request):
    async def json(self) -> Any:
        if not hasattr(self, "_json"):
            self._json = parse(await self.body())
        return self._json


def parse(body: bytes) -> Any:
    """Parse a body. Raises HttpError where it is not UTF-8, and ValueError where it is no JSON or has a key twice."""
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        detail = f"the body is not JSON that can be read: its byte {error.start + 1} is not UTF-8"
        raise HttpError("malformed_json", detail) from None
    return json.loads(text, object_pairs_hook=_object_of)


def _object_of(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    """Make an object. Raises ValueError where a key stands there twice, or holds half of a character."""
    for key, _ in pairs:
        try:
            key.encode()
        except UnicodeEncodeError:  # in a value, pydantic refuses it and names the place; in a key, it may let it pass
            raise ValueError(f"the key {key[:200]!a} holds half of a character; send whole ones") from None
    return object_of(pairs)


def _check_content_type(sent: str | None) -> None:
    """Raise HttpError unless it is JSON in UTF-8."""
    header = Message()
    header["Content-Type"] = sent or "none/none"
    subtype = header.get_content_subtype()
    if header.get_content_maintype() != "application" or not (subtype == "json" or subtype.endswith("+json")):
        raise HttpError("unsupported_media_type", f"send the request with Content-Type: {JSON}")
    charset = str(header.get_content_charset("utf-8"))
    if charset not in UTF_8:
        raise HttpError("unsupported_media_type", f"JSON is UTF-8, and this says charset={charset}; send it as UTF-8")
