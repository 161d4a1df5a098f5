"""Label Studio's files: tasks with predictions, the labelling configuration, and its exports read back."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree
from xml.sax.saxutils import quoteattr

from nextlabel.core.data.roots import shown
from nextlabel.core.errors import ExchangeMalformed, Inexpressible
from nextlabel.core.exchange.entries import Entry
from nextlabel.core.exchange.files import Faults, agreed, csv_rows, parse_xml, read_json, read_text
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

    def result(self, class_name: str) -> list[dict[str, Any]]:
        """Write a class as annotations and predictions do; empty where the configuration doesn't offer the class."""
        if self.choices and class_name not in self.choices:
            return []
        value = {"choices": [class_name]}
        return [{"from_name": self.from_name, "to_name": self.to_name, "type": "choices", "value": value}]

    def classes(self, result: Any) -> list[str]:
        """List the classes in an annotation's result."""
        ours = [region for region in _regions(result) if region.get("from_name") == self.from_name]
        return [str(choice) for region in ours for choice in _choices(region.get("value"))]


def config(classes: Sequence[str], control: Control) -> str:
    """Write the labelling configuration of a new project: one choice an image, digits as hotkeys for the first nine.

    Raises:
        Inexpressible: there is no class.
    """
    if not classes:
        raise Inexpressible("no class is known yet, so there is nothing to choose from; name the classes (--class)")
    hotkeys = [f' hotkey="{at}"' if at <= 9 else "" for at in range(1, len(classes) + 1)]
    choices = [f"    <Choice value={quoteattr(name)}{key}/>" for name, key in zip(classes, hotkeys, strict=True)]
    image = f"<Image name={quoteattr(control.to_name)} value={quoteattr(f'${control.key}')}/>"
    head = f"<Choices name={quoteattr(control.from_name)} toName={quoteattr(control.to_name)} choice="
    return "\n".join(
        ["<View>", f"  {image}", f'  {head}"single" showInline="true">', *choices, "  </Choices>", "</View>", ""]
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
            return Control(name, to_name, images[to_name], _offered_classes(choices))
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
    result = control.result(entry.class_name) if entry.class_name is not None else []
    if entry.given:
        return {**task, "annotations": [{"result": result}]}
    prediction = {"model_version": model_version, "score": entry.score, "result": result}
    return {**task, "predictions": [prediction]} if entry.score is not None else task


# --- exports ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Answer:
    """One image of an export with its classes, and the place in the file, for faults to name."""

    place: str
    url: str
    classes: list[str]


def read_export(
    file: Path, name_of: NameOf, *, key: str | None = None, from_name: str | None = None, newest: bool = False
) -> list[tuple[str, str]]:
    """Read (name, class) from an export as JSON, JSON-MIN or CSV. Leave out tasks that are skipped or unanswered.

    Args:
        name_of: finds an image's name in the pool by its URL; None: the pool has none such.
        key: the image's key in a task's data. None: it is found out, where only one looks like an image.
        from_name: the name of the choice. None: it is found out, where there is only one.
        newest: of several annotations of a task, the newest counts; else they must agree.

    Raises:
        ExchangeMalformed, PathNotReadable
    """
    faults = Faults(file)
    rows = _rows(file)
    is_full = any(isinstance(row, dict) and isinstance(row.get("data"), dict) for row in rows)
    read = _read_full if is_full else _read_flat
    pairs: dict[str, str] = {}
    for answer in read(rows, key, from_name, newest, faults):
        for class_name in agreed(answer.classes, answer.place, faults):
            name = name_of(answer.url)
            if name is None:
                faults.note(answer.place, f"no image is known by {shown(answer.url)}; check the prefix, or the pool")
            elif newest:
                pairs[name] = class_name
            elif pairs.setdefault(name, class_name) != class_name:
                both = f"{shown(pairs[name])} and {shown(class_name)}"
                faults.note(answer.place, f"{shown(name)} is {both}; keep one, or let the newest count")
    faults.check()
    return list(pairs.items())


def _rows(file: Path) -> list[Any]:
    if file.suffix.lower() in (".csv", ".tsv"):
        delimiter = "\t" if file.suffix.lower() == ".tsv" else ","
        (_, header), *body = csv_rows(file, read_text(file), delimiter) or [("", [])]
        return [dict(zip(header, cells, strict=False)) for _, cells in body]
    rows = read_json(file)
    if not isinstance(rows, list):
        raise ExchangeMalformed(f"{shown(file)} is no list of tasks. Export the project as JSON, JSON-MIN or CSV.")
    return rows


def _read_full(
    tasks_: Sequence[Any], key: str | None, from_name: str | None, newest: bool, faults: Faults
) -> Iterable[_Answer]:
    """Yield the answers of an export as JSON, which holds tasks with their annotations."""
    places = [(f"task {_id(task, at)}", task) for at, task in enumerate(tasks_, start=1)]
    names = {name for _, task in places for name in _names_of_choices(task)}
    from_name = _only(from_name, names, "choice", "choices", "the whole file", faults)
    for place, task in places:
        data = task.get("data") if isinstance(task, dict) else None
        if not isinstance(data, dict):
            faults.note(place, "it has no `data`; export the project as JSON anew")
            continue
        control = Control(from_name=from_name)
        results = [annotation.get("result") for annotation in _annotations(task, newest)]
        classes = [name for result in results for name in control.classes(result)]
        if classes and (url := _url(data, key, place, faults)):
            yield _Answer(place, url, classes)


def _read_flat(
    rows: Sequence[Any], key: str | None, from_name: str | None, newest: bool, faults: Faults
) -> Iterable[_Answer]:
    """Yield the answers of an export as JSON-MIN or CSV, which holds one annotation a row.

    Which column is the choice must be found out, where `from_name` doesn't say it.
    """
    places = [(f"row {at}", row) for at, row in enumerate(rows, start=1)]
    if newest:
        places.sort(key=lambda place: str(place[1].get("updated_at", "")) if isinstance(place[1], dict) else "")
    for place, row in places:
        if not isinstance(row, dict):
            faults.note(place, "it is no object; export the project as JSON or JSON-MIN anew")
            continue
        url = _url(row, key, place, faults)
        if url is None:
            continue
        others = {name for name, value in row.items() if name not in _OF_THE_EXPORT and value not in (url, "", None)}
        column = _only(from_name, others, "choice", "columns", place, faults) if others else None
        if column and (classes := _classes_in(row.get(column))):
            yield _Answer(place, url, classes)


def _annotations(task: Mapping[str, Any], newest: bool) -> list[Mapping[str, Any]]:
    """List the annotations of a task, or the newest alone; leave out the skipped ones."""
    listed = task.get("annotations", task.get("completions"))
    annotations = [entry for entry in listed if isinstance(entry, dict)] if isinstance(listed, list) else []
    if newest:
        annotations = sorted(annotations, key=lambda annotation: str(annotation.get("updated_at", "")))[-1:]
    return [annotation for annotation in annotations if not annotation.get("was_cancelled")]


def _only(asked: str | None, names: set[str], usual: str, what: str, place: str, faults: Faults) -> str:
    """Return the name meant: the one asked for, else the usual or the only one; note it if there are several."""
    if asked is not None:
        return asked
    if usual in names or not names:
        return usual
    if len(names) > 1:
        faults.note(place, f"it has several {what} ({', '.join(sorted(names))}); say which (--from-name)")
    return min(names)


def _url(data: Mapping[str, Any], key: str | None, place: str, faults: Faults) -> str | None:
    """Find the image's URL: under the key, or `image`, or the only one that looks like a path to an image."""
    if key is None and isinstance(data.get("image"), str):
        key = "image"
    if key is None:
        keys = [name for name, value in data.items() if isinstance(value, str) and _looks_like_an_image(value)]
        key = keys[0] if len(keys) == 1 else None
    url = data.get(key) if key is not None else None
    if isinstance(url, str) and url:
        return url
    faults.note(place, f"which of {', '.join(map(str, data))} is the image's URL? Say it (--image-key)")
    return None


def _looks_like_an_image(value: str) -> bool:
    return "/" in value and value.lower().endswith((".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff"))


def _names_of_choices(task: Any) -> set[str]:
    if not isinstance(task, dict):
        return set()
    annotations = _annotations(task, newest=False)
    regions = [region for annotation in annotations for region in _regions(annotation.get("result"))]
    return {str(region.get("from_name")) for region in regions if region.get("type") == "choices"}


def _regions(result: Any) -> list[dict[str, Any]]:
    return [region for region in result if isinstance(region, dict)] if isinstance(result, list) else []


def _choices(value: Any) -> list[Any]:
    choices = value.get("choices") if isinstance(value, dict) else None
    return choices if isinstance(choices, list) else []


def _classes_in(value: Any) -> list[str]:
    """Read a cell: it holds a class, or several as JSON: `{"choices": [...]}`."""
    if isinstance(value, str) and value.startswith('{"choices"'):
        try:
            value = json.loads(value)
        except ValueError:
            return [value]
    if isinstance(value, dict):
        return list(map(str, _choices(value)))
    return [str(value)] if value not in (None, "", []) else []


def _id(task: Any, at: int) -> Any:
    return task.get("id", f"no. {at}") if isinstance(task, dict) else f"no. {at}"
