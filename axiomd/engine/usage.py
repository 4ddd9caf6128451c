"""How much of the box a tenant uses: what runs and waits now, and what has been accepted."""

from datetime import UTC, date, datetime, timedelta

import attrs
import trio

from axiomd.clock import NS_PER_S, Clock
from axiomd.engine.parts import RunBlocking
from axiomd.engine.recent import Recent
from axiomd.execution.status import Status
from axiomd.limits import USAGE_DAYS, USAGE_TENANTS_MAX
from axiomd.store.reader import Reader
from axiomd.store.usage import Counts

_KEPT_NS = 5 * NS_PER_S
"""For how long a count is told again."""
_EPOCH = date(1970, 1, 1)


@attrs.frozen
class Usage:
    """A tenant's, as it was at a time."""

    at_ns: int
    by_status: dict[Status, int]
    by_day: dict[date, int]
    """Executions that were accepted on each of the last USAGE_DAYS days, UTC, today first."""
    complete: bool
    """Whether everything was counted."""


class Usages:
    """Counts on demand, one at a time, in slices off the event loop."""

    def __init__(self, reader: Reader, clock: Clock, run_blocking: RunBlocking) -> None:
        self._reader = reader
        self._clock = clock
        self._run_blocking = run_blocking
        self._recent: Recent[str, list[Usage]] = Recent(USAGE_TENANTS_MAX)
        self._turn = trio.Lock()

    async def of(self, tenant: str) -> Usage:
        """A tenant's usage, some seconds old at most."""
        async with self._turn:
            kept = self._recent.fetch(tenant, list)
            now_ns = self._clock.now_ns()
            if not kept or not 0 <= now_ns - kept[0].at_ns < _KEPT_NS:
                kept[:] = [await self._count(tenant, now_ns)]
            return kept[0]

    async def _count(self, tenant: str, now_ns: int) -> Usage:
        count = self._reader.count_usage(tenant, now_ns)
        counts: Counts | None = None
        while counts is None:
            counts = await self._run_blocking(count.step)
        today = datetime.fromtimestamp(now_ns / NS_PER_S, UTC).date()
        days = [today - timedelta(days) for days in range(USAGE_DAYS)]
        by_day = {day: counts.by_day.get((day - _EPOCH).days, 0) for day in days}
        by_status = {status: counts.by_status.get(status, 0) for status in Status}
        return Usage(now_ns, by_status, by_day, counts.complete)
