"""Send images for people to look at."""

from __future__ import annotations

import os
import re
from functools import partial
from typing import Annotated

from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter, Header, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from nextlabel.api.auth import Viewer
from nextlabel.api.errors import RESPONSES
from nextlabel.api.services import Given, Services
from nextlabel.core.data.thumbnails import ImageIn, Side, image_in

router = APIRouter(tags=["data"], responses=RESPONSES)
JPEG = "image/jpeg"
AT_ONCE = max(2, min(8, os.cpu_count() or 1))  # a large image takes its pixels' memory while it is decoded
ETAG = {"ETag": {"description": "Changes with the image.", "required": True, "schema": {"type": "string"}}}

_decoding = CapacityLimiter(AT_ONCE)


class ImageQuery(BaseModel):
    model_config = ConfigDict(extra="forbid")

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
async def image(
    services: Given,
    _: Viewer,
    which: Annotated[ImageQuery, Query()],
    if_none_match: Annotated[str | None, Header()] = None,
) -> Response:
    """Send one image of a pool as a JPEG, upright, never larger than it is."""
    thumbnails = services.thumbnails
    original, key = await services.files.run(which.path_to_img, _find, which, services)
    headers = {"ETag": f'"{key}"', "Cache-Control": "private, max-age=300", "Vary": "Authorization"}
    if f'"{key}"' in re.findall(r'"[^"]*"', if_none_match or ""):
        return Response(status_code=304, headers=headers)
    data = await services.files.run(str(services.settings.thumbnails_dir), thumbnails.find, key)
    if data is None:
        data = await to_thread.run_sync(partial(thumbnails.make, original, which.side, key), limiter=_decoding)
    return Response(data, headers=headers, media_type=JPEG)


def _find(which: ImageQuery, services: Services) -> tuple[ImageIn, str]:
    """Find an image; return it, and the key that its thumbnail is kept under."""
    original = image_in(which.path_to_img, which.name, services.settings.data_roots)
    return original, services.thumbnails.key(original, which.side)
