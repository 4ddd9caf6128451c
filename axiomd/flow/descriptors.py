"""Facts about protobuf descriptors that the JSON mapping and the edge rules share."""

from collections.abc import Iterator

from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor

WELL_KNOWN = frozenset(
    f"google.protobuf.{name}"
    for name in ("Any", "Duration", "FieldMask", "ListValue", "Struct", "Timestamp", "Value")
)
"""Messages whose JSON form is not an object of their fields; `json_format` converts these."""
WRAPPERS_FILE = "google/protobuf/wrappers.proto"
"""Messages of this file are written as their bare value."""

NULL_VALUE = "google.protobuf.NullValue"
"""The enum whose one value is written as null."""

INT32 = (-(2**31), 2**31 - 1)
_INT64 = (-(2**63), 2**63 - 1)
_UINT32 = (0, 2**32 - 1)
_UINT64 = (0, 2**64 - 1)
INTEGER_RANGES = {
    FieldDescriptor.TYPE_INT32: INT32,
    FieldDescriptor.TYPE_SINT32: INT32,
    FieldDescriptor.TYPE_SFIXED32: INT32,
    FieldDescriptor.TYPE_UINT32: _UINT32,
    FieldDescriptor.TYPE_FIXED32: _UINT32,
    FieldDescriptor.TYPE_INT64: _INT64,
    FieldDescriptor.TYPE_SINT64: _INT64,
    FieldDescriptor.TYPE_SFIXED64: _INT64,
    FieldDescriptor.TYPE_UINT64: _UINT64,
    FieldDescriptor.TYPE_FIXED64: _UINT64,
}
"""Smallest and largest value of each integer kind."""


def is_map(field: FieldDescriptor) -> bool:
    """Whether the field is a map, which on the wire is a list of entries."""
    return field.message_type is not None and bool(field.message_type.GetOptions().map_entry)


def message_of(field: FieldDescriptor) -> Descriptor:
    """The message of a field that is known to hold one."""
    assert field.message_type is not None
    return field.message_type


def enum_of(field: FieldDescriptor) -> EnumDescriptor:
    """The enum of a field that is known to hold one."""
    assert field.enum_type is not None
    return field.enum_type


def choices(descriptor: Descriptor) -> Iterator[tuple[str, tuple[str, ...]]]:
    """The oneofs with a choice to make: name and members (`optional` has a oneof of its own)."""
    for oneof in descriptor.oneofs:
        if len(oneof.fields) > 1:
            yield oneof.name, tuple(field.name for field in oneof.fields)


def nested(descriptor: Descriptor) -> list[Descriptor]:
    """The messages that fields of `descriptor` hold, once each."""
    held = {f.message_type.full_name: f.message_type for f in descriptor.fields if f.message_type}
    return list(held.values())


def closure(descriptor: Descriptor) -> dict[str, Descriptor]:
    """`descriptor` and every message that can be inside it, by full name."""
    found = {descriptor.full_name: descriptor}
    todo = [descriptor]
    while todo:
        for inner in nested(todo.pop()):
            if inner.full_name not in found:
                found[inner.full_name] = inner
                todo.append(inner)
    return found


def is_recursive(descriptor: Descriptor) -> bool:
    """Whether a message can be nested without bound."""
    inner = {name: {i.full_name for i in nested(d)} for name, d in closure(descriptor).items()}
    while leaves := {name for name, held in inner.items() if not held & inner.keys()}:
        inner = {name: held for name, held in inner.items() if name not in leaves}
    return bool(inner)
