"""The runner contract of axiomd/runners/base.py, over every runner."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio
from chaos import Chaos, ChaosRunner
from node_package import answer, ask, call, ignore, install, messages, stream_call

from axiomd.execution.call import Crashed, Failure, Lost, NodeEvent, Output
from axiomd.limits import KIB, MIB
from axiomd.runners import orphans
from axiomd.runners.inline import InlineRunner
from axiomd.runners.process import open_process_runner
from axiomd.settings import RunnerSettings

PAYLOAD_MAX = 2 * MIB


@pytest.fixture(scope="module")
def packages(tmp_path_factory):
    return install(tmp_path_factory.mktemp("packages"), "d1", "d2")


@asynccontextmanager
async def open_process(packages, **settings):
    chosen = RunnerSettings(**settings)
    async with open_process_runner(chosen, packages, payload_bytes_max=PAYLOAD_MAX) as runner:
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
CALM = Chaos(delay=1, lose_before=0, lose_after=0, twice=0.5, late=0)


@asynccontextmanager
async def open_runner(kind, packages):
    """Any runner that keeps the whole contract; chaos without the mishaps that show."""
    if kind == "inline":
        yield INLINE
        return
    async with open_process(packages) as runner:
        yield ChaosRunner(runner, 1, CALM) if kind == "chaos" else runner


every_runner = pytest.mark.parametrize("kind", ["process", "inline", "chaos"])


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


def read_pid(path):
    return int(path.read_text() or 0) if path.exists() else 0


def is_alive(pid):
    """Whether the process runs; a zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def zygote_of(runner):
    (pool,) = runner._pools.values()
    return pool._zygote.pid


# --- every runner -------------------------------------------------------------------------------


@every_runner
async def test_a_call_ends_with_the_output_of_its_node(kind, packages):
    async with open_runner(kind, packages) as runner:
        for text in ("a", "b", "c"):
            outcome = await runner.run(call("Echo", ask(text=text)), ignore)
            assert isinstance(outcome, Output)
            assert answer(outcome.payload).text == text


@every_runner
async def test_an_exception_of_the_node_is_a_failure_with_its_traceback(kind, packages):
    async with open_runner(kind, packages) as runner:
        outcome = await runner.run(call("Fail", ask(text="tea")), ignore)
        assert isinstance(outcome, Failure)
        assert (outcome.kind, outcome.message) == ("NODE_ERROR", "ValueError: no tea")
        assert 'raise ValueError("no " + ' in outcome.detail
        if kind != "inline":
            assert outcome.detail.splitlines()[1] == '  File "nodes/fail.py", line 3, in fail'


@every_runner
async def test_a_call_that_takes_too_long_fails_with_timeout(kind, packages, tmp_path):
    async with open_runner(kind, packages) as runner:
        late = call("Sleepy", ask(text=str(tmp_path / "pid")), timeout_s=0.2)
        outcome = await runner.run(late, ignore)
        assert isinstance(outcome, Failure)
        assert outcome.kind == "TIMEOUT"
        assert "0.2 s" in outcome.message


@every_runner
async def test_cancelling_a_call_frees_the_caller(kind, packages, tmp_path):
    async with open_runner(kind, packages) as runner:
        with trio.move_on_after(0.3) as scope:
            await runner.run(call("Sleepy", ask(text=str(tmp_path / "pid"))), ignore)
        assert scope.cancelled_caught
        assert isinstance(await runner.run(call("Echo"), ignore), Output)


@every_runner
async def test_a_stream_maps_inputs_to_frames_and_ends_with_an_empty_output(kind, packages):
    async with open_runner(kind, packages) as runner:
        async with (
            runner.stream(stream_call("Upper"), ignore) as stream,
            trio.open_nursery() as nursery,
        ):

            async def feed():
                for i in range(300):
                    await stream.send(ask(text=f"a{i}"))
                await stream.send_end()

            nursery.start_soon(feed)
            frames, ending = await drain(stream)
        assert [answer(frame).text for frame in frames] == [f"A{i}" for i in range(300)]
        assert ending == Output(b"")


@every_runner
async def test_a_generator_that_raises_midway_delivers_its_frames_first(kind, packages):
    async with open_runner(kind, packages) as runner:
        async with runner.stream(stream_call("Midway"), ignore) as stream:
            frames, ending = await drain(stream)
            assert await stream.receive() == ending
            await stream.send(b"")
        assert [answer(frame).count for frame in frames] == [1, 2]
        assert (ending.kind, ending.message) == ("NODE_ERROR", "RuntimeError: midway")


