"""`nextlabel export` and `nextlabel import`: move batches, predictions and labels to and from other tools' files."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from gettext import gettext as _
from gettext import ngettext
from pathlib import Path
from typing import Any, TypeVar, get_args

import click

from nextlabel.client import box_exchange as boxes
from nextlabel.client.commands.lazy import CommandGroup
from nextlabel.client.commands.options import Key, Url, Yes, together
from nextlabel.client.http import Client
from nextlabel.client.label_files import bringing_in, nothing_in, tell_left_out
from nextlabel.client.paths import OwnPath
from nextlabel.client.pools import ALL, POOL, keep_out_of, place_of
from nextlabel.client.targets import Target
from nextlabel.client.terminal import echo
from nextlabel.core.data.labels import sorted_classes, write_labels
from nextlabel.core.data.pool import list_pool
from nextlabel.core.errors import Inexpressible
from nextlabel.core.exchange import coco, csv_file, cvat, image_folder, label_studio
from nextlabel.core.exchange.answers import Reading, labels_of, listed
from nextlabel.core.exchange.boxes.found import EmptyMeans
from nextlabel.core.exchange.boxes.proposed import ProposedImage, proposed_by
from nextlabel.core.exchange.entries import (
    Entry,
    classes_known_to,
    classes_of,
    entries_of,
    entries_of_labels,
    without_class,
)
from nextlabel.core.exchange.files import writable, write_json, write_text
from nextlabel.core.exchange.image_urls import ImageUrls, PoolNames
from nextlabel.core.kinds.registry import JobResult, read_result
from nextlabel.core.kinds.results import MultilabelResult
from nextlabel.core.tasks.registry import CLASS_TASKS, CLASSIFICATION, DETECTION, MULTILABEL, TASKS

F = TypeVar("F", bound=Callable[..., Any])
HERE = OwnPath(exists=True, resolve_path=True)
FOLDER = OwnPath(exists=True, file_okay=False, resolve_path=True)
NEW = OwnPath()


def _task_option(tasks: Iterable[str], what: str) -> Callable[[F], F]:
    return click.option(
        "--task", type=click.Choice(list(tasks)), default=CLASSIFICATION.name, show_default=True, help=what
    )


ExportedTask = _task_option(TASKS, "What a label of --labels is; a job says it itself. detection writes boxes.")
ExportedClassTask = _task_option(CLASS_TASKS, "What a label of --labels is; a job says it itself.")
Classes = click.option("--class", "classes", multiple=True, help="A class that may have no image; several times.")


@click.group(cls=CommandGroup)
def export() -> None:
    """Write a batch, predictions or labels as a file for another tool (docs/exchange.md)."""


@click.group("import", cls=CommandGroup)
def import_() -> None:
    """Read another tool's file as a labels file (docs/exchange.md)."""


# --- export -----------------------------------------------------------------------------------------------------


what_to_export = together(
    click.option("--job", "job_id", help="Of a selection or a prediction that has succeeded."),
    click.option("--result", type=HERE, help="Its result as JSON, in place of --job."),
    click.option("--labels", type=HERE, help="Labels file or folder, in place of --job."),
    click.option(
        "--without-predictions", is_flag=True, help="Leave out the classes that a model proposes; keep the order."
    ),
    Url,
    Key,
)


@dataclass(frozen=True)
class _Exported:
    """What to export. `classes`: those that may be chosen, whether or not an image has them."""

    entries: tuple[Entry, ...]
    classes: tuple[str, ...]
    several: bool


def _read_source(
    classes: Sequence[str] = (),
    *,
    without_predictions: bool,
    job_id: str | None,
    result: Path | None,
    labels: Path | None,
    task: str,
    url: str,
    api_key: str | None,
) -> _Exported:
    if sum(given is not None for given in (job_id, result, labels)) != 1:
        raise click.UsageError(_("say what to export: one of --job, --result and --labels"))
    known: tuple[str, ...] = ()
    if labels is not None:
        several = task == MULTILABEL.name
        entries = entries_of_labels(CLASS_TASKS[task].read(labels, ALL))
        if not entries:
            raise nothing_in(labels, CLASS_TASKS[task])
        tell_left_out(labels, CLASS_TASKS[task])
    else:
        found = _result(job_id, result, url, api_key)
        several = isinstance(found, MultilabelResult)
        entries, known = entries_of(found), classes_known_to(found)
    all_classes = tuple(dict.fromkeys((*classes, *sorted_classes((*known, *classes_of(entries))))))
    if without_predictions:
        entries = tuple(entry if entry.given else replace(entry, class_name=None, several=None) for entry in entries)
    return _Exported(entries, all_classes, several)


