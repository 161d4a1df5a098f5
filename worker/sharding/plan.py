"""The plan of a job that several processes embed together: a file on the shared disk that lists the images."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from nextlabel.core.data.by_content import place_of
from nextlabel.core.data.files import Files
from nextlabel.core.data.pool import Pool
from nextlabel.core.disk import make_private, whole_file
from nextlabel.core.embeddings.cache import CacheKey

GIVEN_UP_AFTER_S = 3600.0


@dataclass(frozen=True, eq=False)
class Plan:
    """The images to embed, and where their embeddings belong."""

    key: CacheKey
    pool: Pool

    def write(self, path: Path) -> None:
        """Write the plan, whole or not at all. Raises OSError."""
        make_private(path.parent)
        names = "\n".join(self.pool.names).encode()  # a pool lists no name with a line break
        header = json.dumps({"key": asdict(self.key), "place": self.pool.place.key}).encode()
        with whole_file(path, private=True, shared=True) as file:
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

        Raises OSError when it is gone: the job has ended. Raises as `place_of` does.
        """
        with np.load(path) as parts:
            header = json.loads(parts["header"].tobytes())
            names = tuple(parts["names"].tobytes().decode().split("\n"))
            files = Files(names, parts["sizes"], parts["mtimes_ns"], parts["stamps"], ())
            pool = Pool(place_of(header["place"], roots), files)
        return cls(CacheKey(**header["key"]), pool)


def plan_path(folder: Path, job_id: str, plan_key: str) -> Path:
    """Return where a job's plan of that key lies."""
    return folder / f"{job_id}.{plan_key}.npz"


def remove_old_plans(folder: Path, has_ended: Callable[[str], bool]) -> None:
    """Remove the plans of jobs that have ended, and those that a process began to write long ago and never finished."""
    for path in folder.glob("*"):
        if path.name.startswith("."):  # it has its name once it is whole
            is_over = _age_s(path) > GIVEN_UP_AFTER_S
        else:
            is_over = has_ended(path.name.partition(".")[0])
        if is_over:
            path.unlink(missing_ok=True)


def _age_s(path: Path) -> float:
    try:
        return time.time() - path.stat().st_mtime
    except FileNotFoundError:  # it was finished or removed just now
        return 0.0