@every_runner
async def test_an_unknown_node_is_a_load_error(kind, packages):
    async with open_runner(kind, packages) as runner:
        assert (await runner.run(call("Missing"), ignore)).kind == "LOAD_ERROR"


# --- what a node returns and says ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("node", "kind", "message"),
    [
        ("Wrong", "BAD_OUTPUT", "returned t.Ask, declared t.Answer"),
        ("Nothing", "BAD_OUTPUT", "returned NoneType, declared t.Answer"),
        ("Leave", "NODE_ERROR", "SystemExit: 3"),
        ("Unnamed", "LOAD_ERROR", "nodes/unnamed.py has no function unnamed"),
        ("Broken", "LOAD_ERROR", "nodes/broken.py cannot be loaded: ModuleNotFoundError: "),
        ("Syntax", "LOAD_ERROR", "nodes/syntax.py cannot be loaded: SyntaxError: "),
    ],
)
async def test_faults_of_the_node_are_told_apart(packages, node, kind, message):
    async with open_process(packages) as runner:
        outcome = await runner.run(call(node), ignore)
        assert isinstance(outcome, Failure)
        assert outcome.kind == kind
        assert outcome.message.startswith(message)
        assert isinstance(await runner.run(call("Echo"), ignore), Output)
        assert runner.statistics()["processes"] == 1


async def test_a_coroutine_handler_is_awaited(packages):
    async with open_process(packages) as runner:
        outcome = await runner.run(call("EchoAsync", ask(text="x")), ignore)
        assert answer(outcome.payload).text == "x"


async def test_the_context_tells_the_node_where_it_is(packages):
    async with open_process(packages) as runner:
        changes = {
            "config": {"k": "v"},
            "secrets": {"TOKEN": "s"},
            "reflection": '{"nodes": [{"alias": "first"}]}',
            "resume_index": 4,
        }
        for attempt in (2, 3):
            outcome = await runner.run(call("Context", **changes, attempt=attempt), ignore)
            expected = f"{'e' * 32}|G1|default|p|{attempt}|key|4|v|s|True|('', False)|first"
            assert answer(outcome.payload).text == expected
        outcome = await runner.run(call("Context", **changes | {"config": {"k": "w"}}), ignore)
        assert "|w|" in answer(outcome.payload).text


async def test_what_a_node_says_becomes_events(packages):
    said = []
    async with open_process(packages) as runner:
        outcome = await runner.run(call("Talk"), said.append)
        assert isinstance(outcome, Output)
    assert said[:3] == [
        NodeEvent("log", "info", "hello", {"a": "1", "b": "None"}),
        NodeEvent("log", "warn", "?"),
        NodeEvent("progress", "", "half", fraction=0.5),
    ]
    texts = [(event.level, event.message) for event in said[3:]]
    assert sorted(texts) == [
        ("stderr", "err"),
        ("stdout", "one"),
        ("stdout", "rest\N{REPLACEMENT CHARACTER}"),
        ("stdout", "two"),
    ]


async def test_large_payloads_pass_and_larger_ones_fail(packages):
    async with open_process(packages) as runner:
        blob = os.urandom(MIB)
        outcome = await runner.run(call("Echo", ask(blob=blob)), ignore)
        assert answer(outcome.payload).blob == blob
        outcome = await runner.run(call("Big", ask(count=PAYLOAD_MAX)), ignore)
        assert outcome.kind == "PAYLOAD_TOO_LARGE"
        assert str(PAYLOAD_MAX) in outcome.message
        assert isinstance(await runner.run(call("Echo"), ignore), Output)


# --- how a process ends -------------------------------------------------------------------------


@pytest.mark.parametrize("node", ["Sleepy", "Spin"])
async def test_cancelling_returns_only_when_the_process_is_dead(packages, tmp_path, node):
    """In time.sleep, and in a C loop that holds the GIL."""
    path = tmp_path / "pid"
    async with open_process(packages) as runner:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(runner.run, call(node, ask(text=str(path))), ignore)
            pid = await wait_for(lambda: read_pid(path))
            assert is_alive(pid)
            nursery.cancel_scope.cancel()
        assert not is_alive(pid)
        assert runner.statistics()["calls_in_flight"] == 0
        assert isinstance(await runner.run(call("Echo"), ignore), Output)


