"""How good the detector of boxes gets, and what choosing images is worth: figures of docs/detection-efficiency.md.

python -m benchmarks.detection curve  --data ../shared/data --weights ../shared/data/weights --out curve.jsonl
python -m benchmarks.detection table  --out curve.jsonl
python -m benchmarks.detection replay --data ... --methods auto random --out replay.jsonl
python -m benchmarks.detection gains  --out replay.jsonl
python -m benchmarks.detection expected --data ... --weights ... --detector light --rounds 40 60 80 --out expected.jsonl
python -m benchmarks.detection audit  --data ... --weights ... --sizes 100 --out audit.jsonl
python -m benchmarks.detection forecast --data ... --weights ... --sets bccd --seeds 0 --out forecast.jsonl
python -m benchmarks.detection costs  --data ... --weights ...

A line of JSON is written for each detector trained: what was stopped goes on, with the same `--out`, from there. 28 %
of each set is for scoring alone. CPU seconds are of this process: run with OMP_NUM_THREADS=1 on a machine that is busy.
`table` says of a curve what its seeds come to. `gains` holds the methods of a replay against random choice, at equal
images and at equal boxes. `expected` holds the boxes that were expected on each batch against those that there are,
and `audit` what audits of the first images of an order say against what they say in the mean; both print what all lines
of their file come to. `forecast` asks for learning curves of the smallest of the sizes, with images to score by and
without, and trains on each size to see how right they were. `costs` tells seconds and memory.
"""

from __future__ import annotations

import argparse
import json
import resource
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from shutil import copyfile
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from scipy.stats import t as student

from nextlabel.core.data.boxes import Box, BoxedImage, Detected, write_lines
from nextlabel.core.data.decoder import Decoder
from nextlabel.core.kinds.registry import parse_request
from nextlabel.core.methods.auto import AutoOfBoxes
from nextlabel.core.methods.base import Inputs
from nextlabel.core.methods.detection import GIVEN_DOUBTS, ClassSum
from nextlabel.core.methods.found_boxes import FoundBoxes
from nextlabel.core.metrics.detection import Truth, score
from nextlabel.core.neural.backbones import BackboneLoader
from nextlabel.core.neural.detection.detector import Detector
from nextlabel.core.neural.detection.letterbox import BoxReader
from nextlabel.core.neural.detection.weights import FILE, read_weights
from nextlabel.core.pipelines.detection.selection import LOOKED_AT
from nextlabel.core.pipelines.detection.training_set import LARGER_SIDE, SIDE
from nextlabel.core.pipelines.registry import carry_out
from nextlabel.core.pipelines.run import Run
from nextlabel.core.settings import Settings

SETS = ("bccd", "cards")
FOR_SCORING = 0.28
FIRST, ROUNDS = 20, (40, 60, 100, 140)
FEW = 20  # images
SEEN = 200  # images whose seconds are measured

