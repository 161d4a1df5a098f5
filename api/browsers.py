"""Keep web pages out where no key is asked for: a page in a browser on this machine reaches loopback, too.

Two ways lead there. A page of another site, or of another port of this machine, sends requests blindly, and the first
version's calls are GETs with effects. And a name of the page's own site may come to stand for 127.0.0.1 (DNS
rebinding): then the browser takes us for that site, and only the Host header tells.
"""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from nextlabel.api.auth import is_open
from nextlabel.api.errors import HttpError, answer_to
from nextlabel.api.head import WITH_EFFECTS

CROSS_SITE = "a web page of another site asked for this; without keys, such requests are refused"
UNKNOWN_PAGE = (
    "a browser asked for this, and doesn't say that it was a page of this service or a person who typed the address; "
    "without keys, such requests are refused. Ask from a script, or send POST /jobs"
)
READS = ("GET", "HEAD", "OPTIONS")
#: What browsers send with a request of whatever page, and scripts don't.
SIGNS = ("Origin", "Referer", "Cookie", "Upgrade-Insecure-Requests", "Sec-Fetch-Dest", "Sec-CH-UA")
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
                self._check(scope["method"], scope["path"], Headers(scope=scope))
            except HttpError as error:
                app = answer_to(error)
        await app(scope, receive, send)

    def _check(self, verb: str, path: str, headers: Headers) -> None:
        host = headers.get("Host")  # without one it is HTTP/1.0, which no browser speaks
        name = _host_name(host or "")
        if not (self._any_host or host is None or name in self._hosts or _is_address(name)):
            raise HttpError("forbidden", WRONG_HOST.format(host=host[:100]))
        if is_open(path):
            return
        has_effects = verb not in READS or path in WITH_EFFECTS
        if _is_foreign(headers, host or "", has_effects=has_effects):
            raise HttpError("forbidden", CROSS_SITE)
        if path in WITH_EFFECTS and "Sec-Fetch-Site" not in headers and _is_browser(headers):
            raise HttpError("forbidden", UNKNOWN_PAGE)


def _is_foreign(headers: Headers, host: str, *, has_effects: bool) -> bool:
    """Tell whether a page that isn't ours asked.

    A page of another port of our host may read (the answer is kept from it), and have no effects. Browsers without
    Sec-Fetch-Site send Origin with all but plain GETs.
    """
    site = headers.get("Sec-Fetch-Site")
    if site is not None:
        return site not in ("same-origin", "none", *(() if has_effects else ("same-site",)))
    origin = headers.get("Origin")
    return origin is not None and _host_name(urlsplit(origin).netloc) != _host_name(host)


def _is_browser(headers: Headers) -> bool:
    """Tell whether a browser asks. It sends no Sec-Fetch-Site over plain http to a host that is not this machine."""
    languages = headers.get("Accept-Language", "*")  # Node's fetch sends `*`
    return "Mozilla/" in headers.get("User-Agent", "") or languages != "*" or any(sign in headers for sign in SIGNS)


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
