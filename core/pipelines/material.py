"""What pipelines share: the pool and its labels, a backbone, a head, how numbers and names look in a result."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from typing import Protocol, overload

import numpy as np
from numpy.typing import NDArray

from nextlabel.core.data.by_content import ByContent
from nextlabel.core.data.draw import Draw
from nextlabel.core.data.files import SkippedFile
from nextlabel.core.data.kept_apart import kept_apart
from nextlabel.core.data.labels import left_out_of
from nextlabel.core.data.labels_folder import why_nobodys
from nextlabel.core.data.objects import Patience
from nextlabel.core.data.places import Place, place_at
from nextlabel.core.data.pool import Pool, draw_pool, list_pool, look_up
from nextlabel.core.data.roots import existing_file_or_folder, shown
from nextlabel.core.data.spelling import as_seen, difference, elsewhere, ends_of, joined_of, look_alike, meant, oddity
from nextlabel.core.errors import WarningCode
from nextlabel.core.kinds.requests import JobRequest
from nextlabel.core.kinds.results import ClassProbability, HeadSummary, Manifest
from nextlabel.core.kinds.results import Skipped as SkippedImage
from nextlabel.core.neural.heads.base import Head
from nextlabel.core.neural.trainers import TRAINERS
from nextlabel.core.neural.training import Examples, Tick
from nextlabel.core.pipelines.run import NAMES_IN_A_WARNING, Run
from nextlabel.core.pipelines.texts import names_for
from nextlabel.core.tasks.base import ClassTask, Conflicts, Labels, Matched, Prediction, Task
from nextlabel.core.tasks.registry import CLASSIFICATION, task_of

COMPARED = 100_000  # names in the pool with which absent ones are compared: half a second
LOOKED_UP = 3  # absent names that are looked for without the folders in them, where the pool isn't listed
VALIDATION_ROLE = "validation"
COPIES_SHOWN = 100
RARE = 3  # times fewer labels than the mean class has
NEAR_HALF = 1e-3  # nearer to it, the product of two numbers doesn't tell on which side a third lies
DIGITS = 6  # beyond these, the order of a sum shows
VERSIONS = ("torch", "timm", "scikit-learn", "numpy", "pillow")


@dataclass(frozen=True, eq=False)
class Labelled:
    """A pool as listed, with its labels; `matched` counts rows of this pool.

    drawn_from: how many images the pool was drawn from; None: it is not a draw but the whole.
    labelled_only: the pool is that of the labelled images, and of others nothing is known.
    """

    pool: Pool
    labels: Labels
    matched: Matched
    conflicts: Conflicts = field(default_factory=dict)
    task: ClassTask = CLASSIFICATION
    drawn_from: int | None = None
    labelled_only: bool = False

    @property
    def whole_pool(self) -> Pool | None:
        """The pool, where it is all that the place has."""
        return self.pool if self.drawn_from is None and not self.labelled_only else None

    def match(self, pool: Pool) -> Matched:
        """Match the labels with a part of the pool."""
        return self.task.match(self.labels, pool)


class Matchable(Protocol):
    """A pool with labels of any task, for a part of it."""

    @property
    def pool(self) -> Pool: ...

    def match(self, pool: Pool) -> Matched: ...


def read_labelled(
    request: JobRequest,
    path_to_img: str,
    path_to_labels: str | None,
    run: Run,
    role: str = "",
    *,
    labelled_only: bool = False,
    draw: Draw | None = None,
) -> Labelled:
    """Read the labels and list the pool; what doesn't fit becomes a warning. `role`: which of two sets it is.

    labelled_only: the pool is that of the labelled images; of others nothing is known, nor warned.
    draw: the pool is that of the images that are drawn, and of the labelled ones.
    """
    task = task_of(request.task)
    read = read_of_task(task, request, path_to_img, path_to_labels, run, role, labelled_only=labelled_only, draw=draw)
    pool, labels, matched, conflicts, drawn_from = read
    return Labelled(pool, labels, matched, conflicts, task, drawn_from, labelled_only)


def read_of_task(
    task: Task,
    request: JobRequest,
    path_to_img: str,
    path_to_labels: str | None,
    run: Run,
    role: str,
    *,
    labelled_only: bool,
    draw: Draw | None = None,
) -> tuple[Pool, Labels, Matched, Conflicts, int | None]:
    """Do what `read_labelled` does, for labels of any task. The last is `Labelled.drawn_from`."""
    place = _place(path_to_img, run, request.content)
    labels, conflicts = _read(path_to_labels, role, run, task)
    named, images = {*labels.names, *labels.disputed, *labels.apart}, None
    if draw is not None:
        pool, images = draw_pool(place, replace(draw, named={*draw.named, *named}))
    else:
        pool = look_up(place, named) if labelled_only else list_pool(place)
    matched = task.match(labels, pool)
    if matched.absent:
        detail = f"these {role}{' ' if role else ''}labelled names are not in the pool; they were left out"
        why = why_absent(matched.absent, place, None if labelled_only else pool.names)
        run.warn(WarningCode.LABEL_WITHOUT_IMAGE, detail + why, matched.absent)
    for alike in look_alike(matched.classes, to_the_eye=True):
        detail = f"these classes count as several, and differ by {difference(*alike[:2])} alone"
        run.warn(WarningCode.CLASSES_LOOK_ALIKE, detail, alike)
    if joined := joined_of(matched.classes):
        detail = (
            f"each counts as one class, and is put together of others, as {joined[0]!r}; if several are meant, give "
            "each a line of its own, with the task multilabel, or a box of its own"
        )
        run.warn(WarningCode.CLASSES_IN_ONE, detail, joined)
    for skipped in pool.skipped[:1]:
        names = [one.name for one in pool.skipped]
        run.warn(
            WarningCode.FILE_LEFT_OUT, f"not listed as part of the pool; the first because {skipped.reason}", names
        )
    return pool, labels, matched, conflicts, images


def _place(path: str, run: Run, content: bool) -> Place:
    before = run.done  # of another pool, maybe

    def listed(count: int) -> None:
        assert run.progress is not None
        if run.progress.unit != "images":
            run.stage(run.progress.stage, None, "images", done=before)
        run.advance(before + count)

    patience = Patience(run.settings.bucket_patience_s, waiting=run.waits)
    place = place_at(path, run.settings.data_roots, patience=patience, listed=listed)
    if not content:
        return place

    def show(done: int, total: int) -> None:
        assert run.progress is not None
        if done == 1:
            run.stage(run.progress.stage, before + total, "images", done=before)
        run.advance(before + done)

    return ByContent(place, show)


def _read(path: str | None, role: str, run: Run, task: Task) -> tuple[Labels, Conflicts]:
    """Read labels; warn of files that are nobody's, and of what people contradict each other about."""
    if path is None:
        return task.no_labels(), {}
    roots = run.settings.data_roots
    real = existing_file_or_folder(path, roots)
    labels, conflicts = _one_side(*task.read_with_conflicts(real, roots), kept_apart(real, roots), role)
    what = f"{role} labels" if role else "labels"
    if left_out := left_out_of(real, roots, task.suffixes):
        detail = f"these files in the folder of {what} were not read: {why_nobodys(left_out, task.suffixes)}"
        run.warn(WarningCode.LABELS_FILE_LEFT_OUT, detail, left_out)
    if conflicts:
        name, said = next(iter(conflicts.items()))
        first = ", ".join(f"{shown(class_)} in {where}" for class_, where in said.items())
        detail = f"{what} contradict each other about these images, which were left out; {shown(name)} is {first}"
        run.warn(WarningCode.LABELS_DISPUTED, detail, list(conflicts))
    return labels, conflicts