Drawn = Mapping[str, BoxedImage]
Line = dict[str, Any]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    actions = parser.add_subparsers(required=True)
    lines, trained, repeated = (argparse.ArgumentParser(add_help=False) for _ in range(3))
    lines.add_argument("--out", type=Path, required=True, help="lines of JSON")
    trained.add_argument("--data", type=Path, required=True, help="a folder of sets")
    trained.add_argument("--weights", type=Path, required=True)
    trained.add_argument("--passes", type=int)
    trained.add_argument("--image-size", type=int)
    trained.add_argument("--detector", choices=("whole", "light", "large"))
    repeated.add_argument("--sets", nargs="+", default=list(SETS))
    repeated.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])

    curve = actions.add_parser("curve", parents=[lines, trained, repeated, sizes(20, 50, 100, 200)])
    curve.set_defaults(act=lambda given: write_trials(given, lambda trial, there: trial.curve(given.sizes, there)))
    table = actions.add_parser("table", parents=[lines])
    table.set_defaults(act=lambda given: print_table(read_lines(given.out)))
    replay = actions.add_parser("replay", parents=[lines, trained, repeated])
    replay.add_argument("--methods", nargs="+", default=["auto", "random"])
    replay.add_argument("--rounds", type=int, nargs="+", default=list(ROUNDS), help="images labelled after each")
    replay.set_defaults(
        act=lambda given: write_trials(given, lambda trial, there: trial.replay(given.methods, given.rounds, there))
    )
    gains = actions.add_parser("gains", parents=[lines])
    gains.set_defaults(act=lambda given: print_gains(read_lines(given.out)))
    expected = actions.add_parser("expected", parents=[lines, trained, repeated])
    expected.add_argument("--methods", nargs="+", default=["auto"])
    expected.add_argument("--rounds", type=int, nargs="+", default=list(ROUNDS), help="images labelled after each")

    def expect(given: argparse.Namespace) -> None:
        write_trials(given, lambda trial, there: trial.expected(given.methods, given.rounds, there))
        print_expected(read_lines(given.out))

    expected.set_defaults(act=expect)
    audit = actions.add_parser("audit", parents=[lines, trained, repeated, sizes(100, 200)])
    audit.add_argument("--repeats", type=int, default=5, help="of each audit")

    def audits(given: argparse.Namespace) -> None:
        write_trials(given, lambda trial, there: trial.audits(given.sizes, given.repeats, there))
        print_audits(read_lines(given.out))

    audit.set_defaults(act=audits)
    forecast = actions.add_parser("forecast", parents=[lines, trained, repeated, sizes(20, 50, 100, 200)])
    forecast.add_argument("--repeats", type=int, default=3, help="of a learning curve")
    forecast.set_defaults(
        act=lambda given: write_trials(given, lambda trial, there: trial.forecast(given.sizes, given.repeats, there))
    )
    costs = actions.add_parser("costs", parents=[trained])
    costs.add_argument("--set", choices=SETS, default=SETS[0])
    costs.add_argument("--images", type=int, default=10_000, help="that are predicted to tell what it costs")
    costs.set_defaults(
        act=lambda given: print_costs(given.data / given.set, given.weights, training_options(given), given.images)
    )
    given = parser.parse_args()
    given.act(given)


def sizes(*usual: int) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--sizes", type=int, nargs="+", default=list(usual), help="labelled images")
    return parser


def training_options(given: argparse.Namespace) -> dict[str, Any]:
    return {"passes": given.passes, "image_size": given.image_size, "detector": given.detector}


def write_trials(given: argparse.Namespace, measure: Callable[[Trial, Sequence[Line]], Iterable[Line]]) -> None:
    """Append what is measured of each set and seed. measure: given the lines of an earlier call, too."""
    before, options = read_lines(given.out), training_options(given)
    with TemporaryDirectory() as folder, given.out.open("a") as out:
        for seed in given.seeds:
            for name in given.sets:
                about = {"set": name, "seed": seed, **options}
                there = [line for line in before if about.items() <= line.items()]
                for line in measure(Trial(given.data / name, Path(folder), given.weights, seed, options), there):
                    print(json.dumps({**about, **line}), file=out, flush=True)


