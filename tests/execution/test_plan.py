"""What follows from the end of a node call, as tables."""

import json

import pytest
from worlds.flows import flow
from worlds.rows import new_execution

from axiomd.execution.call import Crashed, Failure, Lost
from axiomd.execution.execution import index_keys
from axiomd.execution.journal import Entry, EntryKind, History, Payload
from axiomd.execution.plan import Decision, after_failure, after_loss, after_output, after_stream
from axiomd.execution.position import Position, parse_position, position_text
from axiomd.execution.status import Residence, Status, Trigger, residence
from axiomd.limits import CRASHES_MAX, EVENT_TEXT_BYTES_MAX, LOSSES_MAX

DIAMOND = flow("a>b a>c b>d c>d d>e")
PIPE = flow("s>m", mode="pipeline", streams="s")
A, B, C, D, E = map(Position, range(5))


def payload(text):
    return Payload(len(text), text.encode())


def accepted(artifact=DIAMOND):
    entry = Entry(EntryKind.EXECUTION_ACCEPTED, 1, payload=payload("in"))
    return History.fold(artifact, [entry])


def returned(history, position, text="out"):
    """Decide, and take the decision in."""
    decision = after_output(DIAMOND, history, position, payload(text), 2)
    for entry in decision.entries:
        history.apply(entry)
    return decision


def words(decision):
    """A decision in one line."""
    parts = []
    for entry in decision.entries:
        place = "" if entry.position is None else f" {entry.position.placement}"
        edge = "" if entry.edge < 0 else f" via {entry.edge}"
        parts.append(f"{entry.kind.wire}{place}{edge}")
    return parts


CASES = {
    "a": ["node_completed 0", "edge_taken 0 via 0", "edge_taken 0 via 1"],
    "ab": ["node_completed 1", "edge_taken 1 via 2", "gate_arrived 3 via 2"],
    "abc": ["node_completed 2", "edge_taken 2 via 3", "gate_arrived 3 via 3", "gate_opened 3"],
    "acb": ["node_completed 1", "edge_taken 1 via 2", "gate_arrived 3 via 2", "gate_opened 3"],
    "abcd": ["node_completed 3", "edge_taken 3 via 4"],
    "abcde": ["node_completed 4", "execution_completed"],
}


@pytest.mark.parametrize("order", CASES)
def test_an_output_is_followed_by_its_edges_and_gates(order):
    history = accepted()
    for alias in order:
        decision = returned(history, Position(DIAMOND.index_of[alias]))
    assert words(decision) == CASES[order]
    assert decision.trigger == (Trigger.COMPLETE if order.endswith("e") else None)


DUE = {"": ["a"], "a": ["b", "c"], "ab": [], "abc": ["d"], "acb": ["d"], "abcd": ["e"], "abcde": []}


@pytest.mark.parametrize("order", DUE)
def test_what_a_decision_makes_due_is_handed_out_once(order):
    history = accepted()
    for alias in order:
        history.take_due()
        returned(history, Position(DIAMOND.index_of[alias]))
    due = [DIAMOND.placements[position.placement].alias for position in history.take_due()]
    assert due == DUE[order]
    assert history.take_due() == []


def test_after_a_restart_everything_open_is_due_and_nothing_else():
    history = accepted()
    entries = [Entry(EntryKind.EXECUTION_ACCEPTED, 1, payload=payload("in"))]
    entries += [*returned(history, A).entries, *returned(history, C).entries]
    assert History.fold(DIAMOND, entries).take_due() == [B]


def test_a_gate_merges_its_arms_in_edge_order_whoever_came_first():
    for order in ((B, C), (C, B)):
        history = accepted()
        returned(history, A)
        for position in order:
            returned(history, position, "bc"[position == C])
        assert history.pending[D] == (payload("b"), payload("c"))


def test_two_arms_that_end_together_open_the_gate_once():
    """The second decision is made over a history that has the first one applied."""
    history = accepted()
    returned(history, A)
    opened = [words(returned(history, arm)).count("gate_opened 3") for arm in (B, C)]
    assert opened == [0, 1]


def test_a_history_holds_only_what_is_still_needed():
    history = accepted()
    for position in (A, B, C, D):
        returned(history, position)
    assert set(history.pending) == {E}
    assert history.arms == {}


