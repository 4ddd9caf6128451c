"""How long one tenant waits behind 10,000 executions of another's: a real server.

    python tests/bench/fairness.py [--queued N]

One tenant may run a single execution while its others pile up; then that limit is lifted, and
while they run, another tenant invokes one execution after the other, and waits for each. Both push
the same package, so that they also share its node processes. `queued` is the time from acceptance
to the claim by a worker, `whole` what the client waits; `idle` is the same on a box without
anything else to do.
"""

import argparse
import sys
import tempfile
import time
from datetime import datetime
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import httpx
from load import percentile
from server import INVOKE, Server, compile_flow, open_box, push, run_load
from system.box import Box

FILLERS = 64
ASKED = 40
BUSY, CALM = "busy", "calm"


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure how long a tenant waits for another.")
    parser.add_argument("--queued", type=int, default=10_000)
    queued: int = parser.parse_args().queued
    with tempfile.TemporaryDirectory() as directory:
        measure(Path(directory), queued)


def measure(directory: Path, queued: int) -> None:
    with open_box(directory) as operator, operator.client() as hands:
        beside = Box(directory / "data")
        busy = Server(operator.url, beside.make_key(BUSY), operator.pid)
        calm = Server(operator.url, beside.make_key(CALM), operator.pid)
        for server in (busy, calm):
            push(server)
        graphs = {server.key: compile_flow(server, "one", ["Echo"]) for server in (busy, calm)}
        ask("idle", calm, graphs[calm.key], 5)
        ask("idle", calm, graphs[calm.key], ASKED)
        limit(hands, executions_max=1)
        fill(busy, graphs[busy.key], queued)
        print(f"{waiting(hands)} executions of the other tenant wait")
        limit(hands)
        ask("behind them", calm, graphs[calm.key], ASKED)
        time.sleep(5)
        print(f"{waiting(hands)} executions of the other tenant still wait")


def limit(hands: httpx.Client, **limits: int) -> None:
    hands.put(f"/app/v1/tenants/{BUSY}/limits", json=limits).raise_for_status()


def waiting(hands: httpx.Client) -> int:
    queued: int = hands.get("/app/v1/usage", params={"tenant": BUSY}).json()["queued"]
    return queued


def fill(server: Server, graph_id: str, count: int) -> None:
    body = {"graph_id": graph_id, "input": {"text": "hello", "count": "1"}}
    request = server.request("POST", INVOKE, body)
    load = {"kind": "calls", "clients": FILLERS, "total": count, "seconds": 600}
    run_load(port=server.port, request=request, expected='"accepted":true', **load)


def ask(when: str, server: Server, graph_id: str, count: int) -> None:
    """Invoke so many executions, one after the other, and say how long they took."""
    whole, queued = [], []
    with server.client() as client:
        for _ in range(count):
            began = time.perf_counter()
            body = {"graph_id": graph_id, "input": {"count": "1"}, "wait": True}
            answer = client.post(INVOKE, json=body).json()
            whole.append((time.perf_counter() - began) * 1000)
            view = client.get(f"/invocations/v1/executions/{answer['execution_id']}").json()
            queued.append((moment(view["started_at"]) - moment(view["created_at"])) * 1000)
    for name, values in (("queued", queued), ("whole", whole)):
        p50, most = percentile(values, 0.5), max(values)
        print(f"{when}: {name} first {values[0]:.1f}, p50 {p50:.1f}, most {most:.1f} ms")


def moment(text: Any) -> float:
    return datetime.fromisoformat(text).timestamp()


if __name__ == "__main__":
    main()
