"""Wakes parked executions when their time has come.

Nothing of them is in memory: due times are rows of the store, so they outlive the box, and this
loop knows only when to look next. A wake-up that comes too early or twice does no harm: the
attempt that follows finds nothing due and parks the execution again.
"""

import math
from collections.abc import Sequence
from contextlib import suppress

import trio

from axiomd.clock import LOOK_AGAIN_S, NS_PER_S, Clock
from axiomd.errors import StoreFull, WrongState
from axiomd.execution.execution import Execution
from axiomd.limits import DUE_BATCH_MAX
from axiomd.store import commit as commits
from axiomd.store.reader import Reader
from axiomd.store.writer import Writer

_FULL_PAUSE_S = 1.0


class Timers:
    """The due times of parked executions."""

    def __init__(self, writer: Writer, reader: Reader, clock: Clock) -> None:
        self._writer = writer
        self._reader = reader
        self._clock = clock
        self._next_ns: float = 0
        """When to look next; what is due earlier rings the bell."""
        self._bell = trio.Event()

    def notice(self, parked: Sequence[Execution]) -> None:
        """Take note of executions that were parked until a time."""
        if min((execution.wake_ns for execution in parked), default=math.inf) < self._next_ns:
            self._bell.set()

    async def run(self) -> None:
        """Wake what is due, until cancelled."""
        while True:
            self._bell = trio.Event()
            now_ns = self._clock.now_ns()
            due, next_ns = self._reader.due(now_ns, DUE_BATCH_MAX)
            self._next_ns = math.inf if next_ns is None else next_ns
            try:
                await self._wake(due)
            except StoreFull:
                await trio.sleep(_FULL_PAUSE_S)
                continue
            wait_s = min((self._next_ns - self._clock.now_ns()) / NS_PER_S, LOOK_AGAIN_S)
            with trio.move_on_after(max(0.0, wait_s)):
                await self._bell.wait()

    async def _wake(self, due: Sequence[str]) -> None:
        tickets = [
            self._writer.submit(commits.wake(execution_id, self._clock.now_ns()))
            for execution_id in due
        ]
        for ticket in tickets:
            # It may have been cancelled, or settled, since it was read.
            with suppress(WrongState):
                await ticket.wait()
