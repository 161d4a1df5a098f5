"""Where a job's embeddings come from: a backbone, a file that was brought along, or nowhere."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from nextlabel.core.data.external import ExternalEmbeddings, read_embeddings
from nextlabel.core.data.files import SkippedFile
from nextlabel.core.data.spelling import all_as_seen
from nextlabel.core.errors import WarningCode
from nextlabel.core.kinds.requests import JobRequest, OnePool, OneValidated
from nextlabel.core.neural.backbones import Backbone
from nextlabel.core.pipelines.embedding import Embedded, embed_rows, loaded
from nextlabel.core.pipelines.leftovers import refuse_none_of, warn_of_leftovers
from nextlabel.core.pipelines.material import Labelled, Matchable, Origin
from nextlabel.core.pipelines.run import Run


class Source(Origin, Protocol):
    """Named in the manifest as a backbone is."""

    def embed(self, labelled: Matchable, rows: NDArray[np.int64], stage: str, run: Run) -> Embedded:
        """Embeddings of those rows of the pool. Those that have none are left out, and listed as unreadable."""


def source_of(request: OnePool, run: Run) -> Source:
    """Raises EmbeddingsMalformed and what loading a backbone does."""
    if request.path_to_embeddings is not None:
        given = read_embeddings(request.path_to_embeddings, run.settings.data_roots)
        validates = isinstance(request, OneValidated) and request.path_to_img_val is not None
        return External.of(given, of_one_pool=not validates)
    return load_backbone(request, run) if request.backbone is not None else NoEmbeddings()


def load_backbone(request: JobRequest, run: Run) -> Embedder:
    return Embedder(loaded(request, run))


@dataclass(frozen=True, eq=False)
class Embedder:
    """A backbone."""

    backbone: Backbone

    @property
    def name(self) -> str:
        return self.backbone.name

    @property
    def weights(self) -> str:
        return self.backbone.weights

    @property
    def preprocessing(self) -> str:
        return self.backbone.preprocessing

    @property
    def engine(self) -> str:
        return self.backbone.engine

    def embed(self, labelled: Matchable, rows: NDArray[np.int64], stage: str, run: Run) -> Embedded:
        return embed_rows(labelled, rows, self.backbone, stage, run)


@dataclass(frozen=True, eq=False)
class External:
    """Embeddings that another program made, from a file. `weights` is the file's fingerprint.

    of_one_pool: whether the job asks about one pool, so that what this doesn't have is of no use.
    """

    given: ExternalEmbeddings
    weights: str
    of_one_pool: bool
    name: str = "brought along"
    preprocessing: str = "none"
    engine: str = "none"

    @classmethod
    def of(cls, given: ExternalEmbeddings, *, of_one_pool: bool) -> External:
        return cls(given, given.fingerprint(), of_one_pool)

    def embed(self, labelled: Matchable, rows: NDArray[np.int64], stage: str, run: Run) -> Embedded:
        """Raises NameNotInPool when not one of them is there."""
        wanted = labelled.pool.take(rows)
        run.stage(stage, total=len(wanted), unit="images", done=len(wanted))
        place = {name: i for i, name in enumerate(self.given.names)}
        places = np.array([place.get(name, -1) for name in all_as_seen(wanted.names)], np.int64)
        absent = [wanted.names[i] for i in np.flatnonzero(places < 0)]
        if len(absent) == len(wanted):
            refuse_none_of("image of the pool", "embedding", self.given.names[0])
        if absent:
            run.warn(
                WarningCode.WITHOUT_EMBEDDING, "these images have no embedding in the file; they were left out", absent
            )
        if self.of_one_pool and isinstance(labelled, Labelled) and (pool := labelled.whole_pool) is not None:
            warn_of_leftovers("embedding", self.given.names, pool, run)
        kept = wanted.take(np.flatnonzero(places >= 0)) if absent else wanted
        why = "no embedding of it was brought along"
        skipped = tuple(SkippedFile(name, why, WarningCode.WITHOUT_EMBEDDING) for name in absent)
        return Embedded(kept, self.given.matrix[places[places >= 0]], labelled.match(kept), skipped)


@dataclass(frozen=True, eq=False)
class NoEmbeddings:
    """No embeddings: for predictions that were brought along, and methods that look at nothing else."""

    name: str = "none"
    weights: str = "none"
    preprocessing: str = "none"
    engine: str = "none"

    def embed(self, labelled: Matchable, rows: NDArray[np.int64], stage: str, run: Run) -> Embedded:
        """(K, 0) for K images."""
        wanted = labelled.pool.take(rows)
        run.stage(stage, total=len(wanted), unit="images", done=len(wanted))
        return Embedded(wanted, np.empty((len(wanted), 0), np.float32), labelled.match(wanted), ())
