"""An execution as a trace: one span for the whole of it, one for each call of a node.

Derived from the journal once the execution has ended, so whatever restarts lie in between, the
trace is whole, and nothing is kept for it while the execution works. Pure.
"""

import json
from collections.abc import Iterable, Mapping
from typing import Literal

import attrs

from axiomd.clock import NS_PER_MS
from axiomd.execution.deliveries import Delivery, DeliveryAttempt
from axiomd.execution.execution import Execution
from axiomd.execution.journal import Entry, EntryKind
from axiomd.execution.position import Position, visit_text
from axiomd.execution.status import Status
from axiomd.execution.trace_context import (
    Origin,
    root_span_id,
    span_id,
    traceparent,
    undoing_text,
)
from axiomd.flow.artifact import Artifact, Placement
from axiomd.limits import SPAN_EVENTS_MAX, TRACE_SPANS_MAX

Value = str | int | float | bool
SpanKind = Literal["internal", "server", "client"]


@attrs.frozen
class SpanEvent:
    """Something that happened during a span."""

    name: str
    at_ns: int
    attributes: Mapping[str, Value]


@attrs.frozen
class Span:
    """A piece of work with its time."""

    trace_id: str
    """32 hex characters: the execution."""
    span_id: str
    """16 hex characters."""
    parent_id: str
    """The span that it is a part of; empty for the whole execution's."""
    name: str
    kind: SpanKind
    start_ns: int
    end_ns: int
    attributes: Mapping[str, Value]
    error: str | None = None
    """What went wrong, as a sentence; None if nothing did."""
    events: tuple[SpanEvent, ...] = ()
    links: tuple[Origin, ...] = ()
    """Spans of other traces that it has to do with."""


@attrs.frozen
class Trace:
    """The spans of an execution."""

    spans: tuple[Span, ...]
    left_out: int
    """Node calls beyond the most that a trace can have."""


def trace_of(
    execution: Execution,
    artifact: Artifact,
    entries: Iterable[Entry],
    spans_max: int = TRACE_SPANS_MAX,
) -> Trace:
    """The trace of an execution that has ended, from its whole journal."""
    calls = _Calls(execution.execution_id, artifact, spans_max)
    events: list[SpanEvent] = []
    for entry in entries:
        if entry.kind is EntryKind.EXECUTION_FORKED:
            # All before it is in the trace of the execution that did it.
            calls, events = _Calls(execution.execution_id, artifact, spans_max), []
        calls.see(entry)
        if entry.kind in _EVENTS and len(events) < SPAN_EVENTS_MAX:
            events.append(_event(artifact, entry))
    calls.end_all(execution.completed_ns, "the execution has ended")
    root = _root(execution, tuple(events))
    return Trace((root, *calls.spans), calls.left_out)


def delivery_span(delivery: Delivery, attempt: DeliveryAttempt) -> Span:
    """One request to the receiver of a webhook: in the trace of the execution it tells of."""
    identity = delivery.execution_id
    given: dict[str, Value] = {
        "axiomd.tenant": delivery.tenant,
        "axiomd.delivery_id": delivery.message_id,
        "axiomd.delivery_status": delivery.status.value,
        "axiomd.attempt": delivery.tries,
        "http.request.method": "POST",
        "url.full": delivery.origin,
    }
    if attempt.status_code:
        given["http.response.status_code"] = attempt.status_code
    return Span(
        trace_id=identity,
        # By its time: somebody may ask for a delivery again, and it counts its attempts anew.
        span_id=span_id(identity, f"webhook/{delivery.key}/{attempt.at_ns}", delivery.tries),
        parent_id=root_span_id(identity),
        name=f"webhook {delivery.kind}",
        kind="client",
        start_ns=attempt.at_ns,
        end_ns=attempt.at_ns + int(attempt.ms * NS_PER_MS),
        attributes=given,
        error=attempt.error or None,
    )


