"""`python -m nextlabel.worker`: one process per GPU, or one on a CPU, until told to stop."""

from __future__ import annotations

import argparse
import os
import socket
import sys
import warnings
from contextlib import closing

from nextlabel.core.errors import Misconfigured, StoreUnavailable
from nextlabel.core.jobs.redis_watch import RedisWatch
from nextlabel.core.jobs.store import JobStore
from nextlabel.core.logs import configure_logs
from nextlabel.core.settings import Settings
from nextlabel.worker import devices
from nextlabel.worker.memory import kept_by_default

KEPT_BYTES = 4 << 30


def main() -> int:
    arguments = _parse()
    settings = Settings()
    if arguments.check:
        return _check(settings)
    name = f"worker-{os.getpid()}@{socket.gethostname()}"
    configure_logs(settings.log_level, as_json=settings.log_json)
    try:
        with closing(JobStore.of(settings, retry=False)) as store:
            RedisWatch(store, name).require(settings.redis_url)
    except Misconfigured as error:
        raise SystemExit(f"nextlabel: {error.detail}") from None
    if settings.cpu_threads:
        os.environ["OMP_NUM_THREADS"] = str(settings.cpu_threads)  # the pool's processes inherit it
    # Activations of some 100 MB are given back to the system and faulted in again at each batch, which takes as long as
    # the arithmetic, unless glibc is told to keep them. It reads this as a process starts: it is for the pool's.
    os.environ.setdefault("MALLOC_MMAP_THRESHOLD_", str(KEPT_BYTES))
    os.environ.setdefault("MALLOC_TRIM_THRESHOLD_", str(KEPT_BYTES))
    # Huge pages, which numpy asks for, come at a fifth of the speed on virtual machines that give free memory back.
    os.environ.setdefault("NUMPY_MADVISE_HUGEPAGE", "0")
    processes = arguments.processes or max(1, len(devices.gpus()))
    if settings.keep_embeddings_mb is None:
        os.environ["NEXTLABEL_KEEP_EMBEDDINGS_MB"] = str(kept_by_default(processes) >> 20)
    from nextlabel.worker.app import app  # noqa: PLC0415 - `--check` and `--help` answer without Celery

    warnings.filterwarnings("ignore", "You're running the worker with superuser")  # it fears pickle; we take JSON only
    app.worker_main(
        [
            "--quiet",
            "worker",
            f"--concurrency={processes}",
            f"--hostname={name}",
            f"--loglevel={'DEBUG' if settings.log_level == 'DEBUG' else 'WARNING'}",  # of what Celery logs itself
            "--without-gossip",
            "--without-mingle",
            "--without-heartbeat",
        ]
    )
    return 0


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m nextlabel.worker", description=__doc__)
    parser.add_argument("--processes", type=int, help="default: one for each GPU, one without any")
    parser.add_argument("--check", action="store_true", help="exit 0 if a worker of this machine was seen just now")
    return parser.parse_args()


def _check(settings: Settings) -> int:
    try:
        seen = JobStore.of(settings, retry=False).workers()
    except StoreUnavailable as error:
        print(error.detail, file=sys.stderr)
        return 1
    return 0 if any(name.endswith(f"@{socket.gethostname()}") for name in seen) else 1


if __name__ == "__main__":
    sys.exit(main())
