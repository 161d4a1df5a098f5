"""What stands beside labels, as the service tells it: notes, and which images are kept apart.

`api/routes/notes.py` and `api/routes/validation.py` write what this reads.
"""

from __future__ import annotations

from pydantic import BaseModel

from nextlabel.core.kinds.results import Part


class Note(Part):
    """What a person is unsure of, or has to say of an image. It is no label."""

    name: str
    person: str
    unsure: bool
    text: str


class NotesTold(BaseModel):
    notes: list[Note]


class KeptApart(Part):
    """The images that are kept apart to validate by: never proposed, never learnt from. `labelled`: how many are.

    Of the pool, where one was named; `not_in_pool`: names that are kept apart, too, and that it doesn't have.
    """

    images: int
    labelled: int
    names: tuple[str, ...]
    not_in_pool: tuple[str, ...] = ()
