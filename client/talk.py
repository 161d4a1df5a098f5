"""Talk to the service: what to call, how to read answers, when to try again; all but the sockets and the sleeping.

A talk is a generator. It yields calls to make and pauses to sleep through, is sent what came of each, and returns what
was asked for. `Client` and `AsyncClient` carry the same talks out, each in its own way.
"""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from gettext import gettext as _
from math import inf
from pathlib import Path
from typing import Any, Literal, TypeVar
from urllib.parse import quote

import httpx
from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic_core import to_jsonable_python

from nextlabel.client.beside_labels import KeptApart, Note, NotesTold
from nextlabel.client.boxes import BoxCounts, BoxesSettled, BoxesWritten, Drawn, DrawnImage, DrawnImages, images_of
from nextlabel.client.contradictions import Classes, Contradiction, LabelsTold, Settled, gathered, lines_of
from nextlabel.client.errors import ClientError, JobCancelled, JobFailed, NotNextlabel, Refused, Unreachable, Unsendable
from nextlabel.client.hand_outs import GivenBack, HandOut, HandOutList
from nextlabel.client.job import Job, JobPage
from nextlabel.client.notebooks import in_notebook
from nextlabel.client.paces import Pace, PaceList
from nextlabel.client.progress import warnings_of
from nextlabel.client.projects import Project, ProjectList
from nextlabel.core.data.notes import GivenNote
from nextlabel.core.data_roots import bucket_url, is_url
from nextlabel.core.jobs.record import JobState
from nextlabel.core.kinds.registry import JobResult, read_result
from nextlabel.core.kinds.requests import JobRequest
from nextlabel.core.kinds.results import Part
from nextlabel.core.people import tidy

log = logging.getLogger("nextlabel")

POLL_S = 30
LONGEST_ANSWER_S = POLL_S + 30
#: Seconds to wait before a call is made again that got no answer, or was answered "not now".
PAUSES_S = (0.1, 0.3, 0.6, 1.0)
LONGEST_RETRY_AFTER_S = 5.0
#: Seconds between looks at a job whose service is away: the job goes on meanwhile.
AWAY_S = 2.0
PAGE = 200
DRAWINGS_AT_ONCE, NAMES_AT_ONCE = 50, 500
LONGEST_NAMES = 6000  # letters of names in an address, as it is written: a Cyrillic one is six; proxies take 8,000
MEDIA_TYPES = {"json": "application/json", "csv": "text/csv", "tsv": "text/tab-separated-values"}
PROBLEM = "application/problem+json"
_anything: TypeAdapter[dict[str, Any]] = TypeAdapter(dict[str, Any])
NOT_NOW = (httpx.codes.TOO_MANY_REQUESTS, *(httpx.codes(status) for status in (502, 503, 504)))

#: A `str` is read by the service, relative to its data roots; a `Path` is one of this machine and is sent absolute.
AnyPath = str | Path
Format = Literal["json", "csv", "tsv"]
OnChange = Callable[[Job], None]
T = TypeVar("T")
M = TypeVar("M", bound=BaseModel)
R = TypeVar("R", bound=Part)


@dataclass(frozen=True)
class Call:
    """A request to make. It may be sent twice and takes effect once: POSTs that make a job have an idempotency key.

    `forgets`: what is gone when its answer was lost has been forgotten by it.
    """

    verb: str
    path: str
    params: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Any = None
    forgets: bool = False


@dataclass(frozen=True)
class Pause:
    seconds: float


@dataclass(frozen=True)
class Seen:
    """A job as it was seen, and the ETag of that."""

    job: Job
    etag: str


@dataclass(frozen=True)
class Event:
    """An event of a job. `name`: state, progress, warnings or end. `id`: what to resume after."""

    id: str
    name: str
    data: dict[str, Any]


Outcome = httpx.Response | Unreachable | None
Talk = Generator[Call | Pause, Outcome, T]


def unheard(job: Job) -> None:
    """Log what the job warned of, at its end, outside of notebooks: in one, it shows in the cell that asked for it.

    A result says nothing of its warnings. Where a program sets up no logging, they come to stderr.
    """
    if job.state.is_final:
        for warning in warnings_of(job):
            log.warning(warning)


