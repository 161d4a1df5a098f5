"""An MCP server: an assistant asks the service by tools, and looks at images.

The tools that ask for a job are made from the kinds, those beside them from the classes below. An answer is a few lines
of text, since all of it goes into an assistant's context.
"""

from __future__ import annotations

import base64
import time
from abc import abstractmethod
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from importlib.metadata import version
from itertools import islice
from typing import Annotated, Any, ClassVar, Literal, TypeVar

from mcp import types
from mcp.server import ServerRequestContext
from mcp.server.lowlevel import Server
from mcp.server.stdio import stdio_server
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from nextlabel.client.commands.options import PathType, request_body
from nextlabel.client.csv_lines import csv_line
from nextlabel.client.errors import ClientError, JobFailed
from nextlabel.client.http import AsyncClient
from nextlabel.client.job import Job
from nextlabel.client.progress import done_of, left_of, warnings_of
from nextlabel.core.counting import counted
from nextlabel.core.faults import faults_of
from nextlabel.core.jobs.record import JobState
from nextlabel.core.kinds.base import Kind
from nextlabel.core.kinds.registry import KINDS
from nextlabel.core.kinds.results import Result

#: Signs what is given without a key, so that it stands in a file of its own.
ASSISTANT = "assistant"
ROWS, MOST_ROWS, MOST_IMAGES, LONGEST_CELL = 20, 500, 12, 200
#: Clients give a call a minute, unless progress comes.
WAIT_S, LONGEST_WAIT_S = 45.0, 600.0
LOOK_EVERY_S = 5.0

T = TypeVar("T", bound=BaseModel)
Context = ServerRequestContext[Any]
Content = types.TextContent | types.ImageContent
Tell = Callable[[Job], Awaitable[None]]

INSTRUCTIONS = f"""
nextlabel says which images of a folder a person should label next, and whether more labels are worth it. The loop:
`select` a batch; whoever labels looks at the images (`show_images`) and says their classes (`give_labels`); `f1` or
`learning_curve` tell how good it is by now and what more would bring; `select` again, with the labels.
Paths are folders of the machine that the service runs on; `capabilities` lists the roots they may lie under.
A tool that asks for a job waits for its end; one that takes longer goes on, and `wait` follows it. Answers show the
first rows; `result` has the others. Labels that you give are signed `{ASSISTANT}` unless you name a person: say so to
whoever asked, and do not sign with the name of a person who has not looked.
""".strip()


def server(client: AsyncClient) -> Server[Any]:
    tools = [*map(_tool_of, KINDS.values()), *(asked.tool() for asked in TOOLS)]

    async def list_tools(
        _: ServerRequestContext[Any], __: types.PaginatedRequestParams | None
    ) -> types.ListToolsResult:
        return types.ListToolsResult(tools=tools)

    async def call_tool(context: Context, call: types.CallToolRequestParams) -> types.CallToolResult:
        async def tell(job: Job) -> None:
            stage, done, total = done_of(job)
            await context.session.report_progress(time.monotonic() - began, None, _how_far(stage, done, total, job))

        began = time.monotonic()
        try:
            content = await _answer(call.name, call.arguments or {}, client, tell)
        except (ClientError, Wrong) as error:
            return types.CallToolResult(content=_text(_with_remedy(error)), is_error=True)
        return types.CallToolResult(content=content)

    return Server(
        "nextlabel",
        version=version("nextlabel"),
        instructions=INSTRUCTIONS,
        on_list_tools=list_tools,
        on_call_tool=call_tool,
    )


async def serve(url: str, api_key: str | None) -> None:
    """Serve one assistant over stdin and stdout, until it closes them."""
    async with AsyncClient(url, api_key) as client, stdio_server() as (incoming, outgoing):
        ours = server(client)
        await ours.run(incoming, outgoing, ours.create_initialization_options())


class Wrong(Exception):
    """A call that can't be carried out as it is; the message says how it can."""


# --- tools that ask for a job -----------------------------------------------------------------------------------


class Wait(BaseModel):
    wait_s: float = Field(
        WAIT_S, ge=0, le=LONGEST_WAIT_S, description="Seconds to wait for the job's end. It goes on after them."
    )


def _tool_of(kind: Kind) -> types.Tool:
    schema = kind.request.model_json_schema()
    fields = {**schema["properties"], **Wait.model_json_schema()["properties"]}
    del fields["kind"]
    required = [name for name in schema.get("required", ()) if name in fields]
    return types.Tool(
        name=kind.call,
        title=kind.title,
        description=f"{kind.question} {kind.summary} The answer: {kind.answer}.",
        input_schema=_brief({**schema, "properties": fields, "required": required}),
        annotations=types.ToolAnnotations(destructive_hint=False, open_world_hint=False),
    )


