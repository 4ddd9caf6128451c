"""The message that on_error edges carry."""

from protos import types

from axiomd.flow.messages import edge_problems
from axiomd.flow.node_error import NODE_ERROR, NodeError


def test_a_node_error_says_what_failed():
    error = NodeError("it broke", "TIMEOUT", "charge", 3)
    assert NODE_ERROR.to_json(error.encode()) == {
        "message": "it broke",
        "kind": "TIMEOUT",
        "placement": "charge",
        "attempts": 3,
    }


def test_an_on_error_edge_needs_a_message_that_can_stand_for_it():
    fields = "string message = 1; string kind = 2; string placement = 3; int32 attempts = 4;"
    same = f"message NodeError {{ {fields} }}"
    assert edge_problems(NODE_ERROR, types(same, "axiom").find("NodeError")) == ()
    assert edge_problems(NODE_ERROR, types("message M { string why = 1; }").find("M")) == ()
    (said,) = edge_problems(NODE_ERROR, types("message M { int32 why = 1; }").find("M"))
    assert said == "field 1: message is sent as string, but why is taken as int32"
