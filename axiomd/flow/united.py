"""One descriptor pool for messages of several packages.

Each package has a pool of its own, and their files are all called alike. An expression that sees
messages of two of them needs one pool of what both have, by full name: of what both define, the
first one's definition stands, because the compiler refuses two different ones in one flow.
"""

from collections.abc import Iterable, Iterator

from google.protobuf import (
    any_pb2,
    duration_pb2,
    struct_pb2,
    timestamp_pb2,
    wrappers_pb2,
)
from google.protobuf.descriptor import Descriptor, EnumDescriptor, FileDescriptor
from google.protobuf.descriptor_pb2 import DescriptorProto, FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool

from axiomd.flow.messages import pool_of

_STANDARD = (any_pb2, duration_pb2, struct_pb2, timestamp_pb2, wrappers_pb2)
"""What the expression language itself refers to."""
_STANDARD_FOLDER = "google/protobuf/"

Top = Descriptor | EnumDescriptor
"""A message or an enum that stands on its own in its file, with everything nested in it."""


def united_pool(messages: Iterable[Descriptor]) -> tuple[DescriptorPool, frozenset[str]]:
    """A pool that has each of the messages and what can be inside them; the names it has.

    Raises TypeError if two of them define something differently under one full name.
    """
    drafts = {m.DESCRIPTOR.name: _whole(m.DESCRIPTOR) for m in _STANDARD}
    homes: dict[str, str] = {}
    names: set[str] = set()
    for number, message in enumerate(messages):
        fresh = [top for top in _tops(message) if top.full_name not in homes]
        for top in fresh:
            homes[top.full_name] = _home(top.file, number)
        for top in fresh:
            names |= {top.full_name, *_inner_names(top)}
            if top.file.name.startswith(_STANDARD_FOLDER):
                _add_standard(drafts, top.file)
            else:
                _add(drafts, top, homes)
    return pool_of(list(drafts.values())), frozenset(names)


def _tops(message: Descriptor) -> Iterator[Top]:
    """What the message needs, itself included."""
    todo: list[Top] = [_top(message)]
    seen = {todo[0].full_name}
    while todo:
        top = todo.pop()
        yield top
        for other in _referred(top):
            if other.full_name not in seen:
                seen.add(other.full_name)
                todo.append(other)


def _referred(top: Top) -> Iterator[Top]:
    if isinstance(top, EnumDescriptor):
        return
    for message in _nested(top):
        for field in message.fields:
            held = field.message_type or field.enum_type
            if held is not None:
                yield _top(held)


def _nested(message: Descriptor) -> Iterator[Descriptor]:
    yield message
    for inner in message.nested_types:
        yield from _nested(inner)


def _top(held: Top) -> Top:
    while held.containing_type is not None:
        held = held.containing_type
    return held


def _inner_names(top: Top) -> Iterator[str]:
    if isinstance(top, EnumDescriptor):
        return
    for message in _nested(top):
        yield message.full_name
        yield from (enum.full_name for enum in message.enum_types)


def _home(file: FileDescriptor, number: int) -> str:
    return file.name if file.name.startswith(_STANDARD_FOLDER) else f"{number}/{file.name}"


def _add(drafts: dict[str, FileDescriptorProto], top: Top, homes: dict[str, str]) -> None:
    home = homes[top.full_name]
    if home not in drafts:
        draft = _whole(top.file)
        draft.name = home
        for part in ("dependency", "public_dependency", "weak_dependency", "option_dependency"):
            if part in draft.DESCRIPTOR.fields_by_name:
                draft.ClearField(part)
        for part in ("message_type", "enum_type", "service", "extension"):
            draft.ClearField(part)  # type: ignore[arg-type]
        drafts[home] = draft
    draft = drafts[home]
    if isinstance(top, EnumDescriptor):
        top.CopyToProto(draft.enum_type.add())
        return
    copied = draft.message_type.add()
    top.CopyToProto(copied)
    _without_extensions(copied)
    needed = {homes[other.full_name] for other in _referred(top)} - {home}
    draft.dependency.extend(sorted(needed - set(draft.dependency)))


def _without_extensions(message: DescriptorProto) -> None:
    """Leave out options of other messages, whose definitions nothing here needs."""
    message.ClearField("extension")
    for inner in message.nested_type:
        _without_extensions(inner)


def _add_standard(drafts: dict[str, FileDescriptorProto], file: FileDescriptor) -> None:
    if file.name not in drafts:
        drafts[file.name] = _whole(file)
        for other in file.dependencies:
            _add_standard(drafts, other)


def _whole(file: FileDescriptor) -> FileDescriptorProto:
    draft = FileDescriptorProto()
    file.CopyToProto(draft)
    return draft
