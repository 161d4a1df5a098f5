"""What the curves of `multilabel` say: docs/multilabel-efficiency.md and a picture beside it.

Differences are paired by seed; their 95 % intervals are Student's t over the seeds.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib import pyplot as plt
from numpy.typing import NDArray

from benchmarks.label_report import interval
from benchmarks.multilabel_pickers import AUTO, RANDOM

mpl.use("Agg")
PICTURE = "multilabel-efficiency.png"
SCORES = {"f1": "macro F1", "mAP": "mAP"}
SHOWN = (RANDOM, AUTO, "margin", "entropy", "badge", "modAL binary minimum", "modAL max loss", "skactiveml MaxHerding")
HEAD = f"""# Label efficiency with several classes an image

Do chosen labels teach more than random ones where an image may have several classes? Macro F1 and mAP on images that
were held out, mean over the seeds, from zero labels; `python -m benchmarks.multilabel` runs it, and with `--report
docs` writes this page. All pickers have the same embeddings (`mobilenetv2_100`), seeds, answers and head. Those named
`modAL` are the strategies of modAL 0.4.2.1 for several classes, all seven, which ask our head; those named
`skactiveml` are scikit-activeml's 1.0.1, which has none for several classes, so that only what asks no classifier
could run. `margin` and `entropy` are means over an image's classes. `margin`, `entropy`, `badge` and `auto` herd the
first batch, as the service does; modAL's take it by chance.

| set | what it is |
|---|---|
| canvases | one to three photos of clothes on a canvas; each class is often seen with two others; 9 classes |
| attributes | photos of clothes: colours that take up a tenth of them, black, white, and where a thing is worn |
| cells | tiles of microscope pictures of blood: red cells, white cells, platelets |
| cards | photos of playing cards, by what is on them; 218 to choose from, so up to 160 labels |

`canvases` and `attributes`, with other splits, were looked at while it was made; `cells` and `cards` were not before
all was decided.

* **area**: the mean over the budgets that every picker ran. **v random**, **auto less it**: differences, with their
  95 % intervals.

![macro F1 and mAP by labels]({PICTURE})

"""

TRIED_HEAD = """
## Tried and dropped

