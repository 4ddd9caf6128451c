"""What follows from the end of a node call, as tables."""

import json

import pytest
from worlds.flows import flow
from worlds.rows import new_execution

from axiomd.execution.call import Crashed, Failure, Lost, Output
from axiomd.execution.execution import index_keys
from axiomd.execution.history import History
from axiomd.execution.journal import Entry, EntryKind, Payload
from axiomd.execution.plan import (
    after_doubt,
    after_failure,
    after_loss,
    after_output,
    after_stream,
    is_doubtful,
    rest,
)
from axiomd.execution.position import Position, parse_position, position_text
from axiomd.execution.status import Residence, Status, Trigger, residence
from axiomd.flow.artifact import Retry
from axiomd.limits import EVENT_TEXT_BYTES_MAX, LOSSES_MAX

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


def applied(history, decision):
    for entry in decision.entries:
        history.apply(entry)
    return decision


def test_a_visit_may_be_lost_so_often_and_no_more():
    history = accepted()
    for number in range(1, LOSSES_MAX + 1):
        decision = applied(history, after_loss(DIAMOND, history, A, "net", 2))
        assert (decision.trigger is Trigger.FAIL) == (number == LOSSES_MAX)
    assert decision.failure.kind == "NODE_CRASHED"
    assert "the last time: net" in decision.failure.message


def test_frames_between_two_losses_start_the_count_again():
    history = accepted(PIPE)
    for number in range(LOSSES_MAX - 1):
        applied(history, after_loss(PIPE, history, A, "net", 2, frames=0))
        assert history.lost[A] == number + 1
    decision = applied(history, after_loss(PIPE, history, A, "net", 2, frames=5))
    assert decision.trigger is None
    assert history.lost[A] == 1


def test_losses_are_not_charged_and_failures_are():
    retried = flow("a>b", retries={"a": Retry(max_attempts=3)})
    history = accepted(retried)
    for _ in range(LOSSES_MAX - 1):
        applied(history, after_loss(retried, history, A, "net", 2))
    for trigger in (None, None, Trigger.FAIL):
        decision = applied(history, after_failure(retried, history, A, Crashed("SIGSEGV"), 2))
        assert decision.trigger is trigger
    assert decision.failure.message == "the node's process ended with SIGSEGV"


def test_without_a_policy_the_first_crash_is_the_end_and_named():
    decision = after_failure(DIAMOND, accepted(), A, Crashed("SIGSEGV"), 2)
    assert words(decision) == ["node_failed 0", "execution_failed"]
    assert (decision.failure.kind, decision.failure.attempts) == ("NODE_CRASHED", 1)
    assert "SIGSEGV" in decision.failure.message


def test_a_retry_is_written_with_the_failure_and_says_when():
    retried = flow("a>b", retries={"a": Retry(max_attempts=2, initial_interval_ms=1_500)})
    history = accepted(retried)
    failed = Failure("NODE_ERROR", "ValueError: no")
    decision = applied(history, after_failure(retried, history, A, failed, 10**18))
    assert words(decision) == ["node_failed 0", "node_retry_scheduled 0"]
    assert decision.trigger is None
    assert history.due_ns[A] == 10**18 + 1_500_000_000
    detail = json.loads(decision.entries[1].detail)
    assert (detail["failures"], detail["most"]) == (1, 2)
    assert detail["due_at"] == "2001-09-09T01:46:41.500Z"


def test_each_frame_of_a_mapped_node_has_attempts_of_its_own():
    piped = flow("s>m", mode="pipeline", streams="s", retries=dict.fromkeys("sm", Retry(2)))
    failed = Failure("NODE_ERROR", "no")
    history = accepted(piped)
    for frames in (0, 1, 2):
        decision = after_failure(piped, history, B, failed, 2, frames=frames)
        assert applied(history, decision).trigger is None
    assert after_failure(piped, history, B, failed, 2, frames=2).trigger is Trigger.FAIL
    for frames, trigger in ((1, None), (2, Trigger.FAIL)):
        decision = after_failure(piped, history, A, failed, 2, frames=frames)
        assert applied(history, decision).trigger is trigger


