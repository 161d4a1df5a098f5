"""Celery's tasks: each calls this process' runner.

The parent process imports this too, so nothing here may import torch at the top.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from celery import Task, shared_task

from nextlabel.core.jobs.queue import HELP_JOB, RUN_JOB
from nextlabel.core.settings import Settings

if TYPE_CHECKING:
    from nextlabel.worker.runner import Runner


@shared_task(name=RUN_JOB, bind=True)
def run_job(self: Task, job_id: str) -> None:
    runner_of(self.request.hostname).run(job_id)


@shared_task(name=HELP_JOB, bind=True)
def help_job(self: Task, job_id: str) -> None:
    runner_of(self.request.hostname).help(job_id)


@cache
def runner_of(worker: str) -> Runner:
    """Return the one runner of this process. It is made as the process starts: its GPU is chosen, torch may load."""
    from nextlabel.worker.runner import Runner  # noqa: PLC0415

    return Runner(Settings(), worker)
