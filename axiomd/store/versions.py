"""The version byte that every record begins with, and what a record that cannot be read means.

Decoding looks at it, so that a store of a later axiomd is refused and never misread.
"""

import functools
import struct
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar, get_args

from google.protobuf.message import DecodeError

from axiomd.errors import StoreFailed

P = ParamSpec("P")
T = TypeVar("T")

_UNREADABLE = (DecodeError, ValueError, LookupError, AssertionError, struct.error)
"""What decoding raises where a row is not what it should be."""

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


def reads(decode: Callable[P, T]) -> Callable[P, T]:
    """Make the decoder of a record raise StoreFailed, and nothing else, for a damaged one."""

    @functools.wraps(decode)
    def read(*given: P.args, **named: P.kwargs) -> T:
        try:
            return decode(*given, **named)
        except _UNREADABLE as failure:
            told = f"{type(failure).__name__}: {failure}"
            raise StoreFailed(f"a record is damaged ({decode.__name__}): {told}") from failure

    return read
