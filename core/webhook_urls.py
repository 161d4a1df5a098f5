"""Decide where a webhook may go: which URLs a request may name, and which addresses they may lead to."""

from __future__ import annotations

from ipaddress import ip_address, ip_network

from pydantic import ValidationError
from pydantic_core import Url

from nextlabel.core.errors import WebhookNotAllowed
from nextlabel.core.settings import Settings

GLOBAL_UNICAST = ip_network("2000::/3")  #: All that is given out of IPv6.
#: What is not of the internet, by IANA's registries of special-purpose addresses. They stand here since Python's own
#: table changes with its version, and lacks what a cloud gives a meaning of its own.
SPECIAL = tuple(
    map(
        ip_network,
        (
            "0.0.0.0/8",
            "10.0.0.0/8",
            "100.64.0.0/10",
            "127.0.0.0/8",
            "168.63.129.16/32",  # Azure's own services
            "169.254.0.0/16",
            "172.16.0.0/12",
            "192.0.0.0/24",  # Oracle's metadata among them
            "192.0.2.0/24",
            "192.31.196.0/24",
            "192.52.193.0/24",
            "192.88.99.0/24",
            "192.168.0.0/16",
            "192.175.48.0/24",
            "198.18.0.0/15",
            "198.51.100.0/24",
            "203.0.113.0/24",
            "224.0.0.0/3",  # multicast, and all that is kept for later
            "2001::/23",  # Teredo, benchmarking, ORCHID and what else is given out for protocols
            "2001:db8::/32",
            "2002::/16",  # 6to4, which packs an IPv4 address
            "2620:4f:8000::/48",
            "3ffe::/16",
            "3fff::/20",
        ),
    )
)


def allowed_url(url: str, settings: Settings) -> Url:
    """Read a URL as a browser does (`0x7f.1` is 127.0.0.1), and check that it may be called. Raises WebhookNotAllowed.

    A name is not looked up here: what it leads to is judged at each delivery, by `is_public`.
    """
    if settings.webhook_key is None:
        raise WebhookNotAllowed("webhooks are off: NEXTLABEL_WEBHOOK_SECRET is to be set, for the API and the workers")
    try:
        parsed = Url(url)
    except ValidationError as error:
        raise WebhookNotAllowed(f"{error.errors()[0]['msg']}; give one like https://host/path") from None
    _refuse_form(parsed, settings)
    if not settings.webhook_allow_private and _is_known_private(host_of(parsed)):
        raise WebhookNotAllowed(
            f"{host_of(parsed)} is not a public address; name a public host, or set NEXTLABEL_WEBHOOK_ALLOW_PRIVATE"
        )
    return parsed


def host_of(url: Url) -> str:
    """Return the URL's host, without the brackets of IPv6."""
    return (url.host or "").strip("[]")


def is_public(address: str) -> bool:
    """Tell whether it is an address of the internet: not of this machine, this network, or packed into another's."""
    parsed = ip_address(address)
    if parsed.version == 6 and parsed not in GLOBAL_UNICAST:
        return False
    return not any(parsed in special for special in SPECIAL)


def _refuse_form(url: Url, settings: Settings) -> None:
    if url.scheme not in ("https", "http") or not url.host:
        raise WebhookNotAllowed(f"it begins with {url.scheme}: and must be an https URL that names a host")
    if url.scheme == "http" and not settings.webhook_allow_private:
        raise WebhookNotAllowed("plain http can be read on its way; use https, or set NEXTLABEL_WEBHOOK_ALLOW_PRIVATE")
    if url.username or url.password:
        raise WebhookNotAllowed("leave name and password out of it; the signature tells the receiver who calls")


def _is_known_private(host: str) -> bool:
    """Tell whether the host is private for sure. A name is not looked up; of names, only localhost is."""
    name = host.rstrip(".")
    try:
        return not is_public(name)
    except ValueError:  # a name
        return name == "localhost" or name.endswith(".localhost")