def _proposed(source: Mapping[str, Any]) -> dict[str, ProposedImage] | None:
    """Read the boxes that a job proposes; None where labels are to be exported."""
    job_id, result = source.get("job_id"), source.get("result")
    if source.get("labels") is not None or (job_id is None and result is None):
        return None
    return proposed_by(_result(job_id, result, source["url"], source["api_key"]))


def _result(job_id: str | None, result: Path | None, url: str, api_key: str | None) -> JobResult:
    if result is not None:
        content = result.read_bytes()
    else:
        with Client(url, api_key) as client:
            content = client.download(str(job_id))
    try:
        return read_result(content)
    except ValueError:
        words = _("{source} is no result of this version of nextlabel.")
        raise Inexpressible(words.format(source=result or job_id)) from None


@export.command("label-studio")
@what_to_export
@Classes
@click.option("--out", type=NEW, required=True, help="The file of tasks.")
@click.option("--image-prefix", required=True, help="What stands for the pool in URLs: /data/local-files/?d=photos/")
@click.option("--config", type=NEW, help="Write the labelling configuration to that file, too.")
@click.option("--from-name", default="choice", show_default=True, help="Of the <Choices>.")
@click.option("--to-name", default="image", show_default=True, help="Of the <Image>.")
@click.option("--image-key", default="image", show_default=True, help="In a task's data.")
@click.option("--model-version", help="Of the predictions. Default: nextlabel and the job's id.")
@ExportedTask
def to_label_studio(
    out: Path,
    image_prefix: str,
    config: Path | None,
    from_name: str,
    to_name: str,
    image_key: str,
    model_version: str | None,
    classes: tuple[str, ...],
    task: str,
    **source: Any,
) -> None:
    """Write tasks in rank order, with predictions; labels become annotations. Sort by prediction score, ascending."""
    keep_out_of(filter(None, (out, config)), labels=source["labels"])
    version = model_version or "-".join(filter(None, ("nextlabel", source["job_id"])))
    if task == DETECTION.name:
        how: dict[str, Any] = {"image_prefix": image_prefix, "config": config}
        how |= {"from_name": from_name, "image_key": image_key}
        if (proposed := _proposed(source)) is not None:
            boxes.write_label_studio_proposals(proposed, classes, out, version=version, **how)
        else:
            boxes.write_label_studio(boxes.boxes_to_export(source), classes, out, **how)
        return
    given = _read_source(classes, task=task, **source)
    control = label_studio.Control(from_name, to_name, image_key)
    _tell_of_none(given.entries, "Label Studio")
    if config is not None:
        write_text(config, label_studio.config(given.classes, control, several=given.several))
    write_json(out, label_studio.tasks(given.entries, ImageUrls(image_prefix), control, version))
    words = ngettext("{count} task: {file}", "{count} tasks: {file}", len(given.entries))
    echo(words.format(count=len(given.entries), file=out), err=True)


@export.command("coco")
@what_to_export
@Classes
@click.option("--out", type=NEW, required=True, help="Folder: annotations/labels_nextlabel.json, and images/.")
@click.option("--pool", type=POOL, help="Folder or bucket of images, to place them in images/.")
@click.option("--copy", is_flag=True, help="Copy images, where hard links would do.")
@ExportedTask
def to_coco(out: Path, pool: Path | None, copy: bool, classes: tuple[str, ...], task: str, **source: Any) -> None:
    """Write COCO with classes of images, as datumaro has it. CVAT takes COCO's boxes alone: export to cvat for it."""
    to = Target(out, pool, copy, source["labels"])
    if task == DETECTION.name:
        if (proposed := _proposed(source)) is not None:
            boxes.write_coco_proposals(proposed, classes, to)
        else:
            boxes.write_coco(boxes.boxes_to_export(source), classes, to)
        return
    given = _read_source(classes, task=task, **source)
    names, document = [entry.name for entry in given.entries], "annotations/labels_nextlabel.json"
    to.check([document], names)
    _make(out / "annotations", out / "images")
    write_json(out / document, coco.document(given.entries, given.classes))
    to.place(names)
    _tell_of_none(given.entries, "COCO")
    _tell_images(len(given.entries), out)


