"""What a file that was brought along says of images that the pool does not have: it decides nothing, and is told."""

from __future__ import annotations

from collections.abc import Collection

from nextlabel.core.data.pool import Pool
from nextlabel.core.errors import WarningCode
from nextlabel.core.pipelines.material import why_absent
from nextlabel.core.pipelines.run import Run

WHAT = {
    WarningCode.PREDICTION_WITHOUT_IMAGE: "predictions",
    WarningCode.EMBEDDING_WITHOUT_IMAGE: "embeddings",
}


def warn_of_leftovers(code: WarningCode, names: Collection[str], pool: Pool, run: Run) -> None:
    """Warn of names in the file, composed (`as_seen`), that are not in the pool, which was listed whole."""
    there = pool.find(names)
    left_over = sorted(name for name in names if name not in there)
    if left_over:
        detail = f"the file has {WHAT[code]} of these images, which are not in the pool; they were left out"
        run.warn(code, detail + why_absent(left_over, pool.place, pool.names), left_over)
