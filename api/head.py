"""Answer HEAD as GET is answered, without the body: watchers of uptime ask so, and FastAPI's routes know GET alone."""

from __future__ import annotations

from anyio import CancelScope
from starlette.types import ASGIApp, Message, Receive, Scope, Send

#: GETs that make a job: a HEAD must have no effect.
WITH_EFFECTS = ("/active_learning", "/f1")


class HeadAsGet:
    """Middleware that has a GET answered for a HEAD. Nothing is waited for once the headers are known."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "HEAD" or scope["path"] in WITH_EFFECTS:
            await self._app(scope, receive, send)
            return
        with CancelScope() as body:

            async def send_head(message: Message) -> None:
                if message["type"] == "http.response.start":
                    await send(message)
                    await send({"type": "http.response.body"})
                    body.cancel()  # an event stream would go on for ever

            await self._app({**scope, "method": "GET"}, receive, send_head)
