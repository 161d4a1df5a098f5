"""POST to a real server, over real sockets and real TLS."""

import ssl
import subprocess
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from pydantic_core import Url

from nextlabel.worker.outgoing import NoReply, Reply, addresses_of, post
from tests.receiver import after, dripping, endless, receiving, status

OK = status(204)
LOOPBACK = ["127.0.0.1"]


@pytest.fixture(scope="session")
def certificate(tmp_path_factory):
    """For hooks.example, and trusted by who knows it."""
    folder = tmp_path_factory.mktemp("tls")
    key, cert = folder / "key.pem", folder / "cert.pem"
    made = ["-keyout", str(key), "-out", str(cert), "-days", "2", "-subj", "/CN=x"]
    names = ["-addext", "subjectAltName=DNS:hooks.example"]
    kind = ["-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    subprocess.run(["openssl", "req", *kind, *made, *names], check=True, capture_output=True)
    return cert, key


@pytest.fixture
def trust(certificate):
    return ssl.create_default_context(cafile=certificate[0])


@pytest.fixture
def tls(certificate):
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(*certificate)
    return server


def send(url, *, addresses=LOOPBACK, trust=None, within_s=5.0, body=b"{}"):
    trust = trust or ssl.create_default_context()
    return post(Url(url), body, {"X-A": "b"}, addresses=addresses, trust=trust, within_s=within_s)


def test_body_and_headers_arrive():
    with receiving() as receiver:
        assert send(f"{receiver.url}?a=b&c=%20#d", body=b"hello") == Reply(204)
    ((path, headers, body),) = receiver.received
    assert (path, body, headers["x-a"]) == ("/hook?a=b&c=%20", b"hello", "b")


def test_an_address_that_does_not_answer_is_passed_over_for_the_next():
    with receiving() as receiver:
        assert send(receiver.url, addresses=["127.0.0.2", "::1", "127.0.0.1"]) == Reply(204)


def test_an_address_that_takes_the_call_has_all_the_time_that_is_left():
    with receiving(after(0.6, OK)) as receiver:
        assert send(receiver.url, addresses=LOOPBACK * 2, within_s=1) == Reply(204)


def test_a_name_without_an_address_gets_no_answer():
    with pytest.raises(NoReply, match="the name has no address"):
        send("http://hooks.example/", addresses=[])


def test_a_name_that_does_not_exist_has_no_addresses():
    for name in ("hooks.invalid", "a..b", ".example", "a" * 64 + ".example"):
        with pytest.raises(NoReply, match="the name can't be resolved"):
            addresses_of(name, 443)


def test_an_address_is_its_own_address():
    assert addresses_of("192.0.2.7", 443) == ["192.0.2.7"]
    assert addresses_of("2001:db8::7", 443) == ["2001:db8::7"]


# --- time and size --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "reply",
    [
        after(60, OK),
        dripping(b"HTTP/1.1 204 No Content", 0.05),
        dripping(b"X-A: b", 0.05, at_once=b"HTTP/1.1 204 No Content\r\n"),
    ],
    ids=["silent", "dripping", "dripping headers"],
)
def test_an_answer_that_does_not_come_in_time_is_none(reply):
    with receiving(reply) as receiver:
        begun = time.monotonic()
        with pytest.raises(NoReply, match=r"no answer within 0\.3 s"):
            send(receiver.url, within_s=0.3)
        assert time.monotonic() - begun > 0.25


def test_over_tls_time_runs_out_likewise(tls, trust):
    drip = dripping(b"HTTP/1.1 204 No Content\r\nX-A: b", 0.05)
    with receiving(drip, tls=tls) as receiver, pytest.raises(NoReply, match=r"no answer within 0\.4 s"):
        send(f"https://hooks.example:{receiver.port}/", trust=trust, within_s=0.4)


def test_a_body_that_drips_on_does_not_change_the_answer_nor_outlast_the_time():
    with receiving(dripping(b"x", 0.02, at_once=b"HTTP/1.1 200 OK\r\n\r\n")) as receiver:
        assert send(receiver.url, within_s=0.4) == Reply(200)  # though the body never ends


def test_of_a_huge_answer_only_the_beginning_is_taken():
    taken: list[int] = []
    with receiving(endless(taken)) as receiver:
        assert send(receiver.url) == Reply(200)
    assert sum(taken) < 32_000_000  # what socket buffers hold beyond our 64 KiB


@pytest.mark.parametrize("garbage", [b"SSH-2.0-OpenSSH\r\n", b"", b"HTTP/1.1 twenty OK\r\n\r\n", b"\x16\x03\x01\0"])
def test_what_is_no_http_is_no_answer(garbage):
    with receiving(lambda handler: handler.wfile.write(garbage)) as receiver, pytest.raises(NoReply):
        send(receiver.url)


# --- TLS ------------------------------------------------------------------------------------------------------------


def test_the_certificate_is_held_against_the_name_though_the_call_goes_to_an_address(tls, trust):
    asked = []
    tls.sni_callback = lambda _, name, __: asked.append(name)
    with receiving(tls=tls) as receiver:
        assert send(f"https://hooks.example:{receiver.port}/", trust=trust) == Reply(204)
    assert asked == ["hooks.example"]
    assert receiver.received[0][1]["host"] == f"hooks.example:{receiver.port}"


def test_a_certificate_of_another_name_is_no_answer(tls, trust):
    with receiving(tls=tls) as receiver, pytest.raises(NoReply, match="Hostname mismatch"):
        send(f"https://other.example:{receiver.port}/", trust=trust)
    assert receiver.received == []


def test_a_certificate_of_nobody_we_know_is_no_answer(tls):
    with receiving(tls=tls) as receiver, pytest.raises(NoReply, match="self-signed certificate"):
        send(f"https://hooks.example:{receiver.port}/")
    assert receiver.received == []


# --- Retry-After ----------------------------------------------------------------------------------------------------


def test_a_wish_to_wait_is_read_as_seconds_or_as_a_date():
    with receiving(status(503, Retry_After="120")) as receiver:
        assert send(receiver.url) == Reply(503, 120)
    later = format_datetime(datetime.now(UTC) + timedelta(seconds=60), usegmt=True)
    with receiving(status(429, Retry_After=later)) as receiver:
        assert 50 < send(receiver.url).retry_after_s <= 60


@pytest.mark.parametrize(
    "text", ["", "soon", "-5", "1.5", "Sun, 06 Nov 1994 08:49:37 GMT", "Thu, 01 Jan 2099 00:00:00"]
)
def test_any_other_wish_is_none(text):
    with receiving(status(503, Retry_After=text)) as receiver:
        assert send(receiver.url) == Reply(503, 0)
