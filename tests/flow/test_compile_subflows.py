"""Subflows: artifacts that run in the place of a node."""

import pytest
from authored import PASS, compiled, edged, flow, placed, refused

from axiomd.flow.messages import MessageTypes
from axiomd.flow.resolve import Subflow
from axiomd.limits import SUBFLOW_DEPTH_MAX

CHILD = "01JXAB3CDEFGHJKMNPQRSTVWXY"
TYPES = MessageTypes(PASS.descriptor_set)


def child(takes="Order", gives="Order", mode="unary", depth=0):
    found = Subflow(CHILD, TYPES.find(takes), TYPES.find(gives), mode, depth)
    return {"subflows": {CHILD: found}}


def nested(**config):
    return flow(
        "a>b b>c", [placed("a"), {"alias": "b", "subflow": CHILD, "config": config}, placed("c")]
    )


def test_a_subflow_is_a_placement_with_the_messages_of_its_ends():
    placement = compiled(nested(), **child()).placements[1]
    assert placement.subflow == CHILD
    assert (placement.input_type, placement.output_type) == ("acme.orders.Order",) * 2
    assert (placement.package, placement.node, placement.digest) == ("", "", "")
    assert placement.kind == "unary"


def test_a_subflow_may_be_the_whole_flow():
    artifact = compiled(flow("", [{"alias": "a", "subflow": CHILD}]), **child("Wide", "Order"))
    assert artifact.placements[0].input_type == "acme.orders.Wide"


def test_the_messages_around_a_subflow_must_fit():
    ((path, message),) = refused(nested(), **child(gives="Wide"))
    assert path == "edges[1]"
    assert "'b' sends acme.orders.Wide, 'c' takes acme.orders.Order" in message
    assert compiled(edged(nested(), {}, {"adapter": {"id": "id"}}), **child(gives="Wide"))


def test_an_artifact_that_is_not_there_is_refused():
    assert refused(nested()) == [("nodes[1].subflow", f"'b': there is no artifact {CHILD}")]


def test_a_pipeline_is_no_subflow():
    ((path, message),) = refused(nested(), **child(mode="pipeline"))
    assert path == "nodes[1].subflow"
    assert f"'b' must be a unary artifact, and {CHILD} is a pipeline" in message


def test_a_pipeline_has_no_subflows():
    ((path, message),) = refused({**nested(), "pipeline_mode": True}, **child())
    assert path == "nodes[1].subflow"
    assert "a subflow is an execution of its own" in message


def test_subflows_nest_up_to_a_depth():
    assert compiled(nested(), **child(depth=SUBFLOW_DEPTH_MAX - 1))
    ((path, message),) = refused(nested(), **child(depth=SUBFLOW_DEPTH_MAX))
    assert path == "nodes[1].subflow"
    assert message == f"'b' nests subflows {SUBFLOW_DEPTH_MAX + 1} deep, more than 8"


@pytest.mark.parametrize(
    ("key", "value"),
    [("once", True), ("runner", "process"), ("limits", {"memory_mib": 64}), ("fresh", True)],
)
def test_what_is_for_a_nodes_process_is_refused_for_a_subflow(key, value):
    ((path, message),) = refused(nested(**{key: value}), **child())
    assert path == f"nodes[1].config.{key}"
    assert message.startswith("'b' is a subflow and has no process of its own")


def test_a_subflow_may_be_retried_paused_and_fanned_out():
    value = nested(retry={"max_attempts": 2}, hitl={}, fan_out={"items": "value.orders"})
    value["nodes"][0] = placed("a", "Split")
    placement = compiled(value, **child()).placements[1]
    assert placement.retry.max_attempts == 2
    assert placement.fan_out
    assert placement.hitl


def test_what_undoes_a_subflow_names_its_package():
    ((path, message),) = refused(nested(compensate={"node": "Pass"}), **child())
    assert path == "nodes[1].config.compensate.package"
    assert "'b' is a subflow: name the package of the node that undoes it" in message
    named = {"node": "Pass", "package": "acme/orders@1.4.2"}
    artifact = compiled(nested(compensate=named), **child())
    assert artifact.placements[1].compensate.node == "Pass"
    assert artifact.pinned == {"d1" * 32}


def test_another_subflow_makes_another_artifact():
    other = "01JXAB3CDEFGHJKMNPQRSTVWXZ"
    both = {**child()["subflows"], other: Subflow(other, *[TYPES.find("Order")] * 2, "unary")}
    changed = nested()
    changed["nodes"][1]["subflow"] = other
    hashes = {compiled(value, subflows=both).content_hash for value in (nested(), changed)}
    assert len(hashes) == 2