def _root(execution: Execution, events: tuple[SpanEvent, ...]) -> Span:
    identity, failure = execution.execution_id, execution.failure
    given: dict[str, Value] = {
        "axiomd.execution_id": identity,
        "axiomd.tenant": execution.tenant,
        "axiomd.flow": execution.flow,
        "axiomd.graph_id": execution.graph_id,
        "axiomd.mode": execution.mode,
        "axiomd.status": execution.status.value,
        "axiomd.attempt": execution.attempt,
    }
    for name in ("parent_id", "forked_from", "config_id"):
        if getattr(execution, name):
            given[f"axiomd.{name}"] = getattr(execution, name)
    if failure is not None:
        given["error.type"] = failure.kind
    failed = execution.status is Status.FAILED and failure is not None
    return Span(
        trace_id=identity,
        span_id=root_span_id(identity),
        parent_id="",
        name=execution.flow,
        kind="internal" if execution.parent_id else "server",
        start_ns=execution.created_ns,
        end_ns=execution.completed_ns,
        attributes=given,
        error=failure.sentence if failed and failure is not None else None,
        events=events,
        links=_links(execution),
    )


def _links(execution: Execution) -> tuple[Origin, ...]:
    """Who it was invoked by, and what it was forked from."""
    found = [execution.origin] if execution.origin.traceparent else []
    source = execution.forked_from
    if source:
        found.append(Origin(traceparent(source, root_span_id(source))))
    return tuple(found)


@attrs.define
class _Call:
    """A call in flight."""

    start_ns: int
    attempt: int
    child_id: str = ""


class _Calls:
    """The calls of nodes, as a journal is read."""

    def __init__(self, execution_id: str, artifact: Artifact, spans_max: int) -> None:
        self._execution_id = execution_id
        self._artifact = artifact
        self._room = spans_max - 1
        self._flying: dict[tuple[Position, bool], _Call] = {}
        """By visit, and whether it is the one that undoes it."""
        self.spans: list[Span] = []
        self.left_out = 0

    def see(self, entry: Entry) -> None:
        """Take an entry into account."""
        if entry.kind in _STOPS:
            said = _said(entry).get("reason") or _STOPS[entry.kind]
            self.end_all(entry.at_ns, str(said), lost=entry.kind is EntryKind.EXECUTION_REQUEUED)
        if entry.position is None:
            return
        key = (entry.position, entry.kind in _OF_UNDOING)
        if entry.kind in _BEGINS:
            self._end(key, entry.at_ns, "lost", {}, "the call was lost")
            self._flying[key] = _Call(entry.at_ns, entry.attempt)
        elif entry.kind is EntryKind.NODE_CHILD_STARTED and key in self._flying:
            self._flying[key].child_id = str(_said(entry)["execution_id"])
        elif entry.kind in _ENDS:
            self._end_as(key, entry)
        elif entry.kind is EntryKind.EDGE_TAKEN and self._artifact.edges[entry.edge].loop:
            self._drop(entry.edge, entry.position.items, entry.at_ns)

    def end_all(self, at_ns: int, why: str, *, lost: bool = False) -> None:
        """Nothing is in flight any more."""
        how, error = ("lost", why) if lost else ("stopped", None)
        for key in list(self._flying):
            self._end(key, at_ns, how, {} if lost else {"axiomd.reason": why}, error)

    def _drop(self, loop: int, items: tuple[int, ...], at_ns: int) -> None:
        """A loop begins anew what is in flight."""
        body = self._artifact.body(loop)
        for key in list(self._flying):
            position = key[0]
            if position.placement in body and position.items[: len(items)] == items:
                self._end(key, at_ns, "stopped", {"axiomd.reason": "a loop has begun it anew"})

    def _end_as(self, key: tuple[Position, bool], entry: Entry) -> None:
        how, more = _ENDS[entry.kind], dict[str, Value]()
        if how == "completed":
            if entry.payload is not None:
                more["axiomd.output_bytes"] = entry.payload.size
            elif entry.frames:
                more["axiomd.frames"] = entry.frames
            self._end(key, entry.at_ns, how, more)
            return
        said = _said(entry)
        if "kind" in said:
            more["error.type"] = str(said["kind"])
        words = said.get("message") or said.get("reason") or how
        self._end(key, entry.at_ns, how, more, str(words))

    def _end(
        self,
        key: tuple[Position, bool],
        at_ns: int,
        how: str,
        more: Mapping[str, Value],
        error: str | None = None,
    ) -> None:
        call = self._flying.pop(key, None)
        if call is None:
            return
        if len(self.spans) >= self._room:
            self.left_out += 1
            return
        position, undoes = key
        placement, visit = self._artifact.placements[position.placement], self._visit(position)
        given = _attributes(placement, visit, call, undoes=undoes)
        self.spans.append(
            Span(
                trace_id=self._execution_id,
                span_id=span_id(
                    self._execution_id, undoing_text(visit) if undoes else visit, call.attempt
                ),
                parent_id=root_span_id(self._execution_id),
                name=undoing_text(placement.alias) if undoes else placement.alias,
                kind="internal",
                start_ns=call.start_ns,
                end_ns=max(at_ns, call.start_ns),
                attributes={**given, "axiomd.outcome": how, **more},
                error=error,
            )
        )

    def _visit(self, position: Position) -> str:
        return visit_text(self._artifact, position)


