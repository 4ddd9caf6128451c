"""The measurements: each yields rows, a row is what one line of the table says."""

import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import attrs
import httpx
import proc
from fill import fill
from server import (
    ECHO,
    INVOKE,
    INVOKE_STREAM,
    Server,
    compile_flow,
    open_box,
    open_floor,
    push,
    run_load,
    save_flow,
)

from axiomd.settings import StoreSettings
from axiomd.store import keys
from axiomd.store.env import open_store
from axiomd.store.records import decode_execution

CLIENTS = (1, 16, 64)
STEPS = 3
WARM_UP_S = 1.0
SUCCESS = '"success":true'
ACCEPTED = '"accepted":true'
SMALL = {"text": "hi", "count": "1", "ratio": 0.5}
FRAMES = 20_000
SHORT_STREAMS = 60
SHORT_FRAMES = 10
CROWD = 500
LISTED = 100_000
LIST_REQUESTS = 200
QUEUED = 10_000
QUEUED_WARM_UP = 2_000
NAP_S = 3_600
RETENTION_TURNS = 7
CANCEL_ROUNDS = 8
CANCELLED = 32
"""Executions that run while they are cancelled one after the other."""
COMPILED = 1_000
COMPILES = 20
KIB = 1024

TARGETS: dict[str, tuple[str, float]] = {
    "flow, 1 clients": ("p50_ms", 6.0),
    "flow, 16 clients": ("per_s", 600.0),
    "flow, 64 clients": ("per_s", 800.0),
    "frames to one reader": ("per_s", 5000.0),
    "first frame": ("p50_ms", 10.0),
    "page 1": ("p50_ms", 20.0),
    "queued execution": ("bytes_each", 1024.0),
    "cancel inside C, 32 running": ("p99_ms", 250.0),
    "compile, 1,000 placements": ("p50_ms", 1000.0),
    "diamond of 4 nodes, 1 clients": ("node_ms", 2.5),
    "diamond of 4 nodes, 64 clients": ("steps_per_s", 2500.0),
    "chain of 50 nodes, 1 clients": ("node_ms", 2.5),
    "chain of 50 nodes, 64 clients": ("steps_per_s", 2500.0),
    "fan-out of 1,000 items": ("each_s", 3.0),
    "forgetting, 1 clients": ("p99_of_calm", 1.1),
    "forgetting, 16 clients": ("p99_of_calm", 1.1),
}
"""What a row is held against: its figure, and what that should reach."""

Row = dict[str, Any]


@attrs.frozen
class Effort:
    """How long to measure."""

    seconds: float
    """Of each row of calls."""
    share: float = 1.0
    """Of the full counts: less than 1 for a quick look."""

    def of(self, count: int) -> int:
        return max(1, int(count * self.share))


def measure_calls(name: str, server: Server, plan: Row, *, steps: int = 0) -> Row:
    """One row of a steady load, with the processor time that the server spent on it."""
    before = server.cpu()
    report = run_load(port=server.port, total=0, **plan)
    spent, count = server.cpu().since(before), report["count"]
    row = {
        "name": name,
        "per_s": count / report["seconds"],
        "p50_ms": report["p50_ms"],
        "p99_ms": report["p99_ms"],
        "server_cpu_ms": spent.server / count * 1000,
        "nodes_cpu_ms": spent.nodes / count * 1000,
        "generator_cpu_ms": report["generator_cpu_s"] / count * 1000,
        "server_peak_mib": proc.memory_kib(server.pid, "VmHWM") / KIB,
        "nodes_mib": proc.shared_out_kib(proc.descendants(server.pid)) / KIB,
    }
    return row | ({"steps_per_s": row["per_s"] * steps} if steps else {})


def measure_unary(directory: Path, effort: Effort) -> Iterator[Row]:
    """The 3-node flow over HTTP with `wait: true`, each load beside the floor's."""
    with open_box(directory / "unary") as box, open_floor(directory / "floor") as floor:
        push(box)
        graph_id = compile_flow(box, "three", ["Echo"] * STEPS)
        body = {"graph_id": graph_id, "input": SMALL, "wait": True}
        plan = {"kind": "calls", "expected": SUCCESS, "seconds": effort.seconds}
        box_plan = plan | {"request": box.request("POST", INVOKE, body)}
        floor_plan = plan | {"request": floor.request("POST", INVOKE, body)}
        for warmed, its_plan in ((box, box_plan), (floor, floor_plan)):
            warm_up = its_plan | {"clients": 16, "seconds": WARM_UP_S}
            run_load(port=warmed.port, total=0, **warm_up)
        for clients in CLIENTS:
            load = {"clients": clients}
            bare = measure_calls(f"floor, {clients} clients", floor, floor_plan | load)
            row = measure_calls(f"flow, {clients} clients", box, box_plan | load, steps=STEPS)
            yield bare
            yield row | {"of_floor": row["per_s"] / bare["per_s"]}


