from ipaddress import IPv4Address, IPv4Network, IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nextlabel.core.errors import WebhookNotAllowed
from nextlabel.core.settings import Settings
from nextlabel.core.webhook_urls import allowed_url, host_of, is_public

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
    "192.168.0.0/16", "198.18.0.0/15", "224.0.0.0/4", "240.0.0.0/4", "192.0.0.0/24", "168.63.129.16/32",
    "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24", "192.175.48.0/24", "198.51.100.0/24", "203.0.113.0/24",
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


@pytest.mark.parametrize("address", [
    "::", "::1", "fc00::1", "fd00:ec2::254", "fe80::1%eth0", "fec0::1", "ff0e::1", "100::1", "5f00::1", "64:ff9b:1::1",
    "2001:1::1", "2001:2::1", "2001:10::1", "2001:20::1", "2001:db8::1", "2620:4f:8000::1", "3ffe::1", "3fff::1",
])  # fmt: skip
def test_no_other_address_of_one_network_is_public(address):
    assert not is_public(address)


@given(st.ip_addresses())
def test_what_python_takes_for_private_is_not_public_either(address):
    if not address.is_global or address.is_multicast:
        assert not is_public(str(address))


@pytest.mark.parametrize("address", ["1.1.1.1", "168.63.129.15", "192.0.1.1", "223.255.255.255", "2600::1"])
def test_an_address_of_the_internet_is_public(address):
    assert is_public(address)


@pytest.mark.parametrize("address", ["1.1.1.1", "172.15.0.1", "172.32.0.1", "2606:4700::1111"])
def test_addresses_of_the_internet_are_public(address):
    assert is_public(address)


def test_a_host_is_named_without_the_brackets_of_ipv6():
    assert host_of(allowed_url("https://[2001:4860::1]:8443/", SETTINGS)) == "2001:4860::1"
