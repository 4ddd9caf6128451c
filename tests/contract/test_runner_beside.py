"""Calls of async nodes that share a process: they end apart, and what one does is not another's."""

import itertools
import os
import signal

import pytest
import trio
from node_package import answer, ask, call, ignore, stream_call
from runner_lab import drain, open_process, read_pid, wait_for, zygote_of
from worlds.processes import is_alive

from axiomd.execution.call import COOPERATIVE, KILLED, STARTED, Crashed, Lost, Output
from axiomd.limits import KIB

EFFECTS = itertools.count()


def shared(node, payload=b"", *, concurrency=8, **changes):
    return call(
        node, payload, concurrency=concurrency, effect_key=f"key {next(EFFECTS)}", **changes
    )


class Waiting:
    """A call of a node that waits, until it is told what to do."""

    def __init__(self, runner, directory, name, **changes):
        self.path = directory / name
        self.call = shared("Wait", ask(text=str(self.path)), **changes)
        self.scope = trio.CancelScope()
        self.said = []
        self.outcome = None
        self.ended = trio.Event()
        self._runner = runner

    async def run(self):
        with self.scope:
            self.outcome = await self._runner.run(self.call, self.said.append)
        self.ended.set()

    async def started(self):
        return await wait_for(lambda: read_pid(self.path))

    @property
    def number(self):
        """What its process calls itself."""
        return int(self.path.read_text())

    def decide(self, how):
        self.path.with_suffix(".new").write_text(how)
        self.path.with_suffix(".new").rename(self.path.with_suffix(".go"))

    async def tell(self, how):
        self.decide(how)
        await wait_for(self.path.with_suffix(".left").exists)

    async def cancel(self):
        self.scope.cancel()
        with trio.fail_after(2):
            await self.ended.wait()


async def start(nursery, runner, directory, *names, **changes):
    """Waiting calls which are all in one process, and that process."""
    waiting = [Waiting(runner, directory, name, **changes) for name in names]
    pids = set()
    for each in waiting:
        nursery.start_soon(each.run)
        pids.add(await each.started())
    (pid,) = pids
    return waiting, pid


async def test_async_calls_run_side_by_side_in_one_process(packages):
    async with open_process(packages) as runner:
        pids = set()

        async def one(count):
            outcome = await runner.run(shared("Meet", ask(count=count)), ignore)
            pids.add(answer(outcome.payload).count)

        with trio.fail_after(10):
            await one(1)
            async with trio.open_nursery() as nursery:
                for _ in range(8):
                    nursery.start_soon(one, 8)
        assert len(pids) == 1


async def test_no_more_calls_share_a_process_than_each_of_them_takes(packages):
    async with open_process(packages) as runner:
        most = []

        async def one(concurrency):
            outcome = await runner.run(shared("Crowd", concurrency=concurrency), ignore)
            most.append((concurrency, answer(outcome.payload).count))

        async with trio.open_nursery() as nursery:
            for number in range(60):
                nursery.start_soon(one, 3 if number % 3 else 5)
        assert all(count <= concurrency for concurrency, count in most)
        assert max(count for _, count in most) >= 3


async def test_a_sync_node_with_concurrency_runs_one_call_at_a_time(packages):
    async with open_process(packages, processes_max=1) as runner, trio.open_nursery() as nursery:
        for _ in range(4):
            nursery.start_soon(runner.run, shared("Nap", ask(count=100)), ignore)
        for waiting in (3, 2, 1):
            await wait_for(lambda n=waiting: runner.statistics()["calls_waiting"] == n)
            await wait_for(lambda: runner.statistics()["calls_in_flight"] == 1)


async def test_a_call_is_cancelled_alone_and_by_asking(packages, tmp_path):
    async with open_process(packages) as runner, trio.open_nursery() as nursery:
        (first, second), pid = await start(nursery, runner, tmp_path, "a", "b")
        number = first.number
        await first.cancel()
        assert first.said == [STARTED, COOPERATIVE]
        assert first.path.with_suffix(".left").exists()
        assert is_alive(pid)
        await second.tell("return")
        await second.ended.wait()
        assert answer(second.outcome.payload).count == number
        assert second.said == [STARTED]
        outcome = await runner.run(shared("Meet", ask(count=1)), ignore)
        assert answer(outcome.payload).count == number


