"""One POST to a stranger: at an address that was checked, with no proxy, no redirect, no second look-up of the name.

By the standard library: an HTTP client that picks its own addresses would have to be kept from doing so.
"""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection

from pydantic_core import Url

from nextlabel.core.webhook_urls import host_of

MOST_BYTES = 64 * 1024  #: that are read of the answer's body; nobody looks at it, but the receiver can finish sending


@dataclass(frozen=True)
class Reply:
    """What the receiver said. `retry_after_s`: how long it asked to be left alone; 0 if it didn't."""

    status: int
    retry_after_s: float = 0


class NoReply(Exception):
    """The receiver could not be reached, or did not answer in time. The message says why."""


def addresses_of(host: str, port: int) -> list[str]:
    """Resolve a name into its addresses. Raises NoReply."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise NoReply(f"the name can't be resolved: {error}") from error
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def post(
    url: Url,
    body: bytes,
    headers: Mapping[str, str],
    *,
    addresses: Sequence[str],
    trust: ssl.SSLContext,
    within_s: float,
) -> Reply:
    """Send `body` to the first of the addresses that accepts a connection, all within `within_s` seconds.

    Raises NoReply.
    """
    deadline = time.monotonic() + within_s
    try:
        with _connected(url, addresses, trust, deadline) as connection:
            path = url.path or "/"
            connection.request("POST", f"{path}?{url.query}" if url.query else path, body, dict(headers))
            with connection.getresponse() as response:
                if time.monotonic() >= deadline:  # a head that was cut off reads like a whole one
                    raise TimeoutError
                with suppress(OSError, HTTPException):
                    response.read(MOST_BYTES)
                return Reply(response.status, _retry_after_s(response))
    except (OSError, HTTPException) as error:
        late = time.monotonic() >= deadline
        raise NoReply(f"no answer within {within_s:g} s" if late else f"{type(error).__name__}: {error}") from error


@contextmanager
def _connected(url: Url, addresses: Sequence[str], trust: ssl.SSLContext, deadline: float) -> Iterator[HTTPConnection]:
    """Open a connection to one of the addresses. The certificate is checked against the URL's host name."""
    assert url.port is not None  # http and https have a default
    host, port = host_of(url), url.port
    with _connect(addresses, port, deadline) as plain:
        if url.scheme == "https":
            connection: HTTPConnection = HTTPSConnection(host, port, context=trust)
            sock: socket.socket = trust.wrap_socket(plain, server_hostname=host, do_handshake_on_connect=False)
        else:
            connection, sock = HTTPConnection(host, port), plain
        connection.sock = sock  # it makes one of its own, by name, only where there is none
        with sock, _cut_off_at(deadline, sock):
            if isinstance(sock, ssl.SSLSocket):
                sock.do_handshake()
            yield connection


def _connect(addresses: Sequence[str], port: int, deadline: float) -> socket.socket:
    """Connect to the first address that accepts; each try gets its share of the time that is left."""
    error: OSError = OSError("the name has no address")
    for tries_left, address in zip(range(len(addresses), 0, -1), addresses, strict=True):
        try:
            sock = socket.create_connection((address, port), _left_s(deadline) / tries_left)
        except OSError as refused:
            error = refused
        else:
            sock.settimeout(_left_s(deadline))
            return sock
    raise error


@contextmanager
def _cut_off_at(deadline: float, sock: socket.socket) -> Iterator[None]:
    """Shut the socket down at the deadline.

    A socket's own timeout begins anew with each byte, so a receiver that drips them would hold us as long as it likes.
    """
    timer = threading.Timer(_left_s(deadline), _shut, [sock])
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _shut(sock: socket.socket) -> None:
    with suppress(OSError):
        socket.socket.shutdown(sock, socket.SHUT_RDWR)  # beneath TLS: SSLSocket's own would go on in plain text


def _left_s(deadline: float) -> float:
    return max(0.001, deadline - time.monotonic())


def _retry_after_s(response: HTTPResponse) -> float:
    """Read the header, which is seconds or a date; 0 where it is missing or anything else."""
    text = (response.headers["Retry-After"] or "").strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        return max(0.0, (parsedate_to_datetime(text) - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError):  # no date, or one without its zone
        return 0.0
