"""Edges: conditions, adapters, and edges for failures."""

import pytest
from authored import PASS, compiled, edged, flow, package, placed, refused

from axiomd.flow.artifact import Edge


def test_an_edge_has_a_condition_and_an_adapter():
    value = edged(
        flow("a>b"),
        {"condition": {"op": "CEL", "cel": "qty > 1"}, "adapter": {"qty": "qty", "id": "value.id"}},
    )
    edge = compiled(value).edges[0]
    assert edge == Edge(0, 1, fields=(("qty", "qty"), ("id", "value.id")), condition="qty > 1")
    assert not edge.is_plain


def test_a_comparison_of_a_field_becomes_an_expression_of_its_type():
    number = {"condition": {"op": "GT", "field": "qty", "value": "100"}}
    assert "qty > 100" in compiled(edged(flow("a>b"), number)).edges[0].condition


@pytest.mark.parametrize(
    "change",
    [
        {"condition": {"op": "CEL", "cel": "qty > 1"}},
        {"adapter": {"id": "id"}},
        {"adapter": {}},
    ],
)
def test_what_an_edge_does_is_part_of_the_artifacts_content(change):
    plain = compiled(flow("a>b")).content_hash
    assert compiled(edged(flow("a>b"), change)).content_hash != plain


def test_a_condition_over_a_field_that_is_not_there_is_refused():
    ((path, message),) = refused(
        edged(flow("a>b"), {"condition": {"op": "GT", "field": "qtty", "value": "1"}})
    )
    assert path == "edges[0].condition"
    assert message.startswith("the condition of 'a' → 'b': ")
    assert "'qty'" in message


def test_an_unknown_comparison_names_the_known_ones():
    ((path, message),) = refused(
        edged(flow("a>b"), {"condition": {"op": "GTT", "field": "qty", "value": "1"}})
    )
    assert path == "edges[0].condition"
    assert "GT" in message


def test_a_bad_expression_is_named_by_its_key():
    found = refused(edged(flow("a>b"), {"condition": {"op": "CEL", "cel": "nope > 1"}}))
    assert [path for path, _ in found] == ["edges[0].condition.cel"]


def test_every_field_of_an_adapter_is_checked():
    found = refused(edged(flow("a>b"), {"adapter": {"idd": "id", "qty": "quantity"}}))
    assert [path for path, _ in found] == ["edges[0].adapter.idd", "edges[0].adapter.qty"]
    assert all(message.startswith("the adapter of 'a' → 'b': ") for _, message in found)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("qty >", "1:"),
        ("qty + 1", "1:1: is"),
        ("id > 1", "1:"),
        ("qty / 0 > 1 && tags.nope", "1:"),
        ("qty > 1\x00", "1:"),
        ("'" + "(" * 500, "1:"),
        ("(" * 2_000 + "qty" + ")" * 2_000, "1:"),
    ],
)
def test_what_is_no_condition_is_refused_with_its_place(text, said):
    ((path, message),) = refused(edged(flow("a>b"), {"condition": {"op": "CEL", "cel": text}}))
    assert path == "edges[0].condition.cel"
    assert said in message


def test_an_adapter_gives_each_field_what_it_can_hold():
    ((path, message),) = refused(edged(flow("a>b"), {"adapter": {"qty": "tags"}}))
    assert path == "edges[0].adapter.qty"
    assert message.startswith("the adapter of 'a' → 'b': ")


BILLS = """
syntax = "proto3";
package acme.bills;
message Customer { string name = 1; }
message Bill { Customer customer = 1; oneof how { string card = 2; string cash = 3; } }
"""


