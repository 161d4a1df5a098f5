"""Tell who calls, and what they may do: the owner of a key; without a keys file, whoever reaches us may do all.

`Authentication` turns away every request that needs a key and has none, before its body is read or its route is looked
for. What a route asks for besides stands in its signature: `caller: Reader`.
"""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from math import ceil
from typing import Annotated

from fastapi import Depends, Request, Security
from fastapi.security import HTTPBearer, SecurityScopes
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Send
from starlette.types import Scope as Call

from nextlabel.api.errors import HttpError, answer_to
from nextlabel.api.services import Given, Services, in_thread
from nextlabel.core.errors import Fault, InvalidRequest, JobBroken, JobLost, JobNotFound, StoreUnavailable
from nextlabel.core.jobs.record import Job
from nextlabel.core.keys import KeyRing, Scope
from nextlabel.core.logs import get_logger
from nextlabel.core.people import in_file_names

log = get_logger(__name__)
#: What anybody may ask for: no job and no setting of anybody shows in it.
OPEN = ("/healthz", "/readyz", "/docs", "/openapi.json", "/static-offline-docs", "/page")
TAKES_PASSWORDS = "/label-studio/"
ME = "me"
MAX_STREAMS = 10
STREAM_RETRY_AFTER_S = 5
SUBMITS_PER_MINUTE, READS_PER_MINUTE = 60, 600  # with keys; docs/security.md says why so many
IMAGES_PER_READ = 10  # a page of thumbnails is one look

_in_documentation = HTTPBearer(auto_error=False, scheme_name="key", description="A key of `nextlabel keys create`.")


@dataclass(frozen=True)
class Caller:
    """Who made a request. Calls are counted by `who`. `has_key` is false where no key is asked for: all may do all."""

    owner: str
    scopes: frozenset[Scope]
    who: str
    has_key: bool

    def sees(self, job: Job) -> bool:
        return self.sees_all or job.owner == self.owner

    def person(self, asked: str | None) -> str | None:
        """Return whose labels they are: with a key, its owner's and nobody else's. Raises InvalidRequest."""
        asked = self.named(asked)
        if not self.has_key:
            return asked
        if asked is not None and in_file_names(asked) != in_file_names(self.owner):
            raise InvalidRequest([Fault("/person", "invalid_value", f"with this key it is {self.owner}; leave it out")])
        return self.owner

    def named(self, person: str | None) -> str | None:
        """Return who is meant: "me" is the owner of the key. Without keys it is a name like any other."""
        return self.owner if self.has_key and person == ME else person

    @property
    def sees_all(self) -> bool:
        return Scope.ADMIN in self.scopes


class Authentication:
    """Middleware that checks keys. `keys` is None where no key is asked for."""

    def __init__(self, app: ASGIApp, keys: KeyRing | None) -> None:
        self._app = app
        self._keys = keys

    async def __call__(self, scope: Call, receive: Receive, send: Send) -> None:
        app = self._app
        if scope["type"] == "http" and not is_open(scope["path"]):
            try:
                scope.setdefault("state", {})["caller"] = self._caller(scope)
            except HttpError as error:
                log.info("turned away: no valid key", client=_address(scope))
                app = answer_to(error)
        await app(scope, receive, send)

    def _caller(self, call: Call) -> Caller:
        if self._keys is None:
            return Caller("", frozenset(Scope), f"@{_address(call)}", has_key=False)
        authorization = Headers(scope=call).get("Authorization")
        if authorization is None:
            raise _unauthenticated("a key is needed here: send `Authorization: Bearer nl_...`", "Bearer")
        key = self._keys.find(_presented(authorization, call["path"]))
        if key is None:
            raise _unauthenticated("there is no such key, or it was revoked", 'Bearer error="invalid_token"')
        return Caller(key.owner, key.allows, key.owner, has_key=True)


def _presented(authorization: str, path: str) -> str:
    """Return the key in the header. Label Studio knows basic authentication alone: there the key is the password."""
    scheme, _, presented = authorization.partition(" ")
    if scheme.lower() == "bearer":
        return presented.strip()
    if scheme.lower() == "basic" and path.startswith(TAKES_PASSWORDS):
        with suppress(ValueError):
            return base64.b64decode(presented, validate=True).decode().partition(":")[2]
    return ""


def is_open(path: str) -> bool:
    """Tell whether anybody may ask for the path, without a key."""
    return path == "/" or any(path == place or path.startswith(f"{place}/") for place in OPEN)


# --- what a route may ask for -----------------------------------------------------------------------------------


async def _caller(asked: SecurityScopes, request: Request, _: Annotated[object, Depends(_in_documentation)]) -> Caller:
    caller: Caller = request.state.caller
    for scope in asked.scopes:
        if scope not in caller.scopes:
            raise HttpError("forbidden", f"this key has no scope {scope}, which this call needs")
    return caller


