"""The head of a request: how large it may be, whom it is meant for, and what every answer says."""

import socket

import httpx
import pytest
from system.box import running

from axiomd.api.exchange import SAFETY
from axiomd.api.heads import check_head, host_name, is_ours
from axiomd.errors import HeadTooLarge, Malformed, Misdirected, TargetTooLong
from axiomd.limits import HEAD_BYTES_MAX, HEADERS_MAX, TARGET_BYTES_MAX


def scope(**changes):
    plain = {"http_version": "1.1", "raw_path": b"/", "query_string": b"", "headers": []}
    return plain | changes


def exchanged(box, sent: bytes) -> bytes:
    """Everything that the box answers to these bytes, until it closes."""
    with socket.create_connection(("127.0.0.1", box.port), timeout=20) as client:
        client.sendall(sent)
        received = b""
        while piece := client.recv(65_536):
            received += piece
    return received


@pytest.mark.parametrize(
    ("changes", "refusal"),
    [
        ({"http_version": "2.0"}, Malformed),
        ({"raw_path": b"/" * TARGET_BYTES_MAX, "query_string": b"x"}, TargetTooLong),
        ({"headers": [(b"a", b"b")] * (HEADERS_MAX + 1)}, HeadTooLarge),
        ({"headers": [(b"a", b"b" * HEAD_BYTES_MAX)]}, HeadTooLarge),
    ],
)
def test_a_head_over_a_limit_is_refused(changes, refusal):
    with pytest.raises(refusal):
        check_head(scope(**changes), ())


def test_a_head_at_the_limits_is_taken():
    headers = [(b"a", b"b")] * HEADERS_MAX
    check_head(scope(raw_path=b"/" * TARGET_BYTES_MAX, headers=headers), ())


def test_limits_of_heads_reach_the_client(user, refused):
    refused(user.http.get("/healthz", params={"x": "y" * TARGET_BYTES_MAX}), 414, "TARGET_TOO_LONG")
    many = {f"x-{number}": "y" for number in range(HEADERS_MAX)}
    refused(user.http.get("/healthz", headers=many), 431, "HEAD_TOO_LARGE")
    long = {"x-long": "y" * (HEAD_BYTES_MAX + 1000)}
    refused(user.http.get("/healthz", headers=long), 431, "HEAD_TOO_LARGE")


def test_a_head_that_does_not_end_is_refused_without_being_kept(box):
    endless = b"GET /healthz HTTP/1.1\r\nX: " + b"y" * (2 * HEAD_BYTES_MAX + 70_000)
    answer = exchanged_ignoring_resets(box, endless)
    assert answer.startswith(b"HTTP/1.1 431 ")
    assert b"HEAD_TOO_LARGE" in answer


def exchanged_ignoring_resets(box, sent: bytes) -> bytes:
    """What is answered before the connection is reset under bytes that nobody wants."""
    with socket.create_connection(("127.0.0.1", box.port), timeout=20) as client:
        client.sendall(sent[: HEAD_BYTES_MAX + 1])
        return client.recv(65_536)


@pytest.mark.parametrize(
    "sent",
    [
        b"GARBAGE\r\n\r\n",
        b"GET /\xff HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nA : b\r\n\r\n",
    ],
)
def test_what_is_no_http_is_answered_with_the_envelope_and_closed(box, sent):
    answer = exchanged(box, sent)
    assert answer.startswith(b"HTTP/1.1 4"), answer
    assert b'"code":"' in answer
    assert b"nosniff" in answer


def test_two_lengths_of_one_body_are_never_both_believed(box):
    """A proxy that believes one and a server that believes the other can be made to smuggle."""
    smuggled = b"GET /readyz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    both = b"Content-Length: %d\r\nTransfer-Encoding: chunked\r\n" % (len(smuggled) + 5)
    head = b"POST /healthz HTTP/1.1\r\nHost: x\r\n"
    answer = exchanged(box, head + both + b"\r\n0\r\n\r\n" + smuggled)
    assert b'"ready"' not in answer


# -- what leads out of HTTP/1.1 -------------------------------------------------------------------


PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"