def test_fields_of_an_adapter_that_exclude_each_other_are_refused():
    bills = package(("Pass", "Bill", "Bill"), proto=BILLS)
    adapter = {
        "customer": "customer",
        "customer.name": "'Ada'",
        "card": "card",
        "cash": "'much'",
    }
    found = refused(edged(flow("a>b"), {"adapter": adapter}), bills)
    head = "the adapter of 'a' → 'b': "
    assert found == [
        (
            "edges[0].adapter.customer.name",
            f"{head}is inside of customer, which has an expression of its own",
        ),
        ("edges[0].adapter.cash", f"{head}and card are one choice, how"),
    ]


def test_an_adapter_stands_for_messages_that_do_not_fit():
    nodes = [placed("a"), placed("b", "Break")]
    assert len(refused(flow("a>b", nodes))) == 3
    assert compiled(edged(flow("a>b", nodes), {"adapter": {"id": "qty"}}))


def test_an_edge_for_failures_carries_a_node_error():
    value = flow("a>b a>c b>c", [placed("a"), placed("b", "Fix"), placed("c")])
    edged(value, {"on_error": True})
    artifact = compiled(value)
    assert artifact.edges[0] == Edge(0, 1, on_error=True)
    assert artifact.rescues[0] == (0,)
    assert artifact.outgoing[0] == (1,)


def test_a_failure_does_not_fit_any_message():
    value = edged(flow("a>b a>c b>c"), {"on_error": True})
    found = refused(value)
    assert {path for path, _ in found} == {"edges[0]"}
    head = "a failure of 'a' sends axiom.NodeError, 'b' takes acme.orders.Order: field 2: kind is"
    assert any(message.startswith(head) for _, message in found)


def test_the_expressions_of_an_edge_for_failures_are_over_the_failure():
    over = {"adapter": {"id": "message"}, "condition": {"op": "CEL", "cel": "attempts > 1"}}
    assert compiled(edged(flow("a>b a>c b>c"), {"on_error": True, **over}))
    found = refused(edged(flow("a>b a>c b>c"), {"on_error": True, "adapter": {"id": "tags"}}))
    assert [path for path, _ in found] == ["edges[0].adapter.id"]


def test_all_edges_keep_the_order_of_the_source():
    value = edged(flow("a>b b>a b>c"), {}, {"loop": True, "max_iterations": 2})
    assert [(e.source, e.destination) for e in compiled(value).edges] == [(0, 1), (1, 0), (1, 2)]


def test_an_edge_whose_ends_mean_nothing_gets_no_further_problem():
    value = edged(flow("a>b", [placed("a", "Nope"), placed("b")]), {"adapter": {"idd": "x"}})
    assert [path for path, _ in refused(value)] == ["nodes[0].node"]


# What a pipeline does not do


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("adapter", {"id": "id"}, "passes every frame on as it is"),
        ("condition", {"op": "GT", "field": "qty", "value": "1"}, "every frame to every branch"),
        ("on_error", True, "there is no frame to go on with"),
        ("max_iterations", 4, "never lead back"),
    ],
)
def test_a_pipeline_refuses_what_frames_cannot_do_on_an_edge(key, value, said):
    source = edged(flow("a>b", pipeline_mode=True), {key: value})
    ((path, message),) = refused(source)
    assert path == f"edges[0].{key}"
    assert message.startswith(f"{key} of 'a' → 'b': ")
    assert said in message


def test_a_pipeline_has_no_loops():
    source = edged(flow("a>b b>a", pipeline_mode=True), {}, {"loop": True, "max_iterations": 2})
    assert [path for path, _ in refused(source)] == ["edges[1].loop", "edges[1].max_iterations"]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("compose", {"id": {"src": "b", "path": "id"}}),
        ("fan_out", {"items": "value.tags"}),
        ("hitl", {}),
        ("compensate", {"node": "Pass"}),
    ],
)
def test_a_pipeline_refuses_what_frames_cannot_do_at_a_placement(key, value):
    nodes = [*map(placed, "abc"), placed("d", config={key: value})]
    ((path, message),) = refused(flow("a>b a>c b>d c>d", nodes, pipeline_mode=True))
    assert path == f"nodes[3].config.{key}"
    assert message.startswith(f"{key} of 'd': ")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("failure_policy", "TOLERATE_FAILURES"),
        ("quorum", 1),
        ("timeout_seconds", 3),
        ("timeout_policy", "PROCEED"),
    ],
)
def test_the_gate_of_a_pipeline_takes_every_arm_to_its_end(key, value):
    nodes = [*map(placed, "abc"), placed("d", config={"join": {key: value}})]
    ((path, message),) = refused(flow("a>b a>c b>d c>d", nodes, pipeline_mode=True))
    assert path == f"nodes[3].config.join.{key}"
    assert message.startswith(f"{key} of the gate 'd': ")


