"""Gates as JSON: which arms have arrived, which never will, and whether the gate opened.

Derived from the journal on every read. In a unary execution each arrival is an entry, and a loop
may fill a gate more than once: each time is told. In a pipeline frames flow instead: an arm has
arrived once its source has a frame or has completed, and a gate is open once every arm has
arrived; an XOR gate once one has.
"""

from collections.abc import Callable, Iterable

import attrs

from axiomd.api.shapes import BranchView
from axiomd.clock import rfc3339
from axiomd.execution.execution import Execution
from axiomd.execution.gathering import Place
from axiomd.execution.journal import Entry, EntryKind
from axiomd.execution.position import Position, position_text, visit_text
from axiomd.execution.status import Status
from axiomd.flow.artifact import Artifact, Join

CountFrames = Callable[[int], int]
"""Durable frames of a placement."""

_DECIDED = {
    EntryKind.GATE_OPENED: "OPENED",
    EntryKind.GATE_FAILED: "FAILED",
    EntryKind.GATE_NOT_TAKEN: "NOT_TAKEN",
}


@attrs.define
class _Arm:
    source: Position
    status: str = "WAITING"
    at_ns: int = 0


@attrs.define
class _Gate:
    position: Position
    arms: dict[tuple[int, tuple[int, ...]], _Arm]
    """By edge, and by item where items are gathered."""
    join: Join
    status: str = "WAITING"
    opened_ns: int = 0
    started_ns: int = 0

    @property
    def placement(self) -> int:
        return self.position.placement

    def open(self, at_ns: int) -> None:
        self.status, self.opened_ns = "OPENED", at_ns


def branch_views(
    artifact: Artifact, execution: Execution, entries: Iterable[Entry], frames: CountFrames
) -> list[BranchView]:
    """Every gate of the artifact and what has come to it, each time that it was filled."""
    streams = artifact.mode == "pipeline"
    gates = _of_streams(artifact, entries) if streams else _of_visits(artifact, entries)
    for gate in gates:
        if streams:
            _look_at_frames(gate, frames)
        if execution.status.ended:
            _close(gate, execution.status)
    return [_gate_view(artifact, gate) for gate in gates]


def _new_gate(artifact: Artifact, position: Position) -> _Gate:
    arms: dict[tuple[int, tuple[int, ...]], _Arm] = {
        (edge, ()): _Arm(Position(artifact.edges[edge].source))
        for edge in artifact.incoming[position.placement]
    }
    return _Gate(position, arms, artifact.placements[position.placement].join)


# -- unary: what the journal says of each visit -----------------------------------------------


def _of_visits(artifact: Artifact, entries: Iterable[Entry]) -> list[_Gate]:
    visits = _Visits(artifact)
    for entry in entries:
        if entry.position is not None:
            visits.see(entry, entry.position)
    filled = {gate.placement for gate in visits.gates}
    untouched = [p for p in range(len(artifact.placements)) if artifact.is_gate(p)]
    others = [_new_gate(artifact, Position(p)) for p in untouched if p not in filled]
    return sorted([*visits.gates, *others], key=lambda gate: gate.placement)