class Trial:
    """One set, divided by chance into images to learn from and images to score by; these are the same for all seeds."""

    def __init__(self, data: Path, folder: Path, weights: Path, seed: int, options: Mapping[str, Any]) -> None:
        self._images, self._drawn = data.resolve() / "images", read_drawn(data / "annotations.json")
        self._held_out, self._order = divided(self._drawn, seed)
        self._folder, self._seed, self._options = folder, seed, options
        self._val = self._labels("val.jsonl", self._held_out)
        roots = (data.resolve(), folder.resolve())
        self._settings = Settings(
            data_roots=roots, weights_dir=weights.resolve(), cache_dir=folder / "cache", state_dir=folder / "state"
        )
        self._backbones = BackboneLoader(self._settings, "cpu")

    def curve(self, sizes: Iterable[int], there: Sequence[Line]) -> Iterator[Line]:
        """there: the lines of an earlier call, which are not computed again."""
        for size in sizes:
            if all(line["labelled"] != size for line in there):
                yield {"labelled": size, **self._score(self._order[:size])}

    def replay(self, methods: Sequence[str], rounds: Sequence[int], there: Sequence[Line]) -> Iterator[Line]:
        """Choose in rounds, from one start for all methods; what was chosen is labelled as a person would.

        there: as of `curve`.
        """
        for method in methods:
            known = {line["labelled"]: line for line in there if line["method"] == method}
            labelled = self._order[:FIRST]
            for upto in (FIRST, *rounds):
                if upto in known:
                    labelled = [*labelled, *known[upto]["chosen"]]
                    continue
                chosen = self._choose(labelled, upto - len(labelled), method) if upto > len(labelled) else []
                labelled = [*labelled, *chosen]
                yield {"method": method, "labelled": upto, **self._score(labelled), "chosen": chosen}

    def expected(self, methods: Sequence[str], rounds: Sequence[int], there: Sequence[Line]) -> Iterator[Line]:
        """Choose in rounds as `replay` does; tell how many boxes were expected on each batch, and how many there are.

        there: as of `curve`.
        """
        for method in methods:
            known = {line["labelled"]: line["chosen"] for line in there if line["method"] == method}
            labelled = self._order[:FIRST]
            for upto in rounds:
                before = len(labelled)
                if before not in known:
                    batch = self._select(labelled, upto - before, method)
                    chosen = known[before] = list(batch.data)
                    boxes = sum(len(self._drawn[name].boxes) for name in chosen)
                    told = {"expected": batch.expected_boxes, "boxes": boxes}
                    yield {"method": method, "labelled": before, "chosen": chosen, **told}
                labelled = [*labelled, *known[before]]

    def audits(self, sizes: Sequence[int], repeats: int, there: Sequence[Line]) -> Iterator[Line]:
        """Audit the first images of the order, as many as each of the sizes.

        there: as of `curve`. A line has all methods of an audit, so that none is left out of what was stopped.
        """
        for size in sizes:
            if any((line["labelled"], line["repeats"]) == (size, repeats) for line in there):
                continue
            began = time.process_time()
            result = self._carry_out(
                "audit",
                path_to_img=str(self._images),
                path_to_labels=self._labels("labels.jsonl", self._order[:size]),
                repeats=repeats,
            )
            took = round(time.process_time() - began, 1)
            told = ("method", "verdict", "gain", "gain_interval", "gain_by_images")
            arms = [
                {"images": arm.images[-1], **{name: getattr(arm, name) for name in told}} for arm in result.arms[1:]
            ]
            yield {"labelled": size, "repeats": repeats, "cpu_s": took, "arms": arms}

    def forecast(self, sizes: Sequence[int], repeats: int, there: Sequence[Line]) -> Iterator[Line]:
        """Forecast from the smallest of the sizes, with images to score by and without, and measure at all of them.

        there: as of `curve`.
        """
        now, *others = sorted(sizes)
        known = [line for line in there if line["from"] == now]
        measured = {line["labelled"]: (line["map50"], line["boxes"]) for line in known}
        aside = {"path_to_img_val": str(self._images), "path_to_labels_val": self._val}
        for validation, fields in (("held out", aside), ("cross-validation", {})):
            if any(line["validation"] == validation for line in known):
                continue
            result = self._carry_out(
                "learning_curve",
                path_to_img=str(self._images),
                path_to_labels=self._labels("labels.jsonl", self._order[:now]),
                repeats=repeats,
                ahead=[size - now for size in others],
                **fields,
            )
            points = {point.images: point.repeats for point in result.points}
            about = {"from": now, "validation": validation, "points": points, "advice": result.advice.verdict}
            for size in (now, *others):
                if size not in measured:
                    reached = self._score(self._order[:size])
                    measured[size] = (reached["map50"], reached["boxes"])
            for size, told in zip([now, *others], [result.now, *result.forecast], strict=True):
                forecast = {"forecast": told.map50, "low": told.low, "high": told.high, "told_boxes": told.boxes}
                yield {**about, "labelled": size, **forecast, "map50": measured[size][0], "boxes": measured[size][1]}

    def trained_on(self, labelled: int) -> dict[str, Any]:
        return self._score(self._order[:labelled])

    @property
    def n_held_out(self) -> int:
        return len(self._held_out)

    def load_usual(self) -> None:
        """Load what a worker has loaded before its first job."""
        self._backbones.load_usual()

    def predict(self, folder: Path, labelled: Sequence[str], **fields: Any) -> int:
        """Predict the other images of a folder of copies, whose names begin with a number, and write the result as a
        worker does; return how many boxes it has.
        """
        path = self._folder / "labels.jsonl"
        path.write_text(write_lines((name, self._drawn[name.partition("-")[2]]) for name in labelled))
        result = self._carry_out("prediction", path_to_img=str(folder), path_to_labels=str(path), **fields)
        boxes = 0
        with (self._folder / "result.json").open("wb") as file:
            for part in result.json_parts():
                file.write(part)
                boxes += part.count(b'"draft":')
        return boxes

    def _score(self, labelled: Sequence[str]) -> dict[str, Any]:
        began = time.process_time()
        result = self._carry_out(
            "f1",
            path_to_img_train=str(self._images),
            path_to_labels_train=self._labels("labels.jsonl", labelled),
            path_to_img_val=str(self._images),
            path_to_labels_val=self._val,
        )
        return {
            "boxes": sum(len(self._drawn[name].boxes) for name in labelled),
            "map50": result.map50,
            "map": result.mean_average_precision,
            "f1": result.f1,
            "held_out_map50": result.detector.map50,
            "passes_kept": result.detector.passes,
            "named_by": result.detector.named_by,
            "side": result.detector.image_size,
            "cpu_s": round(time.process_time() - began, 1),
        }

    def _choose(self, labelled: Sequence[str], add: int, method: str) -> list[str]:
        return list(self._select(labelled, add, method).data)

    def _select(self, labelled: Sequence[str], add: int, method: str) -> Any:
        return self._carry_out(
            "selection",
            path_to_img=str(self._images),
            path_to_labels=self._labels("labels.jsonl", labelled),
            exclude=self._held_out,
            add=add,
            method=method,
        )

    def _carry_out(self, kind: str, **fields: Any) -> Any:
        run = Run(self._settings, self._backbones, check=lambda: None, publish=lambda _progress, _warnings: None)
        options = {name: value for name, value in self._options.items() if value is not None}
        body = {"kind": kind, "task": "detection", "seed": self._seed, **fields, **options}
        return carry_out(parse_request(body), run)

    def _labels(self, file: str, names: Sequence[str]) -> str:
        path = self._folder / file
        path.write_text(write_lines((name, self._drawn[name]) for name in names))
        return str(path)


