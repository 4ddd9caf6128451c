"""Rows of a table in order, from a cursor of a read transaction."""

from collections.abc import Callable, Iterator

import lmdb


def forwards(
    walk: "lmdb.Cursor", prefix: bytes, first: bytes, limit: int
) -> Iterator[tuple[bytes, bytes]]:
    """Rows from `first` on that start with `prefix`; the walk ends on the first row left."""
    at_row = walk.set_range(first) if first else walk.first()
    return _rows(walk, prefix, limit, at_row, walk.next)


def backwards(
    walk: "lmdb.Cursor", prefix: bytes, before: bytes, limit: int
) -> Iterator[tuple[bytes, bytes]]:
    """Rows below `before` that start with `prefix`, last first; ends on the first row left."""
    at_row = walk.prev() if walk.set_range(before) else walk.last()
    return _rows(walk, prefix, limit, at_row, walk.prev)


def _rows(
    walk: "lmdb.Cursor", prefix: bytes, limit: int, at_row: bool, step: Callable[[], bool]
) -> Iterator[tuple[bytes, bytes]]:
    while at_row and limit > 0:
        key, value = bytes(walk.key()), bytes(walk.value())
        if not key.startswith(prefix):
            return
        yield key, value
        limit -= 1
        at_row = step()
