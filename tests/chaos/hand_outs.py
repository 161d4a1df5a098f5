"""`python -m tests.chaos.hand_outs`: many people ask for batches while everything is killed, and nobody gets another's.

Clients ask for batches in the names of different people, label most of what they get, give some back and forget the
rest, as one does whose browser is closed. Meanwhile Redis, the API and the workers are killed by SIGKILL and started
again, one after another, and at times all at once. Afterwards all that is not labelled is asked for: none may be lost
for ever.
"""

from __future__ import annotations

import argparse
import random
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from itertools import count
from pathlib import Path
from statistics import median
from typing import Any

import httpx
from PIL import Image

from nextlabel.core.kinds.registry import parse_request
from nextlabel.core.kinds.selection import SelectionRequest
from nextlabel.core.tasks.classification import read_labels_and_conflicts
from tests.chaos.stack import SETTINGS, ChaosStack, Process

LEASE_S = 30.0
BATCH = 10
LABELLED, GIVEN_BACK = 0.75, 0.1  # shares of images; what is left is forgotten
OVERLAP, OVERLAP_SHARE = 2, 0.1
PAUSE_S, DOWN_S = (0.0, 3.0), (0.0, 2.0)  # between two kills, and until what was killed is started again
ANSWERS_WITHIN_S = 20.0
COUNT = count()
BETWEEN = 5 * BATCH  # images that are handed out between two blows
ALL = "all at once"
ROUNDS = 5  # in which each process is killed once, before all are at once


@dataclass
class Holding:
    """What one person certainly knew of one image, in seconds of this machine's clock.

    asked: its job was submitted. known: the person had it. until: it was theirs for so long at least. labelled: its
    label was on the disk; None: they never labelled it.
    """

    name: str
    person: str
    job_id: str
    asked: float
    known: float
    until: float
    labelled: float | None = None


@dataclass
class Story:
    holdings: list[Holding] = field(default_factory=list)
    blows: dict[str, list[float]] = field(default_factory=dict)  #: what was killed -> s until images came through again
    refused: list[str] = field(default_factory=list)  #: answers that no fault excuses


def violations(holdings: Iterable[Holding], most_holders: Any) -> list[str]:
    """Say of each image that too many people had at once, or that somebody got though it was labelled.

    most_holders: from a name to how many people may have the image at the same time.
    """
    found, by_name = [], dict[str, list[Holding]]()
    for one in holdings:
        by_name.setdefault(one.name, []).append(one)
    for name, ours in by_name.items():
        for one in ours:
            people = {other.person for other in ours if other.known <= one.known < other.until}
            if len(people) > most_holders(name):
                found.append(f"{name}: {', '.join(sorted(people))} have it at once")
            again = [o for o in ours if o.job_id == one.job_id and o is not one]
            found += [f"{name}: twice in the batch of {one.person}" for _ in again[:1]]
            labelled = {other.person for other in ours if other.labelled is not None and other.labelled < one.asked}
            if one.person in labelled:
                found.append(f"{name}: {one.person} got it again, who had labelled it")
            if len(labelled) >= most_holders(name):
                found.append(f"{name}: {one.person} got it after {', '.join(sorted(labelled))} had labelled it")
    return found


