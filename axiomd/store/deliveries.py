"""Deliveries in the writer's transaction: begun with what they tell of, changed, forgotten.

A delivery is written in the commit of the end, or of the pause, that it tells of: so neither is
ever on disk without the other.
"""

from collections.abc import Mapping, Sequence

import attrs
import lmdb

from axiomd.errors import NotFound, WrongState
from axiomd.execution.deliveries import (
    ENDED,
    Delivery,
    DeliveryStatus,
    Subscription,
    beginning,
    scheduled_entry,
)
from axiomd.execution.execution import Execution
from axiomd.execution.journal import Entry
from axiomd.store import keys
from axiomd.store.commit import DeliveryCommit, ExecutionCommit, PurgeCommit
from axiomd.store.delivery_records import (
    decode_delivery,
    decode_subscription,
    encode_delivery,
    encode_subscription,
    index_rows,
)
from axiomd.store.env import get
from axiomd.store.walking import forwards


class Deliveries:
    """What one batch does with deliveries."""

    def __init__(
        self, tables: Mapping[str, "lmdb._Database"], transaction: "lmdb.Transaction"
    ) -> None:
        self._tables = tables
        self._transaction = transaction

    def announce(
        self, commit: ExecutionCommit, before: Execution | None, after: Execution
    ) -> tuple[Entry, ...]:
        """Begin what tells of an admitted commit; what the history says of that."""
        if not (after.status.ended or commit.opened or commit.doubted):
            return ()
        wanted = self._subscriptions(after.tenant)
        begun = tuple(beginning(before, after, commit.entries, wanted))
        for delivery in begun:
            self._put(None, delivery)
        return tuple(map(scheduled_entry, begun))

    def change(self, commit: DeliveryCommit) -> None:
        """Put a delivery as it is now. Raises NotFound, or WrongState if it is not as it was."""
        stored = self._find(commit.before.execution_id, commit.before.key)
        if stored is None:
            raise NotFound(f"There is no delivery {commit.before.message_id}.")
        if stored != commit.before:
            raise WrongState(f"Delivery {stored.message_id} has changed meanwhile.")
        self._put(stored, commit.after)
        if commit.stops:
            self._stop(commit)

    def purge(self, commit: PurgeCommit) -> None:
        """Delete those that are over, old, and of executions that may go on for long."""
        for execution_id, key in commit.deliveries:
            stored = self._find(execution_id, key)
            if stored is None or not may_be_purged(stored, commit.created_before_ns):
                continue
            row = keys.delivery_key(execution_id, key)
            self._transaction.delete(row, db=self._tables[keys.DELIVERIES])
            for table, index_row in index_rows(stored):
                self._transaction.delete(index_row, db=self._tables[table])

    def _subscriptions(self, tenant: str) -> Sequence[Subscription]:
        prefix = keys.text_key(tenant)
        walk = self._transaction.cursor(self._tables[keys.SUBSCRIPTIONS])
        return [decode_subscription(*row) for row in forwards(walk, prefix, prefix, 2**31)]

    def _find(self, execution_id: str, key: str) -> Delivery | None:
        row = keys.delivery_key(execution_id, key)
        value = get(self._transaction, row, self._tables[keys.DELIVERIES])
        return decode_delivery(row, value) if value is not None else None

    def _put(self, before: Delivery | None, after: Delivery) -> None:
        row = keys.delivery_key(after.execution_id, after.key)
        self._transaction.put(row, encode_delivery(after), db=self._tables[keys.DELIVERIES])
        old = index_rows(before) if before is not None else frozenset()
        new = index_rows(after)
        for table, key in old - new:
            deleted = self._transaction.delete(key, db=self._tables[table])
            assert deleted, f"index {table} lacks a row of {after.message_id}"
        for table, key in new - old:
            self._transaction.put(key, b"", db=self._tables[table])

    def _stop(self, commit: DeliveryCommit) -> None:
        """Tell a subscription nothing more; it may have been removed meanwhile."""
        row = keys.subscription_key(commit.after.tenant, commit.after.subscription_id)
        table = self._tables[keys.SUBSCRIPTIONS]
        value = get(self._transaction, row, table)
        if value is not None:
            stopped = attrs.evolve(decode_subscription(row, value), stopped_ns=commit.entry.at_ns)
            self._transaction.put(row, encode_subscription(stopped), db=table)


def may_be_purged(delivery: Delivery, created_before_ns: int) -> bool:
    """Whether a delivery may go before its execution does."""
    over = delivery.status is not DeliveryStatus.PENDING
    return over and delivery.kind != ENDED and delivery.created_ns < created_before_ns
