"""Five hundred streams at once on one box: every frame of every one arrives.

They stop at a turnstile behind their first frame until all of them are there: so none of them can
be served after another has ended.
"""

import fcntl
import json
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import trio
from system.box import Box, anonymous_bytes, open_descriptors, parse, running
from system.frames import prepare

from axiomd.limits import KIB

STREAMS = 500
FRAMES = 5
PATIENCE_S = 60.0
SERVER_BYTES_EACH_MAX = 300 * KIB
"""What the server's own memory may grow by for each: an attempt, a client, a connection."""


@contextmanager
def turnstile(path: Path) -> Iterator[str]:
    """Closed inside the block."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield str(path)


async def read_stream(box: Box, given: Any, graph_id: str, first: trio.Semaphore) -> list[Any]:
    """The data of every event; `first` is released once there is one."""
    body = json.dumps({"graph_id": graph_id, "input": given, "timeout_seconds": 600}).encode()
    head = (
        "POST /invocations/v1/flows/invoke/stream HTTP/1.1\r\nHost: box\r\n"
        f"Authorization: Bearer {box.key}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    got = b""
    async with await trio.open_tcp_stream("127.0.0.1", box.port) as client:
        await client.send_all(head.encode() + body)
        waiting = True
        while b'"is_final": true' not in got[-2_000:]:
            fresh = await client.receive_some(65_536)
            assert fresh, f"the stream broke off: {got[-500:]!r}"
            got += fresh
            if waiting and b"data: " in got:
                waiting = False
                first.release()
    return [event.data for event in parse(iter(got.decode().splitlines()))]


@pytest.fixture
def many_descriptors() -> Iterator[None]:
    """This process is the other end of all connections."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


async def test_five_hundred_streams_at_once_are_delivered(tmp_path: Path, many_descriptors):
    with running(tmp_path / "data") as box:
        graph_id = prepare(box)["source"]
        before = anonymous_bytes(box.pid)
        got: list[list[Any]] = []
        first = trio.Semaphore(0)

        async def client(given: Any) -> None:
            got.append(await read_stream(box, given, graph_id, first))

        with trio.fail_after(PATIENCE_S):
            async with trio.open_nursery() as nursery:
                with turnstile(tmp_path / "turnstile") as closed:
                    given = {"count": FRAMES, "turnstile": closed}
                    for _ in range(STREAMS):
                        nursery.start_soon(client, given)
                    for _ in range(STREAMS):
                        await first.acquire()
                    assert not got, "one has ended before all had begun"
                    grown = anonymous_bytes(box.pid) - before
                    descriptors = open_descriptors(box.pid)
    check(got)
    assert grown < STREAMS * SERVER_BYTES_EACH_MAX
    # Its connection, its node process's socket and its pidfd.
    assert descriptors < STREAMS * 3 + 100


async def test_streams_beyond_the_places_wait_their_turn(tmp_path: Path, many_descriptors):
    with running(tmp_path / "data", runners_streams_max=8, engine_slots=16) as box:
        graph_id = prepare(box)["source"]
        got: list[list[Any]] = []

        async def client() -> None:
            given = {"count": FRAMES, "ms": 5}
            got.append(await read_stream(box, given, graph_id, trio.Semaphore(0)))

        with trio.fail_after(PATIENCE_S):
            async with trio.open_nursery() as nursery:
                for _ in range(100):
                    nursery.start_soon(client)
    check(got, 100)


def check(got: list[list[Any]], streams: int = STREAMS) -> None:
    assert len(got) == streams
    assert len({data[0]["execution_id"] for data in got}) == streams
    for *frames, closing in got:
        assert [frame["payload"]["origin"] for frame in frames] == list(range(FRAMES))
        assert (closing["is_final"], closing["success"]) == (True, True)
