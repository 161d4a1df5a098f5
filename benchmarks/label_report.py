"""What the curves of `label_efficiency` say, as tables and pictures: a page of docs for a head, PNG files beside it.

Differences are paired by seed; their 95 % intervals are Student's t over the seeds.
"""

from __future__ import annotations

from itertools import product
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib import pyplot as plt
from numpy.typing import NDArray
from scipy import stats

mpl.use("Agg")
Curves = dict[tuple[str, str, int], dict]
RANDOM, AUTO = "random", "auto"
SHOWN = (
    RANDOM,
    AUTO,
    "margin",
    "typiclust",
    "skactiveml-badge",
    "skactiveml-typiclust",
    "skactiveml-dropquery",
    "skactiveml-maxherding",
    "vae10",
)
HEAD = """# Label efficiency{where}, head `{head}`

Do chosen labels teach more than random ones, and how much sooner? Macro F1 on held-out images, mean over the seeds;
`python -m benchmarks.label_efficiency {options}` runs it, and with `--report docs` writes this page. Methods
named `skactiveml-` are scikit-activeml's, with its defaults, on the same embeddings and seeds, judged by the same head.
{other}

* **area**: the mean over the budgets that every method ran, each counted by the logarithm of its labels. **v random**:
  its difference to `random`, with its 95 % interval.
* **win / tie / loss**: budgets at which that interval lies above, around or below 0.
* **at b as random at 2b, 4b**: at how many of the budgets b the method has what random has at twice, four times as many
  labels (of those where random's curve goes so far).
* **for random's 400, 1,000**: how many labels the method needs for what random has with that many.
"""
ROWS = (
    "`uherding` has no row of its own: from two classes on, `auto` is it. "
    "`vae10` is the first version's `vae` with ten epochs for\n"
    "each batch, which understates it: [methods.md](methods.md#auto) has one seed of `vae` trained to the end.\n"
)
OTHER = {
    "linear": ROWS + "The head alone, without its [neighbours](heads.md#neighbours), has\n"
    "[a page of its own](label-efficiency-linear-alone.md), with up to 2,000 labels.",
    "linear_alone": ROWS
    + "The default head, which asks [neighbours](heads.md#neighbours), learns more from the same labels, and has\n"
    "[a page of its own](label-efficiency.md).",
}


UNEVEN = (
    "Each seed draws other classes, and another pool, from the photos of clothes and from digits\n"
    "(`benchmarks/uneven.py`). Even sets have [a page of their own](label-efficiency.md)."
)


def write(curves: Curves, head: str, folder: Path, *, uneven: bool = False) -> None:
    """Write the head's page and its pictures into the folder; the uneven sets' has none."""
    page = "label-efficiency" + ("" if head == "linear" else f"-{head.replace('_', '-')}") + "-uneven" * uneven
    options, where = f"--head {head}" + " --uneven" * uneven, " where classes are rare" * uneven
    other = UNEVEN if uneven else OTHER.get(head, "")
    folder.mkdir(parents=True, exist_ok=True)
    parts = [HEAD.format(head=head, options=options, where=where, other=other), _gaps(curves), _beside_each(curves)]
    for name in dict.fromkeys(key[0] for key in curves):
        of_set = {key[1:]: curve for key, curve in curves.items() if key[0] == name}
        seeds = _beside_chance(of_set)
        if RANDOM not in seeds:
            raise SystemExit(f"{name}: `{RANDOM}` ran with fewer than two seeds, and nothing can be held against it")
        arrays = {method: _stacked(of_set, method, of) for method, of in seeds.items()}
        chance = {method: _stacked(of_set, RANDOM, of) for method, of in seeds.items()}
        labels = np.array(of_set[RANDOM, seeds[RANDOM][0]]["labels"][: arrays[RANDOM].shape[1]])
        picture = None if uneven else f"{page}-{name}.png"
        parts.append(_section(name, picture, labels, arrays, chance))
        if picture:
            _plot(name, labels, arrays, folder / picture)
    (folder / f"{page}.md").write_text("\n".join(parts) + "\n")


