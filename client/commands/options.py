"""Options of commands. Those of a request are made from its class, so that a new field is an option by itself."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from gettext import gettext as _
from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem
from pydantic.fields import FieldInfo

from nextlabel.client.errors import Refused
from nextlabel.client.http import DEFAULT_URL
from nextlabel.client.paths import at_home
from nextlabel.core.data.encodings import other_than_utf_8
from nextlabel.core.embeddings.catalogue import SHORT_NAMES, timm_names
from nextlabel.core.errors import InvalidRequest
from nextlabel.core.faults import object_of
from nextlabel.core.kinds.requests import JobRequest
from nextlabel.core.methods.base import Method
from nextlabel.core.methods.registry import METHODS

DEFAULT_BACKBONE = "mobilenet"
#: Fields that stand in for a backbone.
BROUGHT_ALONG = ("path_to_embeddings", "path_to_predictions")

#: Kinds that look at boxes by a backbone, too.
LOOK_AT_BOXES = ("similar", "map")


class FromEnvironment(click.Option):
    """An option that an environment variable may say, too. click says so of one that is missing in English alone."""

    def get_error_hint(self, ctx: click.Context | None) -> str:
        hint = _("env var: {var}").format(var=self.envvar)
        return f"{click.Parameter.get_error_hint(self, ctx)} ({hint})"


Url = click.option(
    "--url", envvar="NEXTLABEL_URL", show_envvar=True, default=DEFAULT_URL, show_default=True, help="Where the API is."
)
Key = click.option(
    "--api-key", envvar="NEXTLABEL_API_KEY", show_envvar=True, help="Better set than given: others see a command line."
)

Yes = click.option("--yes", is_flag=True, help="Write it, though the file that is there has more labels.")

#: Fields of which a command has one, and a request a list.
LISTS = ("labels", "notes", "classes")
#: Parameters that say a field under another name.
ALSO = {
    "class": ("old", "class_"),
    "to": ("new",),
    "path_to_img": ("pool",),
    "path_to_labels": ("folder", "labels"),
}
#: Fields that are an argument, not an option.
POOLS = ("path_to_img", "path_to_img_train")
#: Options that are not called as their field is.
CALLED = {
    "add": ("-n", "--add"),
    "methods": ("--method",),
    "path_to_labels": ("-l", "--labels"),
    "path_to_labels_train": ("-l", "--labels"),
    "path_to_img_val": ("--val",),
    "path_to_labels_val": ("--val-labels",),
    "within_s": ("--within",),
}
#: Help for fields that have no description, or one that is written for the wire.
HELP = {
    "method": 'The name of a method, or {"name": ..., options}; `nextlabel capabilities` lists them.',
    "path_to_labels_train": "Labels file, or folder of such files: `file name<TAB>class` a line.",
    "path_to_img_val": "Folder of validation images.",
    "path_to_labels_val": "Their labels.",
}
REPEATABLE = "May be given several times"


def request_parameters(
    kind: type[JobRequest], *, needs_labels: bool = False, but_for: Sequence[str] = ()
) -> list[click.Parameter]:
    """Make a parameter for each field: the pool is an argument, the rest are options. What isn't given is None or ().

    Those that must be given come first, those that all kinds share last. `needs_labels`: labels must be, though the
    field may be left out of a request; `but_for`: tasks for which they may be left out here, too.
    """
    schemas = kind.model_json_schema()["properties"]
    parameters = [
        _parameter(name, field, _without_null(schemas[name]))
        for name, field in kind.model_fields.items()
        if name != "kind"
    ]
    for parameter in parameters:
        if needs_labels and parameter.name == "path_to_labels" and isinstance(parameter, click.Option):
            parameter.help = HELP["path_to_labels_train"]
            if but_for:
                parameter.help += f" Not needed with --task {' or '.join(but_for)}."
                parameter.callback = _needed_but_for(but_for)
            else:
                parameter.required = True
    return sorted(parameters, key=lambda p: (not p.required, p.name in JobRequest.model_fields))


def _needed_but_for(tasks: Sequence[str]) -> Callable[[click.Context, click.Parameter, Any], Any]:
    def needed(context: click.Context, parameter: click.Parameter, value: Any) -> Any:
        if value is None and context.params.get("task") not in tasks:  # what is given is looked at before what is not
            raise click.MissingParameter(ctx=context, param=parameter)
        return value

    return needed


def names_of(field: str) -> tuple[str, ...]:
    """Return the names of a field's option, such as `-l` and `--labels`."""
    return CALLED.get(field) or (f"--{field.removeprefix('path_to_').replace('_', '-')}",)


