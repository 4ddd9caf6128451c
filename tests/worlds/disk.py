"""The writer's driver in tests: a disk that is slow by a seed and can lose its power.

Writing and telling are two tasks, as they are two threads outside: a batch may be on disk, and
the next one too, before anybody hears of the first.
"""

import random
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Literal

import attrs
import trio

from axiomd.store.writer import Writer, Written


@attrs.frozen
class Cut:
    """Where the power goes."""

    batch: int
    """Counted from 0."""
    side: Literal["before", "after"]
    """Of the sync: `before`, the batch is lost; `after`, it is durable and nobody was told."""


class Disk:
    """A Driver that works through the writer's queue in trio tasks."""

    def __init__(
        self, writer: Writer, seed: int, latency_s: float, cut: Cut | None, power: trio.CancelScope
    ) -> None:
        self._writer = writer
        self._dice = random.Random(seed)
        self._latency_s = latency_s
        self._cut = cut
        self._power = power
        self._bell = trio.Event()
        self._untold: deque[Written] = deque()
        self._told = trio.Event()
        self._writing = False
        self.batches = 0
        self.dead = False
        self.on_cut: Callable[[], None] = lambda: None
        self.on_told: Callable[[], None] = lambda: None

    def wake(self) -> None:
        self._bell.set()

    async def write(self) -> None:
        while True:
            await self._bell.wait()
            self._bell = trio.Event()
            self._writing = True
            while batch := self._writer.take():
                await self._spin()
                await self._maybe_die("before")
                written = self._writer.write(batch)
                await self._maybe_die("after")
                self.batches += 1
                self._untold.append(written)
                self._told.set()
            self._writing = False

    async def tell(self) -> None:
        while True:
            await self._told.wait()
            self._told = trio.Event()
            while self._untold:
                await self._spin()
                self._writer.publish(self._untold[0])
                self._untold.popleft()
                self.on_told()

    async def finish(self) -> None:
        """Wait until all that was submitted is durable and told."""
        while not self.dead and (self._writer.queued or self._writing or self._untold):
            self.wake()
            await trio.sleep(0.001)

    async def _spin(self) -> None:
        await trio.sleep(self._dice.random() * self._latency_s)

    async def _maybe_die(self, side: str) -> None:
        if self._cut == Cut(self.batches, side):
            self.dead = True
            self.on_cut()
            self._power.cancel()
            await trio.sleep_forever()


@asynccontextmanager
async def open_disk(
    writer: Writer, seed: int, latency_s: float, cut: Cut | None
) -> AsyncIterator[Disk]:
    """A disk at work. When its power goes, all that is inside is cancelled, and nothing raised."""
    with trio.CancelScope() as power:
        disk = Disk(writer, seed, latency_s, cut, power)
        writer.drive(disk)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(disk.write)
            nursery.start_soon(disk.tell)
            try:
                yield disk
            finally:
                with trio.CancelScope(shield=True):
                    await disk.finish()
                nursery.cancel_scope.cancel()
