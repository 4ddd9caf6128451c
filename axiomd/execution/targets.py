"""Where a webhook may lead: its URL, its headers, and the addresses behind it.

Pure: names are resolved elsewhere, and each address that comes of it is judged here, with the
same words as one that stands in the URL itself.
"""

import hashlib
import ipaddress
import re
import socket
from collections.abc import Iterator, Mapping
from contextlib import suppress
from urllib.parse import SplitResult, urlsplit

import attrs

from axiomd.errors import Problem
from axiomd.limits import (
    WEBHOOK_HEADER_BYTES_MAX,
    WEBHOOK_HEADERS_MAX,
    WEBHOOK_URL_CHARACTERS_MAX,
)
from axiomd.strict import join

_LANE_BYTES = 8
_URL = re.compile(r"[!-~]+")
_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_HEADER_VALUE = re.compile(r"[\t -~]*")
_RESERVED_HEADERS = frozenset(
    {
        "connection",
        "content-encoding",
        "content-length",
        "content-type",
        "expect",
        "host",
        "keep-alive",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
"""Of the connection, and of the body: ours."""
_RESERVED_PREFIXES = ("webhook-", "proxy-")

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_INWARD = tuple(map(ipaddress.ip_network, ("192.0.0.0/24", "64:ff9b:1::/48")))
"""What is nobody's on the internet, beside what `ipaddress` knows."""
_KINDS = {
    "is_unspecified": "an unspecified",
    "is_loopback": "a loopback",
    "is_link_local": "a link-local",
    "is_multicast": "a multicast",
    "is_site_local": "a private",
    "is_private": "a private",
    "is_reserved": "a reserved",
}
"""What an address can be besides public, the most telling first."""


@attrs.frozen
class Target:
    """Where a tenant wants to be told something."""

    url: str = attrs.field(repr=False)
    headers: tuple[tuple[str, str], ...] = attrs.field(default=(), repr=False)
    """Sent along with every request; they may be secret."""

    @property
    def origin(self) -> str:
        """The URL without what may be secret in it: `https://hooks.example:8443`."""
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc}".lower()


def lane_of(tenant: str, origin: str) -> bytes:
    """What shares a turn: everything that one tenant tells one receiver."""
    return hashlib.sha256(f"{tenant}\0{origin}".encode()).digest()[:_LANE_BYTES]


def target_problems(
    url: str, headers: Mapping[str, str], root: str, *, allow_private: bool
) -> list[Problem]:
    """What is wrong with a target as somebody wrote it, with paths below `root`."""
    problems = [Problem(join(root, "url"), words) for words in _url_faults(url, allow_private)]
    place = join(root, "headers")
    if len(headers) > WEBHOOK_HEADERS_MAX:
        words = f"has {len(headers)} headers; {WEBHOOK_HEADERS_MAX} is the most"
        return [*problems, Problem(place, words)]
    size = sum(len(name) + len(value) for name, value in headers.items())
    if size > WEBHOOK_HEADER_BYTES_MAX:
        words = f"has {size} bytes; {WEBHOOK_HEADER_BYTES_MAX} is the most"
        return [*problems, Problem(place, words)]
    for name, value in headers.items():
        problems += [Problem(join(place, name), words) for words in _header_faults(name, value)]
    return problems


def _url_faults(url: str, allow_private: bool) -> Iterator[str]:
    """At most one fault of a URL."""
    if len(url) > WEBHOOK_URL_CHARACTERS_MAX:
        yield f"has more than {WEBHOOK_URL_CHARACTERS_MAX} characters"
        return
    parts = _split(url)
    if parts is None or parts.hostname is None:
        yield "must be a URL such as https://hooks.example/axiomd"
    elif parts.username is not None or parts.password is not None:
        yield "must not hold a user or a password; send an Authorization header"
    elif not allow_private:
        words = _name_fault(parts.hostname)
        if words is not None:
            yield words


def _split(url: str) -> SplitResult | None:
    """The parts of an http or https URL; None if it is none."""
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        return None
    return parts if usable and _URL.fullmatch(url) else None


def _name_fault(host: str) -> str | None:
    """Why a host need not be looked up to be refused; None if it has to be."""
    if host == "localhost" or host.endswith(".localhost"):
        return address_fault("127.0.0.1")
    with suppress(OSError):
        # Also 127.1 and 0x7f000001, as every resolver reads them.
        host = socket.inet_ntoa(socket.inet_aton(host))
    try:
        return address_fault(host)
    except ValueError:
        return None


def _header_faults(name: str, value: str) -> Iterator[str]:
    lower = name.lower()
    if not _HEADER_NAME.fullmatch(name):
        yield "is no name of a header"
    elif lower in _RESERVED_HEADERS or lower.startswith(_RESERVED_PREFIXES):
        yield "is set by axiomd itself"
    if not _HEADER_VALUE.fullmatch(value):
        yield "must be printable ASCII on one line"


def address_fault(text: str) -> str | None:
    """Why nothing is sent to an address, as a sentence fragment; None for a public one.

    Raises ValueError if `text` is no address.
    """
    address = ipaddress.ip_address(text.partition("%")[0])
    for one in _meant(address):
        if any(one in network for network in _INWARD):
            return f"{address} is a private address, which the settings do not allow"
        for name, words in _KINDS.items():
            if getattr(one, name, False):
                return f"{address} is {words} address, which the settings do not allow"
        if not one.is_global:
            return f"{address} is a shared address, which the settings do not allow"
    return None


def _meant(address: _Address) -> Iterator[_Address]:
    """The addresses that a packet to this one may come to: an IPv6 one may wrap an IPv4 one."""
    if isinstance(address, ipaddress.IPv4Address):
        yield address
        return
    inner = address.ipv4_mapped
    if inner is None and address in _NAT64:
        inner = ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
    if inner is not None:
        yield inner
        return
    yield address
    if address.sixtofour is not None:
        yield address.sixtofour
