"""`nextlabel labels`: what people do with labels files. Needs no service."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict
from gettext import gettext as _
from gettext import ngettext
from operator import itemgetter
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from nextlabel.client import box_exchange
from nextlabel.client.commands.lazy import CommandGroup
from nextlabel.client.commands.listing import AsJson, Column, tell, tell_json
from nextlabel.client.commands.options import Yes
from nextlabel.client.consoles import counting
from nextlabel.client.label_files import (
    CLASS,
    NAME,
    Conflicts,
    compare,
    is_csv,
    keep_labels,
    merge,
    read_any,
    sheets,
    tell_left_out,
    write_any,
)
from nextlabel.client.paths import OwnPath
from nextlabel.client.pools import POOL, is_of, keep_out_of, named, place_of
from nextlabel.client.terminal import echo
from nextlabel.core.data.box_files import GivenBoxes, drawings_of, person_of, settle_boxes, version_of
from nextlabel.core.data.boxes import SCALING, BoxedImage
from nextlabel.core.data.classes import ClassChanged, change_class, undo_class_change
from nextlabel.core.data.kept_apart import Apart, keep_apart, kept_apart
from nextlabel.core.data.label_files import GivenLabel, settle, survey
from nextlabel.core.data.label_text import NONE, clean_name, printable
from nextlabel.core.data.labels import sorted_classes, write_labels
from nextlabel.core.data.labels_folder import SETTLED_BOXES, VALIDATION_FILE
from nextlabel.core.data.notes import GivenNote, Note, of_person, read_notes, write_notes
from nextlabel.core.data.pool import Pool, list_pool
from nextlabel.core.data.roots import shown
from nextlabel.core.data.spelling import as_seen, difference, elsewhere, look_alike, meant, misspelt, oddity
from nextlabel.core.errors import LabelsConflict, Misconfigured
from nextlabel.core.exchange.boxes.upright import that_reads_images
from nextlabel.core.exchange.files import PATIENCE_S
from nextlabel.core.people import in_file_names
from nextlabel.core.settings import Settings
from nextlabel.core.tasks.base import Matched
from nextlabel.core.tasks.classification import ClassLabels, match, read_labels
from nextlabel.core.tasks.detection import BoxLabels, oddities
from nextlabel.core.tasks.registry import CLASSIFICATION, DETECTION, TASKS, task_of

LISTED, FEW = 20, 5
Existing = OwnPath(exists=True)
Folder = OwnPath(exists=True, file_okay=False)
Written = OwnPath(dir_okay=False)
New = OwnPath()
OfTask = click.option(
    "--task",
    type=click.Choice([CLASSIFICATION.name, DETECTION.name]),
    default=CLASSIFICATION.name,
    show_default=True,
    help="What a label is: detection reads files of boxes.",
)


@click.group(cls=CommandGroup)
def labels() -> None:
    """Labels files: count, merge, compare, check and convert them.

    A labels file has a line `file name<TAB>class` for each image. Where a folder is named, each file in it is one
    person's.
    """


@labels.command()
@click.argument("path", type=Existing)
@AsJson
def stats(path: Path, as_json: bool) -> None:
    """Count the labels in PATH, a file or a folder, by class and person."""
    tell_left_out(path)
    people = sheets(path)
    counts = {sheet.person: Counter(sheet.labels.classes_by_name.values()) for sheet in people}
    classes = sorted_classes(class_ for counter in counts.values() for class_ in counter)
    merged = merge(people, Conflicts.LEAVE_OUT)
    if as_json:
        summary = {
            "images": len(merged.labels) + len(merged.conflicts),
            "conflicts": len(merged.conflicts),
            "people": {person: {class_: counter[class_] for class_ in classes} for person, counter in counts.items()},
        }
        tell_json(summary)
        return
    rows = [(name, *(c[name] for c in counts.values()), sum(c[name] for c in counts.values())) for name in classes]
    if sys.stdout.isatty():  # a program adds up by itself, and would take this row for a class
        rows.append((_("all"), *(c.total() for c in counts.values()), sum(c.total() for c in counts.values())))
    # no dictionary: a person may be called `class` or `all`
    headings = [("class", _("class")), *((person, None) for person in counts), ("all", _("all"))]
    tell(rows, [Column(name, itemgetter(at), said) for at, (name, said) in enumerate(headings)])
    images = len(merged.labels) + len(merged.conflicts)
    by_several = sum(count > 1 for count in Counter(n for one in people for n in one.labels.classes_by_name).values())
    words = ngettext(
        "{images} image; {several} labelled by several people, who disagree on {conflicts}",
        "{images} images; {several} labelled by several people, who disagree on {conflicts}",
        images,
    )
    echo(words.format(images=images, several=by_several, conflicts=len(merged.conflicts)), err=True)


@labels.command("merge")
@click.argument("folder", type=Existing)
@click.argument("out", type=Written)
@click.option(
    "--on-conflict",
    type=click.Choice([one.value for one in Conflicts]),
    default=Conflicts.STOP.value,
    show_default=True,
    help="Where an image has several classes. stop: write nothing. leave-out: without those images. majority: as most "
    "people say; without the images where there is no such class.",
)
@Yes
def merge_(folder: Path, out: Path, on_conflict: str, yes: bool) -> None:
    """Merge the labels of FOLDER, a file a person, into the one file OUT. Conflicts are listed."""
    if folder.is_dir() and is_of(out, folder):
        words = _("{out} lies in {folder}: its labels would count twice from then on")
        raise click.UsageError(words.format(out=out, folder=folder))
    keep_out_of([out], is_labels=True)
    how = Conflicts(on_conflict)
    tell_left_out(folder)
    merged = merge(sheets(folder), how)
    without = _("left out")
    for name, classes in merged.conflicts.items():
        settled = f" -> {merged.labels.get(name, without)}" if how is not Conflicts.STOP else ""
        given = ", ".join(f"{class_} ({person})" for person, class_ in classes.items())
        echo(f"{name}: {given}{settled}", err=True)
    if merged.conflicts and how is Conflicts.STOP:
        words = _("images with several classes: {count}. Nothing was written; --on-conflict settles them")
        raise LabelsConflict(words.format(count=len(merged.conflicts)))
    keep_labels(out, merged.labels, yes=yes)
    write_labels(out, merged.pairs())
    _tell_written(len(merged.labels), str(out))


@labels.command()
@click.argument("old", type=Existing)
@click.argument("new", type=Existing)
@AsJson
def diff(old: Path, new: Path, as_json: bool) -> None:
    """Tell what changed from OLD to NEW, each a labels file or a folder: + added, - removed, ~ changed."""
    for path in (old, new):
        tell_left_out(path)
    change = compare(read_labels(old), read_labels(new))
    if as_json:
        tell_json(asdict(change))
        return
    for name, class_ in change.removed.items():
        echo(f"- {name}\t{class_}")
    for name, class_ in change.added.items():
        echo(f"+ {name}\t{class_}")
    for name, (before, after) in change.changed.items():
        echo(f"~ {name}\t{before} -> {after}")
    words = _("{added} added, {removed} removed, {changed} changed")
    told = words.format(added=len(change.added), removed=len(change.removed), changed=len(change.changed))
    echo(told, err=True)


@labels.command()
@click.argument("path", type=Existing)
@click.option("--pool", type=POOL, help="Their images: are all names there?")
@OfTask
def check(path: Path, pool: Path | None, task: str) -> None:
    """Check the labels in PATH, a file or a folder: every faulty line is named, and ends it with exit code 1.

    So does every contradiction: jobs leave such images out until it is settled.
    """
    tell_left_out(path, TASKS[task])
    found: ClassLabels | BoxLabels
    if task == DETECTION.name:
        found, disputed = DETECTION.read_with_conflicts(path)
        counts = _counted_boxes(found)
        classes = sorted_classes(counts)
        _tell_boxes(found, classes)
        refuse = DETECTION.refuse_conflicts
    else:
        found, disputed = CLASSIFICATION.read_with_conflicts(path)
        counts = Counter([*found.classes_by_name.values(), *(said for places in disputed.values() for said in places)])
        classes = sorted_classes(counts)
        labels = ngettext("{count} label", "{count} labels", len(found)).format(count=len(found))
        words = _("{labels} of {classes}: {names}")
        echo(words.format(labels=labels, classes=_counted_classes(classes), names=", ".join(classes)))
        refuse = CLASSIFICATION.refuse_conflicts
    for group in look_alike(classes):
        unseen = _(" (by {difference})").format(difference=difference(*group[:2]))
        told = _("these look like one class: {names}").format(names=", ".join(group))
        echo(told + (unseen if look_alike(group, to_the_eye=True) else ""), err=True)
    for rare, usual in misspelt(counts):
        words = _("perhaps misspelt: {rare} (labels: {few}) for {usual} (labels: {many})")
        echo(words.format(rare=rare, few=counts[rare], usual=usual, many=counts[usual]), err=True)
    for name in [name for name in (*found.names, *disputed) if oddity(name)][:LISTED]:
        echo(_("{name} has {oddity}").format(name=shown(name), oddity=oddity(name)), err=True)
    if pool is not None:
        _compare_with(pool, found)
    refuse(disputed)  # at the end, so that all else is told before


def _counted_classes(classes: Collection[str]) -> str:
    return ngettext("{count} class", "{count} classes", len(classes)).format(count=len(classes))


def _counted_boxes(found: BoxLabels) -> Counter[str]:
    """Count the boxes of each class; of an image that is contested, as many as one person drew at most."""
    counts = Counter(box.class_name for image in found.images.values() for box in image.boxes)
    for drawn in found.contested.values():
        most: Counter[str] = Counter()
        for image in drawn:
            most |= Counter(box.class_name for box in image.boxes)
        counts += most
    return counts


def _tell_boxes(found: BoxLabels, classes: Collection[str]) -> None:
    """Tell how many there are, and which are worth another look: drawn twice, or hardly to be seen.

    classes: of what is contested, too.
    """
    empty = sum(not image.boxes for image in found.images.values())
    counts = box_exchange.counted_boxes(found.boxes, len(found))
    words = _("{boxes} on {images}, {empty} with nothing there; {classes}: {names}")
    echo(words.format(**counts, empty=empty, classes=_counted_classes(classes), names=", ".join(classes)))
    if found.unfinished:
        first = shown(min(found.unfinished))
        echo(
            _("somebody is still drawing on {count}, which don't count yet: {first} ...").format(
                count=len(found.unfinished), first=first
            ),
            err=True,
        )
    drawn = [*found.images.items(), *((name, one) for name, ones in found.contested.items() for one in ones)]
    told = [*dict.fromkeys((name, what) for name, image in drawn for what in oddities(image))]
    for name, what in told[:LISTED]:
        echo(f"{shown(name)}: {what}", err=True)
    if len(told) > LISTED:
        echo(_("and {count} more").format(count=len(told) - LISTED), err=True)


@labels.command()
@click.argument("source", type=Existing)
@click.argument("out", type=New)
@click.option("--name-column", default=NAME, show_default=True, help="Of the csv file.")
@click.option("--class-column", default=CLASS, show_default=True, help="Of the csv file.")
@Yes
@OfTask
@click.option(
    "--to", type=click.Choice(list(box_exchange.WRITERS)), help="Boxes: for which tool; OUT is a folder then."
)
@click.option("--pool", type=POOL, help="Boxes: their images.")
@box_exchange.EmptyMeansOption
@box_exchange.HullOption
@box_exchange.FirstPixelOption
def convert(
    source: Path, out: Path, name_column: str, class_column: str, yes: bool, task: str, pool: Path | None, **boxes: Any
) -> None:
    """Convert SOURCE to OUT: a name that ends in .csv is a csv file with a header line, any other a labels file.

    With --task detection, SOURCE is a file or folder of boxes of any tool that is known, and OUT a file of boxes
    (.jsonl); or the other way round, with --to.
    """
    if task == DETECTION.name:
        box_exchange.convert(source, out, pool, yes=yes, **boxes)
        return
    if source.is_dir() and not sheets(source):
        words = _(
            "{source} holds no file of labels. What another tool wrote is brought in by `nextlabel import coco` and "
            "the like; boxes are converted with --task detection"
        )
        raise click.UsageError(words.format(source=source))
    keep_out_of([out], labels=source if source.is_dir() else None, is_labels=not is_csv(out))
    found = read_any(source, name_column, class_column) if source.is_file() else read_labels(source)
    if not is_csv(out):
        keep_labels(out, found.names, yes=yes)
    write_any(out, dict(found.pairs()), name_column, class_column)
    form = "csv" if is_csv(out) else _("tab-separated")
    _tell_written(len(found), f"{out} ({form})")


def _tell_written(count: int, place: str) -> None:
    words = ngettext("{count} label in {place}", "{count} labels in {place}", count)
    echo(words.format(count=count, place=place), err=True)


def _compare_with(pool: Path, labelled: ClassLabels | BoxLabels) -> None:
    images = list_pool(place_of(pool))
    matched: Matched = DETECTION.match(labelled, images) if isinstance(labelled, BoxLabels) else match(labelled, images)
    absent = sorted([*matched.absent, *images.absent(sorted(labelled.disputed))])
    words = ngettext(
        "{labelled} of {images} image in {pool} is labelled",
        "{labelled} of {images} images in {pool} are labelled",
        len(images),
    )
    echo(words.format(labelled=len(matched.rows), images=len(images), pool=named(pool)))
    if absent:
        more = _(", and {count} more").format(count=len(absent) - LISTED) if len(absent) > LISTED else ""
        told = _("not in {pool}: {names}").format(pool=named(pool), names=", ".join(absent[:LISTED]))
        echo(told + more, err=True)
    for name, other in meant(absent[:LISTED], images.names).items():
        words = _("{name} and {other}, which is there, differ by {difference}")
        echo(words.format(name=shown(name), other=shown(other), difference=difference(name, other)), err=True)
    if there := elsewhere(absent[:LISTED], images.names):
        name, other = map(shown, there)
        words = _("perhaps {name} is there as {other}: a name is the path from {pool} on")
        echo(words.format(name=name, other=other, pool=named(pool)), err=True)
    if isinstance(labelled, BoxLabels):
        _tell_other_sizes(images, matched, labelled.contested)


def _tell_other_sizes(images: Pool, matched: Matched, contested: Mapping[str, Sequence[BoxedImage]]) -> None:
    """Tell which images have another size than their boxes were drawn on: jobs leave these out."""
    drawn = dict(zip(matched.rows.tolist(), matched.targets, strict=True))
    drawn |= {row: contested[name][0] for name, row in images.find(contested).items()}
    try:
        reader = that_reads_images("nextlabel.core.data.image_sizes")
    except Misconfigured as error:
        echo(error.detail, err=True)
        return
    most = Settings().max_image_pixels
    with counting(_("reading sizes"), len(drawn), Console(stderr=True)) as look:
        sizes, unreadable = reader.read_sizes(images, [*drawn], max_pixels=most, patience_s=PATIENCE_S, look=look)
    for one in unreadable[:FEW]:
        echo(f"{shown(one.name)}: {one.reason}", err=True)
    if unreadable:
        words = ngettext("{count} image can't be read", "{count} images can't be read", len(unreadable))
        echo(words.format(count=len(unreadable)), err=True)
    otherwise = reader.of_another_size(drawn, sizes)
    for row in otherwise[:FEW]:
        words = _("{name}: its boxes were drawn on {drawn}, and it is {size}")
        before, now = (f"{width} x {height}" for width, height in ((drawn[row].width, drawn[row].height), sizes[row]))
        echo(words.format(name=shown(images.names[row]), drawn=before, size=now), err=True)
    if otherwise:
        words = ngettext(
            "{count} image of another size, which jobs leave out; {scaling}",
            "{count} images of another size, which jobs leave out; {scaling}",
            len(otherwise),
        )
        echo(words.format(count=len(otherwise), scaling=_(SCALING)), err=True)


# --- classes ----------------------------------------------------------------------------------------------------


@labels.command()
@click.argument("folder", type=Folder)
@click.argument("old")
@click.argument("new")
@click.option("--merge", is_flag=True, help="There may be labels of NEW already: make one class of the two.")
def rename(folder: Path, old: str, new: str, merge: bool) -> None:
    """Give all labels of the class OLD in FOLDER the class NEW, whoever gave them: in every person's file, or none."""
    _tell_changed(
        change_class(folder.resolve(), old, new, roots=[folder.resolve()], merge=merge), _("{file}: {count} changed")
    )


