"""Clients that are slow, idle or many: a real process goes on answering those that are neither."""

import resource
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import pytest
from system.box import Box, open_descriptors, running
from system.lab import compiled, prepare, single

HEAD = b"POST /invocations/v1/flows/invoke HTTP/1.1\r\nHost: box\r\n"
PATIENCE_S = 30.0
CROWD = 2_000
WIDE = 2 * CROWD + 500


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    """A box that gives heads, bodies and idle connections little time."""
    times = {f"server_{name}_timeout_s": 0.4 for name in ("idle", "head", "body")}
    with running(tmp_path_factory.mktemp("strict") / "data", **times) as box:
        prepare(box)
        yield box


@pytest.fixture(scope="module")
def wide(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    """A box that takes more connections than the crowds here have."""
    with running(tmp_path_factory.mktemp("wide") / "data", server_connections_max=WIDE) as box:
        prepare(box)
        yield box


def connect(box: Box) -> socket.socket:
    return socket.create_connection(("127.0.0.1", box.port), timeout=PATIENCE_S)


def drip(client: socket.socket, every_s: float = 0.05) -> bytes:
    """Send a byte again and again until the other side has had enough; what it answered."""
    client.settimeout(every_s)
    received = b""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        try:
            client.sendall(b"x")
            piece = client.recv(65_536)
        except TimeoutError:
            continue
        except ConnectionError:
            return received
        if not piece:
            return received
        received += piece
    raise AssertionError("it was never dropped")


def test_a_head_that_comes_byte_by_byte_is_dropped(strict):
    with connect(strict) as client:
        client.sendall(HEAD + b"X-Slow: ")
        answer = drip(client)
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"TOO_SLOW" in answer


@pytest.mark.parametrize("path", ["/invocations/v1/flows/invoke", "/app/v1/session"])
def test_a_body_that_comes_byte_by_byte_is_dropped(strict, path):
    lines = (
        f"POST {path} HTTP/1.1\r\nHost: box\r\nAuthorization: Bearer {strict.key}\r\n"
        "Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n"
    )
    with connect(strict) as client:
        client.sendall(lines.encode())
        answer = drip(client)
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"TOO_SLOW" in answer
    assert b"connection: close" in answer.lower()


def test_a_body_at_a_fair_rate_has_the_time_it_needs(strict):
    sent = b'{"x": "' + b"y" * 600_000 + b'"}'
    head = (
        "PUT /app/v1/flows/acme/slow HTTP/1.1\r\nHost: box\r\n"
        f"Authorization: Bearer {strict.key}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(sent)}\r\n\r\n"
    )
    with connect(strict) as client:
        client.sendall(head.encode())
        for start in range(0, len(sent), 100_000):
            client.sendall(sent[start : start + 100_000])
            # All pauses together are twice what a body without a size would get.
            time.sleep(0.1)
        assert client.recv(65_536).startswith(b"HTTP/1.1 422 ")


def test_an_idle_connection_is_closed_before_and_after_a_request(strict):
    with connect(strict) as silent, connect(strict) as used:
        used.sendall(b"GET /healthz HTTP/1.1\r\nHost: box\r\n\r\n")
        while b'{"status":"ok"}' not in used.recv(65_536):
            pass
        for client in (silent, used):
            assert client.recv(65_536) == b""


def test_a_connection_that_its_client_closes_is_gone_at_once(wide):
    before = open_descriptors(wide.pid)
    for _ in range(200):
        with connect(wide) as client:
            client.sendall(b"GET /healthz HTTP/1.1\r\nHost: box\r\n\r\n")
            assert client.recv(65_536)
    until(lambda: open_descriptors(wide.pid) < before + 20)


def test_who_waits_for_an_answer_is_not_idle(strict):
    rest = compiled(strict, single("Rest"))
    with strict.client() as user:
        answer = user.invoke(rest, {"ms": 1200}, wait=True)
        assert answer.json()["result"]["success"], answer.text


def test_with_all_connections_in_use_one_more_is_told_so_and_none_is_hurt(open_box, tmp_path):
    box = open_box(server_connections_max=4)
    rest = compiled(box, single("Rest"))
    answers: list[httpx.Response] = []

    def wait_for_it(started: Path) -> None:
        with box.client() as user:
            answers.append(user.invoke(rest, {"ms": 3000, "log": str(started)}, wait=True))

    started = [tmp_path / str(number) for number in range(4)]
    threads = [threading.Thread(target=wait_for_it, args=(path,)) for path in started]
    for thread in threads:
        thread.start()
    until(lambda: all(path.exists() for path in started))
    assert refused_for_room(box)
    for thread in threads:
        thread.join()
    assert [answer.json()["result"]["success"] for answer in answers] == [True] * 4
    until(lambda: not refused_for_room(box))


def refused_for_room(box: Box) -> bool:
    with connect(box) as client:
        client.sendall(b"GET /healthz HTTP/1.1\r\nHost: box\r\nConnection: close\r\n\r\n")
        answer = client.recv(65_536)
    return answer.startswith(b"HTTP/1.1 503 ") and b"TOO_MANY_CONNECTIONS" in answer


def until(holds) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@contextmanager
def crowd(box: Box, idle: int, slow: int) -> Iterator[list[socket.socket]]:
    """Connections that say nothing, and such that send a byte of a head now and then."""
    allow_descriptors(idle + slow)
    with ExitStack() as stack:
        clients = [stack.enter_context(connect(box)) for _ in range(idle + slow)]
        for client in clients[idle:]:
            send_what_goes(client, HEAD)
        stopping = threading.Event()

        def drip_all() -> None:
            while not stopping.wait(0.5):
                for client in clients[idle:]:
                    send_what_goes(client, b"x")

        thread = threading.Thread(target=drip_all)
        thread.start()
        try:
            yield clients
        finally:
            stopping.set()
            thread.join()


def send_what_goes(client: socket.socket, content: bytes) -> None:
    try:
        client.sendall(content)
    except OSError:
        # Dropped already, to make room.
        return


def allow_descriptors(count: int) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = count + 512
    if soft < wanted:
        if hard != resource.RLIM_INFINITY and hard < wanted:
            pytest.skip(f"this process may have {hard} files open, not {wanted}")
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def serves_through(box: Box, idle: int, slow: int, connections_max: int) -> None:
    """Invocations answer in the midst of a crowd, and what was being answered goes on."""
    echo, rest = compiled(box, single("Echo")), compiled(box, single("Rest"))
    waited: list[httpx.Response] = []

    def wait_through() -> None:
        with box.client() as user:
            waited.append(user.invoke(rest, {"ms": 4000}, wait=True))

    before = threading.Thread(target=wait_through)
    before.start()
    with crowd(box, idle, slow):
        for number in range(20):
            with box.client() as user:
                answer = user.invoke(echo, {"count": number}, wait=True)
                assert answer.json()["result"]["output"]["count"] == str(number)
        # A descriptor for each, and those that the store, its threads and nodes have.
        assert open_descriptors(box.pid) < connections_max + 200
    before.join()
    assert waited[0].json()["result"]["success"]


def test_a_crowd_beyond_all_connections_costs_only_itself(open_box):
    box = open_box(server_connections_max=500)
    serves_through(box, CROWD, CROWD, 500)


def test_a_crowd_within_all_connections_is_carried(wide):
    serves_through(wide, CROWD, CROWD, WIDE)


@pytest.mark.soak
def test_ten_thousand_idle_connections_and_a_thousand_slow_ones(open_box):
    box = open_box(server_connections_max=16_000)
    serves_through(box, 10_000, 1_000, 16_000)
