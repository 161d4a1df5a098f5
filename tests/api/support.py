"""What the tests of the API stand on: data on disk, a server, a worker's doings, canned results."""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import redis
import uvicorn
from fastapi import FastAPI
from fastapi.routing import APIRoute

from nextlabel.client.redis_server import redis_command
from nextlabel.client.stack import free_port
from nextlabel.core.jobs.record import JobError, JobState, Progress
from nextlabel.core.jobs.result_files import ResultFiles
from nextlabel.core.jobs.store import Claim, JobStore
from nextlabel.core.kinds.f1 import ClassScores, Confusion, F1Result
from nextlabel.core.kinds.prediction import PredictionItem, PredictionResult
from nextlabel.core.kinds.registry import JobResult
from nextlabel.core.kinds.results import ClassProbability, HeadSummary, Manifest
from nextlabel.core.kinds.selection import MethodUsed, SelectionItem, SelectionResult
from nextlabel.core.settings import Settings


def routes_of(app: FastAPI) -> list[Any]:
    """List all calls that the app answers. Its own `routes` keep those of a router behind one object."""
    own = [route for route in app.routes if isinstance(route, APIRoute)]
    routers = [route for route in app.routes if hasattr(route, "effective_route_contexts")]
    return own + [route for router in routers for route in router.effective_route_contexts()]


@dataclass(frozen=True)
class Data:
    """A data root, and a request of each kind about its folder `pool` and its file `labels.txt`."""

    root: Path

    def pool(self, name: str, *images: str) -> str:
        """Empty files will do: the API opens no image."""
        folder = self.root / name
        folder.mkdir(parents=True)
        for image in images:
            (folder / image).touch()
        return str(folder)

    def labels(self, name: str, content: str | bytes) -> str:
        path = self.root / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return str(path)

    @property
    def selection(self) -> dict[str, Any]:
        return {"kind": "selection", "backbone": "b0", "add": 1, **self._one_pool}

    @property
    def prediction(self) -> dict[str, Any]:
        return {"kind": "prediction", "backbone": "b0", **self._one_pool}

    @property
    def f1(self) -> dict[str, Any]:
        one = self._one_pool
        sets = {f"{name}_{half}": path for name, path in one.items() for half in ("train", "val")}
        return {"kind": "f1", "backbone": "b0", **sets}

    @property
    def learning_curve(self) -> dict[str, Any]:
        return {"kind": "learning_curve", "backbone": "b0", **self._one_pool}

    @property
    def audit(self) -> dict[str, Any]:
        return {"kind": "audit", "backbone": "b0", **self._one_pool}

    @property
    def label_check(self) -> dict[str, Any]:
        return {"kind": "label_check", "backbone": "b0", **self._one_pool}

    @property
    def agreement(self) -> dict[str, Any]:
        return {"kind": "agreement", "backbone": "b0", **self._one_pool}

    @property
    def similar(self) -> dict[str, Any]:
        return {"kind": "similar", "backbone": "b0", "add": 1, "like": ["a.png"], **self._one_pool}

    @property
    def map(self) -> dict[str, Any]:
        return {"kind": "map", "backbone": "b0", **self._one_pool}

    @property
    def embedding(self) -> dict[str, Any]:
        return {"kind": "embedding", "backbone": "b0", "path_to_img": str(self.root / "pool")}

    @property
    def _one_pool(self) -> dict[str, str]:
        return {"path_to_img": str(self.root / "pool"), "path_to_labels": str(self.root / "labels.txt")}


class Worker:
    """Ends jobs as a worker process does, with canned results."""

    def __init__(self, store: JobStore, files: ResultFiles) -> None:
        self.store = store
        self.files = files

    def claim(self, job_id: str) -> Claim:
        claim = self.store.claim(job_id, process="w", token="t", lease_s=60)
        assert claim is not None
        return claim

    def report(self, claim: Claim, done: int) -> None:
        shown = Progress(stage="embed", stage_index=0, stage_count=2, done=done, total=100, unit="images")
        assert self.store.report(claim, shown)

    def succeed(self, job_id: str, result: JobResult, claim: Claim | None = None) -> None:
        claim = claim or self.claim(job_id)
        self.files.write(job_id, claim.fence, result.json_parts())
        assert self.store.finish(claim, JobState.SUCCEEDED)

    def fail(self, job_id: str, code: str) -> None:
        error = JobError(code=code, detail="it went wrong", stage="embed")
        assert self.store.finish(self.claim(job_id), JobState.FAILED, error)

    def newest(self) -> str:
        """The newest job, as soon as there is one: its submitter is held and can't tell."""
        while not (jobs := self.store.page(limit=1).jobs):
            time.sleep(0.01)
        return jobs[0].id

    @contextmanager
    def carrying_out(self, result: JobResult) -> Iterator[None]:
        """Meanwhile, every queued job succeeds with that result."""
        with self.at_work(lambda job_id: self.succeed(job_id, result)):
            yield

    @contextmanager
    def at_work(self, carry_out: Callable[[str], None]) -> Iterator[None]:
        """Meanwhile, it is seen, and carries out every queued job."""
        stop = threading.Event()

        def work() -> None:
            while not stop.wait(0.01):
                self.store.note_worker("w")
                for job_id in self.store.queued_longer_than(0):
                    carry_out(job_id)

        thread = threading.Thread(target=work)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()


