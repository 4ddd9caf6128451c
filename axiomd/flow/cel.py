"""The expressions of flows: CEL over messages, checked when a flow is compiled.

The only module that knows the CEL library. Everything is type-checked against the messages'
descriptors, and said with line and column. An evaluation takes bytes and gives bytes; whatever
goes wrong in it is a Fault, a sentence.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import attrs
from cel_expr_python import cel
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import DecodeError, Message
from google.protobuf.message_factory import GetMessageClass
from google.protobuf.wrappers_pb2 import DESCRIPTOR

from axiomd.flow.artifact import Fields
from axiomd.flow.casting import Casting, Tree, find_field, grow, kind_words
from axiomd.flow.compatibility import edge_problems
from axiomd.flow.descriptors import is_map, message_of
from axiomd.flow.messages import MessageType, message_type
from axiomd.flow.naming import Names, Respelled, internal_names
from axiomd.flow.united import united_pool
from axiomd.strict import unknown

Given = Mapping[str, Any]
"""Variable name to its message's bytes, or to a plain value; the root is under ""."""

_ITEM_FIELDS: Mapping[str, FieldDescriptor] = {
    kind: DESCRIPTOR.message_types_by_name[wrapper].fields_by_name["value"]
    for kind, wrapper in {
        "BOOL": "BoolValue",
        "BYTES": "BytesValue",
        "DOUBLE": "DoubleValue",
        "INT": "Int64Value",
        "STRING": "StringValue",
        "UINT": "UInt64Value",
    }.items()
}
"""What stands for one plain value of each of the library's types."""
_KIND_OF_CPPTYPE = {
    FieldDescriptor.CPPTYPE_BOOL: "BOOL",
    FieldDescriptor.CPPTYPE_DOUBLE: "DOUBLE",
    FieldDescriptor.CPPTYPE_ENUM: "INT",
    FieldDescriptor.CPPTYPE_FLOAT: "DOUBLE",
    FieldDescriptor.CPPTYPE_INT32: "INT",
    FieldDescriptor.CPPTYPE_INT64: "INT",
    FieldDescriptor.CPPTYPE_STRING: "STRING",
    FieldDescriptor.CPPTYPE_UINT32: "UINT",
    FieldDescriptor.CPPTYPE_UINT64: "UINT",
}
_PROBLEM = re.compile(r"ERROR: <input>:(-?\d+):(-?\d+): (.*)$", re.MULTILINE)
_UNDEFINED = re.compile(r"undefined field '([^']*)' not found in struct '([^']*)'")
_UNDECLARED = re.compile(r"undeclared reference to '([^']*)' \(in container ''\)")
_CODE = re.compile(r"^[A-Z_]+: | \[[A-Z_]+\]$")


class BadExpression(Exception):
    """An expression that does not compile: where, and why."""


class Fault(Exception):
    """An evaluation that failed: one sentence."""


@attrs.frozen(eq=False)
class _Environment:
    """The library, with the variables of a scope and the messages it can see."""

    library: cel.Env
    constants: cel.Env
    """The same without variables: what compiles here depends on nothing."""
    pool: DescriptorPool
    names: Names
    classes: Mapping[str, type[Message] | None]
    """What parses the bytes of each variable; None for a plain value."""


@attrs.frozen(eq=False)
class _Program:
    """One compiled expression with the variables that it needs."""

    expression: cel.Expression
    kind: str
    """The library's name of its type, such as `LIST<INT>`."""
    needs: tuple[tuple[str, str, Callable[[bytes], Message] | None], ...]
    """For each variable: what it is called here, in the library, and what reads it."""

    def run(self, given: Given) -> Any:
        """The value, or Fault."""
        try:
            values = {
                inner: given[name] if read is None else read(given[name])
                for name, inner, read in self.needs
            }
            return self.expression.eval(data=values)
        except DecodeError:
            raise Fault("a message that it is about cannot be read") from None
        except RuntimeError as failure:  # all that the library raises
            raise Fault(_CODE.sub("", str(failure))) from None


