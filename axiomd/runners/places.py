"""How many streams run on this box, and which execution may start its first.

Promises that no stream waits for another of its own execution: the generators of a flow wait for
each other's frames, so an execution with one of them running must get all the others, or both
would wait for ever. Only an execution that has no stream yet waits, first come, first served.
So the streams of at most `places` executions run, even where these need more than `places`.
"""

from collections import Counter, deque

import attrs
import trio


@attrs.frozen(eq=False)
class Waiter:
    """A stream that waits for its place."""

    execution_id: str
    admitted: trio.Event = attrs.field(factory=trio.Event)


class StreamPlaces:
    """The places of the streams of one runner."""

    def __init__(self, places: int) -> None:
        self._places = places
        self._held: Counter[str] = Counter()
        """For each execution that has any: its places."""
        self._taken = 0
        self._waiting: deque[Waiter] = deque()

    @property
    def waiting(self) -> int:
        """Streams that wait for a place."""
        return len(self._waiting)

    async def take(self, execution_id: str) -> None:
        """Wait for a place; `give_back` it."""
        if self._held[execution_id] or (self._taken < self._places and not self._waiting):
            # A checkpoint first: nothing is held if it is cancelled.
            await trio.lowlevel.checkpoint_if_cancelled()
            self._enter(execution_id)
            return
        waiter = Waiter(execution_id)
        self._waiting.append(waiter)
        try:
            await waiter.admitted.wait()
        except trio.Cancelled:
            self._waiting.remove(waiter)
            raise

    def give_back(self, execution_id: str) -> None:
        """A stream is over."""
        self._taken -= 1
        self._held[execution_id] -= 1
        if not self._held[execution_id]:
            del self._held[execution_id]
        while self._waiting and self._taken < self._places:
            self._admit(self._waiting[0].execution_id)

    def _admit(self, execution_id: str) -> None:
        for waiter in [w for w in self._waiting if w.execution_id == execution_id]:
            self._waiting.remove(waiter)
            self._enter(execution_id)
            waiter.admitted.set()

    def _enter(self, execution_id: str) -> None:
        self._taken += 1
        self._held[execution_id] += 1

    def close(self) -> None:
        """Let everybody in who waits: nothing starts any more, and each is told so."""
        while self._waiting:
            self._admit(self._waiting[0].execution_id)
