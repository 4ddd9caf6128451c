"""Flow documents: what is read, what is refused, and that nothing is lost on the way."""

import json

import attrs
import pytest

from axiomd.errors import Invalid, Malformed
from axiomd.flow.source import (
    ConfigSource,
    EdgeSource,
    JoinSource,
    NodeSource,
    PositionSource,
    flow_document,
    read_flow_json,
    read_flow_yaml,
)
from axiomd.limits import PLACEMENTS_MAX

INTAKE = """\
name: acme/order-intake
description: Takes orders in
nodes:
  - alias: ingest
    package: acme/orders@1.4.2
    node: IngestOrder
    position: {x: 0, y: 12.5}
    config: {timeout_seconds: 30, join: {kind: AND, failure_policy: FAIL_FAST}}
  - alias: child
    subflow: 01JXAB3CDEFGHJKMNPQRSTVWXY
    position: {col: 1, row: 0}
edges:
  - from: ingest
    to: child
    adapter: {order_id: "id"}
    condition: {op: GT, field: amount, value: "100"}
  - {from: child, to: ingest, loop: true, max_iterations: 5}
"""


DEEP = []
for _ in range(200):
    DEEP = [DEEP]


def document(**changes):
    node = {"alias": "a", "package": "acme/orders@1.0.0", "node": "Take"}
    return {"name": "acme/one", "nodes": [node], "edges": [], **changes}


def node(**changes):
    return document(nodes=[{**document()["nodes"][0], **changes}])


def problems(value):
    with pytest.raises(Invalid) as refused:
        read_flow_json(value)
    return {problem.path: problem.message for problem in refused.value.problems}


def test_a_flow_is_read_as_it_was_written():
    flow = read_flow_yaml(INTAKE, file="flow.yaml")
    assert flow.name == "acme/order-intake"
    assert flow.pipeline_mode is None
    assert flow.nodes[0] == NodeSource(
        "ingest",
        package="acme/orders@1.4.2",
        node="IngestOrder",
        position=PositionSource(x=0.0, y=12.5),
        config=ConfigSource(timeout_seconds=30.0, join=JoinSource()),
    )
    assert flow.nodes[1].subflow == "01JXAB3CDEFGHJKMNPQRSTVWXY"
    assert flow.edges[1] == EdgeSource("child", "ingest", loop=True, max_iterations=5)
    assert flow.edges[0].adapter == {"order_id": "id"}


def test_a_flow_keeps_the_lines_it_came_from_and_they_do_not_make_it_another_flow():
    flow = read_flow_yaml(INTAKE, file="flow.yaml")
    assert flow.file == "flow.yaml"
    assert flow.lines["nodes[1].subflow"] == 10
    assert flow == attrs.evolve(flow, file=None, lines=None)


def test_yaml_and_json_are_the_same_document_and_round_trip():
    flow = read_flow_yaml(INTAKE)
    written = json.loads(json.dumps(flow_document(flow)))
    assert read_flow_json(written) == flow
    assert flow_document(read_flow_json(written)) == written
    assert written["edges"][1] == {
        "from": "child",
        "to": "ingest",
        "loop": True,
        "max_iterations": 5,
    }
    assert written["nodes"][0]["position"] == {"x": 0, "y": 12.5}


def test_what_is_unset_is_not_written():
    assert flow_document(read_flow_json({"name": "acme/one"})) == {"name": "acme/one"}


def test_a_draft_without_placements_can_be_read():
    assert read_flow_json({"name": "acme/empty", "nodes": []}).nodes == ()


def test_unknown_keys_are_refused_with_the_nearest_known_one():
    found = problems(document(edgs=[]) | {"nodes": [{**document()["nodes"][0], "positon": None}]})
    assert "'edges'" in found["edgs"]
    assert "'position'" in found["nodes[0].positon"]


@pytest.mark.parametrize(
    ("key", "meant"), [("retries", "retry"), ("timeout_second", "timeout_seconds")]
)
def test_unknown_configuration_is_refused_with_the_nearest_known_key(key, meant):
    assert f"did you mean '{meant}'" in problems(node(config={key: 1}))[f"nodes[0].config.{key}"]