@export.command("cvat")
@what_to_export
@Classes
@click.option("--out", type=NEW, required=True, help="Folder: nextlabel.xml, and images/.")
@click.option("--pool", type=POOL, help="Folder or bucket of images, to place them in images/.")
@click.option("--copy", is_flag=True, help="Copy images, where hard links would do.")
@ExportedTask
def to_cvat(out: Path, pool: Path | None, copy: bool, classes: tuple[str, ...], task: str, **source: Any) -> None:
    """Write CVAT for images 1.1, a tag a class. CVAT uploads the XML as annotations of a task that has the images."""
    to = Target(out, pool, copy, source["labels"])
    if task == DETECTION.name:
        boxes.write_cvat(boxes.boxes_to_export(source), classes, to)
        return
    given = _read_source(classes, task=task, **source)
    names, document = [entry.name for entry in given.entries], "nextlabel.xml"
    to.check([document], names)
    _make(out / "images")
    write_text(out / document, cvat.document(given.entries, given.classes))
    to.place(names)
    _tell_of_none(given.entries, "CVAT")
    _tell_images(len(given.entries), out)


#: YOLO and VOC have nothing but boxes; whoever names the task, as elsewhere, is right.
OfBoxes = click.option(
    "--task", type=click.Choice([DETECTION.name]), default=DETECTION.name, hidden=True, expose_value=False
)


@export.command("yolo")
@OfBoxes
@click.option("--labels", type=HERE, required=True, help="File of boxes, or folder of such files.")
@Classes
@click.option("--out", type=NEW, required=True, help="Folder: data.yaml, labels/ and images/.")
@click.option("--pool", type=POOL, help="Folder or bucket of images, to place them in images/.")
@click.option("--copy", is_flag=True, help="Copy images, where hard links would do.")
def to_yolo(labels: Path, out: Path, pool: Path | None, copy: bool, classes: tuple[str, ...]) -> None:
    """Write boxes for YOLO. An image on which nothing is has an empty file."""
    boxes.write_yolo(boxes.boxes_to_export({"labels": labels}), classes, Target(out, pool, copy, labels))


@export.command("voc")
@OfBoxes
@click.option("--labels", type=HERE, required=True, help="File of boxes, or folder of such files.")
@click.option("--out", type=NEW, required=True, help="Folder: Annotations/, ImageSets/, labelmap.txt and JPEGImages/.")
@click.option("--pool", type=POOL, help="Folder or bucket of images, to place them in JPEGImages/.")
@click.option("--copy", is_flag=True, help="Copy images, where hard links would do.")
def to_voc(labels: Path, out: Path, pool: Path | None, copy: bool) -> None:
    """Write boxes as Pascal VOC, whose pixels are counted from 1."""
    boxes.write_voc(boxes.boxes_to_export({"labels": labels}), (), Target(out, pool, copy, labels))


@export.command("csv")
@what_to_export
@click.option("--out", type=NEW, required=True, help="The file.")
@click.option("--one-hot", is_flag=True, help="Of several classes: a column of 0 and 1 for each, in place of a|b.")
@ExportedClassTask
def to_csv(out: Path, one_hot: bool, **source: Any) -> None:
    """Write a table of name and class, in rank order; of several classes, `a|b`."""
    keep_out_of([out], labels=source["labels"])
    given = _read_source(**source)
    if one_hot:
        write_text(out, csv_file.document_of_columns(given.entries))
        silent = [entry.name for entry in given.entries if entry.classes is None]
        if silent:
            echo(_("left out, as nothing says their classes: {names}").format(names=listed(silent)), err=True)
        _tell_rows(len(given.entries) - len(silent), out)
        return
    write_text(out, csv_file.document(given.entries))
    if names := without_class(given.entries):
        words = _(
            "that none of the classes applies, a cell of classes can't say; --one-hot can; they have no class there: "
            "{names}"
        )
        echo(words.format(names=listed(names)), err=True)
    _tell_rows(len(given.entries), out)


