"""The one history of an execution: a list of entries, and the fold that makes a state of it.

Events, checkpoints, branches and output are filters of the journal. The same `History.apply`
runs over stored entries after a restart and over each new entry while an attempt works, so a
resumed execution cannot differ from one that was never disturbed. Folding evaluates nothing:
which edges were taken and which gates opened was decided once and is written in the entries.
"""

from collections.abc import Iterable
from enum import IntEnum

import attrs

from axiomd.execution.position import Position
from axiomd.flow.artifact import Artifact


class EntryKind(IntEnum):
    """What one line of history says. Numbers are on disk: never changed, never used again."""

    EXECUTION_ACCEPTED = 1
    EXECUTION_CLAIMED = 2
    EXECUTION_REQUEUED = 3
    EXECUTION_COMPLETED = 4
    EXECUTION_FAILED = 5
    EXECUTION_CANCELLED = 6
    NODE_STARTED = 16
    NODE_LOG = 17
    NODE_PROGRESS = 18
    NODE_COMPLETED = 19
    NODE_FAILED = 20
    NODE_TIMED_OUT = 21
    NODE_LOST = 22
    NODE_DIVERGED = 23
    EDGE_TAKEN = 32
    GATE_ARRIVED = 48
    GATE_OPENED = 49

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
    """`execution_accepted`: the input. `node_completed`: the output (unary)."""
    frames: int = 0
    """`node_completed`, `node_lost` of a pipeline: the frames it had emitted in all."""
    crash: bool = False
    """`node_lost`: the process died by its own doing, which is charged to the node."""
    detail: str = ""
    """JSON object of whatever else a reader may want to know."""
    seq: int = -1
    """Place in the journal; given by the writer."""


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
        self.lost: dict[Position, int] = {}
        """Calls of each pending visit that infrastructure took away."""
        self.crashes: dict[Position, int] = {}
        """Calls of each pending visit whose process died by its own doing."""
        self.completed: dict[int, int] = {}
        """Placements that have completed, with the frames they emitted."""
        self._became_due: list[Position] = []
        self._frames_at_loss: dict[Position, int] = {}

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
                assert entry.position is not None
                self.calls[entry.position] = entry.attempt
            case EntryKind.NODE_LOST:
                self._count_loss(entry)
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
        """How often the visit was lost in this way, without progress between, `entry` counted."""
        position = entry.position
        assert position is not None
        if entry.frames > self._frames_at_loss.get(position, 0):
            # Frames came through since the last loss, so the node is not going in circles.
            return 1
        return (self.crashes if entry.crash else self.lost).get(position, 0) + 1

    def _count_loss(self, entry: Entry) -> None:
        position = entry.position
        assert position is not None
        seen = self.losses_with(entry)
        if entry.frames > self._frames_at_loss.get(position, 0):
            # Progress clears what the node is charged with too, and the other way round.
            self.lost.pop(position, None)
            self.crashes.pop(position, None)
        tally = self.crashes if entry.crash else self.lost
        tally[position] = seen
        self._frames_at_loss[position] = entry.frames

    def _complete(self, entry: Entry) -> None:
        position = entry.position
        assert position is not None
        for table in (self.pending, self.calls, self.lost, self.crashes):
            table.pop(position, None)
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
