"""Streams hold a process until they end; nobody waits for that in a circle."""

from contextlib import AsyncExitStack

import pytest
import trio
from node_package import ask, call, ignore, stream_call
from runner_lab import drain, open_process, run_many, wait_for

from axiomd.execution.call import STARTED, Output


def upper(execution="e1", **changes):
    return stream_call("Upper", execution_id=execution, **changes)


async def finish(stream):
    """Let a stream end by itself, with one frame."""
    await stream.send(ask(text="a"))
    await stream.send_end()
    frames, ending = await drain(stream)
    assert (len(frames), ending) == (1, Output(b""))


@pytest.mark.parametrize("digest", ["d1", "d2"])
async def test_streams_take_no_process_from_unary_calls(packages, digest):
    """As many generators as there are processes, each ahead of a unary node that follows it."""
    async with open_process(packages, processes_max=2) as runner, AsyncExitStack() as streams:
        for number in range(6):
            await streams.enter_async_context(runner.stream(upper(f"e{number}"), ignore))
        with trio.fail_after(10):
            outcome = await runner.run(call("Echo", digest=digest), ignore)
        assert isinstance(outcome, Output)
        assert runner.statistics()["streams"] == 6
        assert 1 <= runner.capacity() <= 2


async def test_unary_calls_take_no_process_from_streams(packages):
    async with open_process(packages, processes_max=1) as runner, trio.open_nursery() as nursery:
        nursery.start_soon(runner.run, call("Nap", ask(count=100_000)), ignore)
        await wait_for(lambda: runner.statistics()["calls_in_flight"] == 1)
        for digest in ("d1", "d2"):
            with trio.fail_after(10):
                async with runner.stream(upper(digest=digest), ignore) as stream:
                    await finish(stream)
        nursery.cancel_scope.cancel()


async def test_a_package_whose_processes_all_stream_gets_one_from_a_busy_package(packages):
    async with open_process(packages, processes_max=1) as runner, trio.open_nursery() as nursery:
        nursery.start_soon(run_many, runner, call("Nap", ask(count=20)), 500)
        await wait_for(lambda: runner.statistics()["calls_in_flight"] == 1)
        async with runner.stream(upper(digest="d2"), ignore):
            with trio.fail_after(10):
                outcome = await runner.run(call("Echo", digest="d2"), ignore)
            assert isinstance(outcome, Output)
        nursery.cancel_scope.cancel()


async def test_an_execution_with_a_stream_gets_all_it_needs_while_others_wait(packages):
    async with open_process(packages, processes_max=1, streams_max=1) as runner:
        entered = []

        async def other(name, number):
            async with runner.stream(upper(name), ignore) as stream:
                entered.append((name, number))
                await finish(stream)

        async with (
            trio.open_nursery() as nursery,
            runner.stream(upper("e1"), ignore) as first,
        ):
            for number in range(2):
                for name in ("e2", "e3"):
                    nursery.start_soon(other, name, number)
            await wait_for(lambda: runner.statistics()["streams_waiting"] == 4)
            with trio.fail_after(10):
                async with runner.stream(upper("e1", digest="d2"), ignore) as second:
                    await finish(second)
            await finish(first)
            assert entered == []
        assert len(entered) == 4
        assert {name for name, _ in entered[:2]} in ({"e2"}, {"e3"})
        assert runner.statistics()["streams_waiting"] == 0


async def test_a_stream_that_is_cancelled_while_it_waits_leaves_no_place_taken(packages):
    async with open_process(packages, streams_max=1) as runner:
        said = []
        async with runner.stream(upper("e1"), ignore):
            with trio.move_on_after(0.05) as scope:
                async with runner.stream(upper("e2"), said.append):
                    raise AssertionError("there was no place")
            assert scope.cancelled_caught
            assert said == []
        with trio.fail_after(10):
            async with runner.stream(upper("e3"), said.append) as stream:
                await finish(stream)
        assert said == [STARTED]


async def test_processes_of_streams_that_ended_do_not_stay(packages):
    async with open_process(packages, processes_max=2) as runner:
        async with AsyncExitStack() as opened:
            streams = [
                await opened.enter_async_context(
                    runner.stream(upper(f"e{n}", digest=f"d{n % 2 + 1}"), ignore)
                )
                for n in range(8)
            ]
            for stream in streams:
                await finish(stream)
            assert runner.statistics()["processes"] >= 8
        await wait_for(lambda: runner.statistics()["processes"] <= 2)
        assert len(await run_many(runner, call("Nap", ask(count=20)), 8)) <= 2


async def test_streams_that_wait_are_told_when_the_runner_closes(packages):
    endings = []
    async with trio.open_nursery() as nursery, open_process(packages, streams_max=1) as runner:
        for number in range(3):

            async def one(name=f"e{number}"):
                async with runner.stream(upper(name), ignore) as stream:
                    endings.append((await drain(stream))[1])

            nursery.start_soon(one)
        await wait_for(lambda: runner.statistics()["streams_waiting"] == 2)
        await wait_for(lambda: runner.statistics()["streams"] == 1)
    assert {ending.reason for ending in endings} == {"axiomd is stopping"}
    assert len(endings) == 3


async def test_a_unary_call_that_only_waited_never_started(packages):
    async with open_process(packages, processes_max=1) as runner, trio.open_nursery() as nursery:
        nursery.start_soon(runner.run, call("Nap", ask(count=100_000)), ignore)
        await wait_for(lambda: runner.statistics()["calls_in_flight"] == 1)
        said = []
        with trio.move_on_after(0.05) as scope:
            await runner.run(call("Echo"), said.append)
        assert (scope.cancelled_caught, said) == (True, [])
        nursery.cancel_scope.cancel()
