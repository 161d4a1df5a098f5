"""What a file that was brought along says of images that the pool does not have: it decides nothing, and is told."""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal, NoReturn

from nextlabel.core.data.pool import Pool
from nextlabel.core.errors import NameNotInPool, WarningCode
from nextlabel.core.pipelines.material import why_absent
from nextlabel.core.pipelines.run import Run

Brought = Literal["prediction", "embedding"]
CODES: dict[Brought, WarningCode] = {
    "prediction": WarningCode.PREDICTION_WITHOUT_IMAGE,
    "embedding": WarningCode.EMBEDDING_WITHOUT_IMAGE,
}


def refuse_none_of(images: str, what: Brought, first: str) -> NoReturn:
    """Raise NameNotInPool: the file says something of none of the images. first: a name that it has."""
    article = "an" if what == "embedding" else "a"
    raise NameNotInPool(f"no {images} has {article} {what} in the file; it names {first!r}: of another pool?")


def warn_of_leftovers(what: Brought, names: Collection[str], pool: Pool, run: Run) -> None:
    """Warn of names in the file, composed (`as_seen`), that are not in the pool, which was listed whole."""
    there = pool.find(names)
    left_over = sorted(name for name in names if name not in there)
    if left_over:
        detail = f"the file has {what}s of these images, which are not in the pool; they were left out"
        run.warn(CODES[what], detail + why_absent(left_over, pool.place, pool.names), left_over)
