"""Label Studio's files: tasks with predictions, the labelling configuration, and its exports read back."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from xml.etree import ElementTree
from xml.sax.saxutils import quoteattr

from nextlabel.core.data.files import has_suffix
from nextlabel.core.data.roots import shown
from nextlabel.core.errors import ExchangeMalformed, Inexpressible
from nextlabel.core.exchange.answers import Answer, Reading, is_structure
from nextlabel.core.exchange.entries import Entry
from nextlabel.core.exchange.files import Faults, parse_xml, read_json, read_table
from nextlabel.core.exchange.image_urls import ImageUrls

#: Columns of JSON-MIN and CSV that are neither the task's data nor answers.
_OF_THE_EXPORT = {
    "id", "annotation_id", "annotator", "created_at", "updated_at", "lead_time", "agreement", "annotation_history",
}  # fmt: skip
NameOf = Callable[[str], str | None]


@dataclass(frozen=True)
class Control:
    """A `<Choices>` of the configuration, and the image that it is about. `choices`: none where any may be given."""

    from_name: str = "choice"
    to_name: str = "image"
    key: str = "image"  #: of the image's URL in a task's data
    choices: tuple[str, ...] = ()
    several: bool = False  #: whether a person may choose several

    def result(self, *classes: str) -> list[dict[str, Any]]:
        """Write classes as annotations and predictions do.

        Empty where there is none, or the configuration doesn't offer one of them.
        """
        if not classes or (self.choices and not {*classes} <= {*self.choices}):
            return []
        value = {"choices": list(classes)}
        return [{"from_name": self.from_name, "to_name": self.to_name, "type": "choices", "value": value}]

    def classes(self, result: Any) -> list[str]:
        """List the classes in an annotation's result; leave out what is of a part of the image, or no text."""
        values = [region.get("value") for region in objects_in(result) if region.get("from_name") == self.from_name]
        whole = [value for value in values if isinstance(value, dict) and value.keys() == {"choices"}]
        return [choice for value in whole for choice in _choices(value) if isinstance(choice, str)]


def config(classes: Sequence[str], control: Control, *, several: bool = False) -> str:
    """Write the labelling configuration of a new project, with digits as hotkeys for the first nine classes.

    several: an image may have several.

    Raises:
        Inexpressible: there is no class.
    """
    if not classes:
        raise Inexpressible("no class is known yet, so there is nothing to choose from; name the classes (--class)")
    hotkeys = [f' hotkey="{at}"' if at <= 9 else "" for at in range(1, len(classes) + 1)]
    choices = [f"    <Choice value={quoteattr(name)}{key}/>" for name, key in zip(classes, hotkeys, strict=True)]
    image = f"<Image name={quoteattr(control.to_name)} value={quoteattr(f'${control.key}')}/>"
    how = "multiple" if several else "single"
    head = f"<Choices name={quoteattr(control.from_name)} toName={quoteattr(control.to_name)} choice="
    return "\n".join(
        ["<View>", f"  {image}", f'  {head}"{how}" showInline="true">', *choices, "  </Choices>", "</View>", ""]
    )


def read_config(text: str, from_name: str | None = None) -> Control:
    """Find the control to work with: the one of that name, or the first that is about an image.

    Raises:
        ExchangeMalformed
    """
    root = parse_xml(text, "the labelling configuration")
    images = {image.get("name"): (image.get("value") or "").removeprefix("$") for image in root.iter("Image")}
    for choices in root.iter("Choices"):
        to_name, name = choices.get("toName", ""), choices.get("name", "")
        if to_name in images and from_name in (None, name):
            several = choices.get("choice") == "multiple"
            return Control(name, to_name, images[to_name], _offered_classes(choices), several)
    wanted = "" if from_name is None else f" named {shown(from_name)}"
    detail = f"the labelling configuration has no <Choices>{wanted} with toName of an <Image>; nextlabel needs one"
    raise ExchangeMalformed(detail)


def _offered_classes(choices: ElementTree.Element) -> tuple[str, ...]:
    """List the classes to choose from, by their aliases, which annotations say.

    Choices that come from the task's data are not known: none are listed.
    """
    if choices.get("value"):
        return ()
    return tuple(choice.get("alias") or choice.get("value") or "" for choice in choices.iter("Choice"))


# --- tasks ------------------------------------------------------------------------------------------------------


def tasks(entries: Iterable[Entry], urls: ImageUrls, control: Control, model_version: str) -> list[dict[str, Any]]:
    """Make tasks to import into a project, in that order: predictions for proposed classes, else annotations."""
    return [_task(entry, urls, control, model_version) for entry in entries]


