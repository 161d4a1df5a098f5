"""Send images for people to look at."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial
from typing import Annotated

from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, Field

from nextlabel.api.auth import Viewer
from nextlabel.api.errors import RESPONSES
from nextlabel.api.etags import KnownEtags
from nextlabel.api.services import Given, Services
from nextlabel.core.data.images import Dear
from nextlabel.core.data.thumbnails import ImageIn, Side, image_in

router = APIRouter(tags=["data"], responses=RESPONSES)
JPEG = "image/jpeg"
ETAG = {"ETag": {"description": "Changes with the image.", "required": True, "schema": {"type": "string"}}}

DEAR_AT_ONCE = 2  # each may take what NEXTLABEL_DECODE_S and NEXTLABEL_DECODE_MEMORY_MB allow

_decoding_dear = CapacityLimiter(DEAR_AT_ONCE)
_being_made: dict[str, asyncio.Future[bytes]] = {}  # of those that are dear, by key: asked for again, it is made once


class ImageQuery(BaseModel):
    path_to_img: str = Field(min_length=1, max_length=4096)
    name: str = Field(min_length=1, max_length=4096, description="As it is in the pool.")
    side: Side = Field(Side.MEDIUM, description="Pixels that the longer side has at most.")


@router.get(
    "/images",
    response_class=Response,
    responses={
        200: {"content": {JPEG: {"schema": {"type": "string", "format": "binary"}}}, "headers": ETAG},
        304: {"description": "Not changed", "headers": ETAG},
    },
)
async def image(services: Given, _: Viewer, which: Annotated[ImageQuery, Query()], known: KnownEtags) -> Response:
    """Send one image of a pool as a JPEG, upright, never larger than it is."""
    folders = (which.path_to_img, str(services.settings.thumbnails_dir))
    original, key, data = await services.files.run(folders, _find, which, services, known)
    headers = {"ETag": _etag(key), "Cache-Control": "private, max-age=300", "Vary": "Authorization"}
    if headers["ETag"] in known:
        return Response(status_code=304, headers=headers)
    if data is None:
        data = await _make(services, original, which, key)
    return Response(data, headers=headers, media_type=JPEG)


async def _make(services: Services, original: ImageIn, which: ImageQuery, key: str) -> bytes:
    """Make a thumbnail; those that may be dear by themselves, so that nobody else waits for them."""
    thumbnails = services.thumbnails
    try:
        return await services.decoding.run(which.path_to_img, thumbnails.make, original, which.side, key)
    except Dear:
        making = _being_made.get(key)
        if making is None:
            dear = to_thread.run_sync(thumbnails.make_dear, original, which.side, key, limiter=_decoding_dear)
            making = _being_made[key] = asyncio.ensure_future(dear)
            making.add_done_callback(partial(_forget, key))
        return await asyncio.shield(making)


def _forget(key: str, made: asyncio.Future[bytes]) -> None:
    del _being_made[key]
    if not made.cancelled():
        made.exception()  # is seen, also where nobody waits for it any more


def _etag(key: str) -> str:
    return f'"{key}"'


def _find(which: ImageQuery, services: Services, known: Sequence[str]) -> tuple[ImageIn, str, bytes | None]:
    """Find an image; return it, the key of its thumbnail, and that, if it was made before and isn't known."""
    original = image_in(which.path_to_img, which.name, services.settings.data_roots)
    key = services.thumbnails.key(original, which.side)
    return original, key, None if _etag(key) in known else services.thumbnails.find(key)