class Person(threading.Thread):
    """One who asks for batch after batch."""

    def __init__(self, name: str, request: dict[str, Any], url: str, story: Story, stop: threading.Event) -> None:
        super().__init__(name=name, daemon=True)
        self._request, self._story, self._stop_asking = request, story, stop
        self._rng = random.Random(name)
        self.http = httpx.Client(base_url=url, timeout=ANSWERS_WITHIN_S)

    def run(self) -> None:
        with self.http:
            while not self._stop_asking.is_set():
                if not self.one_batch():
                    self._stop_asking.wait(1)

    def one_batch(self, add: int = BATCH) -> int:
        """Ask, and do with it as people do. Return how many images there were."""
        asked = time.time()
        body = {**self._request, "person": self.name, "add": add, "seed": self._rng.randrange(2**32)}
        job = self._ask("POST", "/jobs", json=body, headers={"Idempotency-Key": f"{self.name}-{next(COUNT)}"})
        while job is not None and job["state"] not in ("succeeded", "failed", "cancelled"):
            job = self._ask("GET", f"/jobs/{job['id']}", params={"wait": 10})
        if job is None or job["state"] != "succeeded":
            return 0
        known = time.time()
        result = job["result"] or self._ask("GET", f"/jobs/{job['id']}/result")  # a large one is not in the job
        ends = self._ends(job["id"])
        mine = [Holding(name, self.name, job["id"], asked, known, ends) for name in result["data"]]
        self._story.holdings += mine
        self._work_on(mine)
        return len(mine)

    def _ends(self, job_id: str) -> float:
        """Return when the batch is over, as far as is known; 0 where it is over."""
        places = {name: self._request[name] for name in ("path_to_img", "path_to_labels")}
        told = self._ask("GET", "/hand-outs", params=places) or {"hand_outs": []}
        ends = [one["ends_at"] for one in told["hand_outs"] if one["job_id"] == job_id]
        return datetime.fromisoformat(ends[0]).timestamp() if ends else 0.0

    def _work_on(self, mine: list[Holding]) -> None:
        self._rng.shuffle(mine)
        labelled = mine[: round(LABELLED * len(mine))]
        back = mine[len(labelled) : len(labelled) + round(GIVEN_BACK * len(mine))]
        for some in (labelled[::2], labelled[1::2]):
            given = [{"name": one.name, "class": self.name} for one in some]
            body = {"path_to_labels": self._request["path_to_labels"], "person": self.name, "labels": given}
            if self._ask("POST", "/labels", json={**body, "keep_both": True}) is not None:
                for one in some:
                    one.labelled = time.time()
        for one in back:
            one.until = min(one.until, time.time())
        if back:
            places = {name: self._request[name] for name in ("path_to_img", "path_to_labels")}
            names = [one.name for one in back]
            self._ask("POST", "/hand-outs/give-back", json={**places, "person": self.name, "names": names})

    def _ask(self, verb: str, path: str, **options: Any) -> Any:
        """Ask until somebody answers. None: it was refused, which is noted."""
        while True:
            try:
                answer = self.http.request(verb, path, **options)
                if answer.is_success:
                    return answer.json()
                if answer.status_code != httpx.codes.SERVICE_UNAVAILABLE:
                    self._story.refused.append(f"{verb} {path}: {answer.status_code} {answer.text[:300]}")
                    return None
            except httpx.TransportError:
                pass
            time.sleep(0.3)


def run(
    folder: Path, *, images: int, people: int, workers: int, seconds: float, lease_s: float = LEASE_S, seed: int = 0
) -> tuple[list[str], dict[str, float], dict[str, list[float]]]:
    """Return what was broken, figures, and of each blow the seconds that it cost.

    It ends when so many images were handed out, or after that time.
    """
    settings = {**SETTINGS, "NEXTLABEL_HAND_OUT_MINUTES": str(lease_s / 60)}
    story, stop, rng = Story(), threading.Event(), random.Random(seed)
    with ChaosStack(folder, workers=workers, settings=settings) as stack:
        begun = time.monotonic()
        request = _project(stack.data, images)
        selection = parse_request({**request, "add": 1, "person": "x"})
        assert isinstance(selection, SelectionRequest)
        crowd = [Person(f"p{number}", request, stack.url, story, stop) for number in range(people)]
        for person in crowd:
            person.start()
        victims = _victims(stack, rng)
        while len(story.holdings) < images and time.monotonic() < begun + seconds:
            _strike(next(victims), rng, story, images, begun + seconds)
        stop.set()
        for person in crowd:
            person.join()
        handed_out, took = len(story.holdings), time.monotonic() - begun
        lost = _lost(stack, Person("last", request, stack.url, story, stop), images, lease_s)
    broken = violations(story.holdings, selection.most_holders) + story.refused
    broken += [f"{name}: nobody can get it" for name in sorted(lost)[:10]]
    kills = sum(map(len, story.blows.values())) + (workers + 1) * len(story.blows.get(ALL, []))
    figures = {"images": images, "people": people, "handed out": handed_out, "kills": kills, "seconds": took}
    return broken, figures, story.blows