# --- talks ------------------------------------------------------------------------------------------------------


def submit(request: JobRequest | Mapping[str, Any], idempotency_key: str | None = None) -> Talk[Job]:
    seen = yield from _submitted(request, idempotency_key)
    return seen.job


def run(
    request: JobRequest | Mapping[str, Any], on_change: OnChange = unheard, timeout_s: float = inf
) -> Talk[JobResult]:
    deadline = time.monotonic() + timeout_s
    seen = yield from _submitted(request, None)
    job = yield from _followed(seen, on_change, deadline, timeout_s)
    return (yield from result(job.id)) if job.result is None else job.result


def asked(kind: type[R], fields: Mapping[str, Any], on_change: OnChange, timeout_s: float) -> Talk[R]:
    """Do what `run` does; the class of the result names the kind of job."""
    answer = yield from run({"kind": kind.model_fields["kind"].default, **fields}, on_change, timeout_s)
    assert isinstance(answer, kind)
    return answer


def job(job_id: str, wait_s: float = 0) -> Talk[Job]:
    answer = yield from _ask(Call("GET", job_address(job_id), params={"wait": wait_s}))
    return _seen(answer).job


def wait(job_id: str, on_change: OnChange = unheard, timeout_s: float = inf) -> Talk[Job]:
    deadline = time.monotonic() + timeout_s
    answer = yield from _ask(Call("GET", job_address(job_id)))
    return (yield from _followed(_seen(answer), on_change, deadline, timeout_s))


def jobs(kind: str | None = None, state: str | None = None, limit: int | None = 50) -> Talk[list[Job]]:
    found: list[Job] = []
    params = {name: value for name, value in (("kind", kind), ("state", state)) if value is not None}
    while True:
        wanted = PAGE if limit is None else min(PAGE, limit - len(found))
        answer = yield from _ask(Call("GET", "/jobs", params={**params, "limit": wanted}))
        page = _read(JobPage, answer)
        found += page.data
        if page.next_cursor is None or len(found) == limit:
            return found
        params["cursor"] = page.next_cursor


def cancel(job_id: str) -> Talk[Job]:
    answer = yield from _ask(Call("POST", job_address(job_id, "cancel")))
    return _seen(answer).job


def retry(job_id: str) -> Talk[Job]:
    answer = yield from _ask(Call("POST", job_address(job_id, "retry"), headers=_key(None)))
    return _seen(answer).job


def delete(job_id: str) -> Talk[None]:
    yield from _ask(Call("DELETE", job_address(job_id), forgets=True))


def download(job_id: str, form: Format = "json") -> Talk[bytes]:
    answer = yield from _ask(Call("GET", job_address(job_id, "result"), headers={"Accept": MEDIA_TYPES[form]}))
    return answer.content


def result(job_id: str) -> Talk[JobResult]:
    answer = yield from _ask(Call("GET", job_address(job_id, "result"), headers={"Accept": MEDIA_TYPES["json"]}))
    return _by(read_result, answer)


def hand_outs(path_to_img: AnyPath, path_to_labels: AnyPath | None) -> Talk[list[HandOut]]:
    project = _project(path_to_img, path_to_labels)
    answer = yield from _ask(Call("GET", "/hand-outs", params={**project, "names": True}))
    return _read(HandOutList, answer).hand_outs


def give_back(
    path_to_img: AnyPath,
    path_to_labels: AnyPath | None,
    person: str | None = None,
    job_id: str | None = None,
    names: Sequence[str] | None = None,
) -> Talk[int]:
    some = None if names is None else _several("names", names)
    body = {**_project(path_to_img, path_to_labels), "person": person, "job_id": job_id, "names": some}
    answer = yield from _ask(Call("POST", "/hand-outs/give-back", body=body))
    return _read(GivenBack, answer).images


