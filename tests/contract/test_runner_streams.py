"""Streams of frames: order, back-pressure, and how they end."""

from pathlib import Path

import pytest
import trio
from chaos import Chaos, ChaosRunner
from node_package import answer, ask, call, ignore, stream_call
from runner_lab import drain, every_runner, open_process, open_runner, wait_for
from worlds.processes import is_alive

from axiomd.execution.call import Crashed, Failure, Lost, Output
from axiomd.limits import KIB


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


def waits_in_the_kernel(pid):
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "S"


async def test_frames_that_nobody_receives_stay_in_the_node(packages):
    async with open_process(packages, spare=False) as runner:
        async with runner.stream(stream_call("Count"), ignore) as stream:
            await stream.send(ask(count=100_000, blob=bytes(KIB)))
            frames = list(await stream.receive())
            await trio.sleep(0.2)
            (worker,) = runner._pools["default", "d1"]._alive
            assert waits_in_the_kernel(worker.pid)
            rest, ending = await drain(stream)
        assert ending == Output(b"")
        counts = [answer(frame).count for frame in frames + rest]
        assert counts == list(range(100_000))


@pytest.mark.parametrize("size", [0, KIB, 256 * KIB])
async def test_a_node_is_ahead_of_its_reader_by_few_frames_and_few_bytes(packages, tmp_path, size):
    """The socket counts each frame with what it costs the kernel, so it bounds both."""
    told = tmp_path / "ahead"
    async with (
        open_process(packages, spare=False) as runner,
        runner.stream(stream_call("Ahead"), ignore) as stream,
    ):
        await stream.send(ask(text=str(told), count=10**6, blob=bytes(size)))
        (worker,) = runner._pools["default", "d1"]._alive
        await wait_for(lambda: told.exists() and waits_in_the_kernel(worker.pid))
        ahead = int(told.read_text())
        assert ahead < 512
        assert ahead * size <= 512 * KIB


async def test_sending_waits_while_the_node_does_not_read(packages):
    async with open_process(packages, spare=False) as runner:
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


@every_runner
async def test_a_stream_that_waits_for_its_inputs_is_not_silent(kind, packages):
    async with open_runner(kind, packages) as runner:
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
    async with open_process(packages, spare=False) as runner:
        async with runner.stream(stream_call("Silent"), ignore) as stream:
            await stream.receive()
            (worker,) = runner._pools["default", "d1"]._alive
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