ENDS = [
    (Lost("net"), True),
    (Crashed("SIGSEGV"), True),
    (Failure("TIMEOUT", "late"), True),
    (Failure("OUT_OF_MEMORY", "full"), True),
    (Failure("NODE_ERROR", "no"), False),
    (Failure("BAD_OUTPUT", "no"), False),
    (Output(b""), False),
]


@pytest.mark.parametrize(("outcome", "doubtful"), ENDS)
def test_what_died_without_an_answer_is_in_doubt_if_it_must_run_once(outcome, doubtful):
    assert is_doubtful(flow("a>b", once="a"), A, outcome) is doubtful
    assert not is_doubtful(flow("a>b", once="b"), A, outcome)


def sleeping(*decisions):
    """A history of the diamond, after `a` and what else is decided."""
    retried = flow("a>b a>c b>d c>d d>e", retries=dict.fromkeys("bc", Retry(9)), once="b c")
    history = accepted(retried)
    returned(history, A)
    for decide in decisions:
        applied(history, decide(retried, history))
    return history


def fail_b(artifact, history):
    return after_failure(artifact, history, B, Failure("NODE_ERROR", "no"), 5)


def fail_c(artifact, history):
    return after_failure(artifact, history, C, Failure("NODE_ERROR", "no"), 3)


def doubt_b(artifact, history):
    return after_doubt(artifact, history, B, "the box restarted", 5)


def return_c(artifact, history):
    return after_output(artifact, history, C, payload("out"), 4)


RESTS = [
    ([fail_b, fail_c], Trigger.SLEEP, 1_000_000_003),
    ([fail_b, return_c], Trigger.WAIT, 1_000_000_005),
    ([doubt_b, return_c], Trigger.PAUSE, 0),
    ([doubt_b, fail_c], Trigger.PAUSE, 1_000_000_003),
]


@pytest.mark.parametrize(("decisions", "trigger", "wake_ns"), RESTS)
def test_an_execution_in_which_nothing_runs_is_parked_by_what_it_waits_for(
    decisions, trigger, wake_ns
):
    decision = rest(sleeping(*decisions), 7)
    assert (decision.trigger, decision.wake_ns) == (trigger, wake_ns)
    assert words(decision) == ["execution_parked"]


def test_nothing_rests_that_nothing_would_ever_wake():
    with pytest.raises(AssertionError):
        rest(sleeping(), 7)


def test_a_visit_in_doubt_is_called_again_or_has_its_output_as_a_person_says():
    again, happened = sleeping(doubt_b), sleeping(doubt_b)
    again.apply(Entry(EntryKind.NODE_SETTLED, 8, B))
    happened.apply(Entry(EntryKind.NODE_SETTLED, 8, B, payload=payload("told")))
    assert (again.doubts, again.settled) == (set(), {})
    assert (happened.doubts, happened.settled) == (set(), {B: payload("told")})
    assert B in again.pending
    assert B in happened.pending


@pytest.mark.parametrize("status", Status)
def test_index_rows_say_where_an_execution_lives(status):
    names = {name for name, _ in index_keys(new_execution(1, status=status))}
    homes = {Residence.READY: {"ready"}, Residence.CLAIMED: {"claimed"}}
    homes[Residence.ENDED] = {"ended"}
    assert names == {"by_tenant", "by_status", "by_flow"} | homes.get(residence(status), set())


def test_what_goes_on_at_a_time_is_parked_and_due():
    asleep = new_execution(1, status=Status.RUNNING, wake_ns=7)
    rows = dict(index_keys(asleep))
    assert set(rows) == {"by_tenant", "by_status", "by_flow", "due"}
    assert rows["due"] == (7, asleep.execution_id)


@pytest.mark.parametrize(
    ("position", "text"),
    [
        ((0, 1, ()), "a"),
        ((0, 2, ()), "a#2"),
        ((0, 1, (3,)), "a[3]"),
        ((0, 2, (0, 12)), "a#2[0][12]"),
    ],
)
def test_a_position_has_one_text(position, text):
    assert position_text(Position(*position), "a") == text
    assert parse_position(text) == ("a", position[1], position[2])


@pytest.mark.parametrize("text", ["", "#2", "a#", "a[", "a[x]", "a[1]#2"])
def test_what_is_no_position_is_refused(text):
    with pytest.raises(ValueError, match="is not a position"):
        parse_position(text)