def measure_pipeline(directory: Path, effort: Effort) -> Iterator[Row]:
    """One generator node: many frames to one reader, then the first frame of short streams."""
    with open_box(directory / "pipeline") as box:
        push(box)
        graph_id = compile_flow(box, "spout", ["Spout"])

        def read(streams: int, frames: int) -> Row:
            body = {"graph_id": graph_id, "input": {"count": str(frames)}}
            request = box.request("POST", INVOKE_STREAM, body)
            return run_load(kind="streams", port=box.port, request=request, total=streams)

        read(5, SHORT_FRAMES)
        before, count = box.cpu(), effort.of(FRAMES)
        report = read(1, count)
        spent = box.cpu().since(before)
        assert report["frames"] == count, report
        yield {
            "name": "frames to one reader",
            "per_s": count / report["seconds"],
            "server_cpu_ms": spent.server / count * 1000,
            "nodes_cpu_ms": spent.nodes / count * 1000,
            "server_peak_mib": proc.memory_kib(box.pid, "VmHWM") / KIB,
        }
        report = read(effort.of(SHORT_STREAMS), SHORT_FRAMES)
        yield {
            "name": "first frame",
            "p50_ms": report["first_p50_ms"],
            "p99_ms": report["first_p99_ms"],
        }


def measure_crowd(directory: Path, effort: Effort) -> Iterator[Row]:
    """Very many streams at once, each of one generator node and so of one process."""
    with open_box(directory / "crowd") as box:
        push(box)
        body = {"graph_id": compile_flow(box, "spout", ["Spout"])}
        request = box.request("POST", INVOKE_STREAM, body | {"input": {"count": SHORT_FRAMES}})
        count = effort.of(CROWD)
        run_load(kind="streams", port=box.port, request=request, total=5)
        before = box.cpu()
        report = run_load(kind="crowd", port=box.port, request=request, total=count)
        spent = box.cpu().since(before)
        assert report["frames"] == count * SHORT_FRAMES, report
        yield {
            "name": f"{count} streams at once",
            "per_s": count / report["seconds"],
            "p50_ms": report["first_p50_ms"],
            "p99_ms": report["first_p99_ms"],
            "server_cpu_ms": spent.server / count * 1000,
            "server_peak_mib": proc.memory_kib(box.pid, "VmHWM") / KIB,
        }


def measure_listing(directory: Path, effort: Effort) -> Iterator[Row]:
    """Pages of 50 executions out of very many."""
    here = directory / "listing"
    here.mkdir()
    fill(here / "data", effort.of(LISTED))
    with open_box(here) as box:
        for name, query in (("page 1", ""), ("page 1 of the failed", "?status=FAILED")):
            request = box.request("GET", "/invocations/v1/executions" + query)
            plan = {"kind": "calls", "port": box.port, "request": request, "clients": 1}
            plan |= {"expected": '"executions"', "seconds": 60}
            run_load(total=20, **plan)
            report = run_load(total=LIST_REQUESTS, **plan)
            yield {"name": name, "p50_ms": report["p50_ms"], "p99_ms": report["p99_ms"]}


def measure_queued(directory: Path, effort: Effort) -> Iterator[Row]:
    """Memory of executions that wait for a slot; the store's own map is not counted."""
    with open_box(directory / "queued", AXIOMD_ENGINE_SLOTS="2") as box:
        push(box)
        graph_id = compile_flow(box, "nap", ["Nap"])
        request = box.request("POST", INVOKE, {"graph_id": graph_id, "input": {"count": NAP_S}})
        plan = {"kind": "calls", "port": box.port, "request": request, "clients": 16}
        plan |= {"expected": ACCEPTED, "seconds": 600}
        run_load(total=QUEUED_WARM_UP, **plan)
        before, count = proc.memory_kib(box.pid, "RssAnon"), effort.of(QUEUED)
        report = run_load(total=count, **plan)
        grown = proc.memory_kib(box.pid, "RssAnon") - before
        yield {
            "name": "queued execution",
            "per_s": report["count"] / report["seconds"],
            "p50_ms": report["p50_ms"],
            "p99_ms": report["p99_ms"],
            "bytes_each": grown * KIB / count,
            "server_peak_mib": proc.memory_kib(box.pid, "VmHWM") / KIB,
        }


