"""What a commit means for the parent and the children of its execution, in the same transaction."""

import itertools

import attrs
import pytest
from worlds.invariants import rows, stored_executions
from worlds.rows import commit_now, new_execution, open_writing, waiting

from axiomd.errors import Fenced
from axiomd.execution.execution import Ending
from axiomd.execution.journal import Entry, EntryKind, Payload
from axiomd.execution.plan import NEVER_NS, Child, Decision
from axiomd.execution.position import Position
from axiomd.execution.status import PARKING, Residence, Status, Trigger
from axiomd.store import commit as commits
from axiomd.store import keys
from axiomd.store.reader import Reader

INPUT = Payload(5, b"hello")
BLOB = Payload(100_000, None, b"b" * 32)
STARTED = Entry(EntryKind.NODE_CHILD_STARTED, 3, Position(0))
FAILED = Ending("NODE_ERROR", "as told")


class Family:
    """A parent that a worker has, and children of it, written commit by commit."""

    def __init__(self, store, writer):
        self.store, self.writer = store, writer
        self._numbers = itertools.count(1)
        parent = new_execution(next(self._numbers))
        self.parent = parent.execution_id
        self.write(commits.accept(parent, INPUT, claimed=True))

    def write(self, *made):
        """One batch; what each commit was refused with."""
        tickets = [self.writer.submit(commit) for commit in made]
        commit_now(self.writer)
        return [type(ticket._error) if ticket._error else None for ticket in tickets]

    def begin(self, parent_id, fence=1, payload=INPUT):
        """The commit of a parent that begins a child, and the child's ID."""
        depth = self[parent_id].depth + 1
        child = new_execution(next(self._numbers), parent_id=parent_id, depth=depth)
        decision = Decision((STARTED,), child=Child(child, payload))
        return commits.decided(parent_id, fence, 3, decision), child.execution_id

    def child(self, parent_id, *, claimed=True):
        commit, child_id = self.begin(parent_id)
        assert self.write(commit) == [None]
        if claimed:
            self.write(commits.claim(child_id, 4))
        return child_id

    def park(self, *awaited, trigger=Trigger.SLEEP):
        entry = Entry(EntryKind.EXECUTION_PARKED, 5, trigger=trigger)
        decision = Decision((entry,), trigger, wake_ns=NEVER_NS, awaits=awaited)
        return commits.decided(self.parent, 1, 5, decision)

    def leave(self, *left):
        return commits.decided(self.parent, 1, 6, Decision((STARTED,)), left)

    def __getitem__(self, execution_id):
        found = {one.execution_id: one for one in stored_executions(self.store)}
        return found[execution_id]

    def kinds(self, execution_id):
        return [entry.kind.wire for entry in Reader(self.store).journal(execution_id)]


@pytest.fixture
def family(tmp_path):
    with open_writing(tmp_path) as (store, writer):
        yield Family(store, writer)


def ways_to_end(child_id):
    return {
        "fail": commits.failed(child_id, 1, 7, FAILED),
        "cancel": commits.cancel(child_id, 7, "{}"),
        "complete": commits.decided(
            child_id,
            1,
            7,
            Decision((Entry(EntryKind.EXECUTION_COMPLETED, 7),), Trigger.COMPLETE),
        ),
    }


def test_a_child_begins_with_its_parents_word_or_not_at_all(family):
    commit, child_id = family.begin(family.parent, payload=BLOB)
    late = attrs.evolve(commit, fence=7)
    assert family.write(late) == [Fenced]
    assert len(stored_executions(family.store)) == 1
    assert family.write(commit) == [None]
    assert family[family.parent].children == (child_id,)
    child = family[child_id]
    assert (child.parent_id, child.status) == (family.parent, Status.QUEUED)
    assert waiting(Reader(family.store)) == [child_id]
    assert Reader(family.store).blob_is_named_by(BLOB.blob, child_id)