def _task(entry: Entry, urls: ImageUrls, control: Control, model_version: str) -> dict[str, Any]:
    task: dict[str, Any] = {"data": {control.key: urls.url(entry.name)}}
    result = control.result(*(entry.classes or ()))
    if entry.given:
        return {**task, "annotations": [{"result": result}]}
    prediction = {"model_version": model_version, "score": entry.score, "result": result}
    return {**task, "predictions": [prediction]} if entry.score is not None else task


# --- exports ----------------------------------------------------------------------------------------------------

USUAL = "choice"  # the name of the choice in Label Studio's own template, and in ours


@dataclass(frozen=True)
class _Annotation:
    """What somebody said of one task, and when. `choices`: none where it was skipped, or left open.

    made: False where a task has no annotation at all.
    by_model: it is a prediction that stands among the annotations.
    """

    place: str
    url: str
    choices: list[Any]
    time: datetime | None
    made: bool
    by_model: bool = False


def read_export(
    file: Path,
    name_of: NameOf,
    *,
    key: str | None = None,
    from_name: str | None = None,
    newest: bool = False,
    several: bool = False,
) -> Reading:
    """Read an export as JSON, JSON-MIN or CSV. Predictions and drafts in it are nobody's answers.

    Args:
        name_of: finds an image's name in the pool by its URL; None: the pool has none such.
        key: the image's key in a task's data. None: it is found out, where only one looks like an image.
        from_name: the name of the choice. None: it is found out, where there is only one.
        newest: of several annotations of an image, the newest counts, whatever task it is in; else they must agree.
        several: an image may have several classes, all of which an annotation says.

    Raises:
        ExchangeMalformed, PathNotReadable
    """
    reading = Reading.of(file, settled_by="" if newest else "let the newest count (--newest)")
    rows = _rows(file)
    is_full = any(isinstance(row, dict) and isinstance(row.get("data"), dict) for row in rows)
    annotations = (_read_full if is_full else _read_flat)(rows, key, from_name, reading)
    reading.faults.check()
    by_image: dict[str, list[_Annotation]] = {}
    for annotation in annotations:
        name = name_of(annotation.url)
        if name is None and annotation.choices:
            what = f"no image is known by {shown(annotation.url)}; check the prefix, or the pool"
            reading.faults.note(annotation.place, what)
        else:
            by_image.setdefault(name or annotation.url, []).append(annotation)
    for name, of_image in by_image.items():
        counted = _newest(of_image, name, reading.faults) if newest else of_image
        if several:
            _note_what_they_contest(counted, name, reading)
        for annotation in counted:
            classes = annotation.choices or [None]
            by_model = annotation.by_model
            reading.answers += [Answer(annotation.place, name, class_name, by_model) for class_name in classes]
    return reading


def _note_what_they_contest(annotations: Sequence[_Annotation], name: str, reading: Reading) -> None:
    """Note the classes of one image that only some of its annotations say. Those without an answer say nothing."""
    said = [{str(choice) for choice in annotation.choices} for annotation in annotations if annotation.choices]
    every = {choice for one in said for choice in one}
    contested = sorted(choice for choice in every if not all(choice in one for one in said))
    if contested:
        place = " and ".join(dict.fromkeys(annotation.place for annotation in annotations if annotation.choices))
        what = f"{shown(name)}: annotations contradict each other about {', '.join(map(shown, contested))}"
        reading.faults.note(place, ", or ".join([f"{what}; settle it", *filter(None, [reading.settled_by])]))


def _newest(annotations: list[_Annotation], name: str, faults: Faults) -> list[_Annotation]:
    """Return the newest annotation; several of one time. Note it where the times don't tell which it is."""
    annotations = [annotation for annotation in annotations if annotation.made] or annotations
    annotations = [annotation for annotation in annotations if not annotation.by_model] or annotations
    if all(annotation.choices == annotations[0].choices for annotation in annotations):
        return annotations
    times = [annotation.time for annotation in annotations if annotation.time is not None]
    if len(times) < len(annotations):
        place = next(annotation.place for annotation in annotations if annotation.time is None)
        faults.note(place, f"{shown(name)} has several annotations, and no `updated_at` says which is the newest")
        return []
    return [annotation for annotation in annotations if annotation.time == max(times)]


