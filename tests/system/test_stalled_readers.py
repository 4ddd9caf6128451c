"""Clients that do not read: the execution does not wait for them, and they cost next to nothing."""

import json
import socket
import time
from pathlib import Path

import pytest
from system.box import Box, Event, User, anonymous_bytes, events, open_descriptors, parse, running
from system.frames import prepare

from axiomd.limits import MIB

FRAMES = 3_500
FRAME_BYTES = 60_000
"""210 MB in all, all of it in the store itself."""
SEND_TIMEOUT_S = 2.0
GROWTH_MAX = 24 * MIB
STALLED = 10
STALLED_BYTES_MAX = 8 * MIB
"""One batch of frames, as stored and as JSON, and the server's own buffers."""


def ask(box: Box, request: str, body: bytes = b"") -> socket.socket:
    """A client that asked for a stream and has read no more than its beginning."""
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.settimeout(20)
    client.connect(("127.0.0.1", box.port))
    head = f"{request} HTTP/1.1\r\nHost: box\r\nAuthorization: Bearer {box.key}\r\n"
    client.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
    return client


def begun(client: socket.socket) -> bytes:
    """The answer up to the first words of its first frame."""
    got = b""
    while b'"execution_id": "' not in got or len(got.rpartition(b'"execution_id": "')[2]) < 32:
        got += client.recv(512)
    return got


def ended_with(box: Box, user: User, identity: str) -> int:
    """The most memory that the box had of its own until the execution had completed."""
    most = 0
    deadline = time.monotonic() + 60
    while (record := user.execution(identity))["status"] == "RUNNING":
        assert time.monotonic() < deadline
        most = max(most, anonymous_bytes(box.pid))
        time.sleep(0.02)
    assert record["status"] == "COMPLETED", record
    return max(most, anonymous_bytes(box.pid))


def rest_after_drop(client: socket.socket) -> bytes:
    """What had come before the connection was dropped."""
    got = b""
    try:
        while fresh := client.recv(65_536):
            got += fresh
    except ConnectionResetError:
        pass
    return got


@pytest.fixture
def box(tmp_path: Path):
    settings = {"server_send_timeout_s": SEND_TIMEOUT_S, "runners_spare": False}
    with running(tmp_path / "data", **settings) as box:
        yield box


def wait_for_descriptors(box: Box, most: int) -> None:
    deadline = time.monotonic() + SEND_TIMEOUT_S * 5 + 10
    while open_descriptors(box.pid) > most:
        assert time.monotonic() < deadline, "a stalled client was never dropped"
        time.sleep(0.05)


def first_events(user: User, identity: str, last_seen: str, count: int) -> list[Event]:
    path = f"/invocations/v1/executions/{identity}/stream"
    with user.http.stream("GET", path, headers={"Last-Event-ID": last_seen}) as answer:
        return [event for event, _ in zip(events(answer), range(count), strict=False)]


def test_reader_that_stalls_neither_slows_nor_costs_and_may_come_back(box: Box):
    graph_id = prepare(box)["source"]
    with box.client() as user:
        # Whatever is made on first use is there, and does not count.
        user.streamed(graph_id, {"count": 300, "bytes": FRAME_BYTES})
        before, descriptors = anonymous_bytes(box.pid), open_descriptors(box.pid)
        given = {"count": FRAMES, "bytes": FRAME_BYTES}
        body = json.dumps({"graph_id": graph_id, "input": given, "timeout_seconds": 600}).encode()
        with ask(box, "POST /invocations/v1/flows/invoke/stream", body) as client:
            got = begun(client)
            identity = got.rpartition(b'"execution_id": "')[2][:32].decode()
            grown = ended_with(box, user, identity) - before
            assert grown < GROWTH_MAX
            assert user.execution(identity, "/output")["frames"] == FRAMES
            wait_for_descriptors(box, descriptors)
            got += rest_after_drop(client)
        seen = list(parse(iter(got.decode(errors="replace").splitlines()[:-3])))
        last = seen[-1].id if seen else ""
        following = int(last or -1) + 1
        assert following < FRAMES
        back = first_events(user, identity, str(last), 20)
        assert [event.id for event in back] == [str(following + n) for n in range(20)]


def test_each_stalled_reader_costs_one_batch(box: Box):
    graph_id = prepare(box)["source"]
    with box.client() as user:
        got = user.streamed(graph_id, {"count": 300, "bytes": FRAME_BYTES})
        identity, before = got[0].data["execution_id"], anonymous_bytes(box.pid)
        descriptors = open_descriptors(box.pid)
        request = f"GET /invocations/v1/executions/{identity}/stream"
        clients = [ask(box, request) for _ in range(STALLED)]
        for client in clients:
            begun(client)
        time.sleep(0.2)
        assert anonymous_bytes(box.pid) - before < STALLED * STALLED_BYTES_MAX
        wait_for_descriptors(box, descriptors)
        for client in clients:
            client.close()
        # Others are served meanwhile, and what they held was given back.
        assert user.http.get("/readyz").status_code == 200
