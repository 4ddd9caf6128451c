"""Where a list of rows goes on, as text: the end of the key that was handed out last."""

import base64
import binascii

from axiomd.errors import Malformed

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
