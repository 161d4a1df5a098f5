"""A large embedding shared out among worker processes.

Whoever runs the job lays out a plan, a file on the shared disk that lists the images to embed, and calls for help. All
of them, it too, take stretches of the plan (core/jobs/shards.py says how) and put the embeddings into the cache. When
none is left, the job goes on as if all had been in the cache from the start: what a stretch left out, because an image
can't be read or was changed meanwhile, the job finds missing and looks at itself. No answer depends on who helped.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, closing
from dataclasses import asdict, dataclass
from hashlib import blake2b
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nextlabel.core.data.by_content import place_of
from nextlabel.core.data.files import Files
from nextlabel.core.data.pool import Pool
from nextlabel.core.disk import whole_file
from nextlabel.core.embeddings.cache import CacheKey, EmbeddingCache
from nextlabel.core.errors import CacheUnwritable, ShardLost, StorageFull, WarningCode, WorkerLost
from nextlabel.core.jobs.shards import Shared
from nextlabel.core.logs import get_logger
from nextlabel.core.neural.backbones import Backbone
from nextlabel.core.neural.engine import embed
from nextlabel.core.pipelines.cache_writer import CacheWriter
from nextlabel.core.pipelines.crew import Crew, Held
from nextlabel.core.pipelines.run import Run
from nextlabel.core.settings import Settings

log = get_logger(__name__)
LOOK_EVERY_S = 1.0
IDLE_S = 0.2


@dataclass(frozen=True, eq=False)
class Plan:
    """The images to embed, and where their embeddings belong."""

    key: CacheKey
    pool: Pool

    def write(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        names = "\n".join(self.pool.names).encode()  # a pool lists no name with a line break
        header = json.dumps({"key": asdict(self.key), "place": self.pool.place.key}).encode()
        with whole_file(path) as file:
            np.savez(
                file,
                header=np.frombuffer(header, np.uint8),
                names=np.frombuffer(names, np.uint8),
                sizes=self.pool.sizes,
                mtimes_ns=self.pool.mtimes_ns,
                stamps=self.pool.stamps,
            )

    @classmethod
    def read(cls, path: Path, roots: Sequence[Path]) -> Plan:
        """Read what another process wrote, and check its place again, by this one's data roots.

        Raises OSError when it is gone: the job has ended. Raises as `place_at` does.
        """
        with np.load(path) as parts:
            header = json.loads(parts["header"].tobytes())
            names = tuple(parts["names"].tobytes().decode().split("\n"))
            files = Files(names, parts["sizes"], parts["mtimes_ns"], parts["stamps"], ())
            pool = Pool(place_of(header["place"], roots), files)
        return cls(CacheKey(**header["key"]), pool)


def plan_key(key: CacheKey, wanted: Pool) -> str:
    """The same for whoever takes the job over, however far it has got by then."""
    return blake2b(json.dumps([asdict(key), wanted.state()]).encode(), digest_size=16).hexdigest()


def share(key: CacheKey, wanted: Pool, missing: NDArray[np.int64], backbone: Backbone, crew: Crew, run: Run) -> None:
    """Lets all who are free embed the missing rows of `wanted` into the cache, and returns when nothing is left to do.

    A plan that an earlier attempt at this job laid out is gone on with. Where none can be written, nothing is shared.
    Raises WorkerLost when processes died on one shard again and again.
    """
    named = plan_key(key, wanted)
    path = crew.plan_path(named)
    try:
        if not path.exists():
            Plan(key, wanted.take(missing)).write(path)
        plan = Plan.read(path, run.settings.data_roots)
    except OSError as error:
        log.warning("not shared: the plan can't be written", cause=str(error))
        return
    crew.lay_out(named, len(plan.pool))
    lookout = _Lookout(crew, run, before=len(wanted) - len(plan.pool))
    try:
        while lookout.work_is_left():
            if (taken := crew.take(backbone.name)) is None:
                time.sleep(IDLE_S)
            else:
                _work_on(taken, plan, backbone, run, lookout)
    except (StorageFull, CacheUnwritable) as error:
        run.warn(WarningCode.CACHE_NOT_WRITTEN, f"embeddings could not be shared between workers: {error.detail}")
    path.unlink(missing_ok=True)


def _work_on(taken: AbstractContextManager[Held], plan: Plan, backbone: Backbone, run: Run, lookout: _Lookout) -> None:
    try:
        with taken as held:
            embed_stretch(plan, held, backbone, run.settings, look=lookout.look, halved=run.halved)
    except ShardLost:
        return  # frozen for longer than a lease: others have it now


def embed_stretch(
    plan: Plan,
    held: Held,
    backbone: Backbone,
    settings: Settings,
    *,
    look: Callable[[], None] = lambda: None,
    halved: Callable[[int], None] = lambda _: None,
) -> None:
    """Embeds a shard's images into the cache, those that are not there already.

    Whatever stops it, what was embedded is kept and told. Raises StorageFull, CacheUnwritable, OutOfMemory, and what
    `held.check` and `look` raise, which are called before each batch.
    """

    def check() -> None:
        look()
        held.check()

    part = plan.pool.take(np.arange(held.shard.start, held.shard.stop))
    cache = EmbeddingCache(settings.cache_dir, plan.key, backbone.dimension)
    rows = np.flatnonzero(~cache.find(part.names, part.stamps).hit)
    ends = np.append(rows, len(part))  # once i of the rows were seen, all before ends[i] is done
    writer, seen = CacheWriter(cache, part), 0
    try:
        with closing(embed(backbone, part, rows.tolist(), settings, check=check, halved=halved)) as batches:
            for batch in batches:
                seen += batch.seen
                held.seen = int(ends[seen])
                if writer.add(batch):
                    held.kept = held.seen
    finally:
        writer.flush()
        held.kept = int(ends[seen])


class _Lookout:
    """Shows the job's progress, calls for help, and hears when the job must stop: once a second, between batches."""

    def __init__(self, crew: Crew, run: Run, before: int) -> None:
        self._crew, self._run, self._before = crew, run, before
        self._looked = 0.0

    def work_is_left(self) -> bool:
        state = self._report()
        return state.free > 0 or state.held > 0

    def look(self) -> None:
        self._run.check()
        if time.monotonic() - self._looked >= LOOK_EVERY_S:
            self._report()

    def _report(self) -> Shared:
        self._looked = time.monotonic()
        state = self._crew.state()
        if state.poisoned:
            raise WorkerLost(
                f"worker processes died {state.poisoned} times on one stretch of the images; see their log"
            )
        self._run.advance(max(self._before + state.done, self._run.done))
        self._crew.call(state)
        return state