def read_lines(path: Path) -> list[Line]:
    """Read what was written before; of a file that isn't there, nothing."""
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def of_what(line: Line) -> str:
    """Name the set and how detectors were trained, where that was said; only lines that are alike are put together."""
    said = [f"{line[name]} {unit}" for name, unit in (("passes", "passes"), ("image_size", "pixels")) if line.get(name)]
    return ", ".join([line["set"], line.get("detector") or "the detector by default", *said])


# --- what detectors come to -------------------------------------------------------------------------------------


def print_table(lines: Sequence[Line]) -> None:
    """Print, of each set and number of images, mean and range over seeds, and the longest seconds."""
    cells: dict[tuple[str, int], list[Line]] = {}
    for line in lines:
        cells.setdefault((of_what(line), line["labelled"]), []).append(line)
    for (name, labelled), of in sorted(cells.items()):
        map50, ap, seconds = ([line[key] for line in of] for key in ("map50", "map", "cpu_s"))
        named = sum(line["named_by"] is not None for line in of)
        print(
            f"{name} {labelled} images: mAP@50 {np.mean(map50):.3f} ({min(map50):.3f} to {max(map50):.3f}), mAP "
            f"{np.mean(ap):.3f} ({min(ap):.3f} to {max(ap):.3f}), {min(seconds):.0f} to {max(seconds):.0f} s; "
            f"{len(of)} seeds, {named} named by views"
        )


# --- what choosing gains ----------------------------------------------------------------------------------------


