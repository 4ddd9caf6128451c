"""Conditions that compare one field, `{op, field, value}`, as CEL.

The value is written as people do, mostly as text, and takes the field's type: "100" is 100.0 for
a double, and a name for an enum. A field that is not there (an unset wrapper) fulfils no
comparison but NE and the negated ones.
"""

import base64
import binascii
import json
import math
from collections.abc import Callable, Mapping, Sequence

import attrs
from google.protobuf.descriptor import FieldDescriptor

from axiomd.flow.casting import Casting, find_field
from axiomd.flow.cel import BadExpression, Scope
from axiomd.flow.descriptors import INTEGER_RANGES, WRAPPERS_FILE, is_map, message_of
from axiomd.flow.messages import MessageType
from axiomd.flow.naming import quoted
from axiomd.flow.source import ConditionSource
from axiomd.strict import describe, unknown

_COMPARISONS = {"EQ": "==", "NE": "!=", "GT": ">", "GTE": ">=", "LT": "<", "LTE": "<="}
_METHODS = {"STARTS_WITH": "startsWith", "ENDS_WITH": "endsWith", "MATCHES": "matches"}
_NEGATED = {"NOT_IN": "IN", "NOT_CONTAINS": "CONTAINS", "NOT_EXISTS": "EXISTS"}
OPS = (*_COMPARISONS, "IN", "CONTAINS", *_METHODS, "EXISTS", *_NEGATED, "CEL")
"""What a condition can ask."""
_TIMES = {"google.protobuf.Timestamp": "timestamp", "google.protobuf.Duration": "duration"}
_ANY_VALUE = "google.protobuf.Value"
_UNORDERED = (FieldDescriptor.TYPE_ENUM, FieldDescriptor.TYPE_MESSAGE)


@attrs.frozen
class _Leaf:
    op: str
    field: FieldDescriptor
    name: str
    """Its dotted path as written."""
    path: str
    """The same over `value`."""
    value: object


def leaf_text(condition: ConditionSource, message: MessageType) -> str:
    """The condition as CEL over `value`, or BadExpression."""
    op = condition.op
    if op not in OPS:
        raise BadExpression(unknown("op", op, OPS))
    if op == "CEL":
        if condition.cel is None or condition.field is not None or condition.value is not None:
            raise BadExpression("op CEL needs cel, and no field or value")
        return condition.cel
    if condition.field is None or condition.cel is not None:
        raise BadExpression(f"op {op} needs a field, and no cel")
    found = find_field(message.descriptor, condition.field)
    if isinstance(found, str):
        raise BadExpression(found)
    exists = op in ("EXISTS", "NOT_EXISTS")
    if exists != (condition.value is None):
        raise BadExpression(f"op {op} takes no value" if exists else f"op {op} needs a value")
    path = "value." + ".".join(quoted(name) for name in condition.field.split("."))
    leaf = _Leaf(_NEGATED.get(op, op), found[-1], condition.field, path, condition.value)
    text = _positive(leaf)
    return f"!({text})" if op in _NEGATED else text


def _positive(leaf: _Leaf) -> str:
    if leaf.op == "EXISTS":
        return f"has({leaf.path})"
    if leaf.op == "CONTAINS":
        text = _contains(leaf)
    elif leaf.op == "IN":
        text = f"{leaf.path} in [{', '.join(_literals(leaf, _single(leaf)))}]"
    elif leaf.op in _METHODS:
        text = _method(leaf)
    else:
        text = _comparison(leaf)
    # A wrapper that is not set is null, with which nothing can be compared but for equality.
    bare = leaf.field.message_type is not None and leaf.field.message_type.file.name
    if bare == WRAPPERS_FILE and not leaf.field.is_repeated and leaf.op not in ("EQ", "NE", "IN"):
        return f"has({leaf.path}) && {text}"
    return text


def _single(leaf: _Leaf) -> FieldDescriptor:
    """What the value is compared with, or BadExpression if the field holds several."""
    if leaf.field.is_repeated:
        wanted = Casting.wanted(leaf.field)
        raise BadExpression(f"{leaf.name} is {wanted}: op {leaf.op} compares one value")
    return _bare(leaf.field)


def _bare(field: FieldDescriptor) -> FieldDescriptor:
    message = field.message_type
    if message is not None and message.file.name == WRAPPERS_FILE:
        return message.fields_by_name["value"]
    return field


def _contains(leaf: _Leaf) -> str:
    field = leaf.field
    if is_map(field):
        return f"{_literal(leaf, message_of(field).fields_by_name['key'])} in {leaf.path}"
    if field.is_repeated:
        return f"{_literal(leaf, _bare(field))} in {leaf.path}"
    return _method(attrs.evolve(leaf, op="CONTAINS"))


def _method(leaf: _Leaf) -> str:
    if _single(leaf).type != FieldDescriptor.TYPE_STRING:
        raise BadExpression(f"op {leaf.op} is about texts; {leaf.name} is {_wanted(leaf)}")
    literal = _literal(leaf, _bare(leaf.field))
    if leaf.op == "MATCHES":
        _checked(leaf, f'"".matches({literal})')
    return f"{leaf.path}.{_METHODS.get(leaf.op, 'contains')}({literal})"


def _comparison(leaf: _Leaf) -> str:
    sign = _COMPARISONS[leaf.op]
    if leaf.field.is_repeated and not is_map(leaf.field) and leaf.op in ("EQ", "NE"):
        return f"{leaf.path} {sign} [{', '.join(_literals(leaf, _bare(leaf.field)))}]"
    field = _single(leaf)
    is_time = field.message_type is not None and field.message_type.full_name in _TIMES
    if leaf.op not in ("EQ", "NE") and field.type in _UNORDERED and not is_time:
        raise BadExpression(f"{leaf.name} is {_wanted(leaf)}, which has no order for op {leaf.op}")
    return f"{leaf.path} {sign} {_literal(leaf, field)}"