def test_the_last_placement_of_a_pipeline_ends_it():
    history = accepted(PIPE)
    first = after_stream(PIPE, history, Position(0), 7, 2)
    last = after_stream(PIPE, history, Position(1), 7, 3)
    assert words(first) == ["node_completed 0", "edge_taken 0 via 0"]
    assert words(last) == ["node_completed 1", "execution_completed"]
    assert (first.trigger, last.trigger) == (None, Trigger.COMPLETE)
    assert last.entries[0].frames == 7


@pytest.mark.parametrize(
    ("kind", "entry"), [("TIMEOUT", "node_timed_out 0"), ("NODE_ERROR", "node_failed 0")]
)
def test_a_failure_fails_the_execution_and_says_where(kind, entry):
    failure = Failure(kind, "no", detail="x" * EVENT_TEXT_BYTES_MAX * 2)
    decision = after_failure(DIAMOND, accepted(), A, failure, 2)
    assert words(decision) == [entry, "execution_failed"]
    assert decision.trigger is Trigger.FAIL
    assert (decision.failure.kind, decision.failure.placement) == (kind, "a")
    assert len(decision.entries[0].detail) < EVENT_TEXT_BYTES_MAX * 1.1


@pytest.mark.parametrize(
    ("said", "kept"),
    [("no \ud800", "no ?"), ("é" * EVENT_TEXT_BYTES_MAX, "é" * (EVENT_TEXT_BYTES_MAX // 2))],
)
def test_what_a_node_said_is_kept_as_a_record_can_hold_it(said, kept):
    decision = after_failure(DIAMOND, accepted(), A, Failure("NODE_ERROR", said), 2)
    assert decision.failure.message == kept
    assert json.loads(decision.entries[0].detail)["message"] == kept


@pytest.mark.parametrize(
    ("outcome", "most"), [(Lost("net"), LOSSES_MAX), (Crashed("SIGSEGV"), CRASHES_MAX)]
)
def test_a_visit_may_be_lost_so_often_and_no_more(outcome, most):
    history = accepted()
    for number in range(1, most + 1):
        decision = after_loss(DIAMOND, history, A, outcome, 2)
        assert (decision.trigger is Trigger.FAIL) == (number == most)
        for entry in decision.entries:
            history.apply(entry)
    assert decision.failure.kind == "NODE_CRASHED"


def test_frames_between_two_crashes_start_the_count_again():
    history = accepted(PIPE)
    for frames in (0, 0, 5, 5):
        decision = after_loss(PIPE, history, Position(0), Crashed("exit 1"), 2, frames)
        history.apply(decision.entries[0])
        assert decision == Decision(decision.entries[:1])
    final = after_loss(PIPE, history, Position(0), Crashed("exit 1"), 2, 5)
    assert final.trigger is Trigger.FAIL


def test_losses_and_crashes_are_counted_apart():
    history = accepted()
    for outcome in [Lost("net")] * (LOSSES_MAX - 1) + [Crashed("exit 1")] * (CRASHES_MAX - 1):
        decision = after_loss(DIAMOND, history, A, outcome, 2)
        assert decision.trigger is None
        history.apply(decision.entries[0])
    assert json.loads(decision.entries[0].detail) == {"reason": "exit 1"}


@pytest.mark.parametrize("status", Status)
def test_index_rows_say_where_an_execution_lives(status):
    names = {name for name, _ in index_keys(new_execution(1, status=status))}
    homes = {Residence.READY: {"ready"}, Residence.CLAIMED: {"claimed"}}
    homes[Residence.ENDED] = {"ended"}
    assert names == {"by_tenant", "by_status", "by_flow"} | homes.get(residence(status), set())


@pytest.mark.parametrize(
    ("position", "text"),
    [((0, 1, -1), "a"), ((0, 2, -1), "a#2"), ((0, 1, 3), "a[3]"), ((0, 2, 0), "a#2[0]")],
)
def test_a_position_has_one_text(position, text):
    assert position_text(Position(*position), "a") == text
    assert parse_position(text) == ("a", position[1], position[2])


@pytest.mark.parametrize("text", ["", "#2", "a#", "a[", "a[x]", "a[1]#2"])
def test_what_is_no_position_is_refused(text):
    with pytest.raises(ValueError, match="is not a position"):
        parse_position(text)
