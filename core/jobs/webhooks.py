"""What a webhook says and how it is signed, after the Standard Webhooks specification."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from standardwebhooks import Webhook

from nextlabel.core.jobs.record import Job


def message_id(job: Job) -> str:
    """The same at each attempt: by it a receiver knows a message that came before."""
    return f"msg_{job.id}_{job.rev}"


def message(job: Job) -> bytes:
    """Of a job that has ended: the same bytes at each attempt."""
    assert job.finished_at is not None
    said = {
        "type": f"job.{job.state}",
        "timestamp": job.finished_at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "data": {"id": job.id, "kind": job.kind, "state": job.state, "rev": job.rev, "url": f"/jobs/{job.id}"},
    }
    return json.dumps(said).encode()


def signed_headers(key: bytes, message_id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """`timestamp`: of this attempt, in seconds; receivers refuse what is older than a few minutes."""
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": Webhook(key).sign(message_id, datetime.fromtimestamp(timestamp, UTC), body.decode()),
    }
