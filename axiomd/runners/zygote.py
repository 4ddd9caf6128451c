"""axiomd's side of one zygote: starting it, asking it for node processes, hearing of their ends.

A zygote is started with `subprocess.Popen` on the trio thread, which must be the main one: the
kernel ties the parent-death signal to the thread that forked, and trio's own `open_process`
forks in a thread that ends after ten idle seconds. Starting blocks for about 0.3 ms.
"""

import array
import errno
import os
import signal
import socket
import subprocess
import threading
from collections import deque
from contextlib import ExitStack
from pathlib import Path
from typing import Literal, Protocol

import attrs
import structlog
import trio
from trio.lowlevel import wait_readable

from axiomd.disk import no_room
from axiomd.runners.child.wire import CONTROL, EXITED, FORK_FAILED, FORKED, READY
from axiomd.runners.environment import PackageCode
from axiomd.runners.orphans import kill_marked
from axiomd.runners.sandbox import MARK, Sandbox
from axiomd.runners.scratch import Scratch
from axiomd.runners.worker import Worker

log = structlog.get_logger("axiomd.runners")

Mode = Literal["warm", "cold", "plain"]

STDERR_CHARS_MAX = 4_000
"""Of what a zygote that cannot start has to say, the last characters kept."""
CLOSE_S = 2.0
"""Seconds a zygote gets to kill and reap its processes; then it is killed itself."""


class ZygoteListener(Protocol):
    """Who hears what happens to a zygote; called on the trio thread."""

    def zygote_ready(self) -> None:
        """It can fork now."""
        ...

    def worker_started(self, worker: Worker) -> None:
        """One `fork` is done."""
        ...

    def worker_not_started(self, reason: str) -> None:
        """One `fork` failed."""
        ...

    def worker_ended(self, worker: Worker) -> None:
        """A process of it is dead."""
        ...

    def zygote_ended(self, lost: bool, reason: str, detail: str) -> None:
        """It is dead, and its processes are or will be at once.

        lost: infrastructure ended it, or it took too long; otherwise the package could not be
        loaded, for `reason`.
        """
        ...


@attrs.frozen
class Home:
    """What the zygotes of one axiomd have in common."""

    sandbox: Sandbox
    scratch: Scratch


