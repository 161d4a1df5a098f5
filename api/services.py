"""The services that routes work with: `create_app` makes them once, and routes get them as a dependency."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, ParamSpec, TypeVar

from fastapi import Depends, Request
from starlette.concurrency import run_in_threadpool

from nextlabel.api.file_work import FileWork
from nextlabel.api.watcher import Watcher
from nextlabel.core.data.decoder import Decoder
from nextlabel.core.data.thumbnails import Thumbnails
from nextlabel.core.jobs.queue import JobQueue
from nextlabel.core.jobs.result_files import ResultFiles
from nextlabel.core.jobs.store import JobStore
from nextlabel.core.keys import KeyRing
from nextlabel.core.settings import Settings

MEGABYTE = 1_000_000
DECODE = max(2, min(8, os.cpu_count() or 1))  # images of a folder at once; a large one takes its pixels' memory
P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True)
class Services:
    settings: Settings
    store: JobStore
    queue: JobQueue
    results: ResultFiles
    watcher: Watcher
    keys: KeyRing | None  #: None: no key is asked for
    streams: Counter[str]  #: open event streams, by who follows
    thumbnails: Thumbnails
    files: FileWork  #: threads for what requests name, and for results
    decoding: FileWork  #: threads that make thumbnails
    disks: FileWork  #: threads that ask whether the service's own disks are fit

    @classmethod
    def of(cls, settings: Settings) -> Services:
        """Make them all. Raises Misconfigured when the keys file is not there or damaged."""
        return cls(
            settings=settings,
            store=JobStore.at(settings.redis_url, timeout_s=2.0, retry=False),
            queue=JobQueue(settings.redis_url),
            results=ResultFiles(settings.results_dir),
            watcher=Watcher(settings.redis_url),
            keys=KeyRing(settings.api_keys_file) if settings.api_keys_file else None,
            streams=Counter(),
            thumbnails=Thumbnails(
                settings.thumbnails_dir,
                Decoder.of(settings),
                most_bytes=settings.thumbnails_mb * MEGABYTE,
            ),
            files=FileWork(settings.data_roots),
            decoding=FileWork(settings.data_roots, threads=4 * DECODE, share=DECODE, patience_s=50.0),
            disks=FileWork(patience_s=1.0, answer_s=2.0),
        )

    def close(self) -> None:
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
