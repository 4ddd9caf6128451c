"""No node process of an earlier axiomd runs beside ours: the data directory's `nodes.lock`.

axiomd opens and locks the file and hands the descriptor to its zygotes, whose forks inherit it.
A flock belongs to the open file, not to a process, so it is held until the last of them is gone;
programs that nodes start do not inherit it. The kernel kills node processes when axiomd dies, so
the wait is short; what still holds the lock after a moment (a process that node code forked by
itself, say) is found by its open descriptor and killed.

Only the owner of the data directory may call this: a second axiomd must be refused before, by
the store's own lock, or this would kill the first one.
"""

import errno
import fcntl
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from axiomd.errors import DataDirBusy

PATIENCE_S = 0.5
"""Seconds predecessors get to die by themselves."""
POLL_S = 0.01


def wait_for_predecessors(path: Path, timeout_s: float = 10.0) -> int:
    """Lock `path`, waiting for and then killing whoever holds it; returns the descriptor.

    Blocks the thread; at start nothing else has to run. Raises DataDirBusy after `timeout_s`.
    """
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    started = time.monotonic()
    try:
        while not _try_lock(fd):
            waited = time.monotonic() - started
            if waited > timeout_s:
                pids = ", ".join(str(pid) for pid in holders(path)) or "unknown"
                raise DataDirBusy(f"{path} is still held by other processes: {pids}.")
            if waited > PATIENCE_S:
                kill_holders(path)
            time.sleep(POLL_S)
    except BaseException:
        os.close(fd)
        raise
    return fd


def holders(path: Path) -> Iterator[int]:
    """Process numbers, other than ours, that have `path` open, as far as we may see."""
    wanted = path.stat()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid() and _has_open(entry, wanted):
            yield int(entry.name)


def kill_holders(path: Path) -> None:
    """Kill the processes, other than ours, that have `path` open."""
    wanted = path.stat()
    for pid in list(holders(path)):
        kill_if(pid, lambda process: _has_open(process, wanted))


def kill_if(pid: int, condition: Callable[[Path], bool]) -> None:
    """Kill a process if `condition` holds of its directory in /proc, now that it is held on to."""
    try:
        pidfd = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        # Looked at again through the pidfd's lifetime: the number may have changed hands.
        if condition(Path(f"/proc/{pid}")):
            signal.pidfd_send_signal(pidfd, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        pass
    finally:
        os.close(pidfd)


def kill_marked(variable: str, place: str, timeout_s: float = 1.0) -> None:
    """Kill what node code has started and let go of: the processes whose environment says that
    `place`, or a directory in it, is where they may write. Blocks until none is found."""
    mark = f"{variable}={place}".encode()
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        found = [
            int(entry.name)
            for entry in Path("/proc").iterdir()
            if entry.name.isdigit() and _is_marked(entry, mark)
        ]
        if not found:
            return
        for pid in found:
            kill_if(pid, lambda process: _is_marked(process, mark))
        # Those that are just being started show up in the next look.
        time.sleep(POLL_S)


def _is_marked(process: Path, mark: bytes) -> bool:
    try:
        variables = (process / "environ").read_bytes().split(b"\0")
    except OSError:
        return False
    return any(text == mark or text.startswith(mark + b"/") for text in variables)


def _has_open(process: Path, wanted: os.stat_result) -> bool:
    try:
        for fd in (process / "fd").iterdir():
            try:
                found = fd.stat()
            except OSError:
                continue
            if (found.st_dev, found.st_ino) == (wanted.st_dev, wanted.st_ino):
                return True
    except OSError:
        # Gone meanwhile, or somebody else's: those cannot be our node processes.
        return False
    return False


def _try_lock(fd: int) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as failure:
        if failure.errno not in (errno.EWOULDBLOCK, errno.EINTR):
            raise
        return False
    return True
