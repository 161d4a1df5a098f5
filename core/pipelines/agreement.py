"""How far people agree, and what the images are that several labelled: Krippendorff's alpha, CROWDLAB.

Goh, Tkachenko and Mueller, CROWDLAB: Supervised learning to infer consensus labels and quality scores for data with
multiple annotators (2022), by cleanlab.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self
from warnings import catch_warnings, simplefilter

import numpy as np
from numpy.typing import NDArray

from nextlabel.core.data.label_files import Survey, person_of, survey
from nextlabel.core.data.labels import sorted_classes
from nextlabel.core.data.roots import existing_file_or_folder
from nextlabel.core.data.spelling import all_as_seen, as_seen
from nextlabel.core.errors import NoLabels
from nextlabel.core.kinds.agreement import (
    KIND,
    AgreementPart,
    AgreementRequest,
    AgreementResult,
    ClassAgreement,
    ConsensusItem,
    PersonAgreement,
)
from nextlabel.core.kinds.results import HeadSummary
from nextlabel.core.metrics.agreement import Agreement, counted, of_class, of_person, overall
from nextlabel.core.pipelines.embedding import Embedded
from nextlabel.core.pipelines.material import (
    manifest,
    out_of_fold,
    read_labelled,
    rounded,
    rounded_interval,
    skipped_images,
    train,
)
from nextlabel.core.pipelines.run import Run
from nextlabel.core.pipelines.source import source_of
from nextlabel.core.tasks.base import besides
from nextlabel.core.tasks.registry import CLASSIFICATION

LEAST_OF_A_CLASS = 2  # one image has no other to be judged by
LEAST = 1e-3  # the probability of a class that no head was trained on: CROWDLAB wants all of them possible


def carry_out(request: AgreementRequest, run: Run) -> AgreementResult:
    run.plan(*KIND.planned())
    run.stage("read")
    labelled = read_labelled(request, request.path_to_img, request.path_to_labels, run, labelled_only=True)
    assert request.path_to_labels is not None
    roots = run.settings.data_roots
    seen = survey(existing_file_or_folder(request.path_to_labels, roots), roots, CLASSIFICATION)
    rows = np.union1d(labelled.matched.rows, labelled.matched.disputed)
    if not len(rows):
        raise NoLabels(f"agreement looks at labels: no image of the pool has one{besides(labelled.matched)}")
    source = source_of(request, run)
    embedded = source.embed(labelled, rows, "embed", run)
    run.stage("judge")
    opinions = Opinions.of(seen, embedded)
    probabilities, head = _judge(request, embedded, opinions, run)
    run.stage("compare")
    consensus = _consensus(opinions, probabilities)
    rng = np.random.default_rng(request.seed)
    return AgreementResult(
        labels=len(rows),
        overall=AgreementPart(**_told(overall(opinions.said, len(opinions.classes), rng))),
        people=_people(opinions, consensus, rng),
        per_class=_per_class(opinions, rng),
        items=_items(opinions, consensus),
        disputed=len(labelled.matched.disputed),
        settled=len(seen.settled),
        consensus_by="majority" if probabilities is None else "crowdlab",
        head=head,
        skipped=skipped_images(labelled.pool.skipped, embedded.unreadable),
        manifest=manifest(request, source, run, head=head is not None, sources={"pool": labelled}),
    )


@dataclass(frozen=True, eq=False)
class Opinions:
    """What each of M people says of each of N images, which somebody says something of.

    rows: (N,) of what is embedded. said: (N, M) into `classes`; -1: nothing. settled: by name.
    """

    rows: NDArray[np.int64]
    names: tuple[str, ...]
    people: tuple[str, ...]
    classes: tuple[str, ...]
    said: NDArray[np.int64]
    settled: Mapping[str, str]

    @classmethod
    def of(cls, seen: Survey, embedded: Embedded) -> Self:
        keys = all_as_seen(embedded.pool.names)
        there = set(keys)
        by_person = {person_of(file): said for file, said in seen.of_people().items() if there & said.keys()}
        classes = sorted_classes(class_ for said in by_person.values() for class_, *_ in said.values())
        index = {class_: i for i, class_ in enumerate(classes)}
        said = np.full((len(keys), len(by_person)), -1, np.int64)
        for person, theirs in enumerate(by_person.values()):
            said[:, person] = [index[theirs[name][0]] if name in theirs else -1 for name in keys]
        rows = np.flatnonzero((said >= 0).any(axis=1))
        settled = {one.name: one.class_name for one in seen.settled}
        names = tuple(embedded.pool.names[row] for row in rows)
        return cls(rows, names, tuple(by_person), classes, said[rows], settled)

    @property
    def several(self) -> NDArray[np.bool_]:
        """(N,) whether two people at least say something of it."""
        found: NDArray[np.bool_] = (self.said >= 0).sum(axis=1) >= 2
        return found


@dataclass(frozen=True, eq=False)
class Consensus:
    """classes: (N,) what each image is by all that is said of it; quality: (N,) the probability that this is right.

    people: (M,) how good each person's labels are; None where that can't be told.
    """

    classes: NDArray[np.int64]
    quality: NDArray[np.float64]
    people: NDArray[np.float64] | None


def _judge(
    request: AgreementRequest, embedded: Embedded, opinions: Opinions, run: Run
) -> tuple[NDArray[np.float64] | None, HeadSummary | None]:
    """Return (N, C) what a head says of each image that has not seen its label; None where there is none to train.

    It learns from what nobody contradicts, or what was settled.
    """
    matched = embedded.matched
    enough = np.flatnonzero(np.bincount(matched.targets, minlength=len(matched.classes)) >= LEAST_OF_A_CLASS)
    if not opinions.several.any() or len(enough) < 2:
        return None, None
    matched = matched.take(np.isin(matched.targets, enough))
    head, summary = train(request, embedded.embeddings, matched, run)
    logits = head.logits(embedded.embeddings)
    logits[matched.rows] = out_of_fold(head, request, embedded.embeddings, matched, run)
    told = CLASSIFICATION.probabilities(logits[opinions.rows])
    probabilities = np.full((len(opinions.rows), len(opinions.classes)), LEAST)
    for column, class_ in enumerate(matched.classes):
        if class_ in opinions.classes:
            probabilities[:, opinions.classes.index(class_)] += told[:, column]
    return probabilities / probabilities.sum(axis=1, keepdims=True), summary


def _consensus(opinions: Opinions, probabilities: NDArray[np.float64] | None) -> Consensus:
    if probabilities is None:
        counts = counted(opinions.said, len(opinions.classes))
        best = (counts + counts.sum(axis=0) / (counts.sum() + 1)).argmax(axis=1)
        return Consensus(best, counts[np.arange(len(best)), best] / counts.sum(axis=1), None)
    from cleanlab.multiannotator import get_label_quality_multiannotator  # noqa: PLC0415 - it brings pandas

    said = np.where(opinions.said < 0, np.nan, opinions.said)
    with catch_warnings():
        simplefilter("ignore", UserWarning)  # that people agree on nothing is what the result says
        found = get_label_quality_multiannotator(said, probabilities, verbose=False, return_detailed_quality=False)
    images, people = found["label_quality"], found["annotator_stats"].sort_index()
    return Consensus(
        images["consensus_label"].to_numpy(np.int64),
        images["consensus_quality_score"].to_numpy(np.float64),
        people["annotator_quality"].to_numpy(np.float64),
    )


# --- in words ---------------------------------------------------------------------------------------------------


def _told(found: Agreement) -> dict[str, Any]:
    return {
        "images": found.images,
        "observed": rounded(found.observed),
        "alpha": rounded(found.alpha),
        "alpha_interval": rounded_interval(found.interval),
    }


def _people(opinions: Opinions, consensus: Consensus, rng: np.random.Generator) -> tuple[PersonAgreement, ...]:
    """Tell of each person, the one whose labels are least good first: by CROWDLAB, else by the consensus."""
    found = []
    for person, name in enumerate(opinions.people):
        shared = np.flatnonzero(opinions.several & (opinions.said[:, person] >= 0))
        said, agreed = opinions.said[shared, person], consensus.classes[shared]
        wrong = Counter((said[said != agreed]).tolist())
        found.append(
            PersonAgreement(
                rank=0,
                person=name,
                labels=int((opinions.said[:, person] >= 0).sum()),
                quality=None if consensus.people is None else rounded(consensus.people[person]),
                with_consensus=rounded((said == agreed).mean()) if len(shared) else None,
                worst_class=opinions.classes[min(wrong, key=lambda one: (-wrong[one], one))] if wrong else None,
                **_told(of_person(opinions.said, len(opinions.classes), person, rng)),
            )
        )
    found.sort(key=lambda one: (one.with_consensus is None, one.quality or 0, one.with_consensus or 0, one.person))
    return tuple(one.model_copy(update={"rank": rank}) for rank, one in enumerate(found, 1))


def _per_class(opinions: Opinions, rng: np.random.Generator) -> tuple[ClassAgreement, ...]:
    shared = opinions.said[opinions.several]
    counts = counted(shared, len(opinions.classes))
    return tuple(
        ClassAgreement(
            class_name=name,
            mixed_up_with=_most_said_besides(class_, counts, opinions.classes),
            **_told(of_class(shared, len(opinions.classes), class_, rng)),
        )
        for class_, name in enumerate(opinions.classes)
    )


def _most_said_besides(class_: int, counts: NDArray[np.floating], classes: Sequence[str]) -> str | None:
    """Return what else is said most often of images that somebody says are of that class."""
    others = np.delete(np.arange(len(classes)), class_)
    said = counts[counts[:, class_] > 0][:, others].sum(axis=0)
    return classes[others[int(said.argmax())]] if said.size and said.max() > 0 else None


def _items(opinions: Opinions, consensus: Consensus) -> tuple[ConsensusItem, ...]:
    """Tell of images that several people labelled: first what is to be settled, last what is settled."""
    settled = np.array([name in opinions.settled for name in all_as_seen(opinions.names)], np.bool_)
    alike = (counted(opinions.said, len(opinions.classes)) > 0).sum(axis=1) < 2
    order = np.lexsort((np.arange(len(settled)), consensus.quality, alike, settled))
    order = order[opinions.several[order]]
    return tuple(_item(rank, int(at), opinions, consensus) for rank, at in enumerate(order, 1))


def _item(rank: int, at: int, opinions: Opinions, consensus: Consensus) -> ConsensusItem:
    name, class_ = opinions.names[at], opinions.classes[consensus.classes[at]]
    said = {person: opinions.classes[c] for person, c in zip(opinions.people, opinions.said[at], strict=True) if c >= 0}
    alike = sum(one == class_ for one in said.values())
    return ConsensusItem(
        rank=rank,
        name=name,
        labels=said,
        consensus=class_,
        quality=rounded(consensus.quality[at]),
        settled=opinions.settled.get(as_seen(name)),
        reason=f"{alike} of {len(said)} say {class_} ({consensus.quality[at]:.2f})",
    )
