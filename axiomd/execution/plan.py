"""What is next: the heart of the engine, without I/O, without a clock, without concurrency.

`after_output`, `after_stream`, `after_failure` and `after_loss` say what follows from the end of
a call: the entries of the commit that records it, and what happens to the execution. A decision
is made once, here, and recorded; resuming folds it and never makes it again. Which visits a
decision makes due follows from its entries alone (`History.take_due`), after a restart as well.

Decisions of parallel branches are made in the order in which their commits are submitted, each
over a history that has every earlier decision applied: that is why two arms that arrive together
cannot both believe that the other one will open the gate.
"""

import json

import attrs

from axiomd.execution.call import Crashed, Failure, Lost
from axiomd.execution.execution import Ending
from axiomd.execution.journal import Entry, EntryKind, History, Payload
from axiomd.execution.position import Position
from axiomd.execution.status import Trigger
from axiomd.flow.artifact import Artifact
from axiomd.limits import CRASHES_MAX, EVENT_TEXT_BYTES_MAX, LOSSES_MAX


@attrs.frozen
class Decision:
    """What follows from the end of a node call."""

    entries: tuple[Entry, ...]
    """For the journal, in order, in one commit."""
    trigger: Trigger | None = None
    """What happens to the execution, if anything."""
    failure: Ending | None = None
    """Why, if the trigger is FAIL."""


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
    artifact: Artifact, history: History, position: Position, failure: Failure, at_ns: int
) -> Decision:
    """A node visit failed for good."""
    alias = artifact.placements[position.placement].alias
    calls = history.calls.get(position, 1)
    timed_out = failure.kind == "TIMEOUT"
    message = _storable(failure.message)
    detail = {"kind": failure.kind, "message": message}
    if failure.detail:
        detail["traceback"] = failure.detail[-EVENT_TEXT_BYTES_MAX:]
    entry = Entry(
        EntryKind.NODE_TIMED_OUT if timed_out else EntryKind.NODE_FAILED,
        at_ns,
        position,
        attempt=calls,
        detail=json.dumps(detail),
    )
    ending = Ending(failure.kind, message, placement=alias, attempts=calls)
    return Decision((entry, failed_entry(ending, at_ns)), Trigger.FAIL, ending)


def after_loss(
    artifact: Artifact,
    history: History,
    position: Position,
    outcome: Lost | Crashed,
    at_ns: int,
    frames: int = 0,
) -> Decision:
    """A call was taken away: the visit stays due, unless that happened too often.

    A loss is infrastructure's and is not charged to the node; a crash is the node's own doing.
    Both are bounded, so that a node that kills its process each time ends the execution instead
    of going round for ever. frames: durable frames of the visit; more of them than at the last
    loss is progress, which starts the count again.
    """
    crash = isinstance(outcome, Crashed)
    lost = Entry(
        EntryKind.NODE_LOST,
        at_ns,
        position,
        attempt=history.calls.get(position, 1),
        crash=crash,
        frames=frames,
        detail=json.dumps({"reason": outcome.reason}),
    )
    seen = history.losses_with(lost)
    if seen < (CRASHES_MAX if crash else LOSSES_MAX):
        return Decision((lost,))
    failure = Failure(
        "NODE_CRASHED",
        f"the node's process ended with {outcome.reason}, {seen} times in a row"
        if crash
        else f"the node's process was lost {seen} times, the last time: {outcome.reason}",
    )
    decision = after_failure(artifact, history, position, failure, at_ns)
    return attrs.evolve(decision, entries=(lost, *decision.entries))


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
