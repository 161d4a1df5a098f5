"""What a detector proposes, in files of other tools: with scores, and never as if a person had drawn it."""

from __future__ import annotations

import json

import pytest

from nextlabel.core.errors import ExchangeMalformed, Inexpressible
from nextlabel.core.exchange.boxes import coco, label_studio
from nextlabel.core.exchange.boxes.found import labels_of
from nextlabel.core.exchange.boxes.proposed import proposed_by
from nextlabel.core.exchange.image_urls import ImageUrls
from nextlabel.core.kinds.prediction import BoxesOfImage, DetectionPredictionResult
from nextlabel.core.kinds.results import DetectorSummary, PredictedBox
from tests.api.support import MANIFEST, selection_result

DETECTOR = DetectorSummary(
    name="yolox_nano",
    classes=("cat",),
    images=4,
    boxes=4,
    held_out=1,
    passes=8,
    image_size=320,
    map50=0.5,
    thresholds={"cat": 0.4},
)


def result(detector=DETECTOR):
    boxes = (
        PredictedBox(box=(10, 20, 30, 40), class_name="cat", score=0.75, draft=True),
        PredictedBox(box=(0, 0, 5, 5), class_name="cat", score=0.2, draft=False),
    )
    items = (
        BoxesOfImage(name="a.png", width=100, height=200, boxes=boxes),
        BoxesOfImage(name="b.png", width=100, height=200, boxes=()),
    )
    return DetectionPredictionResult(items=items, detector=detector, skipped=(), manifest=MANIFEST)


def test_coco_has_the_drafts_with_their_scores_and_nobody_takes_them_for_drawn(tmp_path):
    document = coco.proposals(proposed_by(result()))
    (annotation,) = document["annotations"]
    assert (annotation["bbox"], annotation["score"]) == ([10, 20, 30, 40], 0.75)
    assert [image["file_name"] for image in document["images"]] == ["a.png", "b.png"]
    (tmp_path / "proposed.json").write_text(json.dumps(document))
    with pytest.raises(ExchangeMalformed, match="that a model proposed were left out"):
        labels_of(coco.read(tmp_path / "proposed.json"), None, max_pixels=10**6)
    taken = labels_of(coco.read(tmp_path / "proposed.json"), None, max_pixels=10**6, take_predictions=True)
    assert list(taken.images) == ["a.png"]


def test_label_studio_has_a_score_a_region_and_the_least_of_them_a_task():
    first, second = label_studio.proposals(proposed_by(result()), ImageUrls("/data/"), "nextlabel-1")
    assert "annotations" not in first
    (prediction,) = first["predictions"]
    assert (prediction["model_version"], prediction["score"]) == ("nextlabel-1", 0.75)
    (region,) = prediction["result"]
    assert (region["score"], region["value"]["x"], region["value"]["height"]) == (0.75, 10, 20)
    assert second["predictions"][0]["result"] == []


def test_what_has_no_class_yet_or_no_box_is_not_exported():
    with pytest.raises(Inexpressible, match="no class"):
        proposed_by(result(detector=None))
    with pytest.raises(Inexpressible, match="prediction"):
        proposed_by(selection_result(("a.png", "cat")))