async def _ask(kind: Kind, given: Mapping[str, Any], client: AsyncClient, tell: Tell) -> list[Content]:
    fields = {name: _here(value) if name.startswith("path_to_") else value for name, value in given.items()}
    wait = _checked(Wait, {name: fields.pop(name) for name in Wait.model_fields if name in fields})
    job = await client.submit(request_body(kind.name, fields))
    return await _told(await _followed(job, wait.wait_s, client, tell), client)


async def _followed(job: Job, wait_s: float, client: AsyncClient, tell: Tell) -> Job:
    deadline = time.monotonic() + wait_s
    while not job.state.is_final and (left := deadline - time.monotonic()) > 0:
        await tell(job)
        job = await client.job(job.id, wait_s=min(left, LOOK_EVERY_S))
    return job


async def _told(job: Job, client: AsyncClient) -> list[Content]:
    """Tell what came of a job, or how far it is. Raises JobFailed."""
    if job.state is JobState.SUCCEEDED:
        return _shown(job, job.result or await client.result(job.id), 0, ROWS)
    if job.state.is_final:
        raise JobFailed(job)
    lacking = await client.faults() if job.state is JobState.QUEUED else []
    return _text(
        f"Job {job.id} goes on: {_how_far(*done_of(job), job)}. Call `wait` with it, or `cancel`.",
        *(f"It waits: {fault}" for fault in lacking),
    )


def _how_far(stage: str, done: int, total: int | None, job: Job) -> str:
    return ", ".join(filter(None, [stage, f"{done} of {total}" if total else "", left_of(job)]))


def _shown(job: Job, result: Result, after: int, rows: int) -> list[Content]:
    """Write a result: what it comes to, then some of its rows as csv."""
    every = list(result.rows())
    lines = [csv_line(result.header()), *(csv_line(map(_cell, row)) for row in islice(every, after, after + rows))]
    until = min(after + rows, len(every))
    more = f" Call `result` with after={until} for more." if until < len(every) else ""
    return _text(
        f"Job {job.id}, {job.kind}:",
        *result.sentences(),
        *warnings_of(job),
        f"Rows {min(after + 1, until)} to {until} of {len(every)}.{more}",
        "".join(lines),
    )


def _cell(value: Any) -> str:
    text = f"{value:.4g}" if isinstance(value, float) else "" if value is None else str(value)
    return text if len(text) <= LONGEST_CELL else f"{text[:LONGEST_CELL]}…"


# --- the other tools --------------------------------------------------------------------------------------------


def _here(path: Any) -> Any:
    """Make a path absolute that is there on this machine, as the other commands do."""
    return PathType(folder=True).convert(path, None, None) if isinstance(path, str) else path


Here = Annotated[str, AfterValidator(_here)]
Task = Literal["classification", "multilabel"]
ClassesByName = Annotated[
    dict[str, str | list[str] | None],
    Field(
        min_length=1,
        description="By image name: its class; of the task `multilabel` a list of classes, [] where none applies; null "
        "takes back what was said.",
    ),
]


class Asked(BaseModel):
    """A tool: its docstring says what it does, its fields what it needs."""

    model_config = ConfigDict(extra="forbid")

    called: ClassVar[str]
    changes: ClassVar[bool] = False

    @classmethod
    def tool(cls) -> types.Tool:
        return types.Tool(
            name=cls.called,
            description=cls.__doc__,
            input_schema=_brief(cls.model_json_schema()),
            annotations=types.ToolAnnotations(
                read_only_hint=not cls.changes, destructive_hint=cls.changes, open_world_hint=False
            ),
        )

    @abstractmethod
    async def answer(self, client: AsyncClient, tell: Tell) -> list[Content]:
        """Do it, and tell what came of it."""


class AskedOfJob(Asked):
    job_id: str


class WaitFor(AskedOfJob, Wait):
    """Wait for a job's end, and tell its result; or how far it is."""

    called = "wait"

    async def answer(self, client: AsyncClient, tell: Tell) -> list[Content]:
        job = await client.job(self.job_id)
        return await _told(await _followed(job, self.wait_s, client, tell), client)


class ShowResult(AskedOfJob):
    """Show more rows of a job's result."""

    called = "result"
    after: int = Field(0, ge=0, description="Rows to leave out at the beginning.")
    rows: int = Field(100, ge=1, le=MOST_ROWS)

    async def answer(self, client: AsyncClient, tell: Tell) -> list[Content]:
        return _shown(await client.job(self.job_id), await client.result(self.job_id), self.after, self.rows)


