"""Landlock: which files this process and all that it starts may read and write, for good.

Nothing that is not allowed here can be opened, however it is named. Rules hold for what they
were made of, a directory with everything below it or one file; paths that do not exist give no
rule. Needs no privilege. What a kernel of an earlier version cannot hold is not asked of it.
"""

from __future__ import annotations

import ctypes
import os
import stat
import struct
from typing import Iterable  # noqa: UP035 (Python 3.8)

from .kernel import LIBC, syscall

CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446
VERSION = 1
PATH_BENEATH = 1

EXECUTE, WRITE_FILE, READ_FILE, READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
REFER, TRUNCATE, IOCTL_DEV = 1 << 13, 1 << 14, 1 << 15
SCOPE_ABSTRACT_SOCKET, SCOPE_SIGNAL = 1 << 0, 1 << 1

READ = READ_FILE | READ_DIR
RUN = READ | EXECUTE
WRITE = (1 << 16) - 1
"""Everything: also to make and remove, and to talk to devices."""
_OF_A_FILE = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | IOCTL_DEV
"""Rights that a rule about one file may give."""

_KNOWN = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 4: (1 << 15) - 1}
"""Rights that a version can hold; from the fifth on all of these."""
_SIZES = {1: 8, 2: 8, 3: 8, 4: 16, 5: 16}
"""Bytes of a ruleset's attributes that a version takes; from the sixth on 24."""
_RULESET = struct.Struct("=QQQ")
"""What it is about: files, network, scopes. What it is about and no rule allows is denied."""
_RULE = struct.Struct("=Qi")
"""What is allowed, on the file of a descriptor or below its directory."""


def version() -> int:
    """The version of Landlock in this kernel; 0 if there is none."""
    number = ctypes.c_uint32(VERSION)
    return max(0, int(LIBC.syscall(CREATE_RULESET, None, ctypes.c_size_t(0), number)))


def restrict(rules: Iterable[tuple[str, int]]) -> None:
    """Deny all files but those below the paths of `rules`, each with its rights.

    Signals and abstract sockets reach only what is restricted together, where the kernel can
    hold that. Asks for no_new_privs. Raises OSError.
    """
    abi = version()
    handled = _KNOWN.get(abi, WRITE)
    about = _RULESET.pack(handled, 0, SCOPE_ABSTRACT_SOCKET | SCOPE_SIGNAL if abi >= 6 else 0)
    size = ctypes.c_size_t(_SIZES.get(abi, _RULESET.size))
    none = ctypes.c_uint32(0)
    ruleset = syscall(CREATE_RULESET, "Landlock", about, size, none)
    try:
        for path, rights in rules:
            _allow(ruleset, path, rights & handled)
        syscall(RESTRICT_SELF, "Landlock", ctypes.c_int(ruleset), none)
    finally:
        os.close(ruleset)


def _allow(ruleset: int, path: str, rights: int) -> None:
    try:
        fd = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    try:
        if not stat.S_ISDIR(os.fstat(fd).st_mode):
            rights &= _OF_A_FILE
        where = (ctypes.c_int(ruleset), ctypes.c_int(PATH_BENEATH))
        rule = _RULE.pack(rights, fd)
        syscall(ADD_RULE, "Landlock " + path, *where, rule, ctypes.c_uint32(0))
    finally:
        os.close(fd)
