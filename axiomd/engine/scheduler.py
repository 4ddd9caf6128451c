"""Who is worked on next: a sync choice over a view, and the loop that carries it out."""

from collections.abc import Callable, Collection

import trio

from axiomd.store.reader import Reader


class Scheduler:
    """Hands ready executions to free slots, the oldest first.

    Nothing of a waiting execution is in memory: the queue is the store's own index.
    """

    def __init__(self, reader: Reader, slots: int) -> None:
        self._reader = reader
        self._slots = slots
        self._bell = trio.Event()
        self._backlog = True
        """Whether ready executions may have been left behind; so it is before the first choice."""

    def wake(self) -> None:
        """Something became ready."""
        self._bell.set()

    def slot_freed(self) -> None:
        """A slot is free; look again if somebody waits for one."""
        if self._backlog:
            self._bell.set()

    def admits(self, busy: int) -> bool:
        """Whether a new execution may take a slot at once: one is free, and nobody waits."""
        return busy < self._slots and not self._backlog and not self._bell.is_set()

    def choose(self, busy: Collection[str]) -> list[str]:
        """The executions to start now, given those that slots are busy with."""
        free = self._slots - len(busy)
        if free <= 0:
            self._backlog = True
            return []
        chosen = self._reader.ready(free, busy)
        self._backlog = len(chosen) == free
        return chosen

    async def run(self, busy: Callable[[], Collection[str]], start: Callable[[str], None]) -> None:
        """Choose and start until cancelled."""
        while True:
            for execution_id in self.choose(busy()):
                start(execution_id)
            await self._bell.wait()
            self._bell = trio.Event()
