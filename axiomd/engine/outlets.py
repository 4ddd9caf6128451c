"""What the pumps of a pipeline share: counts of frames, and who waits for them to move."""

import trio


class Signal:
    """Wakes whoever waits for it now."""

    def __init__(self) -> None:
        self._event = trio.Event()

    async def wait(self) -> None:
        """Wait for the next `send`."""
        await self._event.wait()

    def send(self) -> None:
        """Wake everybody who waits."""
        self._event.set()
        self._event = trio.Event()


class Outlet:
    """What one placement has emitted so far: counts only, the frames are in the store."""

    def __init__(self, placement: int, durable: int, any_outlet: Signal, *, ended: bool) -> None:
        self.placement = placement
        self.durable = durable
        """Frames on disk."""
        self.submitted = durable
        """Frames handed to the writer."""
        self.unwritten = 0
        """Bytes of those that are not on disk."""
        self.ended = ended
        """Whether there will be no more, and that is on disk."""
        self.taken: dict[int, int] = {}
        """For each placement that reads this one: the frames that it is done with."""
        self._any = any_outlet
        self._changed = Signal()

    async def changed(self) -> None:
        """Wait for any count to move."""
        await self._changed.wait()

    def notify(self) -> None:
        """A count has moved."""
        self._changed.send()
        self._any.send()

    @property
    def ahead(self) -> int:
        """Frames that the slowest reader has not taken yet; 0 if no node reads this one."""
        return self.submitted - min(self.taken.values(), default=self.submitted)
