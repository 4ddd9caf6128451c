"""An input of a message, made up: what its schema allows and `parse_json` takes.

Of a oneof one member is given, of a message inside itself nothing, and no more values in all than
somebody would read.
"""

from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor

from axiomd.flow.descriptors import (
    INTEGER_RANGES,
    NULL_VALUE,
    WELL_KNOWN,
    WRAPPERS_FILE,
    choices,
    enum_of,
    is_map,
    message_of,
)

_VALUES_MAX = 100
_OMITTED = "google.protobuf.Any"
"""Which messages it could hold is not known here."""
_WELL_KNOWN: dict[str, Any] = {
    "Duration": "1.500s",
    "FieldMask": "name",
    "ListValue": ["value"],
    "Struct": {"key": "value"},
    "Timestamp": "2026-03-01T09:30:00Z",
    "Value": "value",
}
_SCALARS: dict[int, Any] = {
    FieldDescriptor.TYPE_BYTES: "Ynl0ZXM=",
    FieldDescriptor.TYPE_BOOL: True,
    FieldDescriptor.TYPE_FLOAT: 1.5,
    FieldDescriptor.TYPE_DOUBLE: 1.5,
}
_MAP_KEYS = {FieldDescriptor.TYPE_BOOL: "true", FieldDescriptor.TYPE_STRING: "key"}


def example_of(descriptor: Descriptor) -> Any:
    """An input of `descriptor`."""
    return _Examples().message(descriptor, "value", ())


class _Examples:
    def __init__(self) -> None:
        self._left = _VALUES_MAX

    def message(self, descriptor: Descriptor, name: str, around: tuple[str, ...]) -> Any:
        if descriptor.file.name == WRAPPERS_FILE:
            return self._scalar(descriptor.fields_by_name["value"], name)
        if descriptor.full_name in WELL_KNOWN:
            return _WELL_KNOWN.get(descriptor.name, {})
        around = (*around, descriptor.full_name)
        passed_over = {name for _, members in choices(descriptor) for name in members[1:]}
        shown = {}
        for field in descriptor.fields:
            if field.name not in passed_over and self._has_room(field, around):
                shown[field.name] = self._field(field, around)
        return shown

    def _has_room(self, field: FieldDescriptor, around: tuple[str, ...]) -> bool:
        """Whether the field is shown; it counts then."""
        held = message_of(field).fields_by_name["value"] if is_map(field) else field
        inner = held.message_type.full_name if held.message_type is not None else ""
        self._left -= 1
        return self._left >= 0 and inner != _OMITTED and inner not in around

    def _field(self, field: FieldDescriptor, around: tuple[str, ...]) -> Any:
        if is_map(field):
            entry = message_of(field).fields_by_name
            key = _MAP_KEYS.get(entry["key"].type, "1")
            return {key: self._element(entry["value"], field.name, around)}
        element = self._element(field, field.name, around)
        return [element] if field.is_repeated else element

    def _element(self, field: FieldDescriptor, name: str, around: tuple[str, ...]) -> Any:
        if field.message_type is not None:
            return self.message(field.message_type, name, around)
        return self._scalar(field, name)

    @staticmethod
    def _scalar(field: FieldDescriptor, name: str) -> Any:
        if field.type == FieldDescriptor.TYPE_ENUM:
            enum = enum_of(field)
            # The first one mostly says that nothing was chosen.
            named = enum.values[-1 if len(enum.values) == 1 else 1].name
            return None if enum.full_name == NULL_VALUE else named
        if field.type in INTEGER_RANGES:
            return "1" if INTEGER_RANGES[field.type][1] > 2**32 else 1
        return _SCALARS.get(field.type, name)
