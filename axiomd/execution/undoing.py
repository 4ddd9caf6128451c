"""How far the compensation of an execution is: the part of the fold that begins when it fails.

One step for each completed visit that can be undone, the last completed first. A step that is over
holds no payload any more, only what the report tells.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Literal

import attrs

from axiomd.execution.execution import Ending
from axiomd.execution.journal import Entry, EntryKind, Payload
from axiomd.execution.position import Position
from axiomd.execution.status import Status
from axiomd.flow.artifact import Artifact

StepStatus = Literal["PENDING", "DONE", "FAILED"]


@attrs.frozen
class Undoable:
    """A completed visit that can be compensated."""

    position: Position
    inputs: tuple[Payload, ...]
    output: Payload


@attrs.define(eq=False)
class UndoStep:
    """The undoing of one visit."""

    position: Position
    """The visit that is undone."""
    visit: Undoable | None
    """What it took and returned; None once the step is over."""
    status: StepStatus = "PENDING"
    calls: int = 0
    """Calls started."""
    failures: int = 0
    """Calls that are charged."""
    lost: int = 0
    """Calls in a row that infrastructure took away."""
    due_ns: int = 0
    """When the next call begins; 0 for at once."""
    at_ns: int = 0
    """When it was last heard of; 0 before its first call."""
    message: str = ""
    """What its last call that did not end well said."""


@attrs.define(eq=False)
class Undoing:
    """A compensation that has begun."""

    status: Status
    """How the execution ends when it is over: FAILED or CANCELLED."""
    ending: Ending
    """Why it ends."""
    steps: Mapping[Position, UndoStep]
    """In the order in which they are made."""
    by: str = ""
    """Who has asked for it, if somebody has."""

    @classmethod
    def begin(cls, entry: Entry, done: Sequence[Undoable]) -> "Undoing":
        """The compensation of `done`, given in the order in which it completed."""
        told = json.loads(entry.detail)
        steps = {visit.position: UndoStep(visit.position, visit) for visit in reversed(done)}
        by = told.pop("by", "")
        return cls(Status(told.pop("status")), Ending(**told), steps, by)

    @property
    def next_step(self) -> UndoStep | None:
        """The step that is made now; None if all of them are over."""
        return next((step for step in self.steps.values() if step.status == "PENDING"), None)

    def apply(self, entry: Entry) -> None:
        """Take an entry into account that comes after the beginning."""
        step = self.steps.get(entry.position) if entry.position is not None else None
        if step is None or entry.kind not in _OF_STEPS:
            return
        step.at_ns = entry.at_ns
        match entry.kind:
            case EntryKind.COMPENSATION_STARTED:
                step.calls, step.due_ns = entry.attempt, 0
            case EntryKind.COMPENSATION_COMPLETED:
                step.status, step.visit, step.message = "DONE", None, ""
            case EntryKind.COMPENSATION_RETRY_SCHEDULED:
                step.due_ns = entry.due_ns
            case EntryKind.COMPENSATION_FAILED:
                step.failures, step.lost = step.failures + 1, 0
            case EntryKind.COMPENSATION_LOST:
                step.lost += 1
        if entry.kind in _TROUBLES:
            step.message = json.loads(entry.detail)["message"]
        if entry.failed:
            step.status, step.visit = "FAILED", None


def is_undoable(artifact: Artifact, entry: Entry) -> bool:
    """Whether the entry is a checkpoint that can be compensated."""
    return (
        entry.kind is EntryKind.NODE_COMPLETED
        and entry.position is not None
        and entry.payload is not None
        and artifact.placements[entry.position.placement].compensate is not None
    )


_TROUBLES = frozenset({EntryKind.COMPENSATION_FAILED, EntryKind.COMPENSATION_LOST})
_OF_STEPS = _TROUBLES | {
    EntryKind.COMPENSATION_STARTED,
    EntryKind.COMPENSATION_COMPLETED,
    EntryKind.COMPENSATION_RETRY_SCHEDULED,
}
