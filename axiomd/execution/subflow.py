"""A placement that runs an artifact: how its child execution begins, and what its end means."""

import json

import attrs

from axiomd.clock import NS_PER_S
from axiomd.execution.call import Failure
from axiomd.execution.execution import Execution, queued
from axiomd.execution.history import History
from axiomd.execution.journal import Entry, EntryKind, Payload
from axiomd.execution.plan import Child, Decision
from axiomd.execution.position import Position, position_text
from axiomd.execution.status import Status
from axiomd.execution.trace_context import Origin, span_id, traceparent
from axiomd.flow.artifact import Artifact, Placement


def after_start(
    parent: Execution,
    placement: Placement,
    history: History,
    position: Position,
    artifact: Artifact,
    payload: Payload,
    child_id: str,
    at_ns: int,
) -> Decision:
    """A visit begins a child with its input; the child is there once the visit says so.

    artifact: what the child runs.
    """
    due_ns = at_ns + int(placement.timeout_s * NS_PER_S) if placement.timeout_s else 0
    text, number = position_text(position, placement.alias), history.calls.get(position, 0) + 1
    child = attrs.evolve(
        queued(child_id, artifact, parent.terms, at_ns),
        parent_id=parent.execution_id,
        parent_position=text,
        depth=parent.depth + 1,
        priority=parent.priority,
        origin=Origin(traceparent(parent.execution_id, span_id(parent.execution_id, text, number))),
    )
    begun = Entry(
        EntryKind.NODE_CHILD_STARTED,
        at_ns,
        position,
        number,
        due_ns=due_ns,
        detail=json.dumps({"execution_id": child_id}),
    )
    started = Entry(EntryKind.NODE_STARTED, at_ns, position, number)
    return Decision((started, begun), child=Child(child, payload))


def failure_of(child: Execution) -> Failure | None:
    """What the end of a child means for its visit, if that is no output."""
    if child.status is Status.COMPLETED:
        return None
    assert child.failure is not None
    word = "was cancelled" if child.status is Status.CANCELLED else "failed"
    message = f"child execution {child.execution_id} {word}: {child.failure.sentence}"
    return Failure("SUBFLOW_FAILED", message, classes=(child.failure.kind,))
