"""The message that edges for failures carry: `axiom.NodeError`."""

import attrs
from google.protobuf.descriptor_pb2 import (
    FieldDescriptorProto,
    FileDescriptorProto,
    FileDescriptorSet,
)

from axiomd.flow.messages import MessageTypes


@attrs.frozen
class NodeError:
    """How a node visit has failed for good."""

    message: str
    kind: str
    placement: str
    attempts: int


def _file() -> FileDescriptorProto:
    file = FileDescriptorProto(name="axiom/node_error.proto", package="axiom", syntax="proto3")
    message = file.message_type.add(name="NodeError")
    for number, name in enumerate(("message", "kind", "placement", "attempts"), 1):
        kind = FieldDescriptorProto.TYPE_INT32 if number == 4 else FieldDescriptorProto.TYPE_STRING
        message.field.add(name=name, number=number, label=1, type=kind)
    return file


NODE_ERROR_TYPE = MessageTypes(FileDescriptorSet(file=[_file()]).SerializeToString()).find(
    "NodeError"
)
"""Its message type."""
