"""The fold: once, in pieces, or live, it is one state."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from worlds.flows import flow
from worlds.invariants import state_of

from axiomd.execution.call import Crashed
from axiomd.execution.history import History
from axiomd.execution.journal import Entry, EntryKind, Payload
from axiomd.execution.plan import after_doubt, after_failure, after_loss, after_output
from axiomd.execution.position import Position
from axiomd.flow.artifact import Retry

FLOW = flow(
    "a>b a>c a>g b>d d>e c>e g>e e>f", retries=dict.fromkeys("abcdefg", Retry(9)), once="b g"
)


def live(choices):
    """Work through the flow in an order that `choices` gives; the journal and the history."""
    first = Entry(EntryKind.EXECUTION_ACCEPTED, 1, payload=Payload(2, b"in"))
    journal, history = [first], History.fold(FLOW, [first])
    for choice in choices:
        if not history.pending:
            break
        position = sorted(history.pending)[choice % len(history.pending)]
        started = Entry(EntryKind.NODE_STARTED, 1, position, history.calls.get(position, 0) + 1)
        if position in history.doubts:
            told = Payload(1, b"t") if choice % 2 else None
            entries = (Entry(EntryKind.NODE_SETTLED, 1, position, payload=told),)
        else:
            entries = (started, *ending(history, position, choice).entries)
        for entry in entries:
            journal.append(entry)
            history.apply(entry)
        if entry.kind in (EntryKind.EXECUTION_COMPLETED, EntryKind.EXECUTION_FAILED):
            break
    return journal, history


def ending(history, position, choice):
    """How a call ends."""
    match choice % 10:
        case 3:
            return after_loss(FLOW, history, position, "net", 1)
        case 5 | 6:
            return after_failure(FLOW, history, position, Crashed("exit 1"), 1)
        case 8 if FLOW.placements[position.placement].once:
            return after_doubt(FLOW, history, position, "gone", 1)
        case _:
            out = Payload(1, bytes([position.placement]))
            return after_output(FLOW, history, position, out, 1)


@given(st.lists(st.integers(0, 100), max_size=40))
def test_a_stored_journal_folds_to_the_live_history(choices):
    journal, history = live(choices)
    assert state_of(History.fold(FLOW, journal)) == state_of(history)


@given(st.lists(st.integers(0, 100), max_size=40), st.integers(0, 100))
def test_folding_in_two_steps_is_folding_at_once(choices, cut):
    journal, _ = live(choices)
    history = History.fold(FLOW, journal[: cut % len(journal) + 1])
    for entry in journal[cut % len(journal) + 1 :]:
        history.apply(entry)
    assert state_of(history) == state_of(History.fold(FLOW, journal))


@pytest.mark.parametrize(
    "kind",
    [
        EntryKind.NODE_LOG,
        EntryKind.NODE_PROGRESS,
        EntryKind.NODE_DIVERGED,
        EntryKind.GATE_ARRIVED,
        EntryKind.EXECUTION_PARKED,
        EntryKind.EXECUTION_WOKEN,
    ],
)
def test_what_only_tells_changes_nothing(kind):
    _, history = live([0])
    before = state_of(history)
    history.apply(Entry(kind, 1, Position(1), edge=0))
    assert state_of(history) == before


def test_each_frame_clears_losses_and_failures_alike():
    """Else a node that is lost and fails with every other frame would go round only so often."""
    history = History(flow("s>m", mode="pipeline", streams="s"))
    position = Position(1)
    for frames in range(1, 50):
        lost = Entry(EntryKind.NODE_LOST, 1, position, frames=frames)
        failed = Entry(EntryKind.NODE_FAILED, 1, position, frames=frames)
        assert (history.losses_with(lost), history.failures_with(failed)) == (1, 1)
        history.apply(lost)
        history.apply(failed)


def test_numbers_of_kinds_are_on_disk_and_never_change():
    assert {kind.name: kind.value for kind in EntryKind} == {
        "EXECUTION_ACCEPTED": 1,
        "EXECUTION_CLAIMED": 2,
        "EXECUTION_REQUEUED": 3,
        "EXECUTION_COMPLETED": 4,
        "EXECUTION_FAILED": 5,
        "EXECUTION_CANCELLED": 6,
        "EXECUTION_PARKED": 7,
        "EXECUTION_WOKEN": 8,
        "EXECUTION_FORKED": 9,
        "NODE_STARTED": 16,
        "NODE_LOG": 17,
        "NODE_PROGRESS": 18,
        "NODE_COMPLETED": 19,
        "NODE_FAILED": 20,
        "NODE_TIMED_OUT": 21,
        "NODE_LOST": 22,
        "NODE_DIVERGED": 23,
        "NODE_RETRY_SCHEDULED": 24,
        "NODE_IN_DOUBT": 25,
        "NODE_SETTLED": 26,
        "NODE_FANNED_OUT": 27,
        "NODE_ITEM": 28,
        "NODE_CHILD_STARTED": 29,
        "EDGE_TAKEN": 32,
        "EDGE_NOT_TAKEN": 33,
        "GATE_ARRIVED": 48,
        "GATE_OPENED": 49,
        "GATE_NOT_TAKEN": 50,
        "GATE_FAILED": 51,
        "GATE_COMPOSED": 52,
        "PAUSE_OPENED": 64,
        "PAUSE_RESUMED": 65,
        "PAUSE_REJECTED": 66,
        "PAUSE_EXPIRED": 67,
        "DEBUG_STARTED": 80,
        "DEBUG_PAUSED": 81,
        "DEBUG_STEPPED": 82,
        "DEBUG_CONTINUED": 83,
        "DEBUG_BREAKPOINTS": 84,
        "DEBUG_HELD": 85,
        "DEBUG_EDITED": 86,
        "COMPENSATION_BEGUN": 96,
        "COMPENSATION_STARTED": 97,
        "COMPENSATION_COMPLETED": 98,
        "COMPENSATION_FAILED": 99,
        "COMPENSATION_RETRY_SCHEDULED": 100,
        "COMPENSATION_LOST": 101,
        "COMPENSATION_RESUMED": 102,
        "WEBHOOK_SCHEDULED": 112,
        "WEBHOOK_ATTEMPTED": 113,
        "WEBHOOK_DELIVERED": 114,
        "WEBHOOK_FAILED": 115,
    }