def labels(
    path_to_labels: AnyPath, path_to_img: AnyPath | None, names: Sequence[str] | None, task: str
) -> Talk[dict[str, Any]]:
    places = {"path_to_labels": _sent(path_to_labels), "path_to_img": _sent(path_to_img), "task": task}
    params = {name: value for name, value in places.items() if value}
    first, *more = list(_by_address(_several("names", names or ()), NAMES_AT_ONCE)) or [[]]
    answer = yield from _ask(Call("GET", "/labels", {**params, "of": first} if first else params))
    told = _by(_anything.validate_json, answer)
    for some in more:
        answer = yield from _ask(Call("GET", "/labels", {**params, "of": some}))
        further = _by(_anything.validate_json, answer)
        for listed in ("names", "said"):
            told[listed] = [*(told.get(listed) or ()), *(further.get(listed) or ())]
        told["versions"] = {**told.get("versions", {}), **further.get("versions", {})}
    return told


def give_labels(
    path_to_labels: AnyPath,
    classes: Classes,
    person: str | None,
    task: str,
    keep_both: bool,
    settle: bool,
    versions: Mapping[str, str],
) -> Talk[dict[str, Any]]:
    body: dict[str, Any] = {
        "path_to_labels": _sent(path_to_labels),
        "labels": lines_of(classes),
        "person": person,
        "task": task,
        "keep_both": keep_both,
        **({"settle": True} if settle else {}),  # an older service knows no such words
        **({"versions": dict(versions)} if versions else {}),
    }
    answer = yield from _ask(Call("POST", "/labels", body=body))
    return _by(_anything.validate_json, answer)


def image(path_to_img: AnyPath, name: str, side: int) -> Talk[bytes]:
    answer = yield from _ask(Call("GET", "/images", {"path_to_img": _sent(path_to_img), "name": name, "side": side}))
    return answer.content


def contradictions(path_to_labels: AnyPath, task: str) -> Talk[list[Contradiction]]:
    answer = yield from _ask(Call("GET", "/labels", params={"path_to_labels": _sent(path_to_labels), "task": task}))
    return gathered(_read(LabelsTold, answer))


def settle(
    path_to_labels: AnyPath, classes: Classes, task: str, versions: Mapping[str, str], person: str | None
) -> Talk[dict[str, str]]:
    body: dict[str, Any] = {"path_to_labels": _sent(path_to_labels), "labels": lines_of(classes), "task": task}
    body |= {"versions": dict(versions)} if versions else {}  # an older service knows no such words
    body |= {"person": person} if person else {}
    answer = yield from _ask(Call("POST", "/labels/settle", body=body))
    return _read(Settled, answer).versions


def boxes(path_to_labels: AnyPath) -> Talk[BoxCounts]:
    answer = yield from _ask(Call("GET", "/labels/boxes", {"path_to_labels": _sent(path_to_labels)}))
    return _read(BoxCounts, answer)


def drawings(path_to_img: AnyPath, path_to_labels: AnyPath, names: Iterable[str]) -> Talk[list[DrawnImage]]:
    project = _project(path_to_img, path_to_labels)
    found: list[DrawnImage] = []
    for some in _by_address(_several("names", names), DRAWINGS_AT_ONCE):
        answer = yield from _ask(Call("GET", "/labels/boxes/images", {**project, "of": some}))
        found += _read(DrawnImages, answer).images
    return found


def give_boxes(
    path_to_img: AnyPath,
    path_to_labels: AnyPath,
    drawn: Drawn,
    person: str | None,
    versions: Mapping[str, str],
    replace: Iterable[str],
    settle: bool,
    keep_both: bool,
    unfinished: bool,
) -> Talk[BoxesWritten]:
    said = {"person": person, "replace": _several("replace", replace), "keep_both": keep_both}
    if settle:  # an older service knows no such word
        said["settle"] = True
    body = {**_project(path_to_img, path_to_labels), **said, "images": images_of(drawn, versions, unfinished)}
    answer = yield from _ask(Call("POST", "/labels/boxes", body=body))
    return _read(BoxesWritten, answer)


def settle_boxes(
    path_to_img: AnyPath, path_to_labels: AnyPath, drawn: Drawn, versions: Mapping[str, str], person: str | None
) -> Talk[BoxesSettled]:
    body = {**_project(path_to_img, path_to_labels), "images": images_of(drawn, versions)}
    body |= {"person": person} if person else {}  # an older service knows no such word
    answer = yield from _ask(Call("POST", "/labels/boxes/settle", body=body))
    return _read(BoxesSettled, answer)


