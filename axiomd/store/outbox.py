"""Deliveries and subscriptions as everybody but the writer sees them.

Like the `Reader`, every function opens and closes its own read transaction and never awaits; the
tenant check lives here.
"""

from collections.abc import Callable, Container, Iterator

import attrs
import lmdb

from axiomd.errors import Malformed, NotFound
from axiomd.execution.deliveries import (
    Delivery,
    DeliveryStatus,
    Subscription,
    parse_message_id,
)
from axiomd.execution.signatures import SigningSecrets
from axiomd.limits import SCAN_ROWS_MAX
from axiomd.store import keys
from axiomd.store.cursors import NO_CURSOR, read_page, read_row_cursor, write_row_cursor
from axiomd.store.deliveries import may_be_purged
from axiomd.store.delivery_records import decode_delivery, decode_secrets, decode_subscription
from axiomd.store.env import Store, get
from axiomd.store.reader import Rows
from axiomd.store.walking import backwards, forwards

_OLD_ROWS = 500
"""Rows looked at for what may go."""

Place = tuple[str, str]
"""Execution and key of a delivery."""


@attrs.frozen
class Due:
    """Deliveries whose time has come."""

    places: tuple[tuple[bytes, Place], ...]
    """Each with its lane."""
    next_ns: int | None
    """The time of the first one that is left, if one is that nothing else holds up."""


class Outbox:
    """What is to be told, and to whom."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._tables = store.tables

    def find(self, place: Place) -> Delivery | None:
        """A delivery of any tenant: for who delivers, never for the edge."""
        key = keys.delivery_key(*place)
        with self._store.read() as transaction:
            value = get(transaction, key, self._tables[keys.DELIVERIES])
        return decode_delivery(key, value) if value is not None else None

    def delivery(self, tenant: str, message_id: str) -> Delivery:
        """A tenant's delivery, by its `webhook-id`. Raises NotFound."""
        place = parse_message_id(message_id)
        found = self.find(place) if place is not None else None
        if found is None or found.tenant != tenant:
            raise NotFound("There is no such delivery.")
        return found

    def of_execution(self, execution_id: str, limit: int, cursor: str | None) -> Rows[Delivery]:
        """A page of an execution's deliveries, in the order of its history. Raises Malformed."""
        prefix = keys.execution_key(execution_id)
        page, more = read_page(self._store, keys.DELIVERIES, prefix, limit, cursor)
        return Rows([decode_delivery(key, value) for key, value in page], more)

    def deliveries(
        self, tenant: str, status: DeliveryStatus | None, limit: int, cursor: str | None
    ) -> Rows[Delivery]:
        """A page of a tenant's deliveries, newest first. Raises Malformed.

        A page may hold fewer than `limit` and still have a cursor: the scan is bounded.
        """
        prefix = keys.text_key(tenant)
        last = prefix + (_read_place(cursor) if cursor is not None else b"\xff" * 8)
        found: list[Delivery] = []
        seen = 0
        with self._store.read() as transaction:
            walk = transaction.cursor(self._tables[keys.DELIVERIES_BY_TIME])
            table = self._tables[keys.DELIVERIES]
            for row, _ in backwards(walk, prefix, last, SCAN_ROWS_MAX):
                if len(found) == limit:
                    return Rows(found, write_row_cursor(last[len(prefix) :]))
                seen, last = seen + 1, row
                key = keys.delivery_key(*keys.delivery_place(row))
                value = get(transaction, key, table)
                assert value is not None, "a list names a delivery that is gone"
                delivery = decode_delivery(key, value)
                if status is None or delivery.status is status:
                    found.append(delivery)
        more = seen == SCAN_ROWS_MAX
        return Rows(found, write_row_cursor(last[len(prefix) :]) if more else None)

    def due(
        self,
        now_ns: int,
        busy: Container[Place],
        room: Callable[[bytes], int],
        start: bytes,
        limit: int,
    ) -> Due:
        """What is to be delivered by now, some of each receiver, beginning behind lane `start`.

        busy: what is being delivered. room: how much more of a lane may be.
        """
        found: list[tuple[bytes, Place]] = []
        next_ns: int | None = None
        with self._store.read() as transaction:
            walk = transaction.cursor(self._tables[keys.DELIVERIES_DUE])
            for lane in _lanes(walk, start):
                left = room(lane)
                for key, _ in forwards(walk, lane, lane, 2**31):
                    _, due_ns = keys.due_of_delivery(key)
                    if due_ns > now_ns:
                        next_ns = due_ns if next_ns is None else min(next_ns, due_ns)
                        break
                    place = keys.delivery_place(key)
                    if place in busy:
                        continue
                    if left <= 0:
                        break
                    found.append((lane, place))
                    left -= 1
                if len(found) >= limit:
                    break
        return Due(tuple(found[:limit]), next_ns)

    def old(self, created_before_ns: int, start: bytes, limit: int) -> tuple[list[Place], bytes]:
        """Deliveries that may go before their executions do, of some rows from `start` on.

        And where the next rows begin; nowhere, after the last one.
        """
        found: list[Place] = []
        with self._store.read() as transaction:
            walk = transaction.cursor(self._tables[keys.DELIVERIES_BY_TIME])
            table = self._tables[keys.DELIVERIES]
            more = walk.set_range(start) if start else walk.first()
            for _ in range(_OLD_ROWS):
                if not more or len(found) == limit:
                    break
                row = bytes(walk.key())
                if keys.created_of_delivery(row) >= created_before_ns:
                    # So is what follows of that tenant.
                    more = walk.set_range(row.split(b"\0")[0] + b"\1")
                    continue
                key = keys.delivery_key(*keys.delivery_place(row))
                value = get(transaction, key, table)
                assert value is not None, "a list names a delivery that is gone"
                if may_be_purged(decode_delivery(key, value), created_before_ns):
                    found.append(keys.delivery_place(row))
                more = walk.next()
            return found, bytes(walk.key()) if more else b""

    def subscriptions(self, tenant: str) -> list[Subscription]:
        """A tenant's subscriptions, oldest first."""
        prefix = keys.text_key(tenant)
        with self._store.read() as transaction:
            walk = transaction.cursor(self._tables[keys.SUBSCRIPTIONS])
            return [decode_subscription(*row) for row in forwards(walk, prefix, prefix, 2**31)]

    def subscribers(self) -> frozenset[str]:
        """Tenants that have any."""
        with self._store.read() as transaction:
            walk = transaction.cursor(self._tables[keys.SUBSCRIPTIONS])
            return frozenset(prefix[:-1].decode() for prefix in _tenants(walk))

    def subscription(self, tenant: str, subscription_id: str) -> Subscription | None:
        """One of them; None if there is none."""
        key = keys.subscription_key(tenant, subscription_id)
        if len(key) > keys.KEY_BYTES_MAX:
            return None
        with self._store.read() as transaction:
            value = get(transaction, key, self._tables[keys.SUBSCRIPTIONS])
        return decode_subscription(key, value) if value is not None else None

    def secrets(self, tenant: str) -> SigningSecrets | None:
        """What a tenant's messages are signed with; None before the first use."""
        with self._store.read() as transaction:
            value = get(transaction, tenant.encode(), self._tables[keys.SIGNING_SECRETS])
        return decode_secrets(value) if value is not None else None