def _beside_each(curves: Curves) -> str:
    """How far `auto` is ahead of each method in area, on each set, and over all pairs of set and seed."""
    sets, methods = (list(dict.fromkeys(key[i] for key in curves)) for i in range(2))
    rows = []
    for method in (one for one in methods if one != AUTO):
        gains = {name: _gains(curves, name, method) for name in sets}
        pooled = np.concatenate(list(gains.values()))
        (low,), (high,) = interval(pooled[:, None])
        of_sets = " | ".join(f"{of.mean():+.1f}" if len(of) else "" for of in gains.values())
        rows.append((pooled.mean(), f"| `{method}` | {pooled.mean():+.1f} ({low:+.1f} to {high:+.1f}) | {of_sets} |"))
    return "\n".join(
        [
            "\n## `auto` beside each\n",
            "Points of area that `auto` has above a method over the budgets that both ran: on all sets, with its 95 %",
            "interval over sets and seeds, and on each:",
            "",
            "| method | all | " + " | ".join(sets) + " |",
            "|---" * (len(sets) + 2) + "|",
            *(row for _, row in sorted(rows)),
        ]
    )


def _gains(curves: Curves, name: str, method: str) -> NDArray[np.float64]:
    """Points of area that `auto` has above the method on the set, (seeds that both ran,)."""
    pairs = [(c, curves[key]) for (s, m, i), c in curves.items() if s == name and m == AUTO
             if (key := (name, method, i)) in curves]  # fmt: skip
    gains = []
    for mine, other in pairs:
        both = min(len(mine["labels"]), len(other["labels"]))
        pair = np.array([mine["f1"][:both], other["f1"][:both]])
        of_auto, of_other = area(pair, np.array(mine["labels"][:both]))
        gains.append(100 * (of_auto - of_other))
    return np.array(gains)


def _gaps(curves: Curves) -> str:
    """What did not run, or not with every seed."""
    sets, methods, seeds = (list(dict.fromkeys(key[i] for key in curves)) for i in range(3))
    short: dict[str, list[str]] = {}
    for method, name in product(methods, sets):
        if (ran := sum((name, method, seed) in curves for seed in seeds)) < len(seeds):
            short.setdefault(method, []).append(f"{name} {ran}")
    whole = f"Every method below ran on every set with {len(seeds)} seeds"
    if not short:
        return whole + "."
    fewer = ", ".join(f"`{method}` ({', '.join(names)})" for method, names in short.items())
    return f"{whole}, but for {fewer}.\nOf these, go by **v random**, which is over their own seeds."


def _beside_chance(of_set: dict) -> dict[str, list[int]]:
    """Return the seeds of each method that random ran with, too, where there are two: one alone has no interval."""
    seeds = {method: sorted(i for one, i in of_set if one == method and (RANDOM, i) in of_set) for method, _ in of_set}
    return {method: of for method, of in seeds.items() if len(of) > 1}


def _stacked(of_set: dict, method: str, seeds: list[int]) -> NDArray[np.float64]:
    """(seeds, budgets) macro F1, at those budgets that every seed's pool has; NaN where the method did not run."""
    most = min(len(curve["labels"]) for (one, _), curve in of_set.items() if one == RANDOM)
    rows = [of_set[method, seed]["f1"][:most] for seed in seeds]
    return np.array([row + [np.nan] * (most - len(row)) for row in rows])


def _section(
    name: str,
    picture: str | None,
    labels: NDArray[np.int64],
    arrays: dict[str, NDArray[np.float64]],
    chance: dict[str, NDArray[np.float64]],
) -> str:
    """chance: random's curves of the seeds of each method, row by row."""
    common = np.all([~np.isnan(curves).any(axis=0) for curves in arrays.values()], axis=0)
    areas = {method: area(curves[:, common], labels[common]) for method, curves in arrays.items()}
    of_chance = {method: area(curves[:, common], labels[common]) for method, curves in chance.items()}
    order = sorted(arrays, key=lambda method: -float(areas[method].mean()))
    lines = [
        f"\n## {name}\n",
        *([f"![macro F1 by labels]({picture})\n"] if picture else []),
        "| method | " + " | ".join(f"{n:,}" for n in labels) + " |",
        "|---" * (len(labels) + 1) + "|",
        *(f"| `{m}` | " + " | ".join(_f1(x) for x in np.mean(arrays[m], axis=0)) + " |" for m in order),
        "",
        f"Areas are from {labels[0]} to {labels[common][-1]:,} labels.",
        "",
        "| method | seeds | area | v random | win / tie / loss | at b as random at 2b, 4b | for random's 400, 1,000 |",
        "|---|---|---|---|---|---|---|",
        *(f"| `{m}` | {_areas(areas[m], of_chance[m])} | {_summary(arrays[m], chance[m], labels)} |" for m in order),
    ]
    if AUTO in arrays:
        gains = arrays[AUTO] - chance[AUTO]
        mean, (low, high) = gains.mean(axis=0), interval(gains)
        cells = " | ".join(f"{m:+.3f} ({a:+.3f} to {b:+.3f})" for m, a, b in zip(mean, low, high, strict=True))
        lines += ["", "`auto` less random, with its 95 % interval:", ""]
        lines += ["| " + " | ".join(f"{n:,}" for n in labels) + " |", "|---" * len(labels) + "|", f"| {cells} |"]
    return "\n".join(lines)