@pytest.mark.parametrize(
    ("config", "path", "said"),
    [
        ({"retry": {}}, "retry.max_attempts", "is required"),
        ({"retry": {"max_attempts": 0}}, "retry.max_attempts", "from 1 to 10000, not 0"),
        ({"retry": {"max_attempts": 2.5}}, "retry.max_attempts", "a whole number"),
        ({"retry": {"max_atempts": 2}}, "retry.max_atempts", "did you mean 'max_attempts'"),
        (
            {"retry": {"max_attempts": 2, "initial_interval_ms": -1}},
            "retry.initial_interval_ms",
            "from 0",
        ),
        (
            {"retry": {"max_attempts": 2, "backoff_coefficient": 0.5}},
            "retry.backoff_coefficient",
            "from 1",
        ),
        (
            {"retry": {"max_attempts": 2, "initial_interval_ms": 9, "max_interval_ms": 8}},
            "retry.max_interval_ms",
            "is less than initial_interval_ms, 9",
        ),
        ({"retry": {"max_attempts": 2, "jitter": 2}}, "retry.jitter", "from 0 to 1 or true, not 2"),
        ({"retry": {"max_attempts": 2, "jitter": "x"}}, "retry.jitter", "not 'x'"),
        ({"retry": {"max_attempts": 2, "non_retryable": [1]}}, "retry.non_retryable[0]", "a text"),
        ({"limits": {"memory_mib": 1}}, "limits.memory_mib", "from 32"),
        ({"limits": {"cpu_seconds": 0}}, "limits.cpu_seconds", "from 1"),
        ({"limits": {"memory": 64}}, "limits.memory", "did you mean 'memory_mib'"),
        ({"fresh": "yes"}, "fresh", "true or false"),
        ({"join": {"quorum": 0}}, "join.quorum", "from 1 to 40000, not 0"),
        ({"join": {"quorum": 1.5}}, "join.quorum", "a whole number"),
        ({"join": {"timeout_seconds": 0}}, "join.timeout_seconds", "from 0.1"),
        ({"join": {"timeout_policy": "WAIT"}}, "join.timeout_policy", "FAIL, PROCEED"),
        ({"join": {"failure_polcy": "x"}}, "join.failure_polcy", "did you mean 'failure_policy'"),
        ({"fan_out": {}}, "fan_out.items", "is required"),
        ({"fan_out": {"items": " "}}, "fan_out.items", "is empty"),
        ({"fan_out": {"items": "a", "max_parallel": 0}}, "fan_out.max_parallel", "from 1"),
        ({"fan_out": {"items": "a", "parallel": 2}}, "fan_out.parallel", "'max_parallel'"),
        ({"fan_out": {"items": "a" * 4_097}}, "fan_out.items", "4097 characters, more than 4096"),
        ({"hitl": {"timeout_seconds": 0}}, "hitl.timeout_seconds", "from 0.1"),
        ({"hitl": {"timeout_policy": "PROCEED"}}, "hitl.timeout_policy", "CANCEL, FAIL, CONTINUE"),
        ({"hitl": {"interrupt": 1}}, "hitl.interrupt", "did you mean 'interrupt_payload'"),
        ({"hitl": {"interrupt_payload": "x" * 70_000}}, "hitl.interrupt_payload", "70002 bytes"),
        ({"hitl": {"interrupt_payload": "\ud800"}}, "hitl.interrupt_payload", "is not JSON"),
        ({"hitl": {"interrupt_payload": 1e999}}, "hitl.interrupt_payload", "is not JSON"),
        ({"hitl": {"interrupt_payload": 16**9_000}}, "hitl.interrupt_payload", "is not JSON"),
        ({"hitl": {"interrupt_payload": DEEP}}, "hitl.interrupt_payload", "deeper than 100"),
        ({"compensate": {}}, "compensate.node", "is required"),
        ({"compensate": {"node": "undo"}}, "compensate.node", "PascalCase"),
        ({"compensate": {"node": "Undo", "package": "x"}}, "compensate.package", "handle/package"),
        ({"compensate": {"node": "Undo", "input": {"a": ""}}}, "compensate.input.a", "is empty"),
        ({"compensate": {"node": "Undo", "input": {"a": 1}}}, "compensate.input.a", "a text"),
        ({"compose": {"a": {}}}, "compose.a", "{src, path}, a field of an arm, or {cel}"),
        ({"compose": {"a": {"src": "b", "cel": "c"}}}, "compose.a", "or {cel}"),
        ({"compose": {"a": {"cel": "c", "path": "d"}}}, "compose.a.path", "belongs to src"),
        ({"compose": {"a": {"src": "b", "path": "x[0]"}}}, "compose.a.path", "name of a field"),
        ({"compose": {"a": {"src": "1b"}}}, "compose.a.src", "alias of an arm"),
        ({"compose": {"a": {"cell": "c"}}}, "compose.a.cell", "did you mean 'cel'"),
        ({"retry": {"max_attempts": 2, "non_retryable": ["\ud800"]}}, "retry.non_retryable[0]", ""),
        ({"once": 1}, "once", "true or false"),
    ],
)
def test_configuration_that_makes_no_sense_is_refused_by_its_path(config, path, said):
    assert said in problems(node(config=config))[f"nodes[0].config.{path}"]


