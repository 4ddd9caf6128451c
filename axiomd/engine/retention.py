"""What is forgotten while the box works: executions and administrative acts after their time,
sessions and links that ran out, blobs that nothing names.

Both go in slices through the same doors as everything else: rows through the writer, which judges
each of them, files through `Blobs.collect`. A slice shares the sync of whatever is committed
next, and then the loop stands back, the longer the more the box has to do. What a dying box left
half forgotten is finished by the next start, which also collects what was written and never named.
"""

from collections.abc import Callable, Sequence

import trio

from axiomd.clock import NS_PER_DAY
from axiomd.engine.parts import Parts, log
from axiomd.errors import StoreFull
from axiomd.limits import FORGET_ROWS_MAX
from axiomd.store.commit import RowsCommit
from axiomd.store.forget import Forgotten

_LOOK_S = 60.0
"""Seconds between looks for what has become due."""
_COLLECT_EVERY_S = 6 * 3600.0
"""Seconds between looks at every blob: for those of calls that were cancelled before a commit."""
_PAUSE_S = 0.004
"""Seconds between two slices at least."""
_STAND_BACK = 4
"""A slice is followed by a pause of so many times what it took to become durable."""


class Retention:
    """Forgets, in the engine's nursery."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def run(self) -> None:
        """Forget until cancelled."""
        collected_at = -_COLLECT_EVERY_S
        while True:
            try:
                if trio.current_time() - collected_at >= _COLLECT_EVERY_S:
                    collected_at = trio.current_time()
                    await self._collect_leftovers()
                await self._forget_what_is_due()
                await self._forget_what_ran_out()
                await self._forget_old_acts()
            except StoreFull as trouble:
                log.warning("store_full", error=str(trouble))
            await trio.sleep(_LOOK_S)

    async def _forget_what_is_due(self) -> None:
        executions = rows = 0
        while True:
            began = trio.current_time()
            forgotten = await self._forget_slice()
            if forgotten is None:
                break
            executions, rows = executions + forgotten.executions, rows + forgotten.rows
            await self._collect(forgotten.released)
            if not forgotten.rows:
                # What was due a moment ago no longer is: look again later, never hot.
                break
            # Longer under load: what it took to become durable is what others wait for.
            await trio.sleep(max(_PAUSE_S, _STAND_BACK * (trio.current_time() - began)))
        if rows:
            log.info("forgotten", executions=executions, rows=rows)

    async def _forget_slice(self) -> Forgotten | None:
        """One commit of forgetting; None if nothing is due."""
        parts = self._parts
        commit = parts.reader.next_to_forget(parts.retention.days, parts.clock.now_ns())
        if commit is None:
            return None
        # With the next batch of anything: a slice alone would cost everybody a sync.
        result = await parts.writer.submit_later(commit).wait()
        assert isinstance(result, Forgotten)
        return result

    async def _forget_what_ran_out(self) -> None:
        """Sessions and sign-in links. When one runs out never changes: nothing is left to judge."""
        parts = self._parts
        await self._delete(lambda: parts.reader.run_out(parts.clock.now_ns(), FORGET_ROWS_MAX))

    async def _forget_old_acts(self) -> None:
        """Rows of the log of administrative acts, which never change either."""
        parts = self._parts
        if not parts.retention.audit_days:
            return
        before_ns = parts.clock.now_ns() - int(parts.retention.audit_days * NS_PER_DAY)
        await self._delete(lambda: parts.reader.old_acts(before_ns, FORGET_ROWS_MAX))

    async def _delete(self, find: Callable[[], Sequence[tuple[str, bytes]]]) -> None:
        """Delete rows, a slice at a time, for as long as any are found."""
        while due := find():
            await self._parts.writer.submit_later(RowsCommit((), deletes=tuple(due))).wait()
            await trio.sleep(_PAUSE_S)

    async def _collect(self, digests: Sequence[bytes]) -> int:
        """Remove those of these blobs that nothing names; how many were."""
        if not digests:
            return 0
        removed: int = await self._parts.run_blocking(self._remove, digests)
        return removed

    def _remove(self, digests: Sequence[bytes]) -> int:
        blobs = self._parts.blobs
        with blobs.collecting() as allowed:
            if not allowed:
                # Somebody copies them; the next look at every blob finds these again.
                return 0
            return sum(
                blobs.collect(digest, self._parts.reader.blob_is_named) for digest in digests
            )

    async def _collect_leftovers(self) -> None:
        """Blobs that were never named: of a box that died, of a call that was cancelled."""
        removed = 0
        for shelf in await self._parts.run_blocking(self._parts.blobs.shelves):
            there = await self._parts.run_blocking(self._parts.blobs.on_shelf, shelf)
            removed += await self._collect(there)
            await trio.sleep(_PAUSE_S)
        if removed:
            log.info("collected", blobs=removed)
