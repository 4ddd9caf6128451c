"""Records as JSON: stable out. Every shape of the contract's section 4 is made here."""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import attrs

from axiomd.api.shapes import (
    ArtifactView,
    AwaitedPauseView,
    CheckpointView,
    CompensateView,
    CompensationView,
    EndsView,
    EventView,
    ExecutionView,
    FailureView,
    FanOutView,
    HitlView,
    JoinView,
    ResultView,
    TopologyView,
    WaitingView,
    WayView,
)
from axiomd.clock import NS_PER_MS, NS_PER_S, rfc3339
from axiomd.engine.catalog import LoadedArtifact
from axiomd.execution.execution import Ending, Execution
from axiomd.execution.history import History
from axiomd.execution.journal import Entry, EntryKind, Payload
from axiomd.execution.pauses import pause_id
from axiomd.execution.plan import NEVER_NS
from axiomd.execution.position import position_text
from axiomd.execution.status import Residence, Status
from axiomd.flow.artifact import Artifact, Compensate, FanOut, Fields, Hitl, Join
from axiomd.flow.messages import MessageType
from axiomd.limits import HELD_SHOWN_MAX

Json = dict[str, Any]
Show = Callable[[MessageType, Sequence[Payload]], Any]
"""A message as JSON, from payloads whose merge it is."""


def execution_view(execution: Execution) -> ExecutionView:
    """An execution."""
    failure = execution.failure
    return {
        "execution_id": execution.execution_id,
        "flow": execution.flow,
        "graph_id": execution.graph_id,
        "mode": execution.mode,
        "status": execution.status.value,
        "created_at": rfc3339(execution.created_ns),
        "started_at": moment(execution.started_ns),
        "updated_at": rfc3339(execution.updated_ns),
        "completed_at": moment(execution.completed_ns),
        "duration_ms": duration_ms(execution),
        "attempt": execution.attempt,
        "priority": execution.priority,
        "config_id": execution.config_id or None,
        "parent_id": execution.parent_id or None,
        "forked_from": execution.forked_from or None,
        "schedule_id": execution.schedule_id or None,
        "scheduled_at": moment(execution.scheduled_ns),
        "waiting_on": waiting_view(execution),
        "ended_at": list(execution.ended_at) or None,
        "error": error_sentence(failure),
        "failure": failure_view(failure),
    }


def waiting_view(execution: Execution) -> WaitingView | None:
    """What a parked execution waits for, or a person has to act on; null if that is nothing."""
    asked = execution.doubts or execution.pauses or execution.held
    if not asked and execution.residence is not Residence.PARKED:
        return None
    pauses: list[AwaitedPauseView] = [
        {
            "pause_id": pause_id(execution.execution_id, pause.position),
            "position": pause.position,
            "expires_at": moment(pause.expires_ns),
        }
        for pause in execution.pauses
    ]
    return {
        "in_doubt": list(execution.doubts),
        "pauses": pauses,
        "held": list(execution.held[:HELD_SHOWN_MAX]),
        "children": list(execution.children),
        "until": moment(execution.wake_ns) if execution.wake_ns != NEVER_NS else None,
    }


def moment(ns: int) -> str | None:
    """A time, or null for one that has not come."""
    return rfc3339(ns) if ns else None


def duration_ms(execution: Execution) -> float | None:
    """Milliseconds from the start to the end; null before the end."""
    if not execution.completed_ns:
        return None
    started = execution.started_ns or execution.created_ns
    return _ms(execution.completed_ns - started)


def _ms(ns: int) -> float:
    return round(ns / NS_PER_MS, 3)


def error_sentence(failure: Ending | None) -> str | None:
    """One sentence that says what went wrong and where."""
    return failure.sentence if failure is not None else None


def failure_view(failure: Ending | None) -> FailureView | None:
    """What went wrong, in parts."""
    if failure is None:
        return None
    return {
        "kind": failure.kind,
        "placement": failure.placement or None,
        "edge": failure.edge or None,
        "message": failure.message,
        "attempts": failure.attempts,
    }


