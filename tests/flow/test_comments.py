"""What proto files say of their messages: kept at a push, told in schemas, left out of programs."""

from google.protobuf.descriptor_pb2 import FileDescriptorSet

from axiomd.authoring.generate import generate
from axiomd.authoring.protoc import CompiledProtos, compile_protos
from axiomd.flow.comments import comments_of, without_comments
from axiomd.flow.messages import MessageTypes

PROTO = """\
// Of the file, and nobody's.
syntax = "proto3";

package acme.said;
import "google/protobuf/timestamp.proto";

// An order,
// as it comes in.
//
// Second paragraph.
message Order {
  // What it is called.
  string name = 1;
  int64 amount = 2;  // In cents.
  /* How urgent
   * it is. */
  Level level = 3;
  message Line {
    // How many.
    int32 count = 1;
  }
  repeated Line lines = 4;
  google.protobuf.Timestamp at = 5;
  // What may be said of it.
  oneof extra { string note = 6; bool flag = 7; }
}
// How urgent something is.
enum Level { LOW = 0; HIGH = 1; }
"""


def said():
    compiled = compile_protos(PROTO.encode())
    return comments_of(FileDescriptorSet.FromString(compiled.descriptor_set).file)


def test_comments_are_found_by_the_full_name_of_what_they_stand_beside():
    assert said() == {
        "acme.said.Order": "An order, as it comes in.\n\nSecond paragraph.",
        "acme.said.Order.name": "What it is called.",
        "acme.said.Order.amount": "In cents.",
        "acme.said.Order.level": "How urgent it is.",
        "acme.said.Order.Line.count": "How many.",
        "acme.said.Level": "How urgent something is.",
    }


def test_comments_are_the_descriptions_of_a_schema():
    types = MessageTypes(compile_protos(PROTO.encode()).descriptor_set)
    schema = types.find("Order").json_schema()
    assert schema["description"].startswith("An order, as it comes in.")
    assert schema["properties"]["amount"]["description"] == "In cents."
    assert schema["properties"]["level"]["description"] == "How urgent it is."
    inner = schema["$defs"]["acme.said.Order.Line"]["properties"]["count"]
    assert inner["description"] == "How many."


def test_nothing_of_the_source_is_kept_but_comments():
    files = FileDescriptorSet.FromString(compile_protos(PROTO.encode()).descriptor_set).file
    assert not files[0].source_code_info.location
    for place in files[-1].source_code_info.location:
        assert not place.span
        assert place.leading_comments or place.trailing_comments


def test_generated_code_is_the_same_with_and_without_comments():
    compiled = compile_protos(PROTO.encode())
    bare = CompiledProtos(without_comments(compiled.descriptor_set), compiled.pyi)
    assert bare.descriptor_set != compiled.descriptor_set
    assert generate(bare) == generate(compiled)
    plain = "\n".join(line for line in PROTO.splitlines() if not line.lstrip().startswith("//"))
    assert (
        b"What it is called" not in generate(compile_protos(plain.encode()))["gen/messages_pb2.py"]
    )


def test_descriptor_set_without_comments_is_as_good_as_ever():
    bare = without_comments(compile_protos(PROTO.encode()).descriptor_set)
    schema = MessageTypes(bare).find("Order").json_schema()
    assert "description" not in schema
    assert set(schema["properties"]) >= {"name", "amount"}