@pytest.mark.parametrize("how", ["refuse", "spin", "thread"])
async def test_a_cancelled_call_that_goes_on_is_killed_and_its_neighbours_are_lost(
    packages, tmp_path, how
):
    """By catching the cancel, in a C loop that holds the GIL, in a thread."""
    async with open_process(packages) as runner, trio.open_nursery() as nursery:
        (first, second, third), pid = await start(nursery, runner, tmp_path, "a", "b", "c")
        await first.tell(how)
        await first.cancel()
        assert first.said == [STARTED, KILLED]
        assert not is_alive(pid)
        for other in (second, third):
            await other.ended.wait()
            assert isinstance(other.outcome, Lost)
            assert "beside" in other.outcome.reason or "killed" in other.outcome.reason
        assert isinstance(await runner.run(shared("EchoShared"), ignore), Output)


async def test_a_cancel_is_confirmed_within_a_quarter_of_a_second(packages, tmp_path):
    async with open_process(packages) as runner:
        for number, how in enumerate(["spin", "refuse"] * 3):
            async with trio.open_nursery() as nursery:
                (first,), pid = await start(nursery, runner, tmp_path, f"n{number}")
                await first.tell(how)
                before = trio.current_time()
                await first.cancel()
                assert trio.current_time() - before < 0.25
                assert not is_alive(pid)


async def test_a_call_that_takes_too_long_is_cancelled_and_its_neighbours_live(packages, tmp_path):
    async with open_process(packages) as runner, trio.open_nursery() as nursery:
        (neighbour,), pid = await start(nursery, runner, tmp_path, "a")
        late = shared("Wait", ask(text=str(tmp_path / "b")), timeout_s=0.3)
        outcome = await runner.run(late, ignore)
        assert (outcome.kind, outcome.message) == (
            "TIMEOUT",
            "no answer within 0.3 s; it was cancelled",
        )
        assert read_pid(tmp_path / "b") == pid
        await neighbour.tell("return")
        await neighbour.ended.wait()
        assert isinstance(neighbour.outcome, Output)


async def test_a_crash_among_several_blames_none_and_then_the_one_who_did_it(packages, tmp_path):
    async with open_process(packages) as runner, trio.open_nursery() as nursery:
        waiting, _ = await start(nursery, runner, tmp_path, "a", "b", "c")
        await waiting[0].tell("die")
        for each in waiting:
            await each.ended.wait()
            assert isinstance(each.outcome, Lost)
            assert "SIGSEGV" in each.outcome.reason
        for each in waiting[1:]:
            each.decide("return")
        # Delivered again, each runs alone: the one that kills its process is found out.
        outcomes = {}

        async def again(each):
            outcomes[each] = await runner.run(each.call, ignore)

        async with trio.open_nursery() as second:
            for each in waiting:
                second.start_soon(again, each)
        assert outcomes[waiting[0]] == Crashed("SIGSEGV")
        assert all(isinstance(outcomes[each], Output) for each in waiting[1:])
        assert await runner.run(waiting[0].call, ignore) == Crashed("SIGSEGV")


async def test_a_crash_of_the_only_call_is_its_own(packages, tmp_path):
    async with open_process(packages) as runner, trio.open_nursery() as nursery:
        (first,), _ = await start(nursery, runner, tmp_path, "a")
        await first.tell("die")
        await first.ended.wait()
        assert first.outcome == Crashed("SIGSEGV")


async def test_a_shared_process_killed_from_outside_loses_every_call(packages, tmp_path):
    async with open_process(packages) as runner, trio.open_nursery() as nursery:
        waiting, pid = await start(nursery, runner, tmp_path, "a", "b", "c")
        os.kill(pid, signal.SIGKILL)
        for each in waiting:
            await each.ended.wait()
            assert each.outcome == Lost("killed by SIGKILL")


async def test_calls_that_share_are_lost_with_their_zygote_and_come_again(packages, tmp_path):
    async with open_process(packages) as runner, trio.open_nursery() as nursery:
        waiting, pid = await start(nursery, runner, tmp_path, "a", "b", "c")
        os.kill(zygote_of(runner), signal.SIGKILL)
        for each in waiting:
            await each.ended.wait()
            assert each.outcome == Lost("the package's zygote died")
        assert not is_alive(pid)
        outcome = await runner.run(shared("Meet", ask(count=1)), ignore)
        assert isinstance(outcome, Output)


async def test_calls_that_share_are_lost_when_the_runner_closes(packages, tmp_path):
    async with trio.open_nursery() as nursery:
        async with open_process(packages) as runner:
            waiting, pid = await start(nursery, runner, tmp_path, "a", "b")
        assert not is_alive(pid)
    assert {each.outcome for each in waiting} == {Lost("axiomd is stopping")}


async def test_what_calls_say_side_by_side_is_told_of_the_right_one(packages):
    async with open_process(packages) as runner, trio.open_nursery() as nursery:
        said = {name: [] for name in ("x", "y", "z")}
        for name, events in said.items():
            nursery.start_soon(runner.run, shared("TalkAsync", ask(text=name)), events.append)
    for name, events in said.items():
        words = [event.message for event in events if event.level == "stdout"]
        expected = [text for word in "abc" for text in (name + word, f"{name}-task")]
        assert words == [*expected, f"{name}-thread"]
        assert [event.message for event in events if event.level == "info"] == [name] * 3


