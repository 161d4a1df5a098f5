"""Are forecasts right, and do audits agree with what the label-efficiency benchmark finds?

For each set and seed, labels are drawn by chance, or chosen by a method in rounds as `selection` goes on, from four
images in five of the pool. The forecasts made with the first of them, with a held-out set and by cross-validation, are
compared with the macro F1 that more labels, drawn or chosen in the same way, give on the held-out images: at each
number of labels, or at all together where they are chosen. An audit is of 1,000 labels, or of 300 that were chosen.

    python -m benchmarks.stopping [--sets clothing digits] [--seeds 5] [--chosen-by auto] [--audits]
    python -m benchmarks.stopping --sampling    # are random labels told from those that methods chose?
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np

from benchmarks import DATA
from benchmarks.answers import Bench, answers
from benchmarks.sets import SETS, WORK, load
from nextlabel.core.neural.heads.registry import HEADS
from nextlabel.core.pipelines.sampling import LABELLED_MOST, UNLABELLED_MOST, may_be_drawn_at_random

MADE_WITH, TOLD = (100, 300, 500), (500, 1_000)
MADE_WITH_CHOSEN = (60, 100, 150, 200, 300, 500)
TOLD_OF_CHOSEN = (100, 150, 200, 300, 400, 500, 600, 800, 1_000)
ROUNDS = (20, 40, 60, 80, 100, 150, 200, 250, 300, 350, 400, 450, 500, 600, 700, 800, 900, 1_000)
LEFT_OUT = 0.2  # of the pool, another part for each seed: a method leaves nothing else to chance
AUDITED, AUDITED_OF_CHOSEN = 1_000, 300
SAMPLED, DRAWN, METHODS = (60, 100, 300, 500), 50, ("auto", "margin", "typiclust", "coreset", "badge")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, default=WORK, help="where sets are built")
    parser.add_argument("--sets", nargs="+", choices=[*SETS], default=[*SETS])
    parser.add_argument("--seeds", type=int, default=5, help="how many, from 0 on")
    parser.add_argument("--chosen-by", metavar="METHOD", help="the labels are; else they are drawn by chance")
    parser.add_argument("--head", choices=[*HEADS], default="linear")
    parser.add_argument("--audits", action="store_true", help="audits, in place of forecasts")
    parser.add_argument("--sampling", action="store_true", help="the test for random labels, in place of forecasts")
    given = parser.parse_args()
    if not DATA.is_dir():
        sys.exit(f"needs the photos and weights in {DATA}")
    carry_out = _sampling if given.sampling else _audits if given.audits else _forecasts
    for name in given.sets:
        carry_out(
            Bench(answers(name, given.work.resolve()), given.work.resolve(), given.head), range(given.seeds), given
        )


def _labelled(bench: Bench, seed: int, method: str | None, most: int = ROUNDS[-1]) -> list[str]:
    """Names in the order in which they are labelled."""
    names = np.random.default_rng(seed).permutation(sorted(bench.of.classes)).tolist()
    if method is None:
        return names
    left_out = names[: round(LEFT_OUT * len(names))]
    chosen: list[str] = []
    for size in ROUNDS:
        if size <= min(most, len(names) - len(left_out)):
            asked = {**bench.labelled(chosen), "method": method, "exclude": left_out, "seed": seed}
            chosen += bench.carry_out("selection", add=size - len(chosen), **asked).data
    return chosen


def _forecasts(bench: Bench, seeds: range, given: argparse.Namespace) -> None:
    found: dict[tuple[str, int, int], list[tuple[float, float, bool, str]]] = defaultdict(list)
    untold: Counter[tuple[str, int, int]] = Counter()
    made_with, at_all = (MADE_WITH_CHOSEN, TOLD_OF_CHOSEN) if given.chosen_by else (MADE_WITH, TOLD)
    for seed in seeds:
        names = _labelled(bench, seed, given.chosen_by)
        truths = {n: bench.f1(names[:n]) for n in at_all if n <= len(names)}
        for labels in made_with:
            ahead = [n - labels for n in truths if n > labels]
            for validation in (bench.validation, {}):
                asked = {**bench.labelled(names[:labels]), **validation, "ahead": ahead, "seed": seed}
                result = bench.carry_out("learning_curve", **asked)
                for told in result.forecast:
                    truth = truths[told.labels]
                    key = result.validation, labels, 0 if given.chosen_by else told.labels
                    if told.f1_macro is None:
                        untold[key] += 1
                        continue
                    row = (
                        told.f1_macro - truth,
                        told.high - told.low,
                        told.low <= truth <= told.high,
                        result.advice.verdict,
                    )
                    found[key].append(row)
    for (validation, labels, at), left in sorted(untold.items()):
        print(f"| {bench.of.name} | {validation} | {labels} | {at or 'all'} | not told: {left} |", flush=True)
    for (validation, labels, at), rows in sorted(found.items()):
        errors, widths, inside, verdicts = (np.array(column) for column in zip(*rows, strict=True))
        print(
            f"| {bench.of.name} | {validation} | {labels} | {at or 'all'} | {errors.mean():+.3f} "
            f"| {np.sqrt(np.mean(errors**2)):.3f} | {widths.mean():.3f} | {inside.sum()} of {len(inside)} "
            f"| {(verdicts == 'unsure').sum()} unsure |",
            flush=True,
        )


def _audits(bench: Bench, seeds: range, given: argparse.Namespace) -> None:
    for seed in seeds:
        audited = AUDITED_OF_CHOSEN if given.chosen_by else AUDITED
        names = _labelled(bench, seed, given.chosen_by, audited)[:audited]
        asked = {**bench.labelled(names), **bench.validation, "methods": ["auto", "margin", "coreset"], "seed": seed}
        result = bench.carry_out("audit", **asked)
        for arm in result.arms[1:]:
            low, high = arm.gain_interval
            gain = f"{arm.gain:+.3f} ({low:+.3f} to {high:+.3f})"
            print(f"| {bench.of.name} | {seed} | {arm.method} | {arm.verdict} | {gain} | {arm.saved} |", flush=True)


def _sampling(bench: Bench, seeds: range, given: argparse.Namespace) -> None:
    """How often labels are told not to be a random sample, by how they came about."""
    embeddings = load(bench.of.name, given.work).embeddings
    names = sorted(bench.of.classes)
    for labels in SAMPLED:
        draws = [np.random.default_rng([labels, i]).permutation(len(names))[:labels] for i in range(DRAWN)]
        told = [not _at_random(embeddings, drawn, i) for i, drawn in enumerate(draws)]
        print(f"| {bench.of.name} | chance | {labels} | {sum(told)} of {len(told)} |", flush=True)
    row = {name: i for i, name in enumerate(names)}
    for method in METHODS:
        chosen = [[row[name] for name in _labelled(bench, seed, method, SAMPLED[-1])] for seed in seeds]
        for labels in SAMPLED:
            told = [not _at_random(embeddings, np.array(rows[:labels]), i) for i, rows in enumerate(chosen)]
            print(f"| {bench.of.name} | {method} | {labels} | {sum(told)} of {len(told)} |", flush=True)


def _at_random(embeddings: np.ndarray, drawn: np.ndarray, seed: int) -> bool:
    rng = np.random.default_rng(seed)
    others = rng.permutation(np.setdiff1d(np.arange(len(embeddings)), drawn))[:UNLABELLED_MOST]
    return may_be_drawn_at_random(embeddings[rng.permutation(drawn)[:LABELLED_MOST]], embeddings[others], rng)


if __name__ == "__main__":
    main()
