"""Why an execution is not further than it is: a chain of links, each what waits and for what.

Pure over the record, the journal and what the box knows beside them (`Around`). The words in
`what` are stable: a client may decide by them; the sentences are for people.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import attrs

from axiomd.api.branches import CountFrames, branch_views
from axiomd.api.shapes import BranchView
from axiomd.clock import rfc3339
from axiomd.execution.execution import Execution
from axiomd.execution.gathering import is_around
from axiomd.execution.history import History
from axiomd.execution.journal import Entry, EntryKind
from axiomd.execution.pauses import pause_id
from axiomd.execution.position import Position, parse_position, visit_text
from axiomd.execution.status import Residence, Status
from axiomd.execution.undoing import Undoing, UndoStep
from axiomd.flow.artifact import Artifact, Placement
from axiomd.runners.builds import EnvironmentState

Json = dict[str, Any]


@attrs.frozen
class Link:
    """One thing that waits, or that has come to its end."""

    what: str
    """A stable word."""
    sentence: str
    facts: Json
    why: tuple["Link", ...] = ()
    """What it waits for itself."""


@attrs.frozen
class Queue:
    """Where an execution stands that waits for a worker."""

    ahead: int | None
    """Executions that are chosen before it; None if that is more than is looked at."""
    slots: int
    slots_used: int
    limited: bool
    """Whether a limit of its tenant lets no more of its flow be worked on."""
    draining: bool
    recovering: bool


@attrs.frozen
class Around:
    """What the box knows beside an execution's record and journal."""

    queue: Queue
    environment: Callable[[str], EnvironmentState]
    """Of a package, by its digest."""
    waits_for_process: Callable[[Position], bool]
    """Whether the call of a node visit has begun and no node has it yet."""
    child: Callable[[str], tuple[Link, ...] | None]
    """What another execution waits for; None if nobody looks that far."""
    frames: CountFrames


def why_links(
    execution: Execution, artifact: Artifact, entries: Iterable[Entry], around: Around
) -> list[Link]:
    """What an execution waits for, or how it ended."""
    if execution.status is Status.QUEUED:
        return [_queued(execution, around.queue)]
    look = _Look(execution, artifact, list(entries), around)
    if execution.status.ended:
        return [look.ending()]
    if look.history.undoing is not None:
        return [look.undoing(look.history.undoing)]
    return look.waiting() or [_at_work(execution)]


def _queued(execution: Execution, queue: Queue) -> Link:
    facts = {
        "since": rfc3339(execution.updated_ns),
        "position": None if queue.ahead is None else queue.ahead + 1,
        "slots": queue.slots,
        "slots_used": queue.slots_used,
        "limited": queue.limited,
        "draining": queue.draining,
    }
    return Link("queue", f"It waits for a worker: {_reason_to_queue(queue)}.", facts)


def _reason_to_queue(queue: Queue) -> str:
    if queue.draining:
        return "the box is stopping, and goes on with it at its next start"
    if queue.recovering:
        return "the box has just started, and takes up what was running"
    place = "far behind" if queue.ahead is None else f"number {queue.ahead + 1}"
    if queue.limited:
        return f"a limit of its tenant lets no more of them work at a time, and it is {place}"
    if queue.slots_used >= queue.slots:
        return f"all {queue.slots} slots are used, and it is {place} in the queue"
    return f"it is {place} in the queue, and about to be taken"


def _at_work(execution: Execution) -> Link:
    facts = {"attempt": execution.attempt, "since": rfc3339(execution.updated_ns)}
    return Link("worker", "A worker has it, and decides what is next.", facts)


@attrs.define
class _Known:
    """The last that was said of a node visit that is not over."""

    started: Entry | None = None
    trouble: Entry | None = None
    doubt: Entry | None = None
    pause: Entry | None = None
    held: Entry | None = None


