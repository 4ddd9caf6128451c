"""What is written beside messages, fields and enums in a proto file, by their full names.

The compiler puts comments into a descriptor set as places in the file. Of those only the comments
are kept: where they stood is nobody's business, and generated code carries none.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    EnumDescriptorProto,
    FileDescriptorProto,
    FileDescriptorSet,
    SourceCodeInfo,
)

Comments = Mapping[str, str]
"""Full name of a message, a field, an enum or a value of one to what is said of it."""

_FOREIGN = "google/protobuf/"
"""Files whose types have a form of their own in JSON."""


def keep_comments(descriptor_set: bytes) -> bytes:
    """A compiler's descriptor set, of whose source information only the comments are left."""
    kept = FileDescriptorSet.FromString(descriptor_set)
    for file in kept.file:
        said = [] if file.name.startswith(_FOREIGN) else list(_commented(file.source_code_info))
        file.ClearField("source_code_info")
        if said:
            file.source_code_info.location.extend(said)
    return kept.SerializeToString()


def without_comments(descriptor_set: bytes) -> bytes:
    """A descriptor set as programs need it."""
    bare = FileDescriptorSet.FromString(descriptor_set)
    for file in bare.file:
        file.ClearField("source_code_info")
    return bare.SerializeToString()


def comments_of(files: Sequence[FileDescriptorProto]) -> Comments:
    """Every comment of these files."""
    return {name: words for file in files for name, words in _named(file)}


def _commented(info: SourceCodeInfo) -> Iterator[SourceCodeInfo.Location]:
    for place in info.location:
        if place.leading_comments or place.trailing_comments:
            yield SourceCodeInfo.Location(
                path=place.path,
                leading_comments=place.leading_comments,
                trailing_comments=place.trailing_comments,
            )


def _named(file: FileDescriptorProto) -> Iterator[tuple[str, str]]:
    for place in file.source_code_info.location:
        name = _name_at(file, tuple(place.path))
        words = _text(place.leading_comments or place.trailing_comments)
        if name and words:
            yield name, words


def _name_at(file: FileDescriptorProto, path: Sequence[int]) -> str | None:
    """The full name of what stands at a path: pairs of a field's number and an index in it."""
    names = [file.package] if file.package else []
    here: Any = file
    for number, index in zip(path[::2], path[1::2], strict=False):
        held = here.DESCRIPTOR.fields_by_number[number].name
        if (type(here), held) not in _HOLDS:
            return None
        here = getattr(here, held)[index]
        names.append(here.name)
    return ".".join(names) if len(path) % 2 == 0 and here is not file else None


_HOLDS = {
    (FileDescriptorProto, "message_type"),
    (FileDescriptorProto, "enum_type"),
    (DescriptorProto, "nested_type"),
    (DescriptorProto, "enum_type"),
    (DescriptorProto, "field"),
    (EnumDescriptorProto, "value"),
}
"""What names the types that we tell of."""


def _text(comment: str) -> str:
    """A comment as one paragraph for each of its own."""
    lines = [line.strip().removeprefix("*").strip() for line in comment.strip().splitlines()]
    paragraphs = "\n".join(lines).split("\n\n")
    return "\n\n".join(" ".join(part.split()) for part in paragraphs if part.strip())
