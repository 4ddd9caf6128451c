"""Fan-outs: for which items a placement is visited, and who gathers them."""

import pytest
from authored import compiled, edged, flow, placed, refused
from hypothesis import given, settings
from hypothesis import strategies as st

from axiomd.errors import CompileFailed
from axiomd.flow.artifact import FanOut

ORDERS_OF = {"items": "value.orders"}
BATCHES_OF = {"items": "value.batches"}


def fanned(arrows, fans, joins="", **nodes):
    """A flow of batches: `fans` fan out over batches of batches, `joins` have a join block."""
    value = flow(arrows)
    for index, node in enumerate(value["nodes"]):
        alias = node["alias"]
        config = {}
        if alias in fans:
            config["fan_out"] = BATCHES_OF
        if alias in joins:
            config["join"] = {}
        value["nodes"][index] = placed(alias, nodes.get(alias, "Batches"), config=config)
    return value


def scopes(value):
    """Alias to the aliases of the fan-outs that a placement is visited for items of."""
    artifact = compiled(value)
    aliases = [placement.alias for placement in artifact.placements]
    return {
        alias: "".join(aliases[fan] for fan in scope)
        for alias, scope in zip(aliases, artifact.scopes, strict=True)
    }


def test_a_placement_is_visited_for_each_item_of_what_arrives():
    value = flow("a>b b>c", [placed("a", "Split"), placed("b"), placed("c")])
    value["nodes"][1]["config"] = {"fan_out": {**ORDERS_OF, "max_parallel": 3}}
    artifact = compiled(value)
    assert artifact.placements[1].fan_out == FanOut("value.orders", 3)
    assert artifact.scopes == ((), (1,), ())
    assert [placement.gathers for placement in artifact.placements] == [False, False, True]
    assert artifact.is_gate(2)


def test_without_max_parallel_all_items_are_worked_on_at_once():
    assert compiled(fanned("a>b b>c", "b")).placements[1].fan_out == FanOut("value.batches", 0)


def test_items_reach_up_to_the_next_gate():
    assert scopes(fanned("a>b b>c b>d c>e d>e e>f", "b")) == {
        "a": "",
        "b": "b",
        "c": "b",
        "d": "b",
        "e": "",
        "f": "",
    }


def test_a_join_block_gathers_items_even_with_one_way_in():
    value = fanned("a>b b>c c>d d>e", "b", joins="d")
    assert scopes(value) == {"a": "", "b": "b", "c": "b", "d": "", "e": ""}
    assert [placement.gathers for placement in compiled(value).placements] == [
        *[False] * 3,
        True,
        False,
    ]


def test_a_fan_out_may_stand_inside_of_one_other():
    value = fanned("a>b b>c c>d d>e e>f", "bc", joins="e")
    assert scopes(value) == {"a": "", "b": "b", "c": "bc", "d": "bc", "e": "b", "f": ""}


def test_arms_with_and_without_items_meet():
    assert scopes(fanned("a>b a>c b>d c>d", "b"))["d"] == ""
    assert scopes(fanned("a>b a>c b>d c>d", "bc"))["d"] == ""


def test_an_adapter_makes_the_input_of_each_item():
    value = flow("a>b b>c")
    value["nodes"][1]["config"] = {"fan_out": {"items": "value.tags"}}
    edged(value, {"adapter": {"id": "item", "qty": "qty"}})
    assert compiled(value).edges[0].fields == (("id", "item"), ("qty", "qty"))


def test_items_that_are_no_messages_need_an_adapter():
    value = flow("a>b b>c")
    value["nodes"][1]["config"] = {"fan_out": {"items": "value.tags"}}
    ((path, message),) = refused(value)
    assert path == "nodes[1].config.fan_out.items"
    assert message == (
        "the items of 'b' are no messages: 'a' → 'b' needs an adapter that makes a "
        "acme.orders.Order of each `item`"
    )


def test_items_must_fit_what_the_placement_takes():
    value = flow("a>b b>c", [placed("a", "Split"), placed("b", "Break"), placed("c", "Break")])
    value["nodes"][1]["config"] = {"fan_out": ORDERS_OF}
    found = refused(value)
    assert {path for path, _ in found} == {"nodes[1].config.fan_out.items"}
    head = "'a' → 'b' brings items that are acme.orders.Order, 'b' takes acme.orders.Bad: field 1"
    assert found[0][1].startswith(head)


@pytest.mark.parametrize("items", ["value.nope", "value.id", "nope.tags"])
def test_items_that_are_no_list_of_what_arrives_are_refused(items):
    value = flow("a>b b>c")
    value["nodes"][1]["config"] = {"fan_out": {"items": items}}
    ((path, message),) = refused(value)
    assert path == "nodes[1].config.fan_out.items"
    assert message.startswith("the items of 'b': ")


@pytest.mark.parametrize(
    ("arrows", "fan", "said"),
    [
        ("a>b b>c", "a", "'a' is the entry, and nothing arrives there"),
        ("a>b a>c b>d c>d d>e", "d", "'d' is a gate and cannot fan out as well"),
        ("a>b b>c", "c", "'c' is the terminal: no placement behind it gathers its items"),
    ],
)
def test_entry_gates_and_terminal_do_not_fan_out(arrows, fan, said):
    found = refused(fanned(arrows, fan))
    number = "abcde".index(fan)
    assert [path for path, _ in found] == [f"nodes[{number}].config.fan_out"]
    assert said in found[0][1]


