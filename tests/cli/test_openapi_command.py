"""The API documents with the command, and invocations as curl commands."""

import json
import subprocess

import pytest
from cli.test_first_flow import run_command, scaffold

from axiomd.cli.exits import Exit

FLOW = """\
name: acme/described
nodes:
  - {alias: only, package: acme/orders@0.1.0, node: PriceOrder}
"""
NODE = """\
from gen.messages_pb2 import Price


def price_order(ax, input):
    return Price(id=input.id, total=input.amount * input.count)
"""


@pytest.fixture(scope="module")
def graph_id(server, tmp_path_factory) -> str:
    directory = tmp_path_factory.mktemp("described")
    orders = scaffold(run_command, directory / "orders")
    (orders / "nodes" / "price_order.py").write_text(NODE)
    target = ("--url", server.url, "--key", server.key)
    run_command("push", orders, *target)
    (directory / "flow.yaml").write_text(FLOW)
    compiled = run_command("compile", directory / "flow.yaml", "--json", *target)
    found: str = json.loads(compiled.stdout)["graph_id"]
    return found


def test_document_of_the_box_is_printed_without_a_key(run, server):
    shown = run("openapi", "--url", server.url).stdout
    assert json.loads(shown)["info"]["title"] == "axiomd"
    one_line = run("openapi", "--url", server.url, "--json").stdout
    assert json.loads(one_line) == json.loads(shown)
    assert one_line.count("\n") == 1


def test_document_of_an_artifact_is_printed_by_its_id_or_by_its_flow(ask, graph_id):
    by_id = json.loads(ask("openapi", graph_id).stdout)
    assert json.loads(ask("openapi", "acme/described").stdout) == by_id
    assert by_id["info"]["title"] == f"acme/described {graph_id}"
    assert "input.acme.orders.Order" in by_id["components"]["schemas"]


def test_document_of_what_is_not_there_is_not_found(ask, server):
    ask("openapi", "01JZZZZZZZZZZZZZZZZZZZZZZZ", code=Exit.NOT_FOUND)
    ask("openapi", "acme/nothing", code=Exit.NOT_FOUND)
    ask("openapi", "neither", code=Exit.USAGE)


def test_invocation_is_shown_as_a_command_that_does_the_same(ask, server, graph_id):
    words = ("invoke", "acme/described", "-i", "id=it's", "-i", "amount=2.5", "-i", "count=2")
    command = ask(*words, "--curl").stdout
    assert server.key not in command
    listed = ("executions", "list", "--flow", "acme/described", "--json")
    assert json.loads(ask(*listed).stdout)["executions"] == []
    ended = subprocess.run(
        ["sh", "-c", command],
        env={"AXIOMD_API_KEY": server.key, "PATH": "/usr/bin:/bin", "NO_PROXY": "*"},
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    assert json.loads(ended.stdout)["result"]["output"] == {"id": "it's", "total": 5.0}
    assert json.loads(ask(*words, "--curl", "--json").stdout) == {"curl": command.rstrip("\n")}


def test_command_says_what_else_was_asked_for(ask, graph_id):
    words = ("--no-wait", "--idempotency-key", "A-17", "--webhook", "https://hooks.example/a")
    command = ask("invoke", graph_id, *words, "--curl").stdout
    assert "-H 'Idempotency-Key: A-17'" in command
    assert '"webhook": {"url": "https://hooks.example/a"}' in command
    assert '"wait": false' in command
