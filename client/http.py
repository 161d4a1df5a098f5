"""A client of the HTTP interface: submit, wait, fetch."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Self, cast

import httpx

POLL_S = 30
RETRY_S = 2.0
ENDED = ("succeeded", "failed", "cancelled")
Job = dict[str, Any]


class Refused(RuntimeError):
    """The service said no; `problem` is its RFC 9457 document."""

    def __init__(self, problem: Mapping[str, Any]) -> None:
        faults = [f"  {fault['pointer']}: {fault['detail']}" for fault in problem.get("errors", ())]
        super().__init__("\n".join(["refused:", *faults]) if faults else str(problem.get("detail", problem)))
        self.problem = problem


class Unreachable(RuntimeError):
    """Nobody answers at that address."""


class JobFailed(RuntimeError):
    """The job ended without a result; `job` is its record."""

    def __init__(self, job: Job) -> None:
        error = job["error"]
        super().__init__(f"{error['code']}: {error['detail']}" if error else f"job {job['id']} was cancelled")
        self.job = job


class Client:
    """`api_key`: where the service asks for one."""

    def __init__(self, url: str = "http://127.0.0.1:5000", api_key: str | None = None) -> None:
        self.url = url.rstrip("/")
        headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        self._http = httpx.Client(base_url=self.url, timeout=POLL_S + 30, headers=headers)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()

    def submit(self, request: Mapping[str, Any], idempotency_key: str | None = None) -> Job:
        """With a key, the same request may be sent again and makes no second job. Raises Refused."""
        headers = {"Idempotency-Key": idempotency_key} if idempotency_key else {}
        return self._json("POST", "/jobs", json=dict(request), headers=headers)

    def job(self, job_id: str, *, wait_s: float = 0, etag: str | None = None) -> tuple[Job | None, str]:
        """-> (job, its ETag); job is None when nothing changed since that ETag."""
        known = {"If-None-Match": etag} if etag else {}
        answer = self._ask("GET", f"/jobs/{job_id}", params={"wait": wait_s}, headers=known)
        if answer.status_code == httpx.codes.NOT_MODIFIED:
            return None, cast(str, etag)
        return answer.json(), answer.headers["ETag"]

    def wait(self, job_id: str, on_change: Callable[[Job], None] = lambda _: None, timeout_s: float = 86_400) -> Job:
        """The job when it has ended. Raises JobFailed for any end but success, TimeoutError."""
        deadline, etag = time.monotonic() + timeout_s, None
        while time.monotonic() < deadline:
            try:
                job, etag = self.job(job_id, wait_s=POLL_S if etag else 0, etag=etag)
            except (Unreachable, Refused) as error:
                if isinstance(error, Refused) and not error.problem.get("retryable"):
                    raise
                time.sleep(RETRY_S)  # the job goes on meanwhile
                continue
            if job is None:
                continue
            on_change(job)
            if job["state"] == "succeeded":
                return job
            if job["state"] in ENDED:
                raise JobFailed(job)
        raise TimeoutError(f"job {job_id} has not ended within {timeout_s:g} s")

    def result(self, job_id: str, media_type: str = "application/json") -> bytes:
        return self._ask("GET", f"/jobs/{job_id}/result", headers={"Accept": media_type}).content

    def jobs(self, **narrow: str | int) -> list[Job]:
        return cast(list[Job], self._json("GET", "/jobs", params=narrow)["data"])

    def cancel(self, job_id: str) -> Job:
        return self._json("POST", f"/jobs/{job_id}/cancel")

    def capabilities(self) -> dict[str, Any]:
        return self._json("GET", "/capabilities")

    def _json(self, method: str, path: str, **options: Any) -> dict[str, Any]:
        return cast(dict[str, Any], self._ask(method, path, **options).json())

    def _ask(self, method: str, path: str, **options: Any) -> httpx.Response:
        try:
            return _checked(self._http.request(method, path, **options))
        except httpx.TransportError as error:
            raise Unreachable(f"no answer from {self.url} ({error}); is `nextlabel up` running there?") from error


def _checked(answer: httpx.Response) -> httpx.Response:
    if answer.is_error:
        is_problem = answer.headers.get("Content-Type", "").startswith("application/problem+json")
        raise Refused(answer.json() if is_problem else {"detail": f"HTTP {answer.status_code}: {answer.text[:500]}"})
    return answer
