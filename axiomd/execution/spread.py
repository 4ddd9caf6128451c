"""How the end of a visit spreads: over edges, to gates and fan-outs, as far as it goes at once.

Collects the entries of one commit. What has been decided earlier in the same commit counts: the
arms of a gate that close together are judged one after the other. The history is only read.
"""

import json
from collections import deque
from collections.abc import Sequence

import attrs

from axiomd.clock import NS_PER_S
from axiomd.execution.gathering import (
    Gate,
    Place,
    arrived_tally,
    closed_tally,
    sized_tally,
)
from axiomd.execution.history import History
from axiomd.execution.join import Tally, Verdict, judge
from axiomd.execution.journal import Entry, EntryKind, Payload
from axiomd.execution.position import Position
from axiomd.flow.artifact import Artifact

NOTHING = Payload(0, b"")


@attrs.frozen
class Turn:
    """What one edge does with a message, once that has been evaluated."""

    edge: int
    fires: bool = True
    payload: Payload | None = None
    """The message as the edge has made it; None for the one that was sent."""
    items: tuple[Payload, ...] = ()
    """Where the destination fans out: the input for each item."""


class Spread:
    """The entries that follow from one end of a visit."""

    def __init__(self, artifact: Artifact, history: History, at_ns: int) -> None:
        self._artifact = artifact
        self._history = history
        self._at_ns = at_ns
        self.entries: list[Entry] = []
        self.due = 0
        """Visits that these entries make due."""
        self.ended: list[int] = []
        """Fan-outs without items at which a branch comes to its end."""
        self._loop: tuple[int, tuple[int, ...]] | None = None
        """The loop that this commit takes, and the items that it is for."""
        self._tallies: dict[Place, Tally] = {}
        self._decided: set[Place] = set()
        """Gates that this commit has decided."""
        self._closed: set[tuple[int, tuple[int, ...]]] = set()
        self._closing: deque[tuple[int, tuple[int, ...], bool]] = deque()

    def take(self, position: Position, turn: Turn) -> None:
        """A message goes over an edge."""
        edge = self._artifact.edges[turn.edge]
        self._add(EntryKind.EDGE_TAKEN, position, edge=turn.edge, payload=turn.payload)
        destination = edge.destination
        if edge.loop:
            self._loop = turn.edge, position.items
        if self._artifact.is_gate(destination) and not edge.loop:
            self._arrive(turn.edge, position.items)
        elif self._artifact.placements[destination].fan_out is not None:
            self._fan_out(destination, position.items, turn.items)
        else:
            self.due += 1
        if edge.loop:
            self._judge_anew(turn.edge, position.items)
        self._close_all()

    def close(self, edges: Sequence[int], items: tuple[int, ...], *, failed: bool = False) -> None:
        """Nothing goes over these edges, and so over none that only they lead to."""
        self._closing.extend((edge, items, failed) for edge in edges)
        self._close_all()

    def open_gate(self, place: Place) -> None:
        """The gate opens with what has come."""
        self._decided.add(place)
        self._add(EntryKind.GATE_OPENED, self._history.next_visit(*place))
        self.due += 1

    def break_gate(self, place: Place, kind: str, message: str) -> None:
        """The gate fails; its visit is due, to fail like any other."""
        self._decided.add(place)
        detail = json.dumps({"kind": kind, "message": message})
        self._add(EntryKind.GATE_FAILED, self._history.next_visit(*place), detail=detail)
        self.due += 1

    def leaves_work(self, position: Position) -> bool:
        """Whether anything is due, or waits for its turn, once this visit is over as well."""
        if self.due:
            return True
        dropped = self._history.left_behind(*self._loop) if self._loop is not None else []
        if len(self._history.pending) > len({position, *dropped}):
            return True
        fans = self._history.gathering.fans_after(self._loop)
        return any(fan.waiting for fan in fans)

    def _add(self, kind: EntryKind, position: Position, **more: object) -> None:
        self.entries.append(Entry(kind, self._at_ns, position, **more))  # type: ignore[arg-type]

    # -- gates --------------------------------------------------------------------------------

    def _tally(self, place: Place) -> Tally:
        if place not in self._tallies:
            gate = self._gate(place)
            self._tallies[place] = (
                gate.tally if gate is not None else self._history.gathering.first_tally(place)
            )
        return self._tallies[place]

    def _is_decided(self, place: Place) -> bool:
        gate = self._gate(place)
        return place in self._decided or (gate is not None and gate.opened)

    def _gate(self, place: Place) -> Gate | None:
        """What had come to a gate before this commit, as a loop of this commit leaves it."""
        if self._loop is not None and place[0] in self._artifact.body(self._loop[0]):
            return self._history.gathering.renewed(place, *self._loop)
        return self._history.gates.get(place)

    def _arrive(self, edge: int, items: tuple[int, ...]) -> None:
        placement = self._artifact.edges[edge].destination
        place = (placement, items[: len(self._artifact.outer(placement))])
        if self._is_decided(place):
            self._add(
                EntryKind.GATE_ARRIVED,
                self._history.next_visit(*place),
                edge=edge,
                detail='{"late": true}',
            )
            return
        self._note_arrival(place, edge, self._history.gathering.arms_of(edge, items))

    def _note_arrival(self, place: Place, edge: int, arms: int) -> None:
        """One more of a gate's arms is there; its time begins with the first one."""
        before = self._tally(place)
        timeout_s = self._artifact.placements[place[0]].join.timeout_s
        due_ns = self._at_ns + int(timeout_s * NS_PER_S) if timeout_s and not before.arrived else 0
        position = self._history.next_visit(*place)
        self._add(EntryKind.GATE_ARRIVED, position, edge=edge, due_ns=due_ns)
        self._tallies[place] = arrived_tally(before, arms)
        self._judge(place)

    def _judge_anew(self, loop: int, items: tuple[int, ...]) -> None:
        """What lasts from outside of a loop may be all that a gate in it wants."""
        for place in self._history.gathering.begun_anew(loop, items):
            if not self._is_decided(place):
                self._tally(place)
                self._judge(place)

    def _judge(self, place: Place) -> None:
        placement, items = place
        join, tally = self._artifact.placements[placement].join, self._tallies[place]
        match judge(join, tally):
            case Verdict.OPEN:
                self.open_gate(place)
            case Verdict.FAIL:
                came = tally.arrived - tally.empty
                said = f"{came} of its arms arrived and {tally.failed} failed"
                wanted = f", {join.quorum} are wanted" if join.quorum else ""
                self.break_gate(place, "GATE_FAILED", f"{said}{wanted}")
            case Verdict.NOT_TAKEN:
                self._decided.add(place)
                self._add(EntryKind.GATE_NOT_TAKEN, self._history.next_visit(*place))
                self._closing.extend((edge, items, False) for edge in self._ways_on(placement))
            case Verdict.WAIT:
                pass

    # -- fan-outs -----------------------------------------------------------------------------

    def _fan_out(self, placement: int, items: tuple[int, ...], inputs: Sequence[Payload]) -> None:
        position = self._history.next_visit(placement, items)
        detail = json.dumps({"items": len(inputs)})
        self._add(EntryKind.NODE_FANNED_OUT, position, frames=len(inputs), detail=detail)
        for index, payload in enumerate(inputs):
            visit = self._history.next_visit(placement, (*items, index))
            self._add(EntryKind.NODE_ITEM, visit, payload=payload)
        self.due += len(inputs)
        for gate, edges in self._artifact.gatherers[placement].items():
            tally = sized_tally(self._tally((gate, items)), edges, len(inputs))
            self._tallies[gate, items] = tally
        if not inputs:
            self._gather_nothing(placement, items)
            self.ended += [] if self._artifact.is_gathered(placement) else [placement]

    def _gather_nothing(self, fan: int, items: tuple[int, ...]) -> None:
        """A list without items: whoever gathers them has gathered all of them."""
        seen, todo = {fan}, deque([fan])
        while todo:
            placement = todo.popleft()
            for edge in self._ways_on(placement):
                destination = self._artifact.edges[edge].destination
                depth = len(self._artifact.outer(destination))
                if self._artifact.is_gate(destination) and depth <= len(items):
                    self._gather_none(edge, items)
                elif destination not in seen:
                    seen.add(destination)
                    todo.append(destination)

    def _gather_none(self, edge: int, items: tuple[int, ...]) -> None:
        place = (self._artifact.edges[edge].destination, items)
        position = Position(self._artifact.edges[edge].source, 1, items)
        if self._artifact.edges[edge].on_error:
            self._closing.append((edge, items, False))
            return
        self._add(EntryKind.EDGE_TAKEN, position, edge=edge, payload=NOTHING)
        if self._is_decided(place):
            return
        # No arms are left to come over this edge, and yet it has brought all of them.
        self._note_arrival(place, edge, 0)

    # -- edges that are not taken -------------------------------------------------------------

    def _ways_on(self, placement: int) -> list[int]:
        """The forward edges out of a placement."""
        ways = (*self._artifact.outgoing[placement], *self._artifact.rescues[placement])
        return [edge for edge in ways if not self._artifact.edges[edge].loop]

    def _close_all(self) -> None:
        while self._closing:
            edge, items, failed = self._closing.popleft()
            if (edge, items) in self._closed:
                continue
            self._closed.add((edge, items))
            self._close_one(edge, items, failed=failed)

    def _close_one(self, edge: int, items: tuple[int, ...], *, failed: bool) -> None:
        ends = self._artifact.edges[edge]
        position = Position(ends.source, 1, items)
        self._add(EntryKind.EDGE_NOT_TAKEN, position, edge=edge, failed=failed)
        depth = len(self._artifact.outer(ends.destination))
        if not self._artifact.is_gate(ends.destination) or len(items) < depth:
            ways = self._ways_on(ends.destination)
            self._closing.extend((way, items, failed) for way in ways)
            return
        place = (ends.destination, items[:depth])
        if self._is_decided(place):
            return
        arms = self._history.gathering.arms_of(edge, items)
        self._tallies[place] = closed_tally(self._tally(place), arms, failed=failed)
        self._judge(place)