Known = Annotated[Caller, Security(_caller)]


async def _count_read(caller: Known, services: Given) -> Caller:
    await _count(caller, services, "reads", _limit(caller, services.settings.reads_per_minute, READS_PER_MINUTE))
    return caller


async def _count_submit(caller: Known, services: Given) -> Caller:
    await count_submit(caller, services)
    return caller


async def count_submit(caller: Caller, services: Services) -> None:
    """Count one submission: a route calls this itself where only some of its calls make a job.

    Raises HttpError when there have been too many.
    """
    await _count(caller, services, "submits", _limit(caller, services.settings.submits_per_minute, SUBMITS_PER_MINUTE))


async def _count_view(caller: Known, services: Given) -> Caller:
    reads = _limit(caller, services.settings.reads_per_minute, READS_PER_MINUTE)
    await _count(caller, services, "images", reads * IMAGES_PER_READ)
    return caller


Viewer = Annotated[Caller, Security(_count_view, scopes=[Scope.READ])]
Reader = Annotated[Caller, Security(_count_read, scopes=[Scope.READ])]
Writer = Annotated[Caller, Security(_count_read, scopes=[Scope.WRITE])]
Submitter = Annotated[Caller, Security(_count_submit, scopes=[Scope.WRITE])]
Admin = Annotated[Caller, Security(_count_read, scopes=[Scope.ADMIN])]


async def _job_to_read(job_id: str, caller: Reader, services: Given) -> Job:
    return await job_of(caller, job_id, services)


async def _job_to_change(job_id: str, caller: Writer, services: Given) -> Job:
    return await job_of(caller, job_id, services)


async def job_of(caller: Caller, job_id: str, services: Given) -> Job:
    """Return the caller's job of that id. Another owner's job is not found, as if there were none."""
    try:
        job = await in_thread(services.store.get, job_id)
    except JobLost:
        if caller.sees_all or caller.owner == await in_thread(services.store.owner_of_lost, job_id):
            raise
        raise JobNotFound(f"there is no job {job_id}") from None
    except JobBroken:  # nobody knows whose it is
        if caller.sees_all:
            raise
        raise JobNotFound(f"there is no job {job_id}") from None
    if not caller.sees(job):
        raise JobNotFound(f"there is no job {job_id}")
    return job


async def _job_to_forget(job_id: str, caller: Writer, services: Given) -> str:
    with suppress(JobBroken):  # what can't be read can be removed
        await job_of(caller, job_id, services)
    return job_id


#: The job that the path names. Fetched before the answer begins: even a stream can still be a 404.
JobToRead = Annotated[Job, Depends(_job_to_read)]
JobToChange = Annotated[Job, Depends(_job_to_change)]
JobToForget = Annotated[str, Depends(_job_to_forget)]


async def one_stream(caller: Reader, services: Given) -> AsyncIterator[None]:
    """Count an open event stream: a dependency that lasts as long as the stream. Raises HttpError at too many."""
    streams = services.streams
    if caller.has_key and streams[caller.who] >= MAX_STREAMS:
        detail = f"{MAX_STREAMS} event streams of yours are open; close one, or ask GET /jobs/{{id}}?wait=30 instead"
        raise HttpError("too_many_streams", detail, {"Retry-After": str(STREAM_RETRY_AFTER_S)})
    streams[caller.who] += 1
    try:
        yield
    finally:
        streams[caller.who] -= 1
        if not streams[caller.who]:
            del streams[caller.who]


# --- limits -----------------------------------------------------------------------------------------------------


def _limit(caller: Caller, setting: int | None, with_keys: int) -> int:
    """Return how many calls a minute the caller may make; 0 stands for any number.

    A setting decides. Without one only callers with keys are limited: where no key is asked for, one person is at work,
    and there are no others to keep a share for.
    """
    if setting is not None:
        return setting
    return with_keys if caller.has_key else 0


async def _count(caller: Caller, services: Given, what: str, per_minute: int) -> None:
    """Count one call of that sort. Raises HttpError when more than `per_minute` came; 0 limits nothing."""
    if not per_minute:
        return
    wait_s = 0.0
    with suppress(StoreUnavailable):  # the route will say so, where it needs the store at all
        wait_s = await in_thread(services.store.throttle, f"{what}:{caller.who}", per_minute)
    if wait_s:
        detail = f"more than {per_minute} {what} a minute; the next one may come in {wait_s:.1f} s"
        raise HttpError("rate_limited", detail, {"Retry-After": str(ceil(wait_s))})


def _address(call: Call) -> str:
    return call["client"][0] if call.get("client") else ""


def _unauthenticated(detail: str, challenge: str) -> HttpError:
    return HttpError("unauthenticated", detail, {"WWW-Authenticate": challenge})
