"""A journal as a trace: one span for the whole, one for each call, whatever lies in between."""

import pytest
from worlds.box import open_box
from worlds.flows import BRANCHING, CHOOSING, NESTING, STREAMING, UNDOING, flow
from worlds.invariants import stored_executions
from worlds.rows import new_execution

from axiomd.execution.deliveries import Delivery, DeliveryAttempt, DeliveryStatus
from axiomd.execution.journal import Entry, EntryKind, Payload
from axiomd.execution.position import Position
from axiomd.execution.spans import delivery_span, trace_of
from axiomd.execution.status import Status
from axiomd.execution.trace_context import NO_ORIGIN, Origin, root_span_id, traceparent

LINE = flow("a>b")
A, B = Position(0), Position(1)
OUT = Payload(3, b"out")
K = EntryKind


def ended(**changes):
    known = {"status": Status.COMPLETED, "created_ns": 1, "completed_ns": 100, "mode": "unary"}
    return new_execution(1, **known | changes)


def spans(entries, artifact=LINE, execution=None):
    """All spans but the root, as (name, attempt, start, end, outcome, error)."""
    trace = trace_of(execution or ended(), artifact, entries)
    root, *calls = trace.spans
    assert all(call.parent_id == root.span_id for call in calls)
    return [
        (
            call.name,
            call.attributes["axiomd.attempt"],
            call.start_ns,
            call.end_ns,
            call.attributes["axiomd.outcome"],
            call.error,
        )
        for call in calls
    ]


def test_each_attempt_is_a_span_with_its_own_end():
    entries = [
        Entry(K.EXECUTION_ACCEPTED, 1, payload=OUT),
        Entry(K.NODE_STARTED, 2, A, 1),
        Entry(K.NODE_FAILED, 5, A, 1, detail='{"kind": "NODE_ERROR", "message": "no"}'),
        Entry(K.NODE_STARTED, 9, A, 2),
        Entry(K.NODE_COMPLETED, 11, A, 2, payload=OUT, edges=(0,)),
    ]
    assert spans(entries) == [
        ("a", 1, 2, 5, "failed", "no"),
        ("a", 2, 9, 11, "completed", None),
    ]


def test_a_call_that_the_box_died_with_ends_when_it_is_given_back():
    entries = [
        Entry(K.NODE_STARTED, 2, A, 1),
        Entry(K.EXECUTION_REQUEUED, 7, attempt=1, detail='{"reason": "the box restarted"}'),
        Entry(K.NODE_STARTED, 9, A, 2),
        Entry(K.NODE_COMPLETED, 11, A, 2, payload=OUT),
    ]
    assert spans(entries) == [
        ("a", 1, 2, 7, "lost", "the box restarted"),
        ("a", 2, 9, 11, "completed", None),
    ]


def test_what_still_runs_when_it_ends_was_stopped():
    entries = [Entry(K.NODE_STARTED, 2, A, 1), Entry(K.EXECUTION_CANCELLED, 100)]
    assert spans(entries, execution=ended(status=Status.CANCELLED)) == [
        ("a", 1, 2, 100, "stopped", None)
    ]


def test_a_fork_has_only_what_it_has_done_itself():
    entries = [
        Entry(K.NODE_STARTED, 2, A, 1),
        Entry(K.NODE_COMPLETED, 3, A, 1, payload=OUT),
        Entry(K.EXECUTION_FORKED, 50, detail='{"forked_from": "x", "seq": 1}'),
        Entry(K.NODE_STARTED, 60, B, 1),
        Entry(K.NODE_COMPLETED, 70, B, 1, payload=OUT),
    ]
    source = "5" * 32
    fork = ended(forked_from=source)
    assert [name for name, *_ in spans(entries, execution=fork)] == ["b"]
    (link,) = trace_of(fork, LINE, entries).spans[0].links
    assert (link.trace_id, link.span_id) == (source, root_span_id(source))


