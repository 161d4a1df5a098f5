"""`nextlabel select`, `predict`, ...: one command for each kind of job, made from what the kind says of itself."""

from __future__ import annotations

from collections.abc import Callable
from gettext import gettext as _
from pathlib import Path
from typing import Any

import click

from nextlabel.client.commands.options import Key, Url, request_body, request_parameters, together
from nextlabel.client.commands.output import CancelOnInterrupt, Output, Wish, as_record, keep_apart, to_the_end
from nextlabel.client.http import Client
from nextlabel.client.talk import Format
from nextlabel.client.terminal import echo
from nextlabel.core.kinds.base import Kind, LabelsNeed
from nextlabel.core.kinds.registry import KINDS
from nextlabel.core.reports.charts import is_drawn

_no_wait = click.option("--no-wait", is_flag=True, help="Print the job's id and don't wait for its end.")


HOURS_OF_WORK = ("--hours", "--minutes", "--seconds", "--time")  # what people look for, and `--cost most_s` is


def command_of(kind: Kind) -> click.Command:
    """Make the command that asks for a job of the kind. POOL in its help is the folder of images."""
    carry_out = together(Output, _no_wait, CancelOnInterrupt, Url, Key)(_carry_out(kind))
    examples = "\n".join(kind.shell_examples)
    text = f"{kind.summary}\n\n{kind.about}\n\n\b\n{examples}"
    needs_labels = kind.labels is not LabelsNeed.OPTIONAL
    parameters = request_parameters(kind.request, needs_labels=needs_labels, but_for=kind.unlabelled)
    return click.command(kind.command, PointsAtCost, params=parameters, help=text)(carry_out)


def _carry_out(kind: Kind) -> Callable[..., None]:
    def carry_out(
        url: str,
        api_key: str | None,
        no_wait: bool,
        cancel_on_interrupt: bool,
        form: Format | None,
        as_json: bool,
        output: Path | None,
        **given: Any,
    ) -> None:
        wish = Wish.of(form, as_json, output)
        if wish.form == "tsv" and not kind.proposes_labels:
            raise click.UsageError(
                _("`{command}` has no labels to give as tsv; ask for csv or json").format(command=kind.command)
            )
        if wish.is_chart and not is_drawn(kind.result_of(given["task"] or kind.tasks[0])):
            raise click.UsageError(
                _("no chart is drawn of what `{command}` answers; ask for csv or json").format(command=kind.command)
            )
        keep_apart(output, given)
        with Client(url, api_key) as client:
            job = client.submit(request_body(kind.name, given))
            if no_wait:
                echo(as_record(job) if as_json else job.id)
                return
            to_the_end(client, job, wish, title=kind.command, cancel_on_interrupt=cancel_on_interrupt)

    return carry_out


class PointsAtCost(click.Command):
    """A command that tells how a batch of so many hours is asked for, which people look for by that name."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            if error.option_name not in HOURS_OF_WORK or all(one.name != "cost" for one in self.params):
                raise
            words = _("with --task detection, --cost most_s=7200 asks for two hours of work")
            message = f"{error.message.removesuffix('.')}; {words}."
            raise click.NoSuchOption(error.option_name, message, error.possibilities, ctx) from None


COMMANDS = {kind.command: command_of(kind) for kind in KINDS.values()}