class _Look:
    """An execution that is looked at."""

    def __init__(
        self, execution: Execution, artifact: Artifact, entries: list[Entry], around: Around
    ) -> None:
        self._execution = execution
        self._artifact = artifact
        self._entries = entries
        self._around = around
        self._known: dict[Position, _Known] = {}
        self._children: dict[int, str] = {}
        """The last child of each placement."""
        self._last: dict[EntryKind, Entry] = {}
        self.history = History(artifact)
        for entry in entries:
            self.history.apply(entry)
            self._see(entry)
        self.history.take_due()

    def _see(self, entry: Entry) -> None:
        self._last[entry.kind] = entry
        if entry.position is None:
            return
        known = self._known.setdefault(entry.position, _Known())
        match entry.kind:
            case EntryKind.NODE_STARTED | EntryKind.COMPENSATION_STARTED:
                known.started = entry
            case EntryKind.NODE_FAILED | EntryKind.NODE_TIMED_OUT | EntryKind.NODE_LOST:
                known.trouble = entry
            case EntryKind.NODE_IN_DOUBT:
                known.doubt = entry
            case EntryKind.PAUSE_OPENED:
                known.pause = entry
            case EntryKind.DEBUG_HELD:
                known.held = entry
            case EntryKind.NODE_CHILD_STARTED:
                self._children[entry.position.placement] = _said(entry)["execution_id"]
            case EntryKind.NODE_COMPLETED:
                # Its undoing is a call of its own.
                del self._known[entry.position]

    # -- what has ended -----------------------------------------------------------------------

    def ending(self) -> Link:
        """How it ended, and why."""
        execution, facts = self._execution, {"at": rfc3339(self._execution.completed_ns)}
        match execution.status:
            case Status.COMPLETED:
                if not execution.ended_at:
                    return Link("completed", "It has completed.", facts)
                where = ", ".join(execution.ended_at)
                words = (
                    f"It has completed without its last placement: its branches ended at {where}."
                )
                return Link("completed", words, facts | {"ended_at": list(execution.ended_at)})
            case Status.CANCELLED:
                return self._cancelled(facts)
            case _:
                return self._failed(facts)

    def _failed(self, facts: Json) -> Link:
        failure = self._execution.failure
        assert failure is not None
        facts |= {
            "kind": failure.kind,
            "placement": failure.placement or None,
            "edge": failure.edge or None,
            "message": failure.message,
            "attempts": failure.attempts,
        }
        why: tuple[Link, ...] = ()
        if failure.kind == "SUBFLOW_FAILED" and failure.placement in self._artifact.index_of:
            child_id = self._children.get(self._artifact.index_of[failure.placement])
            why = (self._child(child_id, failure.placement),) if child_id is not None else ()
        return Link("failed", f"It has failed: {failure.sentence}.", facts, why)

    def _cancelled(self, facts: Json) -> Link:
        entry = self._last.get(EntryKind.EXECUTION_CANCELLED)
        told = _said(entry) if entry is not None else {}
        facts |= {name: told.get(name) for name in ("by", "reason", "parent_id")}
        if told.get("parent_id"):
            words = f"its parent execution {told['parent_id']} does not wait for it any more"
        elif told.get("reason"):
            words = str(told["reason"])
        else:
            words = f"by {told['by']}" if told.get("by") else "on request"
        return Link("cancelled", f"It was cancelled: {words}.", facts)

    # -- what is undone -----------------------------------------------------------------------

    def undoing(self, undoing: Undoing) -> Link:
        """Which step of its compensation is made."""
        steps = list(undoing.steps.values())
        over = [step for step in steps if step.status != "PENDING"]
        facts = {
            "reason": undoing.ending.sentence,
            "by": undoing.by or None,
            "ends_as": undoing.status.value,
            "steps": len(steps),
            "steps_over": len(over),
        }
        step = undoing.next_step
        why = (self._step(step),) if step is not None else ()
        words = f"It undoes what it has done ({len(over)} of {len(steps)} steps are over)"
        return Link("compensation", f"{words}: {undoing.ending.sentence}.", facts, why)

    def _step(self, step: UndoStep) -> Link:
        placement = self._artifact.placements[step.position.placement]
        undo, visit = placement.compensate, visit_text(self._artifact, step.position)
        assert undo is not None
        facts = {
            "position": visit,
            "placement": placement.alias,
            "node": undo.node,
            "attempt": max(step.calls, 1),
            "since": rfc3339(step.at_ns) if step.at_ns else None,
            "due_at": rfc3339(step.due_ns) if step.due_ns else None,
            "error": step.message or None,
        }
        words = f"{undo.node} undoes {visit}, attempt {facts['attempt']}"
        if step.due_ns:
            words = f"{undo.node} is to undo {visit} again at {facts['due_at']}: {step.message}"
        return Link("undo_step", f"{words}.", facts)

    # -- what goes on -------------------------------------------------------------------------

    def waiting(self) -> list[Link]:
        """What goes on or waits, what gates wait for below them."""
        gates = self._waiting_gates()
        visits = {position: self._visit(position) for position in self._pending()}
        first = [gate for gate in gates if not any(gate.leads_to(other) for other in gates)]
        found = [self._gate(gate, gates, visits) for gate in first]
        alone = [
            link
            for position, link in visits.items()
            if not any(gate.waits_for(position) for gate in gates)
        ]
        return [*found, *alone, *self._fans()]

    def _pending(self) -> list[Position]:
        if self._artifact.mode == "unary":
            return list(self.history.pending)
        done = self.history.completed
        return [Position(p) for p in range(len(self._artifact.placements)) if p not in done]

    def _visit(self, position: Position) -> Link:
        history, visit = self.history, visit_text(self._artifact, position)
        known = self._known.get(position, _Known())
        if position in history.session.held:
            return _held(visit, known)
        if position in history.doubts:
            return _doubt(visit, known)
        if position in history.pauses:
            return _pause(self._execution.execution_id, visit, history.pauses[position], known)
        if position in history.due_ns:
            return _retry(visit, history.due_ns[position], known)
        if position in history.children:
            return self._child(history.children[position], visit, history.deadlines.get(position))
        if known.started is not None and self._execution.residence is Residence.CLAIMED:
            return self._call(position, visit, known.started)
        return Link("due", f"{visit} is about to be called.", {"position": visit})

    def _call(self, position: Position, visit: str, started: Entry) -> Link:
        placement = self._artifact.placements[position.placement]
        timeout_s = placement.timeout_s or self._execution.node_timeout_s
        facts = {
            "position": visit,
            "placement": placement.alias,
            "package": placement.package,
            "node": placement.node,
            "attempt": started.attempt,
            "started_at": rfc3339(started.at_ns),
            "timeout_seconds": timeout_s,
        }
        said = f"{visit} runs {placement.node}, attempt {started.attempt}"
        said += f", since {facts['started_at']}"
        words = f"{said}; it may take {timeout_s:g} s."
        if self._artifact.mode == "pipeline":
            facts["frames"] = self._around.frames(position.placement)
            bound = (
                "it may be silent for" if placement.kind == "pipeline" else "a call of it may take"
            )
            words = f"{said}, and has emitted {facts['frames']} frames; {bound} {timeout_s:g} s."
        return Link("node_call", words, facts, self._before_node(position, placement))

    def _before_node(self, position: Position, placement: Placement) -> tuple[Link, ...]:
        """What a call waits for that no node has yet."""
        if not self._around.waits_for_process(position):
            return ()
        state = self._around.environment(placement.digest)
        if state.status == "BUILDING":
            facts = {"package": placement.package, "lock": state.lock}
            words = f"The environment of {placement.package} is still being built."
            return (Link("environment", words, facts),)
        words = "It waits for a node process, which is starting, or which others use."
        return (Link("node_process", words, {"package": placement.package}),)

    def _child(self, child_id: str, visit: str, due_ns: int | None = None) -> Link:
        facts = {
            "position": visit,
            "execution_id": child_id,
            "until": rfc3339(due_ns) if due_ns else None,
        }
        below = self._around.child(child_id)
        words = f"{visit} is done by execution {child_id}"
        return Link("child", f"{words}.", facts, below or ())

    def _fans(self) -> Iterator[Link]:
        """Fan-outs whose items wait for others of them."""
        for (placement, items), fan in self.history.fans.items():
            if fan.waiting:
                visit = visit_text(self._artifact, Position(placement, 1, items))
                facts = {
                    "position": visit,
                    "items": fan.count,
                    "waiting": len(fan.waiting),
                    "max_parallel": fan.limit or None,
                }
                words = f"{len(fan.waiting)} of {fan.count} items of {visit} wait for others."
                yield Link("fan_out", words, facts)

    # -- gates --------------------------------------------------------------------------------

    def _waiting_gates(self) -> list["_Gate"]:
        views = branch_views(self._artifact, self._execution, self._entries, self._around.frames)
        return [
            _Gate(self._artifact, view)
            for view in views
            if view["status"] == "WAITING"
            and any(arm["status"] == "ARRIVED" for arm in view["arms"])
        ]

    def _gate(self, gate: "_Gate", gates: Sequence["_Gate"], visits: dict[Position, Link]) -> Link:
        view, there = gate.view, self.history.gates.get(gate.place)
        due_ns = there.due_ns if there is not None else 0
        missing = [arm for arm, _ in gate.missing]
        facts = {
            "gate": view["gate"],
            "position": view["position"],
            "kind": view["kind"],
            "policy": view["policy"],
            "arrived": [arm["from"] for arm in view["arms"] if arm["status"] == "ARRIVED"],
            "missing": missing,
            "until": rfc3339(due_ns) if due_ns else None,
        }
        arms = tuple(self._arm(gate, arm, source, gates, visits) for arm, source in gate.missing)
        words = f"The gate {view['position']} waits for {_and(missing)}"
        words += f", until {facts['until']}" if due_ns else ""
        return Link("gate", f"{words}.", facts, arms)

    def _arm(
        self,
        gate: "_Gate",
        arm: str,
        source: Position,
        gates: Sequence["_Gate"],
        visits: dict[Position, Link],
    ) -> Link:
        """What an arm waits for: gates before it, with what these wait for, and visits."""
        before = [g for g in gates if g is not gate and g.comes_to(source)]
        nearest = [g for g in before if not any(g.leads_to(o) for o in before if o is not g)]
        found = [self._gate(g, gates, visits) for g in nearest]
        found += [
            link
            for position, link in visits.items()
            if _comes_to(self._artifact, position, source)
            and not any(g.waits_for(position) for g in before)
        ]
        words = f"{arm} has not come to {gate.view['position']} yet."
        return Link("arm", words, {"from": arm, "gate": gate.view["position"]}, tuple(found))


