"""The composition root: `create_app` puts settings, store, queue and routes together."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version

from fastapi import Depends, FastAPI

from nextlabel.api import document, errors
from nextlabel.api.answers import AnswerHeaders
from nextlabel.api.auth import Authentication
from nextlabel.api.browsers import PageGuard
from nextlabel.api.head import HeadAsGet
from nextlabel.api.limits import BodyLimit
from nextlabel.api.parameters import refuse_parameters
from nextlabel.api.routes import (
    boxes,
    classes,
    docs,
    export,
    first_version,
    folders,
    hand_outs,
    health,
    images,
    jobs,
    label_studio,
    labels,
    notes,
    paces,
    page,
    pool,
    projects,
    report,
    validation,
)
from nextlabel.api.services import Services
from nextlabel.core.keys import host_of
from nextlabel.core.settings import Settings

DESCRIPTION = """Tells people who label images **which images to label next, and when to stop**.

Submit a job with `POST /jobs`, look at it with `GET /jobs/{id}?wait=30`, fetch `GET /jobs/{id}/result`.
202 means that the job is recorded: it ends exactly once, as succeeded, failed or cancelled.
"""
#: Calls that refuse what they don't take; and those that others make as they like: scripts as old as the first
#: version, Label Studio, and probes, which add arguments of their own.
OURS = (
    jobs,
    folders,
    images,
    labels,
    boxes,
    classes,
    notes,
    validation,
    hand_outs,
    paces,
    pool,
    projects,
    report,
    export,
)
OF_OTHERS = (first_version, label_studio, health)


def create_app(settings: Settings | None = None, host: str = "127.0.0.1", services: Services | None = None) -> FastAPI:
    """Make the application, of services that are made already where they are given.

    `host` is the address that it will listen at. Raises Misconfigured.
    """
    services = services or Services.of(settings or Settings())

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        app.state.services = services
        await services.watcher.start()
        over_redis = asyncio.create_task(services.watch_over_redis())
        yield
        over_redis.cancel()
        await services.watcher.stop()
        services.close()

    app = FastAPI(
        title="nextlabel",
        version=version("nextlabel"),
        description=DESCRIPTION,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,  # its redirect names our own host; errors.py has one that works behind a prefix
        servers=[{"url": "."}],  # the folder that this document is in
    )
    _guard(app, services, host)
    errors.install(app)
    for routes in OURS:
        app.include_router(routes.router, dependencies=[Depends(refuse_parameters)])
    for routes in OF_OTHERS:
        app.include_router(routes.router)
    page.install(app)
    docs.install(app)
    document.install(app, errors.PROBLEM)
    return app


def _guard(app: FastAPI, services: Services, host: str) -> None:
    """Add the middleware. What is added last stands outermost, and so sees a request first."""
    settings = services.settings
    more = {label_studio.PREFIX: settings.max_label_studio_request_bytes}
    app.add_middleware(BodyLimit, most_bytes=settings.max_request_bytes, more=more)
    app.add_middleware(Authentication, keys=services.keys)
    if services.keys is None:
        hosts = frozenset({host, host_of(settings.published_at or "")})
        app.add_middleware(PageGuard, any_host=settings.auth == "off", hosts=hosts)
    app.add_middleware(AnswerHeaders)
    app.add_middleware(HeadAsGet)
