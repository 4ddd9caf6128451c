"""Schedules in the writer's transaction: made, changed, moved on, deleted.

Each change is judged against the stored schedule: it must be the very one that the change was made
from. So of two that race one is refused, and no time of a schedule is done with twice: whoever
makes an execution moves the schedule on in the same commit, or does neither.
"""

from collections.abc import Mapping

import lmdb

from axiomd.errors import NotFound, WrongState
from axiomd.execution.schedules import Schedule
from axiomd.store import keys
from axiomd.store.commit import ScheduleCommit
from axiomd.store.env import get
from axiomd.store.schedule_records import decode_schedule, due_row, encode_schedule


def change_schedule(
    tables: Mapping[str, "lmdb._Database"], transaction: "lmdb.Transaction", commit: ScheduleCommit
) -> None:
    """Put a schedule as it is from now on, and its index row.

    Raises NotFound, or WrongState if it is not as it was; then nothing is written.
    """
    some = commit.after or commit.before
    assert some is not None
    key = keys.schedule_key(some.tenant, some.schedule_id)
    value = get(transaction, key, tables[keys.SCHEDULES])
    stored = decode_schedule(key, value) if value is not None else None
    if commit.before is not None and stored is None:
        raise NotFound(f"There is no schedule {some.schedule_id}.")
    if stored != commit.before:
        raise WrongState(f"Schedule {some.schedule_id} has changed meanwhile.")
    _put(tables, transaction, key, commit)
    _put_index(tables, transaction, stored, commit.after)


def _put(
    tables: Mapping[str, "lmdb._Database"],
    transaction: "lmdb.Transaction",
    key: bytes,
    commit: ScheduleCommit,
) -> None:
    if commit.after is None:
        transaction.delete(key, db=tables[keys.SCHEDULES])
    else:
        transaction.put(key, encode_schedule(commit.after), db=tables[keys.SCHEDULES])


def _put_index(
    tables: Mapping[str, "lmdb._Database"],
    transaction: "lmdb.Transaction",
    before: Schedule | None,
    after: Schedule | None,
) -> None:
    old = due_row(before) if before is not None else None
    new = due_row(after) if after is not None else None
    if old == new:
        return
    if old is not None:
        deleted = transaction.delete(old, db=tables[keys.SCHEDULES_DUE])
        assert deleted, "index sd lacks the row of a schedule"
    if new is not None:
        transaction.put(new, b"", db=tables[keys.SCHEDULES_DUE])
