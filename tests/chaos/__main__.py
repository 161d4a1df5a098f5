"""`python -m tests.chaos`: faults for a while, then the proof that no job was lost, ended twice or was left hanging."""

from __future__ import annotations

import argparse
import json
import logging
import shutil
import signal
import sys
import tempfile
from pathlib import Path

from tests.chaos.host_faults import HOST_EVERY_S, HOST_FAULTS
from tests.chaos.hosts import HostsStack, why_not
from tests.chaos.nemesis import EVERY_S, SHARES, called
from tests.chaos.report import as_text
from tests.chaos.run import run
from tests.chaos.stack import ChaosStack


def main() -> int:
    arguments = _parse()
    if arguments.hosts and (cause := why_not()):
        print(f"skipped: no hosts can be had here: {cause}")
        return 0
    stack_of, faults, every_s = ChaosStack, SHARES, EVERY_S
    if arguments.hosts:
        stack_of, faults, every_s = HostsStack, HOST_FAULTS, HOST_EVERY_S
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what was started is ended
    logging.disable(logging.CRITICAL)  # of the parts of nextlabel that run in this process
    folder = Path(tempfile.mkdtemp(prefix="nextlabel-chaos-"))
    print(f"seed {arguments.seed}, logs in {folder / 'run' / 'logs'}", flush=True)
    violations, figures = run(
        folder / "run",
        seed=arguments.seed,
        seconds=arguments.seconds,
        workers=arguments.workers,
        clients=arguments.clients,
        only=arguments.only or (),
        stack_of=stack_of,
        faults=faults,
        every_s=every_s,
    )
    print(as_text(figures))
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=1))
    if not violations and not arguments.keep:
        shutil.rmtree(folder)
    return 1 if violations else 0


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--seed", type=int, default=0, help="of the faults and of what the clients do")
    parser.add_argument("--seconds", type=float, default=60, help="how long faults are injected")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--clients", type=int, default=5)
    parser.add_argument(
        "--only", action="append", choices=sorted({called(fault) for fault in (*SHARES, *HOST_FAULTS)}), metavar="FAULT"
    )
    parser.add_argument("--hosts", action="store_true", help="on three hosts in network namespaces; needs root")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there, too")
    parser.add_argument("--keep", action="store_true", help="keep the logs of a run without violations")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
