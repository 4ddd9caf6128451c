"""Schedules as everybody but the writer sees them.

Like the `Reader`, every function opens and closes its own read transaction and never awaits; the
tenant check lives here.
"""

from axiomd.errors import NotFound
from axiomd.execution.schedules import Schedule
from axiomd.ids import SCHEDULE_ID
from axiomd.store import keys
from axiomd.store.cursors import read_row_cursor, write_row_cursor
from axiomd.store.env import Store, get
from axiomd.store.reader import Rows
from axiomd.store.schedule_records import decode_schedule
from axiomd.store.walking import backwards, forwards


class Timetable:
    """What fires when."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._tables = store.tables

    def schedule(self, tenant: str, schedule_id: str) -> Schedule:
        """One schedule; NotFound also if it is another tenant's."""
        if not SCHEDULE_ID.fullmatch(schedule_id):
            raise NotFound("There is no such schedule.")
        key = keys.schedule_key(tenant, schedule_id)
        with self._store.read() as transaction:
            value = get(transaction, key, self._tables[keys.SCHEDULES])
        if value is None:
            raise NotFound(f"There is no schedule {schedule_id}.")
        return decode_schedule(key, value)

    def schedules(self, tenant: str, limit: int, cursor: str | None = None) -> Rows[Schedule]:
        """A page of a tenant's schedules, newest first. Raises Malformed."""
        prefix = keys.text_key(tenant)
        before = prefix + (read_row_cursor(cursor) if cursor is not None else b"\xff")
        with self._store.read() as transaction:
            walk = transaction.cursor(self._tables[keys.SCHEDULES])
            rows = list(backwards(walk, prefix, before[: keys.KEY_BYTES_MAX], limit + 1))
        page = [decode_schedule(*row) for row in rows[:limit]]
        more = len(rows) > limit
        return Rows(page, write_row_cursor(page[-1].schedule_id.encode()) if more else None)

    def count(self, tenant: str) -> int:
        """How many schedules a tenant has."""
        prefix = keys.text_key(tenant)
        with self._store.read() as transaction:
            walk = transaction.cursor(self._tables[keys.SCHEDULES])
            return sum(1 for _ in forwards(walk, prefix, prefix, 2**31))

    def due(self, until_ns: int, limit: int) -> tuple[list[Schedule], int | None]:
        """Schedules of which a time has come by `until_ns`, the most overdue first, and the time
        of the first one that is left, if any."""
        found: list[Schedule] = []
        with self._store.read() as transaction:
            walk = transaction.cursor(self._tables[keys.SCHEDULES_DUE])
            for row, _ in forwards(walk, b"", b"", 2**31):
                due_ns, key = keys.due_schedule(row)
                if due_ns > until_ns or len(found) == limit:
                    return found, due_ns
                value = get(transaction, key, self._tables[keys.SCHEDULES])
                assert value is not None, "an index names a schedule that is gone"
                found.append(decode_schedule(key, value))
        return found, None
