"""Gates: how they take their arms, and how they make their input."""

import pytest
from authored import compiled, edged, flow, placed, refused

from axiomd.flow.artifact import Join

DIAMOND = "a>b a>c b>d c>d"


def meeting(arrows=DIAMOND, last="Pass", **config):
    """A flow whose last placement has a configuration."""
    value = flow(arrows)
    alias = value["nodes"][-1]["alias"]
    value["nodes"][-1] = placed(alias, last, config=config)
    return value


def gate(**join):
    return compiled(meeting(join=join)).placements[3].join


def test_a_gate_is_and_and_fails_fast_where_nothing_is_said():
    assert compiled(flow(DIAMOND)).placements[3].join == Join("AND", "FAIL_FAST", 0, 0.0, "FAIL")


def test_a_gate_takes_its_arms_as_its_block_says():
    block = {
        "failure_policy": "TOLERATE_FAILURES",
        "quorum": 2,
        "timeout_seconds": 2.5,
        "timeout_policy": "PROCEED",
    }
    assert gate(**block) == Join("AND", "TOLERATE_FAILURES", 2, 2.5, "PROCEED")
    assert gate(kind="XOR", failure_policy="TOLERATE_FAILURES").kind == "XOR"


@pytest.mark.parametrize(
    "block",
    [
        {"kind": "XOR"},
        {"failure_policy": "TOLERATE_FAILURES"},
        {"quorum": 1},
        {"timeout_seconds": 1},
        {"timeout_seconds": 1, "timeout_policy": "PROCEED"},
    ],
)
def test_every_word_of_a_join_block_makes_another_artifact(block):
    assert compiled(meeting(join=block)).content_hash != compiled(meeting(join={})).content_hash


@pytest.mark.parametrize("arrows", ["a>b", "a>b b>c"])
def test_a_join_block_where_nothing_meets_is_refused(arrows):
    value = meeting(arrows, join={"kind": "AND"})
    last = len(value["nodes"]) - 1
    ((path, message),) = refused(value)
    assert path == f"nodes[{last}].config.join"
    assert message.endswith(
        "has one way in at most and no items to gather, so there is nothing to join"
    )


def test_a_timeout_policy_needs_a_timeout():
    assert refused(meeting(join={"timeout_policy": "FAIL"})) == [
        (
            "nodes[3].config.join.timeout_policy",
            "the gate 'd' never times out: timeout_policy needs timeout_seconds",
        )
    ]


def test_a_quorum_is_no_more_than_there_are_arms():
    assert refused(meeting(join={"quorum": 3})) == [
        (
            "nodes[3].config.join.quorum",
            "the gate 'd' has 2 arms, and a quorum of 3 never comes",
        )
    ]


@pytest.mark.parametrize("block", [{"quorum": 1}, {"timeout_seconds": 5}])
def test_an_xor_gate_opens_with_its_first_arm_and_waits_for_no_other(block):
    ((path, message),) = refused(meeting(join={"kind": "XOR", **block}))
    assert path == f"nodes[3].config.join.{next(iter(block))}"
    assert "the XOR gate 'd' opens with its first arm" in message


def test_a_failure_may_be_an_arm():
    value = flow("a>b b>d b>c c>d")
    value["edges"][2].update(on_error=True, adapter={"id": "message"})
    artifact = compiled(value)
    assert artifact.is_gate(3)
    assert artifact.rescues[1] == (2,)


# compose


def composed(compose, last="Pass", arrows=DIAMOND):
    return meeting(arrows, last, compose=compose)


def test_a_gate_makes_its_input_from_fields_of_its_arms():
    value = composed({"id": {"src": "b", "path": "id"}, "qty": {"cel": "inputs.c.qty"}})
    fields = (("id", "inputs.b.id"), ("qty", "inputs.c.qty"))
    assert compiled(value).placements[3].compose == fields


def test_the_order_of_composed_fields_is_the_sources():
    one = composed({"id": {"src": "b", "path": "id"}, "qty": {"src": "c", "path": "qty"}})
    other = composed({"qty": {"src": "c", "path": "qty"}, "id": {"src": "b", "path": "id"}})
    assert [name for name, _ in compiled(other).placements[3].compose] == ["qty", "id"]
    assert compiled(one).content_hash != compiled(other).content_hash


def test_the_arms_of_a_gate_that_composes_need_not_be_its_input():
    value = composed({"text": {"src": "b", "path": "id"}}, "Talk")
    assert compiled(value).placements[3].input_type == "acme.orders.Text"


def test_what_an_adapter_makes_is_what_is_composed():
    value = composed({"text": {"cel": "inputs.b.text"}}, "Talk")
    edged(value, {}, {}, {"adapter": {"text": "id"}}, {"adapter": {"text": "id"}})
    assert compiled(value)
    value["nodes"][3]["config"]["compose"]["text"]["cel"] = "inputs.b.id"
    assert [path for path, _ in refused(value)] == ["nodes[3].config.compose.text"]


def test_compose_only_knows_the_gates_arms():
    value = meeting("a>left a>right left>z right>z", compose={"id": {"src": "lift", "path": "id"}})
    assert refused(value) == [
        (
            "nodes[3].config.compose.id.src",
            "'lift' is no arm of the gate 'z', did you mean 'left'?",
        )
    ]
    far = composed({"id": {"src": "a", "path": "id"}})
    ((path, message),) = refused(far)
    assert path == "nodes[3].config.compose.id.src"
    assert "'a' is no arm of the gate 'd'" in message


def test_a_composed_field_must_exist_at_both_ends():
    ((path, message),) = refused(composed({"idd": {"src": "b", "path": "id"}}))
    assert path == "nodes[3].config.compose.idd"
    assert "'id'" in message
    ((path, message),) = refused(composed({"id": {"src": "b", "path": "idd"}}))
    assert path == "nodes[3].config.compose.id"
    assert message.startswith("compose of 'd': ")


def test_only_a_gate_composes():
    ((path, message),) = refused(composed({"id": {"src": "a", "path": "id"}}, arrows="a>b"))
    assert path == "nodes[1].config.compose"
    assert "'b' is no gate: an adapter on its edge makes its input" in message


def test_an_alias_with_a_dash_is_an_arm_too():
    value = meeting("a>b-1 a>c b-1>d c>d", compose={"id": {"src": "b-1", "path": "id"}})
    assert compiled(value).placements[3].compose == (("id", "inputs.b-1.id"),)
