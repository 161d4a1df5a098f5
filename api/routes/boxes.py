"""Boxes that people draw: tell what is drawn on images, and write what one person drew."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, BackgroundTasks, Body, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from nextlabel.api.auth import ME, Reader, Writer
from nextlabel.api.errors import RESPONSES
from nextlabel.api.etags import KnownEtags
from nextlabel.api.json_bodies import JSON, JsonRoute
from nextlabel.api.routes.hand_outs import note_labels
from nextlabel.api.routes.labels import ETAG, ClassCount, PathText, PersonCount, SettledByView
from nextlabel.api.services import Given
from nextlabel.core.data.box_files import (
    BoxesSettled,
    BoxesWritten,
    Drawing,
    GivenBoxes,
    drawings_of,
    give_boxes,
    person_of,
    settle_boxes,
    survey_boxes,
    version_of,
)
from nextlabel.core.data.boxes import Box, BoxedImage
from nextlabel.core.data.kept_apart import kept_apart
from nextlabel.core.data.label_files import state_of
from nextlabel.core.data.label_text import clean_name
from nextlabel.core.data.labels_folder import SETTLED_BOXES, SUFFIXES_OF_BOXES
from nextlabel.core.data.roots import existing_file_or_folder
from nextlabel.core.data.settlers import SettledBy, who_settled
from nextlabel.core.data.spelling import as_seen
from nextlabel.core.data.thumbnails import image_in, upright_size
from nextlabel.core.errors import Fault, ImageNotFound, InvalidRequest, UnreadableImage
from nextlabel.core.kinds.requests import ImageName, PersonName
from nextlabel.core.settings import Settings

router = APIRouter(tags=["data"], responses=RESPONSES, route_class=JsonRoute)
MAX_AT_ONCE = 1000
MAX_BOXES = 5000  # of an image; with names that aren't long they stay within the largest request
Number = Annotated[float, Field(allow_inf_nan=False)]


class BoxesPart(BaseModel):
    model_config = ConfigDict(populate_by_name=True, serialize_by_alias=True, extra="forbid")


class OneBox(BoxesPart):
    """`box`: x, y, width and height in pixels of the upright image; x to the right and y down from 0."""

    class_name: Annotated[str, Field(min_length=1, max_length=1000)] = Field(alias="class")
    box: tuple[Number, Number, Number, Number]
    crowd: bool = Field(False, strict=True, description="Around many objects that nobody counted.")


class DrawingView(BoxesPart):
    """What one person's file says of an image."""

    person: str
    file: str
    version: str = Field(description="Changes with it: whoever changes it says what they saw.")
    width: int = Field(description="Of the image that it was drawn on.")
    height: int
    boxes: list[OneBox]
    unfinished: bool = Field(description="The person is still at it: it is not counted, nor learnt from.")


class ImageBoxes(BoxesPart):
    """An image and what people drew on it. `width` and `height` of the upright image; null where it can't be read."""

    name: str
    width: int | None
    height: int | None
    drawings: list[DrawingView]
    settled: DrawingView | None = Field(
        description="What was settled between them, and counts in the place of all that they drew; null: nothing was. "
        "It is nobody's: its `person` is `_settled`."
    )
    settled_by: SettledByView | None = Field(
        description="Who settled it, and when; null: nothing was, or that isn't known, as of what was changed by hand."
    )
    version: str = Field(
        description="Changes with what people finish and what is settled: whoever settles it says what they saw."
    )


class Contradiction(BoxesPart):
    name: str
    said: dict[str, str] = Field(description="What not all people say, and where it stands.")