def _wanted(leaf: _Leaf) -> str:
    return Casting.wanted(leaf.field)


def _literals(leaf: _Leaf, field: FieldDescriptor) -> Sequence[str]:
    """Each member of a list, or of a text with commas."""
    members = leaf.value
    if isinstance(members, str):
        members = [member.strip() for member in members.split(",")]
    if not isinstance(members, list | tuple):
        members = [members]
    return [_literal(attrs.evolve(leaf, value=member), field) for member in members]


def _literal(leaf: _Leaf, field: FieldDescriptor) -> str:
    """The value as CEL writes one of the field's type."""
    if field.message_type is not None:
        return _message_literal(leaf, field.message_type.full_name)
    if field.enum_type is not None:
        return _enum_literal(leaf, field)
    return _SCALARS[field.cpp_type](leaf, field)


def _message_literal(leaf: _Leaf, name: str) -> str:
    if name in _TIMES and isinstance(leaf.value, str):
        text = f"{_TIMES[name]}({_text(leaf, leaf.value)})"
        _checked(leaf, f"{text} == {text}")
        return text
    if name == _ANY_VALUE and isinstance(leaf.value, str | bool | int | float):
        is_number = isinstance(leaf.value, int | float) and not isinstance(leaf.value, bool)
        return repr(float(leaf.value)) if is_number else json.dumps(leaf.value, ensure_ascii=False)
    if name in _TIMES:
        raise _unfit(leaf, f"a text such as {_TIME_EXAMPLES[name]}")
    raise BadExpression(f"{leaf.name} is {_wanted(leaf)}: compare one of its fields, or use op CEL")


_TIME_EXAMPLES = {
    "google.protobuf.Timestamp": "2026-11-24T12:00:00Z",
    "google.protobuf.Duration": "90s",
}


def _checked(leaf: _Leaf, constant: str) -> None:
    """Raises BadExpression if a condition without variables fails."""
    try:
        Scope({}).check_condition(constant)
    except BadExpression as failure:
        said = str(failure).removeprefix("1:1: always fails: ")
        raise BadExpression(f"the value of {leaf.name}: {said}") from None


def _enum_literal(leaf: _Leaf, field: FieldDescriptor) -> str:
    enum = field.enum_type
    assert enum is not None
    if isinstance(leaf.value, str) and leaf.value in enum.values_by_name:
        return str(enum.values_by_name[leaf.value].number)
    try:
        return _integer(leaf, field)
    except BadExpression:
        known = unknown(f"value of {enum.full_name}", str(leaf.value), enum.values_by_name)
        raise BadExpression(f"the value of {leaf.name}: {known}") from None


def _integer(leaf: _Leaf, field: FieldDescriptor) -> str:
    value = leaf.value
    try:
        number = int(value) if isinstance(value, str) else value
    except ValueError:
        number = None
    if isinstance(number, float) and number.is_integer():
        number = int(number)
    least, most = INTEGER_RANGES.get(field.type, INTEGER_RANGES[FieldDescriptor.TYPE_INT32])
    if not isinstance(number, int) or isinstance(number, bool) or not least <= number <= most:
        raise _unfit(leaf, f"a whole number from {least} to {most}")
    return f"{number}u" if least == 0 else str(number)


def _float(leaf: _Leaf, _: FieldDescriptor) -> str:
    value = leaf.value
    try:
        number = float(value) if isinstance(value, str | int | float) else None
    except (ValueError, OverflowError):
        number = None
    if number is None or isinstance(value, bool):
        raise _unfit(leaf, "a number")
    return repr(number) if math.isfinite(number) else f'double("{number}")'


def _bool(leaf: _Leaf, _: FieldDescriptor) -> str:
    word = str(leaf.value).lower()
    if not isinstance(leaf.value, bool | str) or word not in ("true", "false"):
        raise _unfit(leaf, "true or false")
    return word


def _string(leaf: _Leaf, field: FieldDescriptor) -> str:
    if field.type == FieldDescriptor.TYPE_BYTES:
        return _bytes(leaf)
    value = leaf.value
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise _unfit(leaf, "a text")
    return _text(leaf, str(value))


def _text(leaf: _Leaf, text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise _unfit(leaf, "Unicode text without halves of surrogate pairs") from None
    return json.dumps(text, ensure_ascii=False)


def _bytes(leaf: _Leaf) -> str:
    try:
        content = base64.b64decode(str(leaf.value), validate=True)
    except (binascii.Error, ValueError):
        raise _unfit(leaf, "bytes in base64") from None
    return 'b"' + "".join(f"\\x{byte:02x}" for byte in content) + '"'


def _unfit(leaf: _Leaf, expected: str) -> BadExpression:
    given = repr(leaf.value) if isinstance(leaf.value, str | int | float) else describe(leaf.value)
    return BadExpression(f"the value of {leaf.name} must be {expected}, not {given}")


_SCALARS: Mapping[int, Callable[[_Leaf, FieldDescriptor], str]] = {
    FieldDescriptor.CPPTYPE_BOOL: _bool,
    FieldDescriptor.CPPTYPE_DOUBLE: _float,
    FieldDescriptor.CPPTYPE_FLOAT: _float,
    FieldDescriptor.CPPTYPE_INT32: _integer,
    FieldDescriptor.CPPTYPE_INT64: _integer,
    FieldDescriptor.CPPTYPE_STRING: _string,
    FieldDescriptor.CPPTYPE_UINT32: _integer,
    FieldDescriptor.CPPTYPE_UINT64: _integer,
}