def settings_for(data: Data, tmp_path: Path, redis_url: str, **more: Any) -> Settings:
    return Settings(
        data_roots=(data.root,),
        state_dir=tmp_path / "state",
        cache_dir=tmp_path / "cache",
        redis_url=redis_url,
        min_free_disk_mb=0,
        **more,
    )


class OwnRedis:
    """A server that a test may stop and start again; what it knew, it still knows then."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._port = folder, free_port()
        self.url = f"redis://127.0.0.1:{self._port}/0"

    def start(self) -> None:
        self._process = subprocess.Popen(redis_command(self._folder, self._port), stdout=subprocess.DEVNULL)
        with redis.Redis.from_url(self.url, retry=None) as server:
            while not _answers(server):
                time.sleep(0.02)

    def stop(self) -> None:
        self._process.kill()
        self._process.wait()


def _answers(server: redis.Redis) -> bool:
    try:
        return bool(server.ping())
    except redis.RedisError:
        return False


@contextmanager
def served(app: FastAPI, host: str = "127.0.0.1") -> Iterator[str]:
    port = free_port()
    server = uvicorn.Server(uvicorn.Config(app, host, port, log_config=None, access_log=False, ws="none"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.01)
    yield f"http://{f'[{host}]' if ':' in host else host}:{port}"
    server.should_exit = True
    thread.join()


# --- canned results ---------------------------------------------------------------------------------------------

MANIFEST = Manifest(
    nextlabel="0.1.0",
    versions={"torch": "2"},
    backbone="efficientnet_b0",
    weights="0" * 64,
    preprocessing="224 px",
    head="linear",
    device="cpu",
    seed=0,
    pools={"path_to_img": "0" * 64},
    labels={"path_to_labels": "0" * 64},
)
HEAD = HeadSummary(
    name="linear", classes=("cat", "dog"), images_per_class={"cat": 1, "dog": 1}, temperature=1.0, details={}
)


def selection_result(*pairs: tuple[str, str | None], head: HeadSummary | None = HEAD) -> SelectionResult:
    """Of (name, predicted class), best first."""
    return SelectionResult(
        data=tuple(name for name, _ in pairs),
        items=tuple(
            SelectionItem(
                rank=rank,
                name=name,
                score=1 / rank,
                predicted=predicted,
                confidence=0.5,
                top=(),
                cluster=None,
                reason="uncertain: cat 0.51 / dog 0.49",
            )
            for rank, (name, predicted) in enumerate(pairs, start=1)
        ),
        method=MethodUsed(asked="margin", name="margin", why="asked for"),
        candidates=len(pairs),
        head=head,
        skipped=(),
        manifest=MANIFEST,
    )


def prediction_result(*pairs: tuple[str, str]) -> PredictionResult:
    return PredictionResult(
        items=tuple(
            PredictionItem(
                name=name,
                predicted=predicted,
                confidence=0.75,
                top=(
                    ClassProbability(class_name=predicted, probability=0.75),
                    ClassProbability(class_name="other", probability=0.25),
                ),
            )
            for name, predicted in pairs
        ),
        head=HEAD,
        skipped=(),
        manifest=MANIFEST,
    )


def f1_result(f1_macro: float = 0.875) -> F1Result:
    scores = ClassScores(class_name="cat", precision=1.0, recall=0.5, f1=2 / 3, support=2, predicted=1)
    return F1Result(
        f1_macro=f1_macro,
        f1_macro_interval=(0.8, 0.9),
        f1_micro=0.9,
        f1_weighted=0.9,
        accuracy=0.9,
        calibration_error=0.01,
        validation_images=4,
        per_class=(scores, scores.model_copy(update={"class_name": "dog"})),
        confusion=Confusion(classes=("cat", "dog"), matrix=((1, 1), (0, 2))),
        classes_without_training_images=(),
        classes_without_validation_images=(),
        head=HEAD,
        skipped=(),
        manifest=MANIFEST,
    )
