"""Clients of the service: `Client` blocks, `AsyncClient` is awaited. What they say to it stands in client/talk.py."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from gettext import gettext as _
from math import inf
from types import MappingProxyType, TracebackType
from typing import Any, Self

import httpx

from nextlabel.client import talk
from nextlabel.client.beside_labels import KeptApart, Note
from nextlabel.client.boxes import BoxCounts, BoxesSettled, BoxesWritten, Drawn, DrawnImage
from nextlabel.client.contradictions import Classes, Contradiction
from nextlabel.client.errors import ClientError, Unreachable, Unsendable
from nextlabel.client.fields import AsyncCalls, Calls
from nextlabel.client.hand_outs import HandOut
from nextlabel.client.job import Job
from nextlabel.client.paces import Pace
from nextlabel.client.projects import Project
from nextlabel.client.talk import (
    AnyPath,
    Call,
    Event,
    EventReader,
    Format,
    OnChange,
    Outcome,
    Talk,
    job_address,
    unheard,
)
from nextlabel.core.data.notes import GivenNote
from nextlabel.core.kinds.registry import JobResult
from nextlabel.core.kinds.requests import JobRequest

DEFAULT_URL = "http://127.0.0.1:5000"
Request = JobRequest | Mapping[str, Any]


class Client(Calls):
    """`url` and `api_key` come from NEXTLABEL_URL and NEXTLABEL_API_KEY where they are left out.

    The calls named after a kind of job (`select`, `predict`, ...) take the fields of its request by name, wait for its
    end and return its result; `on_change` is shown the job whenever it has changed. They raise Unreachable, Refused,
    JobFailed (JobCancelled among them), and TimeoutError, after which the job goes on: a timeout cancels nothing.
    Calls that find nobody, or are answered "not now", are made again for some seconds; no job is made twice by that.
    """

    def __init__(
        self, url: str | None = None, api_key: str | None = None, *, transport: httpx.BaseTransport | None = None
    ) -> None:
        self.url = _address(url)
        self._http = httpx.Client(
            base_url=self.url, headers=_headers(api_key), timeout=talk.LONGEST_ANSWER_S, transport=transport
        )
        self.has_key = "Authorization" in self._http.headers

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.url!r})"

    def close(self) -> None:
        self._http.close()

    # --- jobs ---------------------------------------------------------------------------------------------------

    def run(self, request: Request, *, on_change: OnChange = unheard, timeout_s: float = inf) -> JobResult:
        """Submit a request, wait for its job's end, and return its result."""
        return self._carry_out(talk.run(request, on_change, timeout_s))

    def submit(self, request: Request, idempotency_key: str | None = None) -> Job:
        """Submit a request, don't wait. With a key of your own, sending the same request again makes no second job."""
        return self._carry_out(talk.submit(request, idempotency_key))

    def job(self, job_id: str, *, wait_s: float = 0) -> Job:
        """Return the job as it is now; with `wait_s` (60 at most), as soon as it has changed, or after that time."""
        return self._carry_out(talk.job(job_id, wait_s))

    def wait(self, job_id: str, on_change: OnChange = unheard, timeout_s: float = inf) -> Job:
        """Wait until the job has succeeded, and return it."""
        return self._carry_out(talk.wait(job_id, on_change, timeout_s))

    def jobs(self, kind: str | None = None, state: str | None = None, limit: int | None = 50) -> list[Job]:
        """List jobs, newest first, without their results. `limit` None: all of them."""
        return self._carry_out(talk.jobs(kind, state, limit))

    def events(self, job_id: str, after: str | None = None) -> Iterator[Event]:
        """Yield what happens to the job, from its beginning or after that event, to its end."""
        reader = EventReader(after)
        while not reader.ended:
            fault: ClientError | None = None
            try:
                with self._http.stream("GET", job_address(job_id, "events"), headers=reader.headers) as answer:
                    if answer.is_error:
                        answer.read()
                        fault = talk.refused(answer)
                    else:
                        reader.open(answer)
                        yield from filter(None, map(reader.feed, answer.iter_lines()))
            except httpx.RequestError as error:
                fault = Unreachable.because(error, self.url)
            if fault is None and reader.is_silent:
                try:
                    reader.note(self.job(job_id))
                except ClientError as error:
                    fault = error
            if not reader.ended:
                time.sleep(reader.pause_s(fault))

    def cancel(self, job_id: str) -> Job:
        """Cancel a job. One that runs is `cancelling` until its worker has heard of it."""
        return self._carry_out(talk.cancel(job_id))

    def retry(self, job_id: str) -> Job:
        """Submit a new job like one that failed or was cancelled."""
        return self._carry_out(talk.retry(job_id))

    def delete(self, job_id: str) -> None:
        """Forget an ended job and its result."""
        self._carry_out(talk.delete(job_id))

    def result(self, job_id: str) -> JobResult:
        return self._carry_out(talk.result(job_id))

    def download(self, job_id: str, form: Format = "json") -> bytes:
        """Return the result's file; `tsv` is a labels file, of kinds that have classes to give."""
        return self._carry_out(talk.download(job_id, form))

    def hand_outs(self, path_to_img: AnyPath, path_to_labels: AnyPath | None = None) -> list[HandOut]:
        """List the batches of a pool that are with people, the one that ends first at the beginning."""
        return self._carry_out(talk.hand_outs(path_to_img, path_to_labels))

    def give_back(
        self,
        path_to_img: AnyPath,
        path_to_labels: AnyPath | None = None,
        *,
        person: str | None = None,
        job_id: str | None = None,
        names: Sequence[str] | None = None,
    ) -> int:
        """Take images back: a person's, a job's, those named, or all. Return how many had no label yet."""
        return self._carry_out(talk.give_back(path_to_img, path_to_labels, person, job_id, names))

    def labels(
        self,
        path_to_labels: AnyPath,
        path_to_img: AnyPath | None = None,
        *,
        names: Sequence[str] | None = None,
        task: str = "classification",
    ) -> dict[str, Any]:
        """Count labels by class and by person; of `names`, tell what each says of them."""
        return self._carry_out(talk.labels(path_to_labels, path_to_img, names, task))

    def give_labels(
        self,
        path_to_labels: AnyPath,
        classes: Classes,
        *,
        person: str | None = None,
        task: str = "classification",
        keep_both: bool = False,
        settle: bool = False,
        versions: Mapping[str, str] = MappingProxyType({}),
    ) -> dict[str, Any]:
        """Write a person's labels, all or none; None takes one back. Refused where others say otherwise, unless
        `keep_both`: that is to be settled then; or `settle`: that stays in their files, and these are settled to count.

        versions: by name, of all that was seen to be said of it, as `labels` of `names` tells. Refused
            (`labels_changed`) where something else is said by now.
        """
        return self._carry_out(talk.give_labels(path_to_labels, classes, person, task, keep_both, settle, versions))

    def boxes(self, path_to_labels: AnyPath) -> BoxCounts:
        """Count boxes by class and images by person; list the images that people contradict each other about."""
        return self._carry_out(talk.boxes(path_to_labels))

    def drawings(self, path_to_img: AnyPath, path_to_labels: AnyPath, names: Iterable[str]) -> list[DrawnImage]:
        """Tell what everybody drew on those images, and how large these are."""
        return self._carry_out(talk.drawings(path_to_img, path_to_labels, names))

    def give_boxes(
        self,
        path_to_img: AnyPath,
        path_to_labels: AnyPath,
        drawn: Drawn,
        *,
        person: str | None = None,
        versions: Mapping[str, str] = MappingProxyType({}),
        replace: Iterable[str] = (),
        settle: bool = False,
        keep_both: bool = False,
        unfinished: bool = False,
    ) -> BoxesWritten:
        """Write what a person drew on 1,000 images at most: all of it, or nothing.

        drawn: by name, all that is on the image, {"a.jpg": [{"class": "ace", "box": [x, y, width, height]}]} in pixels
            of the upright image, or the boxes of a drawing or of a prediction; [] says that somebody looked and
            nothing is there, None takes back what the person drew.
        versions: by name, those of what the person drew before, which `drawings` and this call tell; needed to change
            it. Refused (`boxes_changed`) where the file says something else by now.
        replace: versions of what other people drew, to be taken out where it contradicts this.
        settle: what `replace` names stays where it is, and this is settled to count.
        keep_both: let other people's drawings contradict this; else it is refused (`labelled_otherwise`).
        unfinished: more is to come: it is kept, and does not count yet.
        """
        said = (person, versions, replace, settle, keep_both, unfinished)
        return self._carry_out(talk.give_boxes(path_to_img, path_to_labels, drawn, *said))

    def settle_boxes(
        self,
        path_to_img: AnyPath,
        path_to_labels: AnyPath,
        drawn: Drawn,
        *,
        versions: Mapping[str, str] = MappingProxyType({}),
        person: str | None = None,
    ) -> BoxesSettled:
        """Settle what people drew otherwise on 1,000 images at most. Their files stay as they are.

        drawn: by name, what counts from now on: one of the image's `drawings`, or boxes; None opens the question again.
        versions: by name, those of the images, which `drawings` and this call tell. Refused (`boxes_changed`) where
            somebody drew or settled something else by now.
        person: who settles it, to be told (`settled_by`); with a key it is its owner.
        """
        return self._carry_out(talk.settle_boxes(path_to_img, path_to_labels, drawn, versions, person))

    def image(self, path_to_img: AnyPath, name: str, side: int = 320) -> bytes:
        """Return an image of a pool as a JPEG whose longer side has 160, 320, 1024 or 4096 pixels at most."""
        return self._carry_out(talk.image(path_to_img, name, side))

    def contradictions(self, path_to_labels: AnyPath, *, task: str = "classification") -> list[Contradiction]:
        """List the images that people see in several ways, and that nobody has settled; 1,000 labels at most."""
        return self._carry_out(talk.contradictions(path_to_labels, task))

    def settle(
        self,
        path_to_labels: AnyPath,
        classes: Classes,
        *,
        task: str = "classification",
        versions: Mapping[str, str] = MappingProxyType({}),
        person: str | None = None,
    ) -> dict[str, str]:
        """Say by name what holds of such images. People's files stay as they are; None opens the question again.

        versions: by name, those that `contradictions` and this call tell. Refused (`labels_changed`) where something
            else is said of the image by now, or is settled.
        person: who settles it, to be told (`settled_by` of `labels`); with a key it is its owner.
        """
        return self._carry_out(talk.settle(path_to_labels, classes, task, versions, person))

    def notes(self, path_to_labels: AnyPath, *, person: str | None = None) -> list[Note]:
        """List what people are unsure of, and what they note about images, the newest 10,000; a person's alone."""
        return self._carry_out(talk.notes(path_to_labels, person))

    def give_notes(
        self, path_to_labels: AnyPath, notes: Iterable[GivenNote], *, person: str | None = None
    ) -> list[Note]:
        """Write what a person says of images besides labels from now on, and return all notes of theirs. One that is
        neither unsure nor has a text takes back what there was."""
        return self._carry_out(talk.give_notes(path_to_labels, notes, person))

    def kept_apart(
        self, path_to_labels: AnyPath, path_to_img: AnyPath | None = None, *, task: str = "classification"
    ) -> KeptApart:
        """Tell which images are kept apart to validate by, of that pool, and how many have a label that counts."""
        return self._carry_out(talk.kept_apart(path_to_labels, path_to_img, task))

    def keep_apart(
        self, path_to_img: AnyPath, path_to_labels: AnyPath, images: int, *, task: str = "classification"
    ) -> KeptApart:
        """Keep so many images apart in all, drawn at random beside those that are; 0: none any more."""
        return self._carry_out(talk.keep_apart(path_to_img, path_to_labels, images, task))

    def paces(self, path_to_labels: AnyPath) -> list[Pace]:
        """Tell how fast people label, as far as that is known: those whose labels came over HTTP."""
        return self._carry_out(talk.paces(path_to_labels))

    def projects(self) -> list[Project]:
        """List the projects that the service keeps, by name, the same for everybody."""
        return self._carry_out(talk.projects())

    def keep_project(self, project: Project, *, was: str | None = None) -> Project:
        """Keep a project under its name, or change one, and return it; `was`: the name of the one whose place it takes.

        Its folders must be there. Refused where it has a `version` and somebody else changed it meanwhile.
        """
        return self._carry_out(talk.keep_project(project, was))

    def forget_project(self, name: str) -> None:
        """Forget a project; its images and labels stay where they are."""
        self._carry_out(talk.forget_project(name))

    def export(
        self,
        path_to_labels: AnyPath,
        form: str,
        *,
        path_to_img: AnyPath | None = None,
        job_id: str | None = None,
        task: str = "classification",
        image_prefix: str | None = None,
    ) -> bytes:
        """Write labels as a file of another tool; with a job, what that says instead.

        form: csv, coco, cvat, label-studio or image-folder, a zip of the images by class, one class an image; of boxes
        (task="detection") coco, cvat, label-studio, yolo or voc, these two as zips, and of no job.
        path_to_img: the pool, which image-folder takes the images from.
        image_prefix: what stands for the pool in URLs, of Label Studio alone.
        """
        return self._carry_out(talk.export(path_to_labels, form, path_to_img, job_id, task, image_prefix))

    def report(
        self, path_to_img: AnyPath, path_to_labels: AnyPath, jobs: Sequence[str], *, task: str = "classification"
    ) -> bytes:
        """Make a report of the results of those jobs, and of labels and people: one HTML file that asks no host."""
        return self._carry_out(talk.report(path_to_img, path_to_labels, jobs, task))

    def capabilities(self) -> dict[str, Any]:
        """Return what the service can do: kinds, methods, backbones, limits."""
        return self._carry_out(talk.capabilities())

    def faults(self) -> list[str]:
        """Return what the service lacks to carry jobs out: a worker, say. Empty where nobody answers, too."""
        return self._carry_out(talk.faults())

    def _carry_out(self, conversation: Talk[talk.T]) -> talk.T:
        outcome: Outcome = None
        while True:
            try:
                step = conversation.send(outcome)
            except StopIteration as end:
                result: talk.T = end.value
                return result
            if isinstance(step, Call):
                outcome = self._make(step)
            else:
                time.sleep(step.seconds)
                outcome = None

    def _make(self, call: Call) -> Outcome:
        request = _request(self._http, call)
        try:
            return self._http.send(request)
        except httpx.RequestError as error:
            return Unreachable.because(error, self.url)


