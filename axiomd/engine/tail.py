"""How others learn that something became true: wake by a bare event, read by a cursor.

Whoever waits for an execution watches it here and reads the store. A wake-up carries nothing but
the newest record, so a slow reader costs no queue: it holds a cursor and may miss any number of
wake-ups without missing anything.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import trio

from axiomd.execution.execution import Execution
from axiomd.execution.status import Status


class Watch:
    """One waiter's view of one execution."""

    __slots__ = ("_ended_only", "_event", "latest")

    def __init__(self, *, ended_only: bool) -> None:
        self._event = trio.Event()
        self._ended_only = ended_only
        self.latest: Execution | None = None
        """The newest record that was published while watching."""

    async def changed(self) -> None:
        """Wait until something was published since the last return, or since the watch began."""
        await self._event.wait()
        self._event = trio.Event()

    def notify(self, execution: Execution) -> None:
        """Take the newest record; wake the waiter if it is one that it waits for."""
        self.latest = execution
        if not self._ended_only or execution.status.ended:
            self._event.set()


class Tail:
    """Who watches which execution."""

    def __init__(self) -> None:
        self._watches: dict[str, list[Watch]] = {}
        self.on_ready: Callable[[Sequence[Execution]], None] = lambda _: None
        """Called with executions that wait for a worker; the engine sets it when it opens."""
        self.on_parked: Callable[[Sequence[Execution]], None] = lambda _: None
        """Called with executions that were parked until a time."""
        self.on_cancelled: Callable[[Sequence[Execution]], None] = lambda _: None
        """Called with executions that were cancelled, whoever's commit that was."""
        self.on_tellable: Callable[[Sequence[Execution]], None] = lambda _: None
        """Called with executions that have ended, or ask a person: somebody may have to be told."""

    @contextmanager
    def watch(self, execution_id: str, *, ended_only: bool = False) -> Iterator[Watch]:
        """Watch an execution. Begin before reading the store, so that nothing falls between.

        ended_only: wake only when it has ended.
        """
        watch = Watch(ended_only=ended_only)
        watches = self._watches.setdefault(execution_id, [])
        watches.append(watch)
        try:
            yield watch
        finally:
            watches.remove(watch)
            if not watches and self._watches.get(execution_id) is watches:
                del self._watches[execution_id]

    def publish(self, changed: Sequence[Execution]) -> None:
        """Wake everybody who watches one of these. Called after their commit is on disk."""
        queued = [execution for execution in changed if execution.status is Status.QUEUED]
        if queued:
            self.on_ready(queued)
        parked = [execution for execution in changed if execution.wake_ns]
        if parked:
            self.on_parked(parked)
        cancelled = [execution for execution in changed if execution.status is Status.CANCELLED]
        if cancelled:
            self.on_cancelled(cancelled)
        tellable = [one for one in changed if one.status.ended or one.pauses or one.doubts]
        if tellable:
            self.on_tellable(tellable)
        if not self._watches:
            return
        for execution in changed:
            for watch in self._watches.get(execution.execution_id, ()):
                watch.notify(execution)

    @property
    def watching(self) -> int:
        """Executions that somebody watches."""
        return len(self._watches)
