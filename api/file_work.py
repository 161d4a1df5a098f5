"""Work on files, in threads of its own: a folder that answers nobody takes a part of them, and the others go on.

A file system may keep a thread for ever (a network share whose server is gone), and no thread can be ended from
outside. So each folder right below a data root, and each bucket, has a share of the threads; work that finds no free
one is refused after a while. What asks Redis alone has other threads and never waits here.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterable, Sequence
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from typing import ParamSpec, TypeVar
from weakref import WeakValueDictionary

from anyio import CapacityLimiter, to_thread

from nextlabel.core.data.roots import shown
from nextlabel.core.data_roots import is_url
from nextlabel.core.errors import FolderBusy

THREADS, SHARE = 48, 12
PATIENCE_S = 5.0  # for a free thread
ANSWER_S = 55.0  # for the answer; proxies give up after 60
P = ParamSpec("P")
T = TypeVar("T")


class FileWork:
    """Threads that work on files.

    share: how many of them a folder right below a data root may take.
    patience_s: how long work waits for a free thread.
    answer_s: how long anybody waits for what a thread does; the thread keeps its place until it is done.
    """

    def __init__(
        self,
        roots: Sequence[Path] = (),
        *,
        threads: int = THREADS,
        share: int = SHARE,
        patience_s: float = PATIENCE_S,
        answer_s: float = ANSWER_S,
    ) -> None:
        self._roots = [os.path.normpath(root) for root in roots]
        self._patience_s, self._answer_s = patience_s, answer_s
        self._threads, self._free = CapacityLimiter(threads), asyncio.Semaphore(threads)
        self._share = share
        self._shares: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()

    async def run(self, paths: str | Iterable[str], work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Do work that touches those paths, as requests have them, and await it.

        Raises FolderBusy where no thread was free for it, or it has not ended in time; and what the work raises.
        """
        named = [paths] if isinstance(paths, str) else list(paths)
        working = asyncio.create_task(self._work(named, partial(work, *args, **kwargs)))
        done, _ = await asyncio.wait({working}, timeout=self._answer_s)
        if not done:
            working.add_done_callback(asyncio.Task.exception)  # nobody waits for it any more
            raise FolderBusy(
                f"{_all(named)} does not answer within {self._answer_s:g} s: the disk or the share is slow or gone, or "
                "more lies there than is read in that time. Try again, or name less."
            )
        return working.result()

    async def _work(self, paths: Sequence[str], work: Callable[[], T]) -> T:
        tops = sorted({self._top(path) for path in paths})
        shares = [self._shares.setdefault(top, asyncio.Semaphore(self._share)) for top in tops]
        async with AsyncExitStack() as stack:
            try:
                async with asyncio.timeout(self._patience_s):
                    for threads in (*shares, self._free):
                        await stack.enter_async_context(threads)
            except TimeoutError:
                what = "other work there has not ended, as where a disk or a share is slow or gone"
                raise FolderBusy(f"{_all(paths)} is busy: {what}. Try again.") from None
            return await to_thread.run_sync(work, limiter=self._threads)

    def _top(self, path: str) -> str:
        """Return the folder right below a data root that a path leads through, going by its text alone."""
        if is_url(path):
            return "/".join(path.split("/", 3)[:3])  # a bucket has one server, whatever lies in it
        path = os.path.normpath(path)
        below = [os.path.relpath(path, root) for root in self._roots if Path(path).is_relative_to(root)]
        return (below or [path])[0].split("/")[0] or path


def _all(paths: Sequence[str]) -> str:
    return " or ".join(map(shown, paths)) or "the disk"
