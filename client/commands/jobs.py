"""Commands for jobs that were submitted: list, follow, cancel, retry, forget, fetch; and what the service can do."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from gettext import gettext as _
from operator import itemgetter
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from nextlabel.client.commands.listing import AsJson, Column, tell, tell_json
from nextlabel.client.commands.options import Key, Url
from nextlabel.client.commands.output import CancelOnInterrupt, Output, Wish, as_record, deliver, keep_apart, to_the_end
from nextlabel.client.consoles import Out
from nextlabel.client.http import Client
from nextlabel.client.job import Job
from nextlabel.client.progress import ago
from nextlabel.client.shown import tell_warnings
from nextlabel.client.tables import table
from nextlabel.client.talk import Format
from nextlabel.client.terminal import echo
from nextlabel.core.jobs.record import JobState
from nextlabel.core.kinds.registry import KINDS

#: What is told of each thing that the service has.
CAPABILITIES = ("what", "name", "summary", "weights", "use")


class JobId(click.ParamType[str, str]):
    """An id; an empty one is that of a variable which the shell didn't know."""

    name = "JOB_ID"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        return value if value.strip() else self.fail(_("it is empty; `nextlabel jobs` lists ids"), param, ctx)


Ids = click.argument("job_ids", metavar="JOB_ID...", nargs=-1, required=True, type=JobId())
One = click.argument("job_id", metavar="JOB_ID", type=JobId())


@click.command()
@click.argument("job_ids", metavar="[JOB_ID]...", nargs=-1, type=JobId())
@click.option("--kind", type=click.Choice(list(KINDS)), help="Only these.")
@click.option("--state", type=click.Choice([state.value for state in JobState]), help="Only these.")
@click.option("--limit", type=click.IntRange(min=1), default=20, show_default=True, help="How many at most.")
@AsJson
@Url
@Key
def jobs(
    job_ids: tuple[str, ...],
    kind: str | None,
    state: str | None,
    limit: int,
    as_json: bool,
    url: str,
    api_key: str | None,
) -> None:
    """List jobs, newest first; or tell all about those named."""
    with Client(url, api_key) as client:
        listed = [client.job(job_id) for job_id in job_ids] if job_ids else client.jobs(kind, state, limit)
    if job_ids and not as_json:
        for job in listed:
            echo(as_record(job.model_copy(update={"result": None})))
        return
    columns = [
        Column[Job]("id", lambda job: job.id),
        Column[Job]("kind", lambda job: job.kind, _("kind")),
        Column[Job]("state", lambda job: job.state.value, _("state")),
        Column[Job]("created_at", lambda job: job.created_at, _("created"), lambda job: ago(job.created_at)),
        Column[Job]("progress", _progress, ""),
    ]
    tell(listed, columns, as_json=as_json)


@click.command()
@One
@CancelOnInterrupt
@Output
@Url
@Key
def watch(
    job_id: str,
    cancel_on_interrupt: bool,
    form: Format | None,
    as_json: bool,
    output: Path | None,
    url: str,
    api_key: str | None,
) -> None:
    """Follow a job to its end and print its result."""
    wish = Wish.of(form, as_json, output)
    with Client(url, api_key) as client:
        job = client.job(job_id)
        keep_apart(output, job.request)
        to_the_end(client, job, wish, title=job.kind, cancel_on_interrupt=cancel_on_interrupt)


@click.command()
@One
@Output
@Url
@Key
def result(job_id: str, form: Format | None, as_json: bool, output: Path | None, url: str, api_key: str | None) -> None:
    """Fetch the result of a job that has succeeded."""
    wish = Wish.of(form, as_json, output)
    with Client(url, api_key) as client:
        job = client.job(job_id)
        keep_apart(output, job.request)
        console = Console(stderr=True)
        tell_warnings(job, console)
        deliver(client, job, wish, console)


@click.command()
@Ids
@Url
@Key
def cancel(job_ids: tuple[str, ...], url: str, api_key: str | None) -> None:
    """Cancel jobs. One that runs stops at its next batch."""
    with Client(url, api_key) as client:
        for job_id in job_ids:
            echo(f"{job_id} {client.cancel(job_id).state}")


@click.command()
@One
@click.option("--no-wait", is_flag=True, help="Print the new job's id and don't wait for its end.")
@CancelOnInterrupt
@Output
@Url
@Key
def retry(
    job_id: str,
    no_wait: bool,
    cancel_on_interrupt: bool,
    form: Format | None,
    as_json: bool,
    output: Path | None,
    url: str,
    api_key: str | None,
) -> None:
    """Submit a job anew that failed or was cancelled, and follow it. What it had embedded need not be done again."""
    wish = Wish.of(form, as_json, output)
    with Client(url, api_key) as client:
        if output is not None:
            keep_apart(output, client.job(job_id).request)
        job = client.retry(job_id)
        if no_wait:
            echo(as_record(job) if as_json else job.id)
            return
        to_the_end(client, job, wish, title=job.kind, cancel_on_interrupt=cancel_on_interrupt)


@click.command()
@Ids
@Url
@Key
def delete(job_ids: tuple[str, ...], url: str, api_key: str | None) -> None:
    """Forget ended jobs and their results."""
    with Client(url, api_key) as client:
        for job_id in job_ids:
            client.delete(job_id)
            echo(_("{id} deleted").format(id=job_id))


@click.command()
@AsJson
@Url
@Key
def capabilities(as_json: bool, url: str, api_key: str | None) -> None:
    """Show what the service can do: backbones and whether their weights are there, methods, data roots."""
    with Client(url, api_key) as client:
        service = client.capabilities()
    if as_json:
        tell_json(service)
    elif sys.stdout.isatty():
        _show_capabilities(service)
    else:
        tell(_capabilities_told(service), [Column(name, itemgetter(at)) for at, name in enumerate(CAPABILITIES)])


def _capabilities_told(service: dict[str, Any]) -> Iterator[tuple[str, ...]]:
    """Yield a row for each thing that the service has; its columns are CAPABILITIES."""
    for one in service["backbones"]:
        yield "backbone", one["name"], one["summary"], "here" if one["weights_here"] else "hub", ""
    for one in service["methods"]:
        yield "method", one["name"], one["summary"], "", one["use"]
    for name in service["heads"]:
        yield "head", name, "", "", ""
    for root in service["data_roots"]:
        yield "data_root", root, "", "", ""
    yield "version", service["version"], "", "", ""


def _show_capabilities(service: dict[str, Any]) -> None:
    console = Out()
    backbones = (
        (b["name"], _("here") if b["weights_here"] else _("from the hub"), b["summary"]) for b in service["backbones"]
    )
    console.print(table((_("backbone"), _("weights"), ""), backbones))
    methods = ((m["name"], m["summary"], m["use"]) for m in service["methods"])
    console.print(table((_("method"), _("picks"), _("use")), methods))
    also = _("Also {backbones}. Heads: {heads}.").format(
        backbones=service["backbones_also"], heads=", ".join(service["heads"])
    )
    console.print(also, highlight=False)
    roots = ", ".join(service["data_roots"])
    version = _("nextlabel {version}; data roots: {roots}").format(version=service["version"], roots=roots)
    console.print(version, highlight=False, markup=False, soft_wrap=True)


def _progress(job: Job) -> str:
    """Say in a few words where the job is, or how it ended."""
    if job.error is not None:
        return job.error.code
    if job.state.is_final or job.progress is None:
        return ""
    return f"{job.progress.stage} {job.progress.done}/{job.progress.total or '?'}"
