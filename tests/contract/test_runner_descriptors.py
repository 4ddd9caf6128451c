"""Out of file descriptors: calls are lost and come again, and nothing else ends."""

import os
import resource
import signal
from contextlib import contextmanager
from pathlib import Path

import trio
from node_package import ask, call, ignore, stream_call
from runner_lab import open_process, wait_for, zygote_of

from axiomd.execution.call import Lost, Output


def open_in(process):
    """The descriptors that a process has."""
    return {int(path.name) for path in Path(f"/proc/{process}/fd").iterdir()}


@contextmanager
def no_descriptor_left(spare=0):
    """Take every descriptor that this process may have, but for some."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    used = max(open_in("self"))
    resource.setrlimit(resource.RLIMIT_NOFILE, (used + 10, hard))
    taken = []
    try:
        while True:
            try:
                taken.append(os.dup(0))
            except OSError:
                break
        for _ in range(spare):
            os.close(taken.pop())
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        for descriptor in taken:
            os.close(descriptor)


async def test_a_zygote_that_cannot_be_started_loses_the_call(packages):
    async with open_process(packages) as runner:
        for spare in range(8):
            with no_descriptor_left(spare):
                outcome = await runner.run(call("Echo"), ignore)
            if isinstance(outcome, Output):
                break
            assert isinstance(outcome, Lost)
        assert spare > 3
        assert isinstance(await runner.run(call("Echo"), ignore), Output)


async def test_a_process_whose_descriptor_has_no_room_is_lost_and_the_others_live(packages):
    async with open_process(packages) as runner, trio.open_nursery() as nursery:
        outcomes = []

        async def one():
            outcomes.append(await runner.run(call("Whoami"), ignore))

        async with runner.stream(stream_call("Upper"), ignore):
            zygote = zygote_of(runner)
            os.kill(zygote, signal.SIGSTOP)
            nursery.start_soon(one)
            await wait_for(lambda: runner._pools["default", "d1"]._zygote._requested)
            with no_descriptor_left():
                os.kill(zygote, signal.SIGCONT)
                await wait_for(lambda: outcomes)
            assert isinstance(outcomes[0], Lost)
            assert isinstance(await runner.run(call("Echo"), ignore), Output)
            assert zygote_of(runner) == zygote
            assert runner.statistics()["processes"] == 2


async def test_a_zygote_without_descriptors_loses_the_call_and_goes_on(packages):
    async with open_process(packages) as runner, runner.stream(stream_call("Upper"), ignore):
        zygote = zygote_of(runner)
        # Its standard three, its control socket, the pidfd of the stream's process.
        await wait_for(lambda: len(open_in(zygote)) == 5)
        used = open_in(zygote)
        free = [number for number in range(len(used) + 2) if number not in used]
        soft, hard = resource.prlimit(zygote, resource.RLIMIT_NOFILE)
        # No room for the socket of a new process; then for that, but not for its pidfd.
        for limit in free[:2]:
            resource.prlimit(zygote, resource.RLIMIT_NOFILE, (limit, hard))
            assert isinstance(await runner.run(call("Echo"), ignore), Lost)
        resource.prlimit(zygote, resource.RLIMIT_NOFILE, (soft, hard))
        assert isinstance(await runner.run(call("Echo"), ignore), Output)
        assert zygote_of(runner) == zygote


async def test_more_calls_than_there_are_descriptors_all_end(packages):
    async with open_process(packages, processes_max=64, grow_after_ms=0.0) as runner:
        ended = []

        async def one():
            ended.append(await runner.run(call("Nap", ask(count=20)), ignore))

        await runner.run(call("Echo"), ignore)
        with no_descriptor_left(8):
            async with trio.open_nursery() as nursery:
                for _ in range(50):
                    nursery.start_soon(one)
        assert {type(outcome) for outcome in ended} <= {Output, Lost}
        assert sum(isinstance(outcome, Output) for outcome in ended) >= 40
