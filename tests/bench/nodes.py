"""What a node process costs: the process runner alone, without engine, store or HTTP.

    python tests/bench/nodes.py [--quick] [--json]

Starts real node processes of a package made on the spot, in this process's own trio loop. As with
`run.py`, nothing is asserted, and figures of different hours cannot be compared; the aims are
those of a quiet machine.
"""

import argparse
import json
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import attrs
import machine
import trio
from google.protobuf.descriptor_pb2 import FileDescriptorSet
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass
from rich.console import Console
from rich.table import Table

from axiomd.authoring.generate import generate
from axiomd.authoring.protoc import compile_protos
from axiomd.execution.call import NodeCall, Output
from axiomd.flow.package import PROTO_FILE
from axiomd.runners.environment import PackageFiles
from axiomd.runners.process import ProcessRunner, open_process_runner
from axiomd.settings import RunnerSettings

PROTO = b"""
syntax = "proto3";
package bench;
message Item { string text = 1; int64 count = 2; bytes blob = 3; }
"""
NODES = {
    "echo": "def echo(ax, input): return input",
    "turn": (
        "import asyncio\nasync def turn(ax, input):\n    await asyncio.sleep(0)\n    return input"
    ),
    "rest": "import asyncio\nasync def rest(ax, input):\n    await asyncio.sleep(1000)",
    "stick": "async def stick(ax, input): sum(range(10**13))",
    "spin": "def spin(ax, input): sum(range(10**13))",
    "spout": (
        "from gen.messages_pb2 import Item\n"
        "def spout(ax, inputs):\n"
        "    first = next(inputs)\n"
        "    for number in range(first.count):\n"
        "        yield Item(count=number, blob=first.blob)"
    ),
}
FRAME_BYTES = 1024
CONCURRENCY = 64
AIMS = {
    "round trip": 120.0,
    "replacement, with a spare": 10_000.0,
    "replacement, without": 10_000.0,
    "cancel, shared and blocked in C": 250_000.0,
}
"""Microseconds at the median, but for the last one: at the 99th percentile."""

CALL = NodeCall(
    execution_id="e" * 32,
    graph_id="bench",
    tenant="bench",
    placement="p",
    position="p",
    attempt=1,
    effect_key="key",
    digest="bench",
    node="Echo",
    kind="unary",
    input_type="bench.Item",
    output_type="bench.Item",
    payload=b"",
    timeout_s=60.0,
)
Row = dict[str, Any]


def ignore(event: object) -> None:
    """An emit that forgets."""


def item(**fields: object) -> bytes:
    """An Item's bytes."""
    files = FileDescriptorSet.FromString(compile_protos(PROTO).descriptor_set).file
    pool = DescriptorPool()
    for file in files:
        pool.Add(file)
    message = GetMessageClass(pool.FindMessageTypeByName("bench.Item"))
    payload: bytes = message(**fields).SerializeToString()
    return payload


def install(directory: Path) -> PackageFiles:
    """The package of this benchmark, installed."""
    nodes = {f"nodes/{name}.py": text.encode() for name, text in NODES.items()}
    packages = PackageFiles(directory)
    packages.install("bench", {PROTO_FILE: PROTO, **nodes, **generate(compile_protos(PROTO))})
    return packages


@asynccontextmanager
async def opened(packages: PackageFiles, **changes: Any) -> AsyncIterator[ProcessRunner]:
    """A runner whose package is loaded."""
    settings = RunnerSettings(**changes)
    async with open_process_runner(settings, packages, payload_bytes_max=2**24) as runner:
        for _ in range(20):
            assert isinstance(await runner.run(CALL, ignore), Output)
        await trio.sleep(0.1)
        yield runner


def row(name: str, seconds: Sequence[float], **more: float) -> Row:
    """What one line of the table says about the times of something."""
    cuts = statistics.quantiles(seconds, n=100)
    return {"name": name, "p50_us": cuts[49] * 1e6, "p99_us": cuts[98] * 1e6, **more}


async def timed(function: Callable[[], Awaitable[object]], count: int) -> list[float]:
    """The seconds that each of so many calls took."""
    taken = []
    for _ in range(count):
        before = time.perf_counter()
        await function()
        taken.append(time.perf_counter() - before)
    return taken


async def measure_calls(packages: PackageFiles, share: float) -> AsyncIterator[Row]:
    """Small calls: one after the other, side by side, each in a process of its own."""
    payload = item(text="hello", count=7)
    async with opened(packages) as runner:
        calls = {
            "round trip": attrs.evolve(CALL, payload=payload),
            "round trip, async": attrs.evolve(CALL, node="Turn", payload=payload),
            "round trip, async that may share": attrs.evolve(
                CALL, node="Turn", payload=payload, concurrency=CONCURRENCY
            ),
        }
        for name, call in calls.items():
            yield row(name, await timed(lambda c=call: runner.run(c, ignore), int(5000 * share)))
        for name, clients in (
            ("round trip", 16),
            ("round trip, async that may share", CONCURRENCY),
        ):
            yield await measure_throughput(runner, name, calls[name], clients, 3 * share)
    for spare in (True, False):
        async with opened(packages, spare=spare) as runner:
            call = attrs.evolve(CALL, payload=payload, fresh=True)
            taken = []
            for _ in range(int(200 * share)):
                taken += await timed(lambda c=call: runner.run(c, ignore), 1)
                # The next spare gets ready meanwhile.
                await trio.sleep(0.01)
            yield row(f"fresh process, {'with' if spare else 'without'} a spare", taken)