def _rows(file: Path) -> list[Any]:
    if file.suffix.lower() not in (".csv", ".tsv"):
        rows = read_json(file)
        if not isinstance(rows, list):
            detail = f"{shown(file)} is no list of tasks. Export the project as JSON, JSON-MIN or CSV."
            raise ExchangeMalformed(detail)
        return rows
    (_, header), *body = read_table(file) or [("", [])]
    twice = [title for title in header if header.count(title) > 1]
    if twice:
        raise ExchangeMalformed(f"{shown(file)}: two of its columns are called {shown(twice[0])}; rename one of them.")
    uneven = next((place for place, cells in body if len(cells) > len(header)), None)
    if uneven:
        raise ExchangeMalformed(f"{shown(file)}: {uneven} has more cells than the header. Export it anew.")
    return [dict(zip(header, cells, strict=False)) for _, cells in body]


# JSON: tasks with their annotations


def _read_full(tasks_: Sequence[Any], key: str | None, from_name: str | None, reading: Reading) -> list[_Annotation]:
    """Read an export as JSON, which holds tasks with all of their annotations, or none."""
    places = [(f"task {_id(task, at)}", task) for at, task in enumerate(tasks_, start=1)]
    known: list[tuple[str, Mapping[str, Any]]] = []
    for place, task in places:
        if isinstance(task, dict) and isinstance(task.get("data"), dict):
            known.append((place, task))
        else:
            reading.faults.note(place, "it has no `data`; export the project as JSON anew")
    control = Control(from_name=_choice_of([task for _, task in known], from_name, reading))
    key = key or image_key([task["data"] for _, task in known])
    annotations = []
    for place, task in known:
        if any(not isinstance(annotation, dict) for annotation in _listed(task)):
            reading.faults.note(
                place, "its annotations are numbers; export the project as JSON anew, with all they say"
            )
        for annotation in _annotations(task) or [{}]:
            choices = _choices_of(annotation, control, place, reading.faults)
            if url := _url(task["data"], key, place, choices, reading.faults):
                made, by_model = bool(annotation), _is_prediction(annotation)
                annotations.append(_Annotation(place, url, choices, _time(annotation), made, by_model))
    return annotations


def _choice_of(tasks_: Iterable[Mapping[str, Any]], asked: str | None, reading: Reading) -> str:
    """Return the name of the choice to read. Raises ExchangeMalformed where there is none such, or several."""
    types = {
        str(region.get("from_name")): str(region.get("type"))
        for task in tasks_
        for annotation in _annotations(task)
        for region in objects_in(annotation.get("result"))
    }
    choices = sorted(name for name, type_ in types.items() if type_ == "choices")
    if not types or asked in choices or (asked is None and len(choices) == 1):
        return asked or (choices or [USUAL])[0]
    others = ", ".join(f"{name} ({type_})" for name, type_ in sorted(types.items()) if type_ != "choices")
    there = f"there is {', '.join(choices)}" if choices else f"its answers are of {others}"
    which = "no choice of an image's class" if asked is None else f"no choice named {shown(asked)}"
    if asked is None and choices:
        which, there = "several choices", f"{', '.join(choices)}; say which (--from-name)"
    boxes = " Boxes are taken with --task detection." if "rectanglelabels" in types.values() else ""
    raise ExchangeMalformed(f"{shown(reading.file)} has {which} in it: {there}.{boxes}")


def _annotations(task: Mapping[str, Any]) -> list[dict[str, Any]]:
    return objects_in(_listed(task))


def _listed(task: Mapping[str, Any]) -> list[Any]:
    listed = task.get("annotations", task.get("completions"))
    return listed if isinstance(listed, list) else []


def _is_prediction(annotation: Mapping[str, Any]) -> bool:
    """Tell a model's prediction, of which a model's version or a score tells and no person, from a person's answer."""
    by_model = any(annotation.get(key) is not None for key in ("model_version", "score"))
    return annotation.get("type") == "prediction" or (by_model and annotation.get("completed_by") is None)


def _choices_of(annotation: Mapping[str, Any], control: Control, place: str, faults: Faults) -> list[Any]:
    """List what was chosen, as it stands there; nothing where the annotation was skipped."""
    if annotation.get("was_cancelled"):
        return []
    chosen: list[Any] = []
    for region in objects_in(annotation.get("result")):
        if region.get("from_name") == control.from_name and region.get("type") == "choices":
            value = region.get("value")
            if isinstance(value, dict) and (value.keys() - {"choices"} or "item_index" in region):
                what = f"{shown(control.from_name)} is about a part of the image, or one of several images"
                faults.note(place, what)
            chosen += _choices(value)
    return chosen


