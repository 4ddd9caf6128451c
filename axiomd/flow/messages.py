"""The message types of one package: JSON ↔ bytes, and what they look like to others.

Each package has a descriptor pool of its own, so two versions of one message can live side by
side in this process. Promises that bytes made here parse everywhere (also deep ones), and that
every fault of an input is reported at once, each under its path. Knows nothing of flows.
"""

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

import attrs
from google.protobuf.descriptor import Descriptor
from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import DecodeError, EncodeError, Message
from google.protobuf.message_factory import GetMessageClass

from axiomd.errors import Invalid, Problem
from axiomd.flow import compatibility, json_examples, json_schema
from axiomd.flow.comments import Comments, comments_of
from axiomd.flow.descriptors import closure, is_recursive
from axiomd.flow.json_reader import Readers
from axiomd.flow.json_scalars import Faults, Read
from axiomd.flow.json_schema import Describer
from axiomd.flow.json_writer import Write, Writers
from axiomd.flow.large_json import Leaf, Slices, Unwalkable, Walk
from axiomd.flow.package import message_names
from axiomd.limits import JSON_DEPTH_MAX, PROBLEMS_MAX
from axiomd.strict import unknown


@attrs.frozen(eq=False, repr=False)
class MessageType:
    """One message, with its converters ready."""

    descriptor: Descriptor
    _read: Read
    _write: Write
    comments: Comments = attrs.field(factory=dict)
    """What its proto file says, of it and of all else in its package."""

    def __repr__(self) -> str:
        return f"MessageType({self.full_name})"

    @cached_property
    def full_name(self) -> str:
        """The name with its proto package: `acme.orders.Order`."""
        return self.descriptor.full_name

    @cached_property
    def definition(self) -> compatibility.Definition:
        """What the message and every message inside it look like, by full name."""
        return compatibility.definition(self.descriptor)

    @cached_property
    def _cls(self) -> type[Message]:
        return GetMessageClass(self.descriptor)

    @cached_property
    def _decode(self) -> Callable[[bytes | bytearray], Message]:
        # It takes any buffer, whatever its stubs say.
        return self._cls.FromString  # type: ignore[return-value]

    @cached_property
    def _encode(self) -> Callable[[Any], bytes]:
        # Only maps have an order that is not the schema's; asking for it costs half the time.
        if any(d.GetOptions().map_entry for d in closure(self.descriptor).values()):
            return lambda message: message.SerializeToString(deterministic=True)
        return self._cls.SerializeToString

    @cached_property
    def _can_be_too_deep(self) -> bool:
        return is_recursive(self.descriptor)

    def parse_json(self, value: object, root: str = "input") -> bytes:
        """A JSON value as this message's bytes, the same bytes for the same value.

        root: the path of `value` in problems. Raises Invalid with every problem.
        """
        try:
            given = self._read(value, 1)
        except Faults as faults:
            raise self._invalid(faults, root) from None
        try:
            message = given if isinstance(given, Message) else self._cls(**given)
            payload = self._encode(message)
        except (EncodeError, DecodeError):  # the latter when a part made apart is copied in
            raise self._invalid(Faults(_TOO_DEEP), root) from None
        # The runtime writes some nestings that it then refuses to read.
        if self._can_be_too_deep and not self.valid(payload):
            raise self._invalid(Faults(_TOO_DEEP), root)
        return payload

    def _invalid(self, faults: Faults, root: str) -> Invalid:
        problems = [Problem(root + path, sentence) for path, sentence in faults.spelled()]
        title = f"{root} is not a valid {self.full_name}"
        if len(problems) > PROBLEMS_MAX:
            title += f"; these are the first {PROBLEMS_MAX} problems of it"
        return Invalid(title, problems=problems[:PROBLEMS_MAX])

    def to_json(self, payload: bytes | bytearray) -> Any:
        """This message's bytes as a JSON value: a dict, but for well-known types on their own.

        Raises Invalid if they are not this message.
        """
        try:
            return self._write(self._decode(payload))
        except DecodeError:
            raise Invalid(f"the bytes are not a {self.full_name}") from None

    def to_large_json(self, read: Slices, size: int) -> tuple[Any, Sequence[Leaf]]:
        """`to_json` of a message that is not held: a JSON value, and what is large in it.

        read: slices of the message, of `size` bytes. Raises Invalid if it is not this message.
        """
        walk = Walk(read, size)
        try:
            return self.to_json(walk.skeleton(self.descriptor)), walk.leaves
        except Unwalkable:
            return self.to_json(read(0, size)), ()

    def valid(self, payload: bytes) -> bool:
        """Whether the bytes parse as this message."""
        try:
            self._decode(payload)
        except DecodeError:
            return False
        return True

    def json_schema(self) -> dict[str, Any]:
        """A JSON Schema of what `parse_json` takes, for forms and API documents."""
        return json_schema.describe_message(self.descriptor, self.comments)

    def describer(self, root: str, *, printed: bool) -> Describer:
        """What makes schemas of it and of the messages inside it that refer to each other.

        root: what precedes their names in references. printed: as `to_json` makes them, rather
        than as `parse_json` takes them.
        """
        return Describer(self.comments, root, printed)

    def example(self) -> Any:
        """An input that its schema allows and `parse_json` takes."""
        return json_examples.example_of(self.descriptor)


