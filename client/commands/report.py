"""`nextlabel report`: asks for all that is known of a pool and its labels, and writes it as one file to mail."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from nextlabel.client.commands import options
from nextlabel.client.commands.options import Key, PathType, Url
from nextlabel.client.errors import JobFailed, Refused
from nextlabel.client.http import Client
from nextlabel.client.shown import progress
from nextlabel.core.disk import write_whole
from nextlabel.core.kinds.registry import KINDS


@click.command()
@click.argument("path_to_img", metavar="POOL", type=PathType(folder=True))
@click.option("-l", "--labels", "path_to_labels", type=PathType(folder=False), required=True, help="Their labels.")
@click.option("--val", "path_to_img_val", type=PathType(folder=True), help="Validation images, to measure quality on.")
@click.option("--val-labels", "path_to_labels_val", type=PathType(folder=False), help="Their labels.")
@click.option("--backbone", help=f"What looks at the images.  [default: {options.DEFAULT_BACKBONE}]")
@click.option("-n", "add", type=click.IntRange(1, 1000), default=24, show_default=True, help="How many to label next.")
@click.option(
    "-o", "--output", type=click.Path(dir_okay=False, path_type=Path), default="report.html", show_default=True
)
@Url
@Key
def report(
    path_to_img: str,
    path_to_labels: str,
    path_to_img_val: str | None,
    path_to_labels_val: str | None,
    backbone: str | None,
    add: int,
    output: Path,
    url: str,
    api_key: str | None,
) -> None:
    """Write a report on POOL: one HTML file that asks no host, to be mailed.

    It has the learning curve with its forecast, quality class by class, what is taken for what, suspicious labels with
    their pictures, the next batch, a map, leaks, how far people agree and what they have. What can't be told is said.
    """
    if (path_to_img_val is None) != (path_to_labels_val is None):
        raise click.UsageError("--val and --val-labels belong together")
    if output.suffix.lower() not in (".html", ".htm"):
        raise click.UsageError(f"{output.name}: a report is HTML; let its name end in .html")
    sets = {"path_to_img": path_to_img, "path_to_labels": path_to_labels}
    val = {"path_to_img_val": path_to_img_val, "path_to_labels_val": path_to_labels_val} if path_to_img_val else {}
    console = Console(stderr=True)
    with Client(url, api_key) as client:
        jobs = list(_jobs(client, {"backbone": backbone or options.DEFAULT_BACKBONE, **sets}, val, add, console))
        content = client.report(path_to_img, path_to_labels, jobs)
    write_whole(output, content, durable=False)
    click.echo(f"{output}: {len(content) / 1e6:.1f} MB", err=True)


def _jobs(client: Client, one: dict[str, Any], val: dict[str, Any], add: int, console: Console) -> Iterator[str]:
    """Carry out what a report is made of, and yield the ids of what succeeded; say what did not, and why."""
    train = {f"{name}_train" if name.startswith("path") else name: value for name, value in one.items()}
    wanted: dict[str, dict[str, Any]] = {
        "learning_curve": {**one, **val},
        **({"f1": {**train, **val}} if val else {}),
        "label_check": {**one, **val},
        "selection": {**one, "add": add},
        "map": one,
        "agreement": one,
    }
    for kind, request in wanted.items():
        title = KINDS[kind].title
        try:
            with progress(title, console) as show:
                yield client.wait(client.submit({"kind": kind, **request}).id, show).id
        except (JobFailed, Refused) as error:
            console.print(f"{title} is left out: {error}", markup=False, highlight=False, soft_wrap=True)
