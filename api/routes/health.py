"""Say whether the service is up, whether it is fit for work, what it can do, and how much it has done."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal, get_args

from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse, PlainTextResponse
from pydantic import BaseModel

from nextlabel.api.auth import Admin, Reader
from nextlabel.api.errors import RESPONSES, not_ready
from nextlabel.api.metrics import CONTENT_TYPE, exposition
from nextlabel.api.services import Given, Services, in_thread
from nextlabel.core.data_roots import names_of
from nextlabel.core.embeddings.catalogue import SHORT_NAMES, weights_in
from nextlabel.core.errors import FolderBusy, StoreUnavailable
from nextlabel.core.kinds.registry import KINDS
from nextlabel.core.kinds.requests import MAX_ADD, HeadName, JobRequest
from nextlabel.core.methods.registry import METHODS, describe
from nextlabel.core.settings import Settings

router = APIRouter(tags=["service"], responses=RESPONSES)
MEGABYTE = 1_000_000


class Ready(BaseModel):
    status: Literal["ready"]
    faults: list[str]
    warnings: list[str] = []


@router.get("/healthz")
async def healthz() -> dict[str, str]:
    """The API process answers."""
    return {"status": "ok"}


@router.get("/readyz", responses={200: {"model": Ready}})
async def readyz(services: Given) -> Response:
    """Redis can be written and keeps what it confirms, the disks have room, a worker was seen in the last ten seconds.

    `warnings` tell what is worth knowing and stops nothing.
    """
    faults = [*await in_thread(lambda: list(_faults(services))), *await _faults_of_disks(services)]
    if faults:
        return not_ready(faults)
    warnings = {"warnings": services.redis_watch.notes} if services.redis_watch.notes else {}
    return JSONResponse({"status": "ready", "faults": [], **warnings})


@router.get("/metrics", response_class=PlainTextResponse)
async def metrics(services: Given, _: Admin) -> Response:
    """Tell Prometheus what the service has done and does."""
    return Response(exposition(await in_thread(services.store.counts)), media_type=CONTENT_TYPE)


@router.get("/capabilities")
async def capabilities(services: Given, _: Reader) -> dict[str, Any]:
    """List what can be asked for here."""
    settings = services.settings
    return {
        "version": version("nextlabel"),
        "kinds": {name: _fields(kind.request) for name, kind in KINDS.items()},
        "questions": {
            name: {"title": kind.title, "question": kind.question, "tasks": kind.tasks, "stages": kind.stages}
            for name, kind in KINDS.items()
        },
        "tasks": list(dict.fromkeys(task for kind in KINDS.values() for task in kind.tasks)),
        "backbones": await services.files.run(str(settings.weights_dir), _backbones, settings),
        "backbones_also": "any timm model name",
        "methods": [describe(method) for method in METHODS.values()],
        "heads": list(get_args(HeadName)),
        "limits": {
            "add": MAX_ADD,
            "request_bytes": settings.max_request_bytes,
            "image_pixels": settings.max_image_pixels,
            "unreadable_fraction": settings.max_unreadable_fraction,
            "inline_result_bytes": settings.inline_result_bytes,
        },
        "data_roots": names_of(settings.data_roots),
    }


def _faults(services: Services) -> Iterator[str]:
    try:
        services.redis_watch.look()
        yield from services.redis_watch.faults
        services.store.check_writable()
        if not services.store.workers():
            yield "no worker was seen in the last 10 seconds; jobs are recorded and wait"
    except StoreUnavailable as error:
        yield error.detail


async def _faults_of_disks(services: Services) -> list[str]:
    settings = services.settings
    faults = []
    for folder in (settings.state_dir, settings.cache_dir):
        try:
            free = await services.disks.run(str(folder), _free_mb, folder)
        except FolderBusy:
            faults.append(f"the disk of {folder} does not answer")
        except OSError as error:  # a share that is gone
            faults.append(f"the disk of {folder} can't be asked for its room: {error.strerror}")
        else:
            if free < settings.min_free_disk_mb:
                faults.append(f"the disk of {folder} has {free} MB left; NEXTLABEL_MIN_FREE_DISK_MB asks for more")
    return faults


def _free_mb(folder: Path) -> int:
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    return shutil.disk_usage(existing).free // MEGABYTE


def _fields(request: type[JobRequest]) -> dict[str, Any]:
    schema = request.model_json_schema()
    required = {*schema.get("required", []), *request.needed}
    return {
        name: {
            "required": name in required,
            "description": field.get("description", ""),
            "default": field.get("default"),
        }
        for name, field in schema["properties"].items()
        if name != "kind"
    }


def _backbones(settings: Settings) -> list[dict[str, Any]]:
    return [
        {
            "name": spec.name,
            "timm_name": spec.timm_name,
            "summary": spec.summary,
            "weights_here": not spec.needs_weights or weights_in(spec, settings.weights_dir) is not None,
        }
        for spec in SHORT_NAMES.values()
    ]
