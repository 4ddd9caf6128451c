"""The manifest: what is read from it and what is refused."""

import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet

from axiomd.errors import Invalid, Malformed
from axiomd.flow.package import (
    EnvSpec,
    ImportSpec,
    NodeSpec,
    PackageManifest,
    PushedPackage,
    message_names,
    read_manifest,
    snake_case,
)

HEAD = "name: acme/orders\nversion: 1.4.2\nlanguage: python\n"
WHOLE = f"""{HEAD}
description: Takes orders.
author: Ada
license: MIT
tags: [orders]
nodes:
  - name: ProcessOrder
    description: Takes one order.
    input: OrderRequest
    output: acme.orders.OrderConfirmation
    required_secrets: [TOKEN]
    once: true
    concurrency: 8
  - {{name: HTTPFetch, input: A, output: B, type: pipeline}}
imports:
  - {{package: acme/base, version: 1.0.0, messages: [Money]}}
env:
  - {{name: REGION, description: Where., required: true, secret: false, default: eu}}
"""


def refused(text: str) -> list[str]:
    with pytest.raises(Invalid) as caught:
        read_manifest(text)
    return [str(problem) for problem in caught.value.problems]


def test_every_key_of_a_manifest_is_read():
    assert read_manifest(WHOLE) == PackageManifest(
        name="acme/orders",
        version="1.4.2",
        language="python",
        description="Takes orders.",
        author="Ada",
        license="MIT",
        tags=("orders",),
        nodes=(
            NodeSpec(
                "ProcessOrder",
                "OrderRequest",
                "acme.orders.OrderConfirmation",
                "Takes one order.",
                required_secrets=("TOKEN",),
                once=True,
                concurrency=8,
            ),
            NodeSpec("HTTPFetch", "A", "B", type="pipeline"),
        ),
        imports=(ImportSpec("acme/base", "1.0.0", ("Money",)),),
        env=(EnvSpec("REGION", "Where.", required=True, default="eu"),),
    )


def test_a_manifest_says_where_its_nodes_and_imports_are():
    manifest = read_manifest(WHOLE)
    assert manifest.ref == PushedPackage(manifest, "0" * 64, b"").ref == "acme/orders@1.4.2"
    assert manifest.imports[0].ref == "acme/base@1.0.0"
    assert manifest.imports[0].proto_path == "acme/base/messages.proto"
    node = manifest.node("HTTPFetch")
    assert node is not None
    assert (node.module, node.file) == ("http_fetch", "nodes/http_fetch.py")
    assert manifest.node("Nope") is None


@pytest.mark.parametrize(
    ("name", "module"),
    [
        ("ProcessOrder", "process_order"),
        ("HTTPFetch", "http_fetch"),
        ("FetchHTTP", "fetch_http"),
        ("GetURLNow", "get_url_now"),
        ("Node2Vec", "node2_vec"),
        ("A", "a"),
    ],
)
def test_a_nodes_file_is_its_name_in_snake_case(name, module):
    assert snake_case(name) == module


@pytest.mark.parametrize("version", ["0.0.0", "1.2.3-rc.1+build.5", "10.20.30"])
def test_semantic_versions_are_accepted(version):
    assert read_manifest(HEAD.replace("1.4.2", version)).version == version


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (HEAD.replace("acme/orders", "Acme/Orders"), "axiom.yaml:1: name: must be handle/package"),
        (HEAD.replace("acme/orders", "../orders"), "axiom.yaml:1: name: must be"),
        (HEAD.replace("acme/orders", "orders"), "axiom.yaml:1: name: must be"),
        (HEAD.replace("1.4.2", "1.4"), "axiom.yaml:2: version: must be a text, not a number"),
        (HEAD.replace("1.4.2", "01.4.2"), "version: must be a semantic version"),
        (HEAD.replace("python", "go"), "axiom.yaml:3: language: must be python"),
        (HEAD.replace("language: python\n", ""), "language: is required"),
        (HEAD + "nodez: []\n", "axiom.yaml:4: nodez: unknown key 'nodez', did you mean 'nodes'?"),
        (HEAD + "type: library\n", "type: must be one of proto-only"),
        ("- a list\n", "must be a mapping, not a list"),
        ("", "must be a mapping, not nothing"),
    ],
)
def test_a_manifest_that_breaks_a_rule_is_refused_with_its_line(text, words):
    assert any(words in said for said in refused(text))


