"""Visits that a child execution does: how an attempt begins one, waits for it and takes its end.

A child is accepted in the same commit that says so in its parent's journal, and runs like any
execution. Its parent holds nothing for it: a branch that waits is asleep, and once nothing else
is at work the parent is parked until the child's own end wakes it (`axiomd/store/batch.py`).
"""

import math
from collections.abc import Iterable, Iterator

import trio

from axiomd.clock import LOOK_AGAIN_S, NS_PER_S
from axiomd.engine.attempt import Attempt
from axiomd.engine.tail import Watch
from axiomd.execution.call import Failure
from axiomd.execution.execution import Execution
from axiomd.execution.journal import Payload
from axiomd.execution.plan import Decision
from axiomd.execution.position import Position
from axiomd.execution.spread import NOTHING
from axiomd.execution.subflow import after_start, failure_of
from axiomd.limits import SUBFLOW_DEPTH_MAX
from axiomd.store.reader import Reader


async def start_child(attempt: Attempt, position: Position) -> Decision:
    """A visit's next call: a new child, with the visit's input."""
    parts, execution, history = attempt.parts, attempt.execution, attempt.history
    placement = attempt.artifact.placements[position.placement]
    if execution.depth >= SUBFLOW_DEPTH_MAX:
        said = f"subflows are nested more than {SUBFLOW_DEPTH_MAX} deep"
        return await attempt.decide_trouble(position, Failure("SUBFLOW_FAILED", said))
    payloads = history.pending[position]
    one = len(payloads) == 1
    payload = payloads[0] if one else await attempt.keep(await attempt.read(payloads))
    artifact = parts.artifact(execution.tenant, placement.subflow)
    return after_start(
        execution,
        placement,
        history,
        position,
        artifact,
        payload,
        parts.ids.execution_id(),
        parts.clock.now_ns(),
    )


class Waiting:
    """A visit that waits for the end of its child, or for the end of its patience."""

    def __init__(self, attempt: Attempt, position: Position, watch: Watch) -> None:
        """watch: of the child, ended only; it begins before the record is read here."""
        self._attempt = attempt
        self._placement = attempt.artifact.placements[position.placement]
        self._watch = watch
        self._due_ns = attempt.history.deadlines.get(position, math.inf)
        self._child_id = attempt.history.children[position]
        self._child = attempt.parts.reader.find_execution(self._child_id)

    @property
    def over(self) -> bool:
        """Whether there is nothing to wait for."""
        return self._has_ended or self._left_s <= 0

    @property
    def _has_ended(self) -> bool:
        return self._child is None or self._child.status.ended

    @property
    def _left_s(self) -> float:
        return (self._due_ns - self._attempt.parts.clock.now_ns()) / NS_PER_S

    async def wait(self) -> None:
        """Return once it is `over`."""
        while not self.over:
            with trio.move_on_after(min(self._left_s, LOOK_AGAIN_S)):
                await self._watch.changed()
                self._child = self._watch.latest

    async def outcome(self) -> Payload | Failure:
        """What became of the visit."""
        if self._child is None:
            return _gone(self._child_id)
        if not self._has_ended:
            said = f"child execution {self._child_id} did not end within"
            return Failure("TIMEOUT", f"{said} {self._placement.timeout_s:g} s")
        return failure_of(self._child) or await self._output(self._child)

    async def _output(self, child: Execution) -> Payload | Failure:
        """The child's output itself, not a copy: held until the parent's checkpoint names it."""
        parts = self._attempt.parts
        artifact = parts.artifact(child.tenant, child.graph_id)
        payload = parts.reader.output(child.execution_id, artifact.terminal)
        if payload is None:
            return NOTHING if child.ended_at else _gone(self._child_id)
        held: Payload | None = await parts.run_blocking(parts.blobs.hold, payload)
        return held or _gone(self._child_id)


def _gone(child_id: str) -> Failure:
    """Forgotten, before its parent came to take note of its end."""
    return Failure("SUBFLOW_FAILED", f"child execution {child_id} is not there any more")


def family(attempts: Iterable[Attempt], execution_id: str, reader: Reader) -> list[Attempt]:
    """The attempts at an execution, at its children, at theirs and so on."""
    return [attempt for attempt in attempts if execution_id in _lineage(attempt, reader)]


def _lineage(attempt: Attempt, reader: Reader) -> Iterator[str]:
    """An attempt's execution, its parent, the parent of that and so on."""
    yield attempt.execution_id
    parent_id = attempt.parent_id
    while parent_id:
        yield parent_id
        parent = reader.find_execution(parent_id)
        parent_id = parent.parent_id if parent is not None else ""
