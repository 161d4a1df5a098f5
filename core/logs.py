"""Structured logs, one line an event: text for people, or JSON for machines. Each line has what is bound (`job_id`)."""

from __future__ import annotations

import logging
import sys

import structlog

bound = structlog.contextvars.bound_contextvars


#: Libraries that log every step: they are heard from WARNING up, unless everything is wanted (DEBUG).
TALKATIVE = ("celery", "kombu", "timm", "uvicorn", "httpx", "multiprocessing", "huggingface_hub")


def configure_logs(level: str, *, as_json: bool) -> None:
    """Send structlog and the standard library's loggers (Celery, uvicorn) through one formatter to stderr."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.ExtraAdder()], processors=_rendering(as_json)
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for name in TALKATIVE:
        logging.getLogger(name).setLevel(level if level == "DEBUG" else logging.WARNING)


def get_logger(name: str) -> structlog.stdlib.BoundLogger:
    logger: structlog.stdlib.BoundLogger = structlog.get_logger(name)
    return logger


def _rendering(as_json: bool) -> list[structlog.typing.Processor]:
    drop_meta = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    if as_json:
        return [drop_meta, structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    # Plain tracebacks: the fancy ones print local variables, and a password may be among them.
    plain = structlog.dev.plain_traceback
    return [drop_meta, structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=plain)]
