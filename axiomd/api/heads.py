"""The head of a request, before anything else is looked at: its size, and whom it is meant for.

hypercorn bounds what is still incomplete; a whole head that came in one piece is judged here.
"""

import ipaddress
from collections.abc import Sequence

from axiomd.api.exchange import Scope
from axiomd.errors import HeadTooLarge, Malformed, Misdirected, TargetTooLong
from axiomd.limits import HEAD_BYTES_MAX, HEADERS_MAX, TARGET_BYTES_MAX

_VERSIONS = ("1.0", "1.1")


def check_head(scope: Scope, names: Sequence[str]) -> None:
    """Raises what is wrong with the head of a request, as ASGI.

    names: of hosts that are answered for; all of them if there are none.
    """
    if scope["http_version"] not in _VERSIONS:
        raise Malformed(f"axiomd speaks HTTP/1.1, not {scope['http_version']}.")
    target = len(scope["raw_path"]) + len(scope["query_string"])
    if target > TARGET_BYTES_MAX:
        raise TargetTooLong(f"The path and query of a request are over {TARGET_BYTES_MAX} bytes.")
    headers = scope["headers"]
    if len(headers) > HEADERS_MAX:
        raise HeadTooLarge(f"The request has more than {HEADERS_MAX} headers.")
    if sum(len(name) + len(value) for name, value in headers) > HEAD_BYTES_MAX:
        raise HeadTooLarge(f"The headers of the request are over {HEAD_BYTES_MAX} bytes.")
    if names:
        _check_host(headers, names)


def _check_host(headers: Sequence[tuple[bytes, bytes]], names: Sequence[str]) -> None:
    given = next((value for name, value in headers if name == b"host"), b"").decode("latin-1")
    name = host_name(given)
    if not is_ours(name, names):
        raise Misdirected(f"This box does not answer for {name!r}; see the setting server.names.")


def host_name(header: str) -> str:
    """The name in a Host header: without port, brackets and a dot at the end, in small letters."""
    bare = header.strip().lower()
    bare = bare[1:].partition("]")[0] if bare.startswith("[") else bare.partition(":")[0]
    return bare.removesuffix(".")


def is_ours(name: str, names: Sequence[str]) -> bool:
    """Whether a host is one of ours. Addresses are: only a name can be made to lead here."""
    if name == "localhost" or name in (known.lower() for known in names):
        return True
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
