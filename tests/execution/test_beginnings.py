"""What a fork takes over of a history, entry by entry; which visits a debug session holds."""

import attrs
import pytest
from worlds.flows import flow

from axiomd.errors import Invalid, WrongState
from axiomd.execution import debugging
from axiomd.execution.execution import Debug
from axiomd.execution.fork import from_checkpoint, from_failure
from axiomd.execution.history import History
from axiomd.execution.journal import Entry, EntryKind, Payload
from axiomd.execution.position import Position

ARTIFACT = flow("a>b a>c b>d c>d")
A, B, C, D = (Position(number) for number in range(4))
EDGES = {(edge.source, edge.destination): n for n, edge in enumerate(ARTIFACT.edges)}
TEXT = Payload(1, b"x")


def journal(*entries):
    """Entries at the times that they are numbered by."""
    return [attrs.evolve(entry, seq=seq) for seq, entry in enumerate(entries)]


def of(kind, at_ns, position=None, **more):
    return Entry(kind, at_ns, position, **more)


def taken(at_ns, source, destination):
    edge = EDGES[source.placement, destination.placement]
    return of(EntryKind.EDGE_TAKEN, at_ns, source, edge=edge)


def completed(at_ns, position, *destinations):
    edges = tuple(EDGES[position.placement, d.placement] for d in destinations)
    done = of(EntryKind.NODE_COMPLETED, at_ns, position, attempt=1, edges=edges, payload=TEXT)
    return [done, *(taken(at_ns, position, d) for d in destinations)]


WHOLE = journal(
    of(EntryKind.EXECUTION_ACCEPTED, 1, payload=TEXT),
    of(EntryKind.EXECUTION_CLAIMED, 2, attempt=1),
    of(EntryKind.NODE_STARTED, 3, A, attempt=1),
    *completed(4, A, B, C),
    of(EntryKind.NODE_STARTED, 5, B, attempt=1),
    of(EntryKind.NODE_STARTED, 6, C, attempt=1),
    *completed(7, B, D),
    of(EntryKind.GATE_ARRIVED, 7, D, edge=EDGES[1, 3], due_ns=70),
    of(EntryKind.NODE_FAILED, 8, C, attempt=1),
    of(EntryKind.EXECUTION_FAILED, 8),
)


def kinds(beginning):
    return [(e.kind.wire, e.position) for e in beginning.entries(WHOLE)]


def test_a_checkpoint_brings_all_of_its_own_commit_and_nothing_of_what_was_in_flight():
    beginning = from_checkpoint(ARTIFACT, WHOLE, B, None, 100, anew=False)
    assert kinds(beginning) == [
        ("execution_accepted", None),
        ("node_started", A),
        ("node_completed", A),
        ("edge_taken", A),
        ("edge_taken", A),
        ("node_started", B),
        ("node_completed", B),
        ("edge_taken", B),
        ("gate_arrived", D),
    ]
    assert (beginning.pending, beginning.routed) == ({C}, None)


def test_a_gate_that_waits_is_given_as_long_again():
    beginning = from_checkpoint(ARTIFACT, WHOLE, B, None, 100, anew=False)
    *_, arrived = beginning.entries(WHOLE)
    assert arrived.due_ns == 70 + (100 - 7)


def test_another_output_leaves_the_visit_to_be_followed_anew():
    beginning = from_checkpoint(ARTIFACT, WHOLE, B, Payload(1, b"y"), 100, anew=False)
    assert ("node_completed", B) not in kinds(beginning)
    assert (beginning.routed, beginning.payload) == (B, Payload(1, b"y"))
    assert (beginning.pending, beginning.renewed) == ({B, C}, {C})


def test_what_failed_is_due_again_and_what_completed_is_not():
    beginning = from_failure(ARTIFACT, WHOLE, 100)
    assert beginning.pending == {C}
    assert not {kind for kind, position in kinds(beginning) if position == C}


def test_what_an_edge_has_failed_is_not_tried_again():
    failing = journal(*WHOLE[:3], completed(4, A)[0], of(EntryKind.EXECUTION_FAILED, 4))
    with pytest.raises(WrongState, match="the edges of a did"):
        from_failure(ARTIFACT, failing, 100)


def test_what_was_undone_is_not_tried_again():
    undone = journal(*WHOLE[:-1], of(EntryKind.COMPENSATION_BEGUN, 9))
    with pytest.raises(WrongState, match="compensated"):
        from_failure(ARTIFACT, undone, 100)


def test_a_visit_that_has_not_completed_is_no_checkpoint():
    with pytest.raises(Invalid) as refusal:
        from_checkpoint(ARTIFACT, WHOLE, C, None, 100, anew=False)
    assert "unknown checkpoint 'c'; known here: a, b" in refusal.value.problems[0].message


@pytest.mark.parametrize(
    ("debug", "said", "holds"),
    [
        (None, [], False),
        (Debug("run"), [], False),
        (Debug("run", ("a",)), [], True),
        (Debug("run", ("b",)), [], False),
        (Debug("pause"), [], True),
        (Debug("run"), [debugging.command(EntryKind.DEBUG_PAUSED)], True),
        (Debug("run"), [debugging.stops_at(("a",))], True),
        (Debug("pause"), [of(EntryKind.NODE_STARTED, 0, A, attempt=1)], False),
        (
            Debug("pause"),
            [of(EntryKind.DEBUG_HELD, 0, A), of(EntryKind.DEBUG_STEPPED, 0, A)],
            False,
        ),
        (
            Debug("run", ("a",)),
            [of(EntryKind.DEBUG_HELD, 0, A), debugging.command(EntryKind.DEBUG_CONTINUED)],
            False,
        ),
    ],
)
def test_a_session_holds_what_it_has_not_let_go(debug, said, holds):
    begun = [debugging.begun(debug, 1)] if debug else []
    history = History.fold(ARTIFACT, [WHOLE[0], *begun, *said])
    assert debugging.has_to_hold(history, A) is holds
