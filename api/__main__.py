"""`python -m api`: the API alone, in the foreground."""

from __future__ import annotations

import argparse

import uvicorn

from api.app import create_app
from core.logs import configure_logs
from core.settings import Settings


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m api", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=5000)
    arguments = parser.parse_args()
    settings = Settings()
    configure_logs(settings.log_level, as_json=settings.log_json)
    uvicorn.run(
        create_app(settings),
        host=arguments.host,
        port=arguments.port,
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=5,
    )


if __name__ == "__main__":
    main()
