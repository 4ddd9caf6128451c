"""Loops: what may lead back, and how it is compiled."""

import pytest
from authored import compiled, edged, flow, placed, refused

from axiomd.flow.artifact import Edge

BACK = {"loop": True, "max_iterations": 5}


def looping(arrows, **back):
    """The flow of `arrows` whose last edge is a loop."""
    value = flow(arrows)
    value["edges"][-1].update(back or BACK)
    return value


def test_a_loop_leads_back_and_is_no_forward_edge():
    artifact = compiled(looping("a>b b>c c>b"))
    assert artifact.edges[2] == Edge(2, 1, loop=True, max_iterations=5)
    assert artifact.terminal == 2
    assert artifact.incoming[1] == (0,)


def test_a_loop_may_lead_to_the_entry_and_from_the_terminal():
    artifact = compiled(looping("a>b b>a"))
    assert (artifact.entry, artifact.terminal) == (0, 1)


def test_a_placement_may_loop_to_itself():
    assert compiled(looping("a>b a>a")).edges[1] == Edge(0, 0, loop=True, max_iterations=5)


def test_a_loop_with_a_condition_ends_after_a_thousand_iterations_at_the_latest():
    value = looping("a>b b>a", loop=True, condition={"op": "CEL", "cel": "qty > 1"})
    assert compiled(value).edges[1] == Edge(
        1, 0, condition="qty > 1", loop=True, max_iterations=1_000
    )


def test_several_loops_of_one_pair_are_looked_at_in_their_order():
    value = edged(flow("a>b b>a b>a"), {}, BACK, {**BACK, "max_iterations": 7})
    assert [edge.max_iterations for edge in compiled(value).edges] == [0, 5, 7]


def test_a_loop_needs_a_condition_or_max_iterations():
    found = refused(looping("a>b b>a", loop=True))
    said = "the loop 'b' → 'a' never ends: give it a condition or max_iterations"
    assert found == [("edges[1]", said)]


def test_only_a_loop_has_max_iterations():
    found = refused(edged(flow("a>b"), {"max_iterations": 3}))
    said = "'a' → 'b' is no loop, and only a loop has max_iterations"
    assert found == [("edges[0].max_iterations", said)]


def test_a_loop_leads_back_to_where_its_source_was_reached_from():
    ((path, message),) = refused(looping("a>b a>c b>d c>d b>c"))
    assert path == "edges[4]"
    assert message == (
        "the loop 'b' → 'c' leads nowhere back: forward edges must lead from 'c' to 'b'"
    )


def test_a_loop_that_leads_forward_is_refused():
    ((path, message),) = refused(looping("a>b b>c a>c"))
    assert path == "edges[2]"
    assert "forward edges must lead from 'c' to 'a'" in message


def test_a_loop_has_a_forward_way_out():
    value = edged(flow("a>b a>a"), {"on_error": True}, BACK)
    value["nodes"][1] = placed("b", "Note")
    ((path, message),) = refused(value)
    assert path == "edges[1]"
    assert "has no way out: 'a' is left by on_error edges and loops only" in message


def test_an_edge_is_not_a_loop_and_an_on_error_edge_at_once():
    found = refused(looping("a>b b>a", **BACK, on_error=True))
    assert "edges[1].on_error" in dict(found)


def test_a_cycle_of_forward_edges_stays_a_cycle_beside_a_loop():
    ((path, message),) = refused(looping("a>b b>c c>b c>d d>a"))
    assert path == "edges[2]"
    assert "only a loop may lead back" in message


def test_a_loop_must_carry_a_message_that_fits_or_is_adapted():
    nodes = [placed("a", "Count"), placed("b", "FromTally")]
    value = flow("a>b b>a", nodes)
    value["edges"][1].update(BACK)
    ((path, message),) = refused(value)
    assert path == "edges[1]"
    assert "'b' sends acme.orders.Tally, 'a' takes acme.orders.Order" in message


@pytest.mark.parametrize("most", [1, 1_000_000])
def test_max_iterations_are_kept(most):
    assert compiled(looping("a>b b>a", loop=True, max_iterations=most)).edges[1].max_iterations == (
        most
    )


def test_many_loops_over_many_placements_are_checked_quickly_enough_to_be_checked_at_all():
    count = 2_000
    value = flow(" ".join(f"n{i:04}>n{i + 1:04}" for i in range(count)))
    value["edges"] += [{"from": f"n{count:04}", "to": f"n{i:04}", **BACK} for i in range(count)]
    assert len(compiled(value).edges) == 2 * count
