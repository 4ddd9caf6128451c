"""The zygote's other half: what is imported before a fork, what a fork must not copy, the spare.

A zygote is in one of three modes:

- `warm`: it has imported the package's nodes, and that left nothing that a fork would copy wrongly;
- `cold`: it has imported none of them, since that would, or since it was told so. Each process
  imports what it runs, and one spare is kept: a process with its imports behind it;
- `plain`: as cold and without a spare, since importing the nodes ended or stopped a process.
"""

from __future__ import annotations

import array
import contextlib
import gc
import importlib
import importlib.machinery
import importlib.util
import os
import pathlib
import random
import re
import select
import signal
import socket
import sys
from typing import Any, Callable, NoReturn  # noqa: UP035 (Python 3.8)

from . import confine, kernel, limits, tree

LOAD_S = 60.0
"""Seconds a spare gets for its imports."""
NEVER_FORKED = ("grpc", "torch", "tensorflow", "jax")
"""Libraries whose state does not survive a fork, even if no thread of theirs runs yet."""


# --- before ---


def offer_package(directory: str) -> None:
    """Make `gen` and `nodes` importable, whatever else is installed under those names."""
    sys.path.insert(0, directory)
    for name in ("gen", "nodes"):
        path = pathlib.Path(directory, name)
        if not (path / "__init__.py").exists():
            spec = importlib.machinery.ModuleSpec(name, None, is_package=True)
            spec.submodule_search_locations = [str(path)]
            sys.modules[name] = importlib.util.module_from_spec(spec)


def node_modules(directory: str) -> list[str]:
    """The modules of a package that hold a node: those that define what they are called."""
    found = []
    for path in sorted(pathlib.Path(directory, "nodes").glob("*.py")):
        handler = re.compile(rf"^(async\s+)?def\s+{re.escape(path.stem)}\b", re.MULTILINE)
        if handler.search(path.read_text(encoding="utf-8", errors="replace")):
            found.append("nodes." + path.stem)
    return found


def load(directory: str) -> None:
    """Import every node; one that cannot be is left for its own call to tell."""
    own = os.getpid()
    for name in node_modules(directory):
        with contextlib.suppress(BaseException):
            importlib.import_module(name)
        if os.getpid() != own:
            # It forked, and this is the copy, which has no business here.
            os._exit(0)


# --- what a fork copies ---


class Before:
    """What the process had before it imported the nodes."""

    def __init__(self) -> None:
        self._descriptors = descriptors()
        self._handlers = handlers()
        self._generators = {id(generator) for generator in generators()}

    def obstacle(self) -> str:
        """What the imports left that a fork would copy wrongly; empty if nothing."""
        if threads() > 1:
            return f"{threads() - 1} thread(s) were started"
        if descriptors() - self._descriptors:
            return "files or connections were opened"
        if children():
            return "programs were started"
        if handlers() != self._handlers:
            return "signal handlers were set"
        if any(id(generator) not in self._generators for generator in generators()):
            return "generators of random numbers were made"
        loaded = [name for name in NEVER_FORKED if name in sys.modules]
        return f"{loaded[0]} was loaded" if loaded else ""

    def close_others(self) -> None:
        """Close what was opened, and end what was started, since."""
        for pid in children():
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        for descriptor in descriptors() - self._descriptors:
            with contextlib.suppress(OSError):
                os.close(descriptor)


def threads() -> int:
    """The threads of this process, C libraries' included."""
    return len(list(pathlib.Path("/proc/self/task").iterdir()))


def descriptors() -> set[int]:
    """The open descriptors of this process."""
    listed = list(pathlib.Path("/proc/self/fd").iterdir())
    # The one that listed them is gone again.
    return {int(path.name) for path in listed if path.is_symlink()}


def children() -> list[int]:
    """The processes that this one has started and that were not waited for."""
    found: list[int] = []
    for task in pathlib.Path("/proc/self/task").iterdir():
        with contextlib.suppress(OSError):
            found += map(int, (task / "children").read_text().split())
    return found


def handlers() -> dict[int, Any]:
    """What this process does on each signal."""
    return {number: signal.getsignal(number) for number in signal.valid_signals()}


def generators() -> list[Any]:
    """Generators of random numbers that every fork would continue alike.

    Not those that are seeded again after a fork: Python's global one, and numpy's.
    """
    numpy = sys.modules.get("numpy.random")
    kinds: tuple[Any, ...] = (random.Random,)
    own = [getattr(random, "_inst", None)]
    if numpy is not None:
        named = (getattr(numpy, name, None) for name in ("Generator", "RandomState"))
        kinds += tuple(kind for kind in named if isinstance(kind, type))
        own.append(getattr(getattr(numpy, "mtrand", None), "_rand", None))
    # By type alone: asking a lazy object for its class may wake it.
    return [
        thing
        for thing in gc.get_objects()
        if issubclass(type(thing), kinds)
        and not issubclass(type(thing), random.SystemRandom)
        and not any(thing is known for known in own)
    ]


def begin_child(zygote: int) -> None:
    """Right after a fork: a life, a process group, signals and random numbers of one's own."""
    kernel.die_with(zygote)
    # A group of its own, and what leaves it comes back to it: see the zygote's _reap.
    os.setpgid(0, 0)
    tree.adopt_strays()
    limits.bound_files()
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, signal.SIG_DFL)
    # Python's own generator is seeded again by itself.
    seed = getattr(sys.modules.get("numpy.random"), "seed", None)
    if seed is not None:
        seed()


