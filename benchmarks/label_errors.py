"""Does `label_check` find wrong labels? Labels are drawn by chance, one in twenty is changed to another class.

python -m benchmarks.label_errors [--sets clothing] [--seeds 5]
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np

from benchmarks import DATA
from benchmarks.answers import Bench, answers
from benchmarks.sets import SETS, WORK

WRONG = 0.05
LABELS = (300, 1_000, 3_409)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, default=WORK, help="where sets are built")
    parser.add_argument("--sets", nargs="+", choices=[*SETS], default=["clothing", "digits"])
    parser.add_argument("--seeds", type=int, default=5)
    given = parser.parse_args()
    if not DATA.is_dir():
        sys.exit(f"needs the photos and weights in {DATA}")
    for name in given.sets:
        bench = Bench(answers(name, given.work.resolve()), given.work.resolve())
        for labels in sorted({min(n, len(bench.of.classes)) for n in LABELS}):
            rows = np.array([_found(bench, labels, seed) for seed in range(given.seeds)])
            listed, precision, recall, first = rows.mean(axis=0)
            print(
                f"| {name} | {labels} | {round(WRONG * labels)} | {listed:.0f} | {precision:.2f} | {recall:.2f} "
                f"| {first:.2f} |",
                flush=True,
            )


def _found(bench: Bench, labels: int, seed: int) -> tuple[int, float, float, float]:
    """-> (listed, share of them that is wrong, share of the wrong ones listed, and among the first as many)."""
    rng = np.random.default_rng(seed)
    names = rng.permutation(sorted(bench.of.classes)).tolist()[:labels]
    classes = sorted(set(bench.of.classes.values()))
    wrong = {name: _other(bench.of.classes[name], classes, rng) for name in names[: round(WRONG * labels)]}
    listed = [one.name for one in bench.carry_out("label_check", **bench.labelled(names, wrong), seed=seed).items]
    hits = sum(name in wrong for name in listed)
    first = sum(name in wrong for name in listed[: len(wrong)])
    return len(listed), hits / max(1, len(listed)), hits / len(wrong), first / len(wrong)


def _other(class_name: str, classes: list[str], rng: np.random.Generator) -> str:
    return str(rng.choice([one for one in classes if one != class_name]))


if __name__ == "__main__":
    main()
