"""Messages as JSON Schema, for forms and API documents.

Says what an input looks like in its plainest form: 64-bit integers are texts or numbers, enums
are given by name, `null` (which means unset everywhere) is not spelled out.
"""

from typing import Any

from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor

from axiomd.flow.descriptors import (
    INTEGER_RANGES,
    NULL_VALUE,
    WELL_KNOWN,
    WRAPPERS_FILE,
    choices,
    closure,
    enum_of,
    is_map,
    message_of,
)

_WELL_KNOWN: dict[str, dict[str, Any]] = {
    "Any": {"type": "object", "properties": {"@type": {"type": "string"}}},
    "Duration": {"type": "string", "pattern": r"^-?[0-9]+(\.[0-9]{1,9})?s$"},
    "FieldMask": {"type": "string"},
    "ListValue": {"type": "array"},
    "Struct": {"type": "object"},
    "Timestamp": {"type": "string", "format": "date-time"},
    "Value": {},
}
_SCALARS: dict[int, dict[str, Any]] = {
    FieldDescriptor.TYPE_STRING: {"type": "string"},
    FieldDescriptor.TYPE_BYTES: {"type": "string", "contentEncoding": "base64"},
    FieldDescriptor.TYPE_BOOL: {"type": "boolean"},
    FieldDescriptor.TYPE_FLOAT: {"type": "number", "format": "float"},
    FieldDescriptor.TYPE_DOUBLE: {"type": "number", "format": "double"},
}


def describe_message(descriptor: Descriptor) -> dict[str, Any]:
    """The schema of `descriptor`; the messages inside it are under `$defs` by full name."""
    inner = {
        name: _object(nested)
        for name, nested in sorted(closure(descriptor).items())
        if not nested.GetOptions().map_entry and not _has_own_form(nested)
    }
    if _has_own_form(descriptor):
        return _message(descriptor)
    root = inner[descriptor.full_name]
    if not _is_held(descriptor):
        del inner[descriptor.full_name]
    return {**root, "$defs": inner} if inner else root


def _is_held(descriptor: Descriptor) -> bool:
    """Whether the message is inside itself, so that its schema refers to it."""
    return any(
        field.message_type is not None and field.message_type.full_name == descriptor.full_name
        for inner in closure(descriptor).values()
        for field in inner.fields
    )


def _has_own_form(descriptor: Descriptor) -> bool:
    return descriptor.full_name in WELL_KNOWN or descriptor.file.name == WRAPPERS_FILE


def _object(descriptor: Descriptor) -> dict[str, Any]:
    schema: dict[str, Any] = {
        "title": descriptor.full_name,
        "type": "object",
        "properties": {field.name: _field(field) for field in descriptor.fields},
        "additionalProperties": False,
    }
    oneofs = {name: list(members) for name, members in choices(descriptor)}
    return {**schema, "x-oneof": oneofs} if oneofs else schema


def _field(field: FieldDescriptor) -> dict[str, Any]:
    if is_map(field):
        value = message_of(field).fields_by_name["value"]
        return {"type": "object", "additionalProperties": _element(value)}
    element = _element(field)
    return {"type": "array", "items": element} if field.is_repeated else element


def _element(field: FieldDescriptor) -> dict[str, Any]:
    if field.message_type is not None:
        return _message(field.message_type)
    if field.type == FieldDescriptor.TYPE_ENUM:
        return _enum(enum_of(field))
    return _scalar(field.type)


def _message(descriptor: Descriptor) -> dict[str, Any]:
    if descriptor.file.name == WRAPPERS_FILE:
        return _scalar(descriptor.fields_by_name["value"].type)
    if descriptor.full_name in WELL_KNOWN:
        return dict(_WELL_KNOWN[descriptor.name])
    return {"$ref": f"#/$defs/{descriptor.full_name}"}


def _enum(enum: EnumDescriptor) -> dict[str, Any]:
    if enum.full_name == NULL_VALUE:
        return {"type": "null"}
    return {"type": "string", "title": enum.full_name, "enum": [v.name for v in enum.values]}


def _scalar(kind: int) -> dict[str, Any]:
    if kind not in INTEGER_RANGES:
        return dict(_SCALARS[kind])
    low, high = INTEGER_RANGES[kind]
    if high > 2**32:
        return {
            "type": ["string", "integer"],
            "pattern": "^-?[0-9]+$" if low else "^[0-9]+$",
            "format": "int64" if low else "uint64",
        }
    return {"type": "integer", "minimum": low, "maximum": high}
