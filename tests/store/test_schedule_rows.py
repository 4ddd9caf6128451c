"""A schedule in the store: judged by what is stored, with the execution that it makes, or not."""

import attrs
import pytest
from worlds.flows import BRANCHING, TENANT
from worlds.invariants import broken_invariants, rows, stored_executions
from worlds.rows import commit_now, delete_row, new_execution, open_writing, put_rows
from worlds.schedules import SCHEDULE_ID, TICKING, fired, schedule

from axiomd.errors import NotFound, WrongState
from axiomd.execution.journal import Payload
from axiomd.execution.schedules import Timing
from axiomd.store import keys
from axiomd.store.acts import Act, ActKind
from axiomd.store.commit import ScheduleCommit, accept
from axiomd.store.schedule_records import decode_schedule, encode_schedule
from axiomd.store.timetable import Timetable

MINUTE = Timing(every_s=60)
FULL = attrs.evolve(
    schedule(
        Timing("30 2 * * *", 0, "Europe/Zurich", 5, 6),
        catch_up="all",
        overlap="skip",
        config_id="01JX5M4ZV8QK3T0B9N2R7C6D1F",
        priority=0,
    ),
    since_ns=2,
    next_ns=3,
    last_ns=4,
    last_execution_id="ab" * 16,
    skipped_ns=7,
    last_error="ü",
)


@pytest.fixture
def open_store(tmp_path):
    with open_writing(tmp_path) as (store, writer):
        yield store, writer


def submitted(writer, *commits):
    tickets = [writer.submit(commit) for commit in commits]
    commit_now(writer)
    return tickets


async def refused(ticket, error):
    with pytest.raises(error):
        await ticket.wait()


def firing(before, number=0):
    """The commit that does the next time of a schedule."""
    made = new_execution(
        number, schedule_id=before.schedule_id, scheduled_ns=before.next_ns, created_ns=9_000_000
    )
    after = attrs.evolve(before, next_ns=before.next_ns + 60, last_execution_id=made.execution_id)
    return ScheduleCommit(before, after, accept(made, Payload(4, b"tick")))


def broken(store, tmp_path):
    artifacts = {one.artifact.graph_id: one.artifact for one in (TICKING, BRANCHING)}
    return broken_invariants(store, tmp_path / "blobs", artifacts)


def test_a_record_is_read_as_it_was_written():
    key = keys.schedule_key(TENANT, SCHEDULE_ID)
    assert decode_schedule(key, encode_schedule(FULL)) == FULL


async def test_of_two_firings_of_one_time_the_second_is_refused_with_its_execution(open_store):
    store, writer = open_store
    one = schedule(MINUTE, next_ns=100)
    _made, first, second = submitted(
        writer, ScheduleCommit(None, one), firing(one, 1), firing(one, 2)
    )
    await first.wait()
    await refused(second, WrongState)
    assert fired(store) == {100: 1}
    after = Timetable(store).schedule(TENANT, SCHEDULE_ID)
    assert (after.next_ns, after.last_execution_id) == (160, first.commit.fires.execution_id)


@pytest.mark.parametrize(
    "change",
    [
        {"definition": attrs.evolve(schedule(MINUTE).definition, paused=True)},
        {"definition": attrs.evolve(schedule(MINUTE).definition, timing=Timing(every_s=61))},
        {"next_ns": 130},
    ],
    ids=["paused", "edited", "moved"],
)
async def test_a_firing_that_was_made_from_another_schedule_is_refused(open_store, change):
    store, writer = open_store
    one = schedule(MINUTE, next_ns=100)
    changed = attrs.evolve(one, **change)
    *_, late = submitted(
        writer, ScheduleCommit(None, one), ScheduleCommit(one, changed), firing(one)
    )
    await refused(late, WrongState)
    assert stored_executions(store) == []
    assert Timetable(store).schedule(TENANT, SCHEDULE_ID) == changed


async def test_what_was_deleted_fires_no_more_and_leaves_nothing(open_store, tmp_path):
    store, writer = open_store
    one = schedule(MINUTE, next_ns=100)
    *_, late, again = submitted(
        writer,
        ScheduleCommit(None, one),
        ScheduleCommit(one, None),
        firing(one),
        ScheduleCommit(one, None),
    )
    await refused(late, NotFound)
    await refused(again, NotFound)
    assert rows(store, keys.SCHEDULES) == rows(store, keys.SCHEDULES_DUE) == []
    assert stored_executions(store) == []
    assert broken(store, tmp_path) == []


async def test_a_change_behind_a_firing_is_refused(open_store):
    store, writer = open_store
    one = schedule(MINUTE, next_ns=100)
    edited = attrs.evolve(one, next_ns=500)
    *_, late = submitted(
        writer, ScheduleCommit(None, one), firing(one), ScheduleCommit(one, edited)
    )
    await refused(late, WrongState)
    assert Timetable(store).schedule(TENANT, SCHEDULE_ID).next_ns == 160