def measure_retention(directory: Path, effort: Effort) -> Iterator[Row]:
    """Invokes beside 100,000 executions that are being forgotten, and beside as many that stay.

    Two boxes, one after the other in short turns, so that an hour's drift meets both; one client
    until half of them are gone, then more until all are.
    """
    for name in ("calm", "forgetting"):
        (directory / name).mkdir()
        fill(directory / name / "data", effort.of(LISTED), days_ago=40)
    with (
        open_box(directory / "calm", AXIOMD_RETENTION_DAYS="0") as calm,
        open_box(directory / "forgetting") as forgetting,
    ):
        plans = {}
        for box in (calm, forgetting):
            push(box)
            graph_id = compile_flow(box, "three", ["Echo"] * STEPS)
            body = {"graph_id": graph_id, "input": SMALL, "wait": True}
            plan = {"kind": "calls", "expected": SUCCESS, "seconds": effort.seconds / 4}
            plans[box] = plan | {"request": box.request("POST", INVOKE, body)}
            run_load(port=box.port, total=0, **plans[box] | {"clients": 16})
        old = directory / "forgetting" / "data"
        for clients, left in ((1, effort.of(LISTED) // 2), (16, 0)):
            rows: dict[Server, list[Row]] = {calm: [], forgetting: []}
            while len(rows[calm]) < RETENTION_TURNS or count_old(old) > left:
                for box, plan in plans.items():
                    name = f"{'calm' if box is calm else 'forgetting'}, {clients} clients"
                    rows[box].append(measure_calls(name, box, plan | {"clients": clients}))
            middle = {box: median_row(found) for box, found in rows.items()}
            yield middle[calm]
            ratio = middle[forgetting]["p99_ms"] / middle[calm]["p99_ms"]
            yield middle[forgetting] | {"p99_of_calm": ratio}
            yield {"name": "old executions left", "executions": count_old(old)}


def median_row(rows: list[Row]) -> Row:
    """The middle of each figure."""
    return {
        key: statistics.median(row[key] for row in rows) if key != "name" else value
        for key, value in rows[0].items()
    }


def count_old(directory: Path) -> int:
    """Executions that are left of those that the store was filled with."""
    with open_store(StoreSettings(), directory, read_only=True) as store, store.read() as rows:
        executions = rows.cursor(store.tables[keys.EXECUTIONS])
        return sum(
            not decode_execution(key.hex(), value).graph_id.strip("0") for key, value in executions
        )


def measure_cancel(directory: Path, effort: Effort) -> Iterator[Row]:
    """Cancels of executions whose nodes compute in C, each timed to its receipt."""
    with open_box(directory / "cancel") as box:
        push(box)
        graph_id = compile_flow(box, "spin", ["Spin"])
        taken: list[float] = []
        with box.client() as client:
            for _ in range(effort.of(CANCEL_ROUNDS)):
                taken += _cancel_all(client, graph_id)
    ordered = sorted(taken)
    yield {
        "name": f"cancel inside C, {CANCELLED} running",
        "p50_ms": statistics.median(taken) * 1000,
        "p99_ms": ordered[int(len(ordered) * 0.99)] * 1000,
    }


def _cancel_all(client: httpx.Client, graph_id: str) -> list[float]:
    """Start executions, wait until every node runs, and cancel each; seconds they took."""
    running = [
        client.post(INVOKE, json={"graph_id": graph_id, "input": SMALL}).json()["execution_id"]
        for _ in range(CANCELLED)
    ]
    while client.get("/readyz").json()["attempts"] < CANCELLED or not all(
        client.get(f"/invocations/v1/executions/{i}/events?kind=node_started").json()["events"]
        for i in running
    ):
        time.sleep(0.05)
    # What is started is written down before the process has it; now they all have.
    time.sleep(1)
    taken = []
    for identity in running:
        began = time.perf_counter()
        answer = client.delete(f"/invocations/v1/flows/{identity}")
        taken.append(time.perf_counter() - began)
        (stopped,) = answer.json()["stopped"]
        assert stopped["how"] == "killed", stopped
    return taken


def measure_compile(directory: Path, effort: Effort) -> Iterator[Row]:
    """A large flow from its draft to its artifact, over HTTP, again and again."""
    with open_box(directory / "compile") as box:
        push(box)
        path = save_flow(box, "large", *diamonds(COMPILED))
        headers = {"Authorization": f"Bearer {box.key}"}
        taken = []
        with httpx.Client(base_url=box.url, headers=headers, timeout=60) as client:
            for _ in range(effort.of(COMPILES)):
                began = time.perf_counter()
                client.post(f"{path}/compile").raise_for_status()
                taken.append((time.perf_counter() - began) * 1000)
    yield {"name": f"compile, {COMPILED:,} placements", "p50_ms": statistics.median(taken)}


def diamonds(count: int) -> tuple[list[Row], list[Row]]:
    """Placements and edges of a chain of diamonds, with a condition and an adapter in each."""
    when = {"op": "GT", "field": "count", "value": "0"}
    nodes = [{"alias": f"n{number}", "package": ECHO, "node": "Echo"} for number in range(count)]
    edges: list[Row] = []
    for top in range(0, count - 1, 3):
        ends = [(0, 1), (0, 2), (1, 3), (2, 3)] if top + 3 < count else [(0, 1), (1, 2)]
        pairs = [(top + one, top + other) for one, other in ends if top + other < count]
        edges += [{"from": f"n{one}", "to": f"n{other}"} for one, other in pairs]
        edges[-1]["adapter"] = {"text": "text", "count": "count"}
        edges[-len(pairs)]["condition"] = when
    return nodes, edges


MEASUREMENTS: dict[str, Callable[[Path, Effort], Iterator[Row]]] = {
    "unary": measure_unary,
    "pipeline": measure_pipeline,
    "crowd": measure_crowd,
    "listing": measure_listing,
    "queued": measure_queued,
    "retention": measure_retention,
    "cancel": measure_cancel,
    "compile": measure_compile,
}
