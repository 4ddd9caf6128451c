"""What `axiomd verify` says of a history in which something was undone as it must not be."""

import attrs
import pytest
from worlds.box import open_box
from worlds.flows import UNDOING
from worlds.seeds import run_seeded

from axiomd.execution.journal import EntryKind
from axiomd.execution.position import Position
from axiomd.store.rules import history_faults

K = EntryKind


@pytest.fixture
def undone(make_world):
    """The record of an execution that was undone, and its journal."""

    async def live():
        async with open_box(make_world(UNDOING)) as box:
            execution = await box.ended(await box.accept(b"x"))
            return execution, box.reader.journal(execution.execution_id)

    return run_seeded(0, live)


def faults(execution, entries):
    numbered = [attrs.evolve(entry, seq=seq) for seq, entry in enumerate(entries)]
    execution = attrs.evolve(execution, entries=len(numbered))
    return list(history_faults(execution, UNDOING.artifact, {}, numbered))


def place(entries, kind, number=0):
    return [index for index, entry in enumerate(entries) if entry.kind is kind][number]


def changed(which, number=0, *, of=None, **change):
    """The journal with one entry changed; `of`: the kind whose first visit it takes over."""

    def change_it(entries):
        index = place(entries, which, number)
        taken = {} if of is None else {"position": entries[place(entries, of)].position}
        changes = {**change, **taken}
        return [*entries[:index], attrs.evolve(entries[index], **changes), *entries[index + 1 :]]

    return change_it


def repeated(kind):
    def repeat(entries):
        index = place(entries, kind)
        return [*entries[: index + 1], entries[index], *entries[index + 1 :]]

    return repeat


CASES = {
    "a step before its turn": (
        changed(K.COMPENSATION_STARTED, position=Position(0)),
        "whose turn it is not",
    ),
    "a second checkpoint": (repeated(K.COMPENSATION_COMPLETED), "more than once"),
    "a call after the checkpoint": (
        changed(K.COMPENSATION_STARTED, -1, of=K.COMPENSATION_COMPLETED),
        "to undo it, started after its checkpoint",
    ),
    "a call before its time": (
        changed(K.COMPENSATION_RETRY_SCHEDULED, due_ns=2**62),
        "before its time",
    ),
    "a node that still runs": (
        changed(K.COMPENSATION_LOST, kind=K.NODE_STARTED),
        "while it is being undone",
    ),
    "no beginning": (
        lambda entries: [entry for entry in entries if entry.kind is not K.COMPENSATION_BEGUN],
        "no compensation has begun",
    ),
    "steps of what is merely running": (
        lambda entries: [entry for entry in entries if entry.kind is not K.COMPENSATION_RESUMED],
        "compensation_started while RUNNING",
    ),
}


def test_a_history_as_it_was_written_is_sound(undone):
    assert faults(*undone) == []


@pytest.mark.parametrize("case", CASES)
def test_every_broken_promise_of_undoing_is_found(undone, case):
    execution, entries = undone
    damage, words = CASES[case]
    found = faults(execution, damage(entries))
    assert [fault for fault in found if words in fault], found


def test_a_record_that_says_otherwise_is_found(undone):
    execution, entries = undone
    found = faults(attrs.evolve(execution, undoing=False), entries)
    assert found == ["its record says undoing=False, its journal does not"]