def lead_nowhere() -> None:
    """In a node process: what it writes to its standard three is nobody's."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    for fd in (0, 1, 2):
        os.dup2(nowhere, fd)
    os.close(nowhere)


def load_or_restart(directory: str, again: list[str], kept: list[int]) -> None:
    """Import the nodes; or become a fresh interpreter with the arguments `again`.

    kept: descriptors that outlive that.
    """
    before = Before()
    load(directory)
    obstacle = before.obstacle()
    if obstacle:
        sys.stderr.write(f"not fork-safe: while its nodes were imported, {obstacle}\n")
        sys.stderr.flush()
        before.close_others()
        restart(again, kept)


def restart(arguments: list[str], kept: list[int]) -> NoReturn:
    """Become a fresh interpreter: no thread and no object of this one is left."""
    for descriptor in kept:
        os.set_inheritable(descriptor, True)
    os.execv(sys.executable, [sys.executable, "-I", "-X", "utf8", *arguments])


# --- the spare ---


class Spares:
    """The spare of a cold zygote."""

    def __init__(
        self, program: list[str], directory: str, mode: str, lock_fd: int, plan: confine.Plan
    ) -> None:
        """program: the first arguments of processes that must not be forks of the zygote."""
        self._program = program
        self._directory = directory
        self._plan = plan
        self._lock_fd = lock_fd
        self.cold = mode != "warm"
        """Whether the zygote has imported no node."""
        self._fresh = threads() > 1
        """Whether even the empty zygote has threads: then processes are interpreters anew."""
        self._wanted = mode == "cold"
        self._channel: socket.socket | None = None
        self._pidfd = 0
        self._ready = False

    def take(self, zygote: Any, sock: socket.socket, name: str) -> int:
        """Give a ready spare its socket and its name; its pidfd, or 0 if there is none."""
        if self._channel is None or not self._ready:
            return 0
        channel, self._channel = self._channel, None
        zygote.poll.unregister(channel)
        with channel:
            try:
                hand_over(channel, sock, name)
            except OSError:
                return 0
        return self._pidfd

    def keep(self, zygote: Any) -> None:
        """See to it that there is a spare, or will be."""
        if self._wanted and self._channel is None:
            near, far = channel_pair()
            with far:
                try:
                    self._pidfd = zygote.start(self._spare_maker(far, near))
                except OSError:
                    # It is no more than a convenience.
                    near.close()
                    return
            self._channel, self._ready = near, False
            zygote.poll.register(near, select.POLLIN)

    def maker(self, sock: socket.socket, name: str) -> Callable[[], socket.socket]:
        """What a process for `sock` does after the fork until it can serve it.

        name: that of its directory for temporary files.
        """

        def make() -> socket.socket:
            if self._fresh:
                near, far = channel_pair()
                hand_over(near, sock, name)
                self._become_fresh(far, loading=0)
            confine.settle(self._plan, name)
            return sock

        return make

    def hear(self, zygote: Any) -> None:
        """The spare is ready, or dead."""
        assert self._channel is not None
        was_ready = self._ready
        try:
            self._ready = bool(self._channel.recv(1, socket.MSG_DONTWAIT))
        except OSError:
            self._ready = False
        if not self._ready:
            # If an import ended it, each call will find that out for itself.
            self._wanted = was_ready
            self.close(zygote)

    def close(self, zygote: Any) -> None:
        """Let go of the spare, in a process that is forked or when it is dead."""
        if self._channel is not None:
            zygote.poll.unregister(self._channel)
            self._channel.close()
            self._channel = None

    def _spare_maker(self, far: socket.socket, near: socket.socket) -> Callable[[], socket.socket]:
        def make() -> socket.socket:
            near.close()
            if self._fresh:
                self._become_fresh(far, loading=1)
            return wait_for_socket(far, self._directory, self._plan, loading=1)

        return make

    def _become_fresh(self, channel: socket.socket, loading: int) -> NoReturn:
        kept = [fd for fd in (channel.fileno(), self._lock_fd) if fd >= 0]
        own = [channel.fileno(), self._lock_fd, loading, self._directory, self._plan.text]
        words = [*self._program, *own]
        restart([str(word) for word in words], kept)


def begin_fresh(
    channel_fd: str, lock_fd: str, loading: str, directory: str, plan: confine.Plan
) -> socket.socket:
    """In a node process that is an interpreter of its own: its socket, once it has one."""
    for fd in (int(channel_fd), int(lock_fd)):
        if fd >= 0:
            os.set_inheritable(fd, False)
    offer_package(directory)
    return wait_for_socket(socket.socket(fileno=int(channel_fd)), directory, plan, int(loading))


def channel_pair() -> tuple[socket.socket, socket.socket]:
    """Two ends of a channel between a zygote and a spare."""
    return socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)


def hand_over(channel: socket.socket, sock: socket.socket, name: str) -> None:
    """Pass a socket and its process's name. Raises OSError when nobody is there to take it."""
    attached = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [sock.fileno()]))]
    channel.sendmsg([name.encode()], attached)


def wait_for_socket(
    channel: socket.socket, directory: str, plan: confine.Plan, loading: int
) -> socket.socket:
    """In a spare: import the nodes, if asked to, and wait for a socket; ends when none comes."""
    if loading:
        # The kernel ends a spare that never comes to an end, whatever it does.
        signal.setitimer(signal.ITIMER_REAL, LOAD_S)
        # What imports print was told once, by the zygote; not by every process again.
        lead_nowhere()
        load(directory)
        signal.setitimer(signal.ITIMER_REAL, 0)
        channel.send(b"r")
    name, attached, _, _ = channel.recvmsg(64, socket.CMSG_SPACE(4))
    fds = array.array("i", b"".join(content for _, _, content in attached))
    if not fds:
        os._exit(0)
    channel.close()
    os.set_inheritable(fds[0], False)
    confine.settle(plan, name.decode())
    return socket.socket(fileno=fds[0])
