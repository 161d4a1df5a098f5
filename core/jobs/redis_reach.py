"""Whether Redis answers at the address that was set, asked as a process starts: what is wrong, and how to mend it."""

from __future__ import annotations

import socket
import ssl
from contextlib import closing, suppress
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

import redis

from nextlabel.core.errors import Misconfigured

ANSWERS_WITHIN_S = 1.0
SET = "NEXTLABEL_REDIS_URL"
SSL_FILES = ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile")


def check_reach(url: str, within_s: float = ANSWERS_WITHIN_S) -> str | None:
    """Return why Redis can't be reached for now, which may pass; None where it answers.

    Raises Misconfigured where waiting mends nothing: a wrong password, TLS on one side alone, no Redis at all.
    """
    where = _place(url)
    for name, (file, *_) in parse_qs(urlsplit(url).query).items():
        if name in SSL_FILES and not Path(file).is_file():
            raise Misconfigured(f"{file}, which {SET} names as {name}, is not there")
    try:
        with redis.Redis.from_url(
            url, socket_timeout=within_s, socket_connect_timeout=within_s, retry=None, encoding_errors="replace"
        ) as client:
            client.ping()
    except redis.exceptions.NoPermissionError:
        return None
    except redis.AuthenticationError as error:
        raise Misconfigured(_refused(url, where, error)) from error
    except redis.ResponseError as error:
        raise Misconfigured(f"Redis at {where}, which {SET} names, refuses: {error}") from error
    except (redis.RedisError, OSError) as error:
        if fault := _wrong_protocol(url, error, within_s):
            raise Misconfigured(f"{where}, which {SET} names, {fault}") from error
        return f"Redis at {where} doesn't answer ({error}); start it, or let {SET} name one that runs. It is waited for"
    return None


def _place(url: str) -> str:
    """Name where the URL leads, without its password."""
    parts = urlsplit(url)
    if parts.scheme == "unix":
        return unquote(parts.path)
    host = parts.hostname or "localhost"
    return f"{f'[{host}]' if ':' in host else host}:{parts.port or 6379}"


def _refused(url: str, where: str, error: redis.RedisError) -> str:
    parts = urlsplit(url)
    form = "redis://USER:PASSWORD@HOST:PORT/0, or redis://:PASSWORD@HOST:PORT/0, special characters as %XX"
    if parts.password is None and "password" not in parse_qs(parts.query):
        return f"Redis at {where} asks for a password, and {SET} has none; write {form}"
    return f"Redis at {where} refuses the user or the password of {SET} ({error}); write {form}"


def _wrong_protocol(url: str, error: Exception, within_s: float) -> str | None:
    """Say what else than a Redis, or one that is spoken to wrongly, is there."""
    scheme, silent = urlsplit(url).scheme, isinstance(error, redis.TimeoutError)
    if "CERTIFICATE_VERIFY_FAILED" in str(error):
        return f"has a certificate that isn't trusted ({error}); name its authority by ?ssl_ca_certs=FILE"
    if scheme == "rediss" and ("WRONG_VERSION_NUMBER" in str(error) or _speaks_plainly(url, within_s)):
        return "doesn't speak TLS; write redis:// in place of rediss://"
    if scheme == "redis" and not silent and _speaks_tls(url, within_s):
        return "speaks TLS; write rediss:// in place of redis://"
    return f"is no Redis ({error})" if isinstance(error, redis.InvalidResponse) else None


def _speaks_plainly(url: str, within_s: float) -> bool:
    parts = urlsplit(url)
    with suppress(OSError), closing(socket.create_connection((parts.hostname, parts.port or 6379), within_s)) as there:
        there.settimeout(within_s)
        there.sendall(b"PING\r\n")
        return there.recv(1) in (b"+", b"-")
    return False


def _speaks_tls(url: str, within_s: float) -> bool:
    parts = urlsplit(url)
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE  # nothing is told to it
    with suppress(OSError), closing(socket.create_connection((parts.hostname, parts.port or 6379), within_s)) as there:
        context.wrap_socket(there).close()
        return True
    return False
