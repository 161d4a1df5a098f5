"""Structured logs, a line each: text for people or JSON for machines. What is bound (`job_id`) stands in every line."""

from __future__ import annotations

import logging
import sys

import structlog

bound = structlog.contextvars.bound_contextvars


def configure_logs(level: str, *, as_json: bool) -> None:
    """Sends structlog and the standard library's loggers (Celery, uvicorn) through one formatter to stderr."""
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


def get_logger(name: str) -> structlog.stdlib.BoundLogger:
    logger: structlog.stdlib.BoundLogger = structlog.get_logger(name)
    return logger


def _rendering(as_json: bool) -> list[structlog.typing.Processor]:
    drop_meta = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    if as_json:
        return [drop_meta, structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    return [drop_meta, structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())]