class _Gate:
    """A gate that waits, by its view."""

    def __init__(self, artifact: Artifact, view: BranchView) -> None:
        self._artifact = artifact
        self.view = view
        self.position = _position(artifact, view["position"])
        self.missing = [
            (arm["from"], _position(artifact, arm["from"]))
            for arm in view["arms"]
            if arm["status"] == "WAITING"
        ]
        """The arms that have not come, as text and as a visit."""

    @property
    def place(self) -> tuple[int, tuple[int, ...]]:
        return self.position.placement, self.position.items

    def waits_for(self, position: Position) -> bool:
        """Whether a visit is on the way to an arm that is missing."""
        return any(_comes_to(self._artifact, position, source) for _, source in self.missing)

    def comes_to(self, source: Position) -> bool:
        """Whether it is on the way to an arm of another one."""
        return _comes_to(self._artifact, self.position, source)

    def leads_to(self, other: "_Gate") -> bool:
        """Whether it is on the way to an arm that is missing of another one."""
        return other is not self and other.waits_for(self.position)


def _comes_to(artifact: Artifact, position: Position, source: Position) -> bool:
    """Whether forward edges lead from a visit to another one, for the same items."""
    reached = artifact.reached(position.placement)
    return source.placement in reached and is_around(position.items, source.items)


