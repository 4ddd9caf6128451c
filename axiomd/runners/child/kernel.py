"""System calls that Python has no name for, by way of the C library; each raises OSError.

Numbers are those of every architecture Linux has had since 5.x gave them out in common.
"""

from __future__ import annotations

import ctypes
import os
import signal

LIBC = ctypes.CDLL(None, use_errno=True)

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
PR_SET_NO_NEW_PRIVS = 38

CLONE_NEWNS = 0x00020000
CLONE_NEWUSER = 0x10000000
CLONE_NEWPID = 0x20000000

MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_REC, MS_SLAVE = 2, 4, 8, 1 << 14, 1 << 19

_CAPABILITY_VERSION = 0x20080522


def checked(result: int, what: str) -> int:
    """`result` of a call, or the OSError that it stands for, naming `what` was tried."""
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number) + " (" + what + ")")
    return result


def syscall(number: int, what: str, *arguments: object) -> int:
    """A system call by its number."""
    return checked(int(LIBC.syscall(ctypes.c_long(number), *arguments)), what)


def prctl(option: int, value: int, what: str) -> None:
    """One attribute of this process."""
    rest = (ctypes.c_ulong(0),) * 3
    checked(int(LIBC.prctl(ctypes.c_int(option), ctypes.c_ulong(value), *rest)), what)


def die_with(parent: int | None) -> None:
    """Have the kernel kill this process when its parent dies; None for that no more.

    parent: its number, 0 if that cannot be known here. Ends at once if it is gone already.
    """
    wanted = 0 if parent is None else int(signal.SIGKILL)
    prctl(PR_SET_PDEATHSIG, wanted, "parent death")
    if parent and os.getppid() != parent:
        os._exit(0)


def unshare(flags: int) -> None:
    """Leave namespaces for new ones; a new one of processes takes the next child."""
    checked(int(LIBC.unshare(ctypes.c_int(flags))), "unshare")


def mount(source: str, target: str, kind: str, flags: int) -> None:
    """Mount a file system, or change how a mount behaves."""
    given = [text.encode() for text in (source, target, kind)]
    checked(int(LIBC.mount(*given, ctypes.c_ulong(flags), None)), "mount " + target)


def drop_capabilities() -> None:
    """Have none of root's privileges from here on, not even by starting a program."""
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION, 0)
    none = (ctypes.c_uint32 * 6)()
    checked(int(LIBC.capset(header, none)), "capset")


def open_pidfd(pid: int) -> int:
    """A descriptor of a child that was not reaped yet; before 3.9 by the system call's number."""
    if hasattr(os, "pidfd_open"):
        return os.pidfd_open(pid)
    return syscall(434, "pidfd_open", ctypes.c_int(pid), ctypes.c_uint(0))
