"""Expressions: until they can be evaluated, only that their paths name fields is checked."""

import re
from collections.abc import Mapping

from google.protobuf.descriptor import Descriptor, FieldDescriptor

from axiomd.flow.messages import MessageType
from axiomd.flow.source import ConditionSource
from axiomd.strict import unknown

Item = MessageType | FieldDescriptor
_PATH = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*([.-][a-zA-Z0-9_]+)*")


class BadExpression(Exception):
    """An expression that cannot be evaluated; its text is one sentence."""


class Scope:
    """What an expression may name."""

    def __init__(self, types: Mapping[str, Item], root: MessageType | None = None) -> None:
        self._types = types
        self._root = root

    def check_condition(self, text: str) -> None:
        """Raises BadExpression."""
        for path in re.findall(r"(?<![\w.'\"])[a-zA-Z_][\w.-]*(?!['\"\w(])", text):
            if path not in ("true", "false"):
                self._find(path)

    def check_field(self, name: str, text: str, destination: MessageType) -> None:
        """Raises BadExpression."""
        fields = destination.descriptor.fields_by_name
        if name not in fields:
            raise BadExpression(unknown("field", name, fields))
        self.check_condition(text)

    def check_items(self, text: str) -> Item:
        """What one item is. Raises BadExpression."""
        found = self._find(text)
        if not isinstance(found, FieldDescriptor) or not found.is_repeated:
            raise BadExpression(f"{text} is no list")
        return found

    def _find(self, path: str) -> object:
        if not _PATH.fullmatch(path):
            raise BadExpression(f"{path!r} is no path")
        for name, kind in self._types.items():
            if path == name or path.startswith(name + "."):
                return _walk(kind, path[len(name) + 1 :])
        if self._root is None:
            raise BadExpression(unknown("name", path, self._types))
        return _walk(self._root, path)


def _walk(kind: Item, path: str) -> Item:
    found: FieldDescriptor | Descriptor = kind.descriptor if isinstance(kind, MessageType) else kind
    for name in filter(None, path.split(".")):
        inner = found.message_type if isinstance(found, FieldDescriptor) else found
        if inner is None or name not in inner.fields_by_name:
            raise BadExpression(unknown("field", name, inner.fields_by_name if inner else ()))
        found = inner.fields_by_name[name]
    return kind if isinstance(found, Descriptor) else found


def leaf_text(condition: ConditionSource, message: MessageType) -> str:
    """A comparison of one field as CEL. Raises BadExpression."""
    operators = {"EQ": "==", "NE": "!=", "GT": ">", "GE": ">=", "LT": "<", "LE": "<="}
    if condition.op not in operators:
        raise BadExpression(unknown("op", condition.op, operators))
    field = _walk(message, condition.field or "")
    value = str(condition.value)
    if isinstance(field, FieldDescriptor) and field.type == FieldDescriptor.TYPE_STRING:
        value = repr(value)
    return f"{condition.field} {operators[condition.op]} {value}"
