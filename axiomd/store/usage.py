"""What a tenant has in the store, counted from its indexes, some rows at a time."""

from collections import Counter
from collections.abc import Iterator

import attrs

from axiomd.clock import NS_PER_DAY
from axiomd.execution.status import Status
from axiomd.limits import USAGE_DAYS, USAGE_ROWS_MAX, USAGE_SLICE_ROWS_MAX
from axiomd.store import keys
from axiomd.store.env import Store
from axiomd.store.walking import backwards


@attrs.frozen
class Counts:
    """What was counted, of executions that are kept."""

    by_status: dict[Status, int]
    by_day: dict[int, int]
    """Days since the epoch, UTC, to executions that were accepted then."""
    complete: bool
    """Whether that is all: a count stops at USAGE_ROWS_MAX rows, the newest ones."""


class UsageCount:
    """One count, in slices: each is a short read of its own."""

    def __init__(self, store: Store, tenant: str, now_ns: int) -> None:
        self._store = store
        self._tenant = tenant
        self._today = now_ns // NS_PER_DAY
        self._by_status: Counter[Status] = Counter()
        self._by_day: Counter[int] = Counter()
        self._complete = True
        self._slices = self._run()

    def step(self) -> Counts | None:
        """Count a slice more; what came of all of them after the last one. Blocks."""
        if next(self._slices, None) is None:
            return Counts(dict(self._by_status), dict(self._by_day), self._complete)
        return None

    def _run(self) -> Iterator[bool]:
        for status in Status:
            prefix = keys.text_key(self._tenant, status.value)
            for some in self._slices_of(keys.BY_STATUS, prefix, USAGE_ROWS_MAX):
                self._by_status[status] += len(some)
                yield True
        first_day = self._today - USAGE_DAYS + 1
        prefix = keys.text_key(self._tenant)
        for some in self._slices_of(keys.BY_TENANT, prefix, USAGE_ROWS_MAX):
            days = Counter(keys.time_led_tail(key)[0] // NS_PER_DAY for key in some)
            self._by_day.update({day: count for day, count in days.items() if day >= first_day})
            if min(days) < first_day:
                return
            yield True

    def _slices_of(self, table: str, prefix: bytes, most: int) -> Iterator[list[bytes]]:
        """Keys that begin with `prefix`, the newest first, so many at a time."""
        before, seen = prefix + b"\xff" * (keys.CREATED_BYTES + 1), 0
        while True:
            with self._store.read() as transaction:
                walk = transaction.cursor(self._store.tables[table])
                rows = backwards(walk, prefix, before, USAGE_SLICE_ROWS_MAX)
                some = [key for key, _ in rows]
            if not some:
                return
            seen += len(some)
            yield some
            if seen >= most:
                self._complete = False
                return
            before = some[-1]
