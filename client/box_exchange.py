"""Boxes in files of other tools and in ours: `nextlabel import`, `export` and `labels` with --task detection."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from gettext import gettext as _
from gettext import ngettext
from pathlib import Path
from typing import Any, TypeAlias, TypeVar, get_args

import click

from nextlabel.client.label_files import bringing_in, nothing_in, tell_left_out
from nextlabel.client.pools import ALL, place_of
from nextlabel.client.targets import Target
from nextlabel.client.terminal import echo
from nextlabel.core.data.boxes import BoxedImage, write_lines
from nextlabel.core.data.labels_folder import SUFFIXES_OF_BOXES, may_hold_labels
from nextlabel.core.data.pool import Pool, list_pool
from nextlabel.core.data.spelling import as_seen
from nextlabel.core.disk import write_whole
from nextlabel.core.errors import Inexpressible
from nextlabel.core.exchange.answers import listed
from nextlabel.core.exchange.boxes import coco, cvat, label_studio, voc, yolo
from nextlabel.core.exchange.boxes.formats import Format, sniff
from nextlabel.core.exchange.boxes.found import BoxReading, EmptyMeans, labels_of
from nextlabel.core.exchange.boxes.proposed import ProposedImage
from nextlabel.core.exchange.boxes.voc import FirstPixel
from nextlabel.core.exchange.files import images_in, writable, write_text
from nextlabel.core.exchange.image_urls import ImageUrls, PoolNames
from nextlabel.core.settings import Settings
from nextlabel.core.tasks.registry import DETECTION

F = TypeVar("F", bound=Callable[..., Any])
Drawn: TypeAlias = Mapping[str, BoxedImage]

EmptyMeansOption = click.option(
    "--empty-means",
    type=click.Choice(get_args(EmptyMeans)),
    default="unknown",
    show_default=True,
    help="Boxes: what an image without one says, where the file doesn't tell. looked-at: nothing is there.",
)
HullOption = click.option(
    "--hull", is_flag=True, help="Boxes: of turned boxes and other shapes, the upright box around."
)
FirstPixelOption = click.option(
    "--first-pixel",
    type=click.Choice(get_args(FirstPixel)),
    help="Pascal VOC: the number of the first pixel. Without: it is found out, and said.",
)


# --- import -----------------------------------------------------------------------------------------------------


def read(
    source: Path,
    format_: Format,
    pool: Pool | None,
    *,
    hull: bool = False,
    first_pixel: FirstPixel | None = None,
    names: PoolNames | ImageUrls | None = None,
    **of_label_studio: Any,
) -> BoxReading:
    """Read a file or folder of that format. Raises UsageError where it can't do without a pool that isn't named."""
    match format_:
        case "coco":
            return coco.read(source)
        case "cvat":
            return cvat.read(source, hull=hull)
        case "voc":
            return voc.read(source, first_pixel=first_pixel)
        case "yolo":
            if pool is None:
                raise click.UsageError(_("YOLO's files don't say what their images are called: name them (--pool)"))
            return yolo.read(source, pool.names, hull=hull)
        case "label-studio":
            names = names or (PoolNames(pool.place) if pool is not None else None)
            if names is None:
                raise click.UsageError(_("say which images the URLs are: one of --image-prefix and --pool"))
            return label_studio.read(source, names.name, hull=hull, **of_label_studio)
        case _:
            words = _("{source} holds boxes as nextlabel has them: there is nothing to import")
            raise click.UsageError(words.format(source=source))


def bring_in(
    source: Path,
    format_: Format | None,
    *,
    labels: Path,
    may_replace: bool,
    yes: bool,
    pool: Path | None,
    take_predictions: bool = False,
    empty_means: EmptyMeans = "unknown",
    **how: Any,
) -> None:
    """Write a file of boxes of what another tool's file says, and tell what was repaired.

    format_: None: it is found out.
    """
    if not may_hold_labels(labels.name, SUFFIXES_OF_BOXES):
        words = _("{file} holds boxes, so its name has to end in {suffix}")
        raise click.UsageError(words.format(file=labels, suffix=SUFFIXES_OF_BOXES[0]))
    there = list_pool(place_of(pool)) if pool is not None else None
    reading = read(source, format_ or sniff(source), there, **how)
    found = labels_of(
        reading,
        there,
        max_pixels=Settings.model_fields["max_image_pixels"].default,
        take_predictions=take_predictions,
        empty_means=empty_means,
    )
    with bringing_in(labels, found.images, may_replace=may_replace, yes=yes, task=DETECTION):
        write_whole(labels, write_lines(found.images.items()).encode(), shared=True)
    for note in found.notes:
        echo(note, err=True)
    empty = sum(not image.boxes for image in found.images.values())
    counts = counted_boxes(found.boxes, len(found.images))
    words = _("{boxes} on {images}, {empty} with nothing there: {file}")
    echo(words.format(**counts, empty=empty, file=labels), err=True)


# --- export -----------------------------------------------------------------------------------------------------


def boxes_to_export(source: Mapping[str, Any]) -> dict[str, BoxedImage]:
    """Read the labels that were named. Raises UsageError where it is something else, NoLabels where there is none."""
    if source.get("labels") is None:
        raise click.UsageError(_("of boxes, labels are exported so: name them (--labels)"))
    images = dict(DETECTION.read(source["labels"], ALL).images)
    if not images:
        raise nothing_in(source["labels"], DETECTION)
    tell_left_out(source["labels"], DETECTION)
    return images


def write_coco_proposals(images: Mapping[str, ProposedImage], classes: Iterable[str], to: Target) -> None:
    """Write what `write_coco` does, of what a model proposes."""
    text = json.dumps(coco.proposals(images, classes), ensure_ascii=False, indent=1) + "\n"
    drawn = {name: one.image for name, one in images.items()}
    _write({"annotations/instances_nextlabel.json": text}, drawn, to)


def write_coco(images: Drawn, classes: Iterable[str], to: Target) -> None:
    """Write `annotations/instances_nextlabel.json`, as datumaro and CVAT have it, and `images/`."""
    text = json.dumps(coco.document(images, classes), ensure_ascii=False, indent=1) + "\n"
    _write({"annotations/instances_nextlabel.json": text}, images, to)


def write_cvat(images: Drawn, classes: Iterable[str], to: Target) -> None:
    _write({"nextlabel.xml": cvat.document(images, classes)}, images, to)


def write_voc(images: Drawn, _classes: Iterable[str], to: Target) -> None:
    files = dict(voc.documents(images))
    _refuse_earlier(voc.files_in(to.out), files, to.out)
    _write(files, images, to, "JPEGImages")


def write_yolo(images: Drawn, classes: Iterable[str], to: Target) -> None:
    files = dict(yolo.documents(images, classes))
    _refuse_earlier(yolo.files_in(to.out), files, to.out)
    _refuse_more_images(images, to.out / "images")
    crowds = sum(box.crowd for image in images.values() for box in image.boxes)
    if crowds:
        words = ngettext(
            "left out, as YOLO has no place for it: {count} box around a crowd",
            "left out, as YOLO has no place for them: {count} boxes around a crowd",
            crowds,
        )
        echo(words.format(count=crowds), err=True)
    _write(files, images, to)


def _refuse_earlier(there: Iterable[Path], files: Mapping[str, str], out: Path) -> None:
    """Raise UsageError where a file of boxes is there that would stay: what reads the folder would read it, too."""
    old = [path for file in there if (path := file.relative_to(out).as_posix()) not in files]
    if old:
        words = _(
            "{folder} holds boxes that are none of these, and whoever reads it would take them for some: {names}; "
            "remove them, or name a new folder"
        )
        raise click.UsageError(words.format(folder=out, names=listed(old)))


def _refuse_more_images(images: Drawn, folder: Path) -> None:
    """Raise UsageError where images are there that have no file of boxes: to YOLO, nothing is on them."""
    known = {as_seen(name) for name in images}
    if others := [name for name in images_in(folder) if as_seen(name) not in known]:
        words = _(
            "{folder} holds images that are none of these, and YOLO would learn that nothing is on them: {names}; "
            "remove them, or name a new folder"
        )
        raise click.UsageError(words.format(folder=folder, names=listed(others)))


def _write(files: Mapping[str, str], images: Drawn, to: Target, subfolder: str = "images") -> None:
    to.check(files, images, subfolder)
    for path, text in files.items():
        file = to.out / path
        with writable(file):
            file.parent.mkdir(parents=True, exist_ok=True)
        write_text(file, text)
    to.place(images, subfolder)
    boxes = sum(len(image.boxes) for image in images.values())
    echo(_("{boxes} on {images}: {file}").format(**counted_boxes(boxes, len(images)), file=to.out), err=True)


def counted_boxes(boxes: int, images: int) -> dict[str, str]:
    """Return `boxes` and `images` as a sentence has them: "1 box", "2 boxes"."""
    return {
        "boxes": ngettext("{count} box", "{count} boxes", boxes).format(count=boxes),
        "images": ngettext("{count} image", "{count} images", images).format(count=images),
    }


def write_label_studio(
    images: Drawn,
    classes: Iterable[str],
    out: Path,
    *,
    image_prefix: str,
    config: Path | None,
    from_name: str,
    image_key: str,
) -> None:
    _write_config(images.values(), classes, config, from_name, image_key)
    _write_tasks(label_studio.tasks(images, ImageUrls(image_prefix), from_name, image_key), out)


def write_label_studio_proposals(
    images: Mapping[str, ProposedImage],
    classes: Iterable[str],
    out: Path,
    *,
    image_prefix: str,
    config: Path | None,
    from_name: str,
    image_key: str,
    version: str,
) -> None:
    """Write what `write_label_studio` does, of what a model proposes."""
    _write_config((one.image for one in images.values()), classes, config, from_name, image_key)
    _write_tasks(label_studio.proposals(images, ImageUrls(image_prefix), version, from_name, image_key), out)


def _write_config(
    images: Iterable[BoxedImage], classes: Iterable[str], config: Path | None, from_name: str, image_key: str
) -> None:
    known = dict.fromkeys([*classes, *(box.class_name for image in images for box in image.boxes)])
    if config is not None:
        write_text(config, label_studio.config(tuple(known), from_name, image_key))


def _write_tasks(tasks: list[dict[str, Any]], out: Path) -> None:
    write_text(out, json.dumps(tasks, ensure_ascii=False, indent=1) + "\n")
    words = ngettext("{count} task: {file}", "{count} tasks: {file}", len(tasks))
    echo(words.format(count=len(tasks), file=out), err=True)


WRITERS = {"coco": write_coco, "cvat": write_cvat, "voc": write_voc, "yolo": write_yolo}


def convert(source: Path, out: Path, pool: Path | None, *, yes: bool, to: str | None, **how: Any) -> None:
    """Convert boxes: of another tool's into a file of boxes, or the other way round into the format `to`."""
    if to is None:
        bring_in(source, None, labels=out, may_replace=True, yes=yes, pool=pool, **how)
        return
    if sniff(source) != "boxes":
        words = _("{source} is no file of boxes: convert it to one first, and that to {format}")
        raise Inexpressible(words.format(source=source, format=to))
    images = DETECTION.read(source.absolute(), ALL).images
    WRITERS[to](dict(images), (), Target(out, pool, copy=False, labels=source))
