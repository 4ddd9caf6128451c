"""The one history of an execution, as a list of entries.

Events, checkpoints, pauses, branches and output are filters of the journal; its fold, in
`execution/history.py`, is what an attempt works with.
"""

from collections.abc import Mapping
from enum import IntEnum

import attrs

from axiomd.execution.execution import DebugMode
from axiomd.execution.position import Position
from axiomd.execution.status import PARKING, Trigger


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
    COMPENSATION_RESUMED = 102
    WEBHOOK_SCHEDULED = 112
    WEBHOOK_ATTEMPTED = 113
    WEBHOOK_DELIVERED = 114
    WEBHOOK_FAILED = 115

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
    """The node visit it speaks of; of `compensation_*` the one that is undone."""
    attempt: int = 0
    """For `node_*` the call's number within the visit, for `compensation_*` within its undoing, for
    `execution_*` the claim's number, for `webhook_*` that of the request."""
    edge: int = -1
    """The edge it speaks of, by index."""
    edges: tuple[int, ...] = ()
    """`node_completed`: the edges that fire, decided in this same commit."""
    payload: Payload | None = None
    """`execution_accepted`: the input. `node_completed`: the output (unary). `node_settled`: the
    output of a visit that has happened; `execution_forked`: of the visit whose edges are to be
    followed anew. `edge_taken`: the message as the edge has made it, if it
    is not the output itself. `node_item`: the input of the visit for an item. `gate_composed`,
    `pause_resumed`, `debug_edited`: the input of the visit from now on. `compensation_completed`:
    what the node that undid the visit returned."""
    frames: int = 0
    """`node_*` that ends a call of a pipeline: the frames the visit had emitted in all.
    `node_fanned_out`: how many items there are."""
    due_ns: int = 0
    """`node_retry_scheduled`, `compensation_retry_scheduled`: when the next call begins.
    `gate_arrived`: when the gate waits no longer. `pause_opened`: when its policy answers.
    `node_child_started`: by when it must end."""
    trigger: Trigger | None = None
    """`execution_parked`: how."""
    detail: str = ""
    """JSON object of whatever else a reader may want to know."""
    failed: bool = False
    """`node_*`: the visit has failed for good, and the flow goes on. `edge_not_taken`: because
    what comes before it failed. `pause_expired`: the visit fails. `compensation_*`: the visit
    stays as it is, not undone."""
    seq: int = -1
    """Place in the journal; given by the writer."""


AFTER_THE_END = frozenset(
    {
        EntryKind.WEBHOOK_SCHEDULED,
        EntryKind.WEBHOOK_ATTEMPTED,
        EntryKind.WEBHOOK_DELIVERED,
        EntryKind.WEBHOOK_FAILED,
    }
)
"""What may still be said of an execution that has ended: whom that was told."""

SETTLING = frozenset({EntryKind.NODE_SETTLED, EntryKind.PAUSE_RESUMED, EntryKind.PAUSE_REJECTED})
"""What a person says of a visit: no worker is needed for it, and a parked execution wakes."""

_TRIGGERS = {
    EntryKind.EXECUTION_CLAIMED: Trigger.CLAIM,
    EntryKind.EXECUTION_REQUEUED: Trigger.REQUEUE,
    EntryKind.EXECUTION_COMPLETED: Trigger.COMPLETE,
    EntryKind.EXECUTION_FAILED: Trigger.FAIL,
    EntryKind.EXECUTION_CANCELLED: Trigger.CANCEL,
    EntryKind.EXECUTION_WOKEN: Trigger.WAKE,
    EntryKind.COMPENSATION_BEGUN: Trigger.UNDO,
    EntryKind.COMPENSATION_RESUMED: Trigger.COMPENSATE,
}


COMMANDS = SETTLING | frozenset({EntryKind.DEBUG_STEPPED, EntryKind.DEBUG_EDITED})
"""What a person says of a visit, whether a worker has the execution or not."""

DEBUG_MODES: Mapping[EntryKind, DebugMode] = {
    EntryKind.DEBUG_PAUSED: "pause",
    EntryKind.DEBUG_STEPPED: "step",
    EntryKind.DEBUG_CONTINUED: "run",
}
"""Commands that change how a debug session goes on."""

_WAKING = SETTLING | frozenset({EntryKind.DEBUG_STEPPED, EntryKind.DEBUG_CONTINUED})
"""What a parked execution goes on with."""


def trigger_of(entry: Entry, *, parked: bool) -> Trigger | None:
    """What happened to the execution with this entry, if anything; `parked` as it was before."""
    if entry.kind is EntryKind.EXECUTION_PARKED:
        assert entry.trigger in PARKING
        return entry.trigger
    if entry.kind in _WAKING:
        return Trigger.WAKE if parked else None
    return _TRIGGERS.get(entry.kind)
