"""Pages of a list, and where it goes on, as text: the end of the key that was handed out last."""

import base64
import binascii

from axiomd.errors import Malformed
from axiomd.store import keys
from axiomd.store.env import Store
from axiomd.store.walking import forwards

NO_CURSOR = "The cursor is not one of this box; take it from next_cursor."


def write_row_cursor(tail: bytes) -> str:
    """The cursor behind a row, of which `tail` ends the key."""
    return base64.urlsafe_b64encode(tail).decode()


def read_row_cursor(text: str) -> bytes:
    """The end of the key that a list of the catalog stopped at."""
    raw = decode_cursor(text)
    if not raw:
        raise Malformed(NO_CURSOR)
    return raw


def decode_cursor(text: str) -> bytes:
    """The bytes in a cursor; none if it is not one."""
    try:
        return base64.urlsafe_b64decode(text.encode())
    except (binascii.Error, ValueError):
        return b""


def read_page(
    store: Store, table: str, prefix: bytes, limit: int, cursor: str | None
) -> tuple[list[tuple[bytes, bytes]], str | None]:
    """Rows that start with `prefix` from a cursor on, and the cursor behind them if there are more.

    Raises Malformed if the cursor is none.
    """
    # A zero byte makes the key after the one that was handed out last.
    first = prefix + (read_row_cursor(cursor) + b"\0" if cursor is not None else b"")
    if len(first) > keys.KEY_BYTES_MAX:
        raise Malformed(NO_CURSOR)
    with store.read() as transaction:
        walk = transaction.cursor(store.tables[table])
        rows = list(forwards(walk, prefix, first, limit + 1))
    page = rows[:limit]
    return page, write_row_cursor(page[-1][0][len(prefix) :]) if len(rows) > limit else None