def test_what_gathers_does_not_fan_out_as_well():
    found = refused(fanned("a>b b>c c>d", "bc", joins="c"))
    assert [path for path, _ in found] == ["nodes[2].config.fan_out"]
    assert "'c' gathers items by its join and cannot fan out as well" in found[0][1]


def test_fan_outs_nest_once():
    value = fanned("a>b b>c c>d d>e e>f f>g", "bcd", joins="ef")
    found = dict(refused(value))
    assert "nodes[3].config.fan_out" in found
    assert "'d' in 'c' in 'b'" in found["nodes[3].config.fan_out"]


def test_items_are_gathered_before_the_terminal():
    ((path, message),) = refused(fanned("a>b b>c c>d", "bc"))
    assert path == "nodes[3]"
    assert message == (
        "the items of 'b' are not gathered before the terminal 'd', which gathers one fan-out only"
    )


def test_an_arm_is_at_most_one_fan_out_deeper_than_its_gate():
    ((path, message),) = refused(fanned("a>b a>z b>c c>d d>z", "bc"))
    assert path == "edges[4]"
    assert "the arm 'd' → 'z' brings items of 'b', 'c'" in message


def test_a_quorum_of_items_may_be_any_number():
    value = fanned("a>b b>c", "b", joins="c")
    value["nodes"][2]["config"]["join"] = {"quorum": 100}
    assert compiled(value).placements[2].join.quorum == 100


def test_a_gathering_placement_may_compose():
    value = fanned("a>b b>c", "b")
    value["nodes"][2]["config"]["compose"] = {"batches": {"src": "b", "path": "batches"}}
    assert compiled(value).placements[2].compose == (("batches", "inputs.b.batches"),)


def test_a_loop_stays_inside_or_outside_of_a_fan_out():
    value = fanned("a>b b>c c>d d>e", "b", joins="d")
    back = {"loop": True, "max_iterations": 2}

    def looped(source, destination):
        edge = {"from": source, "to": destination, **back}
        return {**value, "edges": [*value["edges"], edge]}

    for source, destination in ("dd", "da", "cc", "db"):
        assert compiled(looped(source, destination))
    ((path, message),) = refused(looped("c", "b"))
    assert path == "edges[4]"
    assert message == (
        "the loop 'c' → 'b' crosses a fan-out: 'c' is visited for the items of 'b', "
        "'b' is reached outside of every fan-out"
    )
    ((path, _),) = refused(looped("d", "c"))
    assert path == "edges[4]"


def test_a_loop_into_a_fan_out_brings_items_too():
    value = fanned("a>b b>c", "b")
    value["nodes"][2] = placed("c", "Split")
    edged(value, {}, {"adapter": {"id": "'x'"}})
    value["edges"].append({"from": "c", "to": "b", "loop": True, "max_iterations": 2})
    assert compiled(value)
    value["nodes"][2] = placed("c")
    ((path, _),) = refused(value)
    assert path == "nodes[1].config.fan_out.items"


@st.composite
def random_flows(draw):
    count = draw(st.integers(2, 9))
    aliases = "abcdefghi"[:count]
    pairs = {(draw(st.integers(0, to - 1)), to) for to in range(1, count)}
    ends = [p for p in range(count - 1) if all(source != p for source, _ in pairs)]
    pairs |= {(end, count - 1) for end in ends}
    arrows = " ".join(f"{aliases[a]}>{aliases[b]}" for a, b in sorted(pairs))
    single = [p for p in range(1, count) if sum(to == p for _, to in pairs) == 1]
    fans = draw(st.sets(st.sampled_from(single[:-1] or [1]), max_size=3))
    joins = draw(st.sets(st.sampled_from([p for p in single if p > min(fans, default=9)] or [9])))
    some = ("".join(aliases[p] for p in chosen if p < count) for chosen in (fans, joins - fans))
    return fanned(arrows, *some)


@settings(max_examples=300, deadline=None)
@given(random_flows())
def test_what_compiles_gathers_every_item_it_fans_out(value):
    try:
        artifact = compiled(value)
    except CompileFailed:
        return
    assert artifact.scopes[artifact.entry] == artifact.scopes[artifact.terminal] == ()
    for number, placement in enumerate(artifact.placements):
        scope, outer = artifact.scopes[number], artifact.outer(number)
        arms = [artifact.edges[edge].source for edge in artifact.incoming[number]]
        assert len(scope) <= 2
        assert (placement.fan_out is not None) == (scope != outer)
        assert not (artifact.is_gate(number) and placement.fan_out)
        for arm in arms:
            deeper = len(artifact.scopes[arm]) - len(outer)
            assert artifact.scopes[arm][: len(outer)] == outer
            assert deeper in ((0, 1) if artifact.is_gate(number) else (0,))
        if placement.gathers:
            assert len(arms) == 1
