"""When a compensation begins, and what each call in it comes to."""

import json

import attrs
import pytest
from worlds.flows import flow

from axiomd.execution.call import Crashed, Failure, Lost
from axiomd.execution.compensation import (
    after_bad_input,
    after_trouble,
    after_undone,
    begun_entry,
    cancelled_ending,
    end,
    or_undo,
    resume,
    undoer,
)
from axiomd.execution.execution import Ending
from axiomd.execution.history import History
from axiomd.execution.journal import Entry, EntryKind, Payload
from axiomd.execution.plan import Decision, after_failure, after_fault, after_output
from axiomd.execution.position import Position
from axiomd.execution.status import Residence, Status, Trigger, residence
from axiomd.flow.artifact import Retry
from axiomd.limits import LOSSES_MAX

RETRY = Retry(3, initial_interval_ms=1_000)
FLOW = flow("a>b b>c", compensate={"a": "undo-a", "b": "undo-b"}, retries={"b": RETRY}, once="b")
A, B, C = map(Position, range(3))
BROKE = Failure("NODE_ERROR", "no")
ENDING = Ending("NODE_ERROR", "no", "c", attempts=1)


def payload(text):
    return Payload(len(text), text.encode())


def take(history, decision):
    for entry in decision.entries:
        history.apply(entry)


def after(*aliases, artifact=FLOW):
    """A history in which these placements have completed."""
    accepted = Entry(EntryKind.EXECUTION_ACCEPTED, 1, payload=payload("in"))
    history = History.fold(artifact, [accepted])
    for alias in aliases:
        position = Position(artifact.index_of[alias])
        take(history, after_output(artifact, history, position, payload(f"out {alias}"), 2))
    return history


def undoing(status=Status.FAILED, ending=ENDING):
    """The history of an execution that undoes b and then a."""
    history = after("a", "b")
    history.apply(begun_entry(status, ending, 3))
    return history


def step_of(history):
    step = history.undoing.next_step
    started = EntryKind.COMPENSATION_STARTED
    history.apply(Entry(started, 4, step.position, step.calls + 1))
    return step


def kinds(decision):
    return [entry.kind for entry in decision.entries]


def test_a_failure_becomes_a_compensation_if_anything_can_be_undone():
    history = after("a", "b")
    failed = after_failure(FLOW, history, C, BROKE, 5)
    assert failed.trigger is Trigger.FAIL
    decision = or_undo(FLOW, history, failed)
    assert kinds(decision) == [EntryKind.NODE_FAILED, EntryKind.COMPENSATION_BEGUN]
    assert (decision.trigger, decision.failure) == (Trigger.UNDO, None)
    told = json.loads(decision.entries[-1].detail)
    assert told == {"status": "FAILED", **attrs.asdict(ENDING)}


def test_a_failure_is_the_end_if_nothing_can_be_undone():
    history = after()
    failed = after_failure(FLOW, history, A, BROKE, 5)
    assert or_undo(FLOW, history, failed) is failed


def test_a_checkpoint_in_the_commit_of_the_failure_is_undone_too():
    """An edge that fails: its source has completed."""
    history = after()
    decision = or_undo(FLOW, history, after_fault(history, A, payload("out"), ENDING, 5))
    assert kinds(decision) == [EntryKind.NODE_COMPLETED, EntryKind.COMPENSATION_BEGUN]
    take(history, decision)
    assert list(history.undoing.steps) == [A]


def test_what_is_no_failure_stays_as_it_is():
    history = after("a")
    decision = after_output(FLOW, history, B, payload("x"), 5)
    assert or_undo(FLOW, history, decision) is decision
    again = undoing()
    failed = Decision((), Trigger.FAIL, ENDING)
    assert or_undo(FLOW, again, failed) is failed


def test_the_last_completed_is_undone_first_with_what_it_took_and_returned():
    steps = undoing().undoing.steps
    assert list(steps) == [B, A]
    assert [step.visit.output for step in steps.values()] == [payload("out b"), payload("out a")]
    assert [step.visit.inputs for step in steps.values()] == [
        (payload("out a"),),
        (payload("in"),),
    ]