class BoxesView(BoxesPart):
    labels: int = Field(description="Images that somebody finished.")
    kept_apart: int = Field(description="Of them, those that are kept apart to validate by.")
    nothing_here: int = Field(description="Of them, those without a box.")
    unfinished: int = Field(description="Images that somebody began, and nobody finished.")
    classes: list[ClassCount] = Field(description="`labels` counts boxes.")
    people: list[PersonCount] = Field(description="`labels` counts images.")
    conflicts: list[Contradiction] = Field(description="1,000 at most. Such an image is left out by all jobs.")
    settled: list[str] = Field(
        description="Images about which it was settled what counts, the last of them last; 1,000 at most."
    )
    left_out: list[str] = Field(description="Files in the folder that are nobody's boxes; 1,000 at most.")


class DrawnImages(BoxesPart):
    images: list[ImageBoxes] = Field(description="In the order asked for.")


class ImageSaid(BoxesPart):
    name: ImageName
    width: int | None = Field(
        None, gt=0, description="Of the image that it was drawn on; refused where it has another size by now."
    )
    height: int | None = Field(None, gt=0)


class ImageGiven(ImageSaid):
    boxes: Annotated[list[OneBox], Field(max_length=MAX_BOXES)] | None = Field(
        description="All that is on it; [] says that somebody looked and nothing is there, null takes it back."
    )
    version: str = Field(
        "", max_length=64, description="Of what the person's own file says of it now; empty where it says nothing."
    )
    unfinished: bool = Field(False, strict=True, description="More is to come: it is kept, and does not count yet.")
    settled: str | None = Field(
        None,
        max_length=64,
        description="The version of what was seen to be settled on it; empty: nothing was. Where something else is by "
        "now, and this is all that is there, it is refused (409 `boxes_changed`). null: that isn't looked at.",
    )


class ImageSettled(ImageSaid):
    boxes: Annotated[list[OneBox], Field(max_length=MAX_BOXES)] | None = Field(
        description="All that is on it, as one of them drew it or otherwise; null opens the question again."
    )
    version: str = Field("", max_length=64, description="The image's, of all that is drawn on it now.")


class BoxesGiven(BoxesPart):
    """What one person drew on images of a pool."""

    path_to_img: PathText
    path_to_labels: PathText = Field(description="A folder. It is made if the one it lies in is there.")
    images: Annotated[list[ImageGiven], Field(max_length=MAX_AT_ONCE)]
    person: PersonName | None = Field(
        None, description="Names the file. With keys it is the key's owner, and need not be said."
    )
    replace: Annotated[list[Annotated[str, Field(max_length=64)]], Field(max_length=MAX_AT_ONCE)] = Field(
        default_factory=list,
        description="Versions of what other people drew, or of what was settled, to be taken out of their files where "
        "it contradicts this.",
    )
    settle: bool = Field(
        False,
        strict=True,
        description="What `replace` names stays where it is, and this is settled to count. Where nothing that it names "
        "contradicts this, nothing is settled. Not with `keep_both` (422).",
    )
    keep_both: bool = Field(
        False,
        strict=True,
        description="Let other files contradict this: that is to be settled then. Not with `settle`.",
    )


class BoxesGivenView(BaseModel):
    path_to_labels: str
    person: str
    file: str
    versions: dict[str, str] = Field(description="By name, of what the person's file says now.")
    replaced: dict[str, str] = Field(
        description="Names that were taken out of other files, and what stood there. Empty where a call that got no "
        "answer had done it, and is made again."
    )


class BoxesToSettle(BoxesPart):
    """What holds of images of a pool that people drew otherwise on."""

    path_to_img: PathText
    path_to_labels: PathText = Field(description="A folder.")
    images: Annotated[list[ImageSettled], Field(max_length=MAX_AT_ONCE)]
    person: PersonName | None = Field(
        None, description="Who settles it, to be told. With keys it is the key's owner, and need not be said."
    )


class BoxesSettledView(BaseModel):
    path_to_labels: str
    file: str
    versions: dict[str, str] = Field(description="By name, of all that is drawn on the image now.")


class BoxesQuery(BaseModel):
    path_to_labels: PathText


class DrawingsQuery(BoxesQuery):
    path_to_img: PathText
    of: list[str] = Field(max_length=500)


