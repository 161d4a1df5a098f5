"""Clients that submit, follow and cancel jobs over HTTP, and don't give up when nobody answers."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx

from nextlabel.core.jobs.record import JobState
from tests.chaos.history import History, Oddity, Sighting, Submission
from tests.chaos.workloads import WORKLOADS, Pools, Workload

ANSWERS_WITHIN_S = 10.0
CANCELLED, CANCELLED_WITHIN_S = 0.15, 3.0  # this share of jobs, up to so long after they were accepted
WITHOUT_KEY, SENT_TWICE, LOOKED_AT_LATER = 0.2, 0.15, 0.3  # shares of jobs


class GaveUp(RuntimeError):
    """The run is over, and the job has not ended."""


class Crowd:
    """Several clients, each with one job at a time."""

    def __init__(self, url: str, pools: Pools, history: History, *, seed: int, count: int) -> None:
        self._stop, self._give_up = threading.Event(), threading.Event()
        self._clients = [
            Client(f"client-{number}", url, pools, history, random.Random(f"{seed}/{number}"), self._give_up)
            for number in range(count)
        ]
        self._threads = [
            threading.Thread(target=client.keep_submitting, args=(self._stop,), name=client.name)
            for client in self._clients
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def finish(self, within_s: float) -> None:
        """No new jobs; returns when those that are under way have ended, or after that time."""
        self._stop.set()
        deadline = time.monotonic() + within_s
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        self.give_up()

    def give_up(self) -> None:
        self._stop.set()
        self._give_up.set()
        for thread in self._threads:
            if thread.ident is not None:  # it was started
                thread.join()


class Client:
    def __init__(
        self, name: str, url: str, pools: Pools, history: History, rng: random.Random, give_up: threading.Event
    ) -> None:
        self.name = name
        self._url, self._pools, self._history, self._rng, self._give_up = url, pools, history, rng, give_up
        self._http = httpx.Client(base_url=url, timeout=ANSWERS_WITHIN_S)
        self._ended: list[str] = []
        self._sent = 0

    def keep_submitting(self, stop: threading.Event) -> None:
        try:
            while not stop.is_set():
                self.one_job(self._rng.choices(WORKLOADS, [one.share for one in WORKLOADS])[0])
                stop.wait(self._rng.expovariate(2.0))
        except GaveUp:
            pass
        finally:
            self._http.close()

    def one_job(self, workload: Workload) -> str | None:
        """Submits it and stays with it until it has ended. -> its id, if it was accepted."""
        self._sent += 1
        job_name = f"{self.name}-{self._sent}"
        key = None if self._rng.random() < WITHOUT_KEY else job_name
        job_id = self._submit(workload, self._pools.request(workload, job_name), key)
        if job_id is not None:
            self._follow(job_id)
            self._ended.append(job_id)
            self._look_back()
        return job_id

    def _submit(self, workload: Workload, request: dict[str, Any], key: str | None) -> str | None:
        def send(_: int = 0) -> str | None:
            answer = self._ask("POST", "/jobs", json=request, headers={"Idempotency-Key": key} if key else {})
            if answer.status_code != httpx.codes.ACCEPTED:
                self._odd(None, answer)
                return None
            body = answer.json()
            self._history.submissions.append(Submission(time.time(), self.name, body["id"], workload.name, key))
            return str(body["id"])

        if key is None or self._rng.random() >= SENT_TWICE:
            return send()
        with ThreadPoolExecutor(2) as both:  # which is first is left to chance
            return next(iter(both.map(send, range(2))))

    def _follow(self, job_id: str) -> None:
        cancel_at = float("inf")
        if self._rng.random() < CANCELLED:
            cancel_at = time.monotonic() + self._rng.uniform(0, CANCELLED_WITHIN_S)
        way = self._rng.choice([self._poll, self._long_poll, self._stream])
        way(job_id, lambda: time.monotonic() >= cancel_at)

    def _poll(self, job_id: str, cancel_now: Callable[[], bool]) -> None:
        while not self._look(job_id).is_final:
            self._cancel_if(cancel_now, job_id)
            time.sleep(self._rng.uniform(0.05, 0.4))

    def _long_poll(self, job_id: str, cancel_now: Callable[[], bool]) -> None:
        etag = ""
        while True:
            answer = self._ask("GET", f"/jobs/{job_id}", params={"wait": 2}, headers={"If-None-Match": etag})
            if answer.status_code != httpx.codes.NOT_MODIFIED and self._saw(job_id, answer).is_final:
                return
            etag = answer.headers.get("ETag", "")
            self._cancel_if(cancel_now, job_id)

    def _stream(self, job_id: str, cancel_now: Callable[[], bool]) -> None:
        seen = self._history.followed[job_id]
        while True:
            try:
                for name, event_id in self._events(job_id, after=seen[-1] if seen else ""):
                    seen.append(event_id)
                    self._cancel_if(cancel_now, job_id)
                    if name == "end":
                        self._look(job_id)
                        return
            except httpx.TransportError:
                self._history.count(self._history.answers, "stream lost")
            if self._look(job_id).is_final and self._give_up.wait(0.2):
                return

    def _events(self, job_id: str, after: str) -> Iterator[tuple[str, str]]:
        """(event's name, its id) of a stream, until it is cut."""
        headers = {"Last-Event-ID": after} if after else {}
        with self._http.stream("GET", f"/jobs/{job_id}/events", headers=headers) as answer:
            event_id = name = ""
            for line in answer.iter_lines():
                field, _, value = line.partition(": ")
                if field == "id":
                    event_id = value
                elif field == "event":
                    name = value
                elif not line and event_id:
                    yield name, event_id
                    event_id = name = ""

    def _look_back(self) -> None:
        """At a job that ended earlier: it must be what it was."""
        if self._rng.random() < LOOKED_AT_LATER:
            self._look(self._rng.choice(self._ended))

    def _look(self, job_id: str) -> JobState:
        return self._saw(job_id, self._ask("GET", f"/jobs/{job_id}"))

    def _saw(self, job_id: str, answer: httpx.Response) -> JobState:
        if answer.status_code != httpx.codes.OK:
            self._odd(job_id, answer)
            raise GaveUp(f"job {job_id}: {answer.status_code}")
        sighting = Sighting.of(self.name, answer.json(), answer.headers["ETag"])
        self._history.sightings.append(sighting)
        return sighting.state

    def _cancel_if(self, now: Callable[[], bool], job_id: str) -> None:
        if not now() or job_id in self._history.cancels:
            return
        self._history.cancels.add(job_id)
        answer = self._ask("POST", f"/jobs/{job_id}/cancel")
        if answer.status_code not in (httpx.codes.OK, httpx.codes.ACCEPTED, httpx.codes.CONFLICT):
            self._odd(job_id, answer)

    def _ask(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Asks again for as long as the service is away, which it says by 503, or by not answering."""
        while True:
            try:
                answer = self._http.request(method, path, **options)
                self._history.count(self._history.answers, str(answer.status_code))
                if answer.status_code != httpx.codes.SERVICE_UNAVAILABLE:
                    return answer
            except httpx.TransportError:
                self._history.count(self._history.answers, "none")
            if self._give_up.wait(0.2):
                raise GaveUp(f"{method} {path}")

    def _odd(self, job_id: str | None, answer: httpx.Response) -> None:
        what = f"{answer.request.method} {answer.request.url.path}: {answer.status_code} {answer.text[:300]}"
        self._history.oddities.append(Oddity(time.time(), self.name, job_id, what))
