"""Conditions, loops, fan-out, gates and edges for failures, as executions live through them."""

import pytest
from worlds.box import World, open_box
from worlds.flows import Behaviour, Story, answer, flow
from worlds.seeds import run_seeded

from axiomd.execution.journal import EntryKind
from axiomd.execution.position import position_text
from axiomd.flow.artifact import FanOut, Join
from axiomd.limits import KIB

ALWAYS, NEVER = "< 256", "< 0"
TOLERANT = Join(failure_policy="TOLERATE_FAILURES")


@pytest.fixture
def play(tmp_path):
    """Runs a story to its end: the record, what each visit returned, and the kinds of entries."""

    def played(story, payload=b"in"):
        world = World(tmp_path, [story])

        async def live():
            async with open_box(world) as box:
                execution = await box.ended(await box.accept(payload))
                await box.disk.finish()
                assert box.broken() == []
                return execution, visits(box, execution), box.kinds(execution.execution_id)

        return run_seeded(1, live)

    return played


def visits(box, execution):
    placements = box.artifact_of(execution.execution_id).placements
    return {
        position_text(entry.position, placements[entry.position.placement].alias): box.blobs.get(
            entry.payload
        )
        for entry in box.reader.journal(execution.execution_id)
        if entry.kind is EntryKind.NODE_COMPLETED
    }


def test_an_edge_whose_condition_does_not_hold_is_not_taken(play):
    made = flow(
        "a>b a>c b>d c>d", edges={"a>b": {"condition": NEVER}, "a>c": {"condition": ALWAYS}}
    )
    execution, out, kinds = play(Story(made))
    assert execution.status == "COMPLETED"
    assert set(out) == {"a", "c", "d"}
    assert out["d"] == answer("d", out["c"])
    assert kinds.count("edge_not_taken") == 2


def test_a_way_that_is_not_taken_closes_all_that_only_it_leads_to(play):
    made = flow("a>b b>c b>d c>e d>e e>z a>z", edges={"a>b": {"condition": NEVER}})
    _, out, kinds = play(Story(made))
    assert set(out) == {"a", "z"}
    assert kinds.count("edge_not_taken") == 6
    assert kinds.count("gate_not_taken") == 1


def test_an_execution_whose_branches_all_end_completes_without_an_output(play):
    made = flow("a>b b>c", edges={"b>c": {"condition": NEVER}})
    execution, out, _ = play(Story(made))
    assert (execution.status, execution.ended_at) == ("COMPLETED", ("b",))
    assert set(out) == {"a", "b"}


def test_an_adapter_makes_what_the_next_node_gets(play):
    made = flow("a>b", edges={"a>b": {"fields": (("x", "y"),)}})
    _, out, _ = play(Story(made))
    assert out["b"] == answer("b", b"<0:%s>" % out["a"])


def test_a_fault_of_an_adapter_fails_the_execution_at_its_edge(play):
    made = flow("a>b", edges={"a>b": {"fields": (("fault", ""),)}})
    execution, out, _ = play(Story(made))
    assert (execution.failure.kind, execution.failure.edge) == ("EDGE_ADAPTER", "a → b")
    assert set(out) == {"a"}


def test_a_loop_without_a_condition_runs_as_often_as_it_says(play):
    made = flow("a>b b>a b>c", edges={"b>a": {"loop": True, "max_iterations": 3}})
    execution, out, _ = play(Story(made))
    assert execution.status == "COMPLETED"
    assert set(out) == {"a", "b", "a#2", "b#2", "a#3", "b#3", "c"}


def test_a_loop_whose_condition_never_ends_fails_at_its_limit(play):
    loop = {"loop": True, "max_iterations": 4, "condition": ALWAYS}
    execution, out, _ = play(Story(flow("a>b b>b b>c", edges={"b>b": loop})))
    assert (execution.failure.kind, execution.failure.placement) == ("LOOP_LIMIT", "b")
    assert set(out) == {"a", "b", "b#2", "b#3", "b#4"}


def test_a_loop_around_a_gate_fills_it_anew_each_time(play):
    made = flow("a>b a>c b>d c>d d>a d>e", edges={"d>a": {"loop": True, "max_iterations": 3}})
    _, out, kinds = play(Story(made))
    assert kinds.count("gate_opened") == 3
    assert out["d#3"] == answer("d", out["b#3"] + out["c#3"])


def test_an_inner_loop_begins_anew_with_the_outer_one(play):
    made = flow(
        "a>b b>b b>c c>a c>d",
        edges={
            "b>b": {"loop": True, "max_iterations": 2},
            "c>a": {"loop": True, "max_iterations": 2},
        },
    )
    _, out, _ = play(Story(made))
    assert set(out) == {"a", "a#2", "b", "b#2", "b#3", "b#4", "c", "c#2", "d"}


