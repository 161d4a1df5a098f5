"""A class for every unlabelled image: step 3 of the loop."""

from __future__ import annotations

import numpy as np

from nextlabel.core.kinds.prediction import PredictionItem, PredictionRequest, PredictionResult
from nextlabel.core.pipelines.material import (
    manifest,
    need_two_classes,
    probabilities,
    read_labelled,
    skipped_images,
    top_classes,
    train,
)
from nextlabel.core.pipelines.run import Run
from nextlabel.core.pipelines.source import source_of


def predict(request: PredictionRequest, run: Run) -> PredictionResult:
    """Raises NoLabels and SingleClass before anything is embedded."""
    run.plan("read", "embed", "train", "predict")
    run.stage("read")
    labelled = read_labelled(request.path_to_img, request.path_to_labels, run, content=request.content)
    need_two_classes(labelled.matched, "prediction")
    source = source_of(request, run)
    every_row = np.arange(len(labelled.pool), dtype=np.int64)
    embedded = source.embed(labelled, every_row, "embed", run)
    matched = embedded.matched
    need_two_classes(matched, "prediction")
    run.stage("train")
    head, summary = train(request, embedded.embeddings[matched.rows], matched.targets, matched.classes, run)
    rows = embedded.unlabelled()
    run.stage("predict", total=len(rows), unit="images")
    guessed = probabilities(head.logits(embedded.embeddings[rows]))
    tops = [top_classes(row, matched.classes) for row in guessed]
    run.advance(len(rows))
    return PredictionResult(
        items=tuple(
            PredictionItem(
                name=embedded.pool.names[row],
                predicted=top[0].class_name,
                confidence=top[0].probability,
                top=top,
            )
            for row, top in zip(rows, tops, strict=True)
        ),
        head=summary,
        skipped=skipped_images(labelled.pool.skipped, embedded.unreadable),
        manifest=manifest(request, source, run, head=True, sources={"pool": labelled}),
    )
