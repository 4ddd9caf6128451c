"""Forgetting: only what is old, in slices, each of which leaves a whole store."""

import pytest
from worlds.flows import BRANCHING, STREAMING, TENANT
from worlds.invariants import broken_invariants, rows, stored_executions
from worlds.rows import commit_now, new_execution, open_writing, put_rows

from axiomd.clock import NS_PER_S
from axiomd.execution.journal import Entry, EntryKind, Payload
from axiomd.limits import FORGET_EXECUTIONS_MAX, FORGET_ROWS_MAX
from axiomd.store import commit as commits
from axiomd.store import keys
from axiomd.store.blobs import Blobs
from axiomd.store.commit import ExecutionCommit, ForgetCommit, FrameRow, IdempotencyClaim
from axiomd.store.reader import ListFilter, Reader
from axiomd.store.records import TenantRecord, encode_tenant

DAY_NS = 86_400 * NS_PER_S
NOW_NS = 100 * DAY_NS
ARTIFACTS = {story.artifact.graph_id: story.artifact for story in (BRANCHING, STREAMING)}


class Writing:
    """A store in which executions end when the test says so."""

    def __init__(self, store, writer, directory):
        self.store, self.writer, self.reader = store, writer, Reader(store)
        self.blobs = Blobs(directory / "blobs", sync=False)

    def settle(self, commit):
        ticket = self.writer.submit(commit)
        commit_now(self.writer)
        assert ticket._error is None, ticket._error
        return ticket._result

    def ended(self, number, *, ended_ns, notes=0, key=b"", payload=None, frames=(), **changes):
        """An execution that was cancelled at `ended_ns`, after so many notes and frames."""
        execution = new_execution(number, **changes)
        identity = execution.execution_id
        claim = IdempotencyClaim(key.rjust(32), b"b" * 32) if key else None
        self.settle(commits.accept(execution, payload or Payload(1, b"x"), claim, claimed=True))
        for _ in range(notes):
            self.writer.submit(commits.note(identity, 1, 1, Entry(EntryKind.NODE_LOG, 1)))
        if frames:
            self.writer.submit(commits.frames(identity, 1, 1, frames))
        self.settle(commits.cancel(identity, ended_ns, "{}"))
        return identity

    def next(self, days=30.0, now_ns=NOW_NS):
        return self.reader.next_to_forget(days, now_ns)

    def forget_all(self, **when):
        """Every slice there is; what they came to."""
        slices = []
        while (commit := self.next(**when)) is not None:
            slices.append(self.settle(commit))
        return slices

    def broken(self):
        return broken_invariants(self.store, self.blobs.root, ARTIFACTS)

    def left(self):
        """Every row that an execution leaves in the store."""
        tables = set(keys.TABLES) - {keys.META, keys.TENANTS}
        return {table: found for table in tables if (found := rows(self.store, table))}


@pytest.fixture
def writing(tmp_path):
    with open_writing(tmp_path) as (store, writer):
        yield Writing(store, writer, tmp_path)


def test_nothing_is_left_of_what_is_forgotten(writing):
    blob = writing.blobs.put(b"large" * 20_000)
    frames = tuple(FrameRow(0, index, blob) for index in range(3))
    story = {"graph_id": STREAMING.artifact.graph_id, "mode": "pipeline"}
    writing.ended(1, ended_ns=1, key=b"key", payload=blob, frames=frames, notes=3, **story)
    assert writing.broken() == []
    (slice_,) = writing.forget_all()
    assert (slice_.executions, slice_.released) == (1, (blob.blob,))
    assert writing.left() == {}


def test_what_is_young_or_has_not_ended_stays(writing):
    old = writing.ended(1, ended_ns=NOW_NS - 30 * DAY_NS - 1)
    young = writing.ended(2, ended_ns=NOW_NS - 30 * DAY_NS)
    writing.settle(commits.accept(new_execution(3), Payload(1, b"x")))
    writing.forget_all()
    left = {execution.execution_id for execution in stored_executions(writing.store)}
    assert left == {young, new_execution(3).execution_id}
    assert old not in left
    assert writing.broken() == []


@pytest.mark.parametrize("days", [0.0, 31.0])
def test_a_tenant_may_keep_its_own_longer_or_for_ever(writing, days):
    put_rows(writing.store, (keys.TENANTS, b"keeps", encode_tenant(TenantRecord(days))))
    mine = writing.ended(1, ended_ns=NOW_NS - 30 * DAY_NS - 1)
    theirs = writing.ended(2, ended_ns=NOW_NS - 30 * DAY_NS - 1, tenant="keeps")
    writing.forget_all()
    assert writing.reader.find_execution(mine) is None
    assert writing.reader.find_execution(theirs) is not None
    if days:
        writing.forget_all(now_ns=NOW_NS + DAY_NS)
        assert writing.reader.find_execution(theirs) is None


