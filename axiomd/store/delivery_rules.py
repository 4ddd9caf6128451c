"""What `axiomd verify` holds deliveries, subscriptions and signing secrets against."""

from collections.abc import Callable, Iterable, Iterator, Mapping

import lmdb

from axiomd.execution.deliveries import EVENTS, Delivery, DeliveryStatus, result_key
from axiomd.execution.execution import Execution
from axiomd.limits import WEBHOOK_ATTEMPTS_MAX
from axiomd.store import keys
from axiomd.store.delivery_records import (
    decode_delivery,
    decode_secrets,
    decode_subscription,
    index_rows,
)
from axiomd.store.env import get
from axiomd.store.records import decode_execution

Faults = Iterable[str]
"""What is wrong, in sentences that name the rule of the house where it has a number."""
RowLook = Callable[["lmdb.Transaction", bytes, bytes], Faults]
"""What is wrong with a row, given its key and its value."""


class DeliveryLooks:
    """Looks at the rows of webhooks."""

    def __init__(self, tables: Mapping[str, "lmdb._Database"]) -> None:
        self._tables = tables

    def of_tables(self) -> Iterator[tuple[str, RowLook]]:
        """Each table, and what is wrong with a row of it."""
        yield keys.DELIVERIES, self._delivery_faults
        yield keys.DELIVERIES_DUE, self._index_faults(keys.DELIVERIES_DUE)
        yield keys.DELIVERIES_BY_TIME, self._index_faults(keys.DELIVERIES_BY_TIME)
        yield keys.SUBSCRIPTIONS, self._subscription_faults
        yield keys.SIGNING_SECRETS, self._secret_faults

    def end_faults(self, transaction: "lmdb.Transaction", execution: Execution) -> Faults:
        """Whoever wanted to know the end of an execution is told of it."""
        if execution.webhook is None:
            return
        row = keys.delivery_key(execution.execution_id, result_key())
        there = self._get(transaction, keys.DELIVERIES, row) is not None
        if there and not execution.status.ended:
            yield "its webhook is told of its end, and it goes on"
        if execution.status.ended and not there:
            yield "it has ended, and its webhook is not told"

    def _get(self, transaction: "lmdb.Transaction", table: str, key: bytes) -> bytes | None:
        return get(transaction, key, self._tables[table])

    def _delivery_faults(self, transaction: "lmdb.Transaction", key: bytes, value: bytes) -> Faults:
        """A delivery is its execution's tenant's, has its index rows, and is due or over."""
        delivery = decode_delivery(key, value)
        for table, row in index_rows(delivery):
            if self._get(transaction, table, row) is None:
                yield f"rule 7: index {table} lacks the row of {delivery.message_id}"
        if (delivery.status is DeliveryStatus.PENDING) != bool(delivery.due_ns):
            yield f"{delivery.message_id} is {delivery.status} and due at {delivery.due_ns}"
        if len(delivery.attempts) > WEBHOOK_ATTEMPTS_MAX:
            yield f"{delivery.message_id} keeps {len(delivery.attempts)} attempts"
        identity = keys.execution_key(delivery.execution_id)
        stored = self._get(transaction, keys.EXECUTIONS, identity)
        if stored is not None:
            yield from _owner_faults(delivery, decode_execution(delivery.execution_id, stored))

    def _index_faults(self, table: str) -> RowLook:
        """No index row is left of what a delivery no longer is (rule 7)."""

        def look(transaction: "lmdb.Transaction", key: bytes, _: bytes) -> Faults:
            place = keys.delivery_place(key)
            own = keys.delivery_key(*place)
            value = self._get(transaction, keys.DELIVERIES, own)
            rows = index_rows(decode_delivery(own, value)) if value is not None else ()
            if (table, key) not in rows:
                yield f"rule 7: it has a row too many, of delivery {'/'.join(place)}"

        return look

    def _subscription_faults(self, _: "lmdb.Transaction", key: bytes, value: bytes) -> Faults:
        """A subscription is to events that there are."""
        events = decode_subscription(key, value).events
        if not events or not set(events).issubset(EVENTS):
            yield f"it wants to be told of {', '.join(events) or 'nothing'}"

    def _secret_faults(self, _: "lmdb.Transaction", __: bytes, value: bytes) -> Faults:
        """A signing secret can be read."""
        if not decode_secrets(value).current:
            yield "it is empty"


def _owner_faults(delivery: Delivery, execution: Execution) -> Faults:
    if delivery.tenant != execution.tenant:
        yield f"{delivery.message_id} is of tenant {delivery.tenant}"
    if delivery.seq >= execution.entries:
        yield f"{delivery.message_id} tells of entry {delivery.seq}, which is not there"
