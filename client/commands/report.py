"""`nextlabel report`: asks for all that is known of a pool and its labels, and writes it as one file to mail."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from gettext import gettext as _
from pathlib import Path
from typing import Any, get_args

import click
from rich.console import Console

from nextlabel.client.commands import options
from nextlabel.client.commands.options import Key, PathType, Url
from nextlabel.client.commands.output import check_folder, hint_at_descriptor
from nextlabel.client.errors import JobFailed, Refused
from nextlabel.client.http import Client
from nextlabel.client.paths import OwnPath
from nextlabel.client.shown import progress, tell_warnings
from nextlabel.client.terminal import echo, harmless
from nextlabel.core.disk import write_whole
from nextlabel.core.kinds.registry import KINDS
from nextlabel.core.kinds.requests import AnyTask


@click.command()
@click.argument("path_to_img", metavar="POOL", type=PathType(folder=True))
@click.option("-l", "--labels", "path_to_labels", type=PathType(folder=False), required=True, help="Their labels.")
@click.option("--val", "path_to_img_val", type=PathType(folder=True), help="Validation images, to measure quality on.")
@click.option("--val-labels", "path_to_labels_val", type=PathType(folder=False), help="Their labels.")
@click.option(
    "--task",
    type=click.Choice(get_args(AnyTask)),
    default="classification",
    show_default=True,
    help="What a label is: one class an image, several, or boxes.",
)
@click.option(
    "--curve/--no-curve",
    default=None,
    help="Whether to forecast what more labels would bring. Of boxes that takes a quarter of an hour or more.  "
    "[default: --curve, and of boxes --no-curve]",
)
@click.option("--backbone", help=f"What looks at the images.  [default: {options.DEFAULT_BACKBONE}]")
@click.option("-n", "add", type=click.IntRange(1, 1000), default=24, show_default=True, help="How many to label next.")
@click.option(
    "-o",
    "--output",
    type=OwnPath(dir_okay=False),
    default="report.html",
    show_default=True,
    help="The file that it is written to.",
)
@Url
@Key
def report(
    path_to_img: str,
    path_to_labels: str,
    path_to_img_val: str | None,
    path_to_labels_val: str | None,
    task: AnyTask,
    curve: bool | None,
    backbone: str | None,
    add: int,
    output: Path,
    url: str,
    api_key: str | None,
) -> None:
    """Write a report on POOL: one HTML file that asks no host, to be mailed.

    It has the learning curve with its forecast, quality class by class, what is taken for what, suspicious labels with
    their pictures, the next batch, a map, leaks, how far people agree and what they have. Of boxes: average precision
    by class, misses by kind, suspicious boxes cut out, the next batch, a map. What can't be told is said.
    """
    if (path_to_img_val is None) != (path_to_labels_val is None):
        raise click.UsageError(_("--val and --val-labels belong together"))
    if output.suffix.lower() not in (".html", ".htm"):
        raise click.UsageError(_("{file}: a report is HTML; let its name end in .html").format(file=output.name))
    check_folder(output)
    sets = {"path_to_img": path_to_img, "path_to_labels": path_to_labels}
    val = {"path_to_img_val": path_to_img_val, "path_to_labels_val": path_to_labels_val} if path_to_img_val else {}
    console = Console(stderr=True)
    with Client(url, api_key) as client:
        wanted = _wanted(task, {**sets, "backbone": backbone or options.DEFAULT_BACKBONE}, val, add, curve=curve)
        with _told_once(console) as left_out:
            jobs = list(_jobs(client, wanted, console, left_out))
            content = client.report(path_to_img, path_to_labels, jobs, task=task)
    write_whole(output, content, durable=False)
    echo(f"{output}: {_size(len(content))}", err=True)
    if not jobs:
        raise click.ClickException(_("none of the jobs that a report is made of succeeded"))


def _size(count: int) -> str:
    if count < 1e6:
        return _("{kilobytes:.0f} kB").format(kilobytes=count / 1e3)
    return _("{megabytes:.1f} MB").format(megabytes=count / 1e6)


def _wanted(
    task: AnyTask, one: dict[str, Any], val: dict[str, Any], add: int, *, curve: bool | None
) -> dict[str, dict[str, Any]]:
    """Name the kinds of jobs that a report is made of, and what each is asked with."""
    boxes = task == "detection"
    images = {"task": task, **one}
    found = {name: value for name, value in images.items() if name != "backbone"} if boxes else images
    train = {f"{name}_train" if name.startswith("path") else name: value for name, value in found.items()}
    wanted: dict[str, dict[str, Any]] = {
        "learning_curve": {**found, **val},
        "f1": {**train, **val},
        "label_check": found if boxes else {**found, **val},
        "selection": {**found, "add": add},
        "map": images,
        "agreement": images,
    }
    left_out = {
        "learning_curve": not (not boxes if curve is None else curve),
        "f1": not val,
        "agreement": task != "classification",
    }
    return {kind: request for kind, request in wanted.items() if not left_out.get(kind)}


def _jobs(
    client: Client, wanted: dict[str, dict[str, Any]], console: Console, left_out: dict[_Cause, list[str]]
) -> Iterator[str]:
    """Carry out what a report is made of, and yield the ids of what succeeded.

    left_out: titles of what did not succeed are added to it, by the cause. What several warn of is told once.
    """
    told: set[str] = set()
    for kind, request in wanted.items():
        title = KINDS[kind].title
        try:
            with progress(title, console) as show:
                job = client.wait(client.submit({"kind": kind, **request}).id, show)
        except (JobFailed, Refused) as error:
            if isinstance(error, JobFailed):
                tell_warnings(error.job, console, told)
            left_out.setdefault(_Cause.of(error), []).append(title)
        else:
            tell_warnings(job, console, told)
            yield job.id


@contextmanager
def _told_once(console: Console) -> Iterator[dict[_Cause, list[str]]]:
    """Give where titles of parts are put by the cause that leaves them out, and tell of each cause once, at the end.

    Where a refusal ends the command, there are no parts: a cause is told only for what that and others leave out.
    """
    left_out: dict[_Cause, list[str]] = {}
    try:
        yield left_out
    except Refused as error:
        told = _faults(error)
        for cause in sorted(left_out, key=lambda cause: len(cause.faults), reverse=True):
            if cause.faults <= told:
                del left_out[cause]
            told |= cause.faults
        raise
    finally:
        for cause, titles in left_out.items():
            words = _("not in the report: {titles}: {cause}").format(titles=", ".join(titles), cause=cause.words)
            console.print(harmless(words), markup=False, highlight=False, soft_wrap=True)
        if any(cause.descriptor_helps for cause in left_out):
            hint_at_descriptor(console)


@dataclass(frozen=True)
class _Cause:
    """Why something is left out. words: a refusal has the names of the command's own options."""

    words: str
    faults: frozenset[str]
    descriptor_helps: bool = False

    @classmethod
    def of(cls, error: JobFailed | Refused) -> _Cause:
        if isinstance(error, Refused):
            return cls(str(options.in_options(error, click.get_current_context().command)), _faults(error))
        return cls(str(error), frozenset([str(error)]), error.descriptor_helps)


def _faults(error: Refused) -> frozenset[str]:
    """List what a refusal says is wrong, each without the field that it stands in."""
    faults = error.problem.get("errors") or [error.problem]
    return frozenset(str(fault.get("detail")) for fault in faults)
