"""The one history of an execution: a list of entries, and the fold that makes a state of it.

Events, checkpoints, branches and output are filters of the journal. The same `History.apply`
runs over stored entries after a restart and over each new entry while an attempt works, so a
resumed execution cannot differ from one that was never disturbed. Folding evaluates nothing:
which edges were taken and which gates opened was decided once and is written in the entries.
"""

from collections.abc import Iterable, Mapping
from enum import IntEnum
from typing import Any

import attrs

from axiomd.execution.position import Position
from axiomd.execution.status import PARKING, Trigger
from axiomd.flow.artifact import Artifact


class EntryKind(IntEnum):
    """What one line of history says. Numbers are on disk: never changed, never used again."""

    EXECUTION_ACCEPTED = 1
    EXECUTION_CLAIMED = 2
    EXECUTION_REQUEUED = 3
    EXECUTION_COMPLETED = 4
    EXECUTION_FAILED = 5
    EXECUTION_CANCELLED = 6
    EXECUTION_PARKED = 7
    EXECUTION_WOKEN = 8
    EXECUTION_FORKED = 9
    NODE_STARTED = 16
    NODE_LOG = 17
    NODE_PROGRESS = 18
    NODE_COMPLETED = 19
    NODE_FAILED = 20
    NODE_TIMED_OUT = 21
    NODE_LOST = 22
    NODE_DIVERGED = 23
    NODE_RETRY_SCHEDULED = 24
    NODE_IN_DOUBT = 25
    NODE_SETTLED = 26
    NODE_FANNED_OUT = 27
    NODE_ITEM = 28
    NODE_CHILD_STARTED = 29
    EDGE_TAKEN = 32
    EDGE_NOT_TAKEN = 33
    GATE_ARRIVED = 48
    GATE_OPENED = 49
    GATE_NOT_TAKEN = 50
    GATE_FAILED = 51
    GATE_COMPOSED = 52
    PAUSE_OPENED = 64
    PAUSE_RESUMED = 65
    PAUSE_REJECTED = 66
    PAUSE_EXPIRED = 67
    DEBUG_STARTED = 80
    DEBUG_PAUSED = 81
    DEBUG_STEPPED = 82
    DEBUG_CONTINUED = 83
    DEBUG_BREAKPOINTS = 84
    DEBUG_HELD = 85
    DEBUG_EDITED = 86
    COMPENSATION_BEGUN = 96
    COMPENSATION_STARTED = 97
    COMPENSATION_COMPLETED = 98
    COMPENSATION_FAILED = 99
    COMPENSATION_RETRY_SCHEDULED = 100
    COMPENSATION_LOST = 101

    @property
    def wire(self) -> str:
        """Its name on the wire: `node_completed`."""
        return self.name.lower()


@attrs.frozen
class Payload:
    """A message's bytes, or where they are."""

    size: int
    """In bytes."""
    inline: bytes | None = None
    """The bytes themselves, if they are small."""
    blob: bytes = b""
    """SHA-256 of the content, if it lives out of band."""


@attrs.frozen
class Entry:
    """One line of an execution's history."""

    kind: EntryKind
    at_ns: int
    position: Position | None = None
    """The node visit it speaks of."""
    attempt: int = 0
    """For `node_*` the call's number within the visit, for `execution_*` the claim's number."""
    edge: int = -1
    """The edge it speaks of, by index."""
    edges: tuple[int, ...] = ()
    """`node_completed`: the edges that fire, decided in this same commit."""
    payload: Payload | None = None
    """`execution_accepted`: the input. `node_completed`: the output (unary). `node_settled`: the
    output of a visit that has happened."""
    frames: int = 0
    """`node_*` that ends a call of a pipeline: the frames the visit had emitted in all."""
    due_ns: int = 0
    """`node_retry_scheduled`: when the next call begins."""
    trigger: Trigger | None = None
    """`execution_parked`: how."""
    detail: str = ""
    """JSON object of whatever else a reader may want to know."""
    failed: bool = False
    """`node_*`: the visit has failed for good, and the flow goes on. `edge_not_taken`: because
    what comes before it failed."""
    seq: int = -1
    """Place in the journal; given by the writer."""


_TRIGGERS = {
    EntryKind.EXECUTION_CLAIMED: Trigger.CLAIM,
    EntryKind.EXECUTION_REQUEUED: Trigger.REQUEUE,
    EntryKind.EXECUTION_COMPLETED: Trigger.COMPLETE,
    EntryKind.EXECUTION_FAILED: Trigger.FAIL,
    EntryKind.EXECUTION_CANCELLED: Trigger.CANCEL,
    EntryKind.EXECUTION_WOKEN: Trigger.WAKE,
}


