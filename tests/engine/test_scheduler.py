"""Who is worked on next."""

from worlds.rows import commit_now, new_execution, open_writing

from axiomd.engine.scheduler import Scheduler
from axiomd.execution.journal import Payload
from axiomd.store import commit as commits
from axiomd.store.reader import Reader


def accept(writer, *numbers):
    executions = [new_execution(number) for number in numbers]
    for execution in executions:
        writer.submit(commits.accept(execution, Payload(1, b"x")))
    commit_now(writer)
    return [execution.execution_id for execution in executions]


def test_the_oldest_goes_first_within_the_free_slots(tmp_path):
    with open_writing(tmp_path) as (store, writer):
        last, first, middle = accept(writer, 9, 1, 5)
        assert Scheduler(Reader(store), 2).choose(()) == [first, middle]
        assert Scheduler(Reader(store), 9).choose(()) == [first, middle, last]


def test_what_a_slot_is_busy_with_is_not_chosen_again(tmp_path):
    with open_writing(tmp_path) as (store, writer):
        first, second = accept(writer, 1, 2)
        scheduler = Scheduler(Reader(store), 2)
        assert scheduler.choose([first]) == [second]
        assert scheduler.choose([first, second]) == []


def test_a_new_execution_does_not_overtake_those_that_wait(tmp_path):
    with open_writing(tmp_path) as (store, writer):
        scheduler = Scheduler(Reader(store), 1)
        assert scheduler.choose(()) == []
        assert scheduler.admits(0)
        first, _ = accept(writer, 1, 2)
        assert scheduler.choose(()) == [first]
        assert not scheduler.admits(0)


def test_without_a_free_slot_nothing_is_chosen_and_that_is_remembered(tmp_path):
    with open_writing(tmp_path) as (store, writer):
        (first,) = accept(writer, 1)
        scheduler = Scheduler(Reader(store), 1)
        assert scheduler.choose(["somebody"]) == []
        assert not scheduler.admits(0)
        assert scheduler.choose(()) == [first]
