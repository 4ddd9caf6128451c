"""Steps from one format of the store to the next, for a store that an older axiomd wrote.

A step may be killed anywhere and is then run again from its start: it works in bounded
transactions that change nothing when they are repeated, and the last one of them writes the new
format's number. Only the server upgrades, which has the data directory to itself.
"""

from collections.abc import Callable, Mapping
from functools import partial

import attrs
import lmdb

from axiomd.execution.execution import index_keys, ready_parts
from axiomd.limits import UPGRADE_ROWS_MAX
from axiomd.store import keys
from axiomd.store.env import FORMAT_KEY, Store, get
from axiomd.store.records import (
    blob_in_entry,
    decode_execution,
    decode_frame,
    decode_idempotency,
    decode_package,
    encode_execution,
)

Row = tuple[str, bytes, bytes | None]
"""A row to put: table, key, value; None takes it away."""
RowsFrom = Callable[[Store, "lmdb.Transaction", bytes, bytes], list[Row]]
"""What follows from one row that is there, given its key and value."""


def upgrade(store: Store, found: int, wanted: int) -> None:
    """Bring a store of format `found` to format `wanted`, one step after the other."""
    for number in range(found, wanted):
        for table, rows_from in STEPS[number]:
            _walk(store, table, rows_from)
        store.transact(partial(_put_format, store, number + 1))


def _put_format(store: Store, number: int, transaction: "lmdb.Transaction") -> None:
    transaction.put(FORMAT_KEY, str(number).encode(), db=store.tables[keys.META])


def _walk(store: Store, table: str, rows_from: RowsFrom) -> None:
    first: bytes | None = b""
    while first is not None:
        first = store.transact(partial(_slice, store, table, rows_from, first))


def _slice(
    store: Store, table: str, rows_from: RowsFrom, start: bytes, transaction: "lmdb.Transaction"
) -> bytes | None:
    """Put what follows from some rows; where the next slice begins, or None after the last."""
    walk = transaction.cursor(store.tables[table])
    more = walk.set_range(start) if start else walk.first()
    some: list[tuple[bytes, bytes]] = []
    while more and len(some) < UPGRADE_ROWS_MAX:
        some.append((bytes(walk.key()), bytes(walk.value())))
        more = walk.next()
    # Read before anything is put: a row of the table itself may be among what is put.
    following = bytes(walk.key()) if more else None
    for key, value in some:
        for name, row_key, row_value in rows_from(store, transaction, key, value):
            if row_value is None:
                transaction.delete(row_key, db=store.tables[name])
            else:
                transaction.put(row_key, row_value, db=store.tables[name])
    return following


def _ended_rows(_: Store, __: "lmdb.Transaction", key: bytes, value: bytes) -> list[Row]:
    """Executions that have ended are found by the time of their end."""
    rows = index_keys(decode_execution(key.hex(), value))
    return [(keys.ENDED, keys.index_key(*row), b"") for row in rows if row[0] == "ended"]


def _reference_of_entry(_: Store, __: "lmdb.Transaction", key: bytes, value: bytes) -> list[Row]:
    """A history's blobs are counted as named."""
    return _reference(blob_in_entry(value), key)


def _reference_of_frame(_: Store, __: "lmdb.Transaction", key: bytes, value: bytes) -> list[Row]:
    """A frame's blob is counted as named."""
    return _reference(decode_frame(value).blob, key)


def _reference(blob: bytes, key: bytes) -> list[Row]:
    if not blob:
        return []
    named = keys.named_by_execution(blob, key[: keys.EXECUTION_BYTES])
    return [(keys.BLOB_REFERENCES, named, b"")]


def _reference_of_package(_: Store, __: "lmdb.Transaction", key: bytes, value: bytes) -> list[Row]:
    """A package's files are counted as named."""
    named = keys.named_by_package(decode_package(value).bundle, key)
    return [(keys.BLOB_REFERENCES, named, b"")]


def _record_of_key(
    store: Store, transaction: "lmdb.Transaction", key: bytes, value: bytes
) -> list[Row]:
    """An execution knows the Idempotency-Key that made it."""
    execution_id = decode_idempotency(value).execution_id
    identity = keys.execution_key(execution_id)
    record = get(transaction, identity, store.tables[keys.EXECUTIONS])
    if record is None:
        return []
    changed = attrs.evolve(decode_execution(execution_id, record), idempotency=key[-_HASH_BYTES:])
    return [(keys.EXECUTIONS, identity, encode_execution(changed))]


def _moved_to_its_queue(
    store: Store, transaction: "lmdb.Transaction", key: bytes, _: bytes
) -> list[Row]:
    """What waits for a worker waits in a queue of its tenant and flow."""
    execution_id = keys.time_led_tail(key)[1]
    record = get(transaction, keys.execution_key(execution_id), store.tables[keys.EXECUTIONS])
    assert record is not None, f"{execution_id} is ready, and gone"
    waiting = keys.index_key("ready", ready_parts(decode_execution(execution_id, record)))
    # In the transaction that takes the old row away: it is never in neither.
    return [(keys.READY, waiting, b""), (keys.RETIRED_READY, key, None)]


_HASH_BYTES = 32

STEPS: Mapping[int, tuple[tuple[str, RowsFrom], ...]] = {
    1: (
        (keys.EXECUTIONS, _ended_rows),
        (keys.JOURNAL, _reference_of_entry),
        (keys.FRAMES, _reference_of_frame),
        (keys.PACKAGE_CONTENTS, _reference_of_package),
        (keys.IDEMPOTENCY, _record_of_key),
    ),
    # The table of open pauses is made when the store is opened, and is empty.
    2: (),
    # So are those of sessions, sign-in links and webhooks.
    3: (),
    # Rows of what is ready move; the other tables that are new are empty.
    4: ((keys.RETIRED_READY, _moved_to_its_queue),),
}
"""From each format to the next: tables to walk, and what to put for each row of them."""