class Scope:
    """What an expression may name."""

    def __init__(
        self,
        types: Mapping[str, MessageType | FieldDescriptor],
        root: MessageType | None = None,
    ) -> None:
        """types: variables by name, which may be dotted; a FieldDescriptor stands for one value of
        that field. root: a message whose fields are variables of their own."""
        self._types = dict(types)
        self._root = root
        self._environments: dict[str, _Environment] = {}

    # -- checks -------------------------------------------------------------------------------

    def check_condition(self, text: str) -> None:
        """Raises BadExpression unless `text` is true or false."""
        self._condition(text)

    def check_field(self, name: str, text: str, destination: MessageType) -> None:
        """Raises BadExpression unless `text` can be the field `name` of `destination`.

        name: also the dotted path of a field of a message in it.
        """
        self._part(name, text, destination)

    def check_items(self, text: str) -> MessageType | FieldDescriptor:
        """What one item of the list is, or BadExpression."""
        environment = self._environment(None)
        kind = self._program(environment, text).kind
        inner = kind[5:-1] if kind.startswith("LIST<") else None
        if inner is None:
            raise BadExpression(
                f"1:1: is {kind_words(kind)}, but the items of a fan-out are a list"
            )
        if inner in _ITEM_FIELDS:
            return _ITEM_FIELDS[inner]
        if "." not in inner or "<" in inner:
            raise BadExpression(
                f"1:1: is a list of {kind_words(inner)}; items are messages, texts, numbers, "
                "bytes, or true and false"
            )
        return message_type(environment.pool.FindMessageTypeByName(inner))

    # -- what is evaluated --------------------------------------------------------------------

    def condition(self, text: str) -> Callable[[Given], bool]:
        """Whether the condition holds; raises Fault."""
        program = self._condition(text)

        def holds(given: Given) -> bool:
            answer = program.run(given).value()
            if answer is True or answer is False:
                return answer
            raise Fault(_sentence(answer))

        return holds

    def fields(self, fields: Fields, destination: MessageType) -> Callable[[Given], bytes]:
        """Makes a message of `destination`, field by field; raises Fault, which names the field."""
        environment = self._environment(destination)
        parts = [(name, self._part(name, text, destination)) for name, text in fields]
        tree: Tree = {}
        for name, part in parts:
            if part.splice is None:
                grow(tree, name, part.casting.text)
        whole = self._make(environment, destination.descriptor, tree)
        splices = [(name, part) for name, part in parts if part.splice is not None]
        parse = GetMessageClass(destination.descriptor).FromString

        def make(given: Given) -> bytes:
            made = whole.run(given).value()
            if not isinstance(made, Message):
                raise self._field_fault(parts, given, made)
            content: bytes = made.SerializeToString(deterministic=True)
            if not splices:
                return content
            for name, part in splices:
                content += part.spliced(name, given)
            # What was put in as it is on the wire is read once, so that equal messages are equal.
            joined: bytes = parse(content).SerializeToString(deterministic=True)
            return joined

        return make

    def items(self, text: str) -> Callable[[Given], Sequence[Any]]:
        """The items of the list, messages as bytes; raises Fault."""
        program = self._program(self._environment(None), text)

        def items(given: Given) -> Sequence[Any]:
            found = program.run(given).plain_value()
            if not isinstance(found, list):
                raise Fault(_sentence(found))
            return [_plain(item) for item in found]

        return items

    # -- compiling ----------------------------------------------------------------------------

    def _condition(self, text: str) -> _Program:
        environment = self._environment(None)
        program = self._program(environment, text)
        if program.kind not in ("BOOL", "DYN"):
            raise BadExpression(f"1:1: is {kind_words(program.kind)}, but a condition is a bool")
        self._check_constant(environment, text)
        return program

    def _part(self, name: str, text: str, destination: MessageType) -> "_Part":
        """One field of a message that is made, checked."""
        environment = self._environment(destination)
        path = find_field(destination.descriptor, name)
        if isinstance(path, str):
            raise BadExpression(path)
        field = path[-1]
        alone = self._program(environment, text)
        casting = Casting.of(field, alone.kind, text)
        if (sent := _foreign(environment.pool, field, alone.kind)) is not None:
            problems = edge_problems(sent, message_of(field))
            if problems:
                raise BadExpression(_misfit(name, field, alone.kind) + f": {'; '.join(problems)}")
            return _Part(path, casting, alone, splice=alone)
        tree: Tree = {}
        grow(tree, name, casting.text)
        try:
            made = self._make(environment, destination.descriptor, tree)
        except BadExpression:
            raise BadExpression(_misfit(name, field, alone.kind)) from None
        self._check_constant(environment, casting.text, made, casting)
        return _Part(path, casting, made)

    def _make(self, environment: _Environment, message: Descriptor, tree: Tree) -> _Program:
        return self._program(environment, _literal(message, tree))

    def _check_constant(
        self,
        environment: _Environment,
        text: str,
        program: _Program | None = None,
        casting: Casting | None = None,
    ) -> None:
        """Raises BadExpression if `text` is about no variable and always fails."""
        try:
            constant = environment.constants.compile(environment.names.respell(text).text)
        except RuntimeError:
            return
        try:
            value = (program.expression if program else constant).eval(data={})
        except RuntimeError as failure:
            raise BadExpression(f"1:1: always fails: {_sentence(failure)}") from None
        if value.type().name() == "ERROR":
            said = _sentence(value.value())
            raise BadExpression(f"1:1: always fails: {casting.explain(said) if casting else said}")

    def _program(self, environment: _Environment, text: str) -> _Program:
        respelled = environment.names.respell(text)
        try:
            expression = environment.library.compile(respelled.text)
        except RuntimeError as failure:
            raise BadExpression(_spelled(environment, str(failure), respelled)) from None
        needs: list[tuple[str, str, Callable[[bytes], Message] | None]] = []
        for name in sorted(respelled.used):
            # The root is read once, also if it is a variable as well.
            inner = environment.names.variables[name] if name else environment.names.root
            if all(inner != other for _, other, _ in needs):
                cls = environment.classes[inner]
                needs.append((name, inner, None if cls is None else cls.FromString))
        kind = expression.return_type().name()
        return _Program(expression, "DYN" if kind == "ERROR" else kind, tuple(needs))

    def _field_fault(self, parts: list[tuple[str, "_Part"]], given: Given, made: Any) -> Fault:
        """Which field it was that could not be made."""
        for name, part in parts:
            if part.splice is None:
                value = part.program.run(given).value()
                if not isinstance(value, Message):
                    return Fault(f"{name}: {part.casting.explain(_sentence(value))}")
        return Fault(_sentence(made))

    # -- the library --------------------------------------------------------------------------

    def _environment(self, destination: MessageType | None) -> _Environment:
        key = destination.full_name if destination else ""
        if key not in self._environments:
            self._environments[key] = self._open(destination)
        return self._environments[key]

    def _open(self, destination: MessageType | None) -> _Environment:
        seen = [held for held in (*self._types.values(), self._root, destination) if held]
        try:
            pool, types = united_pool([d for d in map(_descriptor_of, seen) if d is not None])
        except TypeError:
            raise BadExpression("1:1: the messages define one name in two ways") from None
        declared: dict[str, MessageType | FieldDescriptor] = {}
        spelled = internal_names(self._types)
        for name, kind in self._types.items():
            declared[spelled[name]] = kind
        root = ""
        if self._root is not None:
            same = [name for name, kind in self._types.items() if kind is self._root]
            root = spelled[same[0]] if same else "root_"
            declared[root] = self._root
        fields = frozenset(self._root.descriptor.fields_by_name if self._root else ())
        classes = {name: _class_of(pool, kind) for name, kind in declared.items()}
        variables = {name: _library_type(kind) for name, kind in declared.items()}
        return _Environment(
            cel.NewEnv(pool, variables=variables),
            cel.NewEnv(pool),
            pool,
            Names(spelled, fields, root, types),
            classes,
        )


