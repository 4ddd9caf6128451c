"""How an execution that ended long ago is forgotten: a bounded number of rows in one commit.

The record goes first, with its index rows and its Idempotency-Key: from then on nobody can find
the execution. What is left of a long history is marked in the table `fo` in the same commit and
goes with the slices that follow, so that a box that dies between two of them finds the rest. Each
row of a history takes the execution's references to blobs with it.
"""

from collections.abc import Container, Mapping

import attrs
import lmdb

from axiomd.execution.execution import Execution, index_keys
from axiomd.limits import FORGET_ROWS_MAX
from axiomd.store import keys
from axiomd.store.commit import ForgetCommit
from axiomd.store.delivery_records import decode_delivery, index_rows
from axiomd.store.env import get
from axiomd.store.records import blob_in_entry, decode_execution, decode_frame, decode_idempotency


@attrs.frozen
class Forgotten:
    """What a slice of forgetting came to."""

    executions: int
    """Records that are gone."""
    rows: int
    """Rows that are gone."""
    released: tuple[bytes, ...]
    """Blobs that nothing names any more; their files can be collected once this is on disk."""


class Forgetting:
    """One ForgetCommit in the writer's transaction."""

    def __init__(
        self, tables: Mapping[str, "lmdb._Database"], transaction: "lmdb.Transaction"
    ) -> None:
        self._tables = tables
        self._transaction = transaction
        self._rows = 0
        self._released: list[bytes] = []

    def apply(self, commit: ForgetCommit, busy: Container[str]) -> Forgotten:
        """Judge by the stored records and delete.

        busy: executions that the same batch has changed: none of them ended long ago.
        """
        executions = 0
        for execution_id in commit.executions:
            if self._rows >= FORGET_ROWS_MAX:
                break
            key = keys.execution_key(execution_id)
            if self._get(keys.FORGOTTEN, key) is None:
                execution = self._due(commit, execution_id, busy)
                if execution is None:
                    continue
                if self._rows and self._rows + execution.entries > FORGET_ROWS_MAX:
                    # Whole in the next slice, rather than in two.
                    break
                self._delete_record(execution)
                executions += 1
            self._delete_history(key)
        return Forgotten(executions, self._rows, tuple(self._released))

    def _due(
        self, commit: ForgetCommit, execution_id: str, busy: Container[str]
    ) -> Execution | None:
        """The stored record, if the execution may be forgotten."""
        value = self._get(keys.EXECUTIONS, keys.execution_key(execution_id))
        if value is None or execution_id in busy:
            return None
        execution = decode_execution(execution_id, value)
        old = execution.status.ended and execution.completed_ns < commit.ended_before_ns
        return execution if old and execution.tenant == commit.tenant else None

    def _delete_record(self, execution: Execution) -> None:
        identity = keys.execution_key(execution.execution_id)
        self._delete(keys.EXECUTIONS, identity)
        for name, parts in index_keys(execution):
            self._delete(keys.INDEX_TABLES[name], keys.index_key(name, parts))
        if execution.idempotency:
            key = keys.hashed_key(execution.tenant, execution.idempotency)
            found = self._get(keys.IDEMPOTENCY, key)
            if (
                found is not None
                and decode_idempotency(found).execution_id == execution.execution_id
            ):
                self._delete(keys.IDEMPOTENCY, key)

    def _delete_history(self, execution: bytes) -> None:
        """What the slice has room for, and the mark that tells of the rest."""
        if all(self._delete_rows(table, execution) for table in _HISTORY):
            self._transaction.delete(execution, db=self._tables[keys.FORGOTTEN])
        else:
            self._transaction.put(execution, b"", db=self._tables[keys.FORGOTTEN])

    def _delete_rows(self, table: str, execution: bytes) -> bool:
        """Whether all rows of the execution are gone from the table."""
        walk = self._transaction.cursor(self._tables[table])
        at_row = walk.set_range(execution)
        while at_row and bytes(walk.key()).startswith(execution):
            if self._rows >= FORGET_ROWS_MAX:
                return False
            blob = _blob_in(table, bytes(walk.value()))
            if blob:
                self._release(blob, execution)
            if table == keys.DELIVERIES:
                self._delete_delivery_rows(bytes(walk.key()), bytes(walk.value()))
            walk.delete()
            self._rows += 1
            at_row = bool(walk.key())
        return True

    def _delete_delivery_rows(self, key: bytes, value: bytes) -> None:
        for table, row in index_rows(decode_delivery(key, value)):
            self._delete(table, row)

    def _release(self, blob: bytes, execution: bytes) -> None:
        """Take away the reference; several rows of a history share one."""
        reference = keys.named_by_execution(blob, execution)
        table = self._tables[keys.BLOB_REFERENCES]
        if not self._transaction.delete(reference, db=table):
            return
        self._rows += 1
        others = self._transaction.cursor(table)
        if not others.set_range(blob) or not bytes(others.key()).startswith(blob):
            self._released.append(blob)

    def _get(self, table: str, key: bytes) -> bytes | None:
        return get(self._transaction, key, self._tables[table])

    def _delete(self, table: str, key: bytes) -> None:
        deleted = self._transaction.delete(key, db=self._tables[table])
        assert deleted, f"table {table} lacks a row of what is being forgotten"
        self._rows += 1


_HISTORY = (keys.JOURNAL, keys.FRAMES, keys.ARRIVALS, keys.DELIVERIES)
"""The tables that hold what happened to an execution."""


def _blob_in(table: str, value: bytes) -> bytes:
    if table == keys.JOURNAL:
        return blob_in_entry(value)
    return decode_frame(value).blob if table == keys.FRAMES else b""
