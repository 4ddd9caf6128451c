"""When one message can stand for another: same definition, or the same on the wire.

Fields go by their number, as on the wire; names only appear in what is said. Knows protobuf
descriptors and nothing of flows.
"""

from collections.abc import Iterator, Mapping

from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor

from axiomd.flow.descriptors import closure, enum_of, is_map, message_of

Shape = tuple[tuple[object, ...], ...]
"""One message without its inner messages: a row for each field."""
Definition = Mapping[str, Shape]
"""Full name to shape, for a message and every message inside it."""

KIND_NAMES: Mapping[int, str] = {
    getattr(FieldDescriptor, name): name.removeprefix("TYPE_").lower()
    for name in vars(FieldDescriptor)
    if name.startswith("TYPE_")
}
"""Field kinds as a proto file writes them."""

_WIDER = {
    (FieldDescriptor.TYPE_INT32, FieldDescriptor.TYPE_INT64),
    (FieldDescriptor.TYPE_UINT32, FieldDescriptor.TYPE_UINT64),
    (FieldDescriptor.TYPE_SINT32, FieldDescriptor.TYPE_SINT64),
}
"""(sent, taken) kinds whose bytes mean the same number."""


def definition(descriptor: Descriptor) -> Definition:
    """What `descriptor` and every message inside it look like."""
    return {name: _shape(inner) for name, inner in closure(descriptor).items()}


def _shape(descriptor: Descriptor) -> Shape:
    rows = (
        (
            field.number,
            field.name,
            field.json_name,
            field.type,
            field.is_repeated,
            field.has_presence,
            field.containing_oneof.name if field.containing_oneof else None,
            field.message_type.full_name if field.message_type else None,
            (field.enum_type.full_name, _values(field.enum_type)) if field.enum_type else None,
        )
        for field in descriptor.fields
    )
    return tuple(sorted(rows, key=lambda row: row[0]))


def _values(enum: EnumDescriptor) -> frozenset[tuple[str, int]]:
    return frozenset((value.name, value.number) for value in enum.values)


def edge_problems(source: Descriptor, destination: Descriptor) -> tuple[str, ...]:
    """One sentence for each field of `destination` that `source` sends as something else."""
    return tuple(_message_problems(source, destination, "", set()))


def _message_problems(
    source: Descriptor, destination: Descriptor, prefix: str, seen: set[tuple[str, str]]
) -> Iterator[str]:
    pair = (source.full_name, destination.full_name)
    if pair in seen:
        return
    seen.add(pair)
    for taken in destination.fields:
        sent = source.fields_by_number.get(taken.number)
        if sent is not None:
            yield from _field_problems(sent, taken, prefix, seen)


def _field_problems(
    sent: FieldDescriptor, taken: FieldDescriptor, prefix: str, seen: set[tuple[str, str]]
) -> Iterator[str]:
    if not _same_kind(sent, taken):
        yield (
            f"field {taken.number}: {prefix}{sent.name} is sent as {_kind(sent)}, "
            f"but {prefix}{taken.name} is taken as {_kind(taken)}"
        )
    elif sent.enum_type is not None:
        if _values(sent.enum_type) != _values(enum_of(taken)):
            yield (
                f"field {taken.number}: {prefix}{sent.name} and {prefix}{taken.name} are the enums "
                f"{sent.enum_type.full_name} and {enum_of(taken).full_name}, which differ in "
                f"{_differences(sent.enum_type, enum_of(taken))}"
            )
    elif sent.message_type is not None:
        inner = f"{prefix}{taken.name}."
        yield from _message_problems(sent.message_type, message_of(taken), inner, seen)


def _same_kind(sent: FieldDescriptor, taken: FieldDescriptor) -> bool:
    same = sent.type == taken.type or (sent.type, taken.type) in _WIDER
    return same and sent.is_repeated == taken.is_repeated and is_map(sent) == is_map(taken)


def _kind(field: FieldDescriptor) -> str:
    if is_map(field):
        entry = message_of(field).fields_by_name
        return f"map<{_kind(entry['key'])}, {_kind(entry['value'])}>"
    named = field.message_type or field.enum_type
    name = named.full_name if named else KIND_NAMES[field.type]
    return f"repeated {name}" if field.is_repeated else name


def _differences(a: EnumDescriptor, b: EnumDescriptor) -> str:
    values = sorted((number, name) for name, number in _values(a) ^ _values(b))
    return ", ".join(f"{name} = {number}" for number, name in values)
