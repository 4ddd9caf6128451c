"""Calls of async nodes that run side by side in one node process.

Promises that each ends by itself: by its answer, at its deadline, or by a cancel, which the node
gets `cancel_grace_s` to follow before the process is killed. What one call does to the process is
a loss for its neighbours; only a call that was alone in it can have crashed it. Whoever was lost
beside others is run alone the next time, so a call that kills its process is found out.

One task reads the socket for all of them, from the first such call until the process is used by
one call alone, or ends.
"""

from collections.abc import Callable

import attrs
import trio
from trio.lowlevel import wait_readable

from axiomd.execution.call import (
    COOPERATIVE,
    KILLED,
    Content,
    ContentParts,
    Failure,
    Lost,
    NodeEvent,
    Outcome,
    Output,
)
from axiomd.runners.base import Emit
from axiomd.runners.child.wire import (
    BESIDE,
    CANCEL,
    DONE,
    ERROR,
    HEAD,
    LOG,
    PROGRESS,
    SHARES,
    FrameTooLong,
)
from axiomd.runners.frames import ProtocolError, read_event, read_failure
from axiomd.runners.worker import Worker


@attrs.define(eq=False)
class Seat:
    """One call in a shared process."""

    node: str
    emit: Emit
    sent: bool = False
    """Whether the process may have got something of it."""
    half_sent: bool = False
    """Whether its RUN frame was cut short, so that no other can follow."""
    outcome: Outcome | None = None
    answered: bool = False
    """Whether the node gave the outcome itself."""
    ended: trio.Event = attrs.field(factory=trio.Event)

    def end(self, outcome: Outcome, *, answered: bool) -> None:
        """This is how it ended, unless it has."""
        if self.outcome is None:
            self.outcome, self.answered = outcome, answered
            self.ended.set()


Learn = Callable[[str, bool], None]
"""Told of a node, and whether its calls can run beside others."""