@attrs.frozen(eq=False)
class _Part:
    """One field of a message that is made."""

    path: tuple[FieldDescriptor, ...]
    casting: Casting
    program: _Program
    """Makes the message with this field alone, or only its value if that is spliced."""
    splice: _Program | None = None
    """Makes a message of another type that is the same on the wire."""

    def spliced(self, name: str, given: Given) -> bytes:
        """The bytes of the field with everything around it."""
        assert self.splice is not None
        made = self.splice.run(given).plain_value()
        messages = made if isinstance(made, list) else [made]
        if made is None:
            return b""
        content = b""
        for message in messages:
            if not isinstance(message, Message):
                raise Fault(f"{name}: {_sentence(message)}")
            content += _delimited(self.path[-1].number, message.SerializeToString())
        for field in reversed(self.path[:-1]):
            content = _delimited(field.number, content)
        return content


def _descriptor_of(kind: MessageType | FieldDescriptor) -> Descriptor | None:
    return kind.descriptor if isinstance(kind, MessageType) else kind.message_type


def _class_of(pool: DescriptorPool, kind: MessageType | FieldDescriptor) -> type[Message] | None:
    descriptor = _descriptor_of(kind)
    if descriptor is None:
        return None
    return GetMessageClass(pool.FindMessageTypeByName(descriptor.full_name))


