"""Serve the page: its files are the same for everybody, so no key is asked for. What it shows, it asks the API for.

It is built from `api/page` into `api/static`, which is in every wheel and image but not in the repository.
"""

from __future__ import annotations

import mimetypes
import os
import re
from pathlib import Path

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse
from starlette.datastructures import Headers
from starlette.responses import FileResponse, Response
from starlette.staticfiles import NotModifiedResponse, PathLike, StaticFiles
from starlette.types import Scope

STATIC = Path(__file__).resolve().parents[1] / "static"
#: Nothing from elsewhere, nothing inline, no frame around it, and no HTML made of text.
POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' blob:",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    )
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-cache",  # asked for anew after an upgrade; not sent anew if it is the same
    "Vary": "Accept-Encoding",
}
#: Of files whose names change with their content.
FOR_EVER = "public, max-age=31536000, immutable"
HASHED = re.compile(r"-[\w-]{8}\.\w+$")
#: What the build leaves beside a file, in the order of our liking: the ending and the encoding.
COMPRESSED = ((".br", "br"), (".gz", "gzip"))
MISSING = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>nextlabel</title>
<h1>The page is not built</h1>
<p>The service runs: everything can be done over HTTP (<a href="docs">docs</a>) and by <code>nextlabel</code>.
To have the page, too, run <code>make page</code> where the npm registry can be reached, and start the service again;
wheels and images bring the page along.</p>
</html>
"""


class _Files(StaticFiles):
    """The files of the page, each in the smallest form that the browser takes."""

    def file_response(
        self, full_path: PathLike, stat_result: os.stat_result, scope: Scope, status_code: int = 200
    ) -> Response:
        headers = Headers(scope=scope)
        file, encoding = _smallest(Path(full_path), headers)
        media_type, _ = mimetypes.guess_type(full_path)
        answer: Response = FileResponse(file, status_code, media_type=media_type, stat_result=file.stat())
        if self.is_not_modified(answer.headers, headers):
            answer = NotModifiedResponse(answer.headers)
        elif encoding:
            answer.headers["Content-Encoding"] = encoding
        answer.headers.update(HEADERS)
        if HASHED.search(str(full_path)):
            answer.headers["Cache-Control"] = FOR_EVER
        return answer


def install(app: FastAPI) -> None:
    there = is_built()
    files = _Files(directory=STATIC, check_dir=False)
    if there:
        app.mount("/page", _Files(directory=STATIC / "page"), "page")

    @app.get("/", include_in_schema=False)
    async def index(request: Request) -> Response:
        if not there:
            return HTMLResponse(MISSING, 503, headers=HEADERS)
        return await files.get_response("index.html", request.scope)


def is_built() -> bool:
    return (STATIC / "index.html").is_file()


def _smallest(file: Path, headers: Headers) -> tuple[Path, str | None]:
    """The file as it was compressed when the page was built, if the browser takes it so. -> (file, its encoding)"""
    accepted = {part.partition(";")[0].strip() for part in headers.get("Accept-Encoding", "").lower().split(",")}
    for ending, encoding in COMPRESSED:
        compressed = file.with_name(file.name + ending)
        if encoding in accepted and compressed.is_file():
            return compressed, encoding
    return file, None
