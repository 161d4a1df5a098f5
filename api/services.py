"""The services that routes work with: `create_app` makes them once, and routes get them as a dependency."""

from __future__ import annotations

import asyncio
import os
import secrets
import socket
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Annotated, ParamSpec, TypeVar

from fastapi import Depends, Request
from starlette.concurrency import run_in_threadpool

from nextlabel.api.file_work import FileWork
from nextlabel.api.watcher import Watcher
from nextlabel.core.data.browse import RecentViews
from nextlabel.core.data.decoder import Decoder
from nextlabel.core.data.recent_surveys import RecentSurveys
from nextlabel.core.data.thumbnails import Thumbnails
from nextlabel.core.errors import StoreUnavailable
from nextlabel.core.jobs.ledger import Ledger
from nextlabel.core.jobs.queue import JobQueue
from nextlabel.core.jobs.redis_watch import RedisWatch
from nextlabel.core.jobs.result_files import ResultFiles
from nextlabel.core.jobs.store import JobStore
from nextlabel.core.keys import KeyRing
from nextlabel.core.logs import get_logger
from nextlabel.core.settings import Settings

log = get_logger(__name__)
MEGABYTE = 1_000_000
LOOK_EVERY_S = 2.0
DECODE = max(2, min(8, os.cpu_count() or 1))  # images of a folder at once; a large one takes its pixels' memory
P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True)
class Services:
    settings: Settings
    store: JobStore
    redis_watch: RedisWatch
    queue: JobQueue
    results: ResultFiles
    watcher: Watcher
    keys: KeyRing | None  #: None: no key is asked for
    streams: Counter[str]  #: open event streams, by who follows
    thumbnails: Thumbnails
    surveys: RecentSurveys
    views: RecentViews
    files: FileWork  #: threads for what requests name, and for results
    decoding: FileWork  #: threads that make thumbnails
    disks: FileWork  #: threads that ask whether the service's own disks are fit

    @classmethod
    def of(cls, settings: Settings) -> Services:
        """Make them all. Raises Misconfigured when the keys file is not there or damaged."""
        store = JobStore.of(settings, timeout_s=2.0, retry=False, ledger=Ledger())
        return cls(
            settings=settings,
            store=store,
            redis_watch=RedisWatch(store, f"api-{os.getpid()}-{secrets.token_hex(4)}@{socket.gethostname()}"),
            queue=JobQueue.of(settings),
            results=ResultFiles(settings.results_dir),
            watcher=Watcher(settings.redis_url, store.changed),
            keys=KeyRing(settings.api_keys_file) if settings.api_keys_file else None,
            streams=Counter(),
            thumbnails=Thumbnails(
                settings.thumbnails_dir,
                Decoder.of(settings),
                most_bytes=settings.thumbnails_mb * MEGABYTE,
            ),
            surveys=RecentSurveys(),
            views=RecentViews(),
            files=FileWork(settings.data_roots),
            decoding=FileWork(settings.data_roots, threads=4 * DECODE, share=DECODE, patience_s=50.0),
            disks=FileWork(patience_s=1.0, answer_s=2.0),
        )

    async def watch_over_redis(self) -> None:
        """Look at Redis again and again, until this is cancelled."""
        while True:
            try:
                await in_thread(self.redis_watch.look)
            except StoreUnavailable as error:
                log.warning("Redis is not looked at", cause=error.detail)
            except Exception:  # it must not be the end of looking
                log.exception("Redis is not looked at")
            await asyncio.sleep(LOOK_EVERY_S)

    def close(self) -> None:
        with suppress(StoreUnavailable):  # it counts as gone after a while all the same
            self.redis_watch.end()
        self.store.close()
        self.queue.close()
        self.thumbnails.close()


async def in_thread(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Do the work in a thread and await it: Redis and Celery block, and the event loop must not.

    Work on files has threads of its own, `services.files`: a disk may take for ever, where these know time limits.
    """
    return await run_in_threadpool(work, *args, **kwargs)


async def _services(request: Request) -> Services:
    """Return the services. This is a coroutine since FastAPI runs a plain function in a thread, at every call."""
    services: Services = request.app.state.services
    return services


Given = Annotated[Services, Depends(_services)]
