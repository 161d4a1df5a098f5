"""`python -m nextlabel.api`: the API alone, in the foreground."""

from __future__ import annotations

import argparse

import uvicorn

from nextlabel.api.app import create_app
from nextlabel.api.services import Services
from nextlabel.core.errors import Misconfigured
from nextlabel.core.keys import check_access
from nextlabel.core.logs import configure_logs, get_logger
from nextlabel.core.settings import Settings

log = get_logger("api")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m nextlabel.api", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=5000)
    arguments = parser.parse_args()
    settings = Settings()
    configure_logs(settings.log_level, as_json=settings.log_json)
    try:
        check_access(settings, arguments.host)
        services = Services.of(settings)
        services.redis_watch.require(settings.redis_url)
        app = create_app(settings, arguments.host, services)
    except Misconfigured as error:
        raise SystemExit(f"nextlabel: {error.detail}") from None
    if settings.auth == "off":
        log.warning("NEXTLABEL_AUTH=off: whoever reaches the API may use it", host=arguments.host)
    uvicorn.run(
        app,
        host=arguments.host,
        port=arguments.port,
        http="h11",  # which takes 64 KiB of headers at most; the other has no limit
        ws="none",
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=5,
    )


if __name__ == "__main__":
    main()
