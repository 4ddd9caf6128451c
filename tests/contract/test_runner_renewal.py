"""Processes that have run nothing, have run enough, stand ready, or are not needed any more."""

import gc
import os
import signal
import weakref

import pytest
import trio
from node_package import answer, ask, call, ignore, install, stream_call
from runner_lab import drain, open_process, run_many, wait_for, zygote_of
from test_runner_beside import shared
from worlds.processes import is_alive

from axiomd.execution.call import Output
from axiomd.limits import MIB


async def number_of(runner, node="Whoami", payload=b"", **changes):
    """What the process that a call gets calls itself."""
    outcome = await runner.run(call(node, payload, **changes), ignore)
    return answer(outcome.payload).count


def used(runner):
    """The processes that have run something, as this one knows them."""
    return {worker.pid for worker in runner._pool("default", "d1")._alive if worker.wear.calls}


# --- fresh ----------------------------------------------------------------------------------------


async def test_a_fresh_call_gets_a_process_that_has_run_nothing(packages):
    async with open_process(packages) as runner:
        counted = []

        async def one(fresh):
            outcome = await runner.run(call("First", fresh=fresh), ignore)
            if fresh:
                counted.append(answer(outcome.payload).count)

        for _ in range(3):
            await one(False)
            await one(True)
        async with trio.open_nursery() as nursery:
            for number in range(30):
                nursery.start_soon(one, number % 3 != 0)
        assert counted == [1] * 23


async def test_the_process_of_a_fresh_call_is_dead_soon_after(packages):
    async with open_process(packages) as runner:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(runner.run, call("Nap", ask(count=50), fresh=True), ignore)
            (pid,) = await wait_for(lambda: used(runner))
        await wait_for(lambda: not is_alive(pid))
        async with runner.stream(stream_call("Count", fresh=True), ignore) as stream:
            await stream.send(ask(count=1))
            (pid,) = used(runner)
            await drain(stream)
        await wait_for(lambda: not is_alive(pid))


@pytest.mark.parametrize("processes_max", [1, 2])
async def test_fresh_calls_and_others_do_not_starve_each_other(packages, processes_max):
    async with (
        open_process(packages, processes_max=processes_max) as runner,
        trio.open_nursery() as nursery,
    ):
        ended = {False: 0, True: 0}

        async def keep_busy(fresh):
            while True:
                outcome = await runner.run(call("Nap", ask(count=1), fresh=fresh), ignore)
                assert isinstance(outcome, Output)
                ended[fresh] += 1

        for fresh in (True, False):
            for _ in range(4):
                nursery.start_soon(keep_busy, fresh)
        await wait_for(lambda: min(ended.values()) >= 20, 20)
        nursery.cancel_scope.cancel()


# --- worn -----------------------------------------------------------------------------------------


async def test_a_process_is_replaced_after_its_number_of_calls(packages):
    async with open_process(packages, calls_max=3, processes_initial=1) as runner:
        seen = set()
        numbers = []
        for _ in range(9):
            numbers.append(await number_of(runner))
            seen |= used(runner)
        assert [numbers.count(number) for number in dict.fromkeys(numbers)] == [3, 3, 3]
        await wait_for(lambda: not any(is_alive(pid) for pid in seen))


async def test_a_process_that_gathers_memory_is_replaced(packages):
    async with open_process(packages, growth_mib_max=64) as runner:
        numbers = [await number_of(runner, "Hoard", ask(count=16 * MIB)) for _ in range(12)]
        assert len(set(numbers)) > 1
        assert all(numbers.count(number) <= 6 for number in numbers)
        small = [await number_of(runner, "Hoard", ask(count=16)) for _ in range(40)]
        assert len(set(small)) <= 2


async def test_a_shared_process_is_replaced_although_it_is_never_empty(packages):
    async with open_process(packages, calls_max=20) as runner, trio.open_nursery() as nursery:
        pids = set()

        async def keep_busy():
            while True:
                outcome = await runner.run(shared("Meet", ask(count=1)), ignore)
                pids.add(answer(outcome.payload).count)

        for _ in range(4):
            nursery.start_soon(keep_busy)
        await wait_for(lambda: len(pids) >= 5)
        nursery.cancel_scope.cancel()


# --- spare ----------------------------------------------------------------------------------------


