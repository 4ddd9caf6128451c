"""The zygote: one process for each package, which has its messages loaded and forks node processes.

Single-threaded and without user code. It tells axiomd of every process that starts and ends, and
takes them with it when it ends.
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
import sys
from typing import Any, NoReturn

from . import confine, kernel, limits, tree
from .node import NodeProcess
from .wire import CONTROL, EXITED, FORK_FAILED, FORKED, READY

STRAYS_EXIT = 71
"""How a zygote ends that cannot kill all that a node process has left behind."""


def offer_package(directory: str) -> None:
    """Make `gen` and `nodes` importable, whatever else is installed under those names."""
    sys.path.insert(0, directory)
    for name in ("gen", "nodes"):
        path = pathlib.Path(directory, name)
        if not (path / "__init__.py").exists():
            spec = importlib.machinery.ModuleSpec(name, None, is_package=True)
            spec.submodule_search_locations = [str(path)]
            sys.modules[name] = importlib.util.module_from_spec(spec)


class Zygote:
    """Forks node processes, reaps them, tells axiomd; single-threaded and without user code."""

    def __init__(self, control: socket.socket, directory: str, plan: confine.Plan) -> None:
        self._control = control
        self._directory = directory
        self._plan = plan
        self._pids: dict[int, int] = {}
        self._poll = select.poll()
        self._poll.register(control, select.POLLIN)

    def serve(self) -> NoReturn:
        """Fork and reap until axiomd hangs up; then kill what is left and end."""
        self._control.send(CONTROL.pack(READY, os.getpid(), 0))
        while True:
            for fd, _ in self._poll.poll():
                if fd in self._pids:
                    self._reap(fd)
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
        else:
            self._tell(FORK_FAILED, 0, errno.EMFILE)
        return True

    def _fork(self, sock: socket.socket, name: str) -> None:
        zygote, pid = os.getpid(), 0
        try:
            pid = os.fork()
            if pid == 0:
                self._become_node_process(sock, zygote, name)
            pidfd = kernel.open_pidfd(pid)
        except OSError as failure:
            if pid:
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
            self._tell(FORK_FAILED, 0, failure.errno or 0)
            return
        attached = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [pidfd]))]
        self._tell(FORKED, pid, 0, attached)
        self._pids[pidfd] = pid
        self._poll.register(pidfd, select.POLLIN)

    def _become_node_process(self, sock: socket.socket, zygote: int, name: str) -> NoReturn:
        """In the child, which never returns into the zygote's code."""
        try:
            kernel.die_with(zygote)
            # A group of its own, and what leaves it comes back to it: see _reap.
            os.setpgid(0, 0)
            tree.adopt_strays()
            limits.bound_files()
            confine.settle(self._plan, name)
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, signal.SIG_DFL)
            self._control.close()
            for pidfd in self._pids:
                os.close(pidfd)
            nowhere = os.open(os.devnull, os.O_RDWR)
            for fd in (0, 1, 2):
                os.dup2(nowhere, fd)
            os.close(nowhere)
            # Python reseeds `random` after a fork by itself; numpy is never loaded before it.
            NodeProcess(sock, self._directory, self._plan).serve()
        finally:
            os._exit(70)

    def _reap(self, pidfd: int) -> None:
        """Before it is reaped nobody else can have its number: kill what it left behind."""
        pid = self._pids.pop(pidfd)
        self._poll.unregister(pidfd)
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


def main(control_fd: int, directory: str, plan: confine.Plan) -> NoReturn:
    """Be the zygote of one package, in a process that is confined already."""
    tree.adopt_strays()
    offer_package(directory)
    # Loaded here, every process that is forked has them at once and shares their memory.
    importlib.import_module("google.protobuf")
    message_class = importlib.import_module("gen.messages_pb2").message_class
    assert callable(message_class)
    gc.collect()
    gc.freeze()
    if not plan.namespaces:
        # Killed with axiomd it could not kill what node code has let go of. It hears of that end.
        kernel.die_with(None)
    Zygote(socket.socket(fileno=control_fd), directory, plan).serve()
