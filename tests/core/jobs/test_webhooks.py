import json
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from nextlabel.core.jobs.record import Job, JobState
from nextlabel.core.jobs.webhooks import message, message_id, signed_headers
from nextlabel.core.settings import Settings

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # the specification's example
SETTINGS = Settings(webhook_secret=SECRET)


# --- what it says ---------------------------------------------------------------------------------------------------


def ended(state=JobState.SUCCEEDED):
    at = datetime(2026, 1, 2, 3, 4, 5, 678_000, UTC)
    return Job(id="job_1", kind="f1", state=state, rev=9, created_at=at, finished_at=at, request={"backbone": "b0"})


@pytest.mark.parametrize("state", [state for state in JobState if state.is_final])
def test_a_message_says_which_job_ended_and_how(state):
    assert json.loads(message(ended(state))) == {
        "type": f"job.{state.value}",
        "timestamp": "2026-01-02T03:04:05.678Z",
        "data": {"id": "job_1", "kind": "f1", "state": state.value, "rev": 9, "url": "/jobs/job_1"},
    }


def test_the_signature_is_that_of_the_specifications_example():
    body = b'{"test": 2432232314}'
    headers = signed_headers(SETTINGS.webhook_key, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, body)
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_the_specifications_own_library_verifies_what_is_signed():
    body, now = message(ended()), int(datetime.now(UTC).timestamp())
    headers = signed_headers(SETTINGS.webhook_key, message_id(ended()), now, body)
    assert Webhook(SECRET).verify(body, headers) == json.loads(body)
    with pytest.raises(WebhookVerificationError):
        Webhook(SECRET).verify(body.replace(b"succeeded", b"failed"), headers)


@pytest.fixture
def verified():
    """The function that the docs offer to receivers."""
    page = Path(__file__).resolve().parents[3] / "docs" / "webhooks.md"
    (code,) = re.findall(r"```python\n(.*?)```", page.read_text(), re.DOTALL)
    names = {}
    exec(code, names)
    return names["verified"]


def test_the_lines_in_the_docs_verify_it_too_and_nothing_else(verified):
    body, now = message(ended()), int(datetime.now(UTC).timestamp())
    headers = signed_headers(SETTINGS.webhook_key, message_id(ended()), now, body)
    assert verified(body, headers, SECRET) == json.loads(body)
    for wrong in ({"webhook-id": "msg_2"}, {"webhook-timestamp": str(now + 1)}, {"webhook-timestamp": str(now - 400)}):
        with pytest.raises(ValueError, match=r"not signed|too old"):
            verified(body, headers | wrong, SECRET)
    with pytest.raises(ValueError, match="not signed with our secret"):
        verified(body + b" ", headers, SECRET)