@pytest.mark.parametrize(
    ("edge", "path", "said"),
    [
        ({"max_iterations": 0}, "max_iterations", "from 1 to 1000000, not 0"),
        ({"max_iterations": 1_000_001}, "max_iterations", "from 1 to 1000000"),
        ({"max_iteration": 5}, "max_iteration", "did you mean 'max_iterations'"),
        ({"loop": 1}, "loop", "true or false"),
        ({"adapter": {"id": 5}}, "adapter.id", "must be a text"),
        ({"adapter": {"id": ""}}, "adapter.id", "is empty"),
        ({"adapter": {"id": "\ud800"}}, "adapter.id", "not Unicode"),
        ({"adapter": ["id"]}, "adapter", "must be a mapping"),
        ({"condition": "qty > 1"}, "condition", "must be a mapping"),
        ({"condition": {"field": "a"}}, "condition.op", "is required"),
        ({"condition": {"op": "GT", "value": 1}}, "condition.field", "unless op is CEL"),
        ({"condition": {"op": "GT", "field": "a b"}}, "condition.field", "name of a field"),
        ({"condition": {"op": "GT", "field": "a", "cel": "b"}}, "condition.cel", "needs op: CEL"),
        ({"condition": {"op": "CEL"}}, "condition.cel", "is required where op is CEL"),
        ({"condition": {"op": "CEL", "cel": "a", "field": "a"}}, "condition.field", "op CEL has"),
        ({"condition": {"op": "CEL", "cel": "a", "value": 1}}, "condition.value", "op CEL has"),
        ({"condition": {"op": "CEL", "cel": "a" * 5_000}}, "condition.cel", "more than 4096"),
        ({"condition": {"op": "EQ", "field": "a", "value": {}}}, "condition.value", "a number"),
        ({"condition": {"op": "EQ", "field": "a", "value": 2**64}}, "condition.value", "can hold"),
        ({"condition": {"op": "EQ", "field": "a", "value": [[]]}}, "condition.value", "a list"),
        ({"condition": {"op": "EQ", "field": "a", "valeu": 1}}, "condition.valeu", "'value'"),
    ],
)
def test_an_edge_that_makes_no_sense_is_refused_by_its_path(edge, path, said):
    found = problems(document(edges=[{"from": "a", "to": "a", **edge}]))
    assert said in found[f"edges[0].{path}"]


WHOLE = """\
name: acme/whole
nodes:
  - {alias: a, package: acme/orders@1.0.0, node: Take}
  - alias: b
    package: acme/orders@1.0.0
    node: Take
    config:
      join: {kind: XOR, failure_policy: TOLERATE_FAILURES, quorum: 2, timeout_seconds: 0.5,
             timeout_policy: PROCEED}
      compose: {id: {src: a, path: order.id}, qty: {cel: inputs.a.qty}}
      fan_out: {items: value.orders, max_parallel: 4}
      hitl: {interrupt_payload: {ask: [1, null, 2.5]}, timeout_seconds: 60, timeout_policy: CANCEL}
      compensate: {node: Undo, package: acme/undo@1.0.0, input: {z: output.id, a: input.id}}
      retry: {max_attempts: 3, non_retryable: [ValueError]}
edges:
  - {from: a, to: b, adapter: {z: id, a: "'x'"}, condition: {op: IN, field: id, value: [a, b]}}
  - {from: b, to: a, loop: true, max_iterations: 2, condition: {op: CEL, cel: qty > 1}}
"""


def test_every_block_of_the_language_survives_the_way_through_a_document():
    flow = read_flow_yaml(WHOLE)
    written = json.loads(json.dumps(flow_document(flow)))
    assert read_flow_json(written) == flow
    assert flow_document(read_flow_json(written)) == written
    config = written["nodes"][1]["config"]
    assert config["compose"] == {
        "id": {"src": "a", "path": "order.id"},
        "qty": {"cel": "inputs.a.qty"},
    }
    assert config["hitl"]["interrupt_payload"] == {"ask": [1, None, 2.5]}


def test_fields_keep_the_order_in_which_they_were_written():
    written = flow_document(read_flow_yaml(WHOLE))
    assert list(written["edges"][0]["adapter"]) == ["z", "a"]
    assert list(written["nodes"][1]["config"]["compensate"]["input"]) == ["z", "a"]


def test_lines_and_file_are_not_keys_of_a_document():
    assert set(problems(document(lines={}, file="x"))) == {"lines", "file"}