def test_the_root_says_what_the_execution_was_and_who_invoked_it():
    origin = Origin(traceparent("6" * 32, "7" * 16), "a=b")
    trace = trace_of(ended(origin=origin), LINE, [Entry(K.EXECUTION_CLAIMED, 2, attempt=1)])
    (root,) = trace.spans
    assert (root.start_ns, root.end_ns, root.parent_id, root.kind) == (1, 100, "", "server")
    assert root.span_id == root_span_id(root.trace_id)
    assert root.links == (origin,)
    assert [event.name for event in root.events] == ["execution_claimed"]


def test_a_trace_has_a_bounded_number_of_spans():
    entries = []
    for number in range(1, 11):
        entries += [Entry(K.NODE_STARTED, number, A, number), Entry(K.NODE_LOST, number, A, number)]
    trace = trace_of(ended(), LINE, entries, spans_max=4)
    assert (len(trace.spans), trace.left_out) == (4, 7)


def test_a_request_to_a_receiver_is_a_span_in_the_trace_of_what_it_tells():
    identity = "8" * 32
    delivery = Delivery(
        identity, "9" * 24, "t", "pause.opened", "https://x", 1, 1, 0, DeliveryStatus.PENDING
    )
    failed = delivery_span(delivery, DeliveryAttempt(5_000_000, 2.0, 503, "it answered 503"))
    assert (failed.trace_id, failed.parent_id) == (identity, root_span_id(identity))
    assert (failed.start_ns, failed.end_ns, failed.error) == (
        5_000_000,
        7_000_000,
        "it answered 503",
    )
    again = delivery_span(delivery, DeliveryAttempt(9_000_000, 2.0, 200))
    assert (again.error, again.span_id == failed.span_id) == (None, False)


class Listening:
    """A runner that notes which span each call was told to be."""

    def __init__(self, inner):
        self._inner = inner
        self.told = set()

    async def run(self, call, emit):
        self.told.add((call.execution_id, call.span_id))
        return await self._inner.run(call, emit)

    def stream(self, call, emit):
        self.told.add((call.execution_id, call.span_id))
        return self._inner.stream(call, emit)


STORIES = (BRANCHING, CHOOSING, UNDOING, NESTING, STREAMING)


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.artifact.graph_id[:6])
async def test_every_call_is_the_span_that_its_node_was_told(make_world, autojump_clock, story):
    async with open_box(make_world(story)) as box:
        listening = box.parts.runners["inline"] = Listening(box.parts.runners["inline"])
        identity = await box.accept(b"in")
        await box.ended(identity)
        ended = stored_executions(box.store)
        found = set()
        for execution in ended:
            artifact = box.artifact_of(execution.execution_id)
            root, *calls = trace_of(
                execution, artifact, box.reader.journal(execution.execution_id)
            ).spans
            assert (root.start_ns, root.end_ns) == (execution.created_ns, execution.completed_ns)
            assert all(call.start_ns <= call.end_ns for call in calls)
            spans = [(call.trace_id, call.span_id) for call in calls]
            assert len(set(spans)) == len(spans)
            found |= set(spans)
        assert listening.told
        assert listening.told <= found


async def test_the_root_of_a_child_is_linked_to_the_call_of_its_parent(make_world, autojump_clock):
    async with open_box(make_world(NESTING)) as box:
        identity = await box.accept(b"in")
        await box.ended(identity)
        parents = 0
        for child in stored_executions(box.store):
            if not child.parent_id:
                assert child.origin == NO_ORIGIN
                continue
            parent = box.reader.find_execution(child.parent_id)
            artifact = box.artifact_of(parent.execution_id)
            journal = box.reader.journal(parent.execution_id)
            calls = trace_of(parent, artifact, journal).spans
            (call,) = [
                c for c in calls if c.attributes.get("axiomd.child_id") == child.execution_id
            ]
            mine = trace_of(child, box.artifact_of(child.execution_id), []).spans[0]
            (link,) = mine.links
            assert (link.trace_id, link.span_id) == (call.trace_id, call.span_id)
            parents += 1
        assert parents >= 2