class ListJobs(Asked):
    """List jobs, newest first."""

    called = "jobs"
    kind: str | None = Field(None, description=f"One of {', '.join(KINDS)}.")
    state: JobState | None = None
    limit: int = Field(20, ge=1, le=200)

    async def answer(self, client: AsyncClient, tell: Tell) -> list[Content]:
        listed = await client.jobs(self.kind, self.state, self.limit)
        said = [
            f"{job.id} {job.kind} {job.state if job.state.is_final else _how_far(*done_of(job), job)}" for job in listed
        ]
        return _text(*said or ["No such job."])


class Cancel(AskedOfJob):
    """Cancel a job. One that runs stops at its next batch."""

    called = "cancel"
    changes = True

    async def answer(self, client: AsyncClient, tell: Tell) -> list[Content]:
        return _text(f"Job {self.job_id} is {(await client.cancel(self.job_id)).state}.")


class Retry(AskedOfJob, Wait):
    """Ask anew for a job that failed or was cancelled, and wait for it."""

    called = "retry"

    async def answer(self, client: AsyncClient, tell: Tell) -> list[Content]:
        return await _told(await _followed(await client.retry(self.job_id), self.wait_s, client, tell), client)


class CountLabels(Asked):
    """Count labels by class and by person, and tell which contradict each other; of `names`, tell what each says."""

    called = "labels"
    path_to_labels: Here = Field(description="Labels file, or folder of such files.")
    path_to_img: Here | None = Field(None, description="The pool: labels of other images are counted apart.")
    names: list[str] | None = Field(None, max_length=MOST_ROWS, description="Tell what is said of these.")
    task: Task = "classification"

    async def answer(self, client: AsyncClient, tell: Tell) -> list[Content]:
        told = await client.labels(self.path_to_labels, self.path_to_img, names=self.names, task=self.task)
        apart = f"; {told['not_in_pool']} of images that are not in the pool" if told.get("not_in_pool") else ""
        contradicted = {line["name"] for line in told["conflicts"]}
        return _text(
            f"{counted(told['labels'], 'image is', 'images are')} labelled{apart}.",
            *_counts("class", told["classes"]),
            *_counts("person", told["people"]),
            f"Until `settle`, what people see in several ways counts nowhere, {counted(len(contradicted), 'image')}: "
            f"{', '.join(islice(sorted(contradicted), ROWS))}"
            if contradicted
            else "",
            *(f"{line['name']} is {line['class'] or 'none'} by {line['person']}" for line in told["names"] or ()),
        )


class GiveLabels(Asked):
    """Write labels of images that somebody has looked at: all of them, or none. They go into that person's file."""

    called = "give_labels"
    changes = True
    path_to_labels: Here = Field(description="A folder. It is made if the one it lies in is there.")
    labels: ClassesByName
    person: str | None = Field(
        None, description=f"Who says so. Left out: the owner of the key; without a key, {ASSISTANT}."
    )
    task: Task = "classification"
    keep_both: bool = Field(False, description="Let others say otherwise of these images: `settle` decides then.")

    async def answer(self, client: AsyncClient, tell: Tell) -> list[Content]:
        written = await client.give_labels(
            self.path_to_labels,
            self.labels,
            person=self.person or (None if client.has_key else ASSISTANT),
            task=self.task,
            keep_both=self.keep_both,
        )
        return _text(f"Labels of {counted(len(self.labels), 'image')} are written to {written['file']}.")


class ListContradictions(Asked):
    """List images that people see in several ways; they count nowhere until `settle` says what holds."""

    called = "contradictions"
    path_to_labels: Here
    task: Task = "classification"

    async def answer(self, client: AsyncClient, tell: Tell) -> list[Content]:
        found = await client.contradictions(self.path_to_labels, task=self.task)
        said = (
            f"{one.name} is {' and '.join(classes) or 'none'} by {person}"
            for one in islice(found, MOST_ROWS)
            for person, classes in one.classes.items()
        )
        return _text(f"{counted(len(found), 'image')}.", *said)


class Settle(Asked):
    """Say what holds of images that people see in several ways. Their own files stay as they are."""

    called = "settle"
    changes = True
    path_to_labels: Here
    labels: ClassesByName
    task: Task = "classification"

    async def answer(self, client: AsyncClient, tell: Tell) -> list[Content]:
        await client.settle(self.path_to_labels, self.labels, task=self.task)
        return _text(f"{counted(len(self.labels), 'image is', 'images are')} settled.")


class OfProject(Asked):
    path_to_img: Here = Field(description="The pool.")
    path_to_labels: Here | None = Field(None, description="Its labels, if any yet.")


class ListHandOuts(OfProject):
    """Tell which images are with whom, and until when. `select` with a `person` hands a batch out."""

    called = "hand_outs"

    async def answer(self, client: AsyncClient, tell: Tell) -> list[Content]:
        found = await client.hand_outs(self.path_to_img, self.path_to_labels)
        said = [
            f"{counted(one.left, 'image is', 'images are')} with {one.person} until {one.ends_at:%Y-%m-%d %H:%M} UTC, "
            f"labelled of the batch: {one.labelled} (job {one.job_id})"
            for one in found
        ]
        return _text(*said or ["Nobody has any."])


