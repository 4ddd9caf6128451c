"""Descriptor sets for tests, compiled from proto text with the real compiler."""

import tempfile
from functools import cache
from importlib import resources
from pathlib import Path

from google.protobuf.descriptor_pb2 import FileDescriptorSet
from grpc_tools import protoc

from axiomd.flow.messages import MessageTypes

EVERYTHING = """
syntax = "proto3";
package acme.every;
import "google/protobuf/any.proto";
import "google/protobuf/duration.proto";
import "google/protobuf/field_mask.proto";
import "google/protobuf/struct.proto";
import "google/protobuf/timestamp.proto";
import "google/protobuf/wrappers.proto";

enum Colour { NONE = 0; RED = 1; GREEN = 2; BELOW = -3; }

message Scalars {
  double a_double = 1;
  float a_float = 2;
  int32 an_int32 = 3;
  int64 an_int64 = 4;
  uint32 a_uint32 = 5;
  uint64 a_uint64 = 6;
  sint32 a_sint32 = 7;
  sint64 a_sint64 = 8;
  fixed32 a_fixed32 = 9;
  fixed64 a_fixed64 = 10;
  sfixed32 a_sfixed32 = 11;
  sfixed64 a_sfixed64 = 12;
  bool a_bool = 13;
  string a_string = 14;
  bytes some_bytes = 15;
  Colour colour = 16;
}

message Optionals {
  optional int32 maybe_int32 = 1;
  optional string maybe_string = 2;
  optional Colour maybe_colour = 3;
  Scalars scalars = 4;
  string renamed_field = 5 [json_name = "odd-name"];
}

message Lists {
  repeated double doubles = 1;
  repeated float floats = 2;
  repeated int64 longs = 3;
  repeated string strings = 4;
  repeated bytes blobs = 5;
  repeated Colour colours = 6;
  repeated Scalars items = 7;
  repeated bool flags = 8;
}

message Maps {
  map<string, int64> by_name = 1;
  map<int32, string> by_number = 2;
  map<bool, Colour> by_flag = 3;
  map<string, Scalars> items = 4;
  map<uint64, bytes> blobs = 5;
}

message Choice {
  oneof kind {
    int32 number = 1;
    string text_value = 2;
    Scalars scalars = 3;
    google.protobuf.NullValue nothing = 4;
  }
  string rest = 5;
}

message Tree {
  string name = 1;
  repeated Tree children = 2;
  map<string, Tree> named = 3;
  Tree next = 4;
}

message Known {
  google.protobuf.Timestamp at = 1;
  google.protobuf.Duration lasting = 2;
  google.protobuf.FieldMask mask = 3;
  google.protobuf.Struct struct = 4;
  google.protobuf.Value value = 5;
  google.protobuf.ListValue list = 6;
  google.protobuf.Any any = 7;
  google.protobuf.Int64Value long = 8;
  google.protobuf.StringValue text = 9;
  google.protobuf.BoolValue flag = 10;
  google.protobuf.BytesValue blob = 11;
  repeated google.protobuf.Timestamp times = 12;
  repeated google.protobuf.Value values = 13;
  google.protobuf.NullValue null = 14;
}

message Everything {
  Scalars scalars = 1;
  Optionals optionals = 2;
  Lists lists = 3;
  Maps maps = 4;
  Choice choice = 5;
  Tree tree = 6;
  message Inner { string note = 1; }
  Inner inner = 7;
}
"""


@cache
def descriptor_set(proto: str, name: str = "messages.proto") -> bytes:
    """`proto` and its imports as a FileDescriptorSet, its own file last."""
    well_known = resources.files("grpc_tools") / "_proto"
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, name)
        source.write_text(proto)
        out = Path(folder, "out.bin")
        arguments = ["protoc", f"-I{folder}", f"-I{well_known}", "--include_imports"]
        assert protoc.main([*arguments, f"--descriptor_set_out={out}", str(source)]) == 0
        files = FileDescriptorSet.FromString(out.read_bytes())
    assert files.file[-1].name == name
    return files.SerializeToString()


def types(body: str, package: str = "acme.orders") -> MessageTypes:
    """The message types of a proto3 file with `body`."""
    return MessageTypes(descriptor_set(f'syntax = "proto3"; package {package}; {body}'))