def called(field: str) -> str:
    """Return the name by which a sentence speaks of a field's option or argument."""
    return "POOL" if field in POOLS else names_of(field)[-1]


def in_options(error: Refused | InvalidRequest, command: click.Command) -> Refused | InvalidRequest:
    """Return a refusal with its faults told as the command line has them: `--labels` for `/path_to_labels`."""
    if isinstance(error, InvalidRequest):
        return InvalidRequest([replace(fault, pointer=_said(fault.pointer, command)) for fault in error.faults])
    faults = [{**fault, "pointer": _said(fault["pointer"], command)} for fault in error.problem.get("errors", ())]
    return Refused({**error.problem, "errors": faults})


def _said(pointer: str, command: click.Command) -> str:
    """Say which option or argument a JSON pointer, or `?name` of a query, is about."""
    field, *steps = pointer.removeprefix("/").removeprefix("?").split("/")
    if field in LISTS and len(steps) == 2:  # what was typed is the only one of a list
        field, steps = steps[-1], []
    ours = {one.name: one for one in command.params}
    found = next((ours[name] for name in (field, *ALSO.get(field, ())) if name in ours), None)
    if isinstance(found, click.Option):
        name = max(found.opts, key=len)
    elif found is not None:
        name = (found.metavar or str(found.name)).strip("[].").upper()
    else:
        name = called(field)
    return " ".join([name, *steps])


def request_body(kind: str, given: dict[str, Any]) -> dict[str, Any]:
    """Make the request's body of what was given on the command line; leave out what was not."""
    body = {name: value for name, value in given.items() if value not in (None, ())}
    if body.get("task") == "detection":
        wants_one = kind in LOOK_AT_BOXES  # a detector needs none
    else:
        wants_one = not any(name in body for name in BROUGHT_ALONG)
    if wants_one:
        body.setdefault("backbone", DEFAULT_BACKBONE)
    return {"kind": kind, **body}


def _parameter(name: str, field: FieldInfo, schema: dict[str, Any]) -> click.Parameter:
    if name in POOLS:
        return click.Argument([name], metavar="POOL", type=PathType(folder=True), required=field.is_required())
    default = DEFAULT_BACKBONE if name == "backbone" else _in_help(field.get_default(call_default_factory=True))
    if schema.get("type") == "boolean":
        return click.Option([*names_of(name), name], is_flag=True, default=None, help=schema.get("description", ""))
    several = schema.get("type") in ("array", "object")
    notes = [*([REPEATABLE] if several else []), *([f"default: {default}"] if default else [])]
    text = HELP.get(name) or schema.get("description", "")
    return click.Option(
        [*names_of(name), name],
        type=_type_of(name, schema),
        multiple=several,
        callback=_gather if several else None,
        required=field.is_required() and name != "backbone",
        help=f"{text}  [{'; '.join(notes)}]" if notes else text,
    )


def _type_of(name: str, schema: dict[str, Any]) -> click.ParamType[Any, Any]:
    """Return the type of a field's value; of one of them, where the field has several."""
    if "enum" in schema or "const" in schema:
        return click.Choice(schema.get("enum") or [schema["const"]])
    if name.startswith("path_"):
        return PathType(folder=name.startswith("path_to_img"))
    if name == "backbone":
        return Known("NAME", lambda: dict.fromkeys([*SHORT_NAMES, *sorted(timm_names())]))
    if name in ("method", "methods"):
        return Known("NAME", lambda: METHODS, convert=_method)
    return _plain_type(schema)


def _plain_type(schema: dict[str, Any]) -> click.ParamType[Any, Any]:
    ends: dict[str, Any] = {
        "min": schema.get("minimum", schema.get("exclusiveMinimum")),
        "max": schema.get("maximum", schema.get("exclusiveMaximum")),
        "min_open": "exclusiveMinimum" in schema,
        "max_open": "exclusiveMaximum" in schema,
    }
    match schema.get("type"):
        case "integer":
            return click.IntRange(**ends)
        case "number":
            return Finite(**ends)
        case "object":
            return ClassNumber(whole=schema["additionalProperties"].get("type") == "integer")
        case "array":
            return Name() if schema["items"].get("type") == "string" else _plain_type(schema["items"])
        case "string":
            return click.STRING
        case _:
            return Json()


