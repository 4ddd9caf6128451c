"""The load generator: one process, raw sockets, no HTTP library to pay for.

Run by `run.py` with one JSON argument; prints one JSON line. `kind` "calls" keeps `clients`
connections busy with one request each until `seconds` have passed (or `total` answers are there);
an answer is complete when its Content-Length is. `kind` "streams" reads `total` event streams one
after the other, each on a connection of its own, and "crowd" all of them at once.
"""

import json
import selectors
import socket
import sys
import time
from typing import Any

RECEIVE_BYTES = 256 * 1024
SILENCE_S = 30.0


def connect(port: int) -> socket.socket:
    sock = socket.create_connection(("127.0.0.1", port))
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


def answer_bytes(received: bytes) -> int | None:
    """Length of the first whole answer, or None while it is incomplete."""
    end = received.find(b"\r\n\r\n")
    if end < 0:
        return None
    at = received.find(b"content-length: ")
    if not 0 <= at < end:
        raise ValueError(f"no Content-Length: {received[:200]!r}")
    length = end + 4 + int(received[at + 16 : received.index(b"\r", at)])
    return length if len(received) >= length else None


class Client:
    """One connection with one request under way."""

    def __init__(self, port: int, selector: selectors.BaseSelector) -> None:
        self.port = port
        self.selector = selector
        self.received = b""
        self.sent_at = 0.0
        self.open()

    def open(self) -> None:
        self.sock = connect(self.port)
        self.sock.setblocking(False)
        self.selector.register(self.sock, selectors.EVENT_READ, self)

    def reopen(self) -> None:
        self.selector.unregister(self.sock)
        self.sock.close()
        self.open()

    def send(self, request: bytes) -> None:
        self.sent_at = time.perf_counter()
        if self.sock.send(request) != len(request):
            raise OSError("a request did not fit into the socket")

    def receive(self) -> bytes | None:
        """The answer, once it is complete."""
        fresh = self.sock.recv(RECEIVE_BYTES)
        if not fresh:
            raise ConnectionError("the server hung up")
        self.received += fresh
        if answer_bytes(self.received) is None:
            return None
        answer, self.received = self.received, b""
        if b"connection: close\r\n" in answer:
            # The server gives each connection a bounded number of requests.
            self.reopen()
        return answer


class Calls:
    """What came of the calls."""

    def __init__(self, expected: bytes) -> None:
        self.expected = expected
        self.taken: list[float] = []
        self.bad = 0
        self.example = ""

    def count(self, client: Client, answer: bytes) -> None:
        self.taken.append(time.perf_counter() - client.sent_at)
        if self.expected not in answer:
            self.bad += 1
            self.example = self.example or answer[:500].decode(errors="replace")


def calls(plan: dict[str, Any]) -> dict[str, Any]:
    request = plan["request"].encode()
    said = Calls(plan["expected"].encode())
    selector = selectors.DefaultSelector()
    clients = [Client(plan["port"], selector) for _ in range(plan["clients"])]
    started = time.perf_counter()
    until, total = started + plan["seconds"], plan["total"] or sys.maxsize
    sent = busy = min(len(clients), total)
    for client in clients[:busy]:
        client.send(request)
    while busy:
        ready = selector.select(SILENCE_S)
        if not ready:
            raise TimeoutError(f"{busy} answers are missing after {SILENCE_S} s of silence")
        for key, _ in ready:
            answer = key.data.receive()
            if answer is None:
                continue
            said.count(key.data, answer)
            if sent < total and time.perf_counter() < until:
                sent += 1
                key.data.send(request)
            else:
                busy -= 1
    return report(said, time.perf_counter() - started)


def report(said: Calls, seconds: float) -> dict[str, Any]:
    return {
        "count": len(said.taken),
        "seconds": seconds,
        "p50_ms": percentile(said.taken, 0.50) * 1000,
        "p99_ms": percentile(said.taken, 0.99) * 1000,
        "bad": said.bad,
        "example": said.example,
        "generator_cpu_s": time.process_time(),
    }


def percentile(values: list[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)]


def streams(plan: dict[str, Any]) -> dict[str, Any]:
    runs = [stream(plan["port"], plan["request"].encode()) for _ in range(plan["total"])]
    frames = sum(run["frames"] for run in runs)
    seconds = sum(run["seconds"] for run in runs)
    return {
        "frames": frames,
        "seconds": seconds,
        "first_p50_ms": percentile([run["first"] for run in runs], 0.50) * 1000,
        "first_p99_ms": percentile([run["first"] for run in runs], 0.99) * 1000,
        "bad": sum(not run["success"] for run in runs),
        "generator_cpu_s": time.process_time(),
    }


def crowd(plan: dict[str, Any]) -> dict[str, Any]:
    """Open `total` streams at once and read them all to their closing frames."""
    selector = selectors.DefaultSelector()
    started = time.perf_counter()
    received: dict[socket.socket, bytearray] = {}
    first: dict[socket.socket, float] = {}
    for _ in range(plan["total"]):
        sock = connect(plan["port"])
        sock.sendall(plan["request"].encode())
        received[sock] = bytearray()
        selector.register(sock, selectors.EVENT_READ)
    while selector.get_map():
        ready = selector.select(SILENCE_S)
        if not ready:
            raise TimeoutError(f"{len(selector.get_map())} streams have not ended")
        for key, _ in ready:
            sock: Any = key.fileobj
            received[sock] += sock.recv(RECEIVE_BYTES) or b'"is_final": true'
            if b"data: " in received[sock]:
                first.setdefault(sock, time.perf_counter() - started)
            if b'"is_final": true' in received[sock][-2000:]:
                selector.unregister(sock)
    took = list(first.values())
    return {
        "seconds": time.perf_counter() - started,
        "frames": sum(content.count(b"data: ") - 1 for content in received.values()),
        "first_p50_ms": percentile(took, 0.50) * 1000,
        "first_p99_ms": percentile(took, 0.99) * 1000,
        "bad": sum(b'"is_final": true, "success": true' not in c for c in received.values()),
        "example": bytes(min(received.values(), key=len)[-300:]).decode(),
        "generator_cpu_s": time.process_time(),
    }


def stream(port: int, request: bytes) -> dict[str, Any]:
    """Read one stream to its closing frame."""
    first = 0.0
    received = bytearray()
    with connect(port) as sock:
        sock.settimeout(SILENCE_S)
        started = time.perf_counter()
        sock.sendall(request)
        while b'"is_final": true' not in received[-2000:]:
            fresh = sock.recv(RECEIVE_BYTES)
            if not fresh:
                raise ConnectionError(f"the stream broke off: {bytes(received[:500])!r}")
            received += fresh
            if not first and b"data: " in received:
                first = time.perf_counter() - started
        seconds = time.perf_counter() - started
    closing = bytes(received[received.rindex(b"data: ") :])
    frames = received.count(b"data: ") - 1
    return {
        "first": first,
        "seconds": seconds,
        "frames": frames,
        "success": b'"success": true' in closing,
    }


if __name__ == "__main__":
    given = json.loads(sys.argv[1])
    print(json.dumps({"calls": calls, "streams": streams, "crowd": crowd}[given["kind"]](given)))