def _lanes(walk: "lmdb.Cursor", start: bytes) -> Iterator[bytes]:
    """Every lane that has a row, once, those behind `start` first.

    The walk may be moved between two of them.
    """
    behind = _behind(start)
    if behind:
        yield from _lanes_between(walk, behind, None)
    yield from _lanes_between(walk, b"", start if behind else None)


def _lanes_between(walk: "lmdb.Cursor", first: bytes, last: bytes | None) -> Iterator[bytes]:
    more = walk.set_range(first) if first else walk.first()
    while more:
        lane = bytes(walk.key())[: keys.LANE_BYTES]
        if last is not None and lane > last:
            return
        yield lane
        behind = _behind(lane)
        more = bool(behind) and walk.set_range(behind)


def _behind(lane: bytes) -> bytes:
    """The first lane behind this one; empty if there is none."""
    number = int.from_bytes(lane, "big") + 1
    if not lane or number >= 1 << 8 * keys.LANE_BYTES:
        return b""
    return number.to_bytes(keys.LANE_BYTES, "big")


def _tenants(walk: "lmdb.Cursor") -> Iterator[bytes]:
    """The prefix of each tenant that has a row, found by leaps."""
    more = walk.first()
    while more:
        name = bytes(walk.key()).split(b"\0")[0]
        yield name + b"\0"
        more = walk.set_range(name + b"\1")


def _read_place(cursor: str) -> bytes:
    raw = read_row_cursor(cursor)
    if len(raw) != keys.TIMED_DELIVERY_BYTES:
        raise Malformed(NO_CURSOR)
    return raw