async def test_a_timeout_leaves_no_process_behind(packages, tmp_path):
    path = tmp_path / "pid"
    async with open_process(packages) as runner:
        outcome = await runner.run(call("Spin", ask(text=str(path)), timeout_s=0.3), ignore)
        assert outcome.kind == "TIMEOUT"
        assert not is_alive(read_pid(path))


@pytest.mark.parametrize(
    ("node", "reason"),
    [
        ("Segfault", "SIGSEGV"),
        ("ExitSeven", "exit 7"),
        ("HangUp", "closed its connection to axiomd"),
        ("Babble", "broke the protocol: "),
    ],
)
async def test_a_process_that_dies_by_its_own_doing_has_crashed(packages, node, reason):
    async with open_process(packages) as runner:
        for _ in range(2):
            outcome = await runner.run(call(node), ignore)
            assert isinstance(outcome, Crashed)
            assert outcome.reason.startswith(reason)
            assert isinstance(await runner.run(call("Echo"), ignore), Output)


async def test_a_process_killed_from_outside_is_lost(packages, tmp_path):
    path = tmp_path / "pid"
    outcomes = []
    async with open_process(packages) as runner:

        async def one():
            outcomes.append(await runner.run(call("Sleepy", ask(text=str(path))), ignore))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(one)
            os.kill(await wait_for(lambda: read_pid(path)), signal.SIGKILL)
        assert outcomes == [Lost("killed by SIGKILL")]
        assert isinstance(await runner.run(call("Echo"), ignore), Output)


async def test_an_idle_process_killed_from_outside_is_replaced(packages):
    async with open_process(packages) as runner:
        first = answer((await runner.run(call("Whoami"), ignore)).payload)
        os.kill(first.count, signal.SIGKILL)
        await wait_for(lambda: runner.statistics()["processes"] == 0)
        second = answer((await runner.run(call("Whoami"), ignore)).payload)
        assert second.count != first.count
        assert second.text == first.text


async def test_a_killed_zygote_loses_its_calls_and_is_started_again(packages, tmp_path):
    path = tmp_path / "pid"
    outcomes = []
    async with open_process(packages) as runner:

        async def one():
            outcomes.append(await runner.run(call("Sleepy", ask(text=str(path))), ignore))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(one)
            pid = await wait_for(lambda: read_pid(path))
            os.kill(zygote_of(runner), signal.SIGKILL)
        assert outcomes == [Lost("the package's zygote died")]
        assert not is_alive(pid)
        assert isinstance(await runner.run(call("Echo"), ignore), Output)


async def test_what_a_node_starts_dies_with_its_process(packages):
    async with open_process(packages) as runner:
        child = answer((await runner.run(call("Parent"), ignore)).payload).count
        assert is_alive(child)
    await wait_for(lambda: not is_alive(child))


async def test_a_package_that_cannot_be_loaded_says_why_and_is_not_tried_in_a_loop(tmp_path):
    packages = install(tmp_path, "d1")
    (tmp_path / "d1/gen/messages_pb2.py").write_text("raise RuntimeError('no messages')\n")
    async with open_process(packages) as runner:
        started = time.monotonic()
        for _ in range(50):
            outcome = await runner.run(call("Echo"), ignore)
            assert outcome.kind == "LOAD_ERROR"
            assert "exit 1" in outcome.message
            assert "RuntimeError: no messages" in outcome.detail
        async with runner.stream(stream_call("Upper"), ignore) as stream:
            await stream.send(b"")
            assert await drain(stream) == ([], outcome)
        assert time.monotonic() - started < 5


async def test_a_package_that_is_not_installed_is_a_load_error(packages):
    async with open_process(packages) as runner:
        outcome = await runner.run(call("Echo", digest="absent"), ignore)
        assert outcome.kind == "LOAD_ERROR"
        assert "absent" in outcome.message


async def test_a_package_that_takes_too_long_to_load_is_given_up(tmp_path):
    packages = install(tmp_path, "d1")
    (tmp_path / "d1/gen/messages_pb2.py").write_text("import time; time.sleep(1000)\n")
    async with open_process(packages, start_timeout_s=0.5) as runner:
        outcome = await runner.run(call("Echo"), ignore)
        assert (outcome.kind, "0.5 s" in outcome.message) == ("LOAD_ERROR", True)


# --- streams ------------------------------------------------------------------------------------