def _one_side(labels: Labels, conflicts: Conflicts, apart: Sequence[str], role: str) -> tuple[Labels, Conflicts]:
    """Return what is said of images that are kept apart, to validate by them; of all others, for everything else."""
    if not apart:
        return labels, conflicts
    names = frozenset(as_seen(name) for name in apart)
    validates = role == VALIDATION_ROLE

    def fits(name: str) -> bool:
        return (name in names) == validates

    kept = labels.among(fits, frozenset() if validates else names)
    return kept, {name: said for name, said in conflicts.items() if fits(name)}


def why_absent(absent: Sequence[str], place: Place, names: Sequence[str] | None) -> str:
    """Say of one of the names why it may not be found though it seems to be there; else say nothing.

    names: of the pool; None: not listed. Then a few are looked up.
    """
    first = absent[:NAMES_IN_A_WARNING]
    for name, other in meant(first, (names or ())[:COMPARED]).items():
        return f"; {shown(name)} and {shown(other)}, which is there, differ by {difference(name, other)} alone"
    if names is None:
        few = absent[:LOOKED_UP]
        there = elsewhere(few, place.look_up({end for name in few for end in ends_of(name)}).names)
    else:
        there = elsewhere(first, names[:COMPARED])
    if there:
        name, file = map(shown, there)
        return f"; perhaps {name} is there as {file}: a name is the path from the pool's folder on"
    odd = next(((name, why) for name in first if (why := oddity(name))), None)
    return f"; {shown(odd[0])} has {odd[1]}" if odd else ""