class Zygote:
    """A process with one package loaded, which forks node processes."""

    def __init__(
        self,
        code: PackageCode,
        lock_fd: int,
        payload_max: int,
        listener: ZygoteListener,
        home: Home,
        *,
        mode: Mode = "warm",
    ) -> None:
        """Starts it. Raises OSError when that cannot be done now.

        mode: whether it imports the package's nodes before it forks, see `child/forking.py`.
        """
        assert threading.current_thread() is threading.main_thread()
        self._payload_max = payload_max
        self._listener = listener
        self._requested: deque[tuple[socket.socket, Path]] = deque()
        self._workers: dict[int, tuple[Worker, Path]] = {}
        """By the number that a process has in the zygote's namespace."""
        self._ready = False
        self.cold = False
        """Whether it imports nothing of the package, and keeps a spare that does."""
        self._given_up = False
        self._home = home
        self._forks = 0
        with ExitStack() as undo:
            self._scratch = home.scratch.new()
            undo.callback(home.scratch.give_back, self._scratch)
            self._stderr = os.memfd_create("zygote-stderr", os.MFD_CLOEXEC)
            undo.callback(os.close, self._stderr)
            self._control, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            undo.callback(self._control.close)
            self._control.setblocking(False)
            with far:
                self._popen = self._start(code, far.fileno(), lock_fd, mode)
            undo.callback(self._popen.wait)
            undo.callback(self._popen.kill)
            self._pidfd = os.pidfd_open(self._popen.pid)
            undo.pop_all()

    @property
    def pid(self) -> int:
        """Its process number."""
        return self._popen.pid

    def fork(self) -> None:
        """Ask for one more node process; the listener hears of it.

        Raises OSError when the box has no room for it.
        """
        self._forks += 1
        own = self._scratch / str(self._forks)
        self._make(own)
        try:
            near, far = socket.socketpair()
        except OSError:
            self._home.scratch.give_back(own)
            raise
        attached = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [far.fileno()]))]
        with far:
            try:
                self._control.sendmsg([own.name.encode()], attached)
            except OSError as failure:
                if failure.errno == errno.ETOOMANYREFS:
                    near.close()
                    self._home.scratch.give_back(own)
                    raise
                # It is dead or stuck: `attend` finds the end of its socket.
                self._control.shutdown(socket.SHUT_RDWR)
        self._requested.append((near, own))

    @staticmethod
    def _make(own: Path) -> None:
        try:
            own.mkdir(mode=0o700)
        except OSError as failure:
            # A disk without room for it has none for temporary files either: no reason not to
            # run nodes that make none.
            if not no_room(failure):
                raise

    async def attend(self, start_timeout_s: float) -> None:
        """Read what the zygote tells until it ends, and tell the listener; then clean up."""
        reason = "it ended"
        # Shielded: this is what knows when processes are dead. `close` ends it.
        with trio.CancelScope(shield=True):
            with trio.move_on_after(start_timeout_s) as starting:
                while await self._hear():
                    if self._ready:
                        starting.deadline = float("inf")
            if starting.cancelled_caught:
                self._given_up = True
                reason = f"it was not ready within {start_timeout_s:g} s"
            await self._bury(reason)

    def hang_up(self) -> None:
        """Let it end: it kills and reaps its processes first."""
        self._given_up = not self._ready
        self._control.shutdown(socket.SHUT_RDWR)

    async def _hear(self) -> bool:
        await wait_readable(self._control)
        room = socket.CMSG_SPACE(array.array("i").itemsize)
        try:
            message, attached, _, _ = self._control.recvmsg(64, room, socket.MSG_CMSG_CLOEXEC)
        except BlockingIOError:
            return True
        except OSError:
            return False
        if len(message) != CONTROL.size:
            return False
        kind, pid, status = CONTROL.unpack(message)
        fds = array.array("i")
        for _, _, content in attached:
            fds.frombytes(content)
        self._heard(kind, pid, status, list(fds))
        return True

    def _heard(self, kind: int, pid: int, status: int, fds: list[int]) -> None:
        if kind == READY:
            self._ready = True
            self.cold = bool(status)
            if said := self._read_stderr():
                log.info("package_said", cold=self.cold, text=said)
            self._listener.zygote_ready()
        elif kind == FORKED and not fds:
            # axiomd has no descriptor left for it. Without its socket it ends by itself, and
            # its end is heard of as one of nobody.
            near, own = self._requested.popleft()
            near.close()
            self._home.scratch.give_back(own)
            self._listener.worker_not_started(os.strerror(errno.EMFILE))
        elif kind == FORKED:
            near, own = self._requested.popleft()
            worker = Worker(near, find_pid(fds[0]), fds[0], self._payload_max)
            self._workers[pid] = worker, own
            self._listener.worker_started(worker)
        elif kind == FORK_FAILED:
            near, own = self._requested.popleft()
            near.close()
            self._home.scratch.give_back(own)
            self._listener.worker_not_started(os.strerror(status))
        else:
            assert kind == EXITED
            found = self._workers.pop(pid, None)
            if found is not None:
                ended, own = found
                self._home.scratch.give_back(own)
                ended.ended(status)
                self._listener.worker_ended(ended)

    async def _bury(self, reason: str) -> None:
        """Nothing more will be heard: see to it that it and its processes are dead."""
        with trio.move_on_after(0 if self._given_up else CLOSE_S) as patience:
            await wait_readable(self._pidfd)
        by_itself = not (self._given_up or patience.cancelled_caught)
        self._popen.kill()
        await wait_readable(self._pidfd)
        self._popen.wait()
        for worker, _ in self._workers.values():
            # The kernel does it too, as their parent died; this makes sure.
            worker.signal_kill()
            await worker.wait_dead()
            worker.ended(None)
            self._listener.worker_ended(worker)
        detail = self._read_stderr()
        for request, _ in self._requested:
            request.close()
        self._control.close()
        os.close(self._pidfd)
        os.close(self._stderr)
        if not self._ready and self._popen.returncode > 0:
            reason = f"it ended with exit {self._popen.returncode}"
        # Nothing that a package does while it is loaded ends in a SIGKILL; one that was not
        # ready in time may have had no core.
        loading_failed = by_itself and self._popen.returncode != -signal.SIGKILL
        self._listener.zygote_ended(self._ready or not loading_failed, reason, detail)
        if not self._home.sandbox.contains_processes:
            await trio.to_thread.run_sync(kill_marked, MARK, str(self._scratch))
        self._home.scratch.give_back(self._scratch)

    def _read_stderr(self) -> str:
        size = os.fstat(self._stderr).st_size
        start = max(0, size - STDERR_CHARS_MAX)
        return os.pread(self._stderr, STDERR_CHARS_MAX, start).decode("utf-8", "replace")

    def _start(
        self, code: PackageCode, control_fd: int, lock_fd: int, mode: Mode
    ) -> subprocess.Popen[bytes]:
        sandbox = self._home.sandbox
        command, environment = sandbox.command(code, self._scratch)
        # Within bubblewrap its parent is one of bubblewrap's own.
        parent = 0 if sandbox.program else os.getpid()
        plan = sandbox.plan(self._scratch)
        arguments = [control_fd, lock_fd, parent, code.directory, plan, mode]
        return subprocess.Popen(
            [*command, *map(str, arguments)],
            cwd=code.directory,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=self._stderr,
            stderr=self._stderr,
            pass_fds=[fd for fd in (control_fd, lock_fd) if fd >= 0],
            # A terminal's Ctrl-C is axiomd's to act on.
            start_new_session=True,
        )


def find_pid(pidfd: int) -> int:
    """The number that a process has for us; it may have another for itself. 0 if dead, or if we
    have no descriptor left to ask."""
    try:
        text = Path(f"/proc/self/fdinfo/{pidfd}").read_text()
    except OSError:
        return 0
    return next(max(0, int(line[4:])) for line in text.splitlines() if line.startswith("Pid:"))
