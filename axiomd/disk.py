"""What an operating system's file calls mean for durable state: out of room, names on disk."""

import errno
import os
from pathlib import Path

NO_ROOM = frozenset({errno.ENOSPC, errno.EFBIG, errno.EDQUOT})
"""Error numbers of a disk, a file size limit or a quota that is used up."""


def no_room(failure: OSError) -> bool:
    """Whether a write failed because there is no room for it."""
    return failure.errno in NO_ROOM


def says_no_room(words: str) -> bool:
    """`no_room` for an error that only quotes the operating system."""
    return any(os.strerror(number) in words for number in NO_ROOM)


def sync_directory(path: Path) -> None:
    """Make the names in a directory durable."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
