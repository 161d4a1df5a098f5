"""Why an image was picked, and why by which method: a code for each reason, and the English that says it.

What is said in other languages is made of the codes (`api/page/src/words`): a sentence that has none could not be.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import BaseModel, ConfigDict

from nextlabel.core.counting import counted

ImageCode = Literal[
    "region",
    "unsure_region",
    "region_or_name",
    "lies_apart",
    "typical",
    "far",
    "unlike",
    "hard_to_reconstruct",
    "rare_cluster",
    "uncertain",
    "changes_model",
    "tells_much",
    "guess_changes",
    "doubtful_boxes",
    "doubtful_other_boxes",
    "chance",
    "second_opinion",
]
IMAGE_REASONS: Mapping[ImageCode, str] = {
    "region": "stands for a region of the pool without labels",
    "unsure_region": "stands for a region that is unsure",
    "region_or_name": "stands for a region of the pool, or for a class that its name tells",
    "lies_apart": "stands for images that are far from all that is labelled",
    "typical": "typical of a cluster with few labels",
    "far": "far from everything that is labelled",
    "unlike": "unlike anything that is labelled",
    "hard_to_reconstruct": "unlike the labelled images: hard to reconstruct",
    "rare_cluster": "from a rare cluster of the map",
    "uncertain": "uncertain",
    "changes_model": "would change the model much",
    "tells_much": "tells much about the rest of the pool",
    "guess_changes": "the guess changes when part of the image's embedding is hidden",
    "doubtful_boxes": "its boxes are doubtful",
    "doubtful_other_boxes": "doubtful boxes, unlike those of the others",
    "chance": "drawn by chance",
    "second_opinion": "somebody has labelled it; what do you say?",
}

Known = Literal["nothing", "one_class", "several_classes", "one_class_or_not", "all_the_same"]
MethodCode = Literal[
    "asked",
    "whole_pool",
    "names",
    "unsure",
    "unseen",
    "needs_two_classes",
    "needs_labels",
    "no_embeddings",
    "no_box_yet",
    "needs_boxes",
    "unsure_boxes",
    "doubtful_boxes",
    "no_box_no_embeddings",
]
METHOD_REASONS: Mapping[MethodCode, str] = {
    "asked": "as asked",
    "whole_pool": "{known}: images that stand for the whole pool",
    "names": "{known}, and the classes have names: images that stand for the whole pool, and for each class that its "
    "name tells",
    "unsure": "{known}: images that stand for what the head is unsure of",
    "unseen": "{known}, nearly all of one and some classes seen once, so that others are likely unseen: images that "
    "stand for the whole pool, and first for what lies apart",
    "needs_two_classes": "{known}, and {asked} needs two classes",
    "needs_labels": "{known}, and {asked} learns from labelled images",
    "no_embeddings": "there are predictions, and no embeddings: images that the predictions are unsure of",
    "no_box_yet": "there is no box to learn from yet: images that stand for the whole pool",
    "needs_boxes": "there is no box to learn from yet, and {asked} looks at boxes",
    "unsure_boxes": "images that stand for what the detector is unsure of, and a tenth for the whole pool",
    "doubtful_boxes": "there are predictions, and no embeddings: images whose boxes are doubtful",
    "no_box_no_embeddings": "the predictions have no box, and there are no embeddings: by chance",
}


class MethodReason(BaseModel):
    """Why a method was run, for those who say it in another language. `known`: what was labelled, where that matters:
    so many `labels` of so many `classes`."""

    model_config = ConfigDict(frozen=True)

    code: MethodCode
    known: Known | None = None
    labels: int = 0
    classes: int = 0

    def in_words(self, asked: str) -> str:
        """Say it in an English clause. asked: the method that was asked for."""
        return METHOD_REASONS[self.code].format(known=self._known(), asked=asked)

    def _known(self) -> str:
        labels = counted(self.labels, "label")
        return {
            None: "",
            "nothing": "nothing is labelled yet",
            "one_class": "only one class is labelled",
            "several_classes": f"{labels} of {counted(self.classes, 'class', 'classes')}",
            "one_class_or_not": f"{labels} of one class, which some images have and others have not",
            "all_the_same": "all labels say the same",
        }[self.known]
