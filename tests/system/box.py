"""A real axiomd process on its own data directory, and what a user of it does.

Nothing of the product is imported that runs in the server: the process is started as an operator
starts it, and spoken to over HTTP. Only the keys of further tenants are written beside it.
"""

import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import attrs
import httpx
from worlds.processes import find_process

from axiomd.authoring.bundle import Bundle, pack
from axiomd.clock import SystemClock
from axiomd.engine.keyring import COMMAND_LINE, DEFAULT_TENANT, new_key
from axiomd.ids import Ids
from axiomd.runners.orphans import holders
from axiomd.settings import StoreSettings
from axiomd.store.blobs import Blobs
from axiomd.store.env import Store, open_store
from axiomd.store.verify import verify
from axiomd.store.writer import write_now

SERVE = [sys.executable, "-m", "axiomd", "serve"]

START_S = 30.0
STREAM_S = 30.0


def free_port() -> int:
    """A port nobody listens on; a box keeps it over its restarts."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Box:
    """One data directory and the process that serves it, restarted at will."""

    def __init__(self, data_dir: Path, **settings: object) -> None:
        """settings: `server_keep_alive_s=0.1` and the like, given as environment variables."""
        self.data_dir = data_dir
        self.log = data_dir.with_name(data_dir.name + ".log")
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        # Nodes of tests write to the tests' own directories.
        self.settings = {"runners_writable": data_dir.parent.parent} | settings
        self.process: subprocess.Popen[bytes] | None = None
        self._key = ""

    # -- the process --------------------------------------------------------------------------

    def launch(self) -> "subprocess.Popen[bytes]":
        """Start a process without waiting for anything."""
        given = {f"AXIOMD_{name}".upper(): str(value) for name, value in self.settings.items()}
        kept = {name: text for name, text in os.environ.items() if not name.startswith("AXIOMD_")}
        with self.log.open("ab") as log:
            return subprocess.Popen(
                [*SERVE, "--data-dir", str(self.data_dir), "--bind", f"127.0.0.1:{self.port}"],
                env={**kept, **given},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def start(self) -> "Box":
        """Start the process and return once it answers."""
        assert self.process is None
        self.process = self.launch()
        return self.wait_started()

    def wait_started(self) -> "Box":
        """Return once the launched process answers."""
        assert self.process is not None
        deadline = time.monotonic() + START_S
        while not self._answers():
            assert self.process.poll() is None, self.log.read_text()[-4000:]
            assert time.monotonic() < deadline, "axiomd did not start"
            time.sleep(0.005)
        return self

    def _answers(self) -> bool:
        # By hand: an HTTP client costs more than the start that it would be polling for.
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=5) as probe:
                probe.sendall(b"GET /healthz HTTP/1.1\r\nHost: box\r\nConnection: close\r\n\r\n")
                return b" 200 " in probe.recv(64)
        except OSError:
            return False

    @property
    def pid(self) -> int:
        """The server's process number."""
        assert self.process is not None
        return self.process.pid

    def kill(self) -> None:
        """`kill -9`, and return when it is gone; what it left on disk keeps every promise."""
        self._end()
        broken = self.broken()
        assert not broken, broken

    def restart(self) -> None:
        """`kill -9`, and a new process on what is on disk."""
        self.kill()
        self.start()

    def _end(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()
        self.process = None

    def broken(self) -> list[str]:
        """What `axiomd verify` says of the data directory, whether the server runs or not."""
        with self.open_store() as store:
            return [str(found) for found in verify(store, Blobs(self.data_dir / "blobs")).findings]

    def open_store(self) -> AbstractContextManager[Store]:
        """The store beside the server, or of one that has stopped; to read."""
        return open_store(self._store_settings, self.data_dir, read_only=True)

    @property
    def _store_settings(self) -> StoreSettings:
        size = self.settings.get("store_map_size_bytes", StoreSettings().map_size_bytes)
        assert isinstance(size, int)
        return StoreSettings(map_size_bytes=size)

    def stop(self, number: int = signal.SIGTERM, within_s: float = 5.0) -> tuple[int, float]:
        """Send a signal; the exit code and the seconds it took. Fails after `within_s`."""
        assert self.process is not None
        began = time.monotonic()
        self.process.send_signal(number)
        try:
            code = self.process.wait(within_s)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"still running {within_s} s after the signal") from None
        self.process = None
        return code, time.monotonic() - began

    def node_pids(self) -> set[int]:
        """Processes that hold `nodes.lock`: zygotes and node processes, not the server."""
        server = {self.process.pid} if self.process is not None else set()
        return set(holders(self.data_dir / "nodes.lock")) - server

    def teller(self, told: Path) -> int:
        """The process of node code that wrote its own number to a file, as this one knows it."""
        found = find_process(int(told.read_text()), self.pid)
        assert found, "it is dead"
        return found

    # -- its users ----------------------------------------------------------------------------

    @property
    def key(self) -> str:
        """A key of the default tenant, made on first use."""
        self._key = self._key or self.make_key(DEFAULT_TENANT)
        return self._key

    def make_key(self, tenant: str) -> str:
        """A key of any tenant, written beside the running server."""
        clock = SystemClock()
        key, commit = new_key(Ids(clock), clock, f"test of {tenant}", tenant, COMMAND_LINE)
        with open_store(self._store_settings, self.data_dir) as store:
            write_now(store, commit)
        return key

    def client(self, key: str | None = None) -> "User":
        """A user with the default tenant's key, or another."""
        return User(httpx.Client(**self.client_options(key)))

    def client_options(self, key: str | None = None) -> dict[str, Any]:
        """What an httpx client of this box is made with."""
        headers = {"Authorization": f"Bearer {key or self.key}"}
        return {
            "base_url": self.url,
            "headers": headers,
            "timeout": STREAM_S,
            "trust_env": False,
            "verify": False,
        }


