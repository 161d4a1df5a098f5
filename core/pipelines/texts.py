"""What embeds the texts of a request among the images of its backbone."""

from __future__ import annotations

from collections.abc import Sequence

from nextlabel.core.data.roots import shown
from nextlabel.core.embeddings.catalogue import find_backbone
from nextlabel.core.errors import Fault, InvalidRequest
from nextlabel.core.kinds.requests import JobRequest
from nextlabel.core.neural.texts import Directions, Texts, load_texts
from nextlabel.core.pipelines.run import Run


def texts_for(request: JobRequest, texts: Sequence[str], field: str, run: Run) -> Texts:
    """Load it, before any image is embedded.

    field: a pointer to what the texts stand in.

    Raises InvalidRequest for texts in letters or words that it can't spell, and what `load_texts` does.
    """
    assert request.backbone is not None
    loaded = load_texts(find_backbone(request.backbone), run.settings)
    if strange := loaded.strange(texts):
        which = ", ".join(map(shown, strange[:3]))
        detail = f"{request.backbone} reads English, and can't spell {len(strange)} of these texts: {which}"
        raise InvalidRequest([Fault(field, "invalid_value", detail)])
    return loaded


def directions_for(request: JobRequest, texts: Sequence[str], field: str, run: Run) -> Directions:
    """Say where the texts lie among the images. Of the same texts as lately, no network is loaded.

    Raises what `texts_for` does.
    """
    assert request.backbone is not None
    return run.texts.get(
        find_backbone(request.backbone),
        texts,
        run.settings,
        lambda: texts_for(request, texts, field, run).directions(texts),
    )
