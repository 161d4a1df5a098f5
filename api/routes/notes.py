"""Notes: what people are unsure of, and what they have to say of images besides labels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Body, Query
from pydantic import BaseModel, ConfigDict, Field

from nextlabel.api.auth import ME, Reader, Writer
from nextlabel.api.errors import RESPONSES
from nextlabel.api.json_bodies import JsonRoute
from nextlabel.api.services import Given
from nextlabel.core.data.notes import MOST_TEXT, GivenNote, Note, of_person, read_notes, write_notes
from nextlabel.core.data.roots import existing_file_or_folder
from nextlabel.core.kinds.requests import PathText, PersonName

router = APIRouter(tags=["data"], responses=RESPONSES, route_class=JsonRoute)
MOST_AT_ONCE, MOST_TOLD = 10_000, 10_000


class NoteGiven(BaseModel):
    """What the person says of an image from now on. Neither unsure nor a text: nothing any more."""

    model_config = ConfigDict(extra="forbid")

    name: PathText
    unsure: bool = Field(False, strict=True, description="The person can't tell what it is.")
    text: Annotated[str, Field(max_length=MOST_TEXT)] = ""


class NotesGiven(BaseModel):
    model_config = ConfigDict(extra="forbid")

    path_to_labels: PathText = Field(description="A folder. It is made if the one it lies in is there.")
    notes: Annotated[list[NoteGiven], Field(max_length=MOST_AT_ONCE)]
    person: PersonName | None = Field(None, description="With keys it is the key's owner, and need not be said.")


class NotesQuery(BaseModel):
    path_to_labels: PathText
    person: PersonName | None = Field(None, description="Theirs alone.")


class NoteView(BaseModel):
    name: str
    person: str
    unsure: bool
    text: str


class NotesView(BaseModel):
    """`unsure`, `texts`: how many notes say so. `notes`: the newest 10,000 of them, oldest first."""

    unsure: int
    texts: int
    notes: list[NoteView]


@router.get("/labels/notes")
async def get_notes(services: Given, caller: Reader, which: Annotated[NotesQuery, Query()]) -> NotesView:
    """List what people are unsure of, and what they note. None of it is a label."""
    roots, person = services.settings.data_roots, caller.named(which.person)

    def read() -> tuple[Note, ...]:
        return read_notes(existing_file_or_folder(which.path_to_labels, roots), roots)

    notes = await services.files.run(which.path_to_labels, read)
    return _view(of_person(notes, person) if person else notes)


@router.post("/labels/notes")
async def post_notes(body: Annotated[NotesGiven, Body()], services: Given, caller: Writer) -> NotesView:
    """Write a person's notes: all of them, or none. Answers with all notes of theirs."""
    person = caller.person(body.person) or ME
    given = [GivenNote(one.name, one.unsure, one.text) for one in body.notes]
    roots = services.settings.data_roots
    notes = await services.files.run(
        body.path_to_labels, write_notes, body.path_to_labels, given, person=person, roots=roots
    )
    return _view(of_person(notes, person))


def _view(notes: Sequence[Note]) -> NotesView:
    return NotesView(
        unsure=sum(one.unsure for one in notes),
        texts=sum(bool(one.text) for one in notes),
        notes=[note_view(one) for one in notes[-MOST_TOLD:]],
    )


def note_view(one: Note) -> NoteView:
    return NoteView(name=one.name, person=one.person, unsure=one.unsure, text=one.text)
