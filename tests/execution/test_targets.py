"""Where a webhook may lead."""

import pytest

from axiomd.execution.targets import Target, address_fault, lane_of, target_problems
from axiomd.limits import WEBHOOK_HEADERS_MAX, WEBHOOK_URL_CHARACTERS_MAX

INWARD = [
    "127.0.0.1",
    "127.8.8.8",
    "0.0.0.0",
    "10.0.0.1",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "100.127.255.255",
    "192.0.0.8",
    "192.0.2.1",
    "198.18.0.1",
    "224.0.0.1",
    "239.255.255.250",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "fe80::1",
    "fe80::1%eth0",
    "fc00::1",
    "fd12:3456::1",
    "fec0::1",
    "ff02::1",
    "ff0e::1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::ffff:169.254.169.254",
    "::127.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b::a00:1",
    "64:ff9b:1::1",
    "2002:7f00:1::",
    "2002:c0a8:101::",
    "2001::1",
    "2001:db8::1",
]
PUBLIC = [
    "1.1.1.1",
    "8.8.8.8",
    "172.32.0.1",
    "100.128.0.1",
    "2606:4700::1111",
    "::ffff:8.8.8.8",
    "64:ff9b::808:808",
    "2002:808:808::1",
]


@pytest.mark.parametrize("address", INWARD)
def test_an_inward_address_is_refused_in_words(address):
    words = address_fault(address)
    assert words is not None
    assert words.endswith("address, which the settings do not allow")


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_is_taken(address):
    assert address_fault(address) is None


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("", "must be a URL"),
        ("hooks.example", "must be a URL"),
        ("ftp://hooks.example/", "must be a URL"),
        ("file:///etc/passwd", "must be a URL"),
        ("https://", "must be a URL"),
        ("https://hooks.example:0/", "must be a URL"),
        ("https://hooks.example:99999/", "must be a URL"),
        ("https://hooks.example/a b", "must be a URL"),
        ("https://hooks.example/\r\nX: y", "must be a URL"),
        ("https://hööks.example/", "must be a URL"),
        ("https://ada:secret@hooks.example/", "user or a password"),
        (f"https://hooks.example/{'x' * WEBHOOK_URL_CHARACTERS_MAX}", "more than 2048"),
        ("http://127.0.0.1:8700/", "a loopback address"),
        ("http://[::1]/", "a loopback address"),
        ("http://[::ffff:10.0.0.1]/", "a private address"),
        ("http://localhost/", "a loopback address"),
        ("http://a.localhost/", "a loopback address"),
        ("http://127.1/", "a loopback address"),
        ("http://2130706433/", "a loopback address"),
        ("http://0x7f000001/", "a loopback address"),
        ("http://0177.0.0.1/", "a loopback address"),
        ("http://169.254.169.254/latest/meta-data", "a link-local address"),
        ("http://0.0.0.0/", "an unspecified address"),
    ],
)
def test_a_url_that_leads_nowhere_it_may_is_refused(url, words):
    (problem,) = target_problems(url, {}, "webhook", allow_private=False)
    assert problem.path == "webhook.url"
    assert words in problem.message


@pytest.mark.parametrize(
    "url", ["https://hooks.example/a?b=c", "http://hooks.example:8080", "https://1.1.1.1/x"]
)
def test_a_url_that_may_be_public_is_taken(url):
    assert target_problems(url, {"Authorization": "Bearer x"}, "", allow_private=False) == []


def test_settings_can_allow_what_is_inward():
    assert target_problems("http://127.0.0.1:1/", {}, "", allow_private=True) == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Host", "other.example"),
        ("content-length", "1"),
        ("Content-Type", "text/plain"),
        ("Transfer-Encoding", "chunked"),
        ("Connection", "close"),
        ("Proxy-Authorization", "x"),
        ("Webhook-Id", "mine"),
        ("webhook-signature", "v1,x"),
        ("", "x"),
        ("Bad Name", "x"),
        ("X-A\r\nX-B", "x"),
        ("X-A", "x\r\nX-B: y"),
        ("X-A", "ü"),
        ("X-A", "\x00"),
    ],
)
def test_a_header_that_is_not_the_tenants_to_set_is_refused(name, value):
    problems = target_problems("https://a.example", {name: value}, "webhook", allow_private=False)
    assert problems
    assert {problem.path for problem in problems} == {f"webhook.headers.{name}"}


def test_headers_are_bounded_in_number_and_bytes():
    many = {f"X-{number}": "" for number in range(WEBHOOK_HEADERS_MAX + 1)}
    for headers in (many, {"X-A": "x" * 5000}):
        (problem,) = target_problems("https://a.example", headers, "", allow_private=False)
        assert problem.path == "headers"
        assert "is the most" in problem.message


def test_an_origin_shows_nothing_that_may_be_secret():
    target = Target("https://Hooks.example:8443/T0/secret?key=1", (("Authorization", "Bearer s"),))
    assert target.origin == "https://hooks.example:8443"
    assert "secret" not in repr(target)
    assert "Bearer" not in repr(target)


def test_lanes_part_tenants_and_receivers():
    lanes = {lane_of(tenant, origin) for tenant in "ab" for origin in ("http://x", "http://y")}
    assert len(lanes) == 4
