"""The measurements of the flow language: nodes in chains and gates, executions with many items."""

import statistics
import time
from collections.abc import Iterator
from pathlib import Path

import proc
from measure import KIB, SMALL, SUCCESS, WARM_UP_S, Effort, Row, measure_calls
from server import ECHO, INVOKE, Server, compile_draft, compile_flow, open_box, push, run_load

CHAIN = 50
DIAMOND = 4
CLIENTS = (1, 64)
ITEMS = 1_000
ITEMS_ROUNDS = 5
MOST_ITEMS = 10_000
WAIT_S = 300


def measure_language(directory: Path, effort: Effort) -> Iterator[Row]:
    """What a node of a flow costs, alone and in sum, and how long very many items take."""
    with open_box(directory / "language") as box:
        push(box)
        diamond, chain = compile_diamond(box), compile_flow(box, "chain", ["Echo"] * CHAIN)
        for name, graph_id, nodes in (("diamond", diamond, DIAMOND), ("chain", chain, CHAIN)):
            yield from measure_nodes(box, f"{name} of {nodes} nodes", graph_id, nodes, effort)
        graph_id = compile_fan_out(box)
        fan_out(box, graph_id, ITEMS // 10)
        taken = [fan_out(box, graph_id, ITEMS) for _ in range(effort.of(ITEMS_ROUNDS))]
        yield {"name": f"fan-out of {ITEMS:,} items", "each_s": statistics.median(taken)}
    # A box of its own: the peak of its memory is then that of this one execution.
    with open_box(directory / "many") as box:
        push(box)
        graph_id = compile_fan_out(box)
        before = proc.memory_kib(box.pid, "VmHWM")
        taken = [fan_out(box, graph_id, MOST_ITEMS)]
        peak = proc.memory_kib(box.pid, "VmHWM")
        yield {
            "name": f"fan-out of {MOST_ITEMS:,} items",
            "each_s": taken[0],
            "server_peak_mib": peak / KIB,
            "server_grown_mib": (peak - before) / KIB,
        }


def measure_nodes(
    box: Server, name: str, graph_id: str, nodes: int, effort: Effort
) -> Iterator[Row]:
    """A flow alone and beside many of its kind; HTTP and the accept count towards its nodes."""
    body = {"graph_id": graph_id, "input": SMALL, "wait": True}
    plan = {"kind": "calls", "expected": SUCCESS, "seconds": effort.seconds}
    plan |= {"request": box.request("POST", INVOKE, body)}
    run_load(port=box.port, total=0, **plan | {"clients": 16, "seconds": WARM_UP_S})
    for clients in CLIENTS:
        load = plan | {"clients": clients}
        row = measure_calls(f"{name}, {clients} clients", box, load, steps=nodes)
        yield row | {"node_ms": row["p50_ms"] / nodes} if clients == 1 else row


def compile_diamond(box: Server) -> str:
    """Two arms of one node each into a gate."""
    nodes = [{"alias": alias, "package": ECHO, "node": "Echo"} for alias in "abcd"]
    edges = [{"from": one, "to": other} for one, other in ("ab", "ac", "bd", "cd")]
    return compile_draft(box, "diamond", nodes, edges)


def compile_fan_out(box: Server) -> str:
    """A list, a visit for each of its items, and a gate that gathers them into a list."""
    named = {"make": "Many", "each": "Echo", "all": "Tally"}
    nodes = [{"alias": alias, "package": ECHO, "node": node} for alias, node in named.items()]
    nodes[1]["config"] = {"fan_out": {"items": "value.items"}}  # type: ignore[assignment]
    gather = {"from": "each", "to": "all", "adapter": {"items": "[value]"}}
    return compile_draft(box, "fan-out", nodes, [{"from": "make", "to": "each"}, gather])


def fan_out(box: Server, graph_id: str, items: int) -> float:
    """Seconds of one execution of so many items, as its client sees them."""
    body = {"graph_id": graph_id, "input": {"count": str(items)}, "wait": True}
    with box.client() as client:
        began = time.perf_counter()
        answer = client.post(INVOKE, json=body | {"timeout_seconds": WAIT_S}, timeout=WAIT_S)
        taken = time.perf_counter() - began
    output = answer.json().get("result", {}).get("output") or {}
    if output.get("count") != str(items):
        raise SystemExit(f"a fan-out of {items} items ended so: {answer.text[:500]}")
    return taken