@labels.command()
@click.argument("folder", type=Folder)
@click.argument("class_", metavar="CLASS")
def remove(folder: Path, class_: str) -> None:
    """Take all labels of CLASS out of FOLDER, whoever gave them. Their images have no label any more."""
    _tell_changed(
        change_class(folder.resolve(), class_, None, roots=[folder.resolve()]), _("{file}: {count} taken out")
    )


@labels.command()
@click.argument("folder", type=Folder)
def undo(folder: Path) -> None:
    """Bring FOLDER back to what it was before the last `rename` or `remove`, unless labels came in since."""
    _tell_changed(
        undo_class_change(folder.resolve(), roots=[folder.resolve()]), _("{file}: as before, labels: {count}")
    )


def _tell_changed(changed: ClassChanged, words: str) -> None:
    for file, count in changed.labels.items():
        echo(words.format(file=file, count=count))


# --- contradictions ---------------------------------------------------------------------------------------------


@labels.command("settle")
@click.argument("folder", type=Folder)
@click.argument("name", required=False)
@click.argument("classes", metavar="[CLASS]...", nargs=-1)
@click.option(
    "--task",
    type=click.Choice(list(TASKS)),
    default=CLASSIFICATION.name,
    show_default=True,
    help="What a label is: one class an image, any number of them, or boxes.",
)
@click.option("--none", "none_applies", is_flag=True, help="None of the classes applies; with --task multilabel.")
@click.option("--as", "as_person", metavar="PERSON", help="What that person drew counts; with --task detection.")
@click.option("--open-again", is_flag=True, help="NAME is not settled any more.")
@click.option("--version", metavar="VERSION", help="As the list told it: refused where something else is said by now.")
@click.option("--by", "by_person", metavar="PERSON", help="Who settles it: that is told beside it.")
def settle_(
    folder: Path,
    name: str | None,
    classes: tuple[str, ...],
    task: str,
    none_applies: bool,
    as_person: str | None,
    open_again: bool,
    version: str | None,
    by_person: str | None,
) -> None:
    """Settle what people contradict each other about: the image NAME is of CLASS. Without NAME, list what is open.

    What is settled counts for all jobs, and stands in a file of its own (_settled.txt, of boxes _settled.jsonl);
    people's files stay as they are.
    """
    root = folder.resolve()
    if name is None:
        _tell_open(root, task)
        return
    if task == DETECTION.name:
        if classes or none_applies or (as_person is None) != open_again:
            raise click.UsageError(_("say whose boxes count on NAME: --as PERSON, or --open-again"))
        _settle_boxes(root, name, as_person, version, by_person)
        return
    if as_person is not None or sum((bool(classes), none_applies, open_again)) != 1:
        raise click.UsageError(_("say what NAME is: CLASS, or --none, or --open-again"))
    given = [GivenLabel(name, one) for one in classes or (None if open_again else NONE,)]
    versions = {} if version is None else {name: version}
    settle(str(root), given, roots=[root], task=task_of(task), versions=versions, by=by_person)
    told = _("open again") if open_again else " + ".join(classes) or _("none of the classes")
    echo(f"{name}: {told}", err=True)


