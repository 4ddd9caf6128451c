"""What is next: the heart of the engine, without I/O, without a clock, without concurrency.

`after_output`, `after_stream`, `after_failure`, `after_loss` and `after_doubt` say what follows
from the end of a call, and `rest` from there being none: the entries of the commit that records
it, and what happens to the execution. A decision
is made once, here, and recorded; resuming folds it and never makes it again. Which visits a
decision makes due follows from its entries alone (`History.take_due`), after a restart as well.

Decisions of parallel branches are made in the order in which their commits are submitted, each
over a history that has every earlier decision applied: that is why two arms that arrive together
cannot both believe that the other one will open the gate.
"""

import json

import attrs

from axiomd.clock import NS_PER_S, rfc3339
from axiomd.execution.call import Crashed, Failure, Lost, Outcome, describe_end
from axiomd.execution.execution import Ending
from axiomd.execution.journal import Entry, EntryKind, History, Payload
from axiomd.execution.position import Position, position_text
from axiomd.execution.retry import next_pause_s
from axiomd.execution.status import Trigger
from axiomd.flow.artifact import Artifact
from axiomd.limits import EVENT_TEXT_BYTES_MAX, LOSSES_MAX


@attrs.frozen
class Decision:
    """What follows from the end of a node call."""

    entries: tuple[Entry, ...]
    """For the journal, in order, in one commit."""
    trigger: Trigger | None = None
    """What happens to the execution, if anything."""
    failure: Ending | None = None
    """Why, if the trigger is FAIL."""
    wake_ns: int = 0
    """When it goes on by itself, if it is parked until a time."""
    doubted: str = ""
    """The visit, as text, that a person has to settle from now on."""


def after_output(
    artifact: Artifact, history: History, position: Position, payload: Payload, at_ns: int
) -> Decision:
    """A unary node visit returned `payload`."""
    edges = artifact.outgoing[position.placement]
    entries = [
        Entry(
            EntryKind.NODE_COMPLETED,
            at_ns,
            position,
            attempt=history.calls.get(position, 1),
            edges=edges,
            payload=payload,
        )
    ]
    for edge in edges:
        entries += _follow(artifact, history, position, edge, at_ns)
    return _finished(artifact, position, entries, at_ns)


def after_stream(
    artifact: Artifact, history: History, position: Position, frames: int, at_ns: int
) -> Decision:
    """A placement of a pipeline has emitted its last frame, `frames` in all."""
    edges = artifact.outgoing[position.placement]
    completed = Entry(
        EntryKind.NODE_COMPLETED,
        at_ns,
        position,
        attempt=history.calls.get(position, 1),
        edges=edges,
        frames=frames,
    )
    taken = [Entry(EntryKind.EDGE_TAKEN, at_ns, position, edge=edge) for edge in edges]
    return _finished(artifact, position, [completed, *taken], at_ns)


def after_failure(
    artifact: Artifact,
    history: History,
    position: Position,
    failure: Failure | Crashed,
    at_ns: int,
    chance: float = 0.0,
    frames: int = 0,
) -> Decision:
    """A call of a node visit failed, which is charged to it: it is tried again, or that was all.

    chance: from 0 to 1, how much of the policy's jitter is taken. frames: durable frames of the
    visit.
    """
    if isinstance(failure, Crashed):
        failure = _crash(failure)
    entry = _failed_call(history, position, failure, at_ns, frames)
    failures = history.failures_with(entry)
    policy = artifact.placements[position.placement].retry
    pause_s = next_pause_s(policy, failures, failure, chance)
    if pause_s is not None:
        due_ns = at_ns + int(pause_s * NS_PER_S)
        detail = {"due_at": rfc3339(due_ns), "failures": failures, "most": policy.max_attempts}
        retry = Entry(
            EntryKind.NODE_RETRY_SCHEDULED,
            at_ns,
            position,
            attempt=entry.attempt,
            due_ns=due_ns,
            detail=json.dumps(detail),
        )
        return Decision((entry, retry))
    alias = artifact.placements[position.placement].alias
    ending = Ending(failure.kind, _storable(failure.message), alias, attempts=entry.attempt)
    return Decision((entry, failed_entry(ending, at_ns)), Trigger.FAIL, ending)


def _crash(crashed: Crashed) -> Failure:
    return Failure("NODE_CRASHED", describe_end(crashed), classes=(crashed.reason,))


def _failed_call(
    history: History, position: Position, failure: Failure, at_ns: int, frames: int
) -> Entry:
    detail = {"kind": failure.kind, "message": _storable(failure.message)}
    if failure.detail:
        detail["traceback"] = failure.detail[-EVENT_TEXT_BYTES_MAX:]
    return Entry(
        EntryKind.NODE_TIMED_OUT if failure.kind == "TIMEOUT" else EntryKind.NODE_FAILED,
        at_ns,
        position,
        attempt=history.calls.get(position, 1),
        frames=frames,
        detail=json.dumps(detail),
    )