def test_zero_days_keep_everything_for_ever(writing):
    writing.ended(1, ended_ns=1)
    assert writing.next(days=0.0) is None


@pytest.mark.parametrize("wrong", ["running", "young", "tenant", "unknown", "same batch"])
def test_the_stored_record_decides_and_not_who_asks(writing, wrong):
    running = new_execution(9)
    young = writing.ended(1, ended_ns=NOW_NS)
    writing.settle(commits.accept(running, Payload(1, b"x"), claimed=True))
    asked = {
        "running": ForgetCommit((running.execution_id,), TENANT, NOW_NS),
        "young": ForgetCommit((young,), TENANT, NOW_NS),
        "tenant": ForgetCommit((young,), "another", NOW_NS + 1),
        "unknown": ForgetCommit(("ab" * 16,), TENANT, NOW_NS),
        "same batch": ForgetCommit((running.execution_id,), TENANT, NOW_NS),
    }[wrong]
    before = writing.left()
    if wrong == "same batch":
        writing.writer.submit(commits.cancel(running.execution_id, 5, "{}"))
    forgotten = writing.settle(asked)
    assert (forgotten.executions, forgotten.rows) == (0, 0)
    assert writing.broken() == []
    if wrong != "same batch":
        assert writing.left() == before


def test_a_commit_for_what_was_forgotten_in_the_same_batch_finds_nothing(writing):
    identity = writing.ended(1, ended_ns=1)
    writing.writer.submit(writing.next())
    late = writing.writer.submit(commits.cancel(identity, 5, "{}"))
    commit_now(writing.writer)
    assert late._error is not None
    assert late._error.code == "NOT_FOUND"
    assert writing.left() == {}


def test_what_the_same_batch_has_written_to_is_not_forgotten_under_its_hands(writing):
    identity = writing.ended(1, ended_ns=1)
    late = ExecutionCommit(identity, 5, entries=(Entry(EntryKind.NODE_LOG, 5),))
    writing.writer.submit(late)
    forgotten = writing.settle(writing.next())
    assert forgotten.executions == 0
    record = writing.reader.find_execution(identity)
    assert record is not None
    assert record.entries == len(writing.reader.journal(identity))


def test_an_idempotency_key_is_free_again_once_its_execution_is_forgotten(writing):
    writing.ended(1, ended_ns=1, key=b"key")
    writing.forget_all()
    again = writing.ended(2, ended_ns=NOW_NS, key=b"key")
    assert writing.reader.find_execution(again) is not None
    assert writing.broken() == []


def test_a_slice_is_bounded_and_any_cut_between_two_leaves_a_whole_store(tmp_path):
    """A long history beside short ones, the store closed after each slice."""
    notes = 3 * FORGET_ROWS_MAX
    count = FORGET_EXECUTIONS_MAX + 3
    with open_writing(tmp_path) as (store, writer):
        writing = Writing(store, writer, tmp_path)
        blob = writing.blobs.put(b"large" * 20_000)
        frames = tuple(FrameRow(0, index, blob) for index in range(2 * FORGET_ROWS_MAX))
        long = writing.ended(
            0, ended_ns=1, notes=notes, frames=frames, payload=blob, mode="pipeline",
            graph_id=STREAMING.artifact.graph_id,
        )  # fmt: skip
        for number in range(1, count):
            writing.ended(number, ended_ns=number + 1)
        assert writing.broken() == []
    slices = 0
    while True:
        with open_writing(tmp_path) as (store, writer):
            writing = Writing(store, writer, tmp_path)
            commit = writing.next()
            if commit is None:
                break
            forgotten = writing.settle(commit)
            slices += 1
            # The last execution of a slice may go over by its own few rows.
            assert 0 < forgotten.rows <= FORGET_ROWS_MAX + 10
            assert writing.reader.find_execution(long) is None, "half forgotten, and still seen"
            assert writing.broken() == []
            page = writing.reader.list_executions(TENANT, ListFilter(), 1000)
            assert len(page.executions) == len(stored_executions(store))
    assert slices > 5
    with open_writing(tmp_path) as (store, writer):
        writing = Writing(store, writer, tmp_path)
        assert writing.left() == {}
        assert not writing.reader.blob_is_named(blob.blob)


def test_a_blob_is_released_by_the_last_that_names_it(writing):
    blob = writing.blobs.put(b"large" * 20_000)
    writing.ended(1, ended_ns=1, payload=blob)
    writing.ended(2, ended_ns=NOW_NS, payload=blob)
    (first,) = writing.forget_all()
    assert first.released == ()
    assert writing.reader.blob_is_named(blob.blob)
    (last,) = writing.forget_all(now_ns=NOW_NS + 31 * DAY_NS)
    assert last.released == (blob.blob,)
    assert not writing.reader.blob_is_named(blob.blob)