def notes(path_to_labels: AnyPath, person: str | None) -> Talk[list[Note]]:
    params = {"path_to_labels": _sent(path_to_labels), **({"person": person} if person else {})}
    answer = yield from _ask(Call("GET", "/labels/notes", params))
    return _read(NotesTold, answer).notes


def give_notes(path_to_labels: AnyPath, given: Iterable[GivenNote], person: str | None) -> Talk[list[Note]]:
    body = {"path_to_labels": _sent(path_to_labels), "notes": [asdict(one) for one in given], "person": person}
    answer = yield from _ask(Call("POST", "/labels/notes", body=body))
    return _read(NotesTold, answer).notes


def kept_apart(path_to_labels: AnyPath, path_to_img: AnyPath | None, task: str) -> Talk[KeptApart]:
    params = {"path_to_labels": _sent(path_to_labels), "path_to_img": _sent(path_to_img), "task": task}
    answer = yield from _ask(Call("GET", "/labels/validation", {name: said for name, said in params.items() if said}))
    return _read(KeptApart, answer)


def keep_apart(path_to_img: AnyPath, path_to_labels: AnyPath, images: int, task: str) -> Talk[KeptApart]:
    body = {"path_to_img": _sent(path_to_img), "path_to_labels": _sent(path_to_labels), "images": images, "task": task}
    answer = yield from _ask(Call("POST", "/labels/validation", body=body))
    return _read(KeptApart, answer)


def paces(path_to_labels: AnyPath) -> Talk[list[Pace]]:
    answer = yield from _ask(Call("GET", "/labels/paces", {"path_to_labels": _sent(path_to_labels)}))
    return _read(PaceList, answer).people


def projects() -> Talk[list[Project]]:
    answer = yield from _ask(Call("GET", "/projects"))
    return _read(ProjectList, answer).projects


def keep_project(project: Project, was: str | None) -> Talk[Project]:
    answer = yield from _ask(Call("POST", "/projects", body={**project.model_dump(mode="json"), "was": was}))
    return next(one for one in _read(ProjectList, answer).projects if one.name == tidy(project.name))


def forget_project(name: str) -> Talk[None]:
    yield from _ask(Call("POST", "/projects/forget", body={"name": name}, forgets=True))


def export(
    path_to_labels: AnyPath,
    form: str,
    path_to_img: AnyPath | None,
    job_id: str | None,
    task: str,
    image_prefix: str | None,
) -> Talk[bytes]:
    body = {"path_to_labels": _sent(path_to_labels), "format": form, "job": job_id, "task": task}
    if path_to_img is not None:
        body["path_to_img"] = _sent(path_to_img)
    if image_prefix is not None:
        body["image_prefix"] = image_prefix
    answer = yield from _ask(Call("POST", "/export", body=body))
    return answer.content


def report(path_to_img: AnyPath, path_to_labels: AnyPath, jobs: Sequence[str], task: str) -> Talk[bytes]:
    body = {
        "path_to_img": _sent(path_to_img),
        "path_to_labels": _sent(path_to_labels),
        "jobs": _several("jobs", jobs),
        "task": task,
    }
    answer = yield from _ask(Call("POST", "/report", body=body))
    return answer.content


def _project(path_to_img: AnyPath, path_to_labels: AnyPath | None) -> dict[str, str | None]:
    return {"path_to_img": _sent(path_to_img), **({"path_to_labels": _sent(path_to_labels)} if path_to_labels else {})}


def capabilities() -> Talk[dict[str, Any]]:
    answer = yield from _ask(Call("GET", "/capabilities"))
    return _by(_anything.validate_json, answer)


def faults() -> Talk[list[str]]:
    """Ask once what the service lacks to carry jobs out; an empty list where it doesn't say."""
    outcome = yield Call("GET", "/readyz")
    try:
        told = outcome.json() if isinstance(outcome, httpx.Response) else {}
    except ValueError:
        return []
    listed = told.get("faults", []) if isinstance(told, dict) else []
    return [str(fault) for fault in listed] if isinstance(listed, list) else []


# --- their steps ------------------------------------------------------------------------------------------------


def _submitted(request: JobRequest | Mapping[str, Any], idempotency_key: str | None) -> Talk[Seen]:
    answer = yield from _ask(Call("POST", "/jobs", body=body_of(request), headers=_key(idempotency_key)))
    return _seen(answer)