async def test_frames_that_nobody_receives_stay_in_the_node(packages):
    async with open_process(packages) as runner:
        async with runner.stream(stream_call("Count"), ignore) as stream:
            await stream.send(ask(count=100_000, blob=bytes(KIB)))
            frames = list(await stream.receive())
            await trio.sleep(0.2)
            (worker,) = runner._pools["d1"]._alive
            wchan = Path(f"/proc/{worker.pid}/stat").read_text().rpartition(")")[2].split()[0]
            assert wchan == "S"
            rest, ending = await drain(stream)
        assert ending == Output(b"")
        counts = [answer(frame).count for frame in frames + rest]
        assert counts == list(range(100_000))


async def test_sending_waits_while_the_node_does_not_read(packages):
    async with open_process(packages) as runner:
        async with runner.stream(stream_call("Count"), ignore) as stream:
            with trio.move_on_after(0.5) as scope:
                for _ in range(1000):
                    await stream.send(ask(count=10**9, blob=bytes(64 * KIB)))
            assert scope.cancelled_caught
        assert runner.statistics()["processes"] == 0


async def test_an_asynchronous_generator_streams_too(packages):
    async with open_process(packages) as runner:
        async with runner.stream(stream_call("CountAsync"), ignore) as stream:
            for _ in range(3):
                await stream.send(ask(count=10))
                await trio.sleep(0.01)
            await stream.send_end()
            frames, ending = await drain(stream)
        assert [answer(frame).count for frame in frames] == [*range(10)] * 3
        assert ending == Output(b"")


@pytest.mark.parametrize(
    ("node", "frames", "ending"),
    [
        (
            "WrongFrame",
            1,
            Failure("BAD_OUTPUT", "returned str, declared t.Answer"),
        ),
        (
            "NoGenerator",
            0,
            Failure("BAD_OUTPUT", "returned NoneType, declared a generator of t.Answer"),
        ),
        ("DieMidway", 1, Crashed("exit 9")),
    ],
)
async def test_a_stream_ends_with_what_befell_its_node(packages, node, frames, ending):
    async with open_process(packages) as runner:
        async with runner.stream(stream_call(node), ignore) as stream:
            received, found = await drain(stream)
        assert (len(received), found) == (frames, ending)


async def test_a_stream_that_falls_silent_times_out(packages):
    async with open_process(packages) as runner:
        async with runner.stream(stream_call("Silent", timeout_s=0.3), ignore) as stream:
            received, found = await drain(stream)
        assert (len(received), found.kind) == (1, "TIMEOUT")


async def test_a_stream_that_waits_for_its_inputs_is_not_silent(packages):
    async with open_process(packages) as runner:
        async with (
            runner.stream(stream_call("Upper", timeout_s=0.2), ignore) as stream,
            trio.open_nursery() as nursery,
        ):

            async def feed():
                for _ in range(2):
                    await trio.sleep(0.5)
                    await stream.send(ask(text="a"))
                await stream.send_end()

            nursery.start_soon(feed)
            frames, ending = await drain(stream)
        assert (len(frames), ending) == (2, Output(b""))


async def test_leaving_a_stream_kills_its_node(packages, tmp_path):
    async with open_process(packages) as runner:
        async with runner.stream(stream_call("Silent"), ignore) as stream:
            await stream.receive()
            (worker,) = runner._pools["d1"]._alive
        assert not is_alive(worker.pid)


async def test_inputs_that_a_node_ignored_do_not_reach_the_next_call(packages):
    async with open_process(packages, processes_max=1) as runner:
        for _ in range(3):
            async with runner.stream(stream_call("IgnoreInputs"), ignore) as stream:
                await stream.send(ask(text="lost"))
                frames, ending = await drain(stream)
                assert (len(frames), ending) == (1, Output(b""))
                await stream.send(ask(text="late"))
            outcome = await runner.run(call("Echo", ask(text="mine")), ignore)
            assert answer(outcome.payload).text == "mine"
        assert runner.statistics()["processes"] == 1


# --- the pool -----------------------------------------------------------------------------------


async def run_many(runner, node_call, count):
    pids = set()

    async def one():
        pids.add(answer((await runner.run(node_call, ignore)).payload).count)

    async with trio.open_nursery() as nursery:
        for _ in range(count):
            nursery.start_soon(one)
    return pids


async def test_short_calls_do_not_make_the_pool_grow(packages):
    async with open_process(packages, grow_after_ms=500.0) as runner:
        assert len(await run_many(runner, call("Whoami"), 500)) <= 2
        assert runner.statistics()["processes"] <= 2


