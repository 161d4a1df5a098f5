"""Take labels, or what a model predicts, away as a file of another tool."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Annotated, Final, Literal, cast

from fastapi import APIRouter, Body, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict, Field

from nextlabel.api.auth import Reader, job_of
from nextlabel.api.errors import RESPONSES
from nextlabel.api.json_bodies import JsonRoute
from nextlabel.api.services import Given, Services
from nextlabel.core.data.labels import sorted_classes
from nextlabel.core.data.places import place_at
from nextlabel.core.data.roots import existing_file_or_folder
from nextlabel.core.errors import Fault, Inexpressible, InvalidRequest, NoLabels
from nextlabel.core.exchange.boxes.documents import BOX_FORMATS, BoxFormat
from nextlabel.core.exchange.documents import FORMATS, Exported, Format
from nextlabel.core.exchange.entries import (
    Entry,
    classes_known_to,
    classes_of,
    entries_of,
    entries_of_labels,
    without_class,
)
from nextlabel.core.exchange.image_zip import ImageZip
from nextlabel.core.jobs.record import Job
from nextlabel.core.kinds.projects import check_is_about
from nextlabel.core.kinds.registry import read_result
from nextlabel.core.kinds.requests import AnyTask, PathText
from nextlabel.core.tasks.registry import CLASS_TASKS, DETECTION

router = APIRouter(tags=["data"], responses=RESPONSES, route_class=JsonRoute)
UNSAID, ZIP = "Nextlabel-Unsaid", "application/zip"
IMAGE_FOLDER: Final = "image-folder"


class ExportWanted(BaseModel):
    """What to take away: the labels in a folder, or the batch or predictions of a job."""

    model_config = ConfigDict(extra="forbid")

    format: Literal[Format, BoxFormat, "image-folder"] = Field(
        description="`csv`, `coco`, `cvat`, `label-studio`; of one class an image `image-folder`, a zip of the images "
        "by class; of boxes `coco`, `cvat`, `label-studio`, `yolo` and `voc`, these two as zips of files."
    )
    path_to_labels: PathText
    path_to_img: PathText | None = Field(None, description="The pool; `image-folder` takes the images from it.")
    job: Annotated[str, Field(max_length=100)] | None = Field(
        None, description="A succeeded selection or prediction: what it says is taken away, in the place of the labels."
    )
    task: AnyTask = "classification"
    image_prefix: Annotated[str, Field(max_length=4096)] = Field(
        "/data/local-files/?d=", description="What stands for the pool in URLs; of Label Studio alone."
    )


class ImageFolderWanted(BaseModel):
    """Whose size to tell: of the images that are labelled, or of a job's."""

    model_config = ConfigDict(extra="forbid")

    path_to_labels: PathText
    path_to_img: PathText
    job: Annotated[str, Field(max_length=100)] | None = None


class ExportSize(BaseModel):
    """How large an `image-folder` is to be."""

    images: int
    bytes: int
    missing: int = Field(description="Labelled images that the pool does not have; the zip names them.")
    refused: str | None = Field(description="Why it is too large for a zip, and what does it instead.")


@router.post(
    "/export",
    response_class=Response,
    responses={
        200: {
            "description": "The file",
            "content": {
                **{one.media_type: {"schema": one.schema} for one in FORMATS.values()},
                ZIP: {"schema": {"type": "string", "format": "binary"}},
            },
            "headers": {
                UNSAID: {
                    "description": "How much the format can't say: images that somebody found no class to apply to; "
                    "of boxes, those around a crowd.",
                    "schema": {"type": "integer"},
                }
            },
        }
    },
)
async def export(body: Annotated[ExportWanted, Body()], services: Given, caller: Reader) -> Response:
    """Write labels, or what a job says, as a file of another tool. Labels that contradict each other are refused."""
    _check(body)
    job = None if body.job is None else await job_of(caller, body.job, services)
    places = [body.path_to_labels if job is None else str(services.settings.results_dir)]
    if body.path_to_img:
        places.append(body.path_to_img)
    written = await services.files.run(places, _written, body, job, services)
    name = f"nextlabel-{body.format}.{written.ending}"
    headers = {"Content-Disposition": f'attachment; filename="{name}"', UNSAID: str(written.unsaid)}
    # the first piece is made before the answer begins: what can't be written is refused, not cut off
    first = await services.files.run(places, next, written.pieces, b"")

    async def pieces() -> AsyncIterator[bytes]:
        piece: bytes | None = first
        while piece is not None:
            yield piece
            piece = await services.files.run(places, next, written.pieces, None)

    charset = "" if written.media_type == ZIP else "; charset=utf-8"
    return StreamingResponse(pieces(), headers=headers, media_type=f"{written.media_type}{charset}")