def test_the_index_row_follows_the_schedule(open_store):
    store, writer = open_store
    one = schedule(MINUTE, next_ns=100)
    paused = attrs.evolve(one, definition=attrs.evolve(one.definition, paused=True))
    over = attrs.evolve(one, next_ns=0)
    for commits, due in (
        ((ScheduleCommit(None, one),), [100]),
        ((ScheduleCommit(one, paused),), []),
        ((ScheduleCommit(paused, one), firing(one)), [160]),
    ):
        submitted(writer, *commits)
        assert [keys.due_schedule(key)[0] for key, _ in rows(store, keys.SCHEDULES_DUE)] == due
    stored = Timetable(store).schedule(TENANT, SCHEDULE_ID)
    submitted(writer, ScheduleCommit(stored, over))
    assert rows(store, keys.SCHEDULES_DUE) == []


async def test_what_is_logged_is_written_with_the_change_or_not_at_all(open_store):
    store, writer = open_store
    one = schedule(MINUTE, next_ns=100)
    act = Act(TENANT, 5, "somebody", ActKind.SCHEDULE_CREATED, SCHEDULE_ID)
    *_, late = submitted(
        writer, ScheduleCommit(None, one, acts=(act,)), ScheduleCommit(FULL, one, acts=(act,))
    )
    await refused(late, WrongState)
    assert len(rows(store, keys.ACTS)) == 1


def test_what_is_due_comes_in_its_order_some_at_a_time(open_store):
    store, writer = open_store
    some = [
        attrs.evolve(schedule(MINUTE), schedule_id=SCHEDULE_ID[:-1] + letter, next_ns=next_ns)
        for letter, next_ns in zip("ABCD", (40, 20, 30, 90), strict=True)
    ]
    submitted(writer, *(ScheduleCommit(None, one) for one in some))
    timetable = Timetable(store)
    due, next_ns = timetable.due(50, 10)
    assert ([one.next_ns for one in due], next_ns) == ([20, 30, 40], 90)
    due, next_ns = timetable.due(50, 2)
    assert ([one.next_ns for one in due], next_ns) == ([20, 30], 40)
    assert timetable.due(10, 2) == ([], 20)
    page = timetable.schedules(TENANT, 3)
    assert [one.schedule_id[-1] for one in page.rows] == ["D", "C", "B"]
    page = timetable.schedules(TENANT, 3, page.cursor)
    assert ([one.schedule_id[-1] for one in page.rows], page.cursor) == (["A"], None)
    assert (timetable.count(TENANT), timetable.count("tenan"), timetable.count("x")) == (4, 0, 0)
    with pytest.raises(NotFound):
        timetable.schedule("other", SCHEDULE_ID[:-1] + "A")


KEY = keys.schedule_key(TENANT, SCHEDULE_ID)
ONE = schedule(MINUTE, next_ns=100)
CASES = {
    "no index row": (
        lambda store: delete_row(store, keys.SCHEDULES_DUE, keys.due_schedule_key(100, KEY)),
        f"schedule {TENANT} {SCHEDULE_ID}: rule 7: index sd lacks its row",
    ),
    "an index row too many": (
        lambda store: put_rows(store, (keys.SCHEDULES_DUE, keys.due_schedule_key(99, KEY), b"")),
        "index sd: rule 7: it has a row too many",
    ),
    "an index row of nothing": (
        lambda store: put_rows(
            store,
            (keys.SCHEDULES_DUE, keys.due_schedule_key(9, keys.schedule_key("x", "y")), b""),
        ),
        "of schedule x/y",
    ),
    "no way to come": (
        lambda store: put_rows(store, (keys.SCHEDULES, KEY, change(timing=Timing()))),
        "it comes by '' and every 0 s",
    ),
    "a bad expression": (
        lambda store: put_rows(store, (keys.SCHEDULES, KEY, change(timing=Timing("61 * * * *")))),
        "cannot be read: bad minute",
    ),
    "an unknown zone": (
        lambda store: put_rows(
            store, (keys.SCHEDULES, KEY, change(timing=Timing("@daily", 0, "Mars/Phobos")))
        ),
        "unknown time zone",
    ),
    "no artifact": (
        lambda store: put_rows(store, (keys.SCHEDULES, KEY, change(graph_id="01J"))),
        "its artifact 01J is not there",
    ),
    "an unreadable record": (
        lambda store: put_rows(store, (keys.SCHEDULES, KEY, b"\7")),
        "it cannot be read",
    ),
}


def change(**changes):
    return encode_schedule(attrs.evolve(ONE, definition=attrs.evolve(ONE.definition, **changes)))


@pytest.mark.parametrize("case", CASES)
def test_what_is_broken_is_found_and_named(open_store, tmp_path, case):
    store, writer = open_store
    submitted(writer, ScheduleCommit(None, ONE))
    assert broken(store, tmp_path) == []
    spoil, words = CASES[case]
    spoil(store)
    assert any(words in found for found in broken(store, tmp_path)), broken(store, tmp_path)


def test_an_execution_of_another_one_is_not_its_last(open_store, tmp_path):
    store, writer = open_store
    made = new_execution(0)
    wrong = attrs.evolve(ONE, last_execution_id=made.execution_id)
    submitted(writer, ScheduleCommit(None, wrong, accept(made, Payload(4, b"tick"))))
    (found,) = broken(store, tmp_path)
    assert "which another one made" in found
