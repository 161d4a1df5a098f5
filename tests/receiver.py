"""A receiver of webhooks: a real HTTP server that answers as it is told to, and keeps what it was sent."""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import chain, repeat
from typing import Any

Reply = Callable[[BaseHTTPRequestHandler], None]


@dataclass
class Receiver:
    """`replies`: one for each request, the last for all that follow."""

    url: str
    port: int
    replies: list[Reply]
    received: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)  # (path, headers, body)

    def take(self, handler: BaseHTTPRequestHandler) -> None:
        body = handler.rfile.read(int(handler.headers["Content-Length"]))
        headers = {name.lower(): value for name, value in handler.headers.items()}
        reply = self.replies[min(len(self.received), len(self.replies) - 1)]
        self.received.append((handler.path, headers, body))
        with suppress(ConnectionError):  # the caller may have had enough
            reply(handler)


def status(code: int, **headers: str) -> Reply:
    def reply(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(code)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    return reply


def after(seconds: float, then: Reply) -> Reply:
    def reply(handler: BaseHTTPRequestHandler) -> None:
        time.sleep(seconds)
        then(handler)

    return reply


def never(until: threading.Event) -> Reply:
    """No answer at all, until the event is set or two minutes are over."""

    def reply(handler: BaseHTTPRequestHandler) -> None:
        until.wait(120)

    return reply


def dripping(text: bytes, every_s: float, at_once: bytes = b"") -> Reply:
    """A byte at a time, after those at once; its last byte comes again and again, as long as anybody listens."""

    def reply(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(at_once)
        for byte in chain(text, repeat(text[-1])):
            handler.wfile.write(bytes([byte]))
            time.sleep(every_s)

    return reply


def endless(sent: list[int]) -> Reply:
    """Well, 256 MB. `sent` has what was taken off its hands."""

    def reply(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.end_headers()
        sent.extend(handler.wfile.write(bytes(64 * 1024)) for _ in range(4096))

    return reply


@contextmanager
def receiving(*replies: Reply, tls: ssl.SSLContext | None = None) -> Iterator[Receiver]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            receiver.take(self)

        def do_GET(self) -> None:  # whoever follows a redirect comes by GET
            receiver.received.append((self.path, {}, b""))

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.handle_error = lambda *_: None  # type: ignore[method-assign] - a caller who doesn't trust us hangs up
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    scheme, port = "https" if tls else "http", server.server_port
    receiver = Receiver(f"{scheme}://127.0.0.1:{port}/hook", port, list(replies) or [status(204)])
    thread = threading.Thread(target=server.serve_forever, args=[0.02])
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