def after_loss(
    artifact: Artifact,
    history: History,
    position: Position,
    reason: str,
    at_ns: int,
    frames: int = 0,
) -> Decision:
    """Infrastructure took a call away: the visit stays due, unless that happened too often.

    A loss is not charged to the node. It is bounded all the same, so that a node that has itself
    killed each time ends the execution instead of going round for ever. frames: durable frames
    of the visit; more of them than at the last end of a call is progress, which starts the count
    again.
    """
    lost = Entry(
        EntryKind.NODE_LOST,
        at_ns,
        position,
        attempt=history.calls.get(position, 1),
        frames=frames,
        detail=json.dumps({"reason": reason}),
    )
    seen = history.losses_with(lost)
    if seen < LOSSES_MAX:
        return Decision((lost,))
    alias = artifact.placements[position.placement].alias
    words = f"the node's process was lost {seen} times, the last time: {reason}"
    ending = Ending("NODE_CRASHED", _storable(words), alias, attempts=lost.attempt)
    return Decision((lost, failed_entry(ending, at_ns)), Trigger.FAIL, ending)


def after_doubt(
    artifact: Artifact, history: History, position: Position, reason: str, at_ns: int
) -> Decision:
    """A call of a visit that must not run twice ended without an answer: a person has to say."""
    alias = artifact.placements[position.placement].alias
    detail = {"reason": reason, "settle": position_text(position, alias)}
    entry = Entry(
        EntryKind.NODE_IN_DOUBT,
        at_ns,
        position,
        attempt=history.calls.get(position, 1),
        detail=json.dumps(detail),
    )
    return Decision((entry,), doubted=position_text(position, alias))


def is_doubtful(artifact: Artifact, position: Position, outcome: Outcome) -> bool:
    """Whether nobody can tell if a node that must run once has done what it does.

    What the node answered is known, a failure of its own included; what was killed, or died, may
    have acted before it did.
    """
    if not artifact.placements[position.placement].once:
        return False
    if isinstance(outcome, Failure):
        return outcome.kind in ("TIMEOUT", "OUT_OF_MEMORY")
    return isinstance(outcome, Crashed | Lost)


def rest(history: History, at_ns: int) -> Decision:
    """Nothing is running, and every pending visit sleeps or waits for a person."""
    wake_ns = min(history.due_ns.values(), default=0)
    if history.doubts:
        trigger = Trigger.PAUSE
    elif history.arms:
        trigger = Trigger.WAIT
    else:
        trigger = Trigger.SLEEP
    assert history.doubts or wake_ns, "an execution that nothing would ever wake"
    detail = {"wake_at": rfc3339(wake_ns)} if wake_ns else {}
    entry = Entry(EntryKind.EXECUTION_PARKED, at_ns, trigger=trigger, detail=json.dumps(detail))
    return Decision((entry,), trigger, wake_ns=wake_ns)


def failed_entry(ending: Ending, at_ns: int) -> Entry:
    """The journal's last line of an execution that failed."""
    detail = {"kind": ending.kind, "message": ending.message}
    return Entry(EntryKind.EXECUTION_FAILED, at_ns, detail=json.dumps(detail))


def _storable(words: str) -> str:
    """What a node said as a record can hold it: bounded, and Unicode all through."""
    return words.encode(errors="replace")[:EVENT_TEXT_BYTES_MAX].decode(errors="ignore")


def _follow(
    artifact: Artifact, history: History, position: Position, edge: int, at_ns: int
) -> list[Entry]:
    """What the journal says of one edge that fires."""
    entries = [Entry(EntryKind.EDGE_TAKEN, at_ns, position, edge=edge)]
    destination = artifact.edges[edge].destination
    if not artifact.is_gate(destination):
        return entries
    gate = Position(destination)
    entries.append(Entry(EntryKind.GATE_ARRIVED, at_ns, gate, edge=edge))
    arrived = {*history.arms.get(destination, ()), edge}
    if arrived.issuperset(artifact.incoming[destination]):
        entries.append(Entry(EntryKind.GATE_OPENED, at_ns, gate))
    return entries


def _finished(artifact: Artifact, position: Position, entries: list[Entry], at_ns: int) -> Decision:
    if position.placement != artifact.terminal:
        return Decision(tuple(entries))
    entries.append(Entry(EntryKind.EXECUTION_COMPLETED, at_ns))
    return Decision(tuple(entries), Trigger.COMPLETE)
