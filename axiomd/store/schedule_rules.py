"""What `axiomd verify` holds schedules against."""

from collections.abc import Callable, Iterator, Mapping

import lmdb

from axiomd.execution.cron import cron_problem
from axiomd.execution.schedules import Schedule, Timing
from axiomd.flow.artifact import Artifact
from axiomd.store import keys
from axiomd.store.artifact_records import decode_artifact
from axiomd.store.delivery_rules import Faults, RowLook
from axiomd.store.env import get
from axiomd.store.records import decode_execution
from axiomd.store.schedule_records import decode_schedule, due_row
from axiomd.zones import NoSuchZone, find_zone


class ScheduleLooks:
    """Looks at the rows of schedules."""

    def __init__(
        self,
        tables: Mapping[str, "lmdb._Database"],
        find_artifact: Callable[[str], Artifact | None] | None = None,
    ) -> None:
        """find_artifact: for a store whose artifacts live elsewhere."""
        self._tables = tables
        self._find_artifact = find_artifact

    def of_tables(self) -> Iterator[tuple[str, RowLook]]:
        """Each table, and what is wrong with a row of it."""
        yield keys.SCHEDULES, self._schedule_faults
        yield keys.SCHEDULES_DUE, self._index_faults

    def _get(self, transaction: "lmdb.Transaction", table: str, key: bytes) -> bytes | None:
        return get(transaction, key, self._tables[table])

    def _schedule_faults(self, transaction: "lmdb.Transaction", key: bytes, value: bytes) -> Faults:
        """A schedule can come, has its index row, and runs an artifact of its tenant."""
        schedule = decode_schedule(key, value)
        row = due_row(schedule)
        if row is not None and self._get(transaction, keys.SCHEDULES_DUE, row) is None:
            yield f"rule 7: index {keys.SCHEDULES_DUE} lacks its row"
        yield from _timing_faults(schedule.definition.timing)
        artifact = self._artifact(transaction, schedule.definition.graph_id)
        if artifact is None or artifact.tenant != schedule.tenant:
            yield f"its artifact {schedule.definition.graph_id} is not there"
        yield from self._execution_faults(transaction, schedule)

    def _artifact(self, transaction: "lmdb.Transaction", graph_id: str) -> Artifact | None:
        if self._find_artifact is not None:
            return self._find_artifact(graph_id)
        value = self._get(transaction, keys.ARTIFACTS, graph_id.encode())
        return decode_artifact(value) if value is not None else None

    def _execution_faults(self, transaction: "lmdb.Transaction", schedule: Schedule) -> Faults:
        """The execution that it made last is one of its own, unless it is forgotten."""
        identity = schedule.last_execution_id
        if not identity:
            return
        value = self._get(transaction, keys.EXECUTIONS, keys.execution_key(identity))
        if value is not None:
            execution = decode_execution(identity, value)
            own = (execution.schedule_id, execution.tenant)
            if own != (schedule.schedule_id, schedule.tenant):
                yield f"it names execution {identity}, which another one made"

    def _index_faults(self, transaction: "lmdb.Transaction", row: bytes, _: bytes) -> Faults:
        """No index row is left of what a schedule no longer is (rule 7)."""
        key = keys.due_schedule(row)[1]
        value = self._get(transaction, keys.SCHEDULES, key)
        if value is None or due_row(decode_schedule(key, value)) != row:
            yield f"rule 7: it has a row too many, of schedule {'/'.join(keys.schedule_place(key))}"


def _timing_faults(timing: Timing) -> Faults:
    if bool(timing.cron) == bool(timing.every_s):
        yield f"it comes by {timing.cron!r} and every {timing.every_s} s, which is not one of them"
    if timing.cron and cron_problem(timing.cron) is not None:
        yield f"its cron expression {timing.cron!r} {cron_problem(timing.cron)}"
    try:
        find_zone(timing.time_zone)
    except NoSuchZone as failure:
        yield str(failure)
