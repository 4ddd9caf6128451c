"""JSON values → protobuf messages, following the proto3 JSON mapping, checked field by field.

A reader is a closure made once for a message type: it turns a JSON value into what the
message's constructor takes (nested dicts, lists, scalars), so the bytes are built by the
protobuf runtime in one call. Measured 3.5 to 5 times faster than protobuf's own `json_format`,
which stays the oracle in tests and does the well-known types here.

Stricter than `json_format` where that one guesses: no number from `"inf"`, `"1_000"` or
`true`, no bytes from broken base64, no enum from a number in quotes, no field given twice
under its two names. Knows nothing of where the JSON came from.
"""

import math
from typing import Any

from google.protobuf import json_format
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass

from axiomd.flow.descriptors import (
    NULL_VALUE,
    WELL_KNOWN,
    WRAPPERS_FILE,
    choices,
    enum_of,
    is_map,
    message_of,
)
from axiomd.flow.json_scalars import INTEGER, SCALARS, Faults, Read, read_enum, short
from axiomd.limits import JSON_DEPTH_MAX
from axiomd.strict import describe, unknown

_VALUE = "google.protobuf.Value"


class Readers:
    """The readers of one descriptor pool, each made once."""

    def __init__(self, pool: DescriptorPool) -> None:
        self._pool = pool
        self._made: dict[str, Read] = {}

    def message(self, descriptor: Descriptor) -> Read:
        """The reader of a whole message; its depth starts at 1."""
        name = descriptor.full_name
        if name not in self._made:
            # A recursive message finds this stand-in while its own reader is being made.
            self._made[name] = lambda *given: self._made[name](*given)  # noqa: PLW0108
            self._made[name] = self._make(descriptor)
        return self._made[name]

    def _make(self, descriptor: Descriptor) -> Read:
        if descriptor.file.name == WRAPPERS_FILE:
            return _read_wrapper(self._element(descriptor.fields_by_name["value"]))
        if descriptor.full_name in WELL_KNOWN:
            return _read_well_known(descriptor, self._pool)
        return _read_object(descriptor, {f.name: self._field(f) for f in descriptor.fields})

    def _field(self, field: FieldDescriptor) -> Read:
        if is_map(field):
            entry = message_of(field).fields_by_name
            return _read_map(_read_key(entry["key"]), self._element(entry["value"]))
        element = self._element(field)
        return _read_list(element) if field.is_repeated else element

    def _element(self, field: FieldDescriptor) -> Read:
        if field.message_type is not None:
            return self.message(message_of(field))
        if field.type == FieldDescriptor.TYPE_ENUM:
            return read_enum(enum_of(field))
        return SCALARS[field.type]


def _takes_null(field: FieldDescriptor) -> bool:
    """Whether null is a value of the field's own; everywhere else it means unset."""
    if field.is_repeated:
        return False
    if field.type == FieldDescriptor.TYPE_ENUM:
        return bool(enum_of(field).full_name == NULL_VALUE)
    return field.type == FieldDescriptor.TYPE_MESSAGE and message_of(field).full_name == _VALUE


def _read_object(descriptor: Descriptor, readers: dict[str, Read]) -> Read:
    oneofs = tuple(choices(descriptor))
    with_null = frozenset(field.name for field in descriptor.fields if _takes_null(field))
    camel = {field.json_name: field.name for field in descriptor.fields}
    full_name = descriptor.full_name

    def read(value: Any, depth: int) -> dict[str, Any]:
        if type(value) is not dict:
            raise Faults(f"must be a mapping ({full_name}), not {describe(value)}")
        if depth > JSON_DEPTH_MAX:
            raise Faults(f"is nested deeper than {JSON_DEPTH_MAX} messages")
        out: dict[str, Any] = {}
        faults = None
        below = depth + 1
        for key, item in value.items():
            try:
                # A name that is not the proto's own may still be its camelCase form.
                name = key if key in readers else _camel_name(key, camel, value, full_name)
                if item is not None or name in with_null:
                    out[name] = readers[name](item, below)
            except Faults as found:
                faults = faults or Faults()
                if faults.add(f".{short(key)}", found):
                    break
        for oneof, members in oneofs:
            given = [name for name in members if name in out]
            if len(given) > 1:
                faults = faults or Faults()
                faults.add(f".{given[-1]}", _several_set(oneof, given))
        if faults is not None:
            raise faults
        return out

    return read