def _followed(seen: Seen, on_change: OnChange, deadline: float, timeout_s: float) -> Talk[Job]:
    if on_change is unheard:
        on_change = in_notebook() or unheard
    while True:
        on_change(seen.job)
        if seen.job.state.is_final:
            return _succeeded(seen.job)
        seen = yield from _changed(seen, deadline, timeout_s)


def _changed(seen: Seen, deadline: float, timeout_s: float) -> Talk[Seen]:
    """Wait until the job is another than was seen, and return it. Raises TimeoutError at the deadline."""
    while (left := deadline - time.monotonic()) > 0:
        poll = Call("GET", job_address(seen.job.id), {"wait": min(POLL_S, left)}, {"If-None-Match": seen.etag})
        try:
            answer = yield from _ask(poll)
        except ClientError as error:
            if not error.retryable:
                raise
            yield Pause(min(AWAY_S, left))
            continue
        if answer.status_code != httpx.codes.NOT_MODIFIED:
            return _seen(answer)
    raise TimeoutError(_("job {id} has not ended within {seconds:g} s").format(id=seen.job.id, seconds=timeout_s))


def _succeeded(job: Job) -> Job:
    if job.state is JobState.SUCCEEDED:
        return job
    raise JobCancelled(job) if job.state is JobState.CANCELLED else JobFailed(job)


def _ask(call: Call) -> Talk[httpx.Response]:
    """Make a call and return its answer. A call that got none, or "not now", is made again a few times.

    Raises Unreachable, Refused.
    """
    pauses, lost = list(PAUSES_S), False
    while True:
        outcome = yield call
        if isinstance(outcome, httpx.Response) and outcome.status_code < 400:
            return outcome
        if lost and call.forgets and _status(outcome) == httpx.codes.NOT_FOUND:
            return _response(outcome)  # what got no answer has worked
        lost = lost or isinstance(outcome, Unreachable)
        if not pauses or not _worth_repeating(outcome):
            raise outcome if isinstance(outcome, Unreachable) else refused(_response(outcome))
        yield Pause(max(pauses.pop(0), _retry_after(outcome)))


def _worth_repeating(outcome: Outcome) -> bool:
    if isinstance(outcome, Unreachable):
        return outcome.retryable
    return _status(outcome) in NOT_NOW and _retry_after(outcome) <= LONGEST_RETRY_AFTER_S


def _retry_after(outcome: Outcome) -> float:
    text = outcome.headers.get("Retry-After", "") if isinstance(outcome, httpx.Response) else ""
    return float(text) if text.isdigit() else 0.0


def _status(outcome: Outcome) -> int | None:
    return outcome.status_code if isinstance(outcome, httpx.Response) else None


def _response(outcome: Outcome) -> httpx.Response:
    assert isinstance(outcome, httpx.Response)
    return outcome


def _key(key: str | None) -> dict[str, str]:
    return {"Idempotency-Key": key or uuid.uuid4().hex}


# --- what is sent and what comes back ---------------------------------------------------------------------------


def job_address(job_id: str, *more: str) -> str:
    """Raises Unsendable: the id is no text."""
    try:
        return "/".join(["/jobs", quote(job_id, safe=""), *more])
    except UnicodeEncodeError as error:
        raise Unsendable.because(error) from None


def body_of(request: JobRequest | Mapping[str, Any]) -> dict[str, Any]:
    """Make the JSON of a request. Of a JobRequest, take only what was set: an older service need not know the rest."""
    if isinstance(request, JobRequest):
        return request.model_dump(mode="json", include={"kind", *request.model_fields_set})
    fields = {name: _sent(value) if isinstance(value, Path) else value for name, value in request.items()}
    body: dict[str, Any] = plain(fields)
    return body


def plain(said: Any) -> Any:
    """Return what was said as JSON has it, numbers and arrays of numpy among it. Raises Unsendable."""
    try:
        return to_jsonable_python(said, fallback=_of_numpy)
    except UnicodeEncodeError as error:
        raise Unsendable.because(error) from None
    except (TypeError, ValueError) as error:
        raise Unsendable.as_json(error) from None


