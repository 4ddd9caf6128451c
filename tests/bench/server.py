"""Servers as processes of their own: started, asked, measured, ended."""

import itertools
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import attrs
import httpx
import proc

from axiomd.authoring.bundle import pack, read_directory

HERE = Path(__file__).parent
ECHO = "bench/echo@1.0.0"
INVOKE = "/invocations/v1/flows/invoke"
INVOKE_STREAM = "/invocations/v1/flows/invoke/stream"


@attrs.frozen
class Server:
    """A server that answers."""

    url: str
    key: str
    pid: int
    """Of the process that serves; its children are node processes."""

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    def client(self) -> httpx.Client:
        """A client of it."""
        headers = {"Authorization": f"Bearer {self.key}"}
        return httpx.Client(base_url=self.url, headers=headers, timeout=60, trust_env=False)

    def cpu(self) -> proc.Cpu:
        return proc.cpu(self.pid)

    def request(self, method: str, path: str, body: Any = None) -> str:
        """A whole HTTP/1.1 request, for the load generator."""
        content = json.dumps(body) if body is not None else ""
        lines = [
            f"{method} {path} HTTP/1.1",
            "Host: 127.0.0.1",
            f"Authorization: Bearer {self.key}",
            "Content-Type: application/json",
            f"Content-Length: {len(content)}",
        ]
        return "\r\n".join(lines) + "\r\n\r\n" + content


@contextmanager
def open_process(command: Sequence[str], log: Path, **settings: str) -> Iterator[Server]:
    """A command that prints one JSON line with its `url` once it answers."""
    environment = {**os.environ, **settings}
    with (
        log.open("ab") as errors,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, env=environment) as child,
    ):
        try:
            assert child.stdout is not None
            line = child.stdout.readline()
            if not line:
                raise SystemExit("the server did not start")
            said = json.loads(line)
            yield Server(said["url"], said.get("api_key") or "", said["pid"])
        except SystemExit as failure:
            raise SystemExit(f"{failure}\nThe server's log ends so:\n{tail(log)}") from None
        finally:
            child.send_signal(signal.SIGTERM)
            try:
                child.wait(15)
            finally:
                child.kill()


def tail(log: Path) -> str:
    return "\n".join(log.read_text().splitlines()[-20:])


def open_box(directory: Path, **settings: str) -> Any:
    """The real box on `directory`."""
    directory.mkdir(exist_ok=True)
    command = [sys.executable, "-m", "axiomd", "serve", "--json", "--bind", "127.0.0.1:0"]
    return open_process(
        [*command, "--data-dir", str(directory / "data")], directory / "log", **settings
    )


def open_floor(directory: Path) -> Any:
    """The HTTP server that answers a constant."""
    directory.mkdir(exist_ok=True)
    return open_process([sys.executable, str(HERE / "floor.py")], directory / "log")


def push(server: Server) -> None:
    """Push the package of the benchmark."""
    _ask(server, "POST", "/app/v1/packages", content=pack(read_directory(HERE / "package")))


def compile_flow(server: Server, name: str, nodes: Sequence[str]) -> str:
    """The artifact of a linear flow."""
    aliases = [f"n{number}" for number in range(len(nodes))]
    placements = [
        {"alias": alias, "package": ECHO, "node": node}
        for alias, node in zip(aliases, nodes, strict=True)
    ]
    edges = [{"from": one, "to": other} for one, other in itertools.pairwise(aliases)]
    return compile_draft(server, name, placements, edges)


def compile_draft(server: Server, name: str, nodes: Sequence[Any], edges: Sequence[Any]) -> str:
    """The artifact of a flow of any shape."""
    path = save_flow(server, name, nodes, edges)
    graph_id: str = _ask(server, "POST", f"{path}/compile")["graph_id"]
    return graph_id


def save_flow(server: Server, name: str, nodes: Sequence[Any], edges: Sequence[Any]) -> str:
    """The path of a flow's draft."""
    path = f"/app/v1/flows/bench/{name}"
    document = {"name": f"bench/{name}", "nodes": nodes, "edges": edges}
    _ask(server, "PUT", path, json=document)
    return path


def _ask(server: Server, method: str, path: str, **content: Any) -> Any:
    headers = {"Authorization": f"Bearer {server.key}"}
    answer = httpx.request(method, server.url + path, headers=headers, timeout=60, **content)
    if not answer.is_success:
        raise SystemExit(f"{method} {path}: {answer.status_code} {answer.text}")
    return answer.json()


def run_load(**plan: Any) -> dict[str, Any]:
    """The load generator's report on a plan."""
    command = [sys.executable, str(HERE / "load.py"), json.dumps(plan)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"the load generator failed:\n{done.stderr}")
    report: dict[str, Any] = json.loads(done.stdout)
    if report["bad"]:
        raise SystemExit(f"{report['bad']} answers were wrong, such as {report.get('example')}")
    return report
