"""Look through a pool: its images by label, by guess and by name, a page at a time."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, TypeAlias

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field, field_validator

from nextlabel.api.auth import Reader, job_of
from nextlabel.api.errors import RESPONSES
from nextlabel.api.json_bodies import JsonRoute
from nextlabel.api.routes.notes import NoteView, note_view
from nextlabel.api.services import Given, Services
from nextlabel.core.data.browse import Answer, Guesses, Labelled, Listing, Sort, View, Wanted, find
from nextlabel.core.data.kept_apart import kept_apart
from nextlabel.core.data.label_files import Survey, person_of, state_of
from nextlabel.core.data.labels_folder import SETTLED
from nextlabel.core.data.lasso import Point, inside, lasso_in
from nextlabel.core.data.notes import Note, read_notes
from nextlabel.core.data.places import place_at
from nextlabel.core.data.roots import existing_file_or_folder
from nextlabel.core.data.spelling import as_seen
from nextlabel.core.errors import Fault, InvalidRequest, PathNotFound
from nextlabel.core.jobs.record import Job
from nextlabel.core.kinds.prediction import SureLabels
from nextlabel.core.kinds.projects import check_is_about
from nextlabel.core.kinds.requests import ImageName, OfClasses, PathText
from nextlabel.core.people import in_file_names
from nextlabel.core.tasks.registry import task_of

router = APIRouter(tags=["data"], responses=RESPONSES, route_class=JsonRoute)
MOST_AT_ONCE = 10_000
PREDICTION, MAP = "prediction", "map"
Noted: TypeAlias = Literal["any", "unsure", "text"]
NotesByName: TypeAlias = dict[str, list[Note]]  # names as they are compared
Share = Annotated[float, Field(ge=0, le=1)]


class PoolQuery(BaseModel):
    path_to_img: PathText
    path_to_labels: PathText
    task: OfClasses = "classification"
    labelled: Labelled = Field("any", description="`disputed`: labels of it contradict each other.")
    class_name: str | None = Field(None, alias="class", max_length=1000, description='"": that none applies.')
    person: str | None = Field(None, max_length=200, description="Images that this person has labelled.")
    noted: Noted | None = Field(
        None, description="Images that somebody is unsure of, or has noted something about (`GET /labels/notes`)."
    )
    noted_by: str | None = Field(None, max_length=200, description="The person who is, or has; left out: anybody.")
    apart: bool | None = Field(None, description="Whether the image is kept apart to validate by.")
    search: str = Field("", max_length=1000, description="A part of the name, in any case.")
    of_job: str | None = Field(
        None,
        max_length=100,
        description="Images that this succeeded job lists: a `selection`'s batch, what a `similar` found, a `map`.",
    )
    lasso: str | None = Field(
        None, max_length=10_000, description="Of a map, images inside this line alone: `x,y,x,y,...`, 3 to 200 corners."
    )
    prediction: str | None = Field(
        None, max_length=100, description="A succeeded job of the kind `prediction` about this pool: its guesses."
    )
    predicted: str | None = Field(None, max_length=1000, description='The guess; "": that none applies.')
    least: Share | None = Field(None, description="How sure the guess is, at least.")
    most: Share | None = Field(None, description="How sure the guess is, at most.")
    sort: Sort = Field("name", description="`time`: when the file was changed. With `-`, the other way round.")
    offset: int = Field(0, ge=0)
    limit: int = Field(200, ge=0, le=MOST_AT_ONCE)
    view: str = Field(
        "",
        max_length=64,
        description="`view` of an answer before: its order is kept, whatever was labelled since. Where it is not kept "
        "any more, the pool is looked through anew, and `view` is another one if the answer is.",
    )

    seek: ImageName | None = Field(None, description="The name of an image: `sought` tells where it is listed.")
    anew: bool = Field(False, description="List the pool again, also where that was done a moment ago.")

    @field_validator("lasso")
    @classmethod
    def _check_lasso(cls, value: str | None) -> str | None:
        if value is not None:
            lasso_in(value)
        return value

    @property
    def wanted(self) -> Wanted:
        return Wanted(**self.model_dump(include=set(Wanted.__dataclass_fields__)))


class PoolImage(BaseModel):
    """An image, the label that counts, and the guess."""

    model_config = ConfigDict(frozen=True)

    name: str
    changed_at: datetime = Field(description="When the file was changed.")
    classes: list[str] | None = Field(description="null: it has no label. Empty: somebody looked, and none applies.")
    person: str | None = Field(description="Whose label it is; null: nobody's, or it was settled between several.")
    settled: bool
    disputed: bool
    predicted: list[str] | None
    confidence: float | None
    apart: bool = Field(description="Kept apart to validate by (`GET /labels/validation`).")
    notes: list[NoteView] = Field(description="What people are unsure of, or note.")


class Sought(BaseModel):
    """Where an image that was asked for by name is listed."""

    in_pool: bool
    place: int | None = Field(description="Its offset among the images that are asked for; null: it is not one.")


class PoolPage(BaseModel):
    """A page of the images that are asked for. `total`: how many they are; `images`: how many the pool has."""

    view: str
    total: int
    images: int
    listed_at: datetime = Field(description="When the pool was listed.")
    cross_validated: list[SureLabels] | None = Field(
        description="Of the prediction, where it was asked to tell: how often it is wrong, by how sure it is."
    )
    sought: Sought | None = Field(description="Where `seek` is; null where nothing was asked for.")
    data: list[PoolImage]


@router.get("/pool")
async def get_pool(services: Given, caller: Reader, which: Annotated[PoolQuery, Query()]) -> PoolPage:
    """List images of a pool with their labels, and with what a prediction says of them."""
    job = None if which.prediction is None else await job_of(caller, which.prediction, services)
    lister = None if which.of_job is None else await job_of(caller, which.of_job, services)
    if which.lasso is not None and lister is None:
        raise InvalidRequest([Fault("?of_job", "missing_field", "name the map that the lasso is drawn on")])
    results = [str(services.settings.results_dir)] if job or lister else []
    folders = [which.path_to_img, which.path_to_labels, *results]
    return await services.files.run(folders, _page, which, job, lister, services)


def _page(which: PoolQuery, job: Job | None, lister: Job | None, services: Services) -> PoolPage:
    roots = services.settings.data_roots
    labels, state = Survey({}), ""
    notes: NotesByName = {}
    apart: set[str] = set()
    with suppress(PathNotFound):  # before the first label
        path = existing_file_or_folder(which.path_to_labels, roots)
        state = state_of(path, roots)
        labels = services.surveys.get(path, state, roots, task_of(which.task))
        for note in read_notes(path, roots):
            notes.setdefault(as_seen(note.name), []).append(note)
        apart = {as_seen(name) for name in kept_apart(path, roots)}
    place = place_at(which.path_to_img, roots)
    view = services.views.get(which.view) if which.view else None
    if view is None or view.listing.pool.place.key != place.key:
        listing = services.views.listing(place, anew=which.anew)
        guesses = None if job is None else _guesses(listing, job, services)
        only = [*_noted(notes, which), *([apart] if which.apart else [])]
        if lister is not None:
            check_is_about(lister, place.key, "?of_job", roots)
            only.append(_named_by(lister, None if which.lasso is None else lasso_in(which.lasso), services))
        rows = find(listing, labels, guesses, which.wanted, only, apart if which.apart is False else ())
        asked = f"{state}\0{which.prediction}\0{which.wanted}\0{which.noted}\0{which.noted_by}\0{which.apart}"
        asked += f"\0{which.of_job}\0{which.lasso}"
        view = services.views.keep(View.of(listing, asked, rows, guesses))
    return PoolPage(
        view=view.id,
        total=len(view.rows),
        images=len(view.listing.pool),
        listed_at=datetime.fromtimestamp(view.listing.at, UTC),
        cross_validated=view.guesses.trust if view.guesses else None,
        sought=None if which.seek is None else _sought(view, which.seek),
        data=_images(view, labels, notes, apart, which.offset, which.limit),
    )


def _sought(view: View, name: str) -> Sought:
    row = view.listing.pool.find([as_seen(name)]).get(as_seen(name))
    return Sought(in_pool=row is not None, place=None if row is None else view.place_of(row))


def _named_by(job: Job, lasso: list[Point] | None, services: Services) -> set[str]:
    """Return the images that a job's result names, of a map those inside the lasso; names as they are compared.

    Raises InvalidRequest where it names none.
    """
    result: dict[str, Any] = json.loads(services.results.content(job))
    names = result.get("names") if job.kind == MAP else result.get("data")
    if not isinstance(names, list):
        raise InvalidRequest([Fault("?of_job", "invalid_value", f"that job is a {job.kind}, and lists no images")])
    if lasso is None:
        return {as_seen(name) for name in names}
    if job.kind != MAP:
        raise InvalidRequest([Fault("?lasso", "invalid_value", f"that job is a {job.kind}, and no map")])
    there = inside(result["x"], result["y"], lasso)
    return {as_seen(name) for name, is_there in zip(names, there.tolist(), strict=True) if is_there}


def _noted(notes: NotesByName, which: PoolQuery) -> Iterator[set[str]]:
    """Yield the names of the images that were noted as is asked for; nothing: whatever was noted."""
    if which.noted is None:
        return
    by = None if which.noted_by is None else in_file_names(which.noted_by)
    unsure, text = (which.noted in ("any", part) for part in ("unsure", "text"))
    yield {
        name
        for name, said in notes.items()
        if any((one.unsure and unsure) or (one.text and text) for one in said if by in (None, one.person))
    }


def _images(
    view: View, labels: Survey, notes: NotesByName, apart: set[str], offset: int, limit: int
) -> list[PoolImage]:
    pool, guesses = view.listing.pool, view.guesses
    rows = view.rows[offset : offset + limit].tolist()
    said: dict[str, tuple[list[str], str]] = {}
    for label in labels.of([pool.names[row] for row in rows]):
        said.setdefault(label.name, ([], label.file))[0].append(label.class_name)
    images = []
    for row in rows:
        classes, file = said.get(pool.names[row], (None, ""))
        code = -1 if guesses is None else int(guesses.codes[row])
        images.append(
            PoolImage(
                name=pool.names[row],
                changed_at=datetime.fromtimestamp(int(pool.mtimes_ns[row]) / 1e9, UTC),
                classes=None if classes is None else [one for one in classes if one],
                person=None if file in ("", SETTLED) else person_of(file),
                settled=file == SETTLED,
                disputed=as_seen(pool.names[row]) in labels.disputed,
                predicted=list(guesses.answers[code]) if guesses and code >= 0 else None,
                confidence=round(float(guesses.confidence[row]), 6) if guesses and code >= 0 else None,
                apart=as_seen(pool.names[row]) in apart,
                notes=[note_view(one) for one in notes.get(as_seen(pool.names[row]), ())],
            )
        )
    return images


# --- guesses ----------------------------------------------------------------------------------------------------


def _guesses(listing: Listing, job: Job, services: Services) -> Guesses:
    """Read what the job predicted. Raises InvalidRequest where it predicted nothing, or of other images."""
    if job.kind != PREDICTION:
        raise InvalidRequest([Fault("?prediction", "invalid_value", f"that job is a {job.kind}, and predicts nothing")])
    check_is_about(job, listing.pool.place.key, "?prediction", services.settings.data_roots)
    services.results.size(job)  # what was read before is kept, and no answer once the result is gone

    def read() -> Guesses:
        result = json.loads(services.results.content(job))
        said = ((one["name"], _answer(one["predicted"]), one["confidence"]) for one in result["items"])
        return Guesses.of(listing.pool, said, result.get("cross_validated"))

    return services.views.guesses(listing, job.id, read)


def _answer(predicted: str | list[str]) -> Answer:
    return (predicted,) if isinstance(predicted, str) else tuple(predicted)