def _attributes(placement: Placement, visit: str, call: _Call, *, undoes: bool) -> dict[str, Value]:
    """What is known of a call before it ends."""
    undo = placement.compensate if undoes else None
    given: dict[str, Value] = {
        "axiomd.placement": placement.alias,
        "axiomd.position": visit,
        "axiomd.attempt": call.attempt,
    }
    if call.child_id:
        return given | {"axiomd.child_id": call.child_id, "axiomd.graph_id": placement.subflow}
    return given | {
        "axiomd.package": undo.package if undo is not None else placement.package,
        "axiomd.node": undo.node if undo is not None else placement.node,
    }


def _event(artifact: Artifact, entry: Entry) -> SpanEvent:
    given: dict[str, Value] = {}
    if entry.position is not None:
        given["axiomd.position"] = visit_text(artifact, entry.position)
    if entry.attempt:
        given["axiomd.attempt"] = entry.attempt
    if entry.trigger is not None:
        given["axiomd.trigger"] = entry.trigger.value
    said = _said(entry)
    given |= {f"axiomd.{name}": str(said[name]) for name in ("reason", "by") if said.get(name)}
    return SpanEvent(entry.kind.wire, entry.at_ns, given)


def _said(entry: Entry) -> dict[str, object]:
    found: dict[str, object] = json.loads(entry.detail) if entry.detail else {}
    return found


_BEGINS = frozenset({EntryKind.NODE_STARTED, EntryKind.COMPENSATION_STARTED})
_ENDS: Mapping[EntryKind, str] = {
    EntryKind.NODE_COMPLETED: "completed",
    EntryKind.NODE_FAILED: "failed",
    EntryKind.NODE_TIMED_OUT: "timed_out",
    EntryKind.NODE_LOST: "lost",
    EntryKind.NODE_IN_DOUBT: "in_doubt",
    EntryKind.COMPENSATION_COMPLETED: "completed",
    EntryKind.COMPENSATION_FAILED: "failed",
    EntryKind.COMPENSATION_LOST: "lost",
}
_OF_UNDOING = frozenset(kind for kind in EntryKind if kind.wire.startswith("compensation_"))
_STOPS: Mapping[EntryKind, str] = {
    EntryKind.EXECUTION_REQUEUED: "its worker is gone",
    EntryKind.COMPENSATION_BEGUN: "what was done is undone",
}
"""What ends every call in flight, and in which words."""
_EVENTS = frozenset(
    {
        EntryKind.EXECUTION_CLAIMED,
        EntryKind.EXECUTION_REQUEUED,
        EntryKind.EXECUTION_PARKED,
        EntryKind.EXECUTION_WOKEN,
        EntryKind.PAUSE_OPENED,
        EntryKind.PAUSE_RESUMED,
        EntryKind.PAUSE_REJECTED,
        EntryKind.PAUSE_EXPIRED,
        EntryKind.NODE_SETTLED,
        EntryKind.DEBUG_HELD,
        EntryKind.DEBUG_STEPPED,
        EntryKind.DEBUG_CONTINUED,
        EntryKind.COMPENSATION_BEGUN,
    }
)
"""What the span of the whole execution tells of its way."""
