"""Gates as JSON: which arms have arrived, which never will, and whether the gate opened.

Derived from the journal on every read. In a unary execution each arrival is an entry. In a
pipeline frames flow instead: an arm has arrived once its source has a frame or has completed, and
a gate is open once every arm has arrived; an XOR gate once one has.
"""

from collections.abc import Callable, Iterable
from typing import Any

import attrs

from axiomd.clock import rfc3339
from axiomd.execution.execution import Execution
from axiomd.execution.journal import Entry, EntryKind
from axiomd.execution.status import Status
from axiomd.flow.artifact import Artifact, JoinKind

CountFrames = Callable[[int], int]
"""Durable frames of a placement."""


@attrs.define
class _Arm:
    source: int
    status: str = "WAITING"
    at_ns: int = 0


@attrs.define
class _Gate:
    placement: int
    arms: dict[int, _Arm]
    """By edge."""
    kind: JoinKind = "AND"
    status: str = "WAITING"
    opened_ns: int = 0
    started_ns: int = 0

    def open(self, at_ns: int) -> None:
        self.status, self.opened_ns = "OPENED", at_ns


def branch_views(
    artifact: Artifact, execution: Execution, entries: Iterable[Entry], frames: CountFrames
) -> list[dict[str, Any]]:
    """Every gate of the artifact and what has arrived at it."""
    incoming = artifact.incoming
    gates = [
        _Gate(
            number,
            {edge: _Arm(artifact.edges[edge].source) for edge in incoming[number]},
            placement.join.kind,
        )
        for number, placement in enumerate(artifact.placements)
        if artifact.is_gate(number)
    ]
    by_place: dict[int, list[_Gate]] = {}
    for gate in gates:
        for place in {gate.placement, *(arm.source for arm in gate.arms.values())}:
            by_place.setdefault(place, []).append(gate)
    for entry in entries:
        place = entry.position.placement if entry.position is not None else -1
        for gate in by_place.get(place, ()):
            _apply(gate, entry, place, streams=artifact.mode == "pipeline")
    for gate in gates:
        if artifact.mode == "pipeline":
            _look_at_frames(gate, frames)
        if execution.status.ended:
            _close(gate, execution.status)
    return [_gate_view(artifact, gate) for gate in gates]


def _apply(gate: _Gate, entry: Entry, place: int, *, streams: bool) -> None:
    mine = place == gate.placement
    match entry.kind:
        case EntryKind.GATE_ARRIVED if mine:
            arm = gate.arms[entry.edge]
            arm.status, arm.at_ns = "ARRIVED", entry.at_ns
        case EntryKind.GATE_OPENED if mine:
            gate.open(entry.at_ns)
        case EntryKind.NODE_STARTED if mine:
            gate.started_ns = gate.started_ns or entry.at_ns
        case EntryKind.NODE_COMPLETED if streams:
            if mine:
                gate.open(gate.started_ns or entry.at_ns)
            _mark(gate, place, "ARRIVED", entry.at_ns)
        case EntryKind.NODE_FAILED | EntryKind.NODE_TIMED_OUT:
            _mark(gate, place, "FAILED", entry.at_ns)


def _mark(gate: _Gate, source: int, status: str, at_ns: int) -> None:
    for arm in gate.arms.values():
        if arm.source == source:
            arm.status, arm.at_ns = status, at_ns


def _look_at_frames(gate: _Gate, frames: CountFrames) -> None:
    """Who streams has no entry that says when its first frame came."""
    for arm in gate.arms.values():
        if arm.status == "WAITING" and frames(arm.source):
            arm.status = "ARRIVED"
        elif gate.kind == "XOR" and arm.status == "ARRIVED" and not frames(arm.source):
            # It has ended without a frame: there was nothing to take of it.
            arm.status = "NOT_TAKEN"
    enough = any if gate.kind == "XOR" else all
    arrived = enough(arm.status == "ARRIVED" for arm in gate.arms.values())
    if gate.status == "WAITING" and (arrived or frames(gate.placement)):
        gate.open(gate.started_ns)


def _close(gate: _Gate, status: Status) -> None:
    """The execution has ended: what is still waited for will not come."""
    for arm in gate.arms.values():
        if arm.status == "WAITING":
            arm.status = "NOT_TAKEN"
    if gate.status == "WAITING":
        gate.status = "FAILED" if status is Status.FAILED else "NOT_TAKEN"


def _gate_view(artifact: Artifact, gate: _Gate) -> dict[str, Any]:
    return {
        "gate": artifact.placements[gate.placement].alias,
        "kind": gate.kind,
        "policy": "FAIL_FAST",
        "status": gate.status,
        "opened_at": rfc3339(gate.opened_ns) if gate.opened_ns else None,
        "arms": [
            {
                "from": artifact.placements[arm.source].alias,
                "status": arm.status,
                "at": rfc3339(arm.at_ns) if arm.at_ns else None,
            }
            for arm in gate.arms.values()
        ],
    }
