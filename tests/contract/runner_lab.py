"""The runners that the contract is held against, and how a test sees their processes."""

from collections.abc import Sequence
from contextlib import asynccontextmanager
from tempfile import gettempdir
from textwrap import dedent

import pytest
import trio
from chaos import Chaos, ChaosRunner
from node_package import answer, ask, call, ignore, messages
from worlds.processes import below, find_process, own_number
from worlds.vaults import manifest, open_provision

from axiomd.engine.secretive import SecretiveRunner
from axiomd.execution.call import Output
from axiomd.flow.package import EnvSpec
from axiomd.limits import MIB
from axiomd.runners.inline import InlineRunner
from axiomd.runners.process import open_process_runner
from axiomd.runners.sandbox import why_no_bubblewrap
from axiomd.settings import RunnerSettings

PAYLOAD_MAX = 2 * MIB


@asynccontextmanager
async def open_process(packages, data_dir=None, **settings):
    # Nodes of tests write to the tests' own directories.
    chosen = RunnerSettings(**{"writable": (gettempdir(),), **settings})
    async with open_process_runner(
        chosen, packages, payload_bytes_max=PAYLOAD_MAX, data_dir=data_dir
    ) as runner:
        yield runner


async def inline_echo(call, emit):
    return messages()["t.Answer"](text=messages()["t.Ask"].FromString(call.payload).text)


async def inline_bytes(call, emit):
    return (await inline_echo(call, emit)).SerializeToString()


async def inline_fail(call, emit):
    raise ValueError("no " + messages()["t.Ask"].FromString(call.payload).text)


async def inline_sleepy(call, emit):
    await trio.sleep(1000)
    return b""


async def inline_upper(call, emit, inputs):
    async for item in inputs:
        text = messages()["t.Ask"].FromString(item).text.upper()
        yield messages()["t.Answer"](text=text).SerializeToString()


async def inline_midway(call, emit, inputs):
    yield messages()["t.Answer"](count=1).SerializeToString()
    yield messages()["t.Answer"](count=2).SerializeToString()
    raise RuntimeError("midway")


INLINE = InlineRunner(
    {"Echo": inline_bytes, "Fail": inline_fail, "Sleepy": inline_sleepy},
    {"Upper": inline_upper, "Midway": inline_midway},
)

ALWAYS_SECRET = manifest({}, EnvSpec("TOKEN", secret=True))
CALM = Chaos(delay=1, lose_before=0, lose_after=0, twice=0.5, late=0)


@asynccontextmanager
async def open_runner(kind, packages):
    """Any runner that keeps the whole contract; chaos without the mishaps that show."""
    if kind == "inline":
        yield INLINE
        return
    async with open_process(packages) as runner:
        match kind:
            case "chaos":
                yield ChaosRunner(runner, 1, CALM)
            case "secretive":
                async with open_provision(ALWAYS_SECRET, TOKEN="not to be told") as provision:
                    yield SecretiveRunner(runner, provision)
            case _:
                yield runner


why_not = why_no_bubblewrap()
every_sandbox = pytest.mark.parametrize(
    "sandbox",
    [
        pytest.param("auto"),
        pytest.param("strict", marks=pytest.mark.skipif(bool(why_not), reason=why_not)),
    ],
)

every_runner = pytest.mark.parametrize("kind", ["process", "inline", "chaos", "secretive"])


async def drain(stream):
    """All frames of a stream and how it ended."""
    frames = []
    while isinstance(batch := await stream.receive(), Sequence):
        frames.extend(batch)
    return frames, batch


async def wait_for(condition, seconds=5.0):
    """Poll until `condition()` is true."""
    with trio.fail_after(seconds):
        while not (found := condition()):
            await trio.sleep(0.005)
    return found


def read_pid(path, ancestor=None):
    """The process that wrote its number to `path`, as this one knows it; 0 for none yet."""
    return find_process(int(path.read_text() or 0), ancestor) if path.exists() else 0


def outer_of(runner):
    """The process of the only zygote that axiomd itself has started."""
    (pool,) = runner._pools.values()
    return pool._zygote.pid


def zygote_of(runner):
    """The process that forks: the same, or the first one in a namespace of processes."""
    outer = outer_of(runner)
    return next((pid for pid in below(outer) if own_number(pid) == 1), outer)


async def execute(runner, code, **changes):
    """Run Python text as a node: the text of its `result`, or how else the call ended."""
    outcome = await runner.run(call("Execute", ask(text=dedent(code)), **changes), ignore)
    return answer(outcome.payload).text if isinstance(outcome, Output) else outcome


async def run_many(runner, node_call, count):
    pids = set()

    async def one():
        pids.add(answer((await runner.run(node_call, ignore)).payload).count)

    async with trio.open_nursery() as nursery:
        for _ in range(count):
            nursery.start_soon(one)
    return pids