def _position(artifact: Artifact, text: str) -> Position:
    alias, iteration, items = parse_position(text)
    return Position(artifact.index_of[alias], iteration, items)


def _held(visit: str, known: _Known) -> Link:
    facts = {"position": visit, "since": rfc3339(known.held.at_ns) if known.held else None}
    return Link("held", f"A debug session has stopped before {visit}.", facts)


def _doubt(visit: str, known: _Known) -> Link:
    said = _said(known.doubt)
    since = rfc3339(known.doubt.at_ns) if known.doubt else None
    facts = {"position": visit, "since": since, "reason": said.get("reason")}
    words = f"Nobody can tell whether {visit} has happened: a person has to say so"
    return Link("in_doubt", f"{words} ({said.get('reason', 'its call was lost')}).", facts)


def _pause(execution_id: str, visit: str, expires_ns: int, known: _Known) -> Link:
    since = rfc3339(known.pause.at_ns) if known.pause else None
    facts = {
        "position": visit,
        "pause_id": pause_id(execution_id, visit),
        "since": since,
        "until": rfc3339(expires_ns) if expires_ns else None,
    }
    until = f", until {facts['until']}" if expires_ns else ""
    return Link("pause", f"{visit} waits for a person to answer, since {since}{until}.", facts)


def _retry(visit: str, due_ns: int, known: _Known) -> Link:
    said = _said(known.trouble)
    failed = known.trouble.attempt if known.trouble else 0
    facts = {
        "position": visit,
        "due_at": rfc3339(due_ns),
        "attempt": failed + 1,
        "error": {"kind": said.get("kind"), "message": said.get("message")},
    }
    words = f"{visit} is tried again at {facts['due_at']}, since attempt {failed}"
    return Link("retry", f"{words} failed: {said.get('message', 'it was lost')}.", facts)


def _said(entry: Entry | None) -> Json:
    told: Json = json.loads(entry.detail) if entry is not None and entry.detail else {}
    return told


def _and(words: Sequence[str]) -> str:
    *others, last = words
    return f"{', '.join(others)} and {last}" if others else last