def test_a_generator_makes_a_flow_a_pipeline_with_all_that_follows():
    source = edged(flow("a>b", [placed("a", "Stream"), placed("b")]), {"adapter": {"id": "id"}})
    assert [path for path, _ in refused(source)] == ["edges[0].adapter"]


# What a placement is asked and undone by


def configured(**config):
    return flow("a>b", [placed("a"), placed("b", config=config)])


def test_a_pause_is_compiled_with_what_the_person_is_shown():
    block = {"interrupt_payload": {"ask": "sure?"}, "timeout_seconds": 60, "timeout_policy": "FAIL"}
    hitl = compiled(configured(hitl=block)).placements[1].hitl
    assert (hitl.payload, hitl.timeout_s, hitl.timeout_policy) == ('{"ask":"sure?"}', 60.0, "FAIL")
    bare = compiled(configured(hitl={})).placements[1].hitl
    assert (bare.payload, bare.timeout_s, bare.timeout_policy) == ("null", 0.0, "FAIL")


def test_the_timeout_policy_of_a_pause_needs_a_timeout():
    ((path, message),) = refused(configured(hitl={"timeout_policy": "CONTINUE"}))
    assert path == "nodes[1].config.hitl.timeout_policy"
    assert "the pause of 'b' never times out" in message


def test_what_undoes_a_placement_is_resolved_in_its_own_package():
    undo = compiled(configured(compensate={"node": "Widen"})).placements[1].compensate
    assert (undo.package, undo.digest) == ("acme/orders@1.4.2", "d1" * 32)
    assert (undo.node, undo.input_type) == ("Widen", "acme.orders.Wide")
    assert undo.fields is None


def test_what_undoes_a_placement_may_be_of_another_package():
    other = package(("Undo", "Order", "Order"), ref="acme/undo@1.0.0", digest="d2" * 32)
    block = {"node": "Undo", "package": "acme/undo@1.0.0", "input": {"id": "output.id"}}
    undo = compiled(configured(compensate=block), PASS, other).placements[1].compensate
    assert (undo.package, undo.digest) == ("acme/undo@1.0.0", "d2" * 32)
    assert undo.fields == (("id", "output.id"),)


@pytest.mark.parametrize(
    ("block", "path", "said"),
    [
        ({"node": "Pas"}, "node", "did you mean 'Pass'"),
        ({"node": "Pass", "package": "acme/order@1.4.2"}, "package", "did you mean 'acme/orders@"),
        ({"node": "Stream"}, "node", "must be undone by a unary node"),
        ({"node": "Pass", "input": {"idd": "output.id"}}, "input.idd", "'id'"),
        ({"node": "Pass", "input": {"id": "outptu.id"}}, "input.id", "what undoes 'b'"),
    ],
)
def test_a_compensation_that_cannot_work_is_refused_by_its_path(block, path, said):
    ((found, message),) = refused(configured(compensate=block))
    assert found == f"nodes[1].config.compensate.{path}"
    assert said in message


def test_what_undoes_a_placement_takes_its_output_or_an_input_of_its_own():
    found = refused(configured(compensate={"node": "Break"}))
    assert {path for path, _ in found} == {"nodes[1].config.compensate"}
    assert all("give it an input over `input` and `output`" in message for _, message in found)