async def measure_throughput(
    runner: ProcessRunner, name: str, call: NodeCall, clients: int, seconds: float
) -> Row:
    """Calls a second of so many clients."""
    ends = trio.current_time() + seconds
    taken: list[float] = []

    async def client() -> None:
        while trio.current_time() < ends:
            taken.extend(await timed(lambda: runner.run(call, ignore), 1))

    before = time.perf_counter()
    async with trio.open_nursery() as nursery:
        for _ in range(clients):
            nursery.start_soon(client)
    per_s = len(taken) / (time.perf_counter() - before)
    processes = runner.statistics()["processes"]
    return row(f"{name}, {clients} clients", taken, per_s=per_s, processes=processes)


async def measure_frames(packages: PackageFiles, share: float) -> AsyncIterator[Row]:
    """Frames of one generator, taken as fast as they come."""
    async with opened(packages) as runner:
        call = attrs.evolve(CALL, node="Spout", kind="pipeline")
        for size in (FRAME_BYTES, 64 * FRAME_BYTES):
            count = int((200_000 if size == FRAME_BYTES else 20_000) * share)
            async with runner.stream(call, ignore) as stream:
                await stream.send(item(count=count, blob=bytes(size)))
                received = len(await stream.receive())
                before = time.perf_counter()
                while isinstance(batch := await stream.receive(), Sequence):
                    received += len(batch)
                seconds = time.perf_counter() - before
            assert received == count
            yield {"name": f"frames of {size // 1024} KiB", "per_s": count / seconds}


async def measure_kills(packages: PackageFiles, share: float) -> AsyncIterator[Row]:
    """From a cancel to its proof, and from there to the answer of a call that comes at once."""
    plans = {
        "cancel, blocked in C": ("Spin", {}),
        "cancel, shared": ("Rest", {"concurrency": CONCURRENCY}),
        "cancel, shared and blocked in C": ("Stick", {"concurrency": CONCURRENCY}),
    }
    for spare in (True, False):
        async with opened(packages, spare=spare) as runner:
            for name, (node, changes) in plans.items():
                call = attrs.evolve(CALL, node=node, **changes)
                pairs = [await kill_one(runner, call) for _ in range(int(60 * share))]
                if spare:
                    yield row(name, [killed for killed, _ in pairs])
                if node == "Spin":
                    how = "with a spare" if spare else "without"
                    yield row(f"replacement, {how}", [replaced for _, replaced in pairs])


async def kill_one(runner: ProcessRunner, call: NodeCall) -> tuple[float, float]:
    """Seconds from the cancel of a call to its end, and of the next call."""
    scope = trio.CancelScope()
    ended = trio.Event()

    async def one() -> None:
        with scope:
            await runner.run(call, ignore)
        ended.set()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(one)
        await trio.sleep(0.03)
        before = time.perf_counter()
        scope.cancel()
        await ended.wait()
        killed = time.perf_counter() - before
        (replaced,) = await timed(lambda: runner.run(CALL, ignore), 1)
    return killed, replaced


async def measure(packages: PackageFiles, share: float, quiet: bool) -> list[Row]:
    """Every row."""
    rows = []
    for measurement in (measure_calls, measure_frames, measure_kills):
        async for found in measurement(packages, share):
            rows.append(found)
            if not quiet:
                print(f"  {text(found)}", file=sys.stderr, flush=True)
    return rows


def text(found: Row) -> str:
    figures = [f"{key} {found[key]:,.0f}" for key in ("p50_us", "p99_us", "per_s") if key in found]
    return f"{found['name']}: {', '.join(figures)}"


def table(rows: Sequence[Row]) -> Table:
    """The rows as people read them."""
    result = Table(caption="microseconds; aims are medians, that of a shared kill is the p99")
    result.add_column("", no_wrap=True)
    for title in ("p50", "p99", "per s", "processes", "aim"):
        result.add_column(title, justify="right")
    for found in rows:
        figures = [
            f"{found[key]:,.0f}" if key in found else ""
            for key in ("p50_us", "p99_us", "per_s", "processes")
        ]
        aim = AIMS.get(found["name"])
        result.add_row(found["name"], *figures, f"≤ {aim:,.0f}" if aim else "")
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure node processes on this machine.")
    parser.add_argument("--quick", action="store_true", help="a fifth of everything")
    parser.add_argument("--json", action="store_true", help="one JSON document instead of a table")
    options = parser.parse_args()
    directory = Path(tempfile.mkdtemp(prefix="axiomd-nodes-"))
    try:
        about = machine.describe(directory)
        share = 0.2 if options.quick else 1.0
        rows = trio.run(measure, install(directory), share, options.json)
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    if options.json:
        print(json.dumps({"machine": about, "rows": rows}, indent=2))
    else:
        Console(width=None if sys.stdout.isatty() else 120).print(table(rows))


if __name__ == "__main__":
    main()