@contextmanager
def running(data_dir: Path, **settings: object) -> Iterator[Box]:
    """A started box, killed at the end; none of its node processes outlives it."""
    box = Box(data_dir, **settings)
    try:
        yield box.start()
        if box.process is not None:
            box.kill()
    finally:
        if box.process is not None:
            box._end()


@attrs.frozen
class Event:
    """One server-sent event."""

    id: str | None
    data: Any


class User:
    """An HTTP client with the steps that tests repeat."""

    def __init__(self, http: httpx.Client) -> None:
        self.http = http

    def __enter__(self) -> "User":
        return self

    def __exit__(self, *_: object) -> None:
        self.http.close()

    def get(self, path: str, **options: Any) -> Any:
        """GET that must succeed, as JSON."""
        answer = self.http.get(path, **options)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def push(self, files: Mapping[str, str]) -> httpx.Response:
        """Push a package."""
        packed = pack(Bundle({path: text.encode() for path, text in files.items()}))
        return self.http.post("/app/v1/packages", content=packed)

    def compile(self, document: Mapping[str, Any]) -> str:
        """Store a flow and compile it; the artifact's ID."""
        saved = self.http.put(f"/app/v1/flows/{document['name']}", json=document)
        assert saved.status_code == 200, saved.text
        compiled = self.http.post(f"/app/v1/flows/{document['name']}/compile")
        assert compiled.status_code in (200, 201), compiled.text
        graph_id: str = compiled.json()["graph_id"]
        return graph_id

    def invoke(
        self, graph_id: str, given: object, *, headers: Mapping[str, str] = {}, **more: object
    ) -> httpx.Response:
        """POST …/invoke."""
        body = {"graph_id": graph_id, "input": given, **more}
        path = "/invocations/v1/flows/invoke"
        return self.http.post(path, json=body, headers=dict(headers))

    def accepted(self, graph_id: str, given: object, **more: Any) -> str:
        """Invoke without waiting; the execution's ID."""
        answer = self.invoke(graph_id, given, **more)
        assert answer.status_code == 202, answer.text
        identity: str = answer.json()["execution_id"]
        return identity

    @contextmanager
    def stream(
        self, graph_id: str, given: object, *, headers: Mapping[str, str] = {}, **more: object
    ) -> Iterator[httpx.Response]:
        """POST …/invoke/stream, open."""
        body = {"graph_id": graph_id, "input": given, **more}
        path = "/invocations/v1/flows/invoke/stream"
        with self.http.stream("POST", path, json=body, headers=dict(headers)) as answer:
            yield answer

    def streamed(self, graph_id: str, given: object, **more: Any) -> list[Event]:
        """Every event of a stream, to its end."""
        with self.stream(graph_id, given, **more) as answer:
            assert answer.status_code == 200, answer.read()
            return list(events(answer))

    def resumed(self, execution_id: str, query: str = "", **headers: str) -> list[Event]:
        """Every event of `GET …/stream`, to its end."""
        path = f"/invocations/v1/executions/{execution_id}/stream{query}"
        with self.http.stream("GET", path, headers=headers) as answer:
            assert answer.status_code == 200, answer.read()
            return list(events(answer))

    def execution(self, execution_id: str, below: str = "") -> Any:
        """GET …/executions/{id} and what lies below it."""
        return self.get(f"/invocations/v1/executions/{execution_id}{below}")

    def ended(self, execution_id: str, within_s: float = 20.0) -> Any:
        """The record once the execution has ended."""
        return self.reached(execution_id, {"COMPLETED", "FAILED", "CANCELLED"}, within_s)

    def reached(self, execution_id: str, statuses: set[str], within_s: float = 20.0) -> Any:
        """The record once it has one of these statuses."""
        deadline = time.monotonic() + within_s
        while (record := self.execution(execution_id))["status"] not in statuses:
            assert time.monotonic() < deadline, record
            time.sleep(0.01)
        return record

    def started(self, execution_id: str, node: str, within_s: float = 20.0) -> None:
        """Return once a call of this placement is known to run."""
        deadline = time.monotonic() + within_s
        below = f"/events?node={node}&kind=node_started"
        while not self.execution(execution_id, below)["events"]:
            assert time.monotonic() < deadline, self.execution(execution_id, "/events")
            time.sleep(0.01)

    def cancel(self, execution_id: str) -> httpx.Response:
        """DELETE …/flows/{id}."""
        return self.http.delete(f"/invocations/v1/flows/{execution_id}")


