"""Protobuf messages → JSON values, by the proto3 JSON mapping as axiomd prints it.

Names are the proto's own, unset scalars are printed with their defaults, unset fields that know
whether they are set (messages, `optional`, oneof members) are left out; 64-bit integers are
texts. The same as `json_format.MessageToDict(preserving_proto_field_name=True,
always_print_fields_with_no_presence=True)`, which is the oracle in tests and does the
well-known types, but from closures made once for a message type.

Never fails on a message that parses: a well-known value that has no JSON form (a `Timestamp`
beyond year 9999, an `Any` of a foreign type, a `Value` of NaN) is printed as its plain fields.
"""

import binascii
import math
import struct
from collections.abc import Callable, Mapping
from typing import Any

from google.protobuf import json_format
from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import DecodeError

from axiomd.flow.descriptors import (
    INTEGER_RANGES,
    NULL_VALUE,
    WELL_KNOWN,
    WRAPPERS_FILE,
    enum_of,
    is_map,
    message_of,
)

Write = Callable[[Any], Any]
"""Message or field value → JSON value."""

_FLOAT32 = struct.Struct("<f")
_FLOAT_DIGITS = range(6, 10)
_LONG = frozenset(kind for kind, (_, high) in INTEGER_RANGES.items() if high >= 2**63 - 1)


class Writers:
    """The writers of one descriptor pool, each made once."""

    def __init__(self, pool: DescriptorPool) -> None:
        self._pool = pool
        self._made: dict[str, Write] = {}

    def message(self, descriptor: Descriptor) -> Write:
        """The writer of a whole message."""
        name = descriptor.full_name
        if name not in self._made:
            # A recursive message finds this stand-in while its own writer is being made.
            self._made[name] = lambda message: self._made[name](message)  # noqa: PLW0108
            self._made[name] = self._make(descriptor)
        return self._made[name]

    def _make(self, descriptor: Descriptor) -> Write:
        if descriptor.file.name == WRAPPERS_FILE:
            element = self._element(descriptor.fields_by_name["value"])
            return lambda message: element(message.value) if element else message.value
        plain = _write_object([(f.name, f.has_presence, self._field(f)) for f in descriptor.fields])
        if descriptor.full_name in WELL_KNOWN:
            return _write_well_known(self._pool, plain)
        return plain

    def _field(self, field: FieldDescriptor) -> Write | None:
        if is_map(field):
            entry = message_of(field).fields_by_name
            return _write_map(entry["key"], self._element(entry["value"]))
        element = self._element(field)
        return _write_list(element) if field.is_repeated else element

    def _element(self, field: FieldDescriptor) -> Write | None:
        """The writer of one value; None if it is its own JSON form."""
        if field.message_type is not None:
            return self.message(field.message_type)
        if field.type == FieldDescriptor.TYPE_ENUM:
            return _write_enum(enum_of(field))
        return _SCALARS.get(field.type)


def _write_object(fields: list[tuple[str, bool, Write | None]]) -> Write:
    def write(message: Any) -> dict[str, Any]:
        out = {}
        for name, has_presence, element in fields:
            if has_presence and not message.HasField(name):
                continue
            value = getattr(message, name)
            out[name] = value if element is None else element(value)
        return out

    return write


def _write_list(element: Write | None) -> Write:
    if element is None:
        return list
    return lambda values: [element(value) for value in values]


def _write_map(key: FieldDescriptor, element: Write | None) -> Write:
    spell = _spell_bool if key.type == FieldDescriptor.TYPE_BOOL else str
    if element is None:
        return lambda entries: {spell(key): value for key, value in entries.items()}
    return lambda entries: {spell(key): element(value) for key, value in entries.items()}


def _spell_bool(value: bool) -> str:
    return "true" if value else "false"


def _write_enum(enum: EnumDescriptor) -> Write:
    if enum.full_name == NULL_VALUE:
        return lambda _: None
    names = {number: value.name for number, value in enum.values_by_number.items()}
    return lambda number: names.get(number, number)


def _write_well_known(pool: DescriptorPool, plain: Write) -> Write:
    def write(message: Any) -> Any:
        try:
            return json_format.MessageToDict(
                message,
                preserving_proto_field_name=True,
                always_print_fields_with_no_presence=True,
                descriptor_pool=pool,
            )
        except (json_format.Error, ValueError, TypeError, ArithmeticError, DecodeError):
            return plain(message)

    return write


def _write_bytes(value: bytes) -> str:
    return binascii.b2a_base64(value, newline=False).decode()


def _write_double(value: float) -> float | str:
    return value if math.isfinite(value) else _spell_float(value)


def _write_float(value: float) -> float | str:
    if not math.isfinite(value):
        return _spell_float(value)
    for digits in _FLOAT_DIGITS:
        # The shortest text that is the same 32-bit number, as every protobuf runtime prints it.
        shortest = float(f"{value:.{digits}g}")
        if _as_float32(shortest) == value:
            return shortest
    return value


def _as_float32(value: float) -> float:
    try:
        number: float = _FLOAT32.unpack(_FLOAT32.pack(value))[0]
    except OverflowError:
        return math.inf
    return number


def _spell_float(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    return "Infinity" if value > 0 else "-Infinity"


_SCALARS: Mapping[int, Write] = {
    FieldDescriptor.TYPE_BYTES: _write_bytes,
    FieldDescriptor.TYPE_DOUBLE: _write_double,
    FieldDescriptor.TYPE_FLOAT: _write_float,
    **dict.fromkeys(_LONG, str),
}