class _Visits:
    """The gates of a unary execution, as its journal is read."""

    def __init__(self, artifact: Artifact) -> None:
        self._artifact = artifact
        self._now: dict[Place, _Gate] = {}
        self._lasting: dict[Place, dict[tuple[int, tuple[int, ...]], _Arm]] = {}
        """What came from outside of the loops around a gate, for when it is filled again."""
        self.gates: list[_Gate] = []

    def see(self, entry: Entry, position: Position) -> None:
        match entry.kind:
            case EntryKind.GATE_ARRIVED if self._artifact.gathered(entry.edge) is None:
                self._mark(position, entry.edge, (), "ARRIVED", entry.at_ns)
            case EntryKind.EDGE_TAKEN if self._artifact.edges[entry.edge].loop:
                self._begin_anew(entry.edge, position.items)
            case EntryKind.EDGE_TAKEN if self._artifact.gathered(entry.edge) is not None:
                self._signal(entry, position, "ARRIVED")
            case EntryKind.EDGE_NOT_TAKEN:
                self._signal(entry, position, "FAILED" if entry.failed else "NOT_TAKEN")
            case EntryKind.GATE_OPENED | EntryKind.GATE_FAILED | EntryKind.GATE_NOT_TAKEN:
                gate = self._gate(position)
                gate.position, gate.status = position, _DECIDED[entry.kind]
                gate.opened_ns = entry.at_ns if entry.kind is EntryKind.GATE_OPENED else 0
            case EntryKind.NODE_FAILED | EntryKind.NODE_TIMED_OUT:
                for edge in self._artifact.outgoing[position.placement]:
                    self._signal(attrs.evolve(entry, edge=edge), position, "FAILED")
            case EntryKind.NODE_RETRY_SCHEDULED:
                # It may come yet.
                for edge in self._artifact.outgoing[position.placement]:
                    again = attrs.evolve(entry, edge=edge, at_ns=0)
                    self._signal(again, position, "WAITING")
            case _:
                pass

    def _signal(self, entry: Entry, position: Position, status: str) -> None:
        ends = self._artifact.edges[entry.edge]
        depth = len(self._artifact.outer(ends.destination))
        is_arm = self._artifact.is_gate(ends.destination) and not ends.loop
        if is_arm and len(position.items) >= depth:
            gate = Position(ends.destination, 1, position.items[:depth])
            self._mark(gate, entry.edge, position.items[depth:], status, entry.at_ns)

    def _mark(
        self, gate: Position, edge: int, item: tuple[int, ...], status: str, at_ns: int
    ) -> None:
        arms = self._gate(gate).arms
        source = self._artifact.edges[edge].source
        if item:
            # Its items are its arms, now that there is one.
            arms.pop((edge, ()), None)
        arms[edge, item] = _Arm(Position(source, 1, (*gate.items, *item)), status, at_ns)

    def _gate(self, position: Position) -> _Gate:
        place = (position.placement, position.items)
        if place not in self._now:
            self._now[place] = _new_gate(self._artifact, position)
            for (edge, item), arm in self._lasting.pop(place, {}).items():
                self._mark(position, edge, item, arm.status, arm.at_ns)
            self.gates.append(self._now[place])
        return self._now[place]

    def _begin_anew(self, loop: int, items: tuple[int, ...]) -> None:
        body = self._artifact.body(loop)
        for place in [p for p in self._now if p[0] in body and p[1][: len(items)] == items]:
            gate = self._now.pop(place)
            self._lasting[place] = {
                arm: known
                for arm, known in gate.arms.items()
                if known.status != "WAITING" and self._artifact.edges[arm[0]].source not in body
            }
            if gate.status == "WAITING":
                self.gates.remove(gate)


# -- pipelines: frames flow instead -----------------------------------------------------------


def _of_streams(artifact: Artifact, entries: Iterable[Entry]) -> list[_Gate]:
    numbers = [p for p in range(len(artifact.placements)) if artifact.is_gate(p)]
    gates = [_new_gate(artifact, Position(number)) for number in numbers]
    by_place: dict[int, list[_Gate]] = {}
    for gate in gates:
        for place in {gate.placement, *(arm.source.placement for arm in gate.arms.values())}:
            by_place.setdefault(place, []).append(gate)
    for entry in entries:
        place = entry.position.placement if entry.position is not None else -1
        for gate in by_place.get(place, ()):
            _apply(gate, entry, place)
    return gates


def _apply(gate: _Gate, entry: Entry, place: int) -> None:
    mine = place == gate.placement
    match entry.kind:
        case EntryKind.NODE_STARTED if mine:
            gate.started_ns = gate.started_ns or entry.at_ns
        case EntryKind.NODE_COMPLETED:
            if mine:
                gate.open(gate.started_ns or entry.at_ns)
            _mark(gate, place, "ARRIVED", entry.at_ns)
        case EntryKind.NODE_FAILED | EntryKind.NODE_TIMED_OUT:
            _mark(gate, place, "FAILED", entry.at_ns)


def _mark(gate: _Gate, source: int, status: str, at_ns: int) -> None:
    for arm in gate.arms.values():
        if arm.source.placement == source:
            arm.status, arm.at_ns = status, at_ns


def _look_at_frames(gate: _Gate, frames: CountFrames) -> None:
    """Who streams has no entry that says when its first frame came."""
    for arm in gate.arms.values():
        if arm.status == "WAITING" and frames(arm.source.placement):
            arm.status = "ARRIVED"
        elif (
            gate.join.kind == "XOR" and arm.status == "ARRIVED" and not frames(arm.source.placement)
        ):
            # It has ended without a frame: there was nothing to take of it.
            arm.status = "NOT_TAKEN"
    enough = any if gate.join.kind == "XOR" else all
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


def _gate_view(artifact: Artifact, gate: _Gate) -> BranchView:
    alias = artifact.placements[gate.placement].alias
    return {
        "gate": alias,
        "position": position_text(gate.position, alias),
        "kind": gate.join.kind,
        "policy": gate.join.failure_policy,
        "status": gate.status,
        "opened_at": rfc3339(gate.opened_ns) if gate.opened_ns else None,
        "arms": [
            {
                "from": visit_text(artifact, arm.source),
                "status": arm.status,
                "at": rfc3339(arm.at_ns) if arm.at_ns else None,
            }
            for arm in gate.arms.values()
        ],
    }
