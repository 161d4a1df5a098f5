"""Are forecasts right, and do audits agree with what the label-efficiency benchmark finds?

For each set and seed, labels are drawn by chance. The forecast made with 100, 300 and 500 of them, with a held-out set
and by cross-validation, is compared with the macro F1 that more of the same labels give on the held-out images. An
audit is of 1,000 labels.

    python -m benchmarks.stopping [--sets clothing digits] [--seeds 5] [--audits]
"""

from __future__ import annotations

import argparse
import sys
from collections import defaultdict
from pathlib import Path

import numpy as np

from benchmarks import DATA
from benchmarks.answers import Bench, answers
from benchmarks.sets import SETS, WORK

MADE_WITH, TOLD = (100, 300, 500), (500, 1_000)
AUDITED = 1_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, default=WORK, help="where sets are built")
    parser.add_argument("--sets", nargs="+", choices=[*SETS], default=[*SETS])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--audits", action="store_true", help="audits, in place of forecasts")
    given = parser.parse_args()
    if not DATA.is_dir():
        sys.exit(f"needs the photos and weights in {DATA}")
    for name in given.sets:
        bench = Bench(answers(name, given.work.resolve()), given.work.resolve())
        (_audits if given.audits else _forecasts)(bench, given.seeds)


def _forecasts(bench: Bench, seeds: int) -> None:
    found: dict[tuple[str, int, int], list[tuple[float, float, bool]]] = defaultdict(list)
    for seed in range(seeds):
        names = np.random.default_rng(seed).permutation(sorted(bench.of.classes)).tolist()
        truths = {n: bench.f1(names[:n]) for n in TOLD if n <= len(names)}
        for labels in MADE_WITH:
            ahead = [n - labels for n in truths if n > labels]
            for validation in (bench.validation, {}):
                asked = {**bench.labelled(names[:labels]), **validation, "ahead": ahead, "seed": seed}
                result = bench.carry_out("learning_curve", **asked)
                for told in result.forecast:
                    truth = truths[told.labels]
                    row = (told.f1_macro - truth, told.high - told.low, told.low <= truth <= told.high)
                    found[result.validation, labels, told.labels].append(row)
    for (validation, labels, at), rows in sorted(found.items()):
        errors, widths, inside = (np.array(column) for column in zip(*rows, strict=True))
        print(
            f"| {bench.of.name} | {validation} | {labels} | {at} | {np.sqrt(np.mean(errors**2)):.3f} "
            f"| {widths.mean():.3f} | {inside.sum()} of {len(inside)} |",
            flush=True,
        )


def _audits(bench: Bench, seeds: int) -> None:
    for seed in range(seeds):
        names = np.random.default_rng(seed).permutation(sorted(bench.of.classes)).tolist()[:AUDITED]
        asked = {**bench.labelled(names), **bench.validation, "methods": ["auto", "margin", "coreset"], "seed": seed}
        for arm in bench.carry_out("audit", **asked).arms[1:]:
            low, high = arm.gain_interval
            gain = f"{arm.gain:+.3f} ({low:+.3f} to {high:+.3f})"
            print(f"| {bench.of.name} | {seed} | {arm.method} | {arm.verdict} | {gain} | {arm.saved} |", flush=True)


if __name__ == "__main__":
    main()
