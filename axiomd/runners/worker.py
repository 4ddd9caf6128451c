"""axiomd's side of one node process: its socket, its pidfd, and a call that has it to itself.

Promises: a call ends with an Outcome, whatever the process does; a process that was killed is
dead when `kill` returns. It refuses to know how processes are started or shared.
"""

import os
import signal
import socket
from pathlib import Path

import trio
from trio.lowlevel import notify_closing, wait_readable, wait_writable

from axiomd.execution.call import (
    KILLED,
    Content,
    ContentParts,
    Crashed,
    Failure,
    FilePart,
    Lost,
    NodeEvent,
    Outcome,
    Output,
)
from axiomd.limits import PIECE_BYTES_MAX
from axiomd.runners.base import Emit
from axiomd.runners.child.wire import (
    DONE,
    ERROR,
    LOG,
    OUT,
    PROGRESS,
    FrameTooLong,
    Inbox,
    too_large,
)
from axiomd.runners.frames import SPOKEN_BYTES_MAX, ProtocolError, read_event, read_failure
from axiomd.runners.wear import Wear

TREE_S = 2.0
"""Seconds that the end of what a dead process has started is waited for."""
HANG_UP_S = 1.0
"""Seconds between the end of a socket and that of its process; then it is killed."""
JOIN_BYTES_MAX = 64 * 1024
"""A payload up to this size is copied behind its header to save a system call."""