def objects_in(listed: Any) -> list[dict[str, Any]]:
    """List the objects in what should be a list of them; nothing where it is none."""
    return [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []


def _choices(value: Any) -> list[Any]:
    """List what was chosen, as it stands there: it is for the check of labels to say that it is no text."""
    choices = value.get("choices") if isinstance(value, dict) else None
    return choices if isinstance(choices, list) else [] if choices is None else [choices]


# JSON-MIN and CSV: one annotation a row


def _read_flat(rows: Sequence[Any], key: str | None, from_name: str | None, reading: Reading) -> list[_Annotation]:
    """Read an export as JSON-MIN or CSV, which holds one annotation a row, or a task that has none."""
    places = [(f"row {at}", row) for at, row in enumerate(rows, start=1)]
    for place, row in places:
        if not isinstance(row, dict):
            reading.faults.note(place, "it is no object; export the project as JSON or JSON-MIN anew")
    known = [row for row in rows if isinstance(row, dict)]
    key = key or image_key(known)
    column = _column(known, key, from_name, reading)
    annotations = []
    for place, row in places:
        choices = _chosen_in(row.get(column)) if isinstance(row, dict) else []
        if isinstance(row, dict) and (url := _url(row, key, place, choices, reading.faults)):
            made = bool(choices or row.get("annotation_id"))
            annotations.append(_Annotation(place, url, choices, _time(row), made))
    return annotations


def _column(rows: Sequence[Mapping[str, Any]], key: str | None, asked: str | None, reading: Reading) -> str:
    """Return the column that is the choice: the one asked for, or that of the usual name.

    No other is taken for it, and be it the only one: a file like this doesn't tell answers from what a task is about.

    Raises:
        ExchangeMalformed
    """
    columns = list(dict.fromkeys(name for row in rows for name in row if name not in _OF_THE_EXPORT and name != key))
    of_tasks = {
        name for row in rows if "annotation_id" in row and row["annotation_id"] in (None, "")
        for name, value in row.items() if value not in (None, "", [])
    }  # fmt: skip
    name = asked or USUAL
    if name in columns and name not in of_tasks:
        others = [column for column in columns if column not in {name, *of_tasks}]
        if asked is None and others:
            reading.notes.append(f"the class is what {name} says; --from-name names another of: {', '.join(others)}")
        return name
    file, there = shown(reading.file), ", ".join(columns) or "none"
    if not columns:
        raise ExchangeMalformed(f"{file}: no answer found in it: it has no column but Label Studio's own.")
    if asked is not None:
        why = "is no answer: tasks without an annotation have it, too" if asked in columns else "is not there"
        raise ExchangeMalformed(f"{file}: the column {shown(asked)} {why}; its columns are {there}.")
    plain = [name for name in columns if not all(is_structure(row.get(name)) for row in rows if row.get(name))]
    if not plain:
        raise ExchangeMalformed(f"{file} has no choice of an image's class in it: {there} holds lists or objects.")
    raise ExchangeMalformed(
        f"{file}: is there a choice of an image's class in it? None of its columns is called {USUAL}: {there}. "
        f"If one of them is the choice, say it: --from-name {plain[0]}"
    )


def _chosen_in(value: Any) -> list[Any]:
    """Read a cell: it holds a class, or several as JSON: `{"choices": [...]}`."""
    if isinstance(value, str) and value.startswith('{"choices"'):
        try:
            value = json.loads(value)
        except ValueError:
            return [value]
    if isinstance(value, dict) and value.keys() == {"choices"}:
        return _choices(value)
    return [value] if value not in (None, "", []) else []


# both


def image_key(rows: Sequence[Mapping[str, Any]]) -> str | None:
    """Find the key of the image's URL: `image`, or the only one under which all values look like one; None: ask."""
    keys = dict.fromkeys(key for row in rows for key in row)
    if "image" in keys:
        return "image"
    like = [key for key in keys if all(_looks_like_an_image(row.get(key)) for row in rows)]
    return like[0] if len(like) == 1 else None


def _looks_like_an_image(value: Any) -> bool:
    return isinstance(value, str) and (has_suffix(value) or has_suffix(value.partition("?")[0]))


def _url(data: Mapping[str, Any], key: str | None, place: str, choices: list[Any], faults: Faults) -> str | None:
    """Return the image's URL; None: there is none, which is a fault where something was chosen."""
    url = data.get(key) if key is not None else None
    if isinstance(url, str) and url:
        return url
    if choices:
        faults.note(place, f"which of {', '.join(map(str, data))} is the image's URL? Say it (--image-key)")
    return None


def _time(annotation: Mapping[str, Any]) -> datetime | None:
    """Read when an annotation was changed last, or made; None where that is no time."""
    text = annotation.get("updated_at") or annotation.get("created_at")
    try:
        time = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def _id(task: Any, at: int) -> Any:
    return task.get("id", f"no. {at}") if isinstance(task, dict) else f"no. {at}"