def print_gains(lines: Sequence[Line]) -> None:
    """Print what mAP@50 gains over random choice, in points: the mean over seeds and its interval of 95 %.

    At equal boxes, both are read off at as many boxes as the one of them had drawn that drew fewer: between two rounds,
    a curve is a line over the logarithm of the boxes. All methods of a seed begin with the same detector; where one
    began with another, made by other code, the seed is left out and named. Of each method, `random` too, the means of
    the last round come first, over all of its seeds that got there.
    """
    runs: dict[tuple[str, str], dict[int, list[Line]]] = {}
    for line in lines:
        runs.setdefault((of_what(line), line["method"]), {}).setdefault(line["seed"], []).append(line)
    for (name, method), by_seed in sorted(runs.items()):
        upto = max(line["labelled"] for of in by_seed.values() for line in of)
        last = [line for of in by_seed.values() for line in of if line["labelled"] == upto]
        boxes, map50 = (np.mean([line[key] for line in last]) for key in ("boxes", "map50"))
        print(f"{name} {method} {upto} images: {boxes:.0f} boxes, mAP@50 {map50:.3f} ({len(last)} seeds)")
        if method == "random":
            continue
        whole = {
            seed: (mine, theirs)
            for seed, mine in by_seed.items()
            if len(theirs := runs.get((name, "random"), {}).get(seed, [])) == len(mine)
        }
        rounds = {
            seed: {line["labelled"]: _gain(line, mine, theirs) for line in mine[1:]}
            for seed, (mine, theirs) in whole.items()
            if mine[0]["map50"] == theirs[0]["map50"]
        }
        if others := sorted(whole.keys() - rounds.keys()):
            print(f"{name} {method}: `random` began with another detector, so left out are seeds {others}")
        for labelled in [line["labelled"] for line in by_seed[min(by_seed)][1:]]:
            reached = [of[labelled] for of in rounds.values() if labelled in of]
            print(f"{name} {method} {labelled} images: {_mean(reached)}")
        print(f"{name} {method} all rounds: {_mean([np.mean([*of.values()], axis=0) for of in rounds.values()])}")


def _gain(line: Line, mine: Sequence[Line], theirs: Sequence[Line]) -> tuple[float, float]:
    """Compare one seed's round with random choice, at equal images and at equal boxes."""
    (other,) = (one for one in theirs if one["labelled"] == line["labelled"])
    boxes = np.log(min(line["boxes"], other["boxes"]))
    at_equal = [
        float(np.interp(boxes, np.log([one["boxes"] for one in of]), [one["map50"] for one in of]))
        for of in (mine, theirs)
    ]
    return 100 * (line["map50"] - other["map50"]), 100 * (at_equal[0] - at_equal[1])


def _mean(gains: Sequence[tuple[float, float]]) -> str:
    """gains: at equal images, and at equal boxes."""
    n = len(gains)
    if n < 2:
        return f"{n} seeds"
    mean, spread = np.mean(gains, axis=0), np.std(gains, axis=0, ddof=1)
    error = spread / np.sqrt(n) * student.ppf(0.975, n - 1)
    images, boxes = (f"{mean[i]:+.1f} ± {error[i]:.1f}" for i in (0, 1))
    return f"{images} at equal images, {boxes} at equal boxes ({n} seeds)"


# --- what batches were told to take -----------------------------------------------------------------------------


def print_expected(lines: Sequence[Line]) -> None:
    """Print how many times as many boxes were expected as there are: of all batches together, and over them."""
    batches: dict[tuple[str, str, int], list[Line]] = {}
    for line in lines:
        about = of_what(line), line["method"]
        batches.setdefault((*about, line["labelled"]), []).append(line)
        batches.setdefault((*about, 0), []).append(line)
    for (what, method, labelled), of in sorted(batches.items()):
        told, drawn = (np.array([line[key] for line in of], float) for key in ("expected", "boxes"))
        which = f"{what}, {method}, {f'{labelled} images known' if labelled else 'all'}, {len(of)} batches"
        if not drawn.sum():
            print(f"{which}: {told.sum():.1f} boxes are expected, and there is none")
            continue
        each = told[drawn > 0] / drawn[drawn > 0]
        without = f" ({np.count_nonzero(drawn == 0)} without a box left out)" if (drawn == 0).any() else ""
        print(
            f"{which}: expected are {told.sum() / drawn.sum():.2f} times as many boxes as there are; of a batch"
            f"{without} {each.min():.2f} to {each.max():.2f}, standard deviation {each.std():.2f}"
        )


# --- what audits say ---------------------------------------------------------------------------------------------


