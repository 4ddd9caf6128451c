"""`axiom.NodeError`: what an `on_error` edge is given instead of the output that never came."""

import attrs
from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    FieldDescriptorProto,
    FileDescriptorProto,
)
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass

from axiomd.flow.messages import MessageType, message_type

_FIELDS = (
    ("message", FieldDescriptorProto.TYPE_STRING),
    ("kind", FieldDescriptorProto.TYPE_STRING),
    ("placement", FieldDescriptorProto.TYPE_STRING),
    ("attempts", FieldDescriptorProto.TYPE_INT32),
)
"""Numbered from 1 in this order; what is stored has these numbers, so they never change."""


def _define() -> MessageType:
    pool = DescriptorPool()
    fields = [
        FieldDescriptorProto(
            name=name, number=number, type=kind, label=FieldDescriptorProto.LABEL_OPTIONAL
        )
        for number, (name, kind) in enumerate(_FIELDS, 1)
    ]
    file = FileDescriptorProto(
        name="axiom/node_error.proto",
        package="axiom",
        syntax="proto3",
        message_type=[DescriptorProto(name="NodeError", field=fields)],
    )
    pool.AddSerializedFile(file.SerializeToString())
    return message_type(pool.FindMessageTypeByName("axiom.NodeError"))


NODE_ERROR = _define()
"""The message type; packages that define the same message take it as it is."""
_Message = GetMessageClass(NODE_ERROR.descriptor)


@attrs.frozen
class NodeError:
    """How a node visit has failed, after its last attempt."""

    message: str
    """One sentence."""
    kind: str
    """The failure's kind, such as `TIMEOUT`."""
    placement: str
    """Alias of the placement that failed."""
    attempts: int
    """Charged calls."""

    def encode(self) -> bytes:
        """This as an `axiom.NodeError` on the wire."""
        content: bytes = _Message(**attrs.asdict(self)).SerializeToString()
        return content