def _project(root: Path, images: int) -> dict[str, Any]:
    (root / "pool").mkdir()
    (root / "labels").mkdir()
    for number in range(images):
        colour = (number % 251, number // 251, number * 7 % 256)
        Image.new("RGB", (16, 16), colour).save(root / "pool" / f"{number:05d}.png")
    return {
        "kind": "selection",
        "backbone": "descriptor",
        "method": "random",
        "near_copies": "allow",
        "overlap": OVERLAP,
        "overlap_share": OVERLAP_SHARE,
        "path_to_img": str(root / "pool"),
        "path_to_labels": str(root / "labels"),
    }


def _victims(stack: ChaosStack, rng: random.Random) -> Iterator[list[Process]]:
    """Yield what is killed together: round after round each process alone, by chance in order, then all at once."""
    every: list[Process] = [stack.redis, stack.api, *stack.workers]
    while True:
        for _ in range(ROUNDS):
            yield from ([one] for one in rng.sample(every, len(every)))
        yield every


def _strike(victims: list[Process], rng: random.Random, story: Story, images: int, until: float) -> None:
    """Kill them, start them again, and wait until some batches came through: a worker takes seconds to start."""
    time.sleep(rng.uniform(*PAUSE_S))
    for victim in victims:
        victim.kill()
    struck = time.monotonic()
    time.sleep(rng.uniform(*DOWN_S))
    for victim in victims:
        victim.start()
    enough = min(len(story.holdings) + BETWEEN, images)
    while len(story.holdings) < enough and time.monotonic() < until:
        time.sleep(0.1)
    name = victims[0].name.partition("-")[0] if len(victims) == 1 else ALL
    story.blows.setdefault(name, []).append(took := time.monotonic() - struck)
    print(f"{len(story.holdings):,} handed out: killed {name}, {took:.0f} s until so many", flush=True)


def _lost(stack: ChaosStack, last: Person, images: int, lease_s: float) -> set[str]:
    """Ask for all that is left once every batch is over. Return what is neither labelled nor to be had."""
    time.sleep(lease_s + 1)
    with last.http:
        last.one_batch(images)
    got = {one.name for one in last._story.holdings if one.person == last.name}
    labels, disputed = read_labels_and_conflicts(stack.data / "labels")
    labelled = {*labels.names, *disputed}
    return {f"{number:05d}.png" for number in range(images)} - got - labelled


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.hand_outs", description=__doc__)
    parser.add_argument("--images", type=int, default=5000, help="how many are handed out, of a pool of as many")
    parser.add_argument("--people", type=int, default=20)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=3600, help="no longer than so")
    parser.add_argument("--seed", type=int, default=0)
    arguments = vars(parser.parse_args())
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what was started is ended
    folder = Path(tempfile.mkdtemp(prefix="nextlabel-hand-outs-"))
    broken, figures, blows = run(folder / "run", **arguments)
    for what, waits in sorted(blows.items()):
        print(f"killed {what}: {len(waits)} times, median {median(waits):.0f} s until {BETWEEN} images came through")
    if (short := figures["images"] - figures["handed out"]) > 0:
        broken.append(f"{short:,.0f} images fewer than asked for were handed out in {arguments['seconds']:g} s")
    for one in broken:
        print(one)
    print(", ".join(f"{name} {number:,.0f}" for name, number in figures.items()), f", violations {len(broken)}", sep="")
    if not broken:
        shutil.rmtree(folder)
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