def test_http_2_is_refused_and_ends_nothing_but_its_connection(box):
    # The frames of a request for a path that is no ASCII, which once ended the server.
    headers = bytes.fromhex("8286") + b"\x04\x02/\xff" + b"\x01\x01x"
    frames = b"\x00\x00\x00\x04\x00\x00\x00\x00\x00"
    frames += len(headers).to_bytes(3, "big") + b"\x01\x05\x00\x00\x00\x01" + headers
    answer = exchanged(box, PREFACE + frames)
    assert b"axiomd speaks HTTP/1.1, not 2.0" in answer
    assert b" 200 " in exchanged(
        box, b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    )


@pytest.mark.parametrize(
    "upgrade",
    [
        b"Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAMAAABk\r\n",
        b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
    ],
)
def test_whoever_asks_for_another_protocol_is_answered_in_this_one(box, upgrade):
    with socket.create_connection(("127.0.0.1", box.port), timeout=20) as client:
        client.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n" + upgrade + b"\r\n")
        answer = client.recv(65_536)
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert b'{"status":"ok"}' in answer


# -- what every answer says -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/healthz"),
        ("GET", "/"),
        ("GET", "/assets/app-1a2b.js"),
        ("GET", "/app/v1/keys"),
        ("GET", "/app/v1/nothing"),
        ("POST", "/invocations/v1/flows/invoke"),
        ("POST", "/app/v1/session"),
        ("BREW", "/"),
    ],
)
def test_every_answer_tells_browsers_how_to_be_careful_with_it(user, method, path):
    headers = user.http.request(method, path).headers
    for name, value in SAFETY:
        assert headers.get_list(name.decode()) == [value.decode()], name
    assert "server" not in headers


# -- whom it is meant for -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ("box.example:8700", "box.example"),
        ("BOX.example.", "box.example"),
        ("[::1]:8700", "::1"),
        ("127.0.0.1", "127.0.0.1"),
        ("", ""),
    ],
)
def test_the_name_is_read_out_of_the_header(header, name):
    assert host_name(header) == name


@pytest.mark.parametrize(
    ("name", "ours"),
    [
        ("box.example", True),
        ("localhost", True),
        ("127.0.0.1", True),
        ("::1", True),
        ("evil.example", False),
        ("127.0.0.1.evil.example", False),
        ("localhost.evil.example", False),
        ("", False),
    ],
)
def test_addresses_and_the_names_of_the_settings_are_ours(name, ours):
    assert is_ours(name, ["Box.example"]) is ours


def test_without_names_every_host_is_answered():
    check_head(scope(headers=[(b"host", b"any.example")]), ())
    with pytest.raises(Misdirected):
        check_head(scope(headers=[(b"host", b"any.example")]), ("box.example",))


def test_a_page_whose_name_leads_here_gets_nothing_that_needs_a_key(user, box):
    """A browser sends no cookie of this box to another name, so a rebound name has none."""
    rebound = {"Host": f"evil.example:{box.port}", "Origin": f"http://evil.example:{box.port}"}
    with httpx.Client(base_url=box.url, headers=rebound, trust_env=False) as page:
        for path in ("/app/v1/keys", "/app/v1/session", "/invocations/v1/executions"):
            assert page.get(path).status_code == 401
        assert page.post("/app/v1/session", json={"key": "0" * 64}).status_code == 401
        # Nor does a preflight allow another site anything.
        asked = page.options("/app/v1/keys", headers={"Access-Control-Request-Method": "GET"})
        assert not [name for name in asked.headers if name.startswith("access-control")]
    signed = httpx.post(f"{box.url}/app/v1/session", json={"key": box.key}, trust_env=False)
    assert "domain" not in signed.headers["set-cookie"].lower()


def test_with_names_a_rebound_name_gets_nothing_at_all(tmp_path):
    # "box" is what tests call it when they wait for its start.
    with running(tmp_path / "data", server_names="box:box.example") as box:
        for host, status in (("evil.example", 421), ("box.example", 200), ("127.0.0.1:1", 200)):
            answer = httpx.get(f"{box.url}/readyz", headers={"Host": host}, trust_env=False)
            assert answer.status_code == status
