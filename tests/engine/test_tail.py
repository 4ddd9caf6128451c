"""How others learn that something became true: wake by a bare event, read by a cursor."""

import trio
from worlds.rows import new_execution

from axiomd.engine.tail import Tail
from axiomd.execution.status import Status

RUNNING = new_execution(1, status=Status.RUNNING)
ENDED = new_execution(1, status=Status.COMPLETED)


async def test_what_is_published_between_watching_and_waiting_is_not_lost():
    tail = Tail()
    with tail.watch(RUNNING.execution_id) as watch:
        tail.publish([RUNNING])
        with trio.fail_after(1):
            await watch.changed()
        assert watch.latest is RUNNING


async def test_many_changes_are_one_wake_up_with_the_newest_record():
    tail = Tail()
    with tail.watch(RUNNING.execution_id) as watch:
        for losses in range(50):
            tail.publish([new_execution(1, losses=losses)])
        await watch.changed()
        assert watch.latest.losses == 49
        with trio.move_on_after(0) as scope:
            await watch.changed()
        assert scope.cancelled_caught


async def test_who_waits_for_the_end_sleeps_through_all_that_comes_before():
    tail = Tail()
    with tail.watch(RUNNING.execution_id, ended_only=True) as watch:
        tail.publish([RUNNING])
        with trio.move_on_after(0) as scope:
            await watch.changed()
        assert scope.cancelled_caught
        tail.publish([ENDED])
        await watch.changed()
        assert watch.latest is ENDED


async def test_only_watchers_of_an_execution_hear_of_it():
    tail = Tail()
    with tail.watch("f" * 32) as other, tail.watch(RUNNING.execution_id) as mine:
        tail.publish([RUNNING])
        assert (other.latest, mine.latest) == (None, RUNNING)


async def test_a_watch_that_is_left_leaves_nothing_behind():
    tail = Tail()
    with tail.watch("a"), tail.watch("a"), tail.watch("b"):
        assert tail.watching == 2
    assert tail.watching == 0
    tail.publish([RUNNING])


def test_the_scheduler_is_called_for_what_is_queued_and_for_nothing_else():
    tail, calls = Tail(), []
    tail.on_ready = calls.extend
    tail.publish([RUNNING, ENDED])
    assert calls == []
    tail.publish([RUNNING, new_execution(2)])
    assert calls == [new_execution(2)]
