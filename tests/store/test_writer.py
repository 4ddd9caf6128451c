"""The one writer: judged before written, durable before told, in the order of submitting."""

import pytest
import trio
from worlds.disk import open_disk
from worlds.flows import BRANCHING
from worlds.invariants import rows, stored_executions
from worlds.rows import RecordedTail, ballast, commit_now, new_execution, open_writing, waiting

from axiomd.errors import Fenced, IdempotencyConflict, NotFound, StoreFailed, StoreFull, WrongState
from axiomd.execution.execution import Ending
from axiomd.execution.journal import Entry, EntryKind, Payload
from axiomd.execution.status import Status
from axiomd.limits import COMMIT_BATCH_COUNT_MAX, JOURNAL_ENTRIES_MAX
from axiomd.store import commit as commits
from axiomd.store import keys
from axiomd.store.batch import Duplicate, Existing, admit
from axiomd.store.commit import IdempotencyClaim, RowsCommit
from axiomd.store.reader import Reader
from axiomd.store.writer import open_writer, write_now

INPUT = Payload(5, b"hello")
NOTE = Entry(EntryKind.NODE_LOG, 1, detail="{}")


def key(text, body="body"):
    return IdempotencyClaim(text.encode().rjust(32), body.encode().rjust(32))


def test_a_refused_commit_does_not_poison_its_batch(tmp_path):
    with open_writing(tmp_path) as (store, writer):
        one, other = new_execution(1), new_execution(2)
        batch = [
            writer.submit(commits.accept(one, INPUT)),
            writer.submit(commits.claim("f" * 32, 1)),
            writer.submit(commits.requeue(one.execution_id, 9, 1, "not mine")),
            writer.submit(commits.accept(other, INPUT)),
        ]
        commit_now(writer)
        errors = [type(ticket._error) for ticket in batch]
        assert errors == [type(None), NotFound, Fenced, type(None)]
        assert len(stored_executions(store)) == 2


def test_every_commit_is_judged_against_what_the_one_before_it_left(tmp_path):
    with open_writing(tmp_path) as (store, writer):
        execution = new_execution(1)
        identity = execution.execution_id
        first = writer.submit(commits.accept(execution, INPUT))
        claim = writer.submit(commits.claim(identity, 2))
        again = writer.submit(commits.claim(identity, 3))
        note = writer.submit(commits.note(identity, 1, 4, NOTE))
        gone = writer.submit(commits.requeue(identity, 1, 5, "gone"))
        stale = writer.submit(commits.note(identity, 1, 6, NOTE))
        commit_now(writer)
        refused = [type(t._error) for t in (first, claim, again, note, gone, stale)]
        nothing = type(None)
        assert refused == [nothing, nothing, WrongState, nothing, nothing, Fenced]
        (stored,) = stored_executions(store)
        assert (stored.status, stored.attempt, stored.losses) == (Status.QUEUED, 1, 1)
        assert stored.entries == len(Reader(store).journal(identity)) == 4


def test_work_done_clears_the_count_of_losses(tmp_path):
    with open_writing(tmp_path) as (store, writer):
        execution = new_execution(1)
        identity = execution.execution_id
        writer.submit(commits.accept(execution, INPUT))
        for attempt in (1, 2):
            writer.submit(commits.claim(identity, attempt))
            writer.submit(commits.requeue(identity, attempt, 1, "lost"))
        writer.submit(commits.claim(identity, 9))
        writer.submit(commits.requeue(identity, 3, 1, "store full", counted=False))
        commit_now(writer)
        assert stored_executions(store)[0].losses == 2
        writer.submit(commits.claim(identity, 9))
        writer.submit(commits.frames(identity, 4, 1, (commits.FrameRow(0, 0, INPUT),)))
        commit_now(writer)
        assert stored_executions(store)[0].losses == 0


def test_the_same_idempotency_key_makes_one_execution(tmp_path):
    with open_writing(tmp_path) as (store, writer):
        first, second, third = (new_execution(n) for n in range(3))
        made = writer.submit(commits.accept(first, INPUT, key("k")))
        again = writer.submit(commits.accept(second, INPUT, key("k")))
        other = writer.submit(commits.accept(third, INPUT, key("k", "another body")))
        commit_now(writer)
        late = writer.submit(commits.accept(third, INPUT, key("k")))
        commit_now(writer)
        assert made._result.execution_id == first.execution_id
        assert again._result == late._result == Duplicate(first.execution_id)
        assert isinstance(other._error, IdempotencyConflict)
        assert len(stored_executions(store)) == 1


def test_an_idempotency_key_belongs_to_its_tenant(tmp_path):
    with open_writing(tmp_path) as (store, writer):
        writer.submit(commits.accept(new_execution(1, tenant="one"), INPUT, key("k")))
        writer.submit(commits.accept(new_execution(2, tenant="two"), INPUT, key("k", "other")))
        commit_now(writer)
        assert len(stored_executions(store)) == 2


