"""What node code starts dies with its process: in any session, let go of or not, however it ends.

With namespaces of processes, and without (`off`), where the zygote finds and kills what is left.
"""

import os
import signal
import subprocess
import sys
import textwrap
from functools import partial
from pathlib import Path

import pytest
import trio
from node_package import call, ignore
from runner_lab import every_sandbox, execute, open_process, outer_of, wait_for, zygote_of
from worlds.processes import below, below_own_runners, is_alive

from axiomd.execution.call import Lost, Output
from axiomd.runners.sandbox import find_abilities

open_alone = partial(open_process, spare=False)
every_way = pytest.mark.parametrize("sandbox", ["auto", "off"])

LET_GO = """
    import os, subprocess, time
    def beat(path):
        # A daemon: a session of its own, and nobody's child.
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                os.closerange(0, 100)
                while True:
                    open(path, "w").close()
                    time.sleep(0.01)
            os._exit(0)
        os.wait()
    beat("{root}/daemon")
    inner = "setsid sh -c 'echo > {root}/inner; exec sleep 1000' &"
    subprocess.Popen(["sh", "-c", inner + " echo > {root}/outer; exec sleep 1000"])
    while not all(map(os.path.exists, ["{root}/daemon", "{root}/inner", "{root}/outer"])):
        time.sleep(0.01)
    open("{root}/ready", "w").close()
"""
TREE = 4
"""The node process, the daemon and the two that sleep."""


def let_go(root):
    """Code that starts a daemon, a child, and a grandchild in a session of its own."""
    return textwrap.dedent(LET_GO).format(root=root)


def sleepers(ancestor=None):
    """The descendants of this process, zygotes apart, and theirs."""
    found = below_own_runners() if ancestor is None else below(ancestor)
    return {pid for pid in found if is_alive(pid)}


async def started(root):
    await wait_for((root / "ready").exists, 20)


@every_way
async def test_a_tree_dies_with_its_process_and_only_that_tree(packages, tmp_path, sandbox):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    async with open_alone(packages, sandbox=sandbox) as runner, trio.open_nursery() as nursery:

        async def one(name):
            await execute(runner, let_go(tmp_path / name) + "\ntime.sleep(1000)")

        nursery.start_soon(one, "a")
        await started(tmp_path / "a")
        others = sleepers()
        assert len(others) >= TREE + 1
        with trio.CancelScope() as cancelled:
            async with trio.open_nursery() as inner:
                inner.start_soon(one, "b")
                await started(tmp_path / "b")
                mine = sleepers() - others
                assert len(mine) >= TREE
                cancelled.cancel()
        assert not [pid for pid in mine if is_alive(pid)], "the answer came before the end"
        assert all(is_alive(pid) for pid in others)
        nursery.cancel_scope.cancel()
    assert not [pid for pid in others if is_alive(pid)]


@every_way
@pytest.mark.parametrize("end", ["os._exit(7)", "os.kill(os.getpid(), 11)", "pass"])
async def test_a_tree_dies_however_its_process_ends(packages, tmp_path, sandbox, end):
    async with open_alone(packages, sandbox=sandbox) as runner:
        await execute(runner, let_go(tmp_path) + f"\n{end}")
        await started(tmp_path)
        (pool,) = runner._pools.values()
        if pool.idle:
            pool.retire(pool.idle[0])
        await wait_for(lambda: sleepers() <= {outer_of(runner), zygote_of(runner)})
        assert isinstance(await runner.run(call("Echo"), ignore), Output)


@every_way
@pytest.mark.parametrize("victim", [zygote_of, outer_of])
async def test_a_tree_dies_with_its_zygote(packages, tmp_path, sandbox, victim):
    async with open_alone(packages, sandbox=sandbox) as runner:
        await execute(runner, let_go(tmp_path))
        await started(tmp_path)
        tree = sleepers()
        os.kill(victim(runner), signal.SIGKILL)
        await wait_for(lambda: not any(is_alive(pid) for pid in tree), 1.0)
        with trio.fail_after(10):
            # Calls that still met the dead one are lost, and would be delivered again.
            while isinstance(outcome := await runner.run(call("Echo"), ignore), Lost):
                pass
        assert isinstance(outcome, Output)


@every_sandbox
async def test_a_tree_dies_with_bubblewrap_around_it_too(packages, tmp_path, sandbox):
    async with open_alone(packages, sandbox=sandbox) as runner:
        await execute(runner, let_go(tmp_path))
        await started(tmp_path)
        tree = sleepers()
        (pool,) = runner._pools.values()
        pool.retire(pool.idle[0])
        await wait_for(lambda: sum(is_alive(pid) for pid in tree) <= 3)


CHILD = """
    import sys, pathlib, trio
    from axiomd.runners.environment import PackageFiles
    from axiomd.runners.process import open_process_runner
    from axiomd.settings import RunnerSettings
    sys.path[:0] = {path!r}
    from runner_lab import execute
    root = pathlib.Path({root!r})
    async def main():
        settings = RunnerSettings(sandbox={sandbox!r}, writable=(str(root),))
        packages = PackageFiles(pathlib.Path({packages!r}))
        async with open_process_runner(
            settings, packages, payload_bytes_max=2**20, data_dir=root / "data"
        ) as runner:
            await execute(runner, {code!r}, timeout_s=900)
    trio.run(main)
"""


@pytest.fixture
def axiomd(packages, tmp_path, sandbox):
    """A process with a runner, in which a node has let go of others and sleeps."""
    here = Path(__file__).parent
    code = textwrap.dedent(CHILD).format(
        path=[str(here), str(here.parent)],
        root=str(tmp_path),
        packages=str(packages._root),
        sandbox=sandbox,
        code=let_go(tmp_path) + "\ntime.sleep(1000)",
    )
    with subprocess.Popen([sys.executable, "-c", code]) as process:
        yield process
        process.kill()


@every_way
async def test_a_tree_dies_within_a_second_of_axiomd(axiomd, tmp_path, sandbox):
    await started(tmp_path)
    tree = sleepers(axiomd.pid)
    assert len(tree) >= TREE + 1
    axiomd.kill()
    await wait_for(lambda: not any(is_alive(pid) for pid in tree), 1.0)


@pytest.mark.parametrize("sandbox", ["auto"])
@pytest.mark.skipif(not find_abilities().way, reason="no namespaces here")
async def test_a_tree_dies_within_a_second_of_axiomd_and_its_zygote(axiomd, tmp_path, sandbox):
    await started(tmp_path)
    tree = sleepers(axiomd.pid)
    assert len(tree) >= TREE + 1
    for pid in (axiomd.pid, next(below(axiomd.pid))):
        os.kill(pid, signal.SIGKILL)
    await wait_for(lambda: not any(is_alive(pid) for pid in tree), 1.0)