def _library_type(kind: MessageType | FieldDescriptor) -> cel.Type:
    descriptor = _descriptor_of(kind)
    if descriptor is not None:
        return cel.Type(descriptor.full_name)
    assert isinstance(kind, FieldDescriptor)
    if kind.type == FieldDescriptor.TYPE_BYTES:
        return cel.Type.BYTES
    found: cel.Type = getattr(cel.Type, _KIND_OF_CPPTYPE[kind.cpp_type])
    return found


def _foreign(pool: DescriptorPool, field: FieldDescriptor, kind: str) -> Descriptor | None:
    """The message that is sent, if it is another one than the field's and could stand for it."""
    if field.message_type is None or is_map(field):
        return None
    if field.is_repeated != kind.startswith("LIST<"):
        return None
    inner = kind[5:-1] if field.is_repeated else kind
    if "." not in inner or "<" in inner or inner == field.message_type.full_name:
        return None
    if field.message_type.full_name.startswith("google.protobuf."):
        return None
    return pool.FindMessageTypeByName(inner)


def _misfit(name: str, field: FieldDescriptor, kind: str) -> str:
    return f"1:1: is {kind_words(kind)}, but {name} is {Casting.wanted(field)}"


def _literal(message: Descriptor, tree: Tree) -> str:
    """The expression that makes the message."""
    parts = []
    for name, value in tree.items():
        field = message.fields_by_name[name]
        text = value if isinstance(value, str) else _literal(message_of(field), value)
        parts.append(f"`{name}`: {text}")
    return f".{message.full_name}{{{', '.join(parts)}}}"


def _delimited(number: int, content: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def _varint(number: int) -> bytes:
    found = bytearray()
    while number > 127:
        found.append(number & 127 | 128)
        number >>= 7
    found.append(number)
    return bytes(found)


def _spelled(environment: _Environment, said: str, respelled: Respelled) -> str:
    """The library's problems in our words, each with its place."""
    problems = []
    for line, column, sentence in _PROBLEM.findall(said):
        at = respelled.offset(max(1, int(line)), max(1, int(column)))
        at, words = _worded(environment.names, sentence, respelled.original, at)
        problems.append(f"{respelled.place(at)}: {words}")
    return "; ".join(problems[:3]) or f"1:1: {_sentence(said)}"


def _worded(names: Names, sentence: str, text: str, at: int) -> tuple[int, str]:
    """A sentence of the library in our words, and where what it is about begins."""
    if found := _UNDEFINED.fullmatch(sentence):
        # The library points to the dot.
        return at + (text[at : at + 1] == "."), f"undefined field '{found[1]}' of {found[2]}"
    if found := _UNDECLARED.fullmatch(sentence):
        before = found[1].rpartition(".")[0]
        at -= len(before) if text[:at].endswith(before) else 0
        return at, unknown("name", found[1], {*names.fields, *names.variables})
    return at, sentence.partition(" expecting {")[0]


def _plain(item: Any) -> Any:
    if isinstance(item, Message):
        return item.SerializeToString(deterministic=True)
    return bytes(item) if isinstance(item, bytearray) else item


def _sentence(said: object) -> str:
    """The library's words without its codes."""
    text = _CODE.sub("", str(said)).strip()
    return text if isinstance(said, str | Exception) else f"it is {text}, which was not expected"
