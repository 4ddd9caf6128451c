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
        ({"once": 1}, "once", "true or false"),
    ],
)
def test_configuration_that_makes_no_sense_is_refused_by_its_path(config, path, said):
    assert said in problems(node(config=config))[f"nodes[0].config.{path}"]


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
