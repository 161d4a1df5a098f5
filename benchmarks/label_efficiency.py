"""How many labels each method needs: rounds from zero labels on pools with known answers, beside chance.

    python -m benchmarks.label_efficiency                # everything; goes on where it was stopped
    python -m benchmarks.label_efficiency --report docs  # tables and curves of what has run

Each curve is one set, method and seed. A seed holds a fifth of the pool out, the same for all methods, to score on
beside the set's own held-out images; without that, one that leaves nothing to chance would run the same course each
time. With --uneven each seed draws other classes, too. A batch is picked, its answers are looked up, the default head
is trained on all labels so far and scored; again at each budget. A method that needs labels takes its first batch by
chance, as the literature has it (the service herds it).
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from itertools import repeat
from pathlib import Path

import numpy as np
from sklearn.metrics import accuracy_score, f1_score
from threadpoolctl import threadpool_limits

from benchmarks import DATA, label_report
from benchmarks.pickers import NEED_PIXELS, PICKERS, Known
from benchmarks.sets import SETS, WORK, LabelledSet, load, with_pixels
from benchmarks.uneven import DRAWN, UNEVEN, labelled_set
from nextlabel.core.neural.heads.registry import HEADS

BUDGETS = (10, 20, 40, 70, 100, 150, 200, 300, 400, 550, 700, 1000, 1400, 2000)
SHARE_HELD_OUT = 0.2


def main() -> None:
    arguments = _parse()
    curves = arguments.work / f"curves-{arguments.head}{'-uneven' if arguments.uneven else ''}.jsonl"
    if arguments.report:
        label_report.write(_read(curves), arguments.head, arguments.report, uneven=arguments.uneven)
        return
    sets = arguments.sets or list(UNEVEN if arguments.uneven else SETS)
    wanted = [(s, m, seed) for seed in arguments.seeds for s in sets for m in arguments.methods]
    done = set(_read(curves))
    todo = [one for one in wanted if one not in done]
    print(f"{len(wanted)} curves, {len(wanted) - len(todo)} of them done", flush=True)
    for name in sets:
        load(DRAWN[name][0] if name in UNEVEN else name, arguments.work, arguments.weights)
    with ProcessPoolExecutor(arguments.processes) as processes:
        told = processes.map(_curve, todo, repeat(arguments.work), repeat(arguments.budgets), repeat(arguments.head))
        for (name, method, seed), curve in zip(todo, told, strict=True):
            _append(curves, {"set": name, "method": method, "seed": seed, **curve})
            print(f"{name:<10} {method:<16} seed {seed}  {_shown(curve)}", flush=True)


def _curve(key: tuple[str, str, int], work: Path, budgets: list[int], head: str) -> dict[str, list[float]]:
    name, method, seed = key
    with threadpool_limits(1):
        pool = labelled_set(name, seed, work) if name in UNEVEN else load(name, work)
        return curve(with_pixels(pool, work) if method in NEED_PIXELS else pool, method, seed, budgets, head)


def curve(
    pool: LabelledSet, method: str, seed: int, budgets: Iterable[int], head: str = "linear"
) -> dict[str, list[float]]:
    """Macro F1 and accuracy on the held-out images, and the seconds each batch took to pick, at each budget."""
    pool = pool.hold_out(SHARE_HELD_OUT, np.random.default_rng([seed, 999]))
    rows = np.empty(0, np.int64)
    known = Known(pool.embeddings, rows, pool.targets[rows], pool.pixels, head)
    picker = PICKERS[method]
    told: dict[str, list[float]] = {"labels": [], "f1": [], "accuracy": [], "seconds": []}
    for number, budget in enumerate(budgets):
        if budget > len(pool.targets):
            break
        begun = time.perf_counter()
        picked = picker(known, budget - len(rows), np.random.default_rng([seed, number]))
        told["seconds"].append(round(time.perf_counter() - begun, 3))
        assert len(np.intersect1d(picked, rows)) == 0
        assert len(np.unique(picked)) == len(picked)
        rows = np.concatenate([rows, picked])
        known = Known(pool.embeddings, rows, pool.targets[rows], pool.pixels, head)
        f1, accuracy = _score(known, pool)
        told["labels"].append(len(rows))
        told["f1"].append(f1)
        told["accuracy"].append(accuracy)
    return told


def _score(known: Known, pool: LabelledSet) -> tuple[float, float]:
    if known.head is None:
        guessed = np.full(len(pool.held_out_targets), known.classes[0])
    else:
        guessed = known.classes[known.head.logits(pool.held_out).argmax(axis=1)]
    f1 = f1_score(
        pool.held_out_targets, guessed, average="macro", labels=np.unique(pool.held_out_targets), zero_division=0
    )
    return round(float(f1), 4), round(float(accuracy_score(pool.held_out_targets, guessed)), 4)


def _shown(curve: dict[str, list[float]]) -> str:
    return " ".join(f"{f1:.3f}" for f1 in curve["f1"]) + f"   picked in {sum(curve['seconds']):.1f} s"


def _append(path: Path, row: dict) -> None:
    with path.open("a") as file:
        file.write(json.dumps(row) + "\n")


def _read(path: Path) -> dict[tuple[str, str, int], dict]:
    if not path.exists():
        return {}
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    return {(row["set"], row["method"], row["seed"]): row for row in rows}


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", nargs="+", choices=[*SETS, *UNEVEN], help="all, unless some are named")
    parser.add_argument(
        "--uneven", action="store_true", help="the sets with rare classes; they have a page of their own"
    )
    parser.add_argument("--methods", nargs="+", default=list(PICKERS))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    parser.add_argument("--budgets", type=int, nargs="+", default=list(BUDGETS))
    parser.add_argument("--head", choices=list(HEADS), default="linear", help="each has its own file of curves")
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    parser.add_argument("--weights", type=Path, default=DATA / "weights")
    parser.add_argument("--work", type=Path, default=WORK)
    parser.add_argument("--report", type=Path, metavar="FOLDER", help="write tables and pictures there, run nothing")
    return parser.parse_args()


if __name__ == "__main__":
    main()
