"""A pipeline node while it runs in a node process: the NodeStream of the process runner.

Promises: frames leave the node's socket only when `receive` asks, and a node is timed out only
for silence of its own, never while it has read all its inputs and waits for more.
"""

from collections.abc import Sequence

import trio
from trio.lowlevel import wait_readable

from axiomd.execution.call import NodeCall, Outcome, Output
from axiomd.limits import STREAM_BATCH_BYTES_MAX, STREAM_BATCH_FRAMES_MAX
from axiomd.runners.base import Emit
from axiomd.runners.bounds import Bounds
from axiomd.runners.child.wire import (
    COUNT,
    DONE,
    ERROR,
    HEAD,
    IN,
    IN_END,
    LOG,
    OUT,
    PROGRESS,
    STARVED,
    FrameTooLong,
)
from axiomd.runners.frames import ProtocolError, read_event, read_failure
from axiomd.runners.worker import Worker, timed_out

YIELD_EVERY = 64
"""Inputs sent to a node that keeps up before others get their turn on the loop."""


class WorkerStream:
    """A pipeline node that runs in a worker: the NodeStream of `ProcessRunner`."""

    def __init__(
        self, worker: Worker, call: NodeCall, number: int, emit: Emit, bounds: Bounds
    ) -> None:
        self._worker = worker
        self._call = call
        self._bounds = bounds
        self._number = number
        self._emit = emit
        self._timeout_s = call.timeout_s
        self._sent = 0
        self._starved_at = -1
        self._ending = False
        self._sending = 0
        self._fault: ProtocolError | FrameTooLong | None = None
        self._silence: trio.CancelScope | None = None
        self.outcome: Outcome | None = None

    @property
    def reusable(self) -> bool:
        """Whether the process can take another call: this one ended, and no frame is half sent."""
        return self.outcome is not None and not self._sending and not self._worker.gone

    async def start(self, frame: tuple[bytes, bytes]) -> None:
        """Send the RUN frame."""
        await self._send(*frame)

    async def send(self, payload: bytes) -> None:
        """Hand the node its next input; waits while it is not reading."""
        if self._sent % YIELD_EVERY:
            await trio.lowlevel.checkpoint_if_cancelled()
        else:
            await trio.lowlevel.checkpoint()
        self._sent += 1
        self._restart_silence()
        await self._send(HEAD.pack(len(payload), IN, self._number), payload)

    async def send_end(self) -> None:
        """There are no more inputs."""
        self._ending = True
        self._restart_silence()
        await self._send(HEAD.pack(0, IN_END, self._number), b"")

    async def _send(self, head: bytes, payload: bytes) -> None:
        if self.outcome is not None or self._worker.gone:
            await trio.lowlevel.checkpoint()
            return
        # Stays raised if it is cancelled midway: then half a frame is on its way.
        self._sending += 1
        try:
            await self._worker.send(head, payload)
        except (OSError, trio.ClosedResourceError):
            # How the node ended is told by receive.
            await trio.lowlevel.checkpoint()
        self._sending -= 1

    async def receive(self) -> Sequence[bytes] | Outcome:
        """The next frames, or how the node ended."""
        while True:
            batch = self._take_batch()
            if batch:
                await trio.lowlevel.checkpoint()
                return batch
            if self.outcome is None and self._fault is not None:
                self.outcome = await self._worker.condemn(self._fault, self._number)
            if self.outcome is not None:
                await trio.lowlevel.checkpoint()
                return self.outcome
            await self._receive_more()

    def _take_batch(self) -> list[bytes]:
        frames: list[bytes] = []
        size = 0
        try:
            while (
                self.outcome is None
                and len(frames) < STREAM_BATCH_FRAMES_MAX
                and size < STREAM_BATCH_BYTES_MAX
            ):
                frame = self._worker.inbox.take()
                if frame is None:
                    if frames and self._worker.fill():
                        continue
                    break
                kind, call, body = frame
                if call != self._number:
                    continue
                if kind == OUT:
                    self._worker.check_size(kind, call, body)
                    frames.append(bytes(body))
                    size += len(body)
                else:
                    self._take_other(kind, bytes(body))
        except (ProtocolError, FrameTooLong) as fault:
            self._fault = fault
        return frames

    def _take_other(self, kind: int, body: bytes) -> None:
        if kind == DONE:
            self.outcome = Output(b"")
        elif kind == ERROR:
            self.outcome = read_failure(body)
        elif kind in (LOG, PROGRESS):
            self._emit(read_event(kind, body))
        elif kind == STARVED and len(body) == COUNT.size:
            (self._starved_at,) = COUNT.unpack(body)
        else:
            raise ProtocolError(f"frame kind {kind} in a stream")

    async def _receive_more(self) -> None:
        """Wait until something was received, the process ended, or it was silent for too long."""
        deadline = trio.current_time() + self._timeout_s
        with trio.CancelScope(deadline=float("inf") if self._waits_for_us() else deadline) as scope:
            self._silence = scope
            await wait_readable(self._worker.fd)
        self._silence = None
        if scope.cancelled_caught:
            await self._worker.kill()
            self.outcome = timed_out(self._timeout_s)
        elif self._worker.fill() == 0:
            self.outcome = self._bounds.judge(self._call, await self._worker.explain_end())

    def _waits_for_us(self) -> bool:
        """Whether the node has read all that was sent and wants more: then it may be silent."""
        return self._starved_at == self._sent and not self._ending

    def _restart_silence(self) -> None:
        if self._silence is not None:
            self._silence.deadline = trio.current_time() + self._timeout_s
