"""More like these, where an image may have several classes."""

from __future__ import annotations

from nextlabel.core.kinds.similar import MultilabelSimilarItem, MultilabelSimilarResult, SimilarRequest
from nextlabel.core.pipelines.run import Run
from nextlabel.core.pipelines.similar import find_similar
from nextlabel.core.tasks.multilabel import MatchedSets


def carry_out(request: SimilarRequest, run: Run) -> MultilabelSimilarResult:
    found = find_similar(request, run)
    matched = found.embedded.matched
    assert isinstance(matched, MatchedSets)
    classes = matched.classes_by_row()
    told = zip(found.items, found.rows.tolist(), strict=True)
    items = tuple(MultilabelSimilarItem(classes=classes.get(row), **item) for item, row in told)
    return MultilabelSimilarResult(items=items, **found.told)