async def test_blocking_calls_get_processes_of_their_own_up_to_the_bound(packages):
    async with open_process(packages, processes_max=6) as runner:
        nap = call("Nap", ask(count=300))
        async with trio.open_nursery() as nursery:
            nursery.start_soon(run_many, runner, nap, 20)
            await wait_for(lambda: runner.statistics()["calls_in_flight"] == 6)
            assert runner.capacity() == 0
            assert runner.statistics()["processes"] == 6
        assert runner.capacity() == 6


async def test_a_short_call_does_not_wait_for_long_computations(packages, tmp_path):
    async with open_process(packages) as runner, trio.open_nursery() as nursery:
        for name in ("a", "b", "c"):
            spin = call("Spin", ask(text=str(tmp_path / name)))
            nursery.start_soon(runner.run, spin, ignore)
        assert isinstance(await runner.run(call("Echo"), ignore), Output)
        nursery.cancel_scope.cancel()


async def test_waiting_calls_are_served_in_order(packages):
    served = []
    async with open_process(packages, processes_max=1) as runner:

        async def one(i):
            await runner.run(call("Nap", ask(count=5)), ignore)
            served.append(i)

        async with trio.open_nursery() as nursery:
            for i in range(10):
                nursery.start_soon(one, i)
                await trio.sleep(0.001)
    assert served == list(range(10))


async def test_a_waiting_call_that_is_cancelled_leaves_the_queue(packages):
    async with open_process(packages, processes_max=1) as runner:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(runner.run, call("Nap", ask(count=200)), ignore)
            await wait_for(lambda: runner.statistics()["calls_in_flight"] == 1)
            with trio.move_on_after(0.02):
                await runner.run(call("Echo"), ignore)
            assert runner.statistics()["calls_waiting"] == 0
        assert isinstance(await runner.run(call("Echo"), ignore), Output)


async def test_an_idle_process_makes_room_for_another_package(packages):
    async with open_process(packages, processes_max=1) as runner:
        for digest in ("d1", "d2", "d1"):
            assert isinstance(await runner.run(call("Echo", digest=digest), ignore), Output)
            assert runner.statistics()["processes"] == 1


async def test_a_busy_package_does_not_starve_another(packages):
    async with open_process(packages, processes_max=1) as runner, trio.open_nursery() as nursery:
        nursery.start_soon(run_many, runner, call("Nap", ask(count=20)), 500)
        await wait_for(lambda: runner.statistics()["calls_in_flight"] == 1)
        outcome = await runner.run(call("Echo", digest="d2"), ignore)
        assert isinstance(outcome, Output)
        nursery.cancel_scope.cancel()


async def test_idle_processes_end_but_for_one(packages):
    async with open_process(packages, idle_s=0.2) as runner:
        await run_many(runner, call("Nap", ask(count=50)), 4)
        assert runner.statistics()["processes"] > 1
        await wait_for(lambda: runner.statistics()["processes"] == 1)


# --- the end of axiomd --------------------------------------------------------------------------


async def test_nothing_is_left_when_the_runner_is_closed(packages, tmp_path):
    path = tmp_path / "pid"
    outcomes = []

    async with trio.open_nursery() as nursery:
        async with open_process(packages) as runner:
            pids = await run_many(runner, call("Nap", ask(count=30)), 4)

            async def one():
                outcomes.append(await runner.run(call("Spin", ask(text=str(path))), ignore))

            nursery.start_soon(one)
            pids |= {await wait_for(lambda: read_pid(path)), zygote_of(runner)}
        assert not [pid for pid in pids if is_alive(pid)]
    assert outcomes == [Lost("axiomd is stopping")]
    assert await runner.run(call("Echo"), ignore) == Lost("axiomd is stopping")


async def test_a_cancelled_runner_closes_too(packages):
    with trio.CancelScope() as scope:
        async with open_process(packages) as runner:
            await runner.run(call("Echo"), ignore)
            pid = zygote_of(runner)
            scope.cancel()
            await trio.sleep_forever()
    assert not is_alive(pid)