@pytest.mark.parametrize("trigger", sorted(PARKING))
@pytest.mark.parametrize("way", ["fail", "cancel", "complete"])
def test_the_end_of_a_child_wakes_a_parent_that_is_parked(family, trigger, way):
    child_id = family.child(family.parent)
    family.write(family.park(child_id, trigger=trigger))
    assert family[family.parent].residence is Residence.PARKED
    assert family.write(ways_to_end(child_id)[way]) == [None]
    parent = family[family.parent]
    assert (parent.status, parent.children, parent.wake_ns) == (Status.QUEUED, (), 0)
    assert family.kinds(family.parent)[-1] == "execution_woken"
    assert waiting(Reader(family.store)) == [family.parent]
    assert rows(family.store, keys.DUE) == []


def test_the_end_of_a_child_disturbs_no_parent_that_works(family):
    child_id = family.child(family.parent)
    family.write(ways_to_end(child_id)["complete"])
    parent = family[family.parent]
    assert (parent.status, parent.residence) == (Status.RUNNING, Residence.CLAIMED)
    assert parent.children == ()
    assert family.kinds(family.parent)[-1] == "node_child_started"


@pytest.mark.parametrize("together", [True, False])
def test_a_parent_that_parks_behind_the_end_of_a_child_wakes_at_once(family, together):
    """Its branch had not heard of it: nobody else would ever wake it."""
    ended, running = family.child(family.parent), family.child(family.parent)
    made = [ways_to_end(ended)["complete"], family.park(ended, running)]
    for batch in [made] if together else [[commit] for commit in made]:
        assert family.write(*batch) == [None] * len(batch)
    parent = family[family.parent]
    assert (parent.status, parent.children) == (Status.QUEUED, (running,))
    assert family.kinds(family.parent)[-2:] == ["execution_parked", "execution_woken"]


def test_a_parent_that_parks_before_the_end_of_a_child_in_one_batch_wakes(family):
    child_id = family.child(family.parent)
    family.write(family.park(child_id), ways_to_end(child_id)["fail"])
    assert family[family.parent].status is Status.QUEUED


def test_a_parent_that_waits_for_others_stays_parked(family):
    child_id = family.child(family.parent)
    family.write(family.park(child_id))
    assert family[family.parent].residence is Residence.PARKED
    assert family.write(commits.claim(family.parent, 8)) != [None]


def test_several_children_that_end_together_wake_their_parent_once(family):
    both = [family.child(family.parent) for _ in range(2)]
    family.write(family.park(*both))
    family.write(*(ways_to_end(child_id)["complete"] for child_id in both))
    assert family[family.parent].children == ()
    assert family.kinds(family.parent).count("execution_woken") == 1


@pytest.mark.parametrize("way", ["fail", "cancel", "complete"])
@pytest.mark.parametrize("claimed", [True, False])
def test_the_end_of_a_parent_is_the_end_of_all_below_it(family, way, claimed):
    middle = family.child(family.parent)
    inner = family.child(middle, claimed=claimed)
    sister = family.child(family.parent, claimed=claimed)
    told = []
    family.writer._on_durable = told.extend
    assert family.write(ways_to_end(family.parent)[way]) == [None]
    for child_id, parent_id in (
        (middle, family.parent),
        (inner, middle),
        (sister, family.parent),
    ):
        child = family[child_id]
        assert (child.status, child.failure.kind) == (Status.CANCELLED, "CANCELLED")
        assert parent_id in child.failure.message
        assert child.children == ()
    assert family[family.parent].children == ()
    assert {one.execution_id for one in told} == {family.parent, middle, inner, sister}
    assert Reader(family.store).claimed() == waiting(Reader(family.store)) == []


def test_a_child_that_is_left_is_cancelled_with_all_below_it(family):
    left, kept = family.child(family.parent), family.child(family.parent)
    below = family.child(left)
    family.write(family.leave(left))
    assert family[family.parent].children == (kept,)
    assert family[left].status is family[below].status is Status.CANCELLED
    assert family[kept].status is Status.RUNNING


def test_a_child_that_had_ended_is_left_as_it_is(family):
    child_id = family.child(family.parent)
    family.write(ways_to_end(child_id)["complete"], family.leave(child_id))
    assert family[child_id].status is Status.COMPLETED
