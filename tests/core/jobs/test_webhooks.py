import json
import re
from datetime import UTC, datetime
from ipaddress import IPv4Address, IPv4Network, IPv6Address
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook, WebhookVerificationError

from nextlabel.core.errors import WebhookNotAllowed
from nextlabel.core.jobs.record import Job, JobState
from nextlabel.core.jobs.webhooks import allowed_url, host_of, is_public, message, message_id, signed_headers
from nextlabel.core.settings import Settings

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # the specification's example
SETTINGS = Settings(webhook_secret=SECRET)
LENIENT = Settings(webhook_secret=SECRET, webhook_allow_private=True)


# --- where it may go ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("url", ["https://hooks.example/job?team=7", "https://8.8.8.8:8443", "https://[2001:4860::1]/"])
def test_an_https_url_of_a_public_host_is_allowed(url):
    assert allowed_url(url, SETTINGS).scheme == "https"


@pytest.mark.parametrize(
    ("url", "remedy"),
    [
        ("http://hooks.example/", "use https, or set NEXTLABEL_WEBHOOK_ALLOW_PRIVATE"),
        ("ftp://hooks.example/", "must be an https URL"),
        ("mailto:ada@hooks.example", "must be an https URL"),
        ("/jobs", "give one like https://host/path"),
        ("https://", "empty host; give one like https://host/path"),
        ("https://ada:secret@hooks.example/", "leave name and password out"),
        ("https://ada@hooks.example/", "leave name and password out"),
        ("https://127.0.0.1/", "127.0.0.1 is not a public address; name a public host"),
        ("https://10.1.2.3/", "is not a public address"),
        ("https://169.254.169.254/latest/meta-data", "is not a public address"),
        ("https://[::1]/", "::1 is not a public address"),
        ("https://[fe80::1]/", "is not a public address"),
        ("https://[::ffff:10.0.0.1]/", "is not a public address"),
        ("https://localhost/", "is not a public address"),
        ("https://app.localhost./", "is not a public address"),
        ("https://0x7f.1/", "127.0.0.1 is not a public address"),  # as every resolver reads them
        ("https://2130706433/", "127.0.0.1 is not a public address"),
    ],
)
def test_any_other_url_is_refused_with_what_to_do_about_it(url, remedy):
    with pytest.raises(WebhookNotAllowed, match=remedy):
        allowed_url(url, SETTINGS)


@pytest.mark.parametrize(
    "url", ["http://hooks.example/", "http://127.0.0.1:9000/", "https://10.1.2.3/", "http://[::1]/"]
)
def test_where_private_addresses_are_allowed_so_is_plain_http(url):
    assert str(allowed_url(url, LENIENT)) == url


@pytest.mark.parametrize("url", ["ftp://10.1.2.3/", "https://ada:secret@10.1.2.3/"])
def test_where_private_addresses_are_allowed_the_rest_is_refused_all_the_same(url):
    with pytest.raises(WebhookNotAllowed):
        allowed_url(url, LENIENT)


def test_without_a_secret_no_url_is_allowed():
    with pytest.raises(WebhookNotAllowed, match="NEXTLABEL_WEBHOOK_SECRET is to be set"):
        allowed_url("https://hooks.example/", Settings())


def test_a_refusal_does_not_repeat_the_password():
    with pytest.raises(WebhookNotAllowed) as refused:
        allowed_url("https://ada:secret@10.0.0.1/?token=secret", SETTINGS)
    assert "secret" not in refused.value.detail.replace("SECRET", "")


# --- public addresses -----------------------------------------------------------------------------------------------

PRIVATE = [
    "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.2.0/24",
    "192.168.0.0/16", "198.18.0.0/15", "224.0.0.0/4", "240.0.0.0/4",
]  # fmt: skip


@st.composite
def private_addresses(draw):
    network = IPv4Network(draw(st.sampled_from(PRIVATE)))
    return IPv4Address(draw(st.integers(int(network[0]), int(network[-1]))))


@given(private_addresses())
def test_no_private_address_is_public_nor_is_it_when_packed_into_ipv6(address):
    mapped, compatible, nat64 = (IPv6Address(int(address) + (start << 32)) for start in (0xFFFF, 0, 0x64FF9B << 64))
    six_to_four = IPv6Address((0x2002 << 112) + (int(address) << 80))
    teredo = IPv6Address((0x20010000 << 96) + (int(address) ^ 0xFFFFFFFF))
    assert not any(is_public(str(one)) for one in (address, mapped, compatible, nat64, six_to_four, teredo))


@pytest.mark.parametrize("address", ["::", "::1", "fc00::1", "fd00:ec2::254", "fe80::1%eth0", "fec0::1", "ff0e::1"])
def test_no_other_address_of_one_network_is_public(address):
    assert not is_public(address)


@pytest.mark.parametrize("address", ["1.1.1.1", "172.15.0.1", "172.32.0.1", "2606:4700::1111"])
def test_addresses_of_the_internet_are_public(address):
    assert is_public(address)


def test_a_host_is_named_without_the_brackets_of_ipv6():
    assert host_of(allowed_url("https://[2001:4860::1]:8443/", SETTINGS)) == "2001:4860::1"


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