class AsyncClient(AsyncCalls):
    """Does what `Client` does, for asyncio. Cancelling what awaits a job doesn't cancel the job."""

    def __init__(
        self, url: str | None = None, api_key: str | None = None, *, transport: httpx.AsyncBaseTransport | None = None
    ) -> None:
        self.url = _address(url)
        self._http = httpx.AsyncClient(
            base_url=self.url, headers=_headers(api_key), timeout=talk.LONGEST_ANSWER_S, transport=transport
        )
        self.has_key = "Authorization" in self._http.headers

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.url!r})"

    async def close(self) -> None:
        await self._http.aclose()

    # --- jobs ---------------------------------------------------------------------------------------------------

    async def run(self, request: Request, *, on_change: OnChange = unheard, timeout_s: float = inf) -> JobResult:
        """Submit a request, wait for its job's end, and return its result."""
        return await self._carry_out(talk.run(request, on_change, timeout_s))

    async def submit(self, request: Request, idempotency_key: str | None = None) -> Job:
        """Submit a request, don't wait. With a key of your own, sending the same request again makes no second job."""
        return await self._carry_out(talk.submit(request, idempotency_key))

    async def job(self, job_id: str, *, wait_s: float = 0) -> Job:
        """Return the job as it is now; with `wait_s` (60 at most), as soon as it has changed, or after that time."""
        return await self._carry_out(talk.job(job_id, wait_s))

    async def wait(self, job_id: str, on_change: OnChange = unheard, timeout_s: float = inf) -> Job:
        """Wait until the job has succeeded, and return it."""
        return await self._carry_out(talk.wait(job_id, on_change, timeout_s))

    async def jobs(self, kind: str | None = None, state: str | None = None, limit: int | None = 50) -> list[Job]:
        """List jobs, newest first, without their results. `limit` None: all of them."""
        return await self._carry_out(talk.jobs(kind, state, limit))

    async def events(self, job_id: str, after: str | None = None) -> AsyncIterator[Event]:
        """Yield what happens to the job, from its beginning or after that event, to its end."""
        reader = EventReader(after)
        while not reader.ended:
            fault: ClientError | None = None
            try:
                async with self._http.stream("GET", job_address(job_id, "events"), headers=reader.headers) as answer:
                    if answer.is_error:
                        await answer.aread()
                        fault = talk.refused(answer)
                    else:
                        reader.open(answer)
                        async for line in answer.aiter_lines():
                            if (event := reader.feed(line)) is not None:
                                yield event
            except httpx.RequestError as error:
                fault = Unreachable.because(error, self.url)
            if fault is None and reader.is_silent:
                try:
                    reader.note(await self.job(job_id))
                except ClientError as error:
                    fault = error
            if not reader.ended:
                await asyncio.sleep(reader.pause_s(fault))

    async def cancel(self, job_id: str) -> Job:
        """Cancel a job. One that runs is `cancelling` until its worker has heard of it."""
        return await self._carry_out(talk.cancel(job_id))

    async def retry(self, job_id: str) -> Job:
        """Submit a new job like one that failed or was cancelled."""
        return await self._carry_out(talk.retry(job_id))

    async def delete(self, job_id: str) -> None:
        """Forget an ended job and its result."""
        await self._carry_out(talk.delete(job_id))

    async def result(self, job_id: str) -> JobResult:
        return await self._carry_out(talk.result(job_id))

    async def download(self, job_id: str, form: Format = "json") -> bytes:
        """Return the result's file; `tsv` is a labels file, of kinds that have classes to give."""
        return await self._carry_out(talk.download(job_id, form))

    async def hand_outs(self, path_to_img: AnyPath, path_to_labels: AnyPath | None = None) -> list[HandOut]:
        """List the batches of a pool that are with people, the one that ends first at the beginning."""
        return await self._carry_out(talk.hand_outs(path_to_img, path_to_labels))

    async def give_back(
        self,
        path_to_img: AnyPath,
        path_to_labels: AnyPath | None = None,
        *,
        person: str | None = None,
        job_id: str | None = None,
        names: Sequence[str] | None = None,
    ) -> int:
        """Take images back: a person's, a job's, those named, or all. Return how many had no label yet."""
        return await self._carry_out(talk.give_back(path_to_img, path_to_labels, person, job_id, names))

    async def labels(
        self,
        path_to_labels: AnyPath,
        path_to_img: AnyPath | None = None,
        *,
        names: Sequence[str] | None = None,
        task: str = "classification",
    ) -> dict[str, Any]:
        """Count labels by class and by person; of `names`, tell what each says of them."""
        return await self._carry_out(talk.labels(path_to_labels, path_to_img, names, task))

    async def give_labels(
        self,
        path_to_labels: AnyPath,
        classes: Classes,
        *,
        person: str | None = None,
        task: str = "classification",
        keep_both: bool = False,
        settle: bool = False,
        versions: Mapping[str, str] = MappingProxyType({}),
    ) -> dict[str, Any]:
        """Write a person's labels, all or none; None takes one back. Refused where others say otherwise, unless
        `keep_both`: that is to be settled then; or `settle`: that stays in their files, and these are settled to count.

        versions: by name, of all that was seen to be said of it, as `labels` of `names` tells. Refused
            (`labels_changed`) where something else is said by now.
        """
        return await self._carry_out(
            talk.give_labels(path_to_labels, classes, person, task, keep_both, settle, versions)
        )

    async def boxes(self, path_to_labels: AnyPath) -> BoxCounts:
        """Count boxes by class and images by person; list the images that people contradict each other about."""
        return await self._carry_out(talk.boxes(path_to_labels))

    async def drawings(self, path_to_img: AnyPath, path_to_labels: AnyPath, names: Iterable[str]) -> list[DrawnImage]:
        """Tell what everybody drew on those images, and how large these are."""
        return await self._carry_out(talk.drawings(path_to_img, path_to_labels, names))

    async def give_boxes(
        self,
        path_to_img: AnyPath,
        path_to_labels: AnyPath,
        drawn: Drawn,
        *,
        person: str | None = None,
        versions: Mapping[str, str] = MappingProxyType({}),
        replace: Iterable[str] = (),
        settle: bool = False,
        keep_both: bool = False,
        unfinished: bool = False,
    ) -> BoxesWritten:
        """Write what a person drew on 1,000 images at most: all of it, or nothing.

        drawn: by name, all that is on the image, {"a.jpg": [{"class": "ace", "box": [x, y, width, height]}]} in pixels
            of the upright image, or the boxes of a drawing or of a prediction; [] says that somebody looked and
            nothing is there, None takes back what the person drew.
        versions: by name, those of what the person drew before, which `drawings` and this call tell; needed to change
            it. Refused (`boxes_changed`) where the file says something else by now.
        replace: versions of what other people drew, to be taken out where it contradicts this.
        settle: what `replace` names stays where it is, and this is settled to count.
        keep_both: let other people's drawings contradict this; else it is refused (`labelled_otherwise`).
        unfinished: more is to come: it is kept, and does not count yet.
        """
        said = (person, versions, replace, settle, keep_both, unfinished)
        return await self._carry_out(talk.give_boxes(path_to_img, path_to_labels, drawn, *said))

    async def settle_boxes(
        self,
        path_to_img: AnyPath,
        path_to_labels: AnyPath,
        drawn: Drawn,
        *,
        versions: Mapping[str, str] = MappingProxyType({}),
        person: str | None = None,
    ) -> BoxesSettled:
        """Settle what people drew otherwise on 1,000 images at most. Their files stay as they are.

        drawn: by name, what counts from now on: one of the image's `drawings`, or boxes; None opens the question again.
        versions: by name, those of the images, which `drawings` and this call tell. Refused (`boxes_changed`) where
            somebody drew or settled something else by now.
        person: who settles it, to be told (`settled_by`); with a key it is its owner.
        """
        return await self._carry_out(talk.settle_boxes(path_to_img, path_to_labels, drawn, versions, person))

    async def image(self, path_to_img: AnyPath, name: str, side: int = 320) -> bytes:
        """Return an image of a pool as a JPEG whose longer side has 160, 320, 1024 or 4096 pixels at most."""
        return await self._carry_out(talk.image(path_to_img, name, side))

    async def contradictions(self, path_to_labels: AnyPath, *, task: str = "classification") -> list[Contradiction]:
        """List the images that people see in several ways, and that nobody has settled; 1,000 labels at most."""
        return await self._carry_out(talk.contradictions(path_to_labels, task))

    async def settle(
        self,
        path_to_labels: AnyPath,
        classes: Classes,
        *,
        task: str = "classification",
        versions: Mapping[str, str] = MappingProxyType({}),
        person: str | None = None,
    ) -> dict[str, str]:
        """Say by name what holds of such images. People's files stay as they are; None opens the question again.

        versions: by name, those that `contradictions` and this call tell. Refused (`labels_changed`) where something
            else is said of the image by now, or is settled.
        person: who settles it, to be told (`settled_by` of `labels`); with a key it is its owner.
        """
        return await self._carry_out(talk.settle(path_to_labels, classes, task, versions, person))

    async def notes(self, path_to_labels: AnyPath, *, person: str | None = None) -> list[Note]:
        """List what people are unsure of, and what they note about images, the newest 10,000; a person's alone."""
        return await self._carry_out(talk.notes(path_to_labels, person))

    async def give_notes(
        self, path_to_labels: AnyPath, notes: Iterable[GivenNote], *, person: str | None = None
    ) -> list[Note]:
        """Write what a person says of images besides labels from now on, and return all notes of theirs. One that is
        neither unsure nor has a text takes back what there was."""
        return await self._carry_out(talk.give_notes(path_to_labels, notes, person))

    async def kept_apart(
        self, path_to_labels: AnyPath, path_to_img: AnyPath | None = None, *, task: str = "classification"
    ) -> KeptApart:
        """Tell which images are kept apart to validate by, of that pool, and how many have a label that counts."""
        return await self._carry_out(talk.kept_apart(path_to_labels, path_to_img, task))

    async def keep_apart(
        self, path_to_img: AnyPath, path_to_labels: AnyPath, images: int, *, task: str = "classification"
    ) -> KeptApart:
        """Keep so many images apart in all, drawn at random beside those that are; 0: none any more."""
        return await self._carry_out(talk.keep_apart(path_to_img, path_to_labels, images, task))

    async def paces(self, path_to_labels: AnyPath) -> list[Pace]:
        """Tell how fast people label, as far as that is known: those whose labels came over HTTP."""
        return await self._carry_out(talk.paces(path_to_labels))

    async def projects(self) -> list[Project]:
        """List the projects that the service keeps, by name, the same for everybody."""
        return await self._carry_out(talk.projects())

    async def keep_project(self, project: Project, *, was: str | None = None) -> Project:
        """Keep a project under its name, or change one, and return it; `was`: the name of the one whose place it takes.

        Its folders must be there. Refused where it has a `version` and somebody else changed it meanwhile.
        """
        return await self._carry_out(talk.keep_project(project, was))

    async def forget_project(self, name: str) -> None:
        """Forget a project; its images and labels stay where they are."""
        await self._carry_out(talk.forget_project(name))

    async def export(
        self,
        path_to_labels: AnyPath,
        form: str,
        *,
        path_to_img: AnyPath | None = None,
        job_id: str | None = None,
        task: str = "classification",
        image_prefix: str | None = None,
    ) -> bytes:
        """Write labels as a file of another tool; with a job, what that says instead.

        form: csv, coco, cvat, label-studio or image-folder, a zip of the images by class, one class an image; of boxes
        (task="detection") coco, cvat, label-studio, yolo or voc, these two as zips, and of no job.
        path_to_img: the pool, which image-folder takes the images from.
        image_prefix: what stands for the pool in URLs, of Label Studio alone.
        """
        return await self._carry_out(talk.export(path_to_labels, form, path_to_img, job_id, task, image_prefix))

    async def report(
        self, path_to_img: AnyPath, path_to_labels: AnyPath, jobs: Sequence[str], *, task: str = "classification"
    ) -> bytes:
        """Make a report of the results of those jobs, and of labels and people: one HTML file that asks no host."""
        return await self._carry_out(talk.report(path_to_img, path_to_labels, jobs, task))

    async def capabilities(self) -> dict[str, Any]:
        """Return what the service can do: kinds, methods, backbones, limits."""
        return await self._carry_out(talk.capabilities())

    async def faults(self) -> list[str]:
        """Return what the service lacks to carry jobs out: a worker, say. Empty where nobody answers, too."""
        return await self._carry_out(talk.faults())

    async def _carry_out(self, conversation: Talk[talk.T]) -> talk.T:
        outcome: Outcome = None
        while True:
            try:
                step = conversation.send(outcome)
            except StopIteration as end:
                result: talk.T = end.value
                return result
            if isinstance(step, Call):
                outcome = await self._make(step)
            else:
                await asyncio.sleep(step.seconds)
                outcome = None

    async def _make(self, call: Call) -> Outcome:
        request = _request(self._http, call)
        try:
            return await self._http.send(request)
        except httpx.RequestError as error:
            return Unreachable.because(error, self.url)