class Worker:
    """One node process."""

    def __init__(self, sock: socket.socket, pid: int, pidfd: int, payload_max: int) -> None:
        sock.setblocking(False)
        self.pid = pid
        self.pidfd = pidfd
        self.socket = sock
        self.fd = sock.fileno()
        self.payload_max = payload_max
        self.inbox = Inbox(max(payload_max, SPOKEN_BYTES_MAX))
        self.wear = Wear(pid)
        self.idle_since = 0.0
        self.gone = False
        """Whether it is dead, or was told to die."""
        self.stopping = False
        """Whether axiomd is closing, so that any end of it is a loss."""
        self._status: int | None = None
        self._ended = trio.Event()

    # --- its life ---

    def ended(self, status: int | None) -> None:
        """The process is dead: its wait status, or None if nobody can tell any more."""
        self.gone = True
        self._status = status
        self._ended.set()
        if self.fd >= 0:
            # A process it left behind may still hold its end; nobody waits for that one.
            self._hang_up()

    def signal_kill(self) -> None:
        """Kill the process, without waiting for its death."""
        self.gone = True
        if self.pidfd >= 0:
            try:
                signal.pidfd_send_signal(self.pidfd, signal.SIGKILL)
            except ProcessLookupError:
                return

    def is_computing(self) -> bool:
        """Whether it runs, or would if it had a core; not if it sleeps or waits for something."""
        try:
            text = Path(f"/proc/{self.pid}/stat").read_text()
        except OSError:
            return False
        return text.rpartition(")")[2].split()[0] == "R"

    async def kill(self) -> None:
        """Kill the process; returns when it and what it started are dead, even if cancelled."""
        self.signal_kill()
        # Shielded, because what was cancelled must not go on running; the kernel is quick.
        with trio.CancelScope(shield=True):
            await self.wait_dead()
            with trio.move_on_after(TREE_S):
                await self._ended.wait()
        self.close()

    def close(self) -> None:
        """Let go of the descriptors of a dead process."""
        if self.fd >= 0:
            notify_closing(self.fd)
            self.fd = -1
            self.socket.close()
        if self.pidfd >= 0:
            notify_closing(self.pidfd)
            os.close(self.pidfd)
            self.pidfd = -1

    def _hang_up(self) -> None:
        try:
            self.socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            return

    async def wait_dead(self) -> None:
        """Return when the process is dead; it need not have been reaped yet."""
        while self.pidfd >= 0:
            try:
                await wait_readable(self.pidfd)
            except trio.BusyResourceError:
                # Somebody else waits for the same death.
                await trio.sleep(0.001)
            except trio.ClosedResourceError:
                return
            else:
                return

    # --- what passes through its socket ---

    async def send(self, head: bytes, payload: bytes | ContentParts) -> None:
        """Send one frame; waits while the process is not reading.

        Raises OSError when it never will. Cancelled midway, the process can only be killed.
        """
        if not isinstance(payload, bytes):
            await self._send(memoryview(head))
            for part in payload:
                await self._send_part(part)
            return
        if len(payload) <= JOIN_BYTES_MAX:
            rest = memoryview(head + payload)
        else:
            await self._send(memoryview(head))
            rest = memoryview(payload)
        await self._send(rest)

    async def _send_part(self, part: bytes | FilePart) -> None:
        """Send a part of a large payload, in pieces that are read off the event loop."""
        if isinstance(part, bytes):
            await self._send(memoryview(part))
            return
        with await trio.to_thread.run_sync(open, part.path, "rb", 0) as file:
            left = part.size
            while left:
                piece = await trio.to_thread.run_sync(file.read, min(left, PIECE_BYTES_MAX))
                if not piece:
                    raise OSError(f"{part.path} ends {left} bytes early")
                await self._send(memoryview(piece))
                left -= len(piece)

    async def _send(self, rest: memoryview) -> None:
        while True:
            try:
                sent = self.socket.send(rest)
            except BlockingIOError:
                sent = 0
            if sent == len(rest):
                return
            rest = rest[sent:]
            await wait_writable(self.fd)

    def fill(self) -> int | None:
        """Receive what is there: bytes received, 0 at the end, None if nothing is there yet."""
        try:
            return self.inbox.fill(self.socket.recv_into)
        except BlockingIOError:
            return None
        except OSError:
            return 0

    async def run(
        self, frame: tuple[bytes, bytes | ContentParts], number: int, emit: Emit
    ) -> Outcome:
        """One call of a unary node: its RUN frame and number.

        Cancelled, it leaves the call running: the caller kills the process.
        """
        try:
            await self.send(*frame)
        except OSError:
            return await self.explain_end()
        while True:
            await wait_readable(self.fd)
            if self.fill() == 0:
                return await self.explain_end()
            try:
                outcome = self._read_answer(number, emit)
            except (ProtocolError, FrameTooLong) as fault:
                return await self.condemn(fault, number)
            if outcome is not None:
                return outcome

    def _read_answer(self, number: int, emit: Emit) -> Outcome | None:
        while (frame := self.inbox.take()) is not None:
            kind, call, body = frame
            if call != number:
                continue
            if kind == DONE:
                self.check_size(kind, number, body)
                return Output(body)
            if kind == ERROR:
                return read_failure(body)
            if kind not in (LOG, PROGRESS):
                raise ProtocolError(f"frame kind {kind} in a unary call")
            emit(read_event(kind, body))
        return None

    def check_size(self, kind: int, call: int, body: Content) -> None:
        """Raise FrameTooLong for an output over the cap: the child side would not have sent it."""
        if len(body) > self.payload_max:
            raise FrameTooLong(kind, call, len(body))

    # --- how it ended ---

    async def condemn(self, fault: ProtocolError | FrameTooLong, number: int) -> Outcome:
        """Kill the process for what it sent."""
        await self.kill()
        if isinstance(fault, FrameTooLong) and fault.call == number and fault.kind in (DONE, OUT):
            return Failure("PAYLOAD_TOO_LARGE", too_large(fault.length, self.payload_max))
        return Crashed(f"broke the protocol: {fault}")

    async def explain_end(self) -> Outcome:
        """The socket ended: wait for the process's death and say what it died of."""
        if self.stopping:
            return Lost("axiomd is stopping")
        with trio.move_on_after(HANG_UP_S) as patience:
            await self.wait_dead()
        if patience.cancelled_caught:
            await self.kill()
            return Crashed("closed its connection to axiomd")
        await self._ended.wait()
        self.close()
        return describe_status(self._status)


def describe_status(status: int | None) -> Crashed | Lost:
    """How a process ended that axiomd did not kill, by its wait status."""
    if status is None:
        return Lost("the package's zygote died")
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        if number == signal.SIGKILL:
            return Lost("killed by SIGKILL")
        return Crashed(signal_name(number))
    return Crashed(f"exit {os.WEXITSTATUS(status)}")


def signal_name(number: int) -> str:
    """`SIGSEGV`; real-time signals have a number only."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def timed_out(timeout_s: float, how: NodeEvent = KILLED) -> Failure:
    """The failure of a call that was stopped at its deadline."""
    ended = "its process was killed" if how is KILLED else "it was cancelled"
    return Failure("TIMEOUT", f"no answer within {timeout_s:g} s; {ended}")
