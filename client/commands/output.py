"""Follow a job for a command, and deliver its result: as a table for a person, to a file or a pipe for a program."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from gettext import gettext as _
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, get_args

import click
from rich.console import Console

from nextlabel.client.commands.options import called, together
from nextlabel.client.consoles import Out
from nextlabel.client.errors import JobFailed, Refused
from nextlabel.client.http import Client
from nextlabel.client.job import Job
from nextlabel.client.paths import OwnPath
from nextlabel.client.pools import is_of, keep_out_of
from nextlabel.client.shown import progress, tell_warnings
from nextlabel.client.tables import show
from nextlabel.client.talk import Format, OnChange
from nextlabel.client.terminal import echo, harmless
from nextlabel.core.data.labels_folder import would_count_among_labels
from nextlabel.core.data_roots import is_url
from nextlabel.core.disk import is_special_file, write_whole
from nextlabel.core.jobs.record import JobState
from nextlabel.core.kinds.registry import KINDS, read_result
from nextlabel.core.reports.charts import chart_of, is_drawn
from nextlabel.core.reports.pictures import png_of, why_no_png

SUFFIXES: dict[str, Format] = {".json": "json", ".csv": "csv", ".tsv": "tsv", ".txt": "tsv"}
IN_A_PIPE: Format = "csv"
CHARTS = (".svg", ".png")
OTHER_PICTURES = (".jpg", ".jpeg", ".pdf", ".webp", ".gif", ".html", ".htm")

form = click.option(
    "--format",
    "form",
    type=click.Choice(get_args(Format)),
    help="csv: a table. tsv: a labels file. json: all of it. Default: by FILE's suffix; a table to read on a terminal, "
    f"{IN_A_PIPE} in a pipe.",
)
as_json = click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
output = click.option("-o", "--output", type=OwnPath(dir_okay=False), help="Write the result to FILE.", metavar="FILE")
Output = together(form, as_json, output)
CancelOnInterrupt = click.option(
    "--cancel-on-interrupt", is_flag=True, help="Ctrl-C cancels the job, too. Without it, the job goes on."
)


@dataclass(frozen=True)
class Wish:
    """The form that a result shall have, and the file it shall go to. `form` None: a table for a person."""

    form: Format | None
    file: Path | None

    @property
    def is_chart(self) -> bool:
        return self.file is not None and self.file.suffix.lower() in CHARTS

    @classmethod
    def of(cls, form: Format | None, as_json: bool, output: Path | None) -> Wish:
        if as_json and form not in (None, "json"):
            raise click.UsageError(_("--json and --format {form} exclude each other").format(form=form))
        if output is not None:
            check_folder(output)
        if output is not None and would_count_among_labels(output):
            words = _(
                "people's labels lie in {folder}, and a model's guesses in {file} would count as labels there: name "
                "another folder, or a file that ends in .json"
            )
            raise click.UsageError(words.format(folder=output.parent, file=output.name))
        if as_json:
            form = "json"
        if output is not None and output.suffix.lower() in CHARTS:
            if form is not None:
                raise click.UsageError(_("{file} is a chart, and no {form}").format(file=output.name, form=form))
            if output.suffix.lower() == ".png" and (why := why_no_png()) is not None:
                raise click.UsageError(f"{output.name}: {why}")
            form = "json"
        elif output is not None:
            form = _form_of(output, form)
        if form is None and not sys.stdout.isatty():
            form = IN_A_PIPE
        return cls(form, output)


def check_folder(output: Path) -> None:
    """See, before the work and not after it, that there is a folder to write the file to. Raises UsageError."""
    if is_special_file(output):
        return
    if not output.parent.is_dir():
        words = _("there is no folder {folder} to write {file} to")
        raise click.UsageError(words.format(folder=output.parent, file=output.name))
    try:
        TemporaryFile(dir=output.parent).close()
    except OSError as error:
        words = _("{file} can't be written: {folder}: {why}")
        told = words.format(file=output.name, folder=output.parent, why=error.strerror)
        raise click.UsageError(told) from None


def hint_at_descriptor(console: Console) -> None:
    """Say what needs no weights, where a job lacks them."""
    console.print(_("`--backbone descriptor` needs no weights, for a first try"), highlight=False)


def keep_apart(output: Path | None, asked: Mapping[str, Any]) -> None:
    """See that a result doesn't take the place of the labels it comes from, nor lie among them, nor among the images.

    asked: what the job was asked with, or will be. Raises UsageError.
    """
    if output is None:
        return
    options = {one.name for one in click.get_current_context().command.params}
    for field in ("path_to_labels", "path_to_labels_train", "path_to_labels_val"):
        if asked.get(field) and is_of(output, Path(asked[field])):
            where = called(field) if field in options else asked[field]
            words = _("{file} is or lies in {where}: a model's guesses would count as labels")
            raise click.UsageError(words.format(file=output, where=where))
    for field in ("path_to_img", "path_to_img_train", "path_to_img_val"):
        if asked.get(field) and not is_url(asked[field]):
            keep_out_of([output], pool=Path(asked[field]))


def _form_of(file: Path, form: Format | None) -> Format:
    """Return the form that a file's name says, or the one that was asked for. Raises UsageError: it can't be told."""
    suffix = file.suffix.lower()
    known = ", ".join(SUFFIXES)
    if suffix in OTHER_PICTURES:
        words = _("{file}: charts are drawn as {svg} and {png} alone; name one of these, or {known}")
        raise click.UsageError(words.format(file=file.name, svg=CHARTS[0], png=CHARTS[1], known=known))
    if form is None and suffix not in SUFFIXES:
        words = _("{file}: its name doesn't say which form; let it end in {known}, or say --format")
        raise click.UsageError(words.format(file=file.name, known=known))
    return form or SUFFIXES[suffix]


def to_the_end(client: Client, job: Job, wish: Wish, *, title: str, cancel_on_interrupt: bool = False) -> None:
    """Follow the job and deliver its result. Raises JobFailed."""
    console = Console(stderr=True)
    try:
        echo(_("job {id}").format(id=job.id), err=True)
        with progress(title, console) as show_progress:
            ended = client.wait(job.id, _tells_of_no_worker(client, show_progress))
    except KeyboardInterrupt:
        _say_what_becomes_of(job, client, console, cancel_on_interrupt)
        raise
    except JobFailed as error:
        tell_warnings(error.job, console)
        if error.descriptor_helps:
            hint_at_descriptor(console)
        raise
    tell_warnings(ended, console)
    deliver(client, ended, wish, console)


def _tells_of_no_worker(client: Client, show_progress: OnChange) -> OnChange:
    """Say, whenever a job waits in the queue, what the service lacks to carry it out."""

    def on_change(job: Job) -> None:
        show_progress(job)
        if job.state is JobState.QUEUED:
            for fault in client.faults():
                echo(_("the job waits: {fault}").format(fault=fault), err=True)

    return on_change


def deliver(client: Client, job: Job, wish: Wish, console: Console) -> None:
    """Print the result or write it to a file; the sentences about a file's content go to `console`."""
    if wish.form is None:
        show(job.result or client.result(job.id), Out())
        return
    content = client.download(job.id, wish.form)
    if wish.is_chart:
        content = _chart(content, job, as_png=wish.file is not None and wish.file.suffix.lower() == ".png")
    if job.result is not None:
        for sentence in job.result.sentences():
            console.print(harmless(sentence), markup=False, highlight=False, soft_wrap=True)
    if wish.file is None:
        sys.stdout.buffer.write(content + (b"\n" if wish.form == "json" else b""))
    else:
        write_whole(wish.file, content, durable=False)
        kind = KINDS.get(job.kind)  # None: of a service newer than this command
        if wish.form == "csv" and kind is not None and is_drawn(kind.result_of(job.request.get("task", kind.tasks[0]))):
            words = _("{file} has the numbers; `nextlabel result {id} -o {chart}` draws them")
            told = words.format(file=wish.file.name, id=job.id, chart=wish.file.with_suffix(CHARTS[0]).name)
            console.print(told, markup=False, highlight=False, soft_wrap=True)
        if wish.form == "tsv":
            console.print(
                _(
                    "{file} is a labels file that no person wrote, and nothing in it says so, as the columns of a .csv "
                    "do: let somebody look at all of them before it counts as labels"
                ).format(file=wish.file.name),
                markup=False, highlight=False, soft_wrap=True,
            )  # fmt: skip


def _chart(content: bytes, job: Job, *, as_png: bool) -> bytes:
    drawn = chart_of(read_result(content))
    if drawn is None:
        raise click.UsageError(_("no chart is drawn of that; `nextlabel result {id}` has the result").format(id=job.id))
    return png_of(drawn) if as_png else drawn.encode()


def as_record(job: Job) -> str:
    return json.dumps(job.model_dump(mode="json"), indent=2, ensure_ascii=False)


def _say_what_becomes_of(job: Job, client: Client, console: Console, cancel: bool) -> None:
    """Cancel the job after Ctrl-C, if that was asked for, and say what it does now."""
    words = _("job {id} goes on. Follow it: nextlabel watch {id}   End it: nextlabel cancel {id}").format(id=job.id)
    if cancel:
        try:
            words = _("job {id} is {state}").format(id=job.id, state=client.cancel(job.id).state)
        except Refused as error:  # it has ended meanwhile
            words = str(error)
    console.print(f"\n{words}", highlight=False, markup=False, soft_wrap=True)
