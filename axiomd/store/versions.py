"""The version byte that every record begins with.

Decoding looks at it, so that a store of a later axiomd is refused and never misread.
"""

from axiomd.errors import StoreFailed

VERSION = b"\x01"


def body(value: bytes) -> bytes:
    """A record without its version. Raises StoreFailed if it is of another one."""
    if value[:1] != VERSION:
        raise StoreFailed(f"a record has version {value[:1].hex()}, this axiomd reads 01")
    return value[1:]
