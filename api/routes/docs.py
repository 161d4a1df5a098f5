"""Serve the interactive documentation: Swagger UI from its files, nothing from another host.

All its addresses are relative, so it works behind a proxy that serves it under a prefix, too.
"""

from __future__ import annotations

import re
from base64 import b64encode
from hashlib import sha256

from fastapi import FastAPI
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import HTMLResponse
from starlette.staticfiles import StaticFiles

FILES = "static-offline-docs"


def install(app: FastAPI) -> None:
    app.mount(f"/{FILES}", StaticFiles(packages=[("fastapi_offline", "static")]), FILES)
    page = get_swagger_ui_html(
        openapi_url="openapi.json",
        title=f"{app.title}: the interface",
        swagger_js_url=f"{FILES}/swagger-ui-bundle.js",
        swagger_css_url=f"{FILES}/swagger-ui.css",
        swagger_favicon_url=f"{FILES}/favicon.png",
    )
    html = bytes(page.body).decode()
    headers = {"Content-Security-Policy": _policy(html)}

    @app.get("/docs", include_in_schema=False)
    async def docs() -> HTMLResponse:
        return HTMLResponse(html, headers=headers)


def _policy(html: str) -> str:
    """Allow the page's own script and no other, and no frame around it: a click in it can make a job."""
    script = re.search(r"<script>(.*?)</script>", html, re.DOTALL)
    digest = b64encode(sha256(script[1].encode()).digest()).decode() if script else ""
    return "; ".join(
        (
            "default-src 'none'",
            f"script-src 'self' 'sha256-{digest}'",
            "style-src 'self' 'unsafe-inline'",
            "img-src 'self' data:",
            "connect-src 'self'",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
        )
    )