def print_audits(lines: Sequence[Line]) -> None:
    """Print what audits say, the mean of their gains at as many boxes, in points of mAP@50, and how many of their
    intervals hold the mean of the others.
    """
    audits: dict[tuple[str, int, int, str], list[Line]] = {}
    for line in lines:
        for arm in line["arms"]:
            about = of_what(line), line["labelled"], line["repeats"], arm["method"]
            audits.setdefault(about, []).append({**arm, "cpu_s": line["cpu_s"]})
    for (what, labelled, repeats, method), of in sorted(audits.items()):
        said = ", ".join(f"{verdict} {n}" for verdict, n in Counter(line["verdict"] for line in of).most_common())
        by_images, gains = (100 * np.array([line[key] for line in of]) for key in ("gain_by_images", "gain"))
        others = (gains.sum() - gains) / np.maximum(len(gains) - 1, 1)
        bounds = 100 * np.array([line["gain_interval"] for line in of])
        held = int(((bounds[:, 0] <= others) & (others <= bounds[:, 1])).sum())
        held_of = f", {held} of {len(of)} hold the mean of the others" if len(of) > 1 else ""
        wide = float(np.mean(bounds[:, 1] - bounds[:, 0])) / 2
        print(
            f"{what}, {labelled} labelled images, {repeats} repeats, {method}: {said}; "
            f"{_mean([*zip(by_images, gains, strict=True)])}; intervals ± {wide:.1f}{held_of}; "
            f"{min(line['cpu_s'] for line in of):.0f} to {max(line['cpu_s'] for line in of):.0f} s an audit"
        )


# --- what it costs ----------------------------------------------------------------------------------------------


def print_costs(data: Path, weights: Path, options: Mapping[str, Any], images: int) -> None:
    """Print seconds of this process's CPU, and its memory above that of a worker that has loaded its usual backbone.

    images: how many are predicted, files of the set under other names.
    """
    print_looks(data / "images", weights)
    with TemporaryDirectory() as folder:
        trial = Trial(data, Path(folder), weights, 0, options)
        trial.load_usual()
        began = resident_mb()
        print_light(data, Path(folder), weights, options)
        print(f"memory: {began} MB, and {resident_mb() - began} MB more by then")
        for labelled in (50, 200):
            with timed(f"a whole network trained on {labelled} images, {trial.n_held_out} scored"):
                trial.trained_on(labelled)
            with timed("the same, the detector kept"):
                trial.trained_on(labelled)
        print(f"memory: {resident_mb() - began} MB more by then")
        print_prediction(trial, data / "images", Path(folder) / "many", images)
        print(f"memory: {resident_mb() - began} MB more by then")
    print_choice()
    truth, said = made_up(5_000)
    with timed("mAP of 5,000 images, 100,000 predictions of 10 classes"):
        score(truth, said, [str(c) for c in range(10)])


def print_light(data: Path, folder: Path, weights: Path, options: Mapping[str, Any]) -> None:
    """Print what a light head takes of images whose features are kept, and what the features of an image do."""
    trial = Trial(data, folder, weights, 0, {**options, "detector": "light"})
    with timed(f"a light head trained on {FEW} images, {trial.n_held_out} scored, all new, the networks compiled"):
        trial.trained_on(FEW)
    with timed(f"on 200 images, {200 - FEW} of them new") as new:
        trial.trained_on(200)
    with timed("the same, all features kept") as kept:
        trial.trained_on(200)
    print(f"so an image's features take {1000 * (new.cpu_s - kept.cpu_s) / (200 - FEW):.1f} ms")


def print_prediction(trial: Trial, images: Path, folder: Path, n: int) -> None:
    """Print what it takes to predict n images by a detector of 50 labelled ones that is kept."""
    folder.mkdir()
    paths = sorted(images.iterdir())
    for i in range(n):
        copyfile(paths[i % len(paths)], folder / f"{i:06d}-{paths[i % len(paths)].name}")
    labels = [f"{i:06d}-{path.name}" for i, path in enumerate(paths[:50])]
    trial.predict(folder, labels, names=labels[:1])
    with timed(f"{n - 50:,} images predicted and written, the detector kept") as took:
        boxes = trial.predict(folder, labels)
    print(f"{1000 * took.cpu_s / n:.1f} ms of CPU an image, {boxes:,} boxes")