def _settle_boxes(folder: Path, name: str, person: str | None, version: str | None, by: str | None) -> None:
    """Settle that what the person drew counts; None: nobody's does any more. version: None: as it is now."""
    found = drawings_of(folder, [name], [folder]).get(as_seen(clean_name(name)), [])
    finished = [one for one in found if one.file != SETTLED_BOXES and not one.drawn.unfinished]
    theirs = [one for one in finished if person in (one.file, person_of(one.file))]
    if person is not None and not theirs:
        theirs = [one for one in finished if person_of(one.file) == in_file_names(person)]
    if len(theirs) > 1:
        words = _("{person} has drawn on {name} in {files}: say which file, as --as {file}")
        files = [one.file for one in theirs]
        said = {"person": shown(person or ""), "name": shown(name), "files": ", ".join(files), "file": files[0]}
        raise click.UsageError(words.format(**said))
    chosen = theirs[0].drawn if theirs else None
    if person is not None and chosen is None:
        words = _("{person} has not finished drawing on {name}; who has: {people}")
        people = ", ".join(dict.fromkeys(person_of(one.file) for one in finished)) or _("nobody")
        raise click.UsageError(words.format(person=shown(person), name=shown(name), people=people))
    seen = version_of(found) if version is None else version
    settle_boxes(str(folder), [GivenBoxes(name, chosen, seen)], roots=[folder], by=by)
    told = _("open again")
    if chosen is not None:
        told = _("as {person} drew, {boxes}").format(person=person, boxes=chosen.in_words())
    echo(f"{name}: {told}", err=True)