def trigger_of(entry: Entry, *, parked: bool) -> Trigger | None:
    """What happened to the execution with this entry, if anything; `parked` as it was before."""
    if entry.kind is EntryKind.EXECUTION_PARKED:
        assert entry.trigger in PARKING
        return entry.trigger
    if entry.kind is EntryKind.NODE_SETTLED:
        return Trigger.WAKE if parked else None
    return _TRIGGERS.get(entry.kind)


class History:
    """The state that a journal folds into: what is due, with what input, and what has been.

    Payloads are held only as long as a visit still needs them, so memory follows the frontier
    of the execution and not the length of its journal.
    """

    def __init__(self, artifact: Artifact) -> None:
        self._artifact = artifact
        self.pending: dict[Position, tuple[Payload, ...]] = {}
        """Visits that are due and have not completed, with the messages that make their input."""
        self.arms: dict[int, dict[int, Payload]] = {}
        """For each gate that has not opened: the messages that arrived, by edge."""
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
        """Pending visits that have happened, with the output that a person told."""
        self.completed: dict[int, int] = {}
        """Placements that have completed, with the frames they emitted."""
        self._tables: tuple[dict[Position, Any], ...] = (
            self.pending,
            self.calls,
            self.lost,
            self.failures,
            self.due_ns,
            self.settled,
        )
        self._became_due: list[Position] = []
        self._frames_at_loss: dict[Position, int] = {}
        self._frames_at_failure: dict[Position, int] = {}

    @classmethod
    def fold(cls, artifact: Artifact, entries: Iterable[Entry]) -> "History":
        """The state after `entries`."""
        history = cls(artifact)
        for entry in entries:
            history.apply(entry)
        return history

    def apply(self, entry: Entry) -> None:
        """Take one more entry into account."""
        match entry.kind:
            case EntryKind.EXECUTION_ACCEPTED:
                assert entry.payload is not None
                self._make_due(Position(self._artifact.entry), (entry.payload,))
            case EntryKind.NODE_STARTED:
                self._start(entry)
            case EntryKind.NODE_LOST:
                self._lose(entry)
            case EntryKind.NODE_FAILED | EntryKind.NODE_TIMED_OUT:
                self._fail(entry)
            case EntryKind.NODE_RETRY_SCHEDULED:
                self.due_ns[_visit(entry)] = entry.due_ns
            case EntryKind.NODE_IN_DOUBT:
                self.unanswered.discard(_visit(entry))
                self.doubts.add(_visit(entry))
            case EntryKind.NODE_SETTLED:
                self._settle(entry)
            case EntryKind.NODE_COMPLETED:
                self._complete(entry)
            case EntryKind.GATE_OPENED:
                self._open_gate(entry)
            case _:
                pass

    def take_due(self) -> list[Position]:
        """The visits that became due since this was last asked, in order."""
        fresh = [position for position in self._became_due if position in self.pending]
        self._became_due.clear()
        return fresh

    def _make_due(self, position: Position, payloads: tuple[Payload, ...]) -> None:
        self.pending[position] = payloads
        self._became_due.append(position)

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

    def _fail(self, entry: Entry) -> None:
        position = _visit(entry)
        self.failures[position] = self.failures_with(entry)
        self._frames_at_failure[position] = entry.frames
        self.unanswered.discard(position)

    def _settle(self, entry: Entry) -> None:
        position = _visit(entry)
        self.doubts.discard(position)
        if entry.payload is not None:
            self.settled[position] = entry.payload

    def _complete(self, entry: Entry) -> None:
        position = _visit(entry)
        for table in self._tables:
            table.pop(position, None)
        self.unanswered.discard(position)
        self.completed[position.placement] = entry.frames
        if entry.payload is not None:
            for edge in entry.edges:
                self._deliver(edge, entry.payload)

    def _deliver(self, edge: int, payload: Payload) -> None:
        destination = self._artifact.edges[edge].destination
        if self._artifact.is_gate(destination):
            self.arms.setdefault(destination, {})[edge] = payload
        else:
            self._make_due(Position(destination), (payload,))

    def _open_gate(self, entry: Entry) -> None:
        assert entry.position is not None
        gate = entry.position.placement
        arrived = self.arms.pop(gate)
        order = self._artifact.incoming[gate]
        merged = tuple(arrived[edge] for edge in order if edge in arrived)
        self._make_due(entry.position, merged)


def _visit(entry: Entry) -> Position:
    assert entry.position is not None
    return entry.position


def _is_further(entry: Entry, frames_before: Mapping[Position, int]) -> bool:
    """Whether frames came through since, so that the node is not going in circles."""
    return entry.frames > frames_before.get(_visit(entry), 0)
