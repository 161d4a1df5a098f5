"""Several classes an image: what chosen labels teach beside chance and rivals, from zero labels.

    python -m benchmarks.multilabel                   # 4 sets, all pickers, 5 seeds; goes on where it was stopped
    python -m benchmarks.multilabel --report docs     # the table and the picture of what has run
    python -m benchmarks.multilabel --tried --sets canvases attributes --seeds 100 101 102

Each curve is one set, picker and seed. A seed splits the set: three fifths to choose from, the rest to score on. Each
round picks, looks the answers up, trains the head on all of them and scores it. Who needs labels takes the first batch
by chance, as the literature has it; ours is herded, as the service does it. One thread, about 4 s a curve.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score, f1_score
from threadpoolctl import threadpool_limits

from benchmarks import DATA, multilabel_report
from benchmarks.multilabel_pickers import AUTO, PICKERS, RANDOM, TRIED, Known
from benchmarks.multilabel_sets import SETS, Sets, load
from nextlabel.core.neural.heads.sigmoid import SigmoidHead, train_sigmoids
from nextlabel.core.neural.training import Examples
from nextlabel.core.tasks.registry import MULTILABEL

WORK = Path(tempfile.gettempdir()) / "nextlabel-multilabel"
CURVES, CURVES_TRIED = "curves.jsonl", "tried.jsonl"
BUDGETS = (10, 20, 40, 80, 160, 320, 640, 1_000)
MOST = 0.75  # of what there is to choose from: beyond that, everybody has nearly everything
DEAR = {"skactiveml TypiClust": 320}  # labels; it clusters the pool into as many parts


def main() -> None:
    arguments = _parse()
    if arguments.report:
        multilabel_report.write(*(_read(arguments.work / file) for file in (CURVES, CURVES_TRIED)), arguments.report)
        return
    curves = arguments.work / (CURVES_TRIED if arguments.tried else CURVES)
    pickers = {RANDOM: PICKERS[RANDOM], AUTO: PICKERS[AUTO], **TRIED} if arguments.tried else PICKERS
    done = {(row["set"], row["picker"], row["seed"]) for row in _read(curves)}
    with threadpool_limits(1):
        for seed in arguments.seeds:
            for name in arguments.sets:
                sets = load(name, arguments.work, arguments.weights).split(seed)
                for picker in (one for one in pickers if (name, one, seed) not in done):
                    row = {"set": name, "picker": picker, "seed": seed, **curve(sets, picker, seed, arguments.budgets)}
                    with curves.open("a") as file:
                        file.write(json.dumps(row) + "\n")
                    print(f"{name:<11} {picker:<28} seed {seed}  {_shown(row)}", flush=True)


def curve(sets: Sets, picker: str, seed: int, budgets: Iterable[int]) -> dict[str, list[float] | float]:
    """Return macro F1 and mAP at each budget, and the CPU seconds that picking took in all."""
    pick = {**PICKERS, **TRIED}[picker]
    rows, classes, head = np.empty(0, np.int64), np.empty(0, np.int64), None
    labels, f1, precision, seconds = [], [], [], 0.0
    for number, budget in enumerate(budgets):
        if budget > min(MOST * len(sets.said), DEAR.get(picker, np.inf)):
            break
        known = Known(sets.embeddings, rows, sets.said[rows][:, classes], head)
        began = time.process_time()
        picked = pick(known, budget - len(rows), np.random.default_rng([seed, number]))
        seconds += time.process_time() - began
        rows = np.union1d(rows, picked)
        assert len(rows) == budget
        classes, said = MULTILABEL.learnable(sets.said[rows])
        can = len(classes) and MULTILABEL.alternatives(said) > 1
        head = train_sigmoids("linear", Examples(sets.embeddings[rows], said, len(classes)), seed=seed) if can else None
        scores = _score(head, classes, sets) if head else (0.0, 0.0)
        labels.append(budget)
        f1.append(round(scores[0], 4))
        precision.append(round(scores[1], 4))
    return {"labels": labels, "f1": f1, "mAP": precision, "seconds": round(seconds, 2)}


def _score(head: SigmoidHead, classes: NDArray[np.int64], sets: Sets) -> tuple[float, float]:
    truth, logits = sets.truth, head.logits(sets.held_out)
    probabilities = np.zeros(truth.shape)
    probabilities[:, classes] = MULTILABEL.probabilities(logits)
    decided = MULTILABEL.decide(logits, classes, truth.shape[1], head.thresholds)
    by_class = [average_precision_score(truth[:, c], probabilities[:, c]) for c in range(truth.shape[1])]
    return float(f1_score(truth, decided, average="macro", zero_division=0)), float(np.mean(by_class))


def _shown(row: dict) -> str:
    return " ".join(f"{f1:.3f}" for f1 in row["f1"]) + f"   picked in {row['seconds']:.1f} s"


def _read(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", nargs="+", default=list(SETS), choices=list(SETS))
    parser.add_argument("--seeds", type=int, nargs="+", default=list(range(5)))
    parser.add_argument("--budgets", type=int, nargs="+", default=list(BUDGETS))
    parser.add_argument("--tried", action="store_true", help="what was tried and dropped, beside `auto` and chance")
    parser.add_argument("--weights", type=Path, default=DATA / "weights")
    parser.add_argument("--work", type=Path, default=WORK)
    parser.add_argument("--report", type=Path, metavar="FOLDER", help="write the table and picture there, run nothing")
    arguments = parser.parse_args()
    arguments.work.mkdir(parents=True, exist_ok=True)
    return arguments


if __name__ == "__main__":
    main()