def _tell_open(folder: Path, task: str) -> None:
    _found, conflicts = TASKS[task].read_with_conflicts(folder)
    if task == DETECTION.name:
        key, heading = "box", _("box")
        drawn = drawings_of(folder, conflicts, [folder])
        versions = {name: version_of(drawn[as_seen(name)]) for name in conflicts}
    else:
        key, heading = "class", _("class")
        versions = survey(folder, [folder], task_of(task)).versions(conflicts)
    rows = [(name, one, where, versions[name]) for name, places in conflicts.items() for one, where in places.items()]
    tell(
        rows,
        [
            Column[tuple[str, str, str, str]]("name", itemgetter(0), _("name")),
            Column[tuple[str, str, str, str]](key, itemgetter(1), heading),
            Column[tuple[str, str, str, str]]("file", itemgetter(2), _("where")),
            Column[tuple[str, str, str, str]]("version", itemgetter(3), in_table=False),
        ],
    )
    words = ngettext("{count} to settle", "{count} to settle", len(conflicts))
    echo(words.format(count=len(conflicts)), err=True)


# --- validation -------------------------------------------------------------------------------------------------


@labels.command("keep-apart")
@click.argument("folder", type=New)
@click.option("--pool", type=POOL, help="Their images, of which some are drawn; wanted with --images.")
@click.option(
    "--images",
    "-n",
    type=click.IntRange(0, 100_000),
    help="How many of the pool to keep apart in all, half of it at most: those that are stay; 0: none any more.",
)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of the draw.")
@AsJson
def keep_apart_(folder: Path, pool: Path | None, images: int | None, seed: int, as_json: bool) -> None:
    """Keep images apart to validate by, drawn at random: list those that are; with --images, draw as many.

    They are never proposed, and nothing is learnt from their labels in FOLDER; f1 scores by them, where both its sets
    are this pool and these labels.
    """
    if not folder.exists():  # a draw would make it, and a name that is mistyped be taken for a new folder
        words = _("{folder} does not exist; if these labels are to begin there, make the folder first")
        raise click.UsageError(words.format(folder=folder))
    root = Folder(folder, ctx=click.get_current_context()).resolve()
    if images is None:
        kept = kept_apart(root, [root])
        listed = Apart(kept, ()) if pool is None else Apart.of(list_pool(place_of(pool)).names, kept)
        columns = [Column[dict[str, str]]("name", itemgetter("name"), _("name"))]
        tell([{"name": name} for name in listed.here], columns, as_json=as_json)
        _tell_elsewhere(listed, pool)
        return
    if pool is None:
        raise click.UsageError(_("say which images these labels are of: --pool"))
    names = list_pool(place_of(pool)).names
    apart = keep_apart(str(root), names, images, seed=seed, roots=[root])
    words = ngettext("{kept} of {images} image is kept apart", "{kept} of {images} images are kept apart", len(names))
    echo(words.format(kept=len(apart.here), images=len(names)), err=True)
    _tell_elsewhere(apart, pool)


