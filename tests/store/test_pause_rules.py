"""Pauses as the writer judges them, and as `verify` finds them broken in a journal."""

import attrs
import pytest
from worlds.flows import flow, paused
from worlds.invariants import rows, stored_executions
from worlds.rows import commit_now, new_execution, open_writing

from axiomd.errors import Fenced, Occupied, WrongState
from axiomd.execution.execution import OpenPause
from axiomd.execution.journal import Entry, EntryKind, Payload
from axiomd.execution.pauses import after_asking, after_silence, approval, pause_id, rejection
from axiomd.execution.plan import Decision
from axiomd.execution.position import Position
from axiomd.execution.status import Status, Trigger
from axiomd.flow.artifact import Hitl
from axiomd.store import commit as commits
from axiomd.store import keys
from axiomd.store.reader import Reader
from axiomd.store.rules import history_faults

ASKED = paused(flow("a>b"), a=Hitl(timeout_s=100e-9, timeout_policy="CONTINUE"))
"""Asks before its entry, for 100 ns."""
VISIT = Position(0)
INPUT = Payload(1, b"x")


def asking(identity, at_ns=10):
    return commits.decided(identity, 1, at_ns, after_asking(ASKED, VISIT, identity, at_ns))


def parking(identity):
    entry = Entry(EntryKind.EXECUTION_PARKED, 11, trigger=Trigger.PAUSE)
    return commits.decided(identity, 1, 11, Decision((entry,), Trigger.PAUSE, wake_ns=110))


def approving(identity, at_ns=20, fence=commits.NO_FENCE, visit="a"):
    entry = approval(VISIT, pause_id(identity, visit), at_ns, INPUT, "", "ada")
    return commits.settle(identity, fence, entry, visit)


def rejecting(identity, at_ns=20):
    entry = rejection(VISIT, pause_id(identity, "a"), at_ns, "", "ada")
    return commits.settle(identity, commits.NO_FENCE, entry, "a")


def claimed(writer, *more):
    identity = new_execution(1).execution_id
    writer.submit(commits.accept(new_execution(1), INPUT, claimed=True))
    for make in more:
        writer.submit(make(identity))
    commit_now(writer)
    return identity


def refusals(writer, *made):
    tickets = [writer.submit(commit) for commit in made]
    commit_now(writer)
    return [type(ticket._error) if ticket._error else None for ticket in tickets]


def test_a_pause_is_answered_once_and_wakes_what_it_parked(tmp_path):
    with open_writing(tmp_path) as (store, writer):
        identity = claimed(writer, asking, parking)
        assert stored_executions(store)[0].pauses == (OpenPause("a", 10, 110),)
        (row,) = Reader(store).open_pauses("tenant", 10).rows
        assert (row.execution.execution_id, row.pause.position) == (identity, "a")
        assert refusals(writer, approving(identity, visit="b")) == [WrongState]
        answers = rejecting(identity), approving(identity), approving(identity)
        assert refusals(writer, *answers) == [None, WrongState, WrongState]
        (stored,) = stored_executions(store)
        assert (stored.status, stored.pauses) == (Status.QUEUED, ())
        assert rows(store, keys.PAUSES) == []


@pytest.mark.parametrize(("at_ns", "refusal"), [(109, None), (110, WrongState), (111, WrongState)])
def test_an_answer_counts_as_long_as_its_time_has_not_come(tmp_path, at_ns, refusal):
    with open_writing(tmp_path) as (_, writer):
        identity = claimed(writer, asking, parking)
        assert refusals(writer, approving(identity, at_ns)) == [refusal]


def test_an_answer_does_not_pass_by_the_worker_that_has_it(tmp_path):
    with open_writing(tmp_path) as (store, writer):
        identity = claimed(writer, asking)
        fenced = approving(identity, fence=2)
        assert refusals(writer, approving(identity), fenced) == [Occupied, Fenced]
        assert refusals(writer, approving(identity, fence=1)) == [None]
        assert stored_executions(store)[0].status is Status.RUNNING


def test_an_answer_and_the_policy_do_not_both_count(tmp_path):
    with open_writing(tmp_path) as (store, writer):
        identity = claimed(writer, asking)
        expired = commits.decided(identity, 1, 110, after_silence(ASKED, VISIT, identity, 110))
        assert refusals(writer, expired, approving(identity, fence=1)) == [None, WrongState]
        assert stored_executions(store)[0].pauses == ()


def test_the_end_of_an_execution_closes_its_pauses(tmp_path):
    with open_writing(tmp_path) as (store, writer):
        identity = claimed(writer, asking, parking)
        cancel = commits.cancel(identity, 20, "{}")
        assert refusals(writer, cancel, approving(identity)) == [None, WrongState]
        assert stored_executions(store)[0].pauses == ()
        assert rows(store, keys.PAUSES) == []


def journal(*more):
    identity = new_execution(1).execution_id
    begun = [
        Entry(EntryKind.EXECUTION_ACCEPTED, 1, payload=INPUT),
        Entry(EntryKind.EXECUTION_CLAIMED, 2, attempt=1),
        *after_asking(ASKED, VISIT, identity, 10).entries,
    ]
    entries = [attrs.evolve(entry, seq=seq) for seq, entry in enumerate((*begun, *more))]
    record = new_execution(1, status=Status.RUNNING, attempt=1, entries=len(entries))
    return attrs.evolve(record, pauses=(OpenPause("a", 10, 110),)), entries


def said(kind, at_ns):
    return Entry(kind, at_ns, VISIT, detail="{}")


K = EntryKind
CASES = {
    "answered twice": (
        (said(K.PAUSE_RESUMED, 20), said(K.PAUSE_REJECTED, 21)),
        "pause_rejected of a, which is not paused",
    ),
    "asked twice": ((said(K.PAUSE_OPENED, 20),), "is opened more than once"),
    "asked again": (
        (said(K.PAUSE_RESUMED, 20), said(K.PAUSE_OPENED, 21)),
        "is opened more than once",
    ),
    "answered too late": ((said(K.PAUSE_RESUMED, 110),), "pause_resumed of a is not of its time"),
    "expired too early": ((said(K.PAUSE_EXPIRED, 109),), "pause_expired of a is not of its time"),
    "called before the answer": (
        (Entry(K.NODE_STARTED, 20, VISIT, attempt=1),),
        "a call of a started before anybody answered for it",
    ),
    "closed in the journal alone": ((said(K.PAUSE_RESUMED, 20),), "its record names others"),
}


def test_a_pause_that_is_open_is_no_fault():
    record, entries = journal()
    assert list(history_faults(record, ASKED, {}, entries)) == []


@pytest.mark.parametrize("case", CASES)
def test_every_broken_promise_about_a_pause_is_found(case):
    more, words = CASES[case]
    record, entries = journal(*more)
    found = list(history_faults(record, ASKED, {}, entries))
    assert [fault for fault in found if words in fault], found