class Company:
    """The calls that share one worker."""

    def __init__(self, worker: Worker, cancel_grace_s: float, learn: Learn) -> None:
        self._worker = worker
        self._grace_s = cancel_grace_s
        self._learn = learn
        self._seats: dict[int, Seat] = {}
        self.guests = 0
        """Calls that entered and have not left."""
        self._bound = 0
        self._scope = trio.CancelScope()
        self._sending = trio.Lock()
        self._is_over = False
        self.closed = True
        """Whether nobody can join: nothing is known yet of the node that runs, or the process is
        to be retired."""

    # --- who is in it ---

    def has_room(self, bound: int) -> bool:
        """Whether one more call can join, which takes `bound` calls in its process at most."""
        return (
            not self.closed and not self._worker.gone and 0 < self.guests < min(self._bound, bound)
        )

    @property
    def seats_free(self) -> int:
        """Calls that could still join."""
        return max(0, self._bound - self.guests) if self.has_room(self._bound) else 0

    def enter(self, bound: int, *, known: bool) -> None:
        """One more call; it must `leave`. known: whether its node is known to share."""
        if self.guests:
            self._bound = min(self._bound, bound)
        else:
            self._bound, self.closed = bound, not known
        self.guests += 1

    def leave(self) -> bool:
        """A call is over; whether it was the last."""
        self.guests -= 1
        return self.guests == 0

    def disband(self) -> None:
        """The process is used by one call alone from now on: let go of its socket, at once."""
        assert not self.guests
        self._scope.cancel()

    # --- one call ---

    async def run(
        self,
        frame: tuple[bytes, bytes | ContentParts],
        number: int,
        node: str,
        emit: Emit,
        timeout_s: float,
    ) -> tuple[Outcome | None, NodeEvent]:
        """Run one call; with no outcome it was stopped at its deadline, and the event says how.

        Cancelled, it emits how it was stopped, and nothing of the call is running any more.
        """
        if self._is_over:
            await trio.lowlevel.checkpoint()
            return Lost("its process ended before the call began"), KILLED
        seat = self._seats[number] = Seat(node, emit)
        try:
            with trio.move_on_after(timeout_s):
                await self._send(frame, seat)
                await seat.ended.wait()
            if seat.outcome is not None:
                return seat.outcome, COOPERATIVE
            return None, await self._stop(number, seat)
        except trio.Cancelled:
            emit(await self._stop(number, seat))
            raise
        finally:
            del self._seats[number]

    async def _send(self, frame: tuple[bytes, bytes | ContentParts], seat: Seat) -> None:
        try:
            # Nearly always free: then this is no checkpoint.
            self._sending.acquire_nowait()
        except trio.WouldBlock:
            await self._sending.acquire()
        try:
            seat.sent = seat.half_sent = True
            try:
                await self._worker.send(*frame)
                seat.half_sent = False
            except (OSError, trio.ClosedResourceError):
                # With half a frame it is of no more use, if it is not dead already; the reader
                # tells how it ended.
                self._worker.signal_kill()
                await trio.lowlevel.checkpoint_if_cancelled()
        finally:
            self._sending.release()

    async def _stop(self, number: int, seat: Seat) -> NodeEvent:
        """Have the call end, or the process; says which it was."""
        if not seat.sent:
            return COOPERATIVE
        # Shielded, because what was cancelled must not go on running; it is over in a moment.
        with trio.CancelScope(shield=True):
            if not seat.half_sent:
                with trio.move_on_after(self._grace_s):
                    await self._send((HEAD.pack(0, CANCEL, number), b""), seat)
                    await seat.ended.wait()
            if not seat.ended.is_set():
                await self._worker.kill()
                self._end_all(Lost("a call beside it had to be killed with its process"))
        return COOPERATIVE if seat.answered else KILLED

    # --- what the process says ---

    async def read(self) -> None:
        """Hand what the process says to its calls, until it ends or `disband`."""
        ending: Outcome = Lost("axiomd is stopping")
        try:
            with self._scope:
                ending = await self._read()
        finally:
            self._is_over = True
            self._end_all(ending)

    async def _read(self) -> Outcome:
        # Disbanded already, the socket is another's to read.
        await trio.lowlevel.checkpoint_if_cancelled()
        while True:
            try:
                await wait_readable(self._worker.fd)
            except trio.ClosedResourceError:
                return Lost("its process was killed")
            # It may have been disbanded after something had arrived: that is another's to read.
            await trio.lowlevel.checkpoint_if_cancelled()
            if self._worker.fill() == 0:
                return await self._worker.explain_end()
            try:
                while (frame := self._worker.inbox.take()) is not None:
                    self._hear(*frame)
            except (ProtocolError, FrameTooLong) as fault:
                return await self._worker.condemn(fault, next(iter(self._seats), 0))

    def _hear(self, kind: int, number: int, body: Content) -> None:
        seat = self._seats.get(number)
        if seat is None:
            # Said after it was over.
            return
        if kind == DONE:
            self._worker.check_size(kind, number, body)
            seat.end(Output(body), answered=True)
        elif kind == ERROR:
            seat.end(read_failure(body), answered=True)
        elif kind in (LOG, PROGRESS):
            if seat.outcome is None:
                seat.emit(read_event(kind, body))
        elif kind == SHARES:
            self.closed = body != BESIDE
            self._learn(seat.node, body == BESIDE)
        else:
            raise ProtocolError(f"frame kind {kind} in a call beside others")

    def _end_all(self, ending: Outcome) -> None:
        running = [seat for seat in self._seats.values() if seat.outcome is None]
        if len(running) > 1 and not isinstance(ending, Lost):
            # Nobody can tell whose doing it was.
            reason = ending.message if isinstance(ending, Failure) else _reason(ending)
            ending = Lost(f"its process ended beside {len(running) - 1} other calls: {reason}")
        for seat in running:
            seat.end(ending, answered=False)


def _reason(ending: object) -> str:
    return str(getattr(ending, "reason", ending))
