"""A store and a writer without an engine: for tests that look at one commit at a time."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from worlds.flows import BRANCHING, TENANT

from axiomd.execution.execution import Execution
from axiomd.execution.status import Status
from axiomd.settings import StoreSettings
from axiomd.store import keys
from axiomd.store.acts import Actor
from axiomd.store.commit import RowsCommit
from axiomd.store.env import Store, open_store
from axiomd.store.reader import Reader
from axiomd.store.records import DraftRecord, encode_draft
from axiomd.store.writer import Writer

BY = Actor("laptop/12345678", TENANT)
"""Who does what is logged."""


class StillDriver:
    """A Driver that leaves the queue to the test."""

    def wake(self) -> None:
        """The test takes the batch itself, with `commit_now`."""


class RecordedTail:
    """What was published, in order."""

    def __init__(self) -> None:
        self.published: list[Execution] = []

    def __call__(self, changed: Sequence[Execution]) -> None:
        self.published += changed


@contextmanager
def open_writing(
    directory: Path, on_durable: Any = None, *, map_size_bytes: int = 2**26
) -> Iterator[tuple[Store, Writer]]:
    """A store, and a writer that does nothing by itself."""
    settings = StoreSettings(map_size_bytes=map_size_bytes, sync=False)
    with open_store(settings, directory) as store:
        writer = Writer(store, on_durable or RecordedTail())
        writer.drive(StillDriver())
        yield store, writer


def commit_now(writer: Writer) -> None:
    """Everything that is queued, written and told of."""
    while batch := writer.take():
        writer.publish(writer.write(batch))


def waiting(reader: Reader) -> list[str]:
    """All that wait for a worker, queue by queue."""
    with reader.ready.look() as look:
        return [one for queue in look.queues() for _, one in look.queue(queue)]


def put_rows(store: Store, *rows: tuple[str, bytes, bytes]) -> None:
    """Rows by hand: (table, key, value)."""

    def put(transaction: Any) -> None:
        for table, key, value in rows:
            transaction.put(key, value, db=store.tables[table])

    store.transact(put)


def delete_row(store: Store, table: str, key: bytes) -> None:
    """Take a row away by hand; it must be there."""
    assert store.transact(lambda transaction: transaction.delete(key, db=store.tables[table]))


def ballast(name: str, size: int) -> RowsCommit:
    """A row that takes room."""
    draft = encode_draft(DraftRecord(name, "=" * size, 1))
    return RowsCommit(((keys.DRAFTS, keys.text_key(TENANT) + name.encode(), draft),))


def new_execution(number: int, **changes: Any) -> Execution:
    """A queued execution of the branching story; a later number is a later one."""
    created_ns = 1_000_000 * (number + 1)
    given: dict[str, Any] = {
        "execution_id": f"{created_ns // 1_000_000:012x}{number:020x}",
        "tenant": TENANT,
        "flow": BRANCHING.artifact.flow,
        "graph_id": BRANCHING.artifact.graph_id,
        "mode": "unary",
        "status": Status.QUEUED,
        "created_ns": created_ns,
        "updated_ns": created_ns,
        "node_timeout_s": 300.0,
    }
    return Execution(**(given | changes))
