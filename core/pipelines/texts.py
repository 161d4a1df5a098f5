"""What embeds the texts of a request among the images of its backbone: what it asks for, and the names of classes."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from nextlabel.core.data.class_file import declared_names
from nextlabel.core.data.roots import shown
from nextlabel.core.embeddings.catalogue import find_backbone
from nextlabel.core.errors import (
    Fault,
    InvalidRequest,
    LabelsMalformed,
    NextlabelError,
    WarningCode,
    WeightsMismatch,
    WeightsUnavailable,
)
from nextlabel.core.kinds.prediction import goes_by_names
from nextlabel.core.kinds.requests import JobRequest
from nextlabel.core.neural.heads.linear import LinearHead
from nextlabel.core.neural.heads.registry import HEADS
from nextlabel.core.neural.texts import Directions, load_texts, strange
from nextlabel.core.neural.training import Floats
from nextlabel.core.pipelines.run import Run

SENTENCE = "This is a photo of {}."  # that the network was shown most like
MOST_BESIDE = 200  # declared names that are embedded before anybody labels an image so
OF_LABELS = ("path_to_labels", "path_to_labels_train")


def directions_for(
    request: JobRequest, texts: Sequence[str], field: str, run: Run, *, beside: Sequence[str] = ()
) -> Directions:
    """Say where the texts lie among the images of the request's backbone. Of the same ones as lately, and where one
    can't be spelt, no network is loaded.

    field: a pointer to what the texts stand in. beside: what later jobs will ask for, too, as far as it can be spelt:
    it is embedded together, and each of the other texts by itself, so that a new one changes nothing for the rest;
    these together, too, where they are more than are kept by themselves.

    Raises InvalidRequest for texts in letters or words that it can't spell, and what `load_texts` does.
    """
    assert request.backbone is not None
    spec = find_backbone(request.backbone)
    words = run.texts.words(spec, run.settings)
    if unspelt := strange(words, texts):
        which = ", ".join(map(shown, unspelt[:3]))
        detail = f"{spec.name} reads English, and can't spell {len(unspelt)} of these texts: {which}"
        raise InvalidRequest([Fault(field, "invalid_value", detail)])
    left_out = frozenset(strange(words, beside))
    together = [text for text in dict.fromkeys(beside) if text not in left_out] or [*dict.fromkeys(texts)]
    others = sorted(set(texts) - set(together))
    parts = [others] if len(others) > run.texts.ALONE else [[text] for text in others]
    load = cache(lambda: load_texts(spec, run.settings))  # at most once, for what isn't kept

    def embedded(some: Sequence[str]) -> Directions:
        return run.texts.get(spec, some, run.settings, lambda: load().directions(some))

    directions = Directions.join([embedded(together), *map(embedded, parts)])
    run.texts_by = directions.weights
    place = {text: i for i, text in enumerate([*together, *others])}
    return directions.at([place[text] for text in texts])


def declared_for(request: JobRequest, run: Run, *, needed: bool) -> tuple[str, ...]:
    """Return the names that the folder of the request's labels declares, where its backbone knows texts; none of fewer
    than two.

    Raises LabelsMalformed if they are needed; else it is a warning, and there are none.
    """
    if not goes_by_names(request.model_dump()):
        return ()
    field = field_of_labels(request)
    if field is None:
        return ()
    try:
        names = declared_names(getattr(request, field), run.settings.data_roots)
    except LabelsMalformed as error:
        if needed:
            raise
        _warn(f"the declared classes were left aside: {error}", run)
        return ()
    return names if len(names) > 1 else ()


def field_of_labels(request: JobRequest) -> str | None:
    """Return the field that names the labels which are learnt from; None where there are none."""
    return next((field for field in OF_LABELS if getattr(request, field, None) is not None), None)


def directions_of_names(
    request: JobRequest, classes: Sequence[str], run: Run, *, declared: Sequence[str] = ()
) -> Directions:
    """Say where the names of classes lie. Raises what `directions_for` does.

    declared: names among which these, and those of the next rounds, mostly are.
    """
    texts, beside = ([SENTENCE.format(name) for name in names] for names in (classes, declared[:MOST_BESIDE]))
    return directions_for(request, texts, f"/{field_of_labels(request)}", run, beside=beside)


def directions_of_names_if_known(
    request: JobRequest, classes: Sequence[str], run: Run, *, declared: Sequence[str] = ()
) -> Directions | None:
    """Do the same for a job that can do without: where names can't be embedded, warn, and return None.

    A hub that could not be reached lately is not waited for again.
    """
    assert request.backbone is not None
    why: NextlabelError | None = run.texts.failed_lately(find_backbone(request.backbone), run.settings)
    if why is None:
        try:
            return directions_of_names(request, classes, run, declared=declared)
        except (InvalidRequest, WeightsUnavailable, WeightsMismatch) as error:
            why = error
    _warn(f"the names of the classes say nothing of images here: {why}", run)
    return None


def _warn(detail: str, run: Run) -> None:
    if not run.warned_of(WarningCode.NAMES_UNREAD):
        run.warn(WarningCode.NAMES_UNREAD, detail)


def names_for(request: JobRequest, classes: Sequence[str], run: Run) -> Floats | None:
    """Return where the names of a head's classes lie, (C, d), for one that listens to them; None where nobody knows.

    The folder of labels must declare classes: names that nobody wrote for people to read may be no words.
    """
    if not issubclass(HEADS[request.head], LinearHead) or not (declared := declared_for(request, run, needed=False)):
        return None
    directions = directions_of_names_if_known(request, classes, run, declared=declared)
    return None if directions is None else directions.units