def print_looks(images: Path, weights: Path) -> None:
    """Print what an image takes that is looked at, of its file until its boxes, by OpenVINO and by PyTorch."""
    paths = sorted(images.iterdir())[:SEEN]
    for side in (SIDE, LARGER_SIDE):
        reader, decoder = BoxReader(side), Decoder.of(Settings(weights_dir=weights))
        with timed(f"{len(paths)} images read, for {side} pixels") as read:
            small = []
            for path in paths:
                with path.open("rb") as file:
                    small.append(reader.read(file, decoder).prepared)
        network = read_weights(weights / FILE)
        network.new_classes(6)
        ms = {"read": 1000 * read.cpu_s / len(paths)}
        for engine in ("openvino", "torch"):
            detector = Detector(network, engine=engine)
            detector(small[:1])
            with timed(f"the same seen by {detector.engine}") as seen:
                detector(small)
            ms[engine] = 1000 * seen.cpu_s / len(paths)
        print(", ".join(f"{what} {of:.1f} ms" for what, of in ms.items()))


def print_choice() -> None:
    """Print what choosing takes beyond looking, at as many candidates as a job looks at, and at 10,000."""
    for n in (LOOKED_AT, 10_000):
        said = [one.from_score(0.2) for one in made_up(n)[1]]
        rng = np.random.default_rng(0)
        boxes = FoundBoxes.of(said, np.full(10, 0.5))
        inputs = Inputs(
            candidates=np.arange(n),
            embeddings=rng.normal(size=(n, 384)).astype(np.float32),
            logits=ClassSum.of_candidates(boxes)[:, None],
            units=GIVEN_DOUBTS,
            boxes=boxes,
        )
        with timed(f"100 of {n:,} chosen by what `auto` is"):
            AutoOfBoxes().select(inputs, 100, rng)


def made_up(n: int) -> tuple[list[Truth], list[Detected]]:
    """Make n images with 7 objects each, and 20 predictions, of which 7 lie near the objects."""
    rng = np.random.default_rng(0)
    truth, said = [], []
    for _ in range(n):
        places = np.concatenate([rng.uniform(0, 500, (20, 2)), rng.uniform(10, 120, (20, 2))], axis=1)
        classes = rng.integers(0, 10, 20)
        truth.append(Truth(places[:7], classes[:7], np.zeros(7, np.bool_)))
        said.append(Detected(places + rng.normal(0, 4, places.shape), classes, rng.uniform(0, 1, 20)))
    return truth, said


@dataclass
class Took:
    cpu_s: float = 0.0


@contextmanager
def timed(what: str) -> Iterator[Took]:
    cpu, wall, took = time.process_time(), time.monotonic(), Took()
    yield took
    took.cpu_s = time.process_time() - cpu
    print(f"{what}: {took.cpu_s:.1f} s of CPU, {time.monotonic() - wall:.1f} s", flush=True)


def resident_mb() -> int:
    """The most memory that this process has had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024  # kB, on Linux


# --- labels -----------------------------------------------------------------------------------------------------


def divided(drawn: Drawn, seed: int) -> tuple[list[str], list[str]]:
    """Return the names of images to score by, the same for all seeds, and of the others in an order by chance."""
    names = np.random.default_rng(0).permutation(sorted(drawn)).tolist()
    held = round(FOR_SCORING * len(names))
    return names[:held], np.random.default_rng(seed).permutation(names[held:]).tolist()


def read_drawn(annotations: Path) -> Drawn:
    """Read a COCO file whose boxes are known to be right."""
    coco = json.loads(annotations.read_text())
    classes = {one["id"]: one["name"] for one in coco["categories"]}
    boxes: dict[int, list[Box]] = {one["id"]: [] for one in coco["images"]}
    for one in coco["annotations"]:
        boxes[one["image_id"]].append(Box(classes[one["category_id"]], *one["bbox"]))
    images = ((one["file_name"], one["width"], one["height"], boxes[one["id"]]) for one in coco["images"])
    return {name: BoxedImage(width, height, tuple(drawn)) for name, width, height, drawn in images}


if __name__ == "__main__":
    main()
