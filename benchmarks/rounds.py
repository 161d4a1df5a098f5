"""Rounds of selection on the clothing photos: does what is chosen teach more than chance?

    python -m benchmarks.rounds --weights ../shared/data/weights

From a first sample drawn by chance (the same for all methods of a seed), each round adds images by the method, looks up
their labels, and scores macro F1 on the validation photos. Goes through the pipelines as a job does, without the HTTP.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from pathlib import Path

from benchmarks import DATA
from nextlabel.core.data.labels import write_labels
from nextlabel.core.kinds.registry import parse_request
from nextlabel.core.neural.backbones import BackboneLoader
from nextlabel.core.pipelines.registry import carry_out
from nextlabel.core.pipelines.run import Run
from nextlabel.core.settings import Settings
from nextlabel.core.tasks.classification import read_labels


def main() -> None:
    arguments = _parse()
    settings = Settings(
        data_roots=(arguments.data, arguments.work), cache_dir=arguments.work / "cache", weights_dir=arguments.weights
    )
    rounds = Rounds(arguments, settings)
    curves = {
        (method, seed): rounds.curve(method, seed) for seed in range(arguments.seeds) for method in arguments.methods
    }
    _print_table(curves, arguments)


class Rounds:
    def __init__(self, arguments: argparse.Namespace, settings: Settings) -> None:
        self._arguments, self._settings = arguments, settings
        self._backbones = BackboneLoader(settings)
        self._pool = arguments.data / "clothing" / "train"
        self._answers = read_labels(arguments.data / "clothing" / "labels_train_all.txt").classes_by_name

    def curve(self, method: str, seed: int) -> list[float]:
        """Macro F1 at `add`, 2 `add`, ... labels."""
        labels = self._arguments.work / f"labels_{method}_{seed}.txt"
        chosen = self._select("random", None, seed)
        scores: list[float] = []
        while True:
            write_labels(labels, [(name, self._answers[name]) for name in chosen])
            scores.append(self._score(labels, seed))
            print(f"seed {seed} {method:<8} {len(chosen):>5} labels  macro F1 {scores[-1]:.3f}", flush=True)
            if len(scores) == self._arguments.rounds:
                return scores
            # a seed of its own for each round, or `random` would draw by the same lots again
            chosen += self._select(method, labels, 1000 * seed + len(scores))

    def _select(self, method: str, labels: Path | None, seed: int) -> list[str]:
        given = {"path_to_labels": str(labels)} if labels else {}
        result = self._run(
            kind="selection", method=method, add=self._arguments.add, seed=seed, path_to_img=str(self._pool), **given
        )
        return list(result.data)

    def _score(self, labels: Path, seed: int) -> float:
        clothing = self._arguments.data / "clothing"
        result = self._run(
            kind="f1",
            seed=seed,
            path_to_img_train=str(self._pool),
            path_to_labels_train=str(labels),
            path_to_img_val=str(clothing / "val"),
            path_to_labels_val=str(clothing / "labels_val.txt"),
        )
        return float(result.f1_macro)

    def _run(self, **request):
        run = Run(self._settings, self._backbones, check=lambda: None, publish=lambda _progress, _warnings: None)
        return carry_out(
            parse_request({"backbone": self._arguments.backbone, "head": self._arguments.head, **request}), run
        )


def _print_table(curves: dict[tuple[str, int], list[float]], arguments: argparse.Namespace) -> None:
    """Mean over seeds, and the mean paired difference to random with its standard error."""
    others = [method for method in arguments.methods if method != "random"]
    print("\n| labels | random | " + " | ".join(f"{method} | {method} - random" for method in others) + " |")
    print("|---" * (2 + 2 * len(others)) + "|")
    seeds = range(arguments.seeds)
    for index in range(arguments.rounds):
        cells = [f"{(index + 1) * arguments.add}", f"{statistics.mean(curves['random', s][index] for s in seeds):.3f}"]
        for method in others:
            gains = [curves[method, s][index] - curves["random", s][index] for s in seeds]
            error = statistics.stdev(gains) / len(gains) ** 0.5 if len(gains) > 1 else 0.0
            cells += [
                f"{statistics.mean(curves[method, s][index] for s in seeds):.3f}",
                f"{statistics.mean(gains):+.3f} ± {error:.3f}",
            ]
        print("| " + " | ".join(cells) + " |")


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=DATA, help="folder that holds clothing/")
    parser.add_argument("--weights", type=Path, default=DATA / "weights")
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "nextlabel-rounds")
    parser.add_argument("--backbone", default="mobilenet")
    parser.add_argument("--head", default="linear")
    parser.add_argument("--methods", nargs="+", default=["random", "margin"])
    parser.add_argument("--add", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--seeds", type=int, default=3)
    arguments = parser.parse_args()
    arguments.work.mkdir(parents=True, exist_ok=True)
    return arguments


if __name__ == "__main__":
    main()