@pytest.mark.parametrize("limit", [0, 1, 2])
def test_a_fan_out_is_gathered_in_the_order_of_its_items(play, limit):
    made = flow(
        "a>b b>c c>d d>e",
        nodes={"b": {"fan_out": FanOut("5", limit)}, "d": {"gathers": True}},
    )
    _, out, _ = play(Story(made))
    inputs = [b"%d/%s" % (item, out["a"][:40]) for item in range(5)]
    results = [answer("c", answer("b", given)) for given in inputs]
    assert [out[f"c[{item}]"] for item in range(5)] == results
    assert out["d"] == answer("d", b"".join(results))
    assert "e" in out


def test_a_list_without_items_is_gathered_as_nothing(play):
    made = flow("a>b b>c c>d", nodes={"b": {"fan_out": FanOut("0")}, "d": {"gathers": True}})
    _, out, _ = play(Story(made))
    assert set(out) == {"a", "d"}
    assert out["d"] == answer("d", b"")


def test_a_gate_gathers_items_of_several_ways_beside_a_plain_arm(play):
    made = flow("a>b b>c b>d c>e d>e a>e", nodes={"b": {"fan_out": FanOut("3")}})
    _, out, _ = play(Story(made))
    arms = [out[f"{alias}[{item}]"] for alias in "cd" for item in range(3)]
    assert out["e"] == answer("e", b"".join([*arms, out["a"]]))


def test_fan_outs_nest(play):
    made = flow(
        "a>b b>c c>d d>e",
        nodes={
            "b": {"fan_out": FanOut("2")},
            "c": {"fan_out": FanOut("3", 1)},
            "d": {"gathers": True},
            "e": {"gathers": True},
        },
    )
    _, out, _ = play(Story(made))
    assert {f"c[{i}][{j}]" for i in range(2) for j in range(3)} < set(out)
    assert out["e"] == answer("e", out["d[0]"] + out["d[1]"])


@pytest.mark.parametrize("condition", ["", "< 256"])
def test_what_leads_on_beside_a_loop_is_not_evaluated_as_long_as_that_goes_back(play, condition):
    made = flow(
        "a>b b>a b>c",
        edges={
            "b>a": {"loop": True, "max_iterations": 2, "condition": condition},
            "b>c": {"fields": (("fault", ""),)},
        },
    )
    execution, out, _ = play(Story(made))
    assert {"a#2", "b#2"} < set(out)
    assert execution.failure.kind == ("LOOP_LIMIT" if condition else "EDGE_ADAPTER")


def test_a_loop_that_is_over_is_not_evaluated(play):
    broken = {"loop": True, "max_iterations": 1, "fields": (("fault", ""),)}
    execution, _, _ = play(Story(flow("a>b b>a b>c", edges={"b>a": broken})))
    assert execution.status == "COMPLETED"


def test_a_loop_fans_out_again(play):
    made = flow(
        "a>b b>c c>a c>d",
        edges={"c>a": {"loop": True, "max_iterations": 2}},
        nodes={"b": {"fan_out": FanOut("2")}, "c": {"gathers": True}},
    )
    _, out, _ = play(Story(made))
    assert set(out) == {"a", "b[0]", "b[1]", "c", "a#2", "b#2[0]", "b#2[1]", "c#2", "d"}


def test_a_failure_takes_its_edge_and_the_flow_goes_on(play):
    made = flow("a>b b>d a>c b>r r>d c>d", edges={"b>r": {"on_error": True}})
    execution, out, _ = play(Story(made, {"b": Behaviour("fail")}))
    assert execution.status == "COMPLETED"
    assert out["r"] == answer("r", b"NODE_ERROR of b")
    assert out["d"] == answer("d", out["r"] + out["c"])


def test_an_edge_for_failures_is_not_taken_by_a_success(play):
    made = flow("a>b b>d b>r r>d", edges={"b>r": {"on_error": True}})
    _, out, _ = play(Story(made))
    assert set(out) == {"a", "b", "d"}


def test_a_tolerant_gate_does_without_an_arm_that_failed(play):
    made = flow("a>b a>c b>x x>d c>d d>e", nodes={"d": {"join": TOLERANT}})
    execution, out, _ = play(Story(made, {"b": Behaviour("fail")}))
    assert execution.status == "COMPLETED"
    assert out["d"] == answer("d", out["c"])


