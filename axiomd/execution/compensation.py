"""What follows in a compensation: when it begins, and what each call in it comes to.

As in `execution/plan.py`, everything is decided once and recorded, and a resumed compensation goes
on at the first step that is not over. Steps are made one after the other, so nothing here has to
know of anything that runs beside it.
"""

import json

import attrs

from axiomd.execution.call import Crashed, Failure, Lost
from axiomd.execution.execution import Ending
from axiomd.execution.history import History
from axiomd.execution.journal import Entry, EntryKind, Payload
from axiomd.execution.plan import (
    Decision,
    as_failure,
    failed_entry,
    failure_detail,
    retry_entry,
)
from axiomd.execution.retry import next_pause_s
from axiomd.execution.status import Status, Trigger
from axiomd.execution.undoing import Undoing, UndoStep, is_undoable
from axiomd.flow.artifact import Artifact, Placement
from axiomd.limits import LOSSES_MAX


def cancelled_ending() -> Ending:
    """Why an execution has ended that somebody cancelled."""
    return Ending("CANCELLED", "the execution was cancelled")


def who_asked(by: str) -> str:
    """The detail of a line of the history that somebody has asked for, as JSON."""
    return json.dumps({"by": by} if by else {})


def begun_entry(status: Status, ending: Ending, at_ns: int, by: str = "") -> Entry:
    """The journal's line from which on an execution undoes what it has done.

    by: who has asked for it.
    """
    detail = {"status": status.value, **attrs.asdict(ending)}
    if by:
        detail["by"] = by
    return Entry(EntryKind.COMPENSATION_BEGUN, at_ns, detail=json.dumps(detail))


def or_undo(artifact: Artifact, history: History, decision: Decision) -> Decision:
    """The decision, or the beginning of a compensation where it would fail the execution."""
    if decision.trigger is not Trigger.FAIL or history.undoing is not None:
        return decision
    if not history.undoable and not any(is_undoable(artifact, e) for e in decision.entries):
        return decision
    *others, failed = decision.entries
    assert failed.kind is EntryKind.EXECUTION_FAILED
    assert decision.failure is not None
    begun = begun_entry(Status.FAILED, decision.failure, failed.at_ns)
    return Decision((*others, begun), Trigger.UNDO)


def undoer(placement: Placement) -> Placement:
    """The node that undoes a placement, as a placement of its own.

    Time, limits, runner and retries are those of the placement. `once` is not: a call that was lost
    is made again, with the same effect key.
    """
    undo = placement.compensate
    assert undo is not None
    return attrs.evolve(
        placement,
        package=undo.package,
        node=undo.node,
        digest=undo.digest,
        kind="unary",
        input_type=undo.input_type,
        output_type=undo.output_type,
        concurrency=undo.concurrency,
        once=False,
        subflow="",
    )


def resume(at_ns: int) -> Decision:
    """A worker begins, or goes on."""
    return Decision((Entry(EntryKind.COMPENSATION_RESUMED, at_ns),), Trigger.COMPENSATE)


def after_undone(step: UndoStep, payload: Payload, at_ns: int) -> Decision:
    """The visit is undone; `payload` is what the node that undid it returned."""
    kind = EntryKind.COMPENSATION_COMPLETED
    return Decision((Entry(kind, at_ns, step.position, step.calls, payload=payload),))


def after_trouble(
    placement: Placement,
    step: UndoStep,
    outcome: Failure | Crashed | Lost,
    at_ns: int,
    chance: float = 0.0,
) -> Decision:
    """A call that was to undo a visit did not: it is made again, or the visit stays as it is.

    chance: from 0 to 1, how much of the policy's jitter is taken.
    """
    if isinstance(outcome, Lost):
        detail = failure_detail("LOST", outcome.reason)
        kind, last = EntryKind.COMPENSATION_LOST, step.lost + 1 >= LOSSES_MAX
        lost = Entry(kind, at_ns, step.position, step.calls, detail=detail, failed=last)
        return Decision((lost,))
    failure, policy, failures = as_failure(outcome), placement.retry, step.failures + 1
    pause_s = next_pause_s(policy, failures, failure, chance)
    detail = failure_detail(failure.kind, failure.message, failure.detail)
    failed = _failed_call(step, detail, at_ns, last=pause_s is None)
    if pause_s is None:
        return Decision((failed,))
    kind = EntryKind.COMPENSATION_RETRY_SCHEDULED
    return Decision((failed, retry_entry(kind, failed, pause_s, failures, policy)))


def after_bad_input(step: UndoStep, message: str, at_ns: int) -> Decision:
    """The input of what undoes a visit cannot be made, and never could."""
    detail = failure_detail("EDGE_ADAPTER", message)
    return Decision((_failed_call(step, detail, at_ns, last=True),))


def _failed_call(step: UndoStep, detail: str, at_ns: int, *, last: bool) -> Entry:
    kind = EntryKind.COMPENSATION_FAILED
    return Entry(kind, at_ns, step.position, step.calls, detail=detail, failed=last)


def end(undoing: Undoing, at_ns: int) -> Decision:
    """Everything was tried: the execution ends as it would have ended without."""
    ending = undoing.ending
    if undoing.status is Status.CANCELLED:
        entry = Entry(EntryKind.EXECUTION_CANCELLED, at_ns, detail=who_asked(undoing.by))
        return Decision((entry,), Trigger.CANCEL, ending)
    return Decision((failed_entry(ending, at_ns),), Trigger.FAIL, ending)
