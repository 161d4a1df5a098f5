"""API keys: who may call, and what for.

A key is `nl_<id>_<secret>`, shown once, when it is made. The file keeps the SHA-256 of the secret, which has 256 random
bits and so needs no slow hash.
"""

from __future__ import annotations

import fcntl
import hmac
import ipaddress
import json
import logging
import os
import re
import secrets
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from enum import StrEnum
from hashlib import sha256
from pathlib import Path
from typing import Annotated, TypeAlias

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from nextlabel.core.disk import write_whole
from nextlabel.core.errors import Misconfigured
from nextlabel.core.faults import KeyTwice, check_once
from nextlabel.core.people import PERSON, RULE, is_name, tidy
from nextlabel.core.settings import Settings

log = logging.getLogger(__name__)  # the command imports this module, and structlog is not installed with it
KEY = r"nl_([0-9a-f]{8})_([A-Za-z0-9_-]{43})"
OPEN_DOOR = (
    "{host} can be reached from other machines, and no key would be asked for: set NEXTLABEL_API_KEYS_FILE "
    "(`nextlabel keys create` writes it), listen on 127.0.0.1, or say NEXTLABEL_AUTH=off if all who reach it may call"
)
FileState: TypeAlias = tuple[int, int, int]  # (mtime in ns, size, inode)


class Scope(StrEnum):
    READ = "jobs:read"  #: look at one's own jobs, and at what exists
    WRITE = "jobs:write"  #: submit, cancel and forget them
    ADMIN = "admin"  #: reads, and all owners' jobs are like one's own; /metrics


class ApiKey(BaseModel):
    """A key as the file has it: all but its secret."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: Annotated[str, Field(pattern=r"^[0-9a-f]{8}$")]
    owner: Annotated[str, Field(pattern=f"^{PERSON}$")]
    scopes: tuple[Scope, ...]
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    created_at: AwareDatetime

    @property
    def allows(self) -> frozenset[Scope]:
        """The scopes that the key has; an admin, who sees all jobs, may also read."""
        return frozenset(self.scopes) | ({Scope.READ} if Scope.ADMIN in self.scopes else frozenset())


class _Content(BaseModel):
    model_config = ConfigDict(extra="forbid")

    keys: tuple[ApiKey, ...]


class KeyFile:
    """The file of keys, which is read and written whole."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> tuple[ApiKey, ...]:
        """Read all keys. Raises Misconfigured."""
        try:
            data = self.path.read_bytes()
            check_once(data)
            return _Content.model_validate_json(data).keys
        except FileNotFoundError:
            raise Misconfigured(f"there is no keys file {self.path}; `nextlabel keys create` writes it") from None
        except OSError as error:
            raise Misconfigured(f"the keys file {self.path} can't be read: {error.strerror}") from None
        except KeyTwice as error:
            raise Misconfigured(f"the keys file {self.path} is damaged: {error}. Restore or delete it") from None
        except ValidationError as error:
            raise Misconfigured(
                f"the keys file {self.path} is damaged: {_first_fault(error)}. Restore or delete it"
            ) from None

    def create(self, owner: str, scopes: Sequence[Scope]) -> str:
        """Make a key, and return it; it can't be shown again. Raises Misconfigured."""
        owner = tidy(owner)
        if not is_name(owner):
            raise Misconfigured(f"{owner!r} is no name for an owner: {RULE}")
        key_id, secret = secrets.token_hex(4), secrets.token_urlsafe(32)
        key = ApiKey(id=key_id, owner=owner, scopes=tuple(scopes), sha256=_hash(secret), created_at=datetime.now(UTC))
        with self._alone():
            self._write([*(self.read() if self.path.exists() else ()), key])
        return f"nl_{key_id}_{secret}"

    def revoke(self, key_id: str) -> None:
        """Remove a key. Raises Misconfigured, also when there is no such key."""
        with self._alone():
            keys = self.read()
            left = [key for key in keys if key.id != key_id]
            if len(left) == len(keys):
                raise Misconfigured(f"there is no key {key_id} in {self.path}; `nextlabel keys list` shows them")
            self._write(left)

    def state(self) -> FileState | None:
        """Return what changes when the file is written; None when it is gone."""
        with suppress(OSError):
            status = self.path.stat()
            return status.st_mtime_ns, status.st_size, status.st_ino
        return None

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Keep others from writing meanwhile: of two that write at once, one would lose its key."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            folder = os.open(self.path.parent, os.O_RDONLY)
        except OSError as error:
            raise Misconfigured(f"{self.path.parent} can't be used: {error.strerror}") from None
        try:
            fcntl.flock(folder, fcntl.LOCK_EX)
            yield
        finally:
            os.close(folder)

    def _write(self, keys: Sequence[ApiKey]) -> None:
        content = json.dumps(_Content(keys=tuple(keys)).model_dump(mode="json"), indent=2) + "\n"
        try:
            write_whole(self.path, content.encode(), private=True)
        except OSError as error:
            raise Misconfigured(f"the keys file {self.path} can't be written: {error.strerror}") from None


class KeyRing:
    """The keys as the file has them now. If it gets damaged meanwhile, the keys from before stay in force."""

    def __init__(self, path: Path) -> None:
        """Read the file. Raises Misconfigured."""
        self._file = KeyFile(path)
        self._seen = self._file.state()
        self._keys = self._read()

    def find(self, presented: str) -> ApiKey | None:
        """Return the key that a caller presented, if there is such a key."""
        self._refresh()
        parts = re.fullmatch(KEY, presented)
        key = self._keys.get(parts[1]) if parts else None
        return key if parts and key and hmac.compare_digest(key.sha256, _hash(parts[2])) else None

    def _refresh(self) -> None:
        state = self._file.state()
        if state == self._seen:
            return
        self._seen = state
        try:
            self._keys = self._read()
            log.info("keys read anew", extra={"file": str(self._file.path), "keys": len(self._keys)})
        except Misconfigured as error:
            log.warning("the keys from before stay in force", extra={"cause": error.detail})

    def _read(self) -> dict[str, ApiKey]:
        return {key.id: key for key in self._file.read()}


def check_access(settings: Settings, host: str) -> None:
    """Raise Misconfigured where other machines could call without a key and nobody allowed that, or where the keys
    can't be read.
    """
    reached_at = host if settings.published_at is None else host_of(settings.published_at)
    if settings.api_keys_file is not None:
        KeyFile(settings.api_keys_file).read()
    elif settings.auth != "off" and not is_loopback(reached_at):
        raise Misconfigured(OPEN_DOOR.format(host=reached_at or "every address of this machine"))


def host_of(address: str) -> str:
    """Return the host of `host:port`, `[::1]:port` or a bare port (which has an empty host: all addresses)."""
    return address.rpartition(":")[0].strip("[]")


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach the host. For a name, all the addresses that it resolves to must say so."""
    if not host:
        return False
    try:
        found = {entry[4][0] for entry in socket.getaddrinfo(host, None)}
    except OSError:
        return False
    return all(ipaddress.ip_address(str(address).partition("%")[0]).is_loopback for address in found)


def _hash(secret: str) -> str:
    return sha256(secret.encode()).hexdigest()


def _first_fault(error: ValidationError) -> str:
    """Say the first thing that is wrong, without repeating the file's content, which is secret."""
    first = error.errors(include_input=False)[0]
    return f"{'.'.join(map(str, first['loc']))}: {first['msg']}".removeprefix(": ")