def test_nothing_is_due_any_more_once_it_has_begun():
    history = undoing()
    assert history.take_due() == []
    assert (history.pending, history.gates, history.undoable) == ({}, {}, [])
    assert list(history.alarms()) == []


@pytest.mark.parametrize(
    ("number", "pauses"), [(1, 1.0), (2, 2.0), (3, None)], ids=["first", "second", "last"]
)
def test_a_call_that_fails_is_made_again_as_the_placement_says(number, pauses):
    history = undoing()
    for _ in range(number):
        step = step_of(history)
        decision = after_trouble(FLOW.placements[1], step, BROKE, 5)
        take(history, decision)
    assert (step.calls, step.failures, step.message) == (number, number, "no")
    if pauses is None:
        assert kinds(decision) == [EntryKind.COMPENSATION_FAILED]
        assert (step.status, step.visit, history.undoing.next_step.position) == ("FAILED", None, A)
    else:
        again = EntryKind.COMPENSATION_RETRY_SCHEDULED
        assert kinds(decision) == [EntryKind.COMPENSATION_FAILED, again]
        assert step.due_ns == 5 + pauses * 10**9
        assert history.undoing.next_step is step


def test_a_crash_is_charged_and_a_loss_is_not():
    history = undoing()
    take(history, after_trouble(FLOW.placements[1], step_of(history), Lost("gone"), 5))
    step = step_of(history)
    assert (step.status, step.failures, step.lost, step.message) == ("PENDING", 0, 1, "gone")
    take(history, after_trouble(FLOW.placements[1], step, Crashed("SIGSEGV"), 5))
    assert (step.failures, step.lost) == (1, 0)


def test_losses_are_bounded():
    history = undoing()
    first = history.undoing.next_step
    for _ in range(LOSSES_MAX):
        take(history, after_trouble(FLOW.placements[1], step_of(history), Lost("gone"), 5))
    assert (first.status, first.calls) == ("FAILED", LOSSES_MAX)


def test_an_input_that_cannot_be_made_is_final():
    history = undoing()
    step = history.undoing.next_step
    take(history, after_bad_input(step, "1:1: no such field", 5))
    assert (step.status, step.calls, step.message) == ("FAILED", 0, "1:1: no such field")


def test_a_resumed_compensation_goes_on_at_the_first_step_that_is_not_over():
    history = undoing()
    take(history, resume(4))
    take(history, after_undone(step_of(history), payload("undone"), 5))
    assert (history.undoing.steps[B].status, history.undoing.steps[B].at_ns) == ("DONE", 5)
    assert history.undoing.next_step.position == A
    take(history, after_undone(step_of(history), payload("undone"), 6))
    assert history.undoing.next_step is None


def test_it_ends_as_it_would_have_ended_without():
    decision = end(undoing().undoing, 9)
    assert (decision.trigger, decision.failure) == (Trigger.FAIL, ENDING)
    decision = end(undoing(Status.CANCELLED, cancelled_ending()).undoing, 9)
    assert (decision.trigger, decision.failure) == (Trigger.CANCEL, cancelled_ending())
    assert kinds(decision) == [EntryKind.EXECUTION_CANCELLED]


def test_what_undoes_a_placement_has_its_code_and_the_rest_of_its_configuration():
    made = undoer(FLOW.placements[1])
    assert (made.alias, made.node, made.once, made.retry) == ("b", "undo-b", False, RETRY)


def test_every_iteration_is_undone():
    history = History(FLOW)
    visits = [Position(0, 1), Position(1, 1), Position(0, 2)]
    for position in visits:
        history.pending[position] = (payload("in"),)
        kind = EntryKind.NODE_COMPLETED
        history.apply(Entry(kind, 2, position, 1, edges=(0,), payload=payload("out")))
    history.apply(begun_entry(Status.FAILED, ENDING, 3))
    assert list(history.undoing.steps) == visits[::-1]


def test_a_compensation_lives_with_a_worker_unless_it_sleeps():
    assert residence(Status.COMPENSATING) is Residence.CLAIMED
    assert residence(Status.COMPENSATING, asleep=True) is Residence.PARKED