class MessageTypes:
    """Every message type of one package, from its descriptor set."""

    def __init__(self, descriptor_set: bytes) -> None:
        """descriptor_set: a FileDescriptorSet with all imports; the package's file is last."""
        files = list(FileDescriptorSet.FromString(descriptor_set).file)
        assert files, "a package has a file of its own"
        self._pool = pool_of(files)
        self._names = message_names(descriptor_set)
        self._own = tuple(
            f"{files[-1].package}.{name}" if files[-1].package else name
            for name in (message.name for message in files[-1].message_type)
        )
        self._comments = comments_of(files)
        self._readers = Readers(self._pool)
        self._writers = Writers(self._pool)
        self._found: dict[str, MessageType] = {}

    def names(self) -> tuple[str, ...]:
        """Full names of the messages at the top of the package's own file, in its order."""
        return self._own

    def find(self, name: str) -> MessageType:
        """The message called `name` in full or within the package's file, or Invalid."""
        if name not in self._names:
            raise Invalid(unknown("message", name, self._names))
        full_name = self._names[name]
        if full_name not in self._found:
            descriptor = self._pool.FindMessageTypeByName(full_name)
            self._found[full_name] = MessageType(
                descriptor,
                self._readers.message(descriptor),
                self._writers.message(descriptor),
                self._comments,
            )
        return self._found[full_name]


def message_type(descriptor: Descriptor) -> MessageType:
    """The message type of a descriptor that was not found by a name of its package."""
    pool = descriptor.file.pool
    return MessageType(
        descriptor, Readers(pool).message(descriptor), Writers(pool).message(descriptor)
    )


def same_definition(a: MessageType, b: MessageType) -> bool:
    """Whether two types have one full name and one structure, all nested messages included."""
    return a.full_name == b.full_name and a.definition == b.definition


def edge_problems(source: MessageType, destination: MessageType) -> tuple[str, ...]:
    """Why an edge cannot pass `source` on as `destination`; nothing if it can.

    It can if they are the same message, or if every field of the destination that the source
    sends (fields go by their number) has the same kind and cardinality, or a wider kind.
    """
    if same_definition(source, destination):
        return ()
    return compatibility.edge_problems(source.descriptor, destination.descriptor)


_TOO_DEEP = f"is nested deeper than {JSON_DEPTH_MAX} messages, map entries included"


def pool_of(files: list[FileDescriptorProto]) -> DescriptorPool:
    """A pool of `files`, whatever their order. Raises Invalid if they import in a circle."""
    pool = DescriptorPool()
    missing = {file.name: file for file in files}
    while missing:
        ready = [f for f in missing.values() if not any(d in missing for d in f.dependency)]
        if not ready:
            raise Invalid(f"the imports of {', '.join(missing)} form a cycle")
        for file in ready:
            pool.AddSerializedFile(missing.pop(file.name).SerializeToString())
    return pool