@export.command("image-folder")
@what_to_export
@click.option("--out", type=NEW, required=True, help="Folder, for a folder of each class.")
@click.option("--pool", type=POOL, required=True, help="Folder or bucket of images.")
@click.option("--copy", is_flag=True, help="Copy images, where hard links would do.")
@ExportedClassTask
def to_image_folder(out: Path, pool: Path, copy: bool, **source: Any) -> None:
    """Fill a folder for each class, like torchvision's ImageFolder and datumaro's imagenet; rank order is lost."""
    entries = _read_source(**source).entries
    files = [out / image_folder.MARK, *(out / path for path in image_folder.paths_of(entries))]
    keep_out_of(files, pool=pool, labels=source["labels"])
    image_folder.write(entries, place_of(pool), out, copy=copy)
    _tell_images(len(entries), out)


def _tell_of_none(entries: Sequence[Entry], tool: str) -> None:
    """Say which images lose that none of the classes applies to them: in the file they are like those not looked at."""
    if names := without_class(entries):
        words = _("that none of the classes applies, {tool} can't say; they have no class there: {names}")
        echo(words.format(tool=tool, names=listed(names)), err=True)


def _make(*folders: Path) -> None:
    for folder in folders:
        with writable(folder):
            folder.mkdir(parents=True, exist_ok=True)


# --- import -----------------------------------------------------------------------------------------------------


where_to = together(
    click.option("--labels", type=NEW, required=True, help="The labels file to write."),
    click.option("--replace", "may_replace", is_flag=True, help="It may be there already."),
    Yes,
    click.option("--pool", type=POOL, help="Folder or bucket of images: names that are none of theirs are faults."),
    click.option(
        "--take-predictions", is_flag=True, help="Take what a model proposed, too. Without it, it is left out."
    ),
)


OfClassTask = _task_option(CLASS_TASKS, "What a label is: multilabel reads several classes an image.")
OfAnyTask = _task_option(
    TASKS, "What a label is: multilabel reads several classes an image; detection boxes, into a .jsonl file."
)


@import_.command("label-studio")
@click.argument("file", type=HERE)
@where_to
@click.option("--image-prefix", help="What stands for the pool in URLs, as in the export. Without: by their ends.")
@click.option("--from-name", help="Of the <Choices>, where there are several.")
@click.option("--image-key", help="In a task's data, where it is not `image`.")
@click.option("--newest", is_flag=True, help="Of several annotations of an image, the newest counts.")
@OfAnyTask
@boxes.HullOption
def from_label_studio(
    file: Path,
    image_prefix: str | None,
    from_name: str | None,
    image_key: str | None,
    newest: bool,
    task: str,
    hull: bool,
    **target: Any,
) -> None:
    """Read a project's export as JSON, JSON-MIN or CSV. Boxes: of <RectangleLabels>, as JSON or JSON-MIN."""
    urls = ImageUrls(image_prefix) if image_prefix is not None else None
    if task == DETECTION.name:
        place = place_of(target["pool"]) if target["pool"] is not None else None
        known = PoolNames(place, urls) if place is not None else urls
        how: dict[str, Any] = {"key": image_key, "from_name": from_name, "newest": newest, "hull": hull, "names": known}
        boxes.bring_in(file, "label-studio", **target, **how)
        return
    pool = target.pop("pool")
    if urls is None and pool is None:
        raise click.UsageError(_("say which images the URLs are: one of --image-prefix and --pool"))
    names = PoolNames(place_of(pool), urls) if pool is not None else urls
    assert names is not None
    several = task == MULTILABEL.name
    reading = label_studio.read_export(
        file, names.name, key=image_key, from_name=from_name, newest=newest, several=several
    )
    _write(reading, pool=None, task=task, **target)