def test_a_gate_fails_if_all_of_its_arms_do(play):
    made = flow("a>b a>c b>d c>d d>e", nodes={"d": {"join": TOLERANT}})
    execution, _, _ = play(Story(made, {"b": Behaviour("fail"), "c": Behaviour("crash")}))
    assert (execution.failure.kind, execution.failure.placement) == ("GATE_FAILED", "d")


def test_a_gate_that_fails_is_caught_like_a_node(play):
    made = flow(
        "a>b a>c b>d c>d d>e d>r r>e",
        nodes={"d": {"join": TOLERANT}},
        edges={"d>r": {"on_error": True}},
    )
    execution, out, _ = play(Story(made, {"b": Behaviour("fail"), "c": Behaviour("fail")}))
    assert execution.status == "COMPLETED"
    assert out["r"] == answer("r", b"GATE_FAILED of d")


def test_a_gate_that_does_not_tolerate_fails_the_flow_fast(play):
    made = flow("a>b a>c b>d c>d d>e")
    execution, _, _ = play(Story(made, {"b": Behaviour("fail"), "c": Behaviour("hang")}))
    assert (execution.failure.kind, execution.failure.placement) == ("NODE_ERROR", "b")


def test_a_quorum_opens_without_the_rest(play):
    made = flow("a>b a>c a>x b>d c>d x>d d>e", nodes={"d": {"join": Join(quorum=2)}})
    execution, out, kinds = play(Story(made, {"x": Behaviour("hang")}))
    assert execution.status == "COMPLETED"
    assert kinds.count("gate_opened") == 1
    assert out["d"] == answer("d", out["b"] + out["c"])


@pytest.mark.parametrize(("quorum", "ends"), [(2, "COMPLETED"), (3, "FAILED")])
def test_a_list_without_items_brings_nothing_towards_a_quorum(play, quorum, ends):
    made = flow(
        "a>b b>d a>c c>d a>x x>d d>e",
        nodes={"b": {"fan_out": FanOut("0")}, "d": {"join": Join(quorum=quorum)}},
    )
    execution, out, _ = play(Story(made))
    assert execution.status == ends
    if ends == "COMPLETED":
        assert out["d"] == answer("d", out["c"] + out["x"])
    else:
        assert execution.failure.kind == "GATE_FAILED"
        assert execution.failure.message.endswith("of its arms arrived and 0 failed, 3 are wanted")


def test_an_xor_gate_takes_the_first_and_no_other(play):
    made = flow("a>b a>c c>x b>d x>d d>e", xor="d")
    _, out, kinds = play(Story(made))
    assert out["d"] == answer("d", out["b"])
    assert kinds.count("node_started") <= 6


def test_items_that_fail_are_missing_where_that_is_tolerated(play):
    made = flow(
        "a>b b>c c>d",
        nodes={"b": {"fan_out": FanOut("6")}, "c": {"join": TOLERANT, "gathers": True}},
    )
    execution, out, _ = play(Story(made, {"b": Behaviour(fails_below=100)}))
    there = [out[f"b[{item}]"] for item in range(6) if f"b[{item}]" in out]
    assert 0 < len(there) < 6
    assert execution.status == "COMPLETED"
    assert out["c"] == answer("c", b"".join(there))


@pytest.mark.parametrize("policy", ["FAIL", "PROCEED"])
def test_a_gate_that_has_waited_long_enough_follows_its_policy(play, policy):
    join = Join(timeout_s=20, timeout_policy=policy)
    made = flow("a>b a>c b>d c>d d>e", nodes={"d": {"join": join}, "c": {"timeout_s": 900}})
    execution, out, _ = play(Story(made, {"c": Behaviour("hang")}))
    if policy == "PROCEED":
        assert out["d"] == answer("d", out["b"])
    else:
        assert execution.failure.kind == "GATE_TIMEOUT"


def test_a_gate_that_composes_has_its_input_from_its_arms_by_name(play):
    made = flow("a>b a>c b>d c>d d>e", nodes={"d": {"compose": (("x", "y"),)}})
    _, out, kinds = play(Story(made))
    assert out["d"] == answer("d", b"2=%s|3=%s" % (out["b"][:40], out["c"][:40]))
    assert kinds.count("gate_composed") == 1


def test_large_messages_go_through_adapters_lists_and_gates(play):
    made = flow(
        "a>b b>c c>d",
        edges={"a>b": {"fields": (("x", "y"),)}},
        nodes={"c": {"fan_out": FanOut("2")}, "d": {"gathers": True}},
    )
    execution, _, _ = play(Story(made, {alias: Behaviour(pad=70 * KIB) for alias in "abc"}))
    assert execution.status == "COMPLETED"
