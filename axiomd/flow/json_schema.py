"""Messages as JSON Schema, for forms and API documents.

Says what an input looks like in its plainest form: 64-bit integers are texts or numbers, enums
are given by name, `null` (which means unset everywhere) is not spelled out. An output is described
as it is printed. What comments of the proto file say becomes the descriptions.
"""

from collections.abc import Mapping
from typing import Any

import attrs
from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor

from axiomd.flow.comments import Comments
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

Schema = dict[str, Any]

_WELL_KNOWN: Mapping[str, Schema] = {
    "Any": {"type": "object", "properties": {"@type": {"type": "string"}}},
    "Duration": {"type": "string", "pattern": r"^-?[0-9]+(\.[0-9]{1,9})?s$"},
    "FieldMask": {"type": "string"},
    "ListValue": {"type": "array"},
    "Struct": {"type": "object"},
    "Timestamp": {"type": "string", "format": "date-time"},
    "Value": {},
}
_SCALARS: Mapping[int, Schema] = {
    FieldDescriptor.TYPE_STRING: {"type": "string"},
    FieldDescriptor.TYPE_BYTES: {"type": "string", "contentEncoding": "base64"},
    FieldDescriptor.TYPE_BOOL: {"type": "boolean"},
    FieldDescriptor.TYPE_FLOAT: {"type": "number", "format": "float"},
    FieldDescriptor.TYPE_DOUBLE: {"type": "number", "format": "double"},
}
_SPELLED = {"enum": ["NaN", "Infinity", "-Infinity"]}
"""How a float is printed that is no number."""
_INSIDE = "#/$defs/"


def describe_message(descriptor: Descriptor, comments: Comments) -> Schema:
    """The schema of `descriptor`; the messages inside it are under `$defs` by full name."""
    describer = Describer(comments, _INSIDE)
    if _has_own_form(descriptor):
        return describer.message(descriptor)
    inner = describer.objects(descriptor)
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


@attrs.frozen
class Describer:
    """Makes schemas of messages that refer to each other."""

    comments: Comments
    root: str
    """What precedes a message's full name where its schema is referred to."""
    printed: bool = False
    """Whether messages are described as they are printed, rather than as they are taken."""

    def objects(self, descriptor: Descriptor) -> dict[str, Schema]:
        """By full name the schema of a message and of every one inside it that needs a name."""
        return {
            name: self._object(nested)
            for name, nested in sorted(closure(descriptor).items())
            if not nested.GetOptions().map_entry and not _has_own_form(nested)
        }

    def message(self, descriptor: Descriptor) -> Schema:
        """The schema of a message where it is used: mostly a reference."""
        if descriptor.file.name == WRAPPERS_FILE:
            return self._scalar(descriptor.fields_by_name["value"].type)
        if descriptor.full_name in WELL_KNOWN:
            # What has no JSON form is printed as its plain fields.
            return {} if self.printed else dict(_WELL_KNOWN[descriptor.name])
        return {"$ref": self.root + descriptor.full_name}

    def _object(self, descriptor: Descriptor) -> Schema:
        always = [field.name for field in descriptor.fields if not field.has_presence]
        oneofs = {name: list(members) for name, members in choices(descriptor)}
        return {
            "title": descriptor.full_name,
            **self._about(descriptor.full_name),
            "type": "object",
            "properties": {field.name: self._field(field) for field in descriptor.fields},
            **({"required": always} if self.printed and always else {}),
            "additionalProperties": False,
            **({"x-oneof": oneofs} if oneofs else {}),
        }

    def _about(self, name: str) -> Schema:
        return {"description": self.comments[name]} if name in self.comments else {}

    def _field(self, field: FieldDescriptor) -> Schema:
        return {**self._plain_field(field), **self._about(field.full_name)}

    def _plain_field(self, field: FieldDescriptor) -> Schema:
        if is_map(field):
            value = message_of(field).fields_by_name["value"]
            return {"type": "object", "additionalProperties": self._element(value)}
        element = self._element(field)
        return {"type": "array", "items": element} if field.is_repeated else element

    def _element(self, field: FieldDescriptor) -> Schema:
        if field.message_type is not None:
            return self.message(field.message_type)
        if field.type == FieldDescriptor.TYPE_ENUM:
            return self._enum(enum_of(field))
        return self._scalar(field.type)

    def _enum(self, enum: EnumDescriptor) -> Schema:
        if enum.full_name == NULL_VALUE:
            return {"type": "null"}
        names = {
            "title": enum.full_name,
            **self._about(enum.full_name),
            "enum": [value.name for value in enum.values],
        }
        if self.printed and not enum.is_closed:
            return {"anyOf": [{"type": "string", **names}, {"type": "integer"}]}
        return {"type": "string", **names}

    def _scalar(self, kind: int) -> Schema:
        if kind not in INTEGER_RANGES:
            scalar = dict(_SCALARS[kind])
            may_be_spelled = self.printed and scalar["type"] == "number"
            return {"anyOf": [scalar, dict(_SPELLED)]} if may_be_spelled else scalar
        low, high = INTEGER_RANGES[kind]
        if high > 2**32:
            return {
                "type": "string" if self.printed else ["string", "integer"],
                "pattern": "^-?[0-9]+$" if low else "^[0-9]+$",
                "format": "int64" if low else "uint64",
            }
        return {"type": "integer", "minimum": low, "maximum": high}