def events(answer: httpx.Response) -> Iterator[Event]:
    """The events of an SSE answer as they come; comments are left out."""
    yield from parse(answer.iter_lines())


def parse(lines: Iterator[str]) -> Iterator[Event]:
    """The events in lines of text/event-stream."""
    identity, data = None, None
    for line in lines:
        if line.startswith("id: "):
            identity = line[4:]
        elif line.startswith("data: "):
            data = json.loads(line[6:])
        elif not line and data is not None:
            yield Event(identity, data)
            identity, data = None, None


def anonymous_bytes(pid: int) -> int:
    """Memory of a process that is its own: without the mapped store and what it shares."""
    text = Path(f"/proc/{pid}/status").read_text()
    return int(text.split("RssAnon:")[1].split()[0]) * 1024


def open_descriptors(pid: int) -> int:
    """Files and sockets that a process holds."""
    return sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir())


class Pids:
    """Processes, watched by descriptor, so that a number used again cannot deceive."""

    def __init__(self, pids: set[int]) -> None:
        self._open = []
        for pid in pids:
            try:
                self._open.append((pid, os.pidfd_open(pid)))
            except ProcessLookupError:
                continue

    def __enter__(self) -> "Pids":
        return self

    def __exit__(self, *_: object) -> None:
        for _, descriptor in self._open:
            os.close(descriptor)

    def alive(self) -> list[int]:
        """Those that still run."""
        return [pid for pid, fd in self._open if not select.select([fd], [], [], 0)[0]]

    def all_dead_within(self, seconds: float) -> bool:
        """Whether none is left after at most that long."""
        deadline = time.monotonic() + seconds
        while self.alive() and time.monotonic() < deadline:
            time.sleep(0.005)
        return not self.alive()