def result_view(
    execution: Execution, output: Any, compensation: CompensationView | None = None
) -> ResultView:
    """How an execution that has ended is told to whoever waited for it.

    compensation: what was and was not undone of one that failed, if anything was to be.
    """
    completed_at = execution.completed_ns // NS_PER_S
    if execution.status is Status.COMPLETED:
        done: ResultView = {"output": output, "success": True, "completed_at": completed_at}
        if execution.ended_at:
            done["ended_at"] = list(execution.ended_at)
        return done
    return {
        "output": None,
        "success": False,
        "completed_at": completed_at,
        "error": error_sentence(execution.failure),
        "failure": failure_view(execution.failure),
        "compensation": compensation,
    }


def event_view(artifact: Artifact, entry: Entry) -> EventView:
    """One line of the history."""
    placement = position = None
    if entry.position is not None:
        placement = artifact.placements[entry.position.placement].alias
        position = position_text(entry.position, placement)
    return {
        "seq": entry.seq,
        "at": rfc3339(entry.at_ns),
        "kind": entry.kind.wire,
        "placement": placement,
        "position": position,
        "attempt": entry.attempt or None,
        "detail": event_detail(artifact, entry),
    }


def event_detail(artifact: Artifact, entry: Entry) -> Json:
    """What else an event says."""
    detail: Json = json.loads(entry.detail) if entry.detail else {}
    if entry.edge >= 0:
        detail |= edge_view(artifact, entry.edge)
    if entry.kind is EntryKind.NODE_COMPLETED:
        if entry.payload is not None:
            detail["output_bytes"] = entry.payload.size
        else:
            detail["frames"] = entry.frames
    if entry.kind is EntryKind.COMPENSATION_COMPLETED and entry.payload is not None:
        detail["output_bytes"] = entry.payload.size
    return detail


def edge_view(artifact: Artifact, edge: int) -> EndsView:
    """An edge by its ends."""
    ends = artifact.edges[edge]
    return {
        "from": artifact.placements[ends.source].alias,
        "to": artifact.placements[ends.destination].alias,
    }


@attrs.frozen
class Checkpoint:
    """A completed node visit: its entry, and what went in."""

    entry: Entry
    started_ns: int
    inputs: tuple[Payload, ...]
    child_id: str | None = None
    """The execution that did it in the place of a node, if one did."""

    @property
    def size(self) -> int:
        """Bytes of what went in and came out."""
        payloads = [*self.inputs, *([self.entry.payload] if self.entry.payload else [])]
        return sum(payload.size for payload in payloads)


def checkpoints_after(
    artifact: Artifact, entries: Iterable[Entry], after: int
) -> Iterator[Checkpoint]:
    """The checkpoints of a journal behind seq `after`, oldest first; no payload is read."""
    history = History(artifact)
    started: dict[object, int] = {}
    for entry in entries:
        if entry.kind is EntryKind.NODE_STARTED:
            started.setdefault(entry.position, entry.at_ns)
        if entry.kind is EntryKind.NODE_COMPLETED:
            began = started.pop(entry.position, entry.at_ns)
            if entry.seq > after:
                inputs = history.pending.get(entry.position, ()) if entry.position else ()
                child_id = history.children.get(entry.position) if entry.position else None
                yield Checkpoint(entry, began, inputs, child_id)
        history.apply(entry)


def checkpoint_view(loaded: LoadedArtifact, checkpoint: Checkpoint, show: Show) -> CheckpointView:
    """A checkpoint, with what went in and what came out."""
    entry, inputs = checkpoint.entry, checkpoint.inputs
    assert entry.position is not None
    index = entry.position.placement
    placement = loaded.artifact.placements[index]
    view: CheckpointView = {
        "seq": entry.seq,
        "placement": placement.alias,
        "position": position_text(entry.position, placement.alias),
        "attempt": entry.attempt,
        "message": placement.output_type,
        "started_at": rfc3339(checkpoint.started_ns),
        "completed_at": rfc3339(entry.at_ns),
        "duration_ms": _ms(entry.at_ns - checkpoint.started_ns),
        "input": show(loaded.inputs[index], inputs) if inputs else None,
        "output": None,
        "output_bytes": entry.payload.size if entry.payload else None,
        "edges_taken": [edge_view(loaded.artifact, edge) for edge in entry.edges],
    }
    if entry.payload is not None:
        view["output"] = show(loaded.outputs[index], [entry.payload])
    else:
        view["frames"] = entry.frames
    if checkpoint.child_id is not None:
        view["child"] = checkpoint.child_id
    return view


