"""Classes for every unlabelled image, where an image may have several."""

from __future__ import annotations

from nextlabel.core.kinds.prediction import MultilabelPredictionItem, MultilabelPredictionResult, PredictionRequest
from nextlabel.core.pipelines.material import rounded, top_of
from nextlabel.core.pipelines.prediction import predict
from nextlabel.core.pipelines.run import Run


def carry_out(request: PredictionRequest, run: Run) -> MultilabelPredictionResult:
    predicted = predict(request, run)
    items = tuple(
        MultilabelPredictionItem(
            name=name,
            predicted=answer.predicted,
            confidence=rounded(answer.confidence),
            top=top_of(answer),
            probabilities=tuple(map(rounded, row)) if request.all_probabilities else None,
        )
        for name, answer, row in zip(predicted.names, predicted.predictions, predicted.probabilities, strict=True)
    )
    return MultilabelPredictionResult(items=items, **predicted.told)