@router.get(
    "/labels/boxes",
    response_model=BoxesView,
    responses={200: {"headers": ETAG}, 304: {"description": "Not changed", "headers": ETAG}},
)
async def get_boxes(services: Given, _: Reader, which: Annotated[BoxesQuery, Query()], known: KnownEtags) -> Response:
    """Count boxes by class and images by person; list the images that people contradict each other about."""
    roots, place = services.settings.data_roots, which.path_to_labels
    path, state = await services.files.run(place, _look, place, roots)
    headers = {"ETag": f'"{state}"', "Cache-Control": "private, no-cache"}
    if headers["ETag"] in known:
        return Response(status_code=304, headers=headers)
    content = await services.files.run(place, lambda: _survey(path, roots).model_dump_json())
    return Response(content, 200, headers, JSON)


@router.get("/labels/boxes/images")
async def get_drawings(services: Given, _: Reader, which: Annotated[DrawingsQuery, Query()]) -> DrawnImages:
    """Tell what everybody drew on some images, and how large these are."""
    paths = (which.path_to_labels, which.path_to_img)
    return await services.files.run(paths, _drawn_images, which, services.settings)


@router.post("/labels/boxes")
async def post_boxes(
    body: Annotated[BoxesGiven, Body()], services: Given, caller: Writer, afterwards: BackgroundTasks
) -> BoxesGivenView:
    """Write what a person drew on images into their own file: all of it, or nothing."""
    person = caller.person(body.person) or ME
    written = await services.files.run((body.path_to_labels, body.path_to_img), _write, body, person, services.settings)
    if noted := {one.name: one.boxes is not None for one in body.images if not one.unfinished}:
        afterwards.add_task(note_labels, services, str(written.folder), person_of(written.file), noted)
    return BoxesGivenView(
        path_to_labels=str(written.folder),
        person=person_of(written.file),
        file=written.file,
        versions=dict(written.versions),
        replaced=dict(written.replaced),
    )


@router.post("/labels/boxes/settle")
async def post_settled_boxes(
    body: Annotated[BoxesToSettle, Body()], services: Given, caller: Writer
) -> BoxesSettledView:
    """Settle what people drew otherwise. Their files stay as they are; what is settled counts before them.

    Boxes of null open the question again; where it is open, nothing changes. Where somebody drew or settled something
    else than what was seen, by its `version`, nothing is written (409 `boxes_changed`).
    """
    places = (body.path_to_labels, body.path_to_img)
    by = caller.person(body.person)
    settled = await services.files.run(places, _settle, body, by, services.settings)
    return BoxesSettledView(path_to_labels=str(settled.folder), file=settled.file, versions=dict(settled.versions))


def _look(path_to_labels: str, roots: Sequence[Path]) -> tuple[Path, str]:
    path = existing_file_or_folder(path_to_labels, roots)
    return path, state_of(path, roots, SUFFIXES_OF_BOXES)


def _survey(path: Path, roots: Sequence[Path]) -> BoxesView:
    found = survey_boxes(path, roots)
    conflicts = list(found.conflicts.items())[:1000]
    return BoxesView(
        labels=found.images,
        kept_apart=len(found.names & {as_seen(name) for name in kept_apart(path, roots)}),
        nothing_here=found.nothing_here,
        unfinished=found.unfinished,
        classes=[ClassCount(class_name=name, labels=count) for name, count in found.counts.items()],
        people=[
            PersonCount(person=person_of(file), file=file, labels=count)
            for file, count in found.images_per_file.items()
        ],
        conflicts=[Contradiction(name=name, said=dict(said)) for name, said in conflicts],
        settled=list(found.settled[-1000:]),
        left_out=list(found.left_out[:1000]),
    )