def test_a_row_that_must_not_be_replaced_is_handed_back(tmp_path):
    with open_writing(tmp_path) as (store, writer):
        row = (keys.DRAFTS, b"name", b"first")
        write_now(store, RowsCommit((row,)))
        taken = RowsCommit(((keys.DRAFTS, b"name", b"second"),), unless=(keys.DRAFTS, b"name"))
        ticket = writer.submit(taken)
        commit_now(writer)
        assert ticket._result == Existing(b"first")
        writer.submit(RowsCommit((), deletes=((keys.DRAFTS, b"name"),)))
        commit_now(writer)
        assert rows(store, keys.DRAFTS) == []


def test_write_now_refuses_like_the_writer(tmp_path):
    with open_writing(tmp_path) as (store, _), pytest.raises(NotFound):
        write_now(store, commits.claim("f" * 32, 1))


def test_index_rows_follow_the_status(tmp_path):
    with open_writing(tmp_path) as (store, writer):
        execution = new_execution(1)
        identity, reader = execution.execution_id, Reader(store)
        steps = [
            (commits.accept(execution, INPUT), [identity], []),
            (commits.claim(identity, 1), [], [identity]),
            (commits.requeue(identity, 1, 1, "lost"), [identity], []),
            (commits.claim(identity, 1), [], [identity]),
            (commits.failed(identity, 2, 1, Ending("LOST", "gone")), [], []),
        ]
        for commit, ready, claimed in steps:
            writer.submit(commit)
            commit_now(writer)
            assert (waiting(reader), reader.claimed()) == (ready, claimed)


def test_a_full_journal_takes_only_what_ends_the_execution(tmp_path):
    stored = new_execution(1, status=Status.RUNNING, attempt=1, entries=JOURNAL_ENTRIES_MAX)
    with pytest.raises(WrongState):
        admit(commits.note(stored.execution_id, 1, 1, NOTE), stored)
    ended = admit(commits.cancel(stored.execution_id, 1, "{}"), stored)
    assert ended.status is Status.CANCELLED


def test_nobody_is_told_before_the_batch_is_on_disk(tmp_path):
    tail = RecordedTail()
    with open_writing(tmp_path, tail) as (store, writer):
        ticket = writer.submit(commits.accept(new_execution(1), INPUT))
        written = writer.write(writer.take())
        assert not ticket.settled
        assert tail.published == []
        assert len(stored_executions(store)) == 1
        writer.publish(written)
        assert ticket.settled
        assert [record.status for record in tail.published] == [Status.QUEUED]


def test_the_newest_record_of_a_batch_is_published_once(tmp_path):
    tail = RecordedTail()
    with open_writing(tmp_path, tail) as (_, writer):
        execution = new_execution(1)
        writer.submit(commits.accept(execution, INPUT))
        writer.submit(commits.claim(execution.execution_id, 2))
        commit_now(writer)
        assert [record.status for record in tail.published] == [Status.RUNNING]


def test_a_full_store_refuses_the_batch_and_takes_the_next_once_there_is_room(tmp_path):
    with open_writing(tmp_path, map_size_bytes=2**20) as (store, writer):
        small = writer.submit(commits.accept(new_execution(1), INPUT))
        large = writer.submit(ballast("large", 2**21))
        commit_now(writer)
        assert isinstance(small._error, StoreFull)
        assert isinstance(large._error, StoreFull)
        assert stored_executions(store) == []
        assert writer.failed is None
        store.environment.set_mapsize(2**24)
        small, large = writer.submit(small.commit), writer.submit(large.commit)
        commit_now(writer)
        assert small._error is large._error is None
        assert len(stored_executions(store)) == 1


def lose(writer, execution):
    """A claim of `execution` in a batch that finds no room: written nowhere, told to nobody."""
    lost = writer.submit(commits.claim(execution.execution_id, 2))
    writer.submit(ballast("large", 2**21))
    return lost, writer.write(writer.take())


def test_what_was_submitted_before_a_failure_was_told_fails_with_it(tmp_path):
    """Else a checkpoint could become true whose predecessor did not: a gap in the history."""
    with open_writing(tmp_path, map_size_bytes=2**20) as (store, writer):
        execution = new_execution(1)
        writer.submit(commits.accept(execution, INPUT))
        commit_now(writer)
        lost, failed = lose(writer, execution)
        built_on_it = writer.submit(commits.cancel(execution.execution_id, 3, "{}"))
        neighbour = writer.submit(commits.accept(new_execution(2), INPUT))
        also = writer.write(writer.take())
        built_on_that = writer.submit(commits.cancel(execution.execution_id, 4, "{}"))
        writer.publish(failed)
        too_early = writer.submit(commits.cancel(execution.execution_id, 5, "{}"))
        too = writer.write(writer.take())
        writer.publish(also)
        writer.publish(too)
        for ticket in (lost, built_on_it, built_on_that, too_early):
            assert isinstance(ticket._error, StoreFull)
        assert neighbour._error is None
        assert stored_executions(store)[0].status is Status.QUEUED


