"""How many node processes there are, and who gets the next one."""

import trio
from node_package import ask, call, ignore
from runner_lab import execute, open_process, run_many, wait_for

from axiomd.execution.call import Output


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


async def test_a_process_never_serves_two_tenants(packages):
    """What a node keeps in its module, a client with a token say, stays its tenant's."""
    async with open_process(packages) as runner:
        keep = "import sys\nresult = ''.join(sys.modules.setdefault('kept', [ax.tenant_id]))"
        for tenant in ("default", "other", "default", "other"):
            for _ in range(5):
                assert await execute(runner, keep, tenant=tenant) == tenant


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


async def test_short_calls_do_not_make_a_pool_grow_by_its_spares(packages):
    """Each of them takes the spare of a moment ago when all others are busy."""
    async with open_process(packages, processes_initial=2, grow_after_ms=10_000) as runner:

        async def client():
            for number in range(60):
                assert isinstance(await runner.run(call("Echo"), ignore), Output)
                await trio.sleep(number % 5 / 1000)

        async with trio.open_nursery() as nursery:
            for _ in range(12):
                nursery.start_soon(client)
        assert runner.statistics()["processes"] <= 3