async def test_what_a_call_leaves_running_ends_with_it(packages, tmp_path):
    async with open_process(packages) as runner:
        left = tmp_path / "left"
        outcome = await runner.run(shared("LeaveTask", ask(text=str(left))), ignore)
        assert isinstance(outcome, Output)
        assert left.read_text() == "cancelled"


async def test_an_exit_of_an_async_node_is_a_failure_of_its_own(packages, tmp_path):
    async with open_process(packages) as runner, trio.open_nursery() as nursery:
        (first, second), _ = await start(nursery, runner, tmp_path, "a", "b")
        await first.tell("exit")
        await first.ended.wait()
        assert (first.outcome.kind, first.outcome.message) == ("NODE_ERROR", "SystemExit: 4")
        await second.tell("return")
        await second.ended.wait()
        assert answer(second.outcome.payload).count == second.number == first.number


@pytest.mark.parametrize("node", ["Broken", "Missing"])
async def test_a_node_with_concurrency_that_cannot_be_loaded_says_so(packages, node):
    async with open_process(packages) as runner:
        for _ in range(2):
            assert (await runner.run(shared(node), ignore)).kind == "LOAD_ERROR"
        assert isinstance(await runner.run(shared("EchoShared"), ignore), Output)


async def test_large_messages_of_calls_side_by_side_do_not_mix(packages):
    async with open_process(packages) as runner, trio.open_nursery() as nursery:

        async def one(number):
            blob = bytes([number]) * (number * 40 * KIB + 1)
            outcome = await runner.run(shared("EchoShared", ask(blob=blob)), ignore)
            assert answer(outcome.payload).blob == blob

        for number in range(24):
            nursery.start_soon(one, number)


async def test_a_process_that_was_shared_serves_every_other_kind_of_call(packages):
    async with open_process(packages, processes_max=1, spare=False) as runner:
        pids = set()
        for _ in range(3):
            outcome = await runner.run(shared("Meet", ask(count=1)), ignore)
            pids.add(answer(outcome.payload).count)
            pids.add(answer((await runner.run(call("Whoami"), ignore)).payload).count)
            async with runner.stream(stream_call("Upper"), ignore) as stream:
                await stream.send(ask(text="a"))
                await stream.send_end()
                frames, ending = await drain(stream)
            assert ([answer(frame).text for frame in frames], ending) == (["A"], Output(b""))
        assert len(pids) == 1


async def test_what_a_shared_process_says_late_does_not_take_the_answer_of_the_next_call(packages):
    async with open_process(packages, processes_max=1) as runner:
        assert isinstance(await runner.run(shared("Chatter"), ignore), Output)
        with trio.fail_after(20):
            for _ in range(300):
                for each in (shared("EchoShared"), call("Echo")):
                    assert isinstance(await runner.run(each, ignore), Output)


@pytest.mark.parametrize("digest", ["d1", "d2"])
async def test_calls_that_share_do_not_keep_a_process_from_others(packages, digest):
    async with open_process(packages, processes_max=1) as runner, trio.open_nursery() as nursery:

        async def keep_busy():
            while True:
                outcome = await runner.run(shared("Crowd"), ignore)
                assert isinstance(outcome, Output)

        for _ in range(4):
            nursery.start_soon(keep_busy)
        await wait_for(lambda: runner.statistics()["calls_in_flight"] == 4)
        with trio.fail_after(5):
            for _ in range(3):
                outcome = await runner.run(call("Echo", digest=digest), ignore)
                assert isinstance(outcome, Output)
        nursery.cancel_scope.cancel()


async def test_calls_with_limits_of_their_own_share_with_nobody(packages, tmp_path):
    async with open_process(packages) as runner, trio.open_nursery() as nursery:
        (first,), _ = await start(nursery, runner, tmp_path, "a")
        for limits in ({"memory_mib": 256}, {"cpu_seconds": 10}, {"fresh": True}):
            outcome = await runner.run(shared("Meet", ask(count=1), **limits), ignore)
            assert answer(outcome.payload).count != first.number
        await first.tell("return")


async def test_seats_that_are_free_count_as_capacity(packages, tmp_path):
    async with open_process(packages, processes_max=2) as runner, trio.open_nursery() as nursery:
        waiting, _ = await start(nursery, runner, tmp_path, "a", "b", "c", concurrency=5)
        assert runner.capacity() == 1 + 2
        for each in waiting:
            await each.tell("return")
