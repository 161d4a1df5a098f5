"""`nextlabel select`, `predict`, ...: one command for each kind of job."""

from __future__ import annotations

from collections.abc import Callable
from inspect import cleandoc
from pathlib import Path
from typing import Any

import click

from nextlabel.client.commands.options import Key, Url, called, request_body, request_parameters, together
from nextlabel.client.commands.output import CancelOnInterrupt, Output, Wish, as_record, to_the_end
from nextlabel.client.errors import Refused
from nextlabel.client.http import Client
from nextlabel.client.job import Job
from nextlabel.client.talk import Format
from nextlabel.core.kinds.registry import KINDS

OF_KIND: dict[str, click.Command] = {}


_no_wait = click.option("--no-wait", is_flag=True, help="Print the job's id and don't wait for its end.")


def command_of(kind: str, name: str, more: str) -> click.Command:
    """`more`: what its help says after the first line. POOL in it is the folder of images."""
    request = KINDS[kind].request
    carry_out = together(Output, _no_wait, CancelOnInterrupt, Url, Key)(_carry_out(kind, name))
    text = f"{request.__doc__}\n\n{cleandoc(more)}"
    OF_KIND[kind] = click.command(name, params=request_parameters(request), help=text)(carry_out)
    return OF_KIND[kind]


def _carry_out(kind: str, name: str) -> Callable[..., None]:
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
        if wish.form == "tsv" and not KINDS[kind].proposes_labels:
            raise click.UsageError(f"`{name}` has no labels to give as tsv; ask for csv or json")
        with Client(url, api_key) as client:
            job = _submit(client, request_body(kind, given))
            if no_wait:
                click.echo(as_record(job) if as_json else job.id)
                return
            to_the_end(client, job, wish, title=name, cancel_on_interrupt=cancel_on_interrupt)

    return carry_out


def _submit(client: Client, body: dict[str, Any]) -> Job:
    """What is refused is told by the names that the command line has for it."""
    try:
        return client.submit(body)
    except Refused as error:
        faults = [{**fault, "pointer": _place(fault["pointer"])} for fault in error.problem.get("errors", ())]
        raise Refused({**error.problem, "errors": faults}) from None


def _place(pointer: str) -> str:
    """`/path_to_labels` -> `--labels`."""
    field, *steps = pointer.removeprefix("/").split("/")
    return " ".join([called(field), *steps])


# --- the commands -----------------------------------------------------------------------------------------------


select = command_of(
    "selection",
    "select",
    """The images of the folder POOL that are worth labelling next, best first. Without labels yet, leave --labels
    out.

    \b
    nextlabel select photos -n 100
    nextlabel select photos --labels labels -n 100 -o batch.csv""",
)
predict = command_of(
    "prediction",
    "predict",
    """Learns from the labels, and says what the other images of the folder POOL are.

    \b
    nextlabel predict photos --labels labels -o predicted.txt""",
)
f1 = command_of(
    "f1",
    "f1",
    """Learns from the labelled images of the folder POOL, and is scored on those of --val.

    \b
    nextlabel f1 photos --labels labels --val val --val-labels val.txt""",
)
curve = command_of(
    "learning_curve",
    "curve",
    """Trains on parts of the labels of the folder POOL, and draws the line on.

    \b
    nextlabel curve photos --labels labels --ahead 100 --ahead 1000""",
)
audit = command_of(
    "audit",
    "audit",
    """Replays methods beside random choice on the labels that the folder POOL has.

    \b
    nextlabel audit photos --labels labels --method auto --method margin""",
)
check = command_of(
    "label_check",
    "check",
    """Labels of the folder POOL that a model which had not seen them finds odd, most suspicious first; near-copies that
    disagree; names with two classes; validation images that were labelled for training.

    \b
    nextlabel check photos --labels labels -o suspicious.csv""",
)
similar = command_of(
    "similar",
    "similar",
    """More of the folder POOL like the images named: rare classes, found from a few examples.

    \b
    nextlabel similar photos -n 50 --like heron1.jpg --like heron2.jpg --unlike stork.jpg""",
)
map_ = command_of(
    "map",
    "map",
    """Two coordinates for each image of the folder POOL.

    \b
    nextlabel map photos --labels labels -o map.csv""",
)
