"""How large the store is, and how much waits in it: looked up, never counted along.

All but `count_living` are numbers that LMDB keeps itself, so asking costs the same in any store.
"""

import attrs
import lmdb

from axiomd.execution.status import Status
from axiomd.store import keys
from axiomd.store.env import Store

_ENDED = frozenset(status.value.encode() for status in Status if status.ended)


@attrs.frozen
class Sizes:
    """Some sizes of a store at one instant."""

    used_bytes: int
    """Of its file, as far as it was ever written."""
    map_bytes: int
    """What it is mapped as, and may grow to before the map does."""
    executions: int
    """Records, ended or not."""
    ready: int
    """Executions that wait for a worker."""
    deliveries_due: int
    """Deliveries of webhooks that have to be made, now or later."""


def sizes_of(store: Store) -> Sizes:
    """The sizes."""
    with store.read() as transaction:
        # Within the snapshot: the map does not move meanwhile.
        info = store.environment.info()
        page_bytes = store.environment.stat()["psize"]

        def rows(table: str) -> int:
            count: int = transaction.stat(store.tables[table])["entries"]
            return count

        return Sizes(
            used_bytes=(info["last_pgno"] + 1) * page_bytes,
            map_bytes=info["map_size"],
            executions=rows(keys.EXECUTIONS),
            ready=rows(keys.READY),
            deliveries_due=rows(keys.DELIVERIES_DUE),
        )


def count_living(store: Store) -> dict[str, int]:
    """How many executions that have not ended have each status. Looks at a row for each."""
    found = {status.value: 0 for status in Status if not status.ended}
    with store.read() as transaction:
        walk = transaction.cursor(store.tables[keys.BY_STATUS])
        more = walk.first()
        while more:
            more = _count(walk, found)
    return found


def _count(walk: "lmdb.Cursor", found: dict[str, int]) -> bool:
    """Count the row that the walk stands on, and go to the next one that counts, if any."""
    tenant, status, _ = bytes(walk.key()).split(b"\0", 2)
    if status not in _ENDED:
        found[status.decode()] += 1
        return bool(walk.next())
    return bool(walk.set_range(tenant + b"\0" + status + b"\1"))