def test_once_a_failure_was_told_the_next_commit_is_taken(tmp_path):
    with open_writing(tmp_path, map_size_bytes=2**20) as (_store, writer):
        execution = new_execution(1)
        writer.submit(commits.accept(execution, INPUT))
        commit_now(writer)
        _, failed = lose(writer, execution)
        before = writer.submit(commits.cancel(execution.execution_id, 3, "{}"))
        writer.publish(failed)
        commit_now(writer)
        after = writer.submit(commits.cancel(execution.execution_id, 4, "{}"))
        commit_now(writer)
        assert isinstance(before._error, StoreFull)
        assert after._error is None
        assert writer._losses == []


def test_a_lost_note_takes_nothing_with_it(tmp_path):
    with open_writing(tmp_path, map_size_bytes=2**20) as (_store, writer):
        execution = new_execution(1, status=Status.QUEUED)
        writer.submit(commits.accept(execution, INPUT, claimed=True))
        commit_now(writer)
        writer.submit(commits.note(execution.execution_id, 1, 2, NOTE))
        writer.submit(ballast("large", 2**21))
        failed = writer.write(writer.take())
        cancelled = writer.submit(commits.cancel(execution.execution_id, 3, "{}"))
        commit_now(writer)
        writer.publish(failed)
        assert cancelled._error is None


def test_a_broken_store_settles_everything_and_takes_nothing_more(tmp_path):
    with open_writing(tmp_path) as (store, writer):
        one = writer.submit(RowsCommit((("no such table", b"k", b"v"),)))
        failed = writer.write(writer.take())
        queued = writer.submit(commits.accept(new_execution(1), INPUT))
        writer.publish(failed)
        commit_now(writer)
        heard = []
        later = writer.submit(commits.accept(new_execution(2), INPUT))
        later.then(heard.append)
        for ticket in (one, queued, later):
            assert ticket.settled
            assert isinstance(ticket._error, StoreFailed)
        assert heard == [writer.failed]
        assert writer.broken.is_set()
        assert stored_executions(store) == []


def test_a_batch_is_bounded_by_count_and_by_bytes(tmp_path):
    with open_writing(tmp_path) as (_, writer):
        for number in range(COMMIT_BATCH_COUNT_MAX + 1):
            writer.submit(commits.claim(f"{number:032x}", 1))
        assert len(writer.take()) == COMMIT_BATCH_COUNT_MAX
        assert len(writer.take()) == 1
        for name in ("one", "two", "three"):
            writer.submit(ballast(name, 9 * 2**20))
        assert len(writer.take()) == 2


async def test_a_ticket_may_be_awaited_by_many_and_again(tmp_path, autojump_clock):
    tail = RecordedTail()
    with open_writing(tmp_path, tail) as (_, writer):
        async with open_disk(writer, 0, 0.01, None):
            ticket = writer.submit(commits.accept(new_execution(1), INPUT))
            async with trio.open_nursery() as nursery:
                nursery.start_soon(ticket.wait)
                nursery.start_soon(ticket.wait)
            assert (await ticket.record()).status is Status.QUEUED


async def test_what_nobody_waits_for_goes_with_the_next_batch_or_the_flush(tmp_path):
    with open_writing(tmp_path) as (_, writer):
        later = writer.submit_later(commits.accept(new_execution(1), INPUT))
        assert writer.lingering.is_set()
        assert writer.queued == 1
        writer.flush()
        assert not writer.lingering.is_set()
        commit_now(writer)
        assert later.settled


async def test_leaving_the_real_writer_makes_the_rest_durable(tmp_path):
    with open_writing(tmp_path) as (store, _):
        async with open_writer(store, lambda changed: None) as writer:
            tickets = [
                writer.submit_later(commits.accept(new_execution(n), INPUT)) for n in range(700)
            ]
            await writer.submit(commits.accept(new_execution(999), INPUT)).wait()
        assert all(ticket.settled for ticket in tickets)
        assert len(stored_executions(store)) == 701


async def test_cancelling_a_wait_leaves_the_commit_going(tmp_path):
    with open_writing(tmp_path) as (store, _):
        async with open_writer(store, lambda changed: None) as writer:
            with trio.CancelScope() as scope:
                scope.cancel()
                await writer.submit(commits.accept(new_execution(1), INPUT)).wait()
        assert scope.cancelled_caught
        assert len(stored_executions(store)) == 1


def test_the_claim_says_which_attempt_it_began(tmp_path):
    with open_writing(tmp_path) as (store, writer):
        execution = new_execution(1)
        identity = execution.execution_id
        writer.submit(commits.accept(execution, INPUT, claimed=True))
        writer.submit(commits.requeue(identity, 1, 1, "lost"))
        writer.submit(commits.claim(identity, 1))
        commit_now(writer)
        kinds = [(entry.kind.wire, entry.attempt) for entry in Reader(store).journal(identity)]
        assert kinds == [
            ("execution_accepted", 0),
            ("execution_claimed", 1),
            ("execution_requeued", 1),
            ("execution_claimed", 2),
        ]
        assert BRANCHING.artifact.flow == execution.flow