def _address(url: str | None) -> str:
    url = (url or os.environ.get("NEXTLABEL_URL") or DEFAULT_URL).rstrip("/")
    url = url if "://" in url else f"http://{url}"
    try:
        httpx.URL(url)
    except (httpx.InvalidURL, UnicodeEncodeError) as error:
        words = _("{url} is no address: {error}")
        if "[" not in url and url.count(":") > 2:
            words = _("{url} is no address: {error}; IPv6 stands in brackets, as in http://[::1]:5000")
        raise Unreachable(words.format(url=url, error=error)) from None
    return url


def _headers(api_key: str | None) -> dict[str, str]:
    """Raises Unsendable: no header holds such a key, which is not told: it may be one but for a letter."""
    api_key = (api_key or os.environ.get("NEXTLABEL_API_KEY") or "").strip()
    if not all("!" <= character <= "~" for character in api_key):
        words = _("the API key (--api-key or NEXTLABEL_API_KEY) is none: keys are ASCII letters, digits and - _ .")
        raise Unsendable(words)
    return {"Authorization": f"Bearer {api_key}"} if api_key else {}


def _request(http: httpx.Client | httpx.AsyncClient, call: Call) -> httpx.Request:
    """Raises Unsendable: no request holds what the call says."""
    try:
        body = talk.plain(call.body)
        return http.build_request(call.verb, call.path, params=call.params, headers=call.headers, json=body)
    except UnicodeEncodeError as error:
        raise Unsendable.because(error) from None
    except httpx.InvalidURL as error:
        raise Unsendable(_("what is asked for is too long for an address: {error}").format(error=error)) from None
    except ValueError as error:
        raise Unsendable.as_json(error) from None
