"""What nodes import from `gen/`, in a process of its own."""

import ast
import subprocess
import sys

import pytest

from axiomd.authoring.generate import generate, write_generated
from axiomd.authoring.protoc import compile_protos

OWN = b"""
syntax = "proto3";
package acme.orders;
import "google/protobuf/timestamp.proto";
import "acme/base/messages.proto";
enum Kind { KIND_NONE = 0; KIND_BIG = 1; }
message Order {
  string id = 1;
  repeated Line lines = 2;
  optional int32 count = 3;
  map<string, int64> totals = 4;
  google.protobuf.Timestamp at = 5;
  acme.base.Money total = 6;
  Kind kind = 7;
  oneof choice { string text = 8; Inner inner = 9; }
  message Inner { int32 value = 1; enum E { E_ZERO = 0; E_ONE = 1; } E e = 2; }
}
message Line { string sku = 1; }
"""
BASE = b"""
syntax = "proto3";
package acme.base;
message Money { int64 cents = 1; }
message Line { int32 other = 1; }
"""
USES = {
    "messages": """
order = pb.Order(id="7", lines=[pb.Line(sku="s")], count=3, totals={"a": 5})
again = pb.message_class("acme.orders.Order").FromString(order.SerializeToString())
assert again == order and isinstance(again, pb.Order)
assert pb.message_class("acme.orders.Order") is pb.Order
assert pb.DESCRIPTOR.package == "acme.orders"
""",
    "enums": """
assert pb.KIND_BIG == pb.Kind.Value("KIND_BIG") == pb.Kind.KIND_BIG == 1
assert pb.Kind.Name(1) == "KIND_BIG"
inner = pb.Order.Inner(e=pb.Order.Inner.E_ONE)
assert pb.Order.Inner.E.Name(inner.e) == "E_ONE"
assert pb.Order(inner=inner, kind=pb.KIND_BIG).WhichOneof("choice") == "inner"
""",
    "imported messages": """
assert pb.Order(total=pb.Money(cents=4)).total.cents == 4
assert pb.Line.DESCRIPTOR.full_name == "acme.orders.Line"
assert pb.message_class("acme.base.Line").DESCRIPTOR.full_name == "acme.base.Line"
order = pb.Order(at=pb.Timestamp(seconds=5))
assert order.at.ToJsonString() == "1970-01-01T00:00:05Z" and isinstance(order.at, pb.Timestamp)
""",
    "unknown messages": """
try:
    pb.message_class("acme.orders.Nope")
except KeyError:
    pass
else:
    raise SystemExit("there is such a message")
""",
    "an environment that has the same file": """
from google.protobuf import descriptor_pb2, descriptor_pool
file = descriptor_pb2.FileDescriptorProto(name="messages/messages.proto", package="else")
descriptor_pool.Default().Add(file) if hasattr(descriptor_pool.Default(), "Add") else None
assert pb.Order(id="x").id == "x"
""",
}


@pytest.fixture(scope="module")
def compiled():
    return compile_protos(OWN, {"acme/base/messages.proto": BASE})


@pytest.fixture(scope="module")
def package(compiled, tmp_path_factory):
    directory = tmp_path_factory.mktemp("package")
    write_generated(directory, generate(compiled))
    return directory


@pytest.mark.parametrize("use", USES)
def test_the_generated_messages_work_in_a_process_of_their_own(package, use):
    code = f"from gen import messages_pb2 as pb\n{USES[use]}"
    command = [sys.executable, "-W", "error", "-c", code]
    ended = subprocess.run(command, cwd=package, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr


def test_the_same_messages_generate_the_same_files(compiled):
    assert generate(compiled) == generate(compiled)


def test_every_generated_file_is_python(compiled):
    for content in generate(compiled).values():
        ast.parse(content)


def test_the_stub_declares_messages_and_the_lookup(compiled):
    stub = generate(compiled)["gen/messages_pb2.pyi"].decode()
    assert "class Order(_message.Message):" in stub
    assert "def message_class(full_name: str)" in stub


def test_the_fake_context_has_all_that_the_protocol_promises(package):
    code = """
from gen import axiom_context, axiom_testing
fake = axiom_testing.FakeContext(config={"A": "1"}, secrets={"TOKEN": "t"}, placement="here")
promised = [name for name in vars(axiom_context.AxiomContext) if not name.startswith("_")]
assert len(promised) == 13, promised
assert all(hasattr(fake, name) for name in promised), promised
fake.log.debug("a"); fake.log.info("b", x=1); fake.log.warn("c"); fake.log.error("d")
assert fake.logged[1] == ("info", "b", {"x": 1}) and len(fake.logged) == 4
fake.progress(0.5, "half")
assert fake.progressed == [(0.5, "half")]
assert fake.secrets.get("TOKEN") == ("t", True) and fake.secrets.get("NO") == ("", False)
assert fake.reflection.flow.position == "here"
"""
    command = [sys.executable, "-W", "error", "-c", code]
    ended = subprocess.run(command, cwd=package, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr


def test_what_is_the_same_already_is_not_written_again(package, compiled):
    path = package / "gen" / "messages_pb2.py"
    before = path.stat().st_mtime_ns
    write_generated(package, generate(compiled))
    assert path.stat().st_mtime_ns == before