@router.post("/export/size")
async def size(body: Annotated[ImageFolderWanted, Body()], services: Given, caller: Reader) -> ExportSize:
    """Tell how large an `image-folder` is to be, before it is made."""
    job = None if body.job is None else await job_of(caller, body.job, services)
    wanted = ExportWanted(format=IMAGE_FOLDER, **body.model_dump())
    return await services.files.run([body.path_to_labels, body.path_to_img], _size, wanted, job, services)


@dataclass(frozen=True)
class _Written:
    ending: str
    media_type: str
    pieces: Iterator[bytes]
    unsaid: int


def _check(body: ExportWanted) -> None:
    """Raise InvalidRequest where the format is none of what is to be taken away."""
    of_boxes = body.task == DETECTION.name
    fitting = list(BOX_FORMATS) if of_boxes else [*FORMATS, IMAGE_FOLDER]
    faults = []
    if body.format not in fitting:
        what = "boxes are" if of_boxes else "classes are"
        faults.append(Fault("/format", "invalid_value", f"{what} written as {', '.join(fitting)}"))
    if body.format == IMAGE_FOLDER and body.path_to_img is None:
        faults.append(Fault("/path_to_img", "missing_field", "name the pool whose images are to be taken"))
    if of_boxes and body.job is not None:
        detail = "of boxes, labels are taken away so; `nextlabel export coco --job` writes what a model proposes"
        faults.append(Fault("/job", "invalid_value", detail))
    if faults:
        raise InvalidRequest(faults)


def _written(body: ExportWanted, job: Job | None, services: Services) -> _Written:
    if body.task == DETECTION.name:
        return _boxes(body, services)
    if body.format == IMAGE_FOLDER:
        packed = _image_zip(body, job, services)
        packed.check_size()
        return _Written("zip", ZIP, packed.read(), 0)
    entries, known = _entries(body, job, services)
    classes = sorted_classes({*known, *classes_of(entries)})
    version = "nextlabel" if job is None else f"nextlabel-{job.id}"
    how = FORMATS[cast(Format, body.format)]
    text = how.text(Exported(entries, classes, body.image_prefix, version))
    return _Written(how.ending, how.media_type, iter([text.encode()]), len(without_class(entries)))


def _boxes(body: ExportWanted, services: Services) -> _Written:
    roots = services.settings.data_roots
    drawn = DETECTION.read(existing_file_or_folder(body.path_to_labels, roots), roots).images
    if not drawn:
        raise NoLabels("no image is finished in it, and there is nothing to take away")
    how = BOX_FORMATS[cast(BoxFormat, body.format)]
    crowds = sum(box.crowd for image in drawn.values() for box in image.boxes) if how.no_crowds else 0
    return _Written(how.ending, how.media_type, how.content(drawn, body.image_prefix), crowds)


def _size(body: ExportWanted, job: Job | None, services: Services) -> ExportSize:
    packed = _image_zip(body, job, services)
    refused = None
    try:
        packed.check_size()
    except Inexpressible as error:
        refused = error.detail
    return ExportSize(images=len(packed.rows), bytes=packed.size, missing=len(packed.missing), refused=refused)


def _image_zip(body: ExportWanted, job: Job | None, services: Services) -> ImageZip:
    roots = services.settings.data_roots
    place = place_at(str(body.path_to_img), roots)
    if job is not None:
        check_is_about(job, place.key, "/job", roots)
    entries, _ = _entries(body, job, services)
    return ImageZip.of(entries, services.views.listing(place).pool)


def _entries(body: ExportWanted, job: Job | None, services: Services) -> tuple[tuple[Entry, ...], tuple[str, ...]]:
    """List what to write, and the classes that a head knows besides. Raises NoLabels."""
    if job is not None:
        result = read_result(services.results.content(job))
        entries, known = entries_of(result), classes_known_to(result)
    else:
        roots = services.settings.data_roots
        path = existing_file_or_folder(body.path_to_labels, roots)
        entries, known = entries_of_labels(CLASS_TASKS[body.task].read(path, roots)), ()
    if not entries:
        raise NoLabels("there is no label in it, and nothing to take away")
    return entries, known