def _of_numpy(value: Any) -> Any:
    if not hasattr(value, "tolist"):
        raise TypeError(f"{type(value).__name__}: {value!r}")
    return value.tolist()


def _several(field_: str, said: Iterable[str]) -> list[str]:
    """Raises Unsendable: one text would be taken for its letters."""
    if isinstance(said, str):
        raise Unsendable(_("{field}: a list is wanted, as in [{text!r}]").format(field=field_, text=said))
    return list(said)


def _by_address(names: Iterable[str], at_once: int) -> Iterator[list[str]]:
    """Cut names into parts that an address can hold each."""
    some: list[str] = []
    letters = 0
    for name in names:
        length = len("&of=") + len(quote(str(name), safe="", errors="replace"))
        if some and (len(some) == at_once or letters + length > LONGEST_NAMES):
            yield some
            some, letters = [], 0
        some.append(name)
        letters += length
    if some:
        yield some


def _sent(path: AnyPath | None) -> str | None:
    if not isinstance(path, Path):
        return path
    return str(bucket_url(path)) if is_url(path) else str(path.absolute())


def refused(answer: httpx.Response) -> Refused:
    if answer.headers.get("Content-Type", "").startswith(PROBLEM):
        return Refused(answer.json())
    not_now = answer.status_code in NOT_NOW
    return Refused({"detail": f"HTTP {answer.status_code}: {answer.text[:500]}", "retryable": not_now})


def _seen(answer: httpx.Response) -> Seen:
    return Seen(_read(Job, answer), answer.headers.get("ETag", ""))


def _read(kind: type[M], answer: httpx.Response) -> M:
    return _by(kind.model_validate_json, answer)


def _by(read: Callable[[bytes], T], answer: httpx.Response) -> T:
    try:
        return read(answer.content)
    except ValidationError:
        raise NotNextlabel.at(answer.url) from None


class EventReader:
    """Reads server-sent events out of their lines. `last_id`: the event to resume after when the connection is lost.

    `is_silent`: the connection brought none so far.
    """

    def __init__(self, after: str | None = None) -> None:
        self.last_id = after
        self.ended, self.is_silent = False, True
        self._url: httpx.URL | str = ""
        self._job_ended = False
        self._fields: dict[str, str] = {}
        self._pauses = list(PAUSES_S)
        self._heard_any = False

    @property
    def headers(self) -> dict[str, str]:
        return {"Last-Event-ID": self.last_id} if self.last_id else {}

    def open(self, answer: httpx.Response) -> None:
        """Begin to read a connection. Raises NotNextlabel: it brings something else."""
        self._url, self.is_silent = answer.url, True
        if not answer.headers.get("Content-Type", "").startswith("text/event-stream"):
            raise NotNextlabel.at(answer.url)

    def note(self, job: Job) -> None:
        """Take in how the job stands after a connection that brought nothing.

        Where it had ended before that was opened, no more comes: a stream that is cut short is silent, too.
        """
        self.ended, self._job_ended = self._job_ended, job.state.is_final

    def pause_s(self, fault: ClientError | None) -> float:
        """Return how long to wait before connecting again.

        Raises the fault when it can't pass, or has come too often in a row and no event came before: once there was
        one, a service that is away is waited for, as by `wait`.
        """
        if fault is not None and not (fault.retryable and (self._pauses or self._heard_any)):
            raise fault
        self._fields = {}  # half of what the connection broke in
        return self._pauses.pop(0) if self._pauses else AWAY_S

    def feed(self, line: str) -> Event | None:
        """Take in a line; return the event that ends with it, if one does."""
        if line:
            name, _, value = line.partition(":")
            self._fields[name] = value.removeprefix(" ")
            return None
        fields, self._fields = self._fields, {}
        if "data" not in fields:  # a sign of life
            return None
        try:
            data = _anything.validate_json(fields["data"])
        except ValidationError:
            raise NotNextlabel.at(self._url) from None
        self._pauses, self._heard_any, self.is_silent = list(PAUSES_S), True, False
        event = Event(fields.get("id", ""), fields.get("event", "message"), data)
        self.last_id, self.ended = event.id or self.last_id, event.name == "end"
        return event