class GiveBack(OfProject):
    """Take images back from whoever has them, so that others get them."""

    called = "give_back"
    changes = True
    person: str | None = Field(None, description="What this person has.")
    job_id: str | None = Field(None, description="Of that job's batch.")
    names: list[str] | None = Field(None, description="These images.")

    async def answer(self, client: AsyncClient, tell: Tell) -> list[Content]:
        if not (self.person or self.job_id or self.names):
            raise Wrong("say whose: `person`, `job_id` or `names`")
        images = await client.give_back(
            self.path_to_img, self.path_to_labels, person=self.person, job_id=self.job_id, names=self.names
        )
        return _text(f"{counted(images, 'image is', 'images are')} anybody's again.")


class ShowImages(Asked):
    """Look at images of a pool, each after its name."""

    called = "show_images"
    path_to_img: Here = Field(description="The pool.")
    names: list[str] = Field(min_length=1, max_length=MOST_IMAGES)
    side: Literal[160, 320, 1024] = Field(320, description="Pixels of the longer side, at most.")

    async def answer(self, client: AsyncClient, tell: Tell) -> list[Content]:
        shown: list[Content] = []
        for name in self.names:
            data = base64.b64encode(await client.image(self.path_to_img, name, self.side)).decode()
            shown += [*_text(name), types.ImageContent(data=data, mime_type="image/jpeg")]
        return shown


class Capabilities(Asked):
    """Tell what the service can do: data roots, backbones and whether their weights are there, methods."""

    called = "capabilities"

    async def answer(self, client: AsyncClient, tell: Tell) -> list[Content]:
        told = await client.capabilities()
        backbones = (f"{one['name']}{'' if one['weights_here'] else ' (no weights here)'}" for one in told["backbones"])
        return _text(
            f"nextlabel {told['version']}",
            f"Paths lie under: {', '.join(told['data_roots'])}",
            f"Backbones: {', '.join(backbones)}; {told['backbones_also']}. `descriptor` needs no weights.",
            f"Methods: {', '.join(one['name'] for one in told['methods'])}; `auto` unless you know better.",
            *(f"Lacking: {fault}" for fault in await client.faults()),
        )


TOOLS: Sequence[type[Asked]] = (
    WaitFor,
    ShowResult,
    ListJobs,
    Cancel,
    Retry,
    ShowImages,
    CountLabels,
    GiveLabels,
    ListContradictions,
    Settle,
    ListHandOuts,
    GiveBack,
    Capabilities,
)


# --- their steps ------------------------------------------------------------------------------------------------


async def _answer(name: str, given: Mapping[str, Any], client: AsyncClient, tell: Tell) -> list[Content]:
    for kind in KINDS.values():
        if kind.call == name:
            return await _ask(kind, given, client, tell)
    for asked in TOOLS:
        if asked.called == name:
            return await _checked(asked, given).answer(client, tell)
    raise Wrong(f"there is no tool {name}")


def _checked(model: type[T], given: Mapping[str, Any]) -> T:
    try:
        return model.model_validate(dict(given))
    except ValidationError as error:
        faults = faults_of(error.errors(include_url=False))
        raise Wrong("\n".join(["refused:", *(f"  {fault.pointer}: {fault.detail}" for fault in faults)])) from None


def _with_remedy(error: Exception) -> str:
    if isinstance(error, JobFailed) and error.descriptor_helps:
        return f'{error}\nbackbone "descriptor" needs no weights, for a first try'
    return str(error)


def _brief(schema: Any) -> Any:
    """Leave out of a schema what tells an assistant nothing: titles made of names, and that null is nothing."""
    if isinstance(schema, list):
        return list(map(_brief, schema))
    if not isinstance(schema, dict):
        return schema
    choices = [choice for choice in schema.get("anyOf", ()) if choice != {"type": "null"}]
    if len(choices) == 1:
        schema = {**choices[0], **{name: value for name, value in schema.items() if name != "anyOf"}}
    dropped = {"default": None, "title": schema.get("title")}
    return {
        name: _brief(value)
        for name, value in schema.items()
        if not (name in dropped and value == dropped[name] and not isinstance(value, dict))
    }


def _counts(what: str, counted: Iterable[Mapping[str, Any]]) -> Iterable[str]:
    said = [f"{one[what] or 'none applies'} {one['labels']}" for one in counted]
    return [f"By {what}: {', '.join(said)}."] if said else []


def _text(*lines: str) -> list[Content]:
    return [types.TextContent(text="\n".join(filter(None, lines)))]
