"""What the writer lets happen to an execution that is parked, whoever asks and when."""

import pytest
from worlds.invariants import rows, stored_executions
from worlds.rows import commit_now, new_execution, open_writing, waiting

from axiomd.errors import Fenced, Occupied, WrongState
from axiomd.execution.journal import Entry, EntryKind, Payload
from axiomd.execution.plan import Decision
from axiomd.execution.position import Position
from axiomd.execution.status import PARKING, Residence, Status, Trigger
from axiomd.store import commit as commits
from axiomd.store import keys
from axiomd.store.reader import Reader

INPUT = Payload(5, b"hello")
NOTE = Entry(EntryKind.NODE_LOG, 1, detail="{}")
STATUS = {
    Trigger.SLEEP: Status.RUNNING,
    Trigger.WAIT: Status.WAITING_ON_GATE,
    Trigger.PAUSE: Status.PAUSED_HITL,
    Trigger.HOLD: Status.DEBUG_PAUSED,
}


def park(identity, trigger, wake_ns=9):
    entry = Entry(EntryKind.EXECUTION_PARKED, 3, trigger=trigger)
    return commits.decided(identity, 1, 3, Decision((entry,), trigger, wake_ns=wake_ns))


def doubt(identity, visit="a"):
    entry = Entry(EntryKind.NODE_IN_DOUBT, 2, Position(0))
    return commits.decided(identity, 1, 2, Decision((entry,), doubted=visit))


def settle(identity, fence=commits.NO_FENCE, visit="a"):
    entry = Entry(EntryKind.NODE_SETTLED, 4, Position(0))
    return commits.settle(identity, fence, entry, visit)


def claimed(writer, *more):
    """An execution that a worker has, and what else happened to it."""
    execution = new_execution(1)
    identity = execution.execution_id
    writer.submit(commits.accept(execution, INPUT))
    writer.submit(commits.claim(identity, 2))
    for make in more:
        writer.submit(make(identity))
    commit_now(writer)
    return identity


def refusals(writer, *made):
    tickets = [writer.submit(commit) for commit in made]
    commit_now(writer)
    return [type(ticket._error) if ticket._error else None for ticket in tickets]


@pytest.mark.parametrize("trigger", sorted(PARKING))
def test_a_parked_execution_is_due_and_nobodys(tmp_path, trigger):
    with open_writing(tmp_path) as (store, writer):
        identity = claimed(writer, lambda identity: park(identity, trigger))
        (stored,) = stored_executions(store)
        assert (stored.status, stored.residence) == (STATUS[trigger], Residence.PARKED)
        assert Reader(store).claimed() == []
        assert Reader(store).due(8, 10) == ([], 9)
        assert Reader(store).due(9, 10) == ([identity], None)


@pytest.mark.parametrize("trigger", sorted(PARKING))
def test_whoever_parked_it_has_no_say_any_more(tmp_path, trigger):
    with open_writing(tmp_path) as (_, writer):
        identity = claimed(writer, lambda identity: park(identity, trigger))
        late = [
            commits.note(identity, 1, 5, NOTE),
            commits.requeue(identity, 1, 5, "late"),
            park(identity, trigger),
        ]
        assert refusals(writer, *late) == [Fenced] * 3
        assert refusals(writer, commits.claim(identity, 6)) == [WrongState]


@pytest.mark.parametrize("trigger", sorted(PARKING))
def test_it_wakes_once_and_is_ready(tmp_path, trigger):
    with open_writing(tmp_path) as (store, writer):
        identity = claimed(writer, lambda identity: park(identity, trigger))
        wake = commits.wake(identity, 9)
        assert refusals(writer, wake, wake) == [None, WrongState]
        (stored,) = stored_executions(store)
        assert (stored.status, stored.wake_ns) == (Status.QUEUED, 0)
        assert rows(store, keys.DUE) == []
        assert waiting(Reader(store)) == [identity]


def test_what_is_not_parked_does_not_wake(tmp_path):
    with open_writing(tmp_path) as (_, writer):
        identity = claimed(writer)
        assert refusals(writer, commits.wake(identity, 9)) == [WrongState]


@pytest.mark.parametrize("trigger", sorted(PARKING))
def test_a_cancelled_one_is_due_no_more(tmp_path, trigger):
    with open_writing(tmp_path) as (store, writer):
        identity = claimed(writer, lambda identity: park(identity, trigger))
        assert refusals(writer, commits.cancel(identity, 9, "{}"), commits.wake(identity, 9)) == [
            None,
            WrongState,
        ]
        (stored,) = stored_executions(store)
        assert (stored.status, stored.wake_ns) == (Status.CANCELLED, 0)
        assert rows(store, keys.DUE) == []


def test_a_doubt_is_settled_once_and_wakes_what_it_parked(tmp_path):
    with open_writing(tmp_path) as (store, writer):
        identity = claimed(writer, doubt, lambda identity: park(identity, Trigger.PAUSE, 0))
        assert stored_executions(store)[0].doubts == ("a",)
        assert refusals(writer, settle(identity, visit="b")) == [WrongState]
        assert refusals(writer, settle(identity), settle(identity)) == [None, WrongState]
        (stored,) = stored_executions(store)
        assert (stored.status, stored.doubts) == (Status.QUEUED, ())


def test_another_doubt_is_settled_while_it_waits_for_a_worker(tmp_path):
    with open_writing(tmp_path) as (store, writer):
        both = (doubt, lambda identity: doubt(identity, "b"))
        identity = claimed(writer, *both, lambda identity: park(identity, Trigger.PAUSE, 0))
        assert refusals(writer, settle(identity), settle(identity, visit="b")) == [None, None]
        assert stored_executions(store)[0].status is Status.QUEUED


def test_a_settlement_does_not_pass_by_the_worker_that_has_it(tmp_path):
    with open_writing(tmp_path) as (store, writer):
        identity = claimed(writer, doubt)
        assert refusals(writer, settle(identity), settle(identity, fence=2)) == [Occupied, Fenced]
        assert refusals(writer, settle(identity, fence=1)) == [None]
        assert stored_executions(store)[0].status is Status.RUNNING


def test_due_rows_come_in_order_and_in_bounds(tmp_path):
    with open_writing(tmp_path) as (store, writer):
        for number in range(3):
            execution = new_execution(number)
            writer.submit(commits.accept(execution, INPUT))
            writer.submit(commits.claim(execution.execution_id, 2))
            writer.submit(park(execution.execution_id, Trigger.SLEEP, 7 - number))
        commit_now(writer)
        due, more = Reader(store).due(100, 2)
        assert due == [new_execution(2).execution_id, new_execution(1).execution_id]
        assert more == 7
