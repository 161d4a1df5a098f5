"""Keep web pages out where no key is asked for: a page in a browser on this machine reaches loopback, too.

Two ways lead there. A page of another site sends requests blindly, and the first version's calls are GETs with
effects. And a name of the page's own site may come to stand for 127.0.0.1 (DNS rebinding): then the browser takes us
for that site, and only the Host header tells.
"""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from nextlabel.api.auth import is_open
from nextlabel.api.errors import HttpError, answer_to

CROSS_SITE = "a web page of another site asked for this; without keys, such requests are refused"
WRONG_HOST = (
    "the Host header names {host!r}: without keys, only localhost, an address in digits and the name given as --host "
    "are answered, for a web page could stand behind any other. Use one of them, or keys (docs/security.md)"
)


class PageGuard:
    """Middleware that refuses requests of foreign web pages.

    any_host: a person decided that whoever reaches us may call, by whatever name.
    hosts: the names of this service.
    """

    def __init__(self, app: ASGIApp, *, any_host: bool, hosts: frozenset[str]) -> None:
        self._app = app
        self._any_host = any_host
        self._hosts = {"localhost", *map(str.lower, hosts)} - {""}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        app = self._app
        if scope["type"] == "http":
            try:
                self._check(scope["path"], Headers(scope=scope))
            except HttpError as error:
                app = answer_to(error)
        await app(scope, receive, send)

    def _check(self, path: str, headers: Headers) -> None:
        host = headers.get("Host", "")
        name = _host_name(host)
        if not (self._any_host or name in self._hosts or _is_address(name)):
            raise HttpError("forbidden", WRONG_HOST.format(host=host[:100]))
        if _is_cross_site(headers, host) and not is_open(path):
            raise HttpError("forbidden", CROSS_SITE)


def _is_cross_site(headers: Headers, host: str) -> bool:
    """Tell whether another site's page asked. Browsers without Sec-Fetch-Site send Origin with all but plain GETs."""
    site = headers.get("Sec-Fetch-Site")
    if site is not None:
        return site == "cross-site"
    origin = headers.get("Origin")
    return origin is not None and _host_name(urlsplit(origin).netloc) != _host_name(host)


def _host_name(netloc: str) -> str:
    """Return the host without its port; an empty text where the value is malformed."""
    try:
        return urlsplit(f"//{netloc}").hostname or ""
    except ValueError:
        return ""


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
