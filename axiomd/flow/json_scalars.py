"""JSON scalars → the values of protobuf fields, by the proto3 JSON mapping.

Owns what a number, text, enum or base64 text may look like, and `Faults`, in which readers
gather everything that is wrong with a value instead of stopping at the first.
"""

import binascii
import math
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from typing import Any

from google.protobuf.descriptor import EnumDescriptor, FieldDescriptor

from axiomd.flow.descriptors import INT32, INTEGER_RANGES, NULL_VALUE
from axiomd.limits import PROBLEMS_MAX
from axiomd.strict import describe, unknown

Read = Callable[[Any, int], Any]
"""(JSON value, depth of the message it is in) → what a constructor takes; raises Faults."""
Sentence = str | Callable[[], str]

_WORD_CHARS_MAX = 80
INTEGER = re.compile(r"-?(0|[1-9][0-9]*)", re.ASCII)
_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?", re.ASCII)
_NUMBER_CHARS_MAX = 400
_INT_DIGITS_MAX = 20
_BEYOND = 10**30
"""Stands for any whole number with more digits than an integer kind has."""
_FLOAT32_MAX = math.nextafter(float.fromhex("0x1.ffffffp+127"), 0)
"""Rounds to the largest 32-bit float, whose shortest text is itself a little larger."""
_SPELLING = "NaN and the infinities are written as texts"
_FROM_URLSAFE = str.maketrans("-_", "+/")
_SPELLED_FLOATS = {name: float(name) for name in ("NaN", "Infinity", "-Infinity")}


class Faults(Exception):
    """What is wrong with a value, each under its path relative to that value."""

    def __init__(self, sentence: Sentence | None = None) -> None:
        self.found: list[tuple[str, Sentence]] = [] if sentence is None else [("", sentence)]
        super().__init__(self.found)

    def add(self, step: str, inner: "Faults") -> bool:
        """Take over what is wrong with the member at `step`; whether that is enough to report."""
        self.found += [(step + path, sentence) for path, sentence in inner.found]
        return len(self.found) > PROBLEMS_MAX

    def spelled(self) -> Iterator[tuple[str, str]]:
        """(path, sentence) of each; suggestions are looked up only now."""
        for path, sentence in self.found:
            yield path, sentence if isinstance(sentence, str) else sentence()


def short(word: object) -> str:
    """`word` as text that fits into a sentence."""
    text = str(word)
    return text if len(text) <= _WORD_CHARS_MAX else text[:_WORD_CHARS_MAX] + "…"


def _read_text(value: Any, _: int) -> str:
    if type(value) is not str:
        raise Faults(f"must be a text, not {describe(value)}")
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            raise Faults("holds half of a surrogate pair, which is not Unicode text") from None
    return value


def _read_bool(value: Any, _: int) -> bool:
    if type(value) is not bool:
        raise Faults(f"must be true or false, not {describe(value)}")
    return value


def _read_bytes(value: Any, _: int) -> bytes:
    if type(value) is not str:
        raise Faults(f"must be base64 text, not {describe(value)}")
    bare = value.rstrip("=").translate(_FROM_URLSAFE)
    padded = bare + "=" * (-len(bare) % 4)
    try:
        if not 0 <= len(value) - len(bare) <= 2:
            raise ValueError
        return binascii.a2b_base64(padded, strict_mode=True)
    except ValueError:
        raise Faults("is not base64") from None


def _read_integer(low: int, high: int) -> Read:
    def read(value: Any, _: int) -> int:
        number = value if type(value) is int else _whole(value)
        if number is None:
            raise Faults(f"must be a whole number, not {_what(value)}")
        if low <= number <= high:
            return number
        raise Faults(f"must be from {low} to {high}")

    return read


def _whole(value: Any) -> int | None:
    """A whole number written as `1.0`, or as the text of a number."""
    if type(value) is float and value.is_integer():
        return int(value)
    if type(value) is not str or len(value) > _NUMBER_CHARS_MAX:
        return None
    plain = _plain_whole(value)
    if plain is not None:
        return plain
    if not _NUMBER.fullmatch(value):
        return None
    exact = Decimal(value)
    if exact.adjusted() > _INT_DIGITS_MAX:
        return _BEYOND
    # Below that bound a number is cheap to expand, and exact where a float would round.
    return int(exact) if exact == exact.to_integral_value() else None


def _plain_whole(text: str) -> int | None:
    """The usual spelling, which costs a third of the general rule."""
    try:
        number = int(text)
    except ValueError:
        return None
    return number if str(number) == text else None


def _read_float(largest: float) -> Read:
    def read(value: Any, _: int) -> float:
        number = value if type(value) is float else _real(value)
        if number is None:
            raise Faults(f"must be a number, not {_what(value)}")
        if -largest <= number <= largest:
            return number
        if type(value) is str and value in _SPELLED_FLOATS:
            return number
        raise Faults(f"must be a number from {-largest:g} to {largest:g}; {_SPELLING}")

    return read


def _real(value: Any) -> float | None:
    if type(value) is int:
        try:
            return float(value)
        except OverflowError:
            return math.inf
    if type(value) is not str:
        return None
    if _NUMBER.fullmatch(value):
        return float(value)
    return _SPELLED_FLOATS.get(value)


def _what(value: Any) -> str:
    """The offending value itself if it is short and of nearly the right kind."""
    return repr(short(value)) if type(value) in (str, float) else describe(value)


def read_enum(enum: EnumDescriptor) -> Read:
    """The reader of an enum: names and numbers; unknown numbers too unless the enum is closed."""
    numbers = {value.name: value.number for value in enum.values}
    known = frozenset(numbers.values()) if enum.is_closed else None
    nullable = enum.full_name == NULL_VALUE
    number_of = _read_integer(*INT32)

    def read(value: Any, depth: int) -> int:
        if type(value) is str:
            if value in numbers:
                return numbers[value]
            raise Faults(lambda: unknown(f"value of {enum.full_name}", short(value), numbers))
        if value is None and nullable:
            return 0
        if type(value) not in (int, float):
            raise Faults(f"must be the name or number of a {enum.full_name}")
        number: int = number_of(value, depth)
        if known is not None and number not in known:
            raise Faults(f"must be the number of a {enum.full_name}, not {number}")
        return number

    return read


SCALARS: Mapping[int, Read] = {
    FieldDescriptor.TYPE_STRING: _read_text,
    FieldDescriptor.TYPE_BYTES: _read_bytes,
    FieldDescriptor.TYPE_BOOL: _read_bool,
    FieldDescriptor.TYPE_FLOAT: _read_float(_FLOAT32_MAX),
    FieldDescriptor.TYPE_DOUBLE: _read_float(sys.float_info.max),
    **{kind: _read_integer(*bounds) for kind, bounds in INTEGER_RANGES.items()},
}
"""The reader of each scalar kind."""
