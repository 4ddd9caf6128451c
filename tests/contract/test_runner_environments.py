"""A package whose environment is still being built: its calls wait, outside their own time."""

import time

import attrs
import trio
from node_package import answer, ask, call, ignore, stream_call
from runner_lab import drain, open_process, wait_for

from axiomd.errors import EnvironmentFailed
from axiomd.execution.call import Lost, Output
from axiomd.runners.environment import PackageFiles, Preparing


@attrs.define(eq=False)
class Slow:
    """Packages of which one cannot be run before its environment is `built`."""

    files: PackageFiles
    digest: str = "d1"
    error: str | None = None
    built: trio.Event = attrs.field(factory=trio.Event)
    asked: int = 0

    def code(self, digest):
        code = self.files.code(digest)
        if digest != self.digest:
            return code
        self.asked += 1
        if not self.built.is_set():
            raise Preparing(self.built.wait)
        if self.error is not None:
            raise EnvironmentFailed(self.error)
        return code


async def test_calls_wait_for_the_environment_outside_their_own_time(packages):
    slow = Slow(packages)
    ended = []
    async with open_process(slow) as runner, trio.open_nursery() as nursery:

        async def one(number):
            outcome = await runner.run(call("Echo", ask(text=str(number)), timeout_s=0.5), ignore)
            ended.append(answer(outcome.payload).text)

        for number in range(5):
            nursery.start_soon(one, number)
            await wait_for(lambda n=number: runner.statistics()["calls_waiting"] == n + 1)
        await trio.sleep(0.6)
        assert (ended, slow.asked) == ([], 1)
        # Nobody else waits for it.
        assert isinstance(await runner.run(call("Echo", digest="d2"), ignore), Output)
        slow.built.set()
    assert sorted(ended) == ["0", "1", "2", "3", "4"]


async def test_a_call_that_waits_for_the_environment_can_be_cancelled(packages):
    slow = Slow(packages)
    async with open_process(slow) as runner:
        with trio.move_on_after(0.05) as waiting:
            await runner.run(call("Echo"), ignore)
        assert waiting.cancelled_caught
        assert runner.statistics()["calls_waiting"] == 0
        slow.built.set()
        assert isinstance(await runner.run(call("Echo"), ignore), Output)


async def test_an_environment_that_failed_is_a_load_error_and_no_hot_loop(packages):
    slow = Slow(packages, error="its environment could not be built: ERROR: no such thing")
    outcomes = []
    async with open_process(slow) as runner, trio.open_nursery() as nursery:

        async def one():
            outcomes.append(await runner.run(call("Echo"), ignore))

        nursery.start_soon(one)
        await wait_for(lambda: runner.statistics()["calls_waiting"] == 1)
        slow.built.set()
        await wait_for(lambda: outcomes)
        began = time.monotonic()
        for _ in range(50):
            await one()
        assert {outcome.kind for outcome in outcomes} == {"LOAD_ERROR"}
        assert "ERROR: no such thing" in outcomes[-1].message
        async with runner.stream(stream_call("Upper"), ignore) as stream:
            assert await drain(stream) == ([], outcomes[-1])
        assert slow.asked <= 3 + time.monotonic() - began


async def test_an_environment_built_after_it_failed_is_used(packages):
    slow = Slow(packages, error="it failed")
    slow.built.set()
    async with open_process(slow) as runner:
        assert (await runner.run(call("Echo"), ignore)).kind == "LOAD_ERROR"
        slow.error = None
        with trio.fail_after(5):
            while not isinstance(await runner.run(call("Echo"), ignore), Output):
                await trio.sleep(0.05)


async def test_calls_that_wait_for_the_environment_are_lost_when_the_runner_closes(packages):
    outcomes = []
    async with trio.open_nursery() as nursery, open_process(Slow(packages)) as runner:

        async def one():
            outcomes.append(await runner.run(call("Echo"), ignore))

        nursery.start_soon(one)
        await wait_for(lambda: runner.statistics()["calls_waiting"] == 1)
    assert outcomes == [Lost("axiomd is stopping")]