def test_the_keys_of_an_edge_are_from_and_to():
    found = problems(document(edges=[{"source": "a", "to": "a"}]))
    assert found["edges[0].from"] == "is required"
    assert "unknown key" in found["edges[0].source"]


def test_every_problem_is_reported_with_its_file_and_line():
    text = "name: Acme\nnodes:\n  - alias: 1a\n    package: orders\n    node: take\n"
    with pytest.raises(Invalid) as refused:
        read_flow_yaml(text, file="my.yaml")
    assert [(p.path, p.file, p.line) for p in refused.value.problems] == [
        ("name", "my.yaml", 1),
        ("nodes[0].alias", "my.yaml", 3),
        ("nodes[0].package", "my.yaml", 4),
        ("nodes[0].node", "my.yaml", 5),
    ]


def test_broken_yaml_is_refused_with_file_and_line():
    with pytest.raises(Malformed) as refused:
        read_flow_yaml("name: acme/x\nnodes: [\n", file="my.yaml")
    assert refused.value.problems[0].file == "my.yaml"
    assert refused.value.problems[0].line is not None


@pytest.mark.parametrize("name", ["intake", "Acme/intake", "acme/", "acme/a/b", "acme/" + "x" * 99])
def test_a_flow_is_named_handle_slash_name(name):
    assert "handle/name" in problems(document(name=name))["name"]


@pytest.mark.parametrize("alias", ["", "1st", "a b", "a.b", "é", "x" * 65, "a\n"])
def test_an_alias_is_a_short_plain_name(alias):
    assert "must be a letter" in problems(node(alias=alias))["nodes[0].alias"]


@pytest.mark.parametrize("alias", ["a", "Review_2", "x" * 64, "a-b"])
def test_canvas_ids_with_letters_digits_dashes_and_underscores_are_taken(alias):
    assert read_flow_json(node(alias=alias)).nodes[0].alias == alias


@pytest.mark.parametrize("ref", ["acme/orders", "orders@1.0.0", "acme/orders@1", "acme/orders@"])
def test_a_package_is_named_with_its_version(ref):
    assert "handle/package@version" in problems(node(package=ref))["nodes[0].package"]


def test_a_placement_is_a_node_or_a_subflow_and_never_both():
    child = {"alias": "a", "subflow": "01JXAB3CDEFGHJKMNPQRSTVWXY"}
    assert read_flow_json(document(nodes=[child])).nodes[0].subflow
    assert "not both" in problems(document(nodes=[{**child, "node": "Take"}]))["nodes[0]"]
    assert "or a subflow" in problems(document(nodes=[{"alias": "a"}]))["nodes[0]"]
    half = {"alias": "a", "package": "acme/orders@1.0.0"}
    assert "a node of it" in problems(document(nodes=[half]))["nodes[0]"]


@pytest.mark.parametrize("seconds", [0, 0.5, 3601, -1, float("nan"), float("inf")])
def test_a_timeout_is_from_one_second_to_an_hour(seconds):
    found = problems(node(config={"timeout_seconds": seconds}))
    assert "must be from 1 to 3600" in found["nodes[0].config.timeout_seconds"]


@pytest.mark.parametrize(
    "position", [{"x": 1}, {"x": 1, "row": 1}, {}, {"x": 1, "y": 1, "col": 1, "row": 1}]
)
def test_a_position_is_in_pixels_or_in_columns_and_rows(position):
    assert "{x, y} or {col, row}" in problems(node(position=position))["nodes[0].position"]


def test_a_position_is_finite():
    found = problems(node(position={"x": float("inf"), "y": 0}))
    assert found == {"nodes[0].position": "must be finite numbers"}


@pytest.mark.parametrize(
    ("value", "path"),
    [
        (document(pipeline_mode="yes"), "pipeline_mode"),
        (document(description=3), "description"),
        (document(nodes={}), "nodes"),
        (node(config=[]), "nodes[0].config"),
        (node(config={"timeout_seconds": "30"}), "nodes[0].config.timeout_seconds"),
        (node(config={"join": {"kind": "OR"}}), "nodes[0].config.join.kind"),
        (document(edges=[{"from": 1, "to": "a"}]), "edges[0].from"),
        (document(description="\ud800"), "description"),
        ([], ""),
        (None, ""),
    ],
)
def test_values_of_the_wrong_kind_are_refused_where_they_are(value, path):
    assert set(problems(value)) == {path}


def test_a_flow_has_a_bounded_number_of_placements():
    nodes = [{**document()["nodes"][0], "alias": f"n{i}"} for i in range(PLACEMENTS_MAX + 1)]
    assert "10001 entries" in problems(document(nodes=nodes))["nodes"]
