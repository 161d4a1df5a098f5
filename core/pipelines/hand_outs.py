"""What a selection leaves out because somebody has it, and how its batch becomes somebody's."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol, Self

import numpy as np

from nextlabel.core.data.notes import of_person, read_notes
from nextlabel.core.data.pool import Pool
from nextlabel.core.data.roots import existing_file_or_folder
from nextlabel.core.jobs.hand_outs import HandOut, Project, people_by_name
from nextlabel.core.kinds.projects import project_of
from nextlabel.core.kinds.selection import SelectionRequest
from nextlabel.core.methods.base import Inputs, Rows

if TYPE_CHECKING:
    from nextlabel.core.pipelines.run import Run


class HandOutsOfJob(Protocol):
    """Which images are with whom, as one job sees it and adds to it."""

    def of_others(self, project: Project) -> list[HandOut]:
        """List what other jobs have handed out."""

    def hand_out(self, project: Project, person: str, most_holders: Mapping[str, int]) -> frozenset[str]:
        """Make these names, each with how many people may have it, this job's batch. Return those that it can't be."""


@dataclass(frozen=True, eq=False)
class Held:
    """Candidates that this person can't get: somebody has them, or the person is unsure of them. Rows, ascending.

    unsure_of: how many of them the person has said to be unsure of. people: who has each image, by name.
    """

    rows: Rows
    with_others: int
    with_you: int
    unsure_of: int
    people: Mapping[str, Collection[str]]

    @classmethod
    def of(cls, request: SelectionRequest, pool: Pool, candidates: Rows, run: Run) -> Self:
        """Look them up, as they are now."""
        people = people_by_name(run.hand_outs.of_others(_project(request, run))) if run.hand_outs else {}
        own = [name for name, who in people.items() if request.person in who]
        others = [
            name for name, who in people.items() if request.person not in who and len(who) >= request.most_holders(name)
        ]
        with_you, with_others, unsure_of = (
            np.intersect1d(pool.rows_of(names), candidates) for names in (own, others, doubted(request, run))
        )
        rows = np.union1d(np.union1d(with_you, with_others), unsure_of)
        return cls(rows, len(with_others), len(with_you), len(unsure_of), people)

    def left_out_of(self, inputs: Inputs) -> Inputs:
        """Take them out of the candidates; methods count them as covered."""
        if not len(self.rows):
            return inputs
        candidates = np.setdiff1d(inputs.candidates, self.rows, assume_unique=True)
        return replace(inputs, candidates=candidates, pending=np.union1d(inputs.pending, self.rows))


def doubted(request: SelectionRequest, run: Run) -> list[str]:
    """List the images that the person of the batch is unsure of: they are asked for others' answers, not for theirs."""
    if request.person is None or request.path_to_labels is None:
        return []
    roots = run.settings.data_roots
    notes = read_notes(existing_file_or_folder(request.path_to_labels, roots), roots)
    return [one.name for one in of_person(notes, request.person) if one.unsure]


def hand_out(request: SelectionRequest, most_holders: Mapping[str, int], run: Run) -> bool:
    """Hand the batch out to the person it is for, if any. False: somebody has got one of its images meanwhile.

    most_holders: by name, how many people may have the image at the same time.
    """
    if request.person is None or run.hand_outs is None:
        return True
    return not run.hand_outs.hand_out(_project(request, run), request.person, most_holders)


def _project(request: SelectionRequest, run: Run) -> Project:
    return project_of(request.path_to_img, request.path_to_labels, run.settings.data_roots)