def _drawn_images(which: DrawingsQuery, settings: Settings) -> DrawnImages:
    path = existing_file_or_folder(which.path_to_labels, settings.data_roots)
    drawn = drawings_of(path, which.of, settings.data_roots)
    settled = {key: one.version for key, all_ in drawn.items() for one in all_ if one.file == SETTLED_BOXES}
    settlers = who_settled(path, SETTLED_BOXES, settled, settings.data_roots)
    keys = [as_seen(clean_name(name)) for name in which.of]
    return DrawnImages(
        images=[
            _image(name, drawn.get(key, ()), settlers.get(key), which.path_to_img, settings)
            for name, key in zip(which.of, keys, strict=True)
        ]
    )


def _image(
    name: str, drawings: Sequence[Drawing], settler: SettledBy | None, path_to_img: str, settings: Settings
) -> ImageBoxes:
    width: int | None = None
    height: int | None = None
    with suppress(ImageNotFound, UnreadableImage):  # whoever asks for the image itself is told why
        width, height = _size(path_to_img, name, settings)
    settled = next((one for one in drawings if one.file == SETTLED_BOXES), None)
    return ImageBoxes(
        name=name,
        width=width,
        height=height,
        drawings=[_drawing_view(one) for one in drawings if one is not settled],
        settled=None if settled is None else _drawing_view(settled),
        settled_by=None if settler is None else SettledByView.of(settler),
        version=version_of(drawings),
    )


def _drawing_view(one: Drawing) -> DrawingView:
    return DrawingView(
        person=person_of(one.file),
        file=one.file,
        version=one.version,
        width=one.drawn.width,
        height=one.drawn.height,
        boxes=[OneBox(class_name=box.class_name, box=box[1:5], crowd=box.crowd) for box in one.drawn.boxes],
        unfinished=one.drawn.unfinished,
    )


def _write(body: BoxesGiven, person: str, settings: Settings) -> BoxesWritten:
    roots = settings.data_roots
    return give_boxes(
        body.path_to_labels,
        _given(body, settings),
        person=person,
        roots=roots,
        replaced=body.replace,
        settle=body.settle,
        keep_both=body.keep_both,
    )


def _settle(body: BoxesToSettle, by: str | None, settings: Settings) -> BoxesSettled:
    return settle_boxes(body.path_to_labels, _given(body, settings), roots=settings.data_roots, by=by)


def _given(body: BoxesGiven | BoxesToSettle, settings: Settings) -> list[GivenBoxes]:
    """Return what was drawn on images of the pool, which say themselves how large they are. Raises InvalidRequest."""
    given = [
        GivenBoxes(
            one.name,
            _drawn(one, body.path_to_img, settings),
            one.version,
            one.settled if isinstance(one, ImageGiven) else None,
        )
        for one in body.images
    ]
    _refuse_other_sizes(body.images, given)
    return given


def _drawn(one: ImageGiven | ImageSettled, path_to_img: str, settings: Settings) -> BoxedImage | None:
    if one.boxes is None:
        return None
    boxes = tuple(Box(box.class_name, *box.box, box.crowd) for box in one.boxes)
    unfinished = isinstance(one, ImageGiven) and one.unfinished
    return BoxedImage(*_size(path_to_img, one.name, settings), boxes, unfinished)


def _refuse_other_sizes(images: Sequence[ImageSaid], given: Sequence[GivenBoxes]) -> None:
    """Raise InvalidRequest for images that have another size by now than is said of when they were drawn on."""
    faults = []
    for at, (said, now) in enumerate(zip(images, given, strict=True)):
        if now.drawn is None:
            continue
        width, height = now.drawn.width, now.drawn.height
        then = (said.width or width, said.height or height)
        if then != (width, height):
            detail = f"{said.name} was drawn on as {then[0]} x {then[1]} pixels and has {width} x {height} by now"
            faults.append(Fault(f"/images/{at}/width", "invalid_value", f"{detail}: look at it again"))
    if faults:
        raise InvalidRequest(faults)


def _size(path_to_img: str, name: str, settings: Settings) -> tuple[int, int]:
    image = image_in(path_to_img, name, settings.data_roots)
    return upright_size(image, settings.max_image_pixels)