async def test_a_spare_takes_the_place_of_a_process_that_was_killed(packages):
    async with open_process(packages) as runner:
        pool = runner._pool("default", "d1")
        for _ in range(2):
            await number_of(runner)
        for _ in range(5):
            await wait_for(lambda: any(not worker.wear.calls for worker in pool.idle))
            ready = set(pool.idle)
            with trio.move_on_after(0.05):
                await runner.run(call("Nap", ask(count=10_000)), ignore)
            await number_of(runner)
            assert pool.idle[-1] in ready
            assert len(pool.idle) <= 2


async def test_a_spare_is_not_started_where_another_process_would_have_to_go(packages):
    async with open_process(packages, processes_max=2) as runner:
        for digest in ("d1", "d2", "d1", "d2"):
            await number_of(runner, digest=digest)
        numbers = {digest: await number_of(runner, digest=digest) for digest in ("d1", "d2")}
        for digest in ("d1", "d2"):
            assert await number_of(runner, digest=digest) == numbers[digest]
        assert runner.statistics()["processes"] == 2


async def test_a_spare_that_dies_is_not_replaced_in_a_loop(packages):
    async with open_process(packages) as runner, trio.open_nursery() as nursery:
        pool = runner._pool("default", "d1")
        await number_of(runner)
        nursery.start_soon(runner.run, call("Nap", ask(count=500)), ignore)
        await wait_for(lambda: runner.statistics()["calls_in_flight"] == 1)
        (spare,) = await wait_for(lambda: pool.idle)
        os.kill(spare.pid, signal.SIGKILL)
        await wait_for(lambda: not pool.idle)
        await trio.sleep(0.1)
        assert (pool.size, pool.idle) == (1, [])
        await wait_for(lambda: len(pool.idle) == 1)
        await number_of(runner)
        await wait_for(lambda: len(pool.idle) == 2)


# --- not needed -----------------------------------------------------------------------------------


async def test_a_package_that_is_not_used_is_unloaded_and_comes_back(packages):
    async with open_process(packages, zygote_idle_s=0.2) as runner:
        for _ in range(2):
            await number_of(runner)
            pids = {zygote_of(runner), *used(runner)}
            assert all(is_alive(pid) for pid in pids)
            await wait_for(lambda: runner.statistics()["zygotes"] == 0)
            await wait_for(lambda pids=pids: not any(is_alive(pid) for pid in pids))
            assert runner._pools == {}


async def test_a_package_in_use_is_not_unloaded(packages):
    async with open_process(packages, zygote_idle_s=0.1) as runner, trio.open_nursery() as nursery:
        outcomes = []

        async def one():
            outcomes.append(await runner.run(call("Nap", ask(count=600)), ignore))

        nursery.start_soon(one)
        async with runner.stream(stream_call("Upper", digest="d2"), ignore) as stream:
            await trio.sleep(0.5)
            await stream.send(ask(text="a"))
            assert [answer(frame).text for frame in await stream.receive()] == ["A"]
        await wait_for(lambda: outcomes)
        assert isinstance(outcomes[0], Output)


async def test_the_package_used_last_longest_ago_makes_room_for_another(tmp_path):
    packages = install(tmp_path, "d1", "d2", "d3")
    async with open_process(packages, zygotes_max=2) as runner:
        for digest in ("d1", "d2", "d1", "d3"):
            await number_of(runner, digest=digest)
        assert set(runner._pools) == {("default", "d1"), ("default", "d3")}
        async with runner.stream(stream_call("Upper"), ignore):
            await number_of(runner, digest="d2")
            assert set(runner._pools) == {("default", "d1"), ("default", "d2")}, "d1 runs"


async def test_packages_that_are_gone_leave_nothing_in_memory(packages):
    async with open_process(packages, idle_s=0.1, zygote_idle_s=0.1) as runner:
        await run_many(runner, call("Nap", ask(count=1)), 10)
        await runner.run(shared("EchoShared"), ignore)
        pools = [weakref.ref(runner._pool("default", "d1"))]
        for number in range(200):
            digest = f"absent{number}"
            assert (await runner.run(call("Echo", digest=digest), ignore)).kind == "LOAD_ERROR"
            pools.append(weakref.ref(runner._pool("default", digest)))
        await wait_for(lambda: runner._pools == {})
        await wait_for(lambda: gc.collect() >= 0 and not any(pool() for pool in pools))
