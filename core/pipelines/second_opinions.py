"""Images that several people are to label, and that too few of them have: they come again, in the batches of others."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from math import ceil
from typing import TYPE_CHECKING, Self

from nextlabel.core.data.kept_apart import kept_apart
from nextlabel.core.data.label_files import survey
from nextlabel.core.data.pool import Pool
from nextlabel.core.data.roots import existing_file_or_folder
from nextlabel.core.data.spelling import all_as_seen, as_seen
from nextlabel.core.kinds.selection import SelectionRequest
from nextlabel.core.methods.base import Rows
from nextlabel.core.people import in_file_names
from nextlabel.core.pipelines.hand_outs import doubted
from nextlabel.core.tasks.registry import task_of

if TYPE_CHECKING:
    from nextlabel.core.pipelines.run import Run


@dataclass(frozen=True)
class SecondOpinions:
    """labelled_by: the people who labelled each image of the overlap that this person may label, too.

    most: how many of them a batch may hold, so that it is not made of them alone.
    """

    labelled_by: Mapping[str, frozenset[str]] = field(default_factory=dict)
    most: int = 0

    @classmethod
    def of(cls, request: SelectionRequest, pool: Pool, candidates: Rows, run: Run) -> Self:
        """Look them up in people's files, in the order of the pool; none where no overlap was asked for.

        candidates: rows that had no label when the job began, which it may choose by itself: they are left out.
        """
        if request.person is None or request.overlap == 1 or request.path_to_labels is None:
            return cls()
        roots, person = run.settings.data_roots, request.person
        seen = survey(existing_file_or_folder(request.path_to_labels, roots), roots, task_of(request.task))
        people: dict[str, set[str]] = {}
        for file, said in seen.of_people().items():
            for name in said:
                people.setdefault(name, set()).add(in_file_names(file.rpartition(".")[0]))
        new = {pool.names[row] for row in candidates}
        apart = map(as_seen, kept_apart(existing_file_or_folder(request.path_to_labels, roots), roots))
        done = {one.name for one in seen.settled} | {*apart, *request.exclude, *request.pending, *doubted(request, run)}
        found = {
            name: frozenset(people[key])
            for name, key in zip(pool.names, all_as_seen(pool.names), strict=True)
            if key in people
            and name not in new
            and person not in people[key]
            and len(people[key]) < request.most_holders(name)
            and not {name, key} & done
        }
        room = request.add - sum(request.class_quotas.values())
        return cls(found, min(room, ceil(request.add * request.overlap_share)))

    def open_to(self, request: SelectionRequest, holders: Mapping[str, Collection[str]]) -> list[str]:
        """List those that are free, as many as a batch may hold. holders: the people who have each image now."""
        free = [
            name
            for name, people in self.labelled_by.items()
            if request.person not in holders.get(name, ())
            and len(people | set(holders.get(name, ()))) < request.most_holders(name)
        ]
        return free[: self.most]

    def most_holders(self, name: str, request: SelectionRequest, holders: Mapping[str, Collection[str]]) -> int:
        """Return how many people may have the image at once, so that no more label it than were asked for."""
        gone = self.labelled_by.get(name, frozenset()) - set(holders.get(name, ()))
        return request.most_holders(name) - len(gone)