def train(
    request: JobRequest,
    embeddings: NDArray[np.float32],
    matched: Matched,
    run: Run,
    tick: Tick | None = None,
    *,
    neighbourhood: NDArray[np.float32] | None = None,
) -> tuple[Head, HeadSummary]:
    """Train a head on the labelled rows of the embeddings (K, d).

    neighbourhood: (R, d) images of the pool, of which the nearest have a say in what it says, if it asks any.
    tick: called as it gets on; None: the run's stage is the training's.
    """
    examples = examples_of(embeddings, matched, names_for(request, matched.classes, run))
    trained = run.heads.get(
        request.head,
        examples,
        seed=request.seed,
        device=run.backbones.device,
        tick=tick or run.advance,
        train=TRAINERS[task_of(request.task).trainer].train,
    )
    head = run.heads.among(trained, run.heads.neighbours(neighbourhood), examples)
    summary = HeadSummary(
        name=head.answers_as,
        classes=matched.classes,
        images_per_class=matched.images_per_class(),
        temperature=rounded(head.temperature),
        details={**head.details, **_asked(head)},
    )
    return head, summary


def examples_of(
    embeddings: NDArray[np.float32], matched: Matched, names: NDArray[np.float32] | None = None
) -> Examples:
    """Return the labelled rows of the embeddings (K, d), to train on. names: of the classes, as `Examples` has them."""
    return Examples(embeddings[matched.rows], matched.targets, len(matched.classes), names)


def _asked(head: Head) -> dict[str, float]:
    """Tell of the pool's images what the head asks: how many may be neighbours, and how much the distributions say."""
    if head.neighbours is None:
        return {}
    say = rounded(head.gaussians.say) if head.gaussians else 0.0
    return {"neighbours_among": len(head.neighbours), "distributions_say": say}


def out_of_fold(
    head: Head, request: JobRequest, embeddings: NDArray[np.float32], matched: Matched, run: Run
) -> NDArray[np.float32]:
    """Return what heads like that one say of the labelled rows of the embeddings (K, d), each trained without it."""
    return TRAINERS[task_of(request.task).trainer].out_of_fold_logits(
        head,
        examples_of(embeddings, matched),
        seed=request.seed,
        device=run.backbones.device,
        tick=lambda _done, _total: run.check(),
    )


def class_of(answer: Prediction) -> str:
    """Return the class that an image is given, as results of tasks with one class an image have it."""
    (class_,) = answer.predicted
    return class_


def top_of(answer: Prediction) -> tuple[ClassProbability, ...]:
    """Return the most probable classes of one image as results have them, best first."""
    return tuple(ClassProbability(class_name=name, probability=rounded(p)) for name, p in answer.top)


class Read(Protocol):
    """What the manifest says about a pool and its labels."""

    @property
    def pool(self) -> Pool: ...

    @property
    def labels(self) -> Labels: ...


class Origin(Protocol):
    """Of embeddings: what the manifest says about a Source."""

    @property
    def name(self) -> str: ...

    @property
    def weights(self) -> str: ...

    @property
    def preprocessing(self) -> str: ...

    @property
    def engine(self) -> str: ...


def manifest(
    request: JobRequest,
    origin: Origin,
    run: Run,
    *,
    head: bool,
    sources: Mapping[str, Read],
    predictions: str | None = None,
) -> Manifest:
    """`predictions`: the fingerprint of those that were brought along."""
    return Manifest(
        nextlabel=version("nextlabel"),
        versions={name: version(name) for name in (*VERSIONS, *(["openvino"] if origin.engine == "openvino" else []))},
        backbone=origin.name,
        weights=origin.weights,
        preprocessing=origin.preprocessing,
        head=request.head if head else None,
        device=run.backbones.device,
        engine=origin.engine,
        seed=request.seed,
        pools={name: source.pool.fingerprint() for name, source in sources.items()},
        labels={name: source.labels.fingerprint() for name, source in sources.items()},
        predictions=predictions,
        texts=run.texts_by,
    )


def skipped_images(*parts: Sequence[SkippedFile]) -> tuple[SkippedImage, ...]:
    return tuple(SkippedImage(name=one.name, reason=one.reason) for part in parts for one in part)


@overload
def rounded(value: float) -> float: ...
@overload
def rounded(value: float | None) -> float | None: ...
def rounded(value: float | None) -> float | None:
    """Round as results do; None, for what can't be told, stays None."""
    return None if value is None else round(float(value), DIGITS)


def all_rounded(values: NDArray[np.float64], digits: int) -> NDArray[np.float64]:
    """Round as `round` does, to the last bit, all numbers at once; times 10^digits they are below 10^12."""
    scaled = values * 10.0**digits
    whole: NDArray[np.float64] = np.rint(scaled)
    halves = np.abs(np.abs(scaled - whole) - 0.5) < NEAR_HALF
    found = whole / 10.0**digits
    found[halves] = [round(value, digits) for value in values[halves].tolist()]
    return found


@overload
def rounded_interval(interval: tuple[float, float]) -> tuple[float, float]: ...
@overload
def rounded_interval(interval: tuple[float, float] | None) -> tuple[float, float] | None: ...
def rounded_interval(interval: tuple[float, float] | None) -> tuple[float, float] | None:
    """Round both ends; None stays None."""
    return None if interval is None else (rounded(interval[0]), rounded(interval[1]))