def artifact_view(artifact: Artifact) -> ArtifactView:
    """An artifact in a list."""
    return {
        "graph_id": artifact.graph_id,
        "flow": artifact.flow,
        "mode": artifact.mode,
        "created_at": rfc3339(artifact.created_ns),
        "description": artifact.description,
        "placements": len(artifact.placements),
        "content_hash": artifact.content_hash,
    }


def topology_view(loaded: LoadedArtifact) -> TopologyView:
    """An artifact with everything that is in it."""
    artifact = loaded.artifact
    aliases = [placement.alias for placement in artifact.placements]
    return {
        **artifact_view(artifact),
        "entry": aliases[artifact.entry],
        "terminal": aliases[artifact.terminal],
        "input_schema": loaded.entry.json_schema(),
        "output_schema": loaded.terminal.json_schema(),
        "nodes": [
            {
                "alias": placement.alias,
                "package": placement.package or None,
                "node": placement.node or None,
                "digest": placement.digest or None,
                "type": placement.kind,
                "input": placement.input_type,
                "output": placement.output_type,
                "runner": placement.runner,
                "timeout_seconds": placement.timeout_s,
                "subflow": placement.subflow or None,
                "gate": artifact.is_gate(index),
                "join": join_view(placement.join) if artifact.is_gate(index) else None,
                "compose": fields_view(placement.compose),
                "fan_out": fan_out_view(placement.fan_out),
                "hitl": hitl_view(placement.hitl),
                "compensate": compensate_view(placement.compensate),
                "position": None if placement.x is None else {"x": placement.x, "y": placement.y},
            }
            for index, placement in enumerate(artifact.placements)
        ],
        "edges": [way_view(artifact, edge) for edge in range(len(artifact.edges))],
    }


def way_view(artifact: Artifact, edge: int) -> WayView:
    """An edge by its ends, with what it passes on and when."""
    found = artifact.edges[edge]
    return {
        **edge_view(artifact, edge),
        "condition": found.condition or None,
        "adapter": fields_view(found.fields),
        "loop": found.loop,
        "max_iterations": found.max_iterations or None,
        "on_error": found.on_error,
    }


def fields_view(fields: Fields | None) -> dict[str, str] | None:
    """How a message is made: CEL by field."""
    return None if fields is None else dict(fields)


def join_view(gate: Join) -> JoinView:
    """How a gate takes its arms."""
    return {
        "kind": gate.kind,
        "failure_policy": gate.failure_policy,
        "quorum": gate.quorum or None,
        "timeout_seconds": gate.timeout_s or None,
        "timeout_policy": gate.timeout_policy if gate.timeout_s else None,
    }


def fan_out_view(fan_out: FanOut | None) -> FanOutView | None:
    """What a placement is visited for each item of."""
    if fan_out is None:
        return None
    return {"items": fan_out.items, "max_parallel": fan_out.max_parallel or None}


def hitl_view(hitl: Hitl | None) -> HitlView | None:
    """What a person is asked before a node runs."""
    if hitl is None:
        return None
    return {
        "interrupt_payload": json.loads(hitl.payload),
        "timeout_seconds": hitl.timeout_s or None,
        "timeout_policy": hitl.timeout_policy if hitl.timeout_s else None,
    }


def compensate_view(undo: Compensate | None) -> CompensateView | None:
    """The node that undoes what a placement has done."""
    if undo is None:
        return None
    return {
        "package": undo.package,
        "node": undo.node,
        "digest": undo.digest,
        "input": fields_view(undo.fields),
    }
