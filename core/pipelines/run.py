"""One pipeline at work: where it is, what it warns of, and the places where it can be stopped."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from nextlabel.core.embeddings.recent import RecentEmbeddings
from nextlabel.core.errors import WarningCode
from nextlabel.core.jobs.record import JobWarning, Progress
from nextlabel.core.neural.backbones import BackboneLoader
from nextlabel.core.neural.engine import Watch
from nextlabel.core.neural.heads.kept import TrainedHeads
from nextlabel.core.neural.kept_texts import KeptTexts
from nextlabel.core.pipelines.cache_filler import CacheFiller
from nextlabel.core.pipelines.hand_outs import HandOutsOfJob
from nextlabel.core.settings import Settings

NAMES_IN_A_WARNING = 20
PUBLISH_EVERY_S = 1.0
#: So much longer a stage's speed is measured before it is told.
MEASURED = 3


class Run:
    """What a pipeline gets besides its request.

    `check` may raise Interrupted and is called between batches; `publish` gets progress and warnings, at most
    once a second and at each new stage. `filler`: who can embed much together; None: nobody.
    `hand_outs`: which images are with whom; None: nobody has any. `heads`, `texts`, `recent`: what earlier jobs left
    in memory.
    `texts_by`: the digest of what embedded texts for this job; None: none were.
    `begun`: when this attempt at the job was, by time.monotonic().
    """

    def __init__(
        self,
        settings: Settings,
        backbones: BackboneLoader,
        *,
        check: Callable[[], None],
        publish: Callable[[Progress, tuple[JobWarning, ...]], None],
        filler: CacheFiller | None = None,
        hand_outs: HandOutsOfJob | None = None,
        heads: TrainedHeads | None = None,
        texts: KeptTexts | None = None,
        recent: RecentEmbeddings | None = None,
    ) -> None:
        self.begun = time.monotonic()
        self.settings = settings
        self.backbones = backbones
        self.heads = heads or TrainedHeads()
        self.texts = texts or KeptTexts()
        self.texts_by: str | None = None
        self.recent = recent or RecentEmbeddings(0)
        self.filler = filler
        self.hand_outs = hand_outs
        self.warnings: tuple[JobWarning, ...] = ()
        self.progress: Progress | None = None
        self.watch = Watch(check, self.halved, self.waits)
        self._check = check
        self._publish = publish
        self._stages: tuple[str, ...] = ()
        self._already = 0  # of the stage, what needed no work
        self._first: tuple[float, int] | None = None  # when its first step was done, and how much that was
        self._published = 0.0

    def plan(self, *stages: str) -> None:
        """The stages to come, in order."""
        self._stages = stages

    def stage(self, name: str, total: int | None = None, unit: str = "", done: int = 0) -> None:
        """Begins a stage of the plan. `done`: what needs no work any more."""
        self._already, self._first = done, None
        self.progress = Progress(
            stage=name,
            stage_index=self._stages.index(name),
            stage_count=len(self._stages),
            done=done,
            total=total,
            unit=unit,
        )
        self._tell()
        self._check()

    def advance(self, done: int, total: int | None = None) -> None:
        """The stage has got to `done`; raises when the job must stop."""
        assert self.progress is not None
        total = total if total is not None else self.progress.total
        self.progress = self.progress.model_copy(update={"done": done, "total": total, **self._speed(done, total)})
        if time.monotonic() - self._published >= PUBLISH_EVERY_S:
            self._tell()
        self._check()

    @property
    def done(self) -> int:
        return self.progress.done if self.progress else 0

    @property
    def seconds_left(self) -> float | None:
        """Of this stage, at its speed so far; None while that isn't known."""
        return self.progress.eta_s if self.progress else None

    def check(self) -> None:
        """Raises when the job must stop."""
        self._check()

    def waits(self, why: str) -> None:
        """Tell at once that storage is waited for, and raise when the job must stop."""
        if not self.warned_of(WarningCode.BUCKET_WAITED_FOR):
            self.warn(WarningCode.BUCKET_WAITED_FOR, f"the job waits for storage: {why}")
            if self.progress is not None:
                self._tell()
        self._check()

    def warned_of(self, code: WarningCode) -> bool:
        return any(warning.code == code for warning in self.warnings)

    def warn(self, code: WarningCode, detail: str, names: Sequence[str] = ()) -> None:
        warning = JobWarning(
            code=str(code), detail=detail, count=max(1, len(names)), names=tuple(names[:NAMES_IN_A_WARNING])
        )
        if warning not in self.warnings:  # a pool that does not fit into memory is looked at twice, say
            self.warnings = (*self.warnings, warning)

    @contextmanager
    def untold(self) -> Iterator[None]:
        """Forget what is warned of within, unless an error ends it."""
        warnings = self.warnings
        yield
        self.warnings = warnings

    def halved(self, size: int) -> None:
        self.warn(WarningCode.BATCH_HALVED, f"the GPU's memory was short; going on with {size} images at once")

    def _speed(self, done: int, total: int | None) -> dict[str, float | None]:
        """Tell how fast the stage is, and how long it takes still: from its first step on, which takes longer."""
        unknown: dict[str, float | None] = {"rate_per_s": None, "eta_s": None}
        now = time.monotonic()
        if self._first is None:
            self._first = (now, done) if done > self._already else None
            return unknown
        begun, before = self._first
        elapsed = now - begun
        if done <= before or elapsed < MEASURED * PUBLISH_EVERY_S:
            return unknown
        rate = (done - before) / elapsed
        eta = None if total is None else round((total - done) / rate, 1)
        return {"rate_per_s": round(rate, 2), "eta_s": eta}

    def _tell(self) -> None:
        assert self.progress is not None
        self._published = time.monotonic()
        self._publish(self.progress, self.warnings)
