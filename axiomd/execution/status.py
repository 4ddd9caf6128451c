"""What an execution may be, and how it may change: the one table of statuses.

The writer applies `advance` to the *stored* record; nothing else decides a status. The diagram
in the README is made from TRANSITIONS.
"""

from collections.abc import Mapping
from enum import StrEnum


class Status(StrEnum):
    """The nine wire statuses."""

    QUEUED = "QUEUED"
    RUNNING = "RUNNING"
    PAUSED_HITL = "PAUSED_HITL"
    WAITING_ON_GATE = "WAITING_ON_GATE"
    DEBUG_PAUSED = "DEBUG_PAUSED"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    COMPENSATING = "COMPENSATING"
    CANCELLED = "CANCELLED"

    @property
    def label(self) -> str:
        """What people read."""
        return _LABELS[self]

    @property
    def ended(self) -> bool:
        """Whether nothing can change it any more."""
        return self in ENDED


class Trigger(StrEnum):
    """What happened to an execution."""

    CLAIM = "claim"
    """A worker starts an attempt at it."""
    REQUEUE = "requeue"
    """Its worker or its box died, or stopped."""
    COMPLETE = "complete"
    """Its terminal placement has finished."""
    FAIL = "fail"
    """A node failed and nothing catches it."""
    CANCEL = "cancel"
    """Somebody asked for its end."""
    SLEEP = "sleep"
    """Nothing runs, and all that is due is due later: its worker lets go of it."""
    WAIT = "wait"
    """The same, while a gate with an arm that has arrived waits for one that sleeps."""
    PAUSE = "pause"
    """Nothing runs, and a person has to say something."""
    HOLD = "hold"
    """Nothing runs, and a debug session has stopped before what would."""
    WAKE = "wake"
    """Its time has come, or somebody has said what it waited for."""
    UNDO = "undo"
    """It has failed, or is cancelled, and what it has done is to be compensated first."""
    COMPENSATE = "compensate"
    """A worker begins, or goes on, to compensate."""


class Residence(StrEnum):
    """Where an execution lives: exactly one of these, derived from its status."""

    READY = "ready"
    CLAIMED = "claimed"
    PARKED = "parked"
    ENDED = "ended"


class IllegalTransition(Exception):
    """That cannot happen to an execution in this status."""


ENDED = frozenset({Status.COMPLETED, Status.FAILED, Status.CANCELLED})

TRANSITIONS: Mapping[tuple[Status, Trigger], Status] = {
    (Status.QUEUED, Trigger.CLAIM): Status.RUNNING,
    (Status.QUEUED, Trigger.CANCEL): Status.CANCELLED,
    (Status.QUEUED, Trigger.UNDO): Status.QUEUED,
    (Status.RUNNING, Trigger.REQUEUE): Status.QUEUED,
    (Status.RUNNING, Trigger.COMPLETE): Status.COMPLETED,
    (Status.RUNNING, Trigger.FAIL): Status.FAILED,
    (Status.RUNNING, Trigger.CANCEL): Status.CANCELLED,
    (Status.RUNNING, Trigger.SLEEP): Status.RUNNING,
    (Status.RUNNING, Trigger.WAIT): Status.WAITING_ON_GATE,
    (Status.RUNNING, Trigger.PAUSE): Status.PAUSED_HITL,
    (Status.RUNNING, Trigger.HOLD): Status.DEBUG_PAUSED,
    (Status.RUNNING, Trigger.WAKE): Status.QUEUED,
    (Status.RUNNING, Trigger.UNDO): Status.QUEUED,
    (Status.RUNNING, Trigger.COMPENSATE): Status.COMPENSATING,
    (Status.WAITING_ON_GATE, Trigger.WAKE): Status.QUEUED,
    (Status.WAITING_ON_GATE, Trigger.CANCEL): Status.CANCELLED,
    (Status.WAITING_ON_GATE, Trigger.UNDO): Status.QUEUED,
    (Status.PAUSED_HITL, Trigger.WAKE): Status.QUEUED,
    (Status.PAUSED_HITL, Trigger.CANCEL): Status.CANCELLED,
    (Status.PAUSED_HITL, Trigger.UNDO): Status.QUEUED,
    (Status.DEBUG_PAUSED, Trigger.UNDO): Status.QUEUED,
    (Status.COMPENSATING, Trigger.REQUEUE): Status.QUEUED,
    (Status.COMPENSATING, Trigger.FAIL): Status.FAILED,
    (Status.COMPENSATING, Trigger.CANCEL): Status.CANCELLED,
    (Status.COMPENSATING, Trigger.SLEEP): Status.COMPENSATING,
    (Status.COMPENSATING, Trigger.WAKE): Status.QUEUED,
    (Status.DEBUG_PAUSED, Trigger.WAKE): Status.QUEUED,
    (Status.DEBUG_PAUSED, Trigger.CANCEL): Status.CANCELLED,
}
"""What sleeps in the status of a worker can only wake or be ended, and what does not sleep cannot
wake: the writer asks the record for that."""

PARKING = frozenset({Trigger.SLEEP, Trigger.WAIT, Trigger.PAUSE, Trigger.HOLD})
"""What makes a worker let go of an execution that has not ended."""

ENDING = frozenset({Trigger.CANCEL, Trigger.UNDO})
"""What can happen to an execution wherever it lives: with a worker, parked, or in the queue."""

_LABELS: Mapping[Status, str] = {
    Status.QUEUED: "Queued",
    Status.RUNNING: "Running",
    Status.PAUSED_HITL: "Paused (HITL)",
    Status.WAITING_ON_GATE: "Waiting on gate",
    Status.DEBUG_PAUSED: "Debug paused",
    Status.COMPLETED: "Completed",
    Status.FAILED: "Failed",
    Status.COMPENSATING: "Compensating",
    Status.CANCELLED: "Cancelled",
}

_RESIDENCE: Mapping[Status, Residence] = {
    Status.QUEUED: Residence.READY,
    Status.RUNNING: Residence.CLAIMED,
    Status.COMPENSATING: Residence.CLAIMED,
    Status.PAUSED_HITL: Residence.PARKED,
    Status.WAITING_ON_GATE: Residence.PARKED,
    Status.DEBUG_PAUSED: Residence.PARKED,
    Status.COMPLETED: Residence.ENDED,
    Status.FAILED: Residence.ENDED,
    Status.CANCELLED: Residence.ENDED,
}


def advance(status: Status, trigger: Trigger) -> Status:
    """The status after `trigger`; IllegalTransition if the table has no such row."""
    try:
        return TRANSITIONS[status, trigger]
    except KeyError:
        raise IllegalTransition(f"{trigger} does not apply to {status}") from None


def residence(status: Status, *, asleep: bool = False) -> Residence:
    """Where an execution in this status lives; `asleep` if it goes on at a time of its own."""
    return Residence.PARKED if asleep else _RESIDENCE[status]