Areas less random's, on other splits of the two sets that were looked at (`--tried --sets canvases attributes --seeds
100 101 102`); [methods.md](methods.md#several-classes-an-image) says what they are.
"""

Curves = Mapping[str, NDArray[np.float64]]  # picker -> (seeds, scores, budgets)


def write(rows: Sequence[dict], tried: Sequence[dict], folder: Path) -> None:
    by_set = _by_set(rows)
    parts = [HEAD, _together(by_set), *(_section(name, *of_set) for name, of_set in by_set.items())]
    parts += [_tried(_by_set(tried))] if tried else []
    (folder / "multilabel-efficiency.md").write_text("\n".join(parts) + "\n")
    _plot(by_set, folder / PICTURE)


def _by_set(rows: Sequence[dict]) -> dict[str, tuple[list[int], Curves]]:
    """A seed counts if every picker of every set has run with it."""
    wanted = len({(row["set"], row["picker"]) for row in rows})
    ran = Counter(row["seed"] for row in rows)
    whole = [row for row in rows if ran[row["seed"]] == wanted]
    sets = dict.fromkeys(row["set"] for row in whole)
    return {name: _stacked([row for row in whole if row["set"] == name]) for name in sets}


def _stacked(rows: Sequence[dict]) -> tuple[list[int], Curves]:
    """A picker that ran fewer budgets has NaN at the others."""
    labels = max((row["labels"] for row in rows), key=len)
    curves: dict[str, list] = {}
    for row in sorted(rows, key=lambda row: row["seed"]):
        padded = [row[score] + [np.nan] * (len(labels) - len(row[score])) for score in SCORES]
        curves.setdefault(row["picker"], []).append(padded)
    return labels, {picker: np.array(told) for picker, told in curves.items()}


def _together(by_set: Mapping[str, tuple[Sequence[int], Curves]]) -> str:
    """What `auto` has more than each other picker, over all sets and seeds: by budget, and as areas."""
    longest = max((labels for labels, _ in by_set.values()), key=len)
    lines = ["## All sets\n", "What `auto` has more than the others, pooled over sets and seeds:\n"]
    for i, score in enumerate(SCORES.values()):
        lines += [f"| {score}: auto less | " + " | ".join(f"{n:,}" for n in longest) + " | area |"]
        lines += ["|---" * (len(longest) + 2) + "|"]
        told = {}
        for picker in next(iter(by_set.values()))[1]:
            if picker != AUTO:
                told[picker] = _pooled([(curves[AUTO] - curves[picker])[:, i] for _, curves in by_set.values()])
        lines += [f"| {picker} | {' | '.join(cells)} |" for picker, cells in told.items()] + [""]
    return "\n".join(lines)


def _tried(by_set: Mapping[str, tuple[Sequence[int], Curves]]) -> str:
    columns = [(name, i, score) for name in by_set for i, score in enumerate(SCORES.values())]
    lines = [TRIED_HEAD, "| | " + " | ".join(f"{name}: {score}" for name, _, score in columns) + " |"]
    lines += ["|---" * (len(columns) + 1) + "|"]
    gains = {
        picker: [(by_set[name][1][picker] - by_set[name][1][RANDOM])[:, i].mean(axis=1) for name, i, _ in columns]
        for picker in next(iter(by_set.values()))[1]
        if picker != RANDOM
    }
    for picker, told in sorted(gains.items(), key=lambda one: -float(np.mean(one[1]))):
        lines += [f"| {picker} | {' | '.join(_difference(of_column) for of_column in told)} |"]
    return "\n".join(lines)


def _pooled(gains: Sequence[NDArray[np.float64]]) -> list[str]:
    """gains: of each set, (seeds, budgets). A set counts at the budgets that it has."""
    longest = max(of_set.shape[1] for of_set in gains)
    columns = [
        np.concatenate([of_set[:, budget] for of_set in gains if of_set.shape[1] > budget]) for budget in range(longest)
    ]
    columns.append(np.concatenate([np.nanmean(of_set, axis=1) for of_set in gains]))
    return [_difference(column) if np.isfinite(column).all() else "" for column in columns]


def _section(name: str, labels: Sequence[int], curves: Curves) -> str:
    common = np.all([np.isfinite(told).all(axis=(0, 1)) for told in curves.values()], axis=0)
    areas = {picker: told[:, :, common].mean(axis=2) for picker, told in curves.items()}
    order = sorted(curves, key=lambda picker: -float(areas[picker].mean()))
    lines = [f"\n## {name}\n", f"Areas are from {labels[0]} to {np.array(labels)[common][-1]:,} labels.\n"]
    for i, score in enumerate(SCORES.values()):
        lines += [
            f"| {score} | " + " | ".join(f"{n:,}" for n in labels) + " | area | v random | auto less it |",
            "|---" * (len(labels) + 4) + "|",
            *(_row(picker, curves[picker][:, i], {p: a[:, i] for p, a in areas.items()}) for picker in order),
            "",
        ]
    lines += ["`auto` less random, by budget:", "", "| | " + " | ".join(f"{n:,}" for n in labels) + " |"]
    lines += ["|---" * (len(labels) + 1) + "|"]
    for i, score in enumerate(SCORES.values()):
        gains = curves[AUTO][:, i] - curves[RANDOM][:, i]
        low, high = interval(gains)
        cells = [f"{m:+.3f} ({a:+.3f} to {b:+.3f})" for m, a, b in zip(gains.mean(0), low, high, strict=True)]
        lines += [f"| {score} | " + " | ".join(cells) + " |"]
    return "\n".join(lines)


def _row(picker: str, told: NDArray[np.float64], areas: Mapping[str, NDArray[np.float64]]) -> str:
    """told: (seeds, budgets); areas: (seeds,) of each picker."""
    means = ["" if np.isnan(mean) else f"{mean:.3f}" for mean in told.mean(axis=0)]
    mine, others = areas[picker], [(areas[picker] - areas[RANDOM]), (areas[AUTO] - areas[picker])]
    against = [_difference(gains) if gains.any() else "" for gains in others]
    return f"| {picker} | {' | '.join(means)} | {mine.mean():.3f} | {' | '.join(against)} |"


def _difference(gains: NDArray[np.float64]) -> str:
    low, high = interval(gains[:, None])
    return f"{gains.mean():+.3f} ({low[0]:+.3f} to {high[0]:+.3f})"


def _plot(by_set: Mapping[str, tuple[Sequence[int], Curves]], path: Path) -> None:
    figure, axes = plt.subplots(len(SCORES), len(by_set), figsize=(4 * len(by_set), 7), squeeze=False)
    for column, (name, (labels, curves)) in zip(axes.T, by_set.items(), strict=True):
        for i, (axis, score) in enumerate(zip(column, SCORES.values(), strict=True)):
            for picker in (one for one in SHOWN if one in curves):
                thick = picker in (RANDOM, AUTO)
                style = {"linewidth": 2.2 if thick else 1, "color": {RANDOM: "black", AUTO: "tab:red"}.get(picker)}
                axis.plot(labels, curves[picker][:, i].mean(axis=0), marker=".", label=picker, **style)
            axis.set(xscale="log", title=f"{name}: {score}", xlabel="labels")
            axis.set_xticks(labels, [f"{n:,}" for n in labels], rotation=45)
            axis.minorticks_off()
            axis.grid(alpha=0.3)
    axes[0, 0].legend(fontsize=8)
    figure.tight_layout()
    figure.savefig(path, dpi=80)
