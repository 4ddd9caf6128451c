"""How the value of an expression becomes a field of a message: casts, paths, and their words.

CEL converts nothing by itself, not even a whole number to a double. A field takes what has one
obvious meaning in it: numbers (checked for their range when they are made), and the names of an
enum's values.
"""

import json
from collections.abc import Iterable, Iterator

import attrs
from google.protobuf.descriptor import Descriptor, FieldDescriptor

from axiomd.flow.compatibility import KIND_NAMES
from axiomd.flow.descriptors import WRAPPERS_FILE, choices, is_map, message_of
from axiomd.strict import unknown

Tree = dict[str, "str | Tree"]
"""Field to the expression of its value, or to the fields of the message in it."""

_FLOATS = (FieldDescriptor.CPPTYPE_DOUBLE, FieldDescriptor.CPPTYPE_FLOAT)
_SIGNED = (FieldDescriptor.CPPTYPE_INT32, FieldDescriptor.CPPTYPE_INT64)
_UNSIGNED = (FieldDescriptor.CPPTYPE_UINT32, FieldDescriptor.CPPTYPE_UINT64)
_WORDS = {
    "BOOL": "a bool",
    "BYTES": "bytes",
    "DOUBLE": "a double",
    "DURATION": "a duration",
    "DYN": "of any type",
    "INT": "an int",
    "NULL": "null",
    "STRING": "a string",
    "TIMESTAMP": "a timestamp",
    "UINT": "a uint",
}


def kind_words(kind: str) -> str:
    """The library's name of a type, in words."""
    if kind.startswith(("LIST<", "MAP<", "TYPE<")):
        name, _, inner = kind.partition("<")
        return f"a {name.lower()}<{inner[:-1].lower() if '.' not in inner else inner[:-1]}>"
    return _WORDS.get(kind) or _with_article(kind)


def _with_article(name: str) -> str:
    return f"an {name}" if name[0] in "aeio" else f"a {name}"


@attrs.frozen
class Casting:
    """The expression whose value a field takes."""

    text: str
    enum: str = ""
    """The enum whose values are looked up by their names."""

    @classmethod
    def of(cls, field: FieldDescriptor, kind: str, text: str) -> "Casting":
        """kind: what the library says that `text` is."""
        whole = f"(\n{text}\n)"  # it may end in a comment
        if is_map(field):
            return cls(whole)
        inner = kind[5:-1] if field.is_repeated and kind.startswith("LIST<") else kind
        before, after, enum = _cast(_scalar(field), inner)
        if not before:
            return cls(whole)
        if field.is_repeated:
            return cls(f"{whole}.map(x, {before}x{after})", enum)
        return cls(f"{before}{whole}{after}", enum)

    @staticmethod
    def wanted(field: FieldDescriptor) -> str:
        """What the field is, as a proto file says it."""
        if is_map(field):
            entry = message_of(field).fields_by_name
            key, value = (Casting.wanted(entry[name]) for name in ("key", "value"))
            return f"a map<{key.split(' ', 1)[1]}, {value.split(' ', 1)[1]}>"
        named = field.message_type or field.enum_type
        name = named.full_name if named else KIND_NAMES[field.type]
        if field.is_repeated:
            return f"repeated {name}"
        return _with_article(name)

    def explain(self, fault: str) -> str:
        """A fault of the cast in words of the field."""
        if self.enum:
            return fault.replace("Key not found in map :", f"{self.enum} has no value")
        return fault


def _scalar(field: FieldDescriptor) -> FieldDescriptor:
    """The field itself, or the bare value in a wrapper."""
    message = field.message_type
    if message is not None and message.file.name == WRAPPERS_FILE:
        return message.fields_by_name["value"]
    return field


def _cast(field: FieldDescriptor, kind: str) -> tuple[str, str, str]:
    """What stands before and after a value of the library's type `kind`, and the enum it names."""
    if field.cpp_type in _FLOATS and kind in ("INT", "UINT"):
        return "double(", ")", ""
    if field.cpp_type in _UNSIGNED and kind == "INT":
        return "uint(", ")", ""
    if field.enum_type is not None and kind == "STRING":
        numbers = {value.name: value.number for value in field.enum_type.values}
        return f"{json.dumps(numbers)}[", "]", field.enum_type.full_name
    if (field.cpp_type in _SIGNED or field.enum_type is not None) and kind == "UINT":
        return "int(", ")", ""
    return "", "", ""


def find_field(message: Descriptor, path: str) -> tuple[FieldDescriptor, ...] | str:
    """The fields that a dotted path leads through, or why there is no such way."""
    found: list[FieldDescriptor] = []
    names = path.split(".")
    for step, name in enumerate(names):
        field = message.fields_by_name.get(name)
        if field is None:
            return f"{unknown('field', name, message.fields_by_name)} ({message.full_name})"
        found.append(field)
        if step + 1 < len(names):
            if field.message_type is None or field.is_repeated:
                return (
                    f"{'.'.join(names[: step + 1])} is {Casting.wanted(field)}, which has no fields"
                )
            message = field.message_type
    return tuple(found)


def grow(tree: Tree, path: str, text: str) -> None:
    """Put the expression of a field to its place."""
    *above, last = path.split(".")
    for name in above:
        below = tree.setdefault(name, {})
        assert isinstance(below, dict), "the compiler has refused fields that overlap"
        tree = below
    tree[last] = text


def overlaps(message: Descriptor, paths: Iterable[str]) -> Iterator[tuple[str, str]]:
    """The fields that cannot be given beside another one, with the reason."""
    taken: dict[str, str] = {}
    for path in paths:
        names = path.split(".")
        for step in range(1, len(names)):
            if (whole := ".".join(names[:step])) in taken and taken[whole] == whole:
                yield path, f"is inside of {whole}, which has an expression of its own"
        inside = next((other for other in taken if other.startswith(f"{path}.")), None)
        if inside is not None:
            yield path, f"has {inside} inside, which has an expression of its own"
        taken[path] = path
        yield from _oneof_clash(message, path, taken)


def _oneof_clash(
    message: Descriptor, path: str, taken: dict[str, str]
) -> Iterator[tuple[str, str]]:
    fields = find_field(message, path)
    if isinstance(fields, str):
        return
    for step, field in enumerate(fields):
        holder = message_of(fields[step - 1]) if step else message
        above = "".join(f"{name}." for name in path.split(".")[:step])
        for oneof, members in choices(holder):
            if field.name in members:
                key = f"oneof {above}{oneof}"
                other = taken.setdefault(key, field.name)
                if other != field.name:
                    yield path, f"and {above}{other} are one choice, {oneof}"
