"""What a journal folds into: which node visits are due, with what input, and what waits.

The same `History.apply` runs over stored entries after a restart and over each new entry while an
attempt works, so a resumed execution cannot differ from one that was never disturbed. Folding
evaluates nothing: which edges were taken and which gates opened was decided once and is written
in the entries.

Payloads are held only as long as a visit still needs them, so memory follows the frontier of the
execution and not the length of its journal.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from axiomd.execution.gathering import Fan, Gate, Gathering, Place, Signal
from axiomd.execution.journal import Entry, EntryKind, Payload
from axiomd.execution.position import Position
from axiomd.execution.session import Session
from axiomd.execution.undoing import Undoable, Undoing, is_undoable
from axiomd.flow.artifact import Artifact


class History:
    """The fold of a journal."""

    def __init__(self, artifact: Artifact) -> None:
        self._artifact = artifact
        self.pending: dict[Position, tuple[Payload, ...]] = {}
        """Visits that are due and have not completed, with the messages that make their input."""
        self.visits: dict[Place, int] = {}
        """How often each placement has become due, for each of its items."""
        self.gathering = Gathering(artifact)
        """Gates that something has come to, and fan-outs."""
        self.gates: Mapping[Place, Gate] = self.gathering.gates
        self.fans: Mapping[Place, Fan] = self.gathering.fans
        self.rounds: dict[Place, int] = {}
        """How often each loop, by its edge, has been taken since it was entered."""
        self.calls: dict[Position, int] = {}
        """Calls started of each pending visit."""
        self.unanswered: set[Position] = set()
        """Pending visits whose last call has neither answered nor been found lost."""
        self.lost: dict[Position, int] = {}
        """Calls in a row of each pending visit that infrastructure took away."""
        self.failures: dict[Position, int] = {}
        """Calls of each pending visit that are charged to it."""
        self.due_ns: dict[Position, int] = {}
        """Pending visits whose next call has its time."""
        self.doubts: set[Position] = set()
        """Pending visits of which a person has to say whether they happened."""
        self.settled: dict[Position, Payload] = {}
        """Pending visits that have happened, with the output that a person told, or a fork gave."""
        self.broken: dict[Position, str] = {}
        """Pending visits that fail without a call; JSON of their kind and message."""
        self.arms: dict[Position, tuple[int, ...]] = {}
        """Pending visits of gates that compose, with the edge of each message of their input."""
        self.composed: set[Position] = set()
        """Pending visits of gates whose input has been composed."""
        self.pauses: dict[Position, int] = {}
        """Pending visits that a person has to answer for, with the time when the policy does."""
        self.answered: set[Position] = set()
        """Pending visits that somebody has answered for."""
        self.children: dict[Position, str] = {}
        """Pending visits that a child execution does, with its ID."""
        self.deadlines: dict[Position, int] = {}
        """Those of them whose child has to end by a time."""
        self.session = Session()
        """What a debug session has done."""
        self.completed: dict[int, int] = {}
        """Placements that have completed, with the frames they emitted."""
        self.ended: list[int] = []
        """Placements at which a branch came to its end before the terminal, in order."""
        self.undoable: list[Undoable] = []
        """What can be compensated, in the order in which it completed."""
        self.undoing: Undoing | None = None
        """How far the compensation is, once it has begun."""
        self._tables = self._tables_of_visits()
        self._sets = self._sets_of_visits()
        self._became_due: list[Position] = []
        self._left: list[str] = []
        self._slack: set[Place] = set()
        """Fan-outs that may have room for a further item."""
        self._sent: Payload | None = None
        """The last output: what an edge takes along unless it says otherwise."""
        self._frames_at_loss: dict[Position, int] = {}
        self._frames_at_failure: dict[Position, int] = {}

    def _tables_of_visits(self) -> tuple[dict[Position, Any], ...]:
        """What is known of pending visits, and goes with them."""
        return (
            self.pending,
            self.calls,
            self.lost,
            self.failures,
            self.due_ns,
            self.settled,
            self.broken,
            self.arms,
            self.pauses,
            self.children,
            self.deadlines,
            self.session.held,
        )

    def _sets_of_visits(self) -> tuple[set[Position], ...]:
        return (self.unanswered, self.doubts, self.composed, self.answered, self.session.released)

    @classmethod
    def fold(cls, artifact: Artifact, entries: Iterable[Entry]) -> "History":
        """The state after `entries`."""
        history = cls(artifact)
        for entry in entries:
            history.apply(entry)
        history.take_left()
        return history

    def apply(self, entry: Entry) -> None:
        """Take one more entry into account."""
        if entry.position is not None and entry.kind in _OF_CALLS:
            self._put_to_work(entry.position)
        fold = _FOLDS.get(entry.kind)
        if fold is not None:
            fold(self, entry)
        elif self.undoing is not None:
            self.undoing.apply(entry)

    def take_due(self) -> list[Position]:
        """The visits that became due since this was last asked, in order."""
        # Inner ones first: an item is in work as long as one of its own items is.
        for place in sorted(self._slack, key=lambda place: -len(place[1])):
            self._fill(place)
        self._slack.clear()
        fresh = [position for position in self._became_due if position in self.pending]
        self._became_due.clear()
        return fresh

    def take_left(self) -> list[str]:
        """The children of which nobody waits any more since this was last asked, ended or not."""
        left, self._left = self._left, []
        return left

    def next_visit(self, placement: int, items: tuple[int, ...]) -> Position:
        """The visit that comes next of a placement."""
        return Position(placement, self.visits.get((placement, items), 0) + 1, items)

    def alarms(self) -> Iterator[tuple[int, Position | Place]]:
        """Times at which a pause or a gate is decided by its policy."""
        if not self._artifact.has_alarms:
            # Asked behind every commit, whatever gates there are.
            return
        for position, due_ns in self.pauses.items():
            if due_ns:
                yield due_ns, position
        for place, gate in self.gates.items():
            if gate.due_ns and not gate.opened:
                yield gate.due_ns, place

    def left_behind(self, loop: int, items: tuple[int, ...]) -> list[Position]:
        """Pending visits that nobody needs any more once the loop is taken."""
        body, depth = self._artifact.body(loop), len(items)
        return [p for p in self.pending if p.placement in body and p.items[:depth] == items]

    def losses_with(self, entry: Entry) -> int:
        """How often the visit was lost without progress between, `entry` counted."""
        position = _visit(entry)
        return 1 if _is_further(entry, self._frames_at_loss) else self.lost.get(position, 0) + 1

    def failures_with(self, entry: Entry) -> int:
        """How many calls of the visit are charged to it, `entry` counted.

        A unary node in a pipeline makes one thing of each frame, so each frame counts anew.
        """
        position = _visit(entry)
        mapped = self._artifact.mode == "pipeline" and (
            self._artifact.placements[position.placement].kind == "unary"
        )
        if mapped and _is_further(entry, self._frames_at_failure):
            return 1
        return self.failures.get(position, 0) + 1

    # -- what entries do ----------------------------------------------------------------------

    def _accept(self, entry: Entry) -> None:
        assert entry.payload is not None
        self._make_due(Position(self._artifact.entry), (entry.payload,))

    def _start(self, entry: Entry) -> None:
        position = _visit(entry)
        self.calls[position] = entry.attempt
        self.unanswered.add(position)
        self.due_ns.pop(position, None)

    def _lose(self, entry: Entry) -> None:
        position = _visit(entry)
        self.lost[position] = self.losses_with(entry)
        self._frames_at_loss[position] = entry.frames
        self.unanswered.discard(position)
        if entry.failed:
            self._finish(position)

    def _fail(self, entry: Entry) -> None:
        position = _visit(entry)
        self.failures[position] = self.failures_with(entry)
        self._frames_at_failure[position] = entry.frames
        self.unanswered.discard(position)
        self._leave_child(position)
        if entry.failed:
            self._finish(position)

    def _schedule(self, entry: Entry) -> None:
        self.due_ns[_visit(entry)] = entry.due_ns

    def _doubt(self, entry: Entry) -> None:
        self.unanswered.discard(_visit(entry))
        self.doubts.add(_visit(entry))

    def _settle(self, entry: Entry) -> None:
        self.doubts.discard(_visit(entry))
        self._fork(entry)

    def _fork(self, entry: Entry) -> None:
        if entry.payload is not None:
            self.settled[_visit(entry)] = entry.payload

    def _complete(self, entry: Entry) -> None:
        position = _visit(entry)
        placement = position.placement
        if entry.payload is not None and is_undoable(self._artifact, entry):
            inputs = self.pending.get(position, ())
            self.undoable.append(Undoable(position, inputs, entry.payload))
        self._finish(position)
        self.completed[placement] = entry.frames
        self._sent = entry.payload
        if not entry.edges and placement != self._artifact.terminal:
            self.ended.append(placement)

    def _take_edge(self, entry: Entry) -> None:
        position = _visit(entry)
        payload = entry.payload if entry.payload is not None else self._sent
        if payload is None:
            # A pipeline's messages are frames, and no visit is made due by them.
            return
        edge = self._artifact.edges[entry.edge]
        destination = edge.destination
        if edge.loop:
            self._begin_anew(entry.edge, position.items, entry.at_ns)
            if self._artifact.is_gate(destination):
                self.gathering.gate((destination, position.items)).opened = True
        elif self._artifact.is_gate(destination):
            depth = len(self._artifact.outer(destination))
            gate = self.gathering.gate((destination, position.items[:depth]))
            self.gathering.signal(gate, Signal(entry.edge, position.items, payload))
            return
        if self._artifact.placements[destination].fan_out is None:
            self._make_due(self.next_visit(destination, position.items), (payload,))

    def _close_edge(self, entry: Entry) -> None:
        position = _visit(entry)
        destination = self._artifact.edges[entry.edge].destination
        depth = len(self._artifact.outer(destination))
        if self._artifact.is_gate(destination) and len(position.items) >= depth:
            signal = Signal(entry.edge, position.items, failed=entry.failed)
            self.gathering.signal(
                self.gathering.gate((destination, position.items[:depth])), signal
            )

    def _note_arrival(self, entry: Entry) -> None:
        if entry.due_ns:
            self.gathering.gate(_place(entry)).due_ns = entry.due_ns

    def _open_gate(self, entry: Entry) -> None:
        gate = self.gathering.gate(_place(entry))
        gate.opened = True
        rank = {e: n for n, e in enumerate(self._artifact.incoming[_visit(entry).placement])}
        order = sorted(gate.arms, key=lambda arm: (rank[arm[0]], arm[1]))
        if self._artifact.is_xor_gate(_visit(entry).placement):
            # What lasts from outside of a loop may be there before this iteration's own arm.
            order = list(gate.arms)[:1]
        merged = tuple(gate.arms[arm] for arm in order)
        if self._artifact.placements[_visit(entry).placement].compose is not None:
            self.arms[_visit(entry)] = tuple(edge for edge, _ in order)
        gate.arms.clear()
        self._make_due(_visit(entry), merged)

    def _break_gate(self, entry: Entry) -> None:
        gate = self.gathering.gate(_place(entry))
        gate.opened = True
        gate.arms.clear()
        self._make_due(_visit(entry), ())
        self.broken[_visit(entry)] = entry.detail

    def _pass_gate(self, entry: Entry) -> None:
        self.gathering.gate(_place(entry)).opened = True

    def _compose(self, entry: Entry) -> None:
        self._replace_input(entry)
        self.composed.add(_visit(entry))

    def _fan_out(self, entry: Entry) -> None:
        position = _visit(entry)
        policy = self._artifact.placements[position.placement].fan_out
        assert policy is not None
        place = (position.placement, position.items)
        self.gathering.fan_out(place, Fan(entry.frames, policy.max_parallel))
        self._slack.add(place)
        if not entry.frames and not self._artifact.is_gathered(position.placement):
            self.ended.append(position.placement)

    def _add_item(self, entry: Entry) -> None:
        position = _visit(entry)
        assert entry.payload is not None
        place = (position.placement, position.items[:-1])
        self.fans[place].waiting[position] = (entry.payload,)

    def _open_pause(self, entry: Entry) -> None:
        self.pauses[_visit(entry)] = entry.due_ns

    def _answer(self, entry: Entry) -> None:
        self.pauses.pop(_visit(entry), None)
        self.answered.add(_visit(entry))
        self._replace_input(entry)

    def _refuse(self, entry: Entry) -> None:
        self._answer(entry)
        self.broken[_visit(entry)] = entry.detail

    def _expire(self, entry: Entry) -> None:
        self.pauses.pop(_visit(entry), None)
        # Nobody has let go on what that cancels: a fork of it asks again.
        if json.loads(entry.detail)["policy"] != "CANCEL":
            (self._refuse if entry.failed else self._answer)(entry)

    def _begin_child(self, entry: Entry) -> None:
        self.children[_visit(entry)] = json.loads(entry.detail)["execution_id"]
        if entry.due_ns:
            self.deadlines[_visit(entry)] = entry.due_ns

    def _leave_child(self, position: Position) -> None:
        """The next call of the visit is another child."""
        self.deadlines.pop(position, None)
        child = self.children.pop(position, None)
        if child is not None:
            self._left.append(child)

    def _begin_undoing(self, entry: Entry) -> None:
        """Nothing goes on any more; what was completed is undone, the last of it first."""
        self.undoing = Undoing.begin(entry, self.undoable)
        for table in self._tables:
            table.clear()
        for members in self._sets:
            members.clear()
        self.gathering.clear()
        self.rounds.clear()
        self._slack.clear()
        self._became_due.clear()
        self.undoable.clear()
        self._sent = None

    def _direct(self, entry: Entry) -> None:
        self.session.take(entry, self._artifact)

    def _hold(self, entry: Entry) -> None:
        self.session.held[_visit(entry)] = None

    def _replace_input(self, entry: Entry) -> None:
        if entry.payload is not None and _visit(entry) in self.pending:
            self.pending[_visit(entry)] = (entry.payload,)

    # -- visits and items ---------------------------------------------------------------------

    def _make_due(self, position: Position, payloads: tuple[Payload, ...]) -> None:
        self.pending[position] = payloads
        self.visits[position.placement, position.items] = position.iteration
        self._became_due.append(position)
        for place, item in self._fans_of(position):
            live = self.fans[place].live
            live[item] = live.get(item, 0) + 1

    def _finish(self, position: Position) -> None:
        """The visit is over: nothing of it is kept."""
        if position not in self.pending:
            return
        self._leave_child(position)
        for table in self._tables:
            table.pop(position, None)
        for members in self._sets:
            members.discard(position)
        for place, item in self._fans_of(position):
            fan = self.fans[place]
            fan.live[item] -= 1
            if not fan.live[item]:
                # Until the end of the commit its branch may still go on with another visit.
                fan.idle.add(item)
                self._slack.add(place)

    def _fans_of(self, position: Position) -> Iterator[tuple[Place, int]]:
        """The fan-outs whose items a visit is for, with the item of each."""
        scope = self._artifact.scopes[position.placement]
        for depth, item in enumerate(position.items):
            place = (scope[depth], position.items[:depth])
            if place in self.fans:
                yield place, item

    def _fill(self, place: Place) -> None:
        """Put waiting items to work for which there is room."""
        fan = self.fans.get(place)
        if fan is None:
            return
        # Not all that are live: an item's end would cost as much as there are items.
        for item in fan.idle:
            if not fan.live[item]:
                del fan.live[item]
        fan.idle.clear()
        while fan.waiting and (not fan.limit or len(fan.live) < fan.limit):
            self._put_to_work(next(iter(fan.waiting)))

    def _put_to_work(self, position: Position) -> None:
        """An item that waited is worked on; journals do not say so, its first call does."""
        fan = self.fans.get((position.placement, position.items[:-1])) if position.items else None
        if fan is not None and position in fan.waiting:
            self._make_due(position, fan.waiting.pop(position))

    def _begin_anew(self, loop: int, items: tuple[int, ...], at_ns: int) -> None:
        """Drop what is left of the iteration before: a new one begins."""
        for position in self.left_behind(loop, items):
            self._finish(position)
        self.gathering.begin_anew(loop, items, at_ns)
        for edge, inner in tuple(self.rounds):
            if edge in self._artifact.inner(loop) and inner[: len(items)] == items:
                del self.rounds[edge, inner]
        self.rounds[loop, items] = self.rounds.get((loop, items), 0) + 1


def _visit(entry: Entry) -> Position:
    assert entry.position is not None
    return entry.position


def _place(entry: Entry) -> Place:
    return _visit(entry).placement, _visit(entry).items


def _is_further(entry: Entry, frames_before: Mapping[Position, int]) -> bool:
    """Whether frames came through since, so that the node is not going in circles."""
    return entry.frames > frames_before.get(_visit(entry), 0)


_OF_CALLS = frozenset(
    {
        EntryKind.EXECUTION_FORKED,
        EntryKind.NODE_STARTED,
        EntryKind.NODE_COMPLETED,
        EntryKind.NODE_FAILED,
        EntryKind.NODE_TIMED_OUT,
        EntryKind.NODE_LOST,
        EntryKind.PAUSE_OPENED,
        EntryKind.NODE_CHILD_STARTED,
        EntryKind.DEBUG_HELD,
    }
)
"""What can come first of the visit for an item."""

_FOLDS = {
    EntryKind.EXECUTION_ACCEPTED: History._accept,
    EntryKind.EXECUTION_FORKED: History._fork,
    EntryKind.NODE_STARTED: History._start,
    EntryKind.NODE_LOST: History._lose,
    EntryKind.NODE_FAILED: History._fail,
    EntryKind.NODE_TIMED_OUT: History._fail,
    EntryKind.NODE_RETRY_SCHEDULED: History._schedule,
    EntryKind.NODE_IN_DOUBT: History._doubt,
    EntryKind.NODE_SETTLED: History._settle,
    EntryKind.NODE_COMPLETED: History._complete,
    EntryKind.NODE_FANNED_OUT: History._fan_out,
    EntryKind.NODE_ITEM: History._add_item,
    EntryKind.NODE_CHILD_STARTED: History._begin_child,
    EntryKind.EDGE_TAKEN: History._take_edge,
    EntryKind.EDGE_NOT_TAKEN: History._close_edge,
    EntryKind.GATE_ARRIVED: History._note_arrival,
    EntryKind.GATE_OPENED: History._open_gate,
    EntryKind.GATE_FAILED: History._break_gate,
    EntryKind.GATE_NOT_TAKEN: History._pass_gate,
    EntryKind.GATE_COMPOSED: History._compose,
    EntryKind.PAUSE_OPENED: History._open_pause,
    EntryKind.PAUSE_RESUMED: History._answer,
    EntryKind.PAUSE_REJECTED: History._refuse,
    EntryKind.PAUSE_EXPIRED: History._expire,
    EntryKind.COMPENSATION_BEGUN: History._begin_undoing,
    EntryKind.DEBUG_STARTED: History._direct,
    EntryKind.DEBUG_PAUSED: History._direct,
    EntryKind.DEBUG_STEPPED: History._direct,
    EntryKind.DEBUG_CONTINUED: History._direct,
    EntryKind.DEBUG_BREAKPOINTS: History._direct,
    EntryKind.DEBUG_HELD: History._hold,
    EntryKind.DEBUG_EDITED: History._replace_input,
}