CHILD = """
    import sys, pathlib, trio
    from axiomd.runners.environment import PackageFiles
    from axiomd.runners.orphans import wait_for_predecessors
    from axiomd.runners.process import open_process_runner
    from axiomd.settings import RunnerSettings
    sys.path.insert(0, {here!r})
    from node_package import ask, call, ignore
    root = pathlib.Path({root!r})
    async def main():
        lock = wait_for_predecessors(root / "nodes.lock")
        packages = PackageFiles(pathlib.Path({packages!r}))
        async with open_process_runner(
            RunnerSettings(), packages, nodes_lock_fd=lock, payload_bytes_max=2**20
        ) as runner:
            async with trio.open_nursery() as nursery:
                for name in ("a", "b"):
                    node = call({node!r}, ask(text=str(root / name)), timeout_s=900)
                    nursery.start_soon(runner.run, node, ignore)
    trio.run(main)
"""


def start_child(packages, root, node):
    values = {"here": str(Path(__file__).parent), "root": str(root), "node": node}
    code = textwrap.dedent(CHILD).format(packages=str(packages._root), **values)
    return subprocess.Popen([sys.executable, "-c", code])


@pytest.mark.parametrize("node", ["Sleepy", "Spin"])
async def test_node_processes_die_within_a_second_of_axiomd(packages, tmp_path, node):
    child = start_child(packages, tmp_path, node)
    try:
        pids = [await wait_for(lambda n=n: read_pid(tmp_path / n), 20) for n in ("a", "b")]
        assert all(is_alive(pid) for pid in pids)
    finally:
        child.kill()
        child.wait()
    await wait_for(lambda: not any(is_alive(pid) for pid in pids), 1.0)


async def test_the_nodes_lock_is_held_while_a_node_process_lives(packages, tmp_path):
    child = start_child(packages, tmp_path, "Sleepy")
    try:
        pids = [await wait_for(lambda n=n: read_pid(tmp_path / n), 20) for n in ("a", "b")]
        holders = set(orphans.holders(tmp_path / "nodes.lock"))
        assert {child.pid, *pids} < holders
        os.kill(child.pid, signal.SIGKILL)
        fd = orphans.wait_for_predecessors(tmp_path / "nodes.lock")
        try:
            assert not any(is_alive(pid) for pid in holders - {child.pid})
        finally:
            os.close(fd)
    finally:
        child.kill()
        child.wait()


async def test_a_program_that_a_node_starts_does_not_hold_the_nodes_lock(packages, tmp_path):
    path = tmp_path / "nodes.lock"
    lock = orphans.wait_for_predecessors(path)
    async with open_process_runner(
        RunnerSettings(), packages, nodes_lock_fd=lock, payload_bytes_max=PAYLOAD_MAX
    ) as runner:
        outcome = await runner.run(call("Parent", ask(text="session")), ignore)
        child = answer(outcome.payload).count
        try:
            await wait_for(lambda: child not in (held := set(orphans.holders(path))) and held)
            assert is_alive(child)
        finally:
            os.kill(child, signal.SIGKILL)
    os.close(lock)


# --- chaos --------------------------------------------------------------------------------------


async def test_chaos_answers_late_loses_and_repeats():
    runs = []

    async def node(node_call, emit):
        runs.append(node_call.attempt)
        await trio.sleep(0.001)
        return b"out"

    runner = ChaosRunner(InlineRunner({"Echo": node}), seed=7)
    outcomes = []
    for attempt in range(200):
        with trio.move_on_after(0.005):
            outcomes.append(await runner.run(call("Echo", attempt=attempt), ignore))
    assert set(runner.mishaps) == {"delay", "lose_before", "lose_after", "twice", "late"}
    assert {Output(b"out"), Lost("chaos: before it ran"), Lost("chaos: after it ran")} == set(
        outcomes
    )
    assert len(runs) != len(set(runs))


async def test_the_same_seed_brings_the_same_chaos():
    seen = []
    for _ in range(2):
        runner = ChaosRunner(INLINE, 3, Chaos(delay=0))
        seen.append([await runner.run(call("Echo"), ignore) for _ in range(50)])
    assert seen[0] == seen[1]


async def test_chaos_loses_streams_between_frames_and_after_the_end(packages):
    endings = set()
    async with open_process(packages) as inner:
        runner = ChaosRunner(inner, 1, Chaos(lose_before=0.5, lose_after=0.5))
        for _ in range(30):
            async with runner.stream(stream_call("Count"), ignore) as stream:
                await stream.send(ask(count=20))
                frames, ending = await drain(stream)
                assert [answer(frame).count for frame in frames] == list(range(len(frames)))
                endings.add(ending)
    assert endings == {
        Output(b""),
        Lost("chaos: between two frames"),
        Lost("chaos: after its end"),
    }
