"""The plan of a job that several processes embed together: a file on the shared disk that lists the images."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from zipfile import BadZipFile

import numpy as np

from nextlabel.core.data.by_content import place_of
from nextlabel.core.data.files import Files
from nextlabel.core.data.pool import Pool
from nextlabel.core.disk import make_private, whole_file
from nextlabel.core.embeddings.cache import CacheKey
from nextlabel.core.jobs.record import checked_job_id

GIVEN_UP_AFTER_S = 24 * 3600.0  # the clock of the machine that looks may be wrong by hours
KEY = re.compile(r"[0-9A-Za-z]{1,64}")  # it comes from Redis and becomes a part of a path


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

        Raises OSError when it is gone, as the job has ended, or damaged. Raises as `place_of` does.
        """
        try:
            with path.open("rb") as file, np.load(file) as parts:
                header = json.loads(parts["header"].tobytes())
                names = tuple(parts["names"].tobytes().decode().split("\n"))
                files = Files(names, parts["sizes"], parts["mtimes_ns"], parts["stamps"], ())
            key, place = CacheKey(**header["key"]), str(header["place"])
        except (ValueError, KeyError, TypeError, AttributeError, EOFError, BadZipFile) as error:
            raise OSError(f"the plan {path.name} is damaged: {error}") from error
        if not all(map(_is_below, names)):
            raise OSError(f"the plan {path.name} is damaged: a name leads out of its place")
        return cls(key, Pool(place_of(place, roots), files))


def plan_path(folder: Path, job_id: str, plan_key: str) -> Path:
    """Return where a job's plan of that key lies. Raises JobNotFound, FileNotFoundError for what can be neither."""
    if not KEY.fullmatch(plan_key):
        raise FileNotFoundError(f"there is no plan {plan_key[:80]!r}")
    return folder / f"{checked_job_id(job_id)}.{plan_key}.npz"


def remove_old_plans(folder: Path, has_ended: Callable[[str], bool]) -> None:
    """Remove the plans of jobs that have ended, and those that a process began to write long ago and never finished."""
    for path in folder.glob("*"):
        if path.name.startswith("."):  # it has its name once it is whole
            is_over = _age_s(path) > GIVEN_UP_AFTER_S
        else:
            is_over = has_ended(path.name.partition(".")[0])
        if is_over:
            path.unlink(missing_ok=True)


def _is_below(name: str) -> bool:
    """Whether the name is one of a pool: relative, and not leading out of its place again."""
    return bool(name) and "\0" not in name and not name.startswith("/") and ".." not in PurePosixPath(name).parts


def _age_s(path: Path) -> float:
    try:
        return time.time() - path.stat().st_mtime
    except FileNotFoundError:  # it was finished or removed just now
        return 0.0