@pytest.mark.parametrize(
    ("node", "words"),
    [
        ("name: foo, input: A, output: B", "axiom.yaml:6: nodes[0].name: must be a PascalCase"),
        ("name: Foo, input: A", "nodes[0].output: is required"),
        ("name: Foo, inputs: A, output: B", "did you mean 'input'?"),
        ("name: Foo, input: A B, output: B", "nodes[0].input: must be the name of a message"),
        ("name: Foo, input: A, output: B, concurrency: 0", "concurrency: must be from 1 to"),
        ("name: Foo, input: A, output: B, once: 'yes'", "once: must be true or false"),
        ("name: Foo, input: A, output: B, type: stream", "must be one of unary, pipeline"),
        ("name: Import, input: A, output: B", "a Python keyword"),
        ("name: OrderTest, input: A, output: B", "would be a test file"),
    ],
)
def test_a_node_that_breaks_a_rule_is_refused(node, words):
    assert any(words in said for said in refused(f"{HEAD}\nnodes:\n  - {{{node}}}\n"))


def test_two_nodes_cannot_share_a_file():
    nodes = "".join(
        f"  - {{name: {name}, input: A, output: B}}\n" for name in ("HTTPFetch", "HttpFetch")
    )
    (said,) = refused(f"{HEAD}nodes:\n{nodes}")
    assert said == "axiom.yaml:6: nodes[1].name: 'HttpFetch' is already taken by nodes[0].name"


def test_a_proto_only_package_has_no_nodes():
    nodes = "nodes: [{name: Foo, input: A, output: B}]\n"
    assert "a proto-only package has no nodes" in refused(f"{HEAD}type: proto-only\n{nodes}")[0]
    assert read_manifest(HEAD + "type: proto-only\n").type == "proto-only"


def test_a_list_with_every_item_commented_out_is_empty():
    assert read_manifest(HEAD + "nodes:\n  # - name: Foo\ntags:\n").nodes == ()


def test_all_problems_come_at_once():
    text = "name: X\nversion: x\nlanguage: go\ntags: a\nnodes:\n- {name: y}\n"
    paths = {said.split(": ")[1] for said in refused(text)}
    assert paths == {
        *("name", "version", "language", "tags"),
        *("nodes[0].name", "nodes[0].input", "nodes[0].output"),
    }


def test_broken_yaml_is_malformed():
    with pytest.raises(Malformed) as caught:
        read_manifest("name: [\n")
    assert caught.value.problems[0].file == "axiom.yaml"


def test_messages_can_be_named_in_short_or_in_full():
    base = FileDescriptorProto(name="b", package="acme.base")
    base.message_type.add(name="Money")
    base.message_type.add(name="Order")
    other = FileDescriptorProto(name="c", package="acme.other")
    other.message_type.add(name="Rate")
    base.message_type.add(name="Rate")
    own = FileDescriptorProto(name="o", package="acme.orders")
    own.message_type.add(name="Order").nested_type.add(name="Line")
    names = message_names(FileDescriptorSet(file=[base, other, own]).SerializeToString())
    assert names["Order"] == "acme.orders.Order"
    assert names["Order.Line"] == "acme.orders.Order.Line"
    assert names["Money"] == names["acme.base.Money"] == "acme.base.Money"
    assert names["acme.base.Order"] == "acme.base.Order"
    assert "Rate" not in names