def _tell_elsewhere(apart: Apart, pool: Path | None) -> None:
    if apart.elsewhere and pool is not None:
        count = len(apart.elsewhere)
        words = ngettext(
            "kept apart, too, and no image of {pool} (it went, or is of another pool): {count} ({names}); to give it "
            "up, take it out of {file}",
            "kept apart, too, and no images of {pool} (they went, or are of another pool): {count} ({names}); to give "
            "them up, take them out of {file}",
            count,
        )
        names = ", ".join(apart.elsewhere[:FEW]) + (", ..." if count > FEW else "")
        echo(words.format(pool=named(pool), count=count, names=names, file=VALIDATION_FILE), err=True)


# --- notes ------------------------------------------------------------------------------------------------------


@labels.command()
@click.argument("folder", type=Folder)
@click.argument("name", required=False)
@click.option("--person", help="Whose note it is; when listing: theirs alone.")
@click.option("--unsure/--sure", default=None, help="The person can't tell what NAME is; when listing: such alone.")
@click.option("--text", help="What there is to say of NAME; an empty one takes it back.")
@AsJson
def notes(
    folder: Path, name: str | None, person: str | None, unsure: bool | None, text: str | None, as_json: bool
) -> None:
    """List what people are unsure of and what they note about images. With NAME, a person and more, note that.

    Notes stand in notes.json in FOLDER, and are no labels: nothing is learnt from them.
    """
    root = folder.resolve()
    if name is None:
        if text is not None:
            raise click.UsageError(_("say the NAME of the image that --text is about"))
        found = read_notes(root, [root])
        _tell_notes(
            [one for one in (of_person(found, person) if person else found) if unsure in (None, one.unsure)], as_json
        )
        return
    if person is None or (unsure is None and text is None):
        raise click.UsageError(_("say whose note it is, --person, and what: --unsure, --sure or --text"))
    mine = of_person(read_notes(root, [root]), person)
    was = next((one for one in mine if as_seen(one.name) == as_seen(name)), None) or GivenNote(name)
    new = GivenNote(name, was.unsure if unsure is None else unsure, was.text if text is None else text)
    write_notes(str(root), [new], person=person, roots=[root])


def _tell_notes(notes: list[Note], as_json: bool) -> None:
    columns = [
        Column[Note]("name", lambda one: one.name, _("name")),
        Column[Note]("person", lambda one: one.person, _("person")),
        Column[Note](
            "unsure", lambda one: "unsure" if one.unsure else "", "", lambda one: _("unsure") if one.unsure else ""
        ),
        Column[Note]("text", lambda one: one.text, _("note"), lambda one: printable(one.text)),
    ]
    tell(notes, columns, as_json=as_json)
    if not as_json:
        words = _("{unsure} unsure, {texts} texts")
        unsure, texts = sum(one.unsure for one in notes), sum(bool(one.text) for one in notes)
        echo(words.format(unsure=unsure, texts=texts), err=True)