def _without_null(schema: dict[str, Any]) -> dict[str, Any]:
    choices = [choice for choice in schema.get("anyOf", ()) if choice != {"type": "null"}]
    return {**schema, **choices[0]} if len(choices) == 1 else schema


def _in_help(default: Any) -> str:
    """Write a default for the help; an empty text where there is nothing to say."""
    if isinstance(default, Method):
        return default.name
    if isinstance(default, tuple):
        return ", ".join(map(_in_help, default))
    return str(default) if isinstance(default, str | int | float) and default != "" else ""


def _gather(_context: click.Context, _parameter: click.Parameter, values: Sequence[Any]) -> Any:
    """Gather the values of a repeated option, each of which may stand for several: the names in a file.

    Pairs become a dictionary, everything else a tuple.
    """
    flat = [item for value in values for item in (value if isinstance(value, list) else [value])]
    return dict(flat) if flat and all(isinstance(item, tuple) for item in flat) else tuple(flat)


def _method(text: str) -> Any:
    return _parsed(text) if text.lstrip().startswith("{") else text


def _parsed(text: str) -> Any:
    """Raise ValueError where it is no JSON, or a key stands twice in an object."""
    return json.loads(text, object_pairs_hook=object_of, parse_constant=_finite)


class Finite(click.FloatRange):
    """A number, as no JSON holds one that isn't finite."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        number = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(_("{value!r} is no finite number").format(value=value), param, ctx)
        return number


class Known(click.ParamType[Any, Any]):
    """A name that the shell can complete; others are let through, for the service may know more."""

    def __init__(
        self, name: str, names: Callable[[], Iterable[str]], convert: Callable[[str], Any] = lambda text: text
    ) -> None:
        self.name = name
        self._names, self._convert = names, convert

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        try:
            return self._convert(value)
        except ValueError as error:
            self.fail(_("{value!r} is neither a name nor JSON: {error}").format(value=value, error=error), param, ctx)

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        return [CompletionItem(name) for name in self._names() if name.startswith(incomplete)]


class PathType(click.ParamType[Any, Any]):
    """A path. It is sent absolute if it is there on this machine; else the service looks under its data roots."""

    def __init__(self, *, folder: bool) -> None:
        self.name = "FOLDER" if folder else "PATH"
        self._completes = "dir" if folder else "file"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        value = at_home(value)
        return str(Path(value).resolve()) if value and os.path.exists(value) else str(value)  # noqa: PTH110 - raises nothing

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        return [CompletionItem(incomplete, type=self._completes)]


class Name(click.ParamType[Any, Any]):
    """An image's name, or `@FILE`: the names in that file, one a line; a labels file will do."""

    name = "NAME|@FILE"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if not isinstance(value, str) or not value.startswith("@"):
            return value
        try:
            data = Path(at_home(value[1:])).read_bytes()
            lines = data.decode("utf-8-sig").replace("\r\n", "\n").split("\n")
        except OSError as error:
            self.fail(f"{value[1:]}: {error.strerror}", param, ctx)
        except UnicodeDecodeError as error:
            told = _("byte {at} is not UTF-8; save the file as UTF-8").format(at=error.start)
            self.fail(f"{value[1:]}: {other_than_utf_8(data) or told}", param, ctx)
        return [name for line in lines if (name := line.partition("\t")[0]).strip()]


class ClassNumber(click.ParamType[Any, Any]):
    """A number for a class, or for whatever else has a name. whole: it has to be a whole one."""

    def __init__(self, *, whole: bool) -> None:
        self.name = "CLASS=NUMBER" if whole else "NAME=NUMBER"
        self._whole = whole

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        name, _sign, number = value.rpartition("=")
        try:
            return _named(name), int(number) if self._whole else _finite(number)
        except ValueError:
            of_class, of_name = (
                _("{value!r} is not a class, an equals sign and a number"),
                _("{value!r} is not a name, an equals sign and a number"),
            )
            self.fail((of_class if self._whole else of_name).format(value=value), param, ctx)


def _finite(text: str) -> float:
    if not math.isfinite(number := float(text)):
        raise ValueError(text)
    return number


def _named(name: str) -> str:
    if not name:
        raise ValueError
    return name


class Json(click.ParamType[Any, Any]):
    """A value as JSON: for a new field that has no better form here yet."""

    name = "JSON"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        try:
            return _parsed(value)
        except ValueError as error:
            self.fail(_("{value!r} is not JSON: {error}").format(value=value, error=error), param, ctx)


def together(*options: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Make one decorator of several options."""

    def decorate(command: Any) -> Any:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate
