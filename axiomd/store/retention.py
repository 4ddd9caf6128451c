"""What may be forgotten next: reads that find the next slice for `ForgetCommit`.

Finds, and decides nothing: whether an execution may really go is judged by the writer, against
the stored record.
"""

from collections.abc import Iterator

import lmdb

from axiomd.clock import NS_PER_DAY
from axiomd.limits import FORGET_EXECUTIONS_MAX
from axiomd.store import keys
from axiomd.store.commit import ForgetCommit
from axiomd.store.env import Store, get
from axiomd.store.records import decode_tenant


def next_slice(store: Store, days: float, now_ns: int) -> ForgetCommit | None:
    """The next executions to forget, or None if none is due.

    days: how long ended executions are kept where a tenant has nothing else set; 0 for ever.
    """
    with store.read() as transaction:
        begun = _begun(store, transaction)
        if begun:
            return ForgetCommit(begun)
        for tenant in _tenants(store, transaction):
            before_ns = _before_ns(store, transaction, tenant, days, now_ns)
            due = _due(store, transaction, tenant, before_ns)
            if due:
                return ForgetCommit(due, tenant, before_ns)
    return None


def _begun(store: Store, transaction: "lmdb.Transaction") -> tuple[str, ...]:
    """Executions of which a history is left without a record."""
    walk = transaction.cursor(store.tables[keys.FORGOTTEN])
    rows = walk.iternext() if walk.first() else iter(())
    found = (bytes(key).hex() for key, value in rows if bytes(value) != keys.FORKING)
    return tuple(key for key, _ in zip(found, range(FORGET_EXECUTIONS_MAX), strict=False))


def _tenants(store: Store, transaction: "lmdb.Transaction") -> Iterator[str]:
    """Tenants that have executions which have ended, found by leaps over the rows of each."""
    walk = transaction.cursor(store.tables[keys.ENDED])
    more = walk.first()
    while more:
        name = bytes(walk.key()).split(b"\0")[0]
        yield name.decode()
        more = walk.set_range(name + b"\1")


def _before_ns(
    store: Store, transaction: "lmdb.Transaction", tenant: str, days: float, now_ns: int
) -> int:
    """What of a tenant ended before this is old enough; 0 if nothing ever is."""
    value = get(transaction, tenant.encode(), store.tables[keys.TENANTS])
    own = decode_tenant(value).retention_days if value is not None else None
    kept_days = days if own is None else own
    return max(0, now_ns - int(kept_days * NS_PER_DAY)) if kept_days else 0


def _due(
    store: Store, transaction: "lmdb.Transaction", tenant: str, before_ns: int
) -> tuple[str, ...]:
    prefix = keys.text_key(tenant)
    walk = transaction.cursor(store.tables[keys.ENDED])
    found: list[str] = []
    more = walk.set_range(prefix)
    while more and len(found) < FORGET_EXECUTIONS_MAX:
        key = bytes(walk.key())
        ended_ns, execution_id = keys.time_led_tail(key)
        if not key.startswith(prefix) or ended_ns >= before_ns:
            break
        found.append(execution_id)
        more = walk.next()
    return tuple(found)