@import_.command("coco")
@click.argument("file", type=HERE)
@where_to
@OfAnyTask
@boxes.EmptyMeansOption
def from_coco(file: Path, task: str, empty_means: EmptyMeans, **target: Any) -> None:
    """Read a COCO file, or the one in a folder. Without --task detection, boxes say their image's class, where all of
    it have one."""
    if task == DETECTION.name:
        boxes.bring_in(file, "coco", empty_means=empty_means, **target)
        return
    _write(coco.read(file), task=task, **target)


@import_.command("cvat")
@click.argument("file", type=HERE)
@where_to
@OfAnyTask
@boxes.EmptyMeansOption
@boxes.HullOption
def from_cvat(file: Path, task: str, empty_means: EmptyMeans, hull: bool, **target: Any) -> None:
    """Read CVAT for images 1.1, the XML, its zip or its folder: the tags of images, or with --task detection boxes."""
    if task == DETECTION.name:
        boxes.bring_in(file, "cvat", empty_means=empty_means, hull=hull, **target)
        return
    _write(cvat.read(file), task=task, **target)


@import_.command("yolo")
@OfBoxes
@click.argument("folder", type=HERE)
@where_to
@boxes.HullOption
def from_yolo(folder: Path, **target: Any) -> None:
    """Read boxes of YOLO: a folder with data.yaml, and a file of text for each image. Needs --pool."""
    boxes.bring_in(folder, "yolo", **target)


@import_.command("voc")
@OfBoxes
@click.argument("folder", type=HERE)
@where_to
@boxes.FirstPixelOption
def from_voc(folder: Path, **target: Any) -> None:
    """Read boxes of Pascal VOC: a folder with a file of XML for each image."""
    boxes.bring_in(folder, "voc", **target)


@import_.command("csv")
@click.argument("file", type=HERE)
@where_to
@click.option("--name-column", help="Of the images' names, where the header doesn't tell.")
@click.option("--class-column", help="Of their classes.")
@OfClassTask
def from_csv(file: Path, name_column: str | None, class_column: str | None, task: str, **target: Any) -> None:
    """Read a table with columns name and class; of several classes, also `a|b`, or a column of 0 and 1 for each."""
    several = task == MULTILABEL.name
    _write(csv_file.read(file, name_column, class_column, several=several), task=task, **target)


@import_.command("image-folder")
@click.argument("folder", type=FOLDER)
@where_to
@click.option("--class-folder", type=click.Choice(get_args(image_folder.ClassFolder)), help="Of several, the class.")
@click.option("--quoted", is_flag=True, help="`export image-folder` filled it, though its hidden mark is lost.")
def from_image_folder(folder: Path, class_folder: image_folder.ClassFolder | None, quoted: bool, **target: Any) -> None:
    """Read a folder for each class."""
    _write(image_folder.read(folder, quoted=quoted, class_folder=class_folder), **target)


def _write(
    reading: Reading,
    *,
    labels: Path,
    may_replace: bool,
    yes: bool,
    pool: Path | None,
    take_predictions: bool,
    task: str = CLASSIFICATION.name,
) -> None:
    """Write the labels file, and tell what was left out or taken for something else."""
    names = list_pool(place_of(pool)).names if pool is not None else None
    found = labels_of(reading, names, take_predictions=take_predictions, task=CLASS_TASKS[task])
    with bringing_in(labels, [name for name, _class in found.pairs], may_replace=may_replace, yes=yes):
        write_labels(labels, found.pairs, may_be_empty=task == MULTILABEL.name)
    for note in found.notes:
        echo(note, err=True)
    classes = len({class_name for _name, class_name in found.pairs if class_name})
    counted = ngettext("{count} label", "{count} labels", len(found.pairs)).format(count=len(found.pairs))
    of = ngettext("{count} class", "{count} classes", classes).format(count=classes)
    echo(_("{labels} of {classes}: {file}").format(labels=counted, classes=of, file=labels), err=True)


def _tell_images(count: int, place: Path) -> None:
    words = ngettext("{count} image: {file}", "{count} images: {file}", count)
    echo(words.format(count=count, file=place), err=True)


def _tell_rows(count: int, place: Path) -> None:
    words = ngettext("{count} row: {file}", "{count} rows: {file}", count)
    echo(words.format(count=count, file=place), err=True)