def _camel_name(key: str, camel: dict[str, str], value: dict[str, Any], message: str) -> str:
    name = camel.get(key)
    if name is None:
        # The suggestion is worth its search only for the problems that get reported.
        raise Faults(lambda: f"{unknown('field', short(key), camel.values())} ({message})")
    if name in value:
        raise Faults(f"is given twice, as {key!r} and {name!r}")
    return name


def _several_set(oneof: str, given: list[str]) -> Faults:
    return Faults(f"only one member of {oneof!r} may be set, not {' and '.join(given)}")


def _read_list(element: Read) -> Read:
    def read(value: Any, depth: int) -> list[Any]:
        if type(value) is not list:
            raise Faults(f"must be a list, not {describe(value)}")
        out = []
        faults = None
        for index, item in enumerate(value):
            try:
                out.append(element(item, depth))
            except Faults as found:
                faults = faults or Faults()
                if faults.add(f"[{index}]", found):
                    break
        if faults is not None:
            raise faults
        return out

    return read


def _read_map(key_of: Read, element: Read) -> Read:
    def read(value: Any, depth: int) -> dict[Any, Any]:
        if type(value) is not dict:
            raise Faults(f"must be a mapping, not {describe(value)}")
        out: dict[Any, Any] = {}
        faults = None
        for written, item in value.items():
            try:
                key = key_of(written, depth)
                if key in out:
                    raise Faults("is a key given twice")
                out[key] = element(item, depth)
            except Faults as found:
                faults = faults or Faults()
                if faults.add(f".{short(written)}", found):
                    break
        if faults is not None:
            raise faults
        return out

    return read


def _read_key(field: FieldDescriptor) -> Read:
    """Keys of JSON objects are texts, whatever the map's key type is."""
    scalar = SCALARS[field.type]
    if field.type == FieldDescriptor.TYPE_STRING:
        return scalar
    if field.type == FieldDescriptor.TYPE_BOOL:
        return _read_bool_key

    def read(value: Any, depth: int) -> Any:
        if not INTEGER.fullmatch(value):
            raise Faults("is a key that must be a whole number")
        return scalar(value, depth)

    return read


def _read_bool_key(value: Any, _: int) -> bool:
    if value not in ("true", "false"):
        raise Faults("is a key that must be true or false")
    return bool(value == "true")


def _read_wrapper(element: Read) -> Read:
    return lambda value, depth: {"value": element(value, depth)}


def _read_well_known(descriptor: Descriptor, pool: DescriptorPool) -> Read:
    cls = GetMessageClass(descriptor)
    name = descriptor.full_name

    def read(value: Any, _: int) -> Any:
        try:
            message = json_format.ParseDict(value, cls(), descriptor_pool=pool)
        except (json_format.ParseError, ValueError, TypeError, LookupError, ArithmeticError) as why:
            said = str(why).removesuffix(f" at {descriptor.name}")
            raise Faults(f"is not a {name}: {short(said)}") from None
        except AttributeError:
            raise Faults(f"is not a {name}, but {describe(value)}") from None
        if not _is_finite(value):
            raise Faults("holds NaN or an infinite number, which JSON cannot")
        return message

    return read


def _is_finite(value: Any) -> bool:
    """Whether a JSON value (whose depth has been checked) holds only real numbers."""
    if type(value) is dict:
        return all(map(_is_finite, value.values()))
    if type(value) is list:
        return all(map(_is_finite, value))
    return type(value) is not float or math.isfinite(value)
