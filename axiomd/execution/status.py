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
    (Status.RUNNING, Trigger.REQUEUE): Status.QUEUED,
    (Status.RUNNING, Trigger.COMPLETE): Status.COMPLETED,
    (Status.RUNNING, Trigger.FAIL): Status.FAILED,
    (Status.RUNNING, Trigger.CANCEL): Status.CANCELLED,
}

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


def residence(status: Status) -> Residence:
    """Where an execution in this status lives."""
    return _RESIDENCE[status]
