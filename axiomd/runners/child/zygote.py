"""The zygote: one process for each package, which has it loaded and forks node processes.

Single-threaded, or it would be another kind of zygote (`forking.py`). It tells axiomd of every
process that starts and ends, and takes them with it when it ends.
"""

from __future__ import annotations

import array
import contextlib
import errno
import gc
import importlib
import importlib.machinery
import importlib.util
import os
import pathlib
import select
import signal
import socket
from typing import Any, Callable, NoReturn  # noqa: UP035 (Python 3.8)

from . import confine, forking, kernel, tree
from .node import NodeProcess
from .wire import CONTROL, EXITED, FORK_FAILED, FORKED, READY

PROGRAM = str(pathlib.Path(__file__).with_name("start.py"))
"""What an interpreter that is not confined yet, or that begins anew, is given."""
STRAYS_EXIT = 71
"""How a zygote ends that cannot kill all that a node process has left behind."""


class Zygote:
    """Forks node processes, reaps them, tells axiomd; `forking.py` is its other half."""

    def __init__(
        self,
        control: socket.socket,
        directory: str,
        plan: confine.Plan,
        spares: forking.Spares,
    ) -> None:
        self._control = control
        self._directory = directory
        self._plan = plan
        self._spares = spares
        self._pids: dict[int, int] = {}
        self.poll = select.poll()
        self.poll.register(control, select.POLLIN)

    def serve(self) -> NoReturn:
        """Fork and reap until axiomd hangs up; then kill what is left and end."""
        self._control.send(CONTROL.pack(READY, os.getpid(), self._spares.cold))
        while True:
            # One at a time: what it does may close a descriptor and give its number away.
            for fd, _ in self.poll.poll()[:1]:
                if fd in self._pids:
                    self._reap(fd)
                elif fd != self._control.fileno():
                    self._spares.hear(self)
                elif not self._take_request():
                    self._end()

    def _take_request(self) -> bool:
        try:
            message, attached, _, _ = self._control.recvmsg(16, socket.CMSG_SPACE(4))
        except OSError:
            return False
        if not message:
            return False
        fds = array.array("i", b"".join(content for _, _, content in attached))
        if fds:
            with socket.socket(fileno=fds[0]) as sock:
                self._fork(sock, message.decode())
            self._spares.keep(self)
        else:
            self._tell(FORK_FAILED, 0, errno.EMFILE)
        return True

    def _fork(self, sock: socket.socket, name: str) -> None:
        try:
            pidfd = self._spares.take(self, sock, name)
            pidfd = pidfd or self.start(self._spares.maker(sock, name))
        except OSError as failure:
            self._tell(FORK_FAILED, 0, failure.errno or 0)
            return
        attached = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [pidfd]))]
        self._tell(FORKED, self._pids[pidfd], 0, attached)

    def start(self, make: Callable[[], socket.socket]) -> int:
        """Fork a node process that serves the socket it makes; its pidfd. Raises OSError."""
        zygote, pid = os.getpid(), 0
        try:
            pid = os.fork()
            if pid == 0:
                self._become_node_process(make, zygote)
            pidfd = kernel.open_pidfd(pid)
        except OSError:
            if pid:
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
            raise
        self._pids[pidfd] = pid
        self.poll.register(pidfd, select.POLLIN)
        return pidfd

    def _become_node_process(self, make: Callable[[], socket.socket], zygote: int) -> NoReturn:
        """In the child, which never returns into the zygote's code."""
        try:
            forking.begin_child(zygote)
            self._control.close()
            for pidfd in self._pids:
                os.close(pidfd)
            self._spares.close(self)
            sock = make()
            forking.lead_nowhere()
            NodeProcess(sock, self._directory, self._plan).serve()
        finally:
            os._exit(70)

    def _reap(self, pidfd: int) -> None:
        """Before it is reaped nobody else can have its number: kill what it left behind."""
        pid = self._pids.pop(pidfd)
        self.poll.unregister(pidfd)
        with contextlib.suppress(OSError):
            os.killpg(pid, signal.SIGKILL)
        _, status = os.waitpid(pid, 0)
        os.close(pidfd)
        if not tree.kill_strays(set(self._pids.values())):
            # What outruns it ends with it.
            os._exit(STRAYS_EXIT)
        self._tell(EXITED, pid, status)

    def _tell(self, kind: int, pid: int, status: int, attached: Any = ()) -> None:
        # If nobody is listening any more, the next poll says so.
        with contextlib.suppress(OSError):
            self._control.sendmsg([CONTROL.pack(kind, pid, status)], attached)

    def _end(self) -> NoReturn:
        for pid in self._pids.values():
            os.kill(pid, signal.SIGKILL)
        for pidfd in list(self._pids):
            self._reap(pidfd)
        os._exit(0)


def main(control_fd: int, lock_fd: int, again: list[str], plan: confine.Plan) -> NoReturn:
    """Be the zygote of one package, in a process that is confined already.

    again: directory, plan and mode, as this process was given them.
    """
    directory, mode = again[0], again[-1]
    tree.adopt_strays()
    forking.offer_package(directory)
    # Loaded here, every process that is forked has them at once and shares their memory.
    importlib.import_module("google.protobuf")
    message_class = importlib.import_module("gen.messages_pb2").message_class
    assert callable(message_class)
    if mode == "warm":
        kept = [fd for fd in (control_fd, lock_fd) if fd >= 0]
        words = [PROGRAM, "again", str(control_fd), str(lock_fd), *again[:-1], "cold"]
        forking.load_or_restart(directory, words, kept)
    gc.collect()
    gc.freeze()
    if not plan.namespaces:
        # Killed with axiomd it could not kill what node code has let go of. It hears of that end.
        kernel.die_with(None)
    spares = forking.Spares([PROGRAM, "node"], directory, mode, lock_fd, plan)
    Zygote(socket.socket(fileno=control_fd), directory, plan, spares).serve()


def be_fresh(words: list[str]) -> NoReturn:
    """Be a node process that is no fork."""
    channel_fd, lock_fd, loading, directory, text = words
    plan = confine.Plan(text)
    sock = forking.begin_fresh(channel_fd, lock_fd, loading, directory, plan)
    forking.lead_nowhere()
    NodeProcess(sock, directory, plan).serve()