def _areas(mine: NDArray[np.float64], chance: NDArray[np.float64]) -> str:
    gains = (mine - chance)[:, None]
    low, high = interval(gains)
    return f"{len(mine)} | {mine.mean():.3f} | {gains.mean():+.3f} ({low[0]:+.3f} to {high[0]:+.3f})"


def _summary(mine: NDArray[np.float64], chance: NDArray[np.float64], labels: NDArray[np.int64]) -> str:
    lows, highs = interval(mine - chance)
    wins, losses = np.count_nonzero(lows > 0), np.count_nonzero(highs < 0)
    ties = np.count_nonzero(~np.isnan(lows)) - wins - losses
    curve, random = mine.mean(axis=0), chance.mean(axis=0)
    reached = ", ".join(_reached(curve, random, labels, factor) for factor in (2, 4))
    needed = ", ".join(
        _needed(curve, float(np.interp(n, labels, random)), labels) if n <= labels[-1] else "not run"
        for n in (400, 1_000)
    )
    return f"{wins} / {ties} / {losses} | {reached} | {needed}"


def area(curves: NDArray[np.float64], labels: NDArray[np.int64]) -> NDArray[np.float64]:
    """(seeds, budgets) -> (seeds,) means over the logarithm of the labels."""
    x = np.log(labels)
    return np.trapezoid(curves, x, axis=1) / (x[-1] - x[0])


def interval(differences: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """95 % of the mean over seeds: (seeds, k) -> (k,), (k,)."""
    n = len(differences)
    reach = stats.t.ppf(0.975, n - 1) * differences.std(axis=0, ddof=1) / np.sqrt(n) if n > 1 else np.inf
    mean = differences.mean(axis=0)
    return mean - reach, mean + reach


def _reached(curve: NDArray[np.float64], random: NDArray[np.float64], labels: NDArray[np.int64], factor: int) -> str:
    asked = [i for i, n in enumerate(labels) if factor * n <= labels[-1] and not np.isnan(curve[i])]
    hit = sum(curve[i] >= np.interp(np.log(factor * labels[i]), np.log(labels), random) for i in asked)
    return f"{hit} of {len(asked)}"


def _needed(curve: NDArray[np.float64], target: float, labels: NDArray[np.int64]) -> str:
    best = np.maximum.accumulate(curve[~np.isnan(curve)])
    if target > best[-1]:
        return f"over {labels[len(best) - 1]:,}"
    first = int(np.argmax(best >= target))
    if first == 0:
        return f"{labels[0]}"
    share = (target - best[first - 1]) / (best[first] - best[first - 1])
    return f"{np.exp(np.log(labels[first - 1]) * (1 - share) + np.log(labels[first]) * share):,.0f}"


def _f1(value: float) -> str:
    return "" if np.isnan(value) else f"{value:.3f}"


def _plot(name: str, labels: NDArray[np.int64], arrays: dict[str, NDArray[np.float64]], path: Path) -> None:
    figure, axes = plt.subplots(figsize=(7, 4.2), layout="constrained")
    for method in (one for one in SHOWN if one in arrays):
        curves = arrays[method]
        bold = method in (RANDOM, AUTO)
        (line,) = axes.plot(
            labels, curves.mean(axis=0), label=method, marker="o", markersize=3, linewidth=2.4 if bold else 1.2,
            color={RANDOM: "0.4", AUTO: "black"}.get(method), zorder=3 if bold else 2,
        )  # fmt: skip
        if bold:
            low, high = interval(curves)
            axes.fill_between(labels, low, high, color=line.get_color(), alpha=0.15, linewidth=0)
    axes.set(xscale="log", xlabel="labels", ylabel="macro F1", title=name)
    axes.set_xticks(labels, [f"{n:,}" for n in labels], rotation=45)
    axes.minorticks_off()
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8)
    figure.savefig(path, dpi=110)
    plt.close(figure)
