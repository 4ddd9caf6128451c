"""The version byte that every record begins with.

Decoding looks at it, so that a store of a later axiomd is refused and never misread.
"""

from typing import Any, get_args

from axiomd.errors import StoreFailed

VERSION = b"\x01"


def body(value: bytes) -> bytes:
    """A record without its version. Raises StoreFailed if it is of another one."""
    if value[:1] != VERSION:
        raise StoreFailed(f"a record has version {value[:1].hex()}, this axiomd reads 01")
    return value[1:]


def one_of(text: str, literal: Any) -> Any:
    """`text`, which must be one of the texts of a Literal. Raises StoreFailed."""
    if text not in get_args(literal):
        raise StoreFailed(f"a record has {text!r} where one of {get_args(literal)} is meant")
    return text
