"""`axiomd init` and `axiomd create`: nothing is overwritten, and what is written works."""

from pathlib import Path

import pytest

from axiomd.authoring.bundle import read_directory
from axiomd.authoring.check import check
from axiomd.authoring.harness import run_tests
from axiomd.authoring.scaffold import create_message, create_node, init
from axiomd.errors import Invalid, NotFound, WrongState
from axiomd.flow.package import read_manifest


@pytest.fixture
def package(tmp_path) -> Path:
    init(tmp_path, "acme/order-intake")
    create_message(tmp_path, "Line", ["sku:string"])
    create_message(
        tmp_path,
        "Order",
        ["id:string", "lines:repeated Line", "sizes:int64[]", "by_day:map<string,double>"],
    )
    create_message(tmp_path, "Receipt", ["id:string", "sizes:repeated int64", "lines:int32"])
    return tmp_path


def snapshot(directory: Path) -> dict[str, bytes]:
    return {str(p): p.read_bytes() for p in directory.rglob("*") if p.is_file()}


def test_a_new_package_is_whole(tmp_path):
    written = init(tmp_path / "new", "acme/order-intake")
    assert set(written) == {
        *("axiom.yaml", "messages/messages.proto", "requirements.txt", ".gitignore"),
    }
    check(read_directory(tmp_path / "new"))
    assert "gen/" in (tmp_path / "new/.gitignore").read_text().splitlines()
    proto = (tmp_path / "new/messages/messages.proto").read_text()
    assert "package acme.order_intake;" in proto
    assert (tmp_path / "new/gen/messages_pb2.py").exists()


def test_a_bad_package_name_leaves_nothing_behind(tmp_path):
    with pytest.raises(Invalid):
        init(tmp_path / "new", "Order Intake")
    assert not (tmp_path / "new").exists()


def test_init_overwrites_nothing(tmp_path):
    (tmp_path / "axiom.yaml").write_text("mine")
    with pytest.raises(WrongState, match=r"axiom\.yaml already exists"):
        init(tmp_path, "acme/orders")
    assert snapshot(tmp_path) == {str(tmp_path / "axiom.yaml"): b"mine"}


def test_new_messages_are_appended_with_their_fields(package):
    proto = (package / "messages/messages.proto").read_text()
    assert proto.endswith(
        "message Receipt {\n  string id = 1;\n  repeated int64 sizes = 2;\n  int32 lines = 3;\n}\n"
    )
    assert "  map<string,double> by_day = 4;\n" in proto


@pytest.mark.parametrize(
    ("name", "fields", "words"),
    [
        ("order", [], "PascalCase"),
        ("Order", [], "already defined"),
        ("New", ["id"], "name:type"),
        ("New", ["id:strng"], '"strng" is not defined'),
        ("New", ["Id:string"], "name:type"),
        ("New", ["id:string; } message Evil {"], "name:type"),
    ],
)
def test_a_message_that_would_not_compile_changes_nothing(package, name, fields, words):
    before = snapshot(package)
    with pytest.raises(Invalid) as caught:
        create_message(package, name, fields)
    assert words in str(caught.value.problems[0])
    assert snapshot(package) == before


@pytest.mark.parametrize("tool", ["pytest", "plain"])
def test_new_nodes_pass_validation_and_their_own_tests(package, tool):
    create_node(package, "TakeOrder", "Order", "Receipt")
    create_node(package, "StreamOrders", "Order", "acme.order_intake.Receipt", pipeline=True)
    create_node(package, "HTTPEcho", "Order", "Order")
    assert (
        "return Receipt(id=input.id, sizes=input.sizes)"
        in (package / "nodes/take_order.py").read_text()
    )
    check(read_directory(package))
    ran = run_tests(package, capture=True, tool=tool)
    assert ran.passed, ran.output
    assert "3 passed" in ran.output
    assert len(ran.files) == 3


def test_comments_and_order_of_the_manifest_stay(package):
    mine = """\
# Our first package.
version: 0.2.0   # not released
name: acme/order-intake
language: python

nodes:
    # The door.
    - name: TakeOrder
      input: Order      # as it comes
      output: Receipt
      # end of TakeOrder

# What follows is metadata.
tags:
  - orders
"""
    (package / "axiom.yaml").write_text(mine)
    create_node(package, "CheckOrder", "Order", "Receipt")
    added = "    - name: CheckOrder\n      input: Order\n      output: Receipt\n"
    expected = mine.replace("# end of TakeOrder\n", f"# end of TakeOrder\n{added}")
    assert (package / "axiom.yaml").read_text() == expected


@pytest.mark.parametrize("nodes", ["nodes: []  # none yet\n", "nodes:\n", "nodes: []\ntags: [a]\n"])
def test_an_empty_list_of_nodes_is_filled(package, nodes):
    path = package / "axiom.yaml"
    path.write_text("name: acme/orders\nversion: 1.0.0\nlanguage: python\n" + nodes)
    create_node(package, "TakeOrder", "Order", "Receipt")
    assert [node.name for node in read_manifest(path.read_bytes()).nodes] == ["TakeOrder"]


def test_windows_line_ends_stay(package):
    path = package / "axiom.yaml"
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    create_node(package, "TakeOrder", "Order", "Receipt")
    content = path.read_bytes()
    assert content.count(b"\n") == content.count(b"\r\n") > 5
    assert read_manifest(content).node("TakeOrder")


def test_a_manifest_in_another_style_is_left_to_the_user(package):
    head = "name: acme/orders\nversion: 1.0.0\nlanguage: python\n"
    text = head + "nodes: [{name: A, input: Order, output: Order}]\n"
    (package / "axiom.yaml").write_text(text)
    with pytest.raises(Invalid) as caught:
        create_node(package, "TakeOrder", "Order", "Receipt")
    assert "add the node by hand: name: TakeOrder" in caught.value.problems[0].message
    assert (package / "axiom.yaml").read_text() == text
    assert not (package / "nodes/take_order.py").exists()


@pytest.mark.parametrize(
    ("name", "source", "target", "words"),
    [
        ("takeOrder", "Order", "Receipt", "PascalCase"),
        ("Import", "Order", "Receipt", "Python keyword"),
        ("TakeOrder", "Ordr", "Receipt", "did you mean"),
        ("TakeOrder", "Order", "Nothing", "unknown message 'Nothing'"),
    ],
)
def test_a_node_that_would_not_be_right_changes_nothing(package, name, source, target, words):
    before = snapshot(package)
    with pytest.raises(Invalid) as caught:
        create_node(package, name, source, target)
    assert words in str(caught.value.problems[0])
    assert snapshot(package) == before


def test_a_node_or_its_file_is_never_overwritten(package):
    create_node(package, "TakeOrder", "Order", "Receipt")
    before = snapshot(package)
    with pytest.raises(Invalid) as caught:
        create_node(package, "TakeOrder", "Order", "Receipt")
    assert "already taken" in caught.value.problems[0].message
    (package / "nodes/other.py").write_text("mine")
    with pytest.raises(WrongState):
        create_node(package, "Other", "Order", "Receipt")
    (package / "nodes/other.py").unlink()
    assert snapshot(package) == before


def test_outside_a_package_nothing_is_created(tmp_path):
    with pytest.raises(NotFound, match="axiomd init"):
        create_message(tmp_path, "Order", [])
    assert not list(tmp_path.iterdir())
