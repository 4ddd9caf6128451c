"""How node processes die, and that none outlives axiomd."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest
import trio
from node_package import answer, ask, call, ignore, install, stream_call
from runner_lab import (
    PAYLOAD_MAX,
    drain,
    open_process,
    outer_of,
    read_pid,
    run_many,
    wait_for,
    zygote_of,
)
from worlds.processes import find_process, is_alive

from axiomd.execution.call import Crashed, Lost, Output
from axiomd.runners import orphans
from axiomd.runners.process import open_process_runner
from axiomd.settings import RunnerSettings

# --- how a process ends ---------------------------------------------------------------------------


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
        assert path.exists()
        assert not read_pid(path)


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
        os.kill(find_process(first.count), signal.SIGKILL)
        await wait_for(lambda: runner.statistics()["processes"] == 0)
        second = answer((await runner.run(call("Whoami"), ignore)).payload)
        assert second.count != first.count
        assert second.text == first.text


@pytest.mark.parametrize("victim", [zygote_of, outer_of])
async def test_a_killed_zygote_loses_its_calls_and_is_started_again(packages, tmp_path, victim):
    path = tmp_path / "pid"
    outcomes = []
    async with open_process(packages) as runner:

        async def one():
            outcomes.append(await runner.run(call("Sleepy", ask(text=str(path))), ignore))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(one)
            pid = await wait_for(lambda: read_pid(path))
            os.kill(victim(runner), signal.SIGKILL)
        assert outcomes == [Lost("the package's zygote died")]
        assert not is_alive(pid)
        assert isinstance(await runner.run(call("Echo"), ignore), Output)


async def test_what_a_node_starts_dies_with_its_process(packages):
    async with open_process(packages) as runner:
        child = find_process(answer((await runner.run(call("Parent"), ignore)).payload).count)
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


async def test_a_start_that_takes_too_long_is_lost(tmp_path):
    packages = install(tmp_path, "d1")
    (tmp_path / "d1/gen/messages_pb2.py").write_text("import time; time.sleep(1000)\n")
    async with open_process(packages, start_timeout_s=0.5) as runner:
        outcome = await runner.run(call("Echo"), ignore)
        assert isinstance(outcome, Lost), "it may have had no core"
        assert "0.5 s" in outcome.reason


# --- the end of axiomd ----------------------------------------------------------------------------


async def test_nothing_is_left_when_the_runner_is_closed(packages, tmp_path):
    path = tmp_path / "pid"
    outcomes = []

    async with trio.open_nursery() as nursery:
        async with open_process(packages) as runner:
            pids = set(map(find_process, await run_many(runner, call("Nap", ask(count=30)), 4)))

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
            RunnerSettings(writable=(str(root),)), packages,
            nodes_lock_fd=lock, payload_bytes_max=2**20, data_dir=root / "data",
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


async def wait_for_nodes(root, child):
    """The two node processes of an axiomd."""
    return [await wait_for(lambda n=n: read_pid(root / n, child.pid), 20) for n in ("a", "b")]


@pytest.mark.parametrize("node", ["Sleepy", "Spin"])
async def test_node_processes_die_within_a_second_of_axiomd(packages, tmp_path, node):
    child = start_child(packages, tmp_path, node)
    try:
        pids = await wait_for_nodes(tmp_path, child)
        assert all(is_alive(pid) for pid in pids)
    finally:
        child.kill()
        child.wait()
    await wait_for(lambda: not any(is_alive(pid) for pid in pids), 1.0)


async def test_node_processes_die_within_a_second_of_axiomd_and_their_zygote(packages, tmp_path):
    child = start_child(packages, tmp_path, "Spin")
    try:
        pids = await wait_for_nodes(tmp_path, child)
        zygotes = {int(fields_of(pid)[1]) for pid in pids}
        assert child.pid not in zygotes
        for pid in zygotes:
            os.kill(pid, signal.SIGKILL)
    finally:
        child.kill()
        child.wait()
    await wait_for(lambda: not any(is_alive(pid) for pid in {*pids, *zygotes}), 1.0)


def fields_of(pid):
    """What the kernel says of a process, from its state on."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


async def test_the_nodes_lock_is_held_while_a_node_process_lives(packages, tmp_path):
    child = start_child(packages, tmp_path, "Sleepy")
    try:
        pids = await wait_for_nodes(tmp_path, child)
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
        child = find_process(answer(outcome.payload).count)
        await wait_for(lambda: child not in (held := set(orphans.holders(path))) and held)
        assert is_alive(child)
    assert not is_alive(child)
    os.close(lock)
