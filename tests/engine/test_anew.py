"""What a loop begins anew: dropped visits, gates that fill again, inner loops."""

import itertools

import pytest
import trio
from worlds.box import World, open_box
from worlds.flows import Behaviour, Story, answer, flow
from worlds.interpreter import interpret
from worlds.rules import dice
from worlds.seeds import run_seeded

from axiomd.flow.artifact import FanOut, Join, Retry

TOLERANT = Join(failure_policy="TOLERATE_FAILURES")
TWICE = {"loop": True, "max_iterations": 2}
LATER = Retry(max_attempts=2, initial_interval_ms=900_000, max_interval_ms=900_000)


@pytest.fixture
def live(tmp_path):
    """Runs a story to its end: the record, what each visit returned, and the kinds of entries."""

    def lived(story, payload=b"in", seed=1):
        world = World(tmp_path, [story])

        async def run():
            async with open_box(world) as box:
                execution = await box.ended(await box.accept(payload), within_s=5_000)
                await box.disk.finish()
                assert box.broken() == []
                identity = execution.execution_id
                return execution, box.visits(identity), box.kinds(identity)

        return run_seeded(seed, run)

    return lived


@pytest.mark.parametrize("seed", range(3))
def test_a_visit_that_may_run_once_is_dropped_while_its_beginning_is_written(live, seed):
    made = flow("a>b a>c b>a b>d c>d", edges={"b>a": TWICE}, once="c")
    execution, _, kinds = live(Story(made), seed=seed)
    assert execution.status == "COMPLETED"
    assert "execution_requeued" not in kinds


def test_the_call_of_a_dropped_visit_is_stopped_and_nothing_waits_for_that(tmp_path):
    made = flow("a>b a>c b>a b>d c>d", edges={"b>a": TWICE}, nodes={"c": {"timeout_s": 900}})
    world = World(tmp_path, [Story(made, {"c": Behaviour("hang")})])
    seen = slow_to_stop(world, 100)

    async def run():
        async with open_box(world) as box:
            execution_id = await box.accept(b"in")
            while "c is stopped" not in seen:
                await trio.sleep(1)
            assert box.reader.find_execution(execution_id).status == "RUNNING"
            assert "b#2" in box.visits(execution_id)
            assert seen.index("told to stop c") < seen.index("c#2") < seen.index("c is stopped")
            assert box.broken() == []

    run_seeded(1, run)


def test_a_visit_that_sleeps_until_its_next_call_is_dropped(live):
    made = flow(
        "a>b a>c a>e c>d b>d e>d b>a",
        edges={"b>a": TWICE},
        retries={"c": Retry(max_attempts=3, initial_interval_ms=5_000)},
        nodes={"d": {"join": Join(quorum=2)}},
    )
    story = Story(made, {"c": Behaviour(stumbles=1), "e": Behaviour("hang")})
    execution, _, kinds = live(story)
    assert execution.status == "COMPLETED"
    assert "execution_requeued" not in kinds


def test_a_gate_gathers_what_an_item_brings_in_its_last_iteration(live):
    made = flow(
        "a>b b>c c>x x>y y>c x>g y>g g>z",
        edges={"y>c": {"loop": True, "max_iterations": 3}},
        nodes={"b": {"fan_out": FanOut("3", 1)}},
    )
    _, out, _ = live(Story(made))
    arms = [out[f"{alias}#3[{item}]"] for alias in "xy" for item in range(3)]
    assert out["g"] == answer("g", b"".join(arms))


@pytest.mark.parametrize("number", range(10))
def test_items_that_go_round_each_as_often_as_it_wants_are_gathered_once(live, number):
    made = flow(
        "a>b b>c c>x x>w w>y y>c x>g w>g y>g a>g g>a g>z",
        edges={
            "y>c": {"loop": True, "max_iterations": 6, "condition": "< 120"},
            "x>g": {"condition": "< 170"},
            "g>a": TWICE,
        },
        nodes={"b": {"fan_out": FanOut("dice 3", 2)}, "g": {"join": TOLERANT}},
    )
    story, payload = Story(made, {"y": Behaviour(fails_below=60)}), b"%d" % number
    execution, out, _ = live(story, payload, seed=number)
    told = interpret(story, payload)
    assert (execution.status == "COMPLETED") is told.completed
    assert not told.completed or out == told.outputs


def test_of_two_loops_to_one_placement_the_inner_one_begins_anew_with_the_outer(live):
    made = flow("a>d d>a d>e e>a e>f", edges={"d>a": TWICE, "e>a": TWICE})
    _, out, _ = live(Story(made))
    assert [f"d#{number}" in out for number in (2, 3, 4, 5)] == [True, True, True, False]
    assert {"e", "e#2", "f"} < set(out)


def test_an_xor_gate_takes_one_arm_in_every_iteration(live):
    made = flow("a>x a>b b>y x>g y>g g>b g>z", edges={"g>b": TWICE}, xor="g")
    _, out, _ = live(Story(made))
    assert out["g#2"] in (answer("g", out["x"]), answer("g", out.get("y#2", b"")))


@pytest.mark.parametrize("join", [Join("XOR"), Join(quorum=1)])
def test_a_gate_whose_lasting_arms_suffice_opens_with_its_iteration(live, join):
    made = flow("a>x a>b b>y x>g y>g g>b g>z", edges={"g>b": TWICE}, nodes={"g": {"join": join}})
    execution, out, _ = live(Story(made, {"y": Behaviour("hang")}))
    assert execution.status == "COMPLETED"
    assert out["g#2"] == answer("g", out["x"])


def test_a_gate_that_cannot_have_its_quorum_any_more_fails_with_its_iteration(live):
    made = flow(
        "a>x a>b b>y x>g y>g g>r r>b g>z r>z",
        edges={"r>b": TWICE, "g>r": {"on_error": True}},
        nodes={"g": {"join": Join(quorum=2, failure_policy="TOLERATE_FAILURES")}},
    )
    _, out, _ = live(Story(made, {"x": Behaviour("fail"), "y": Behaviour("hang")}))
    assert {"r", "r#2"} < set(out)


def test_the_time_of_a_gate_begins_with_a_list_without_items(live):
    made = flow(
        "a>b b>g a>c c>g g>z",
        nodes={
            "b": {"fan_out": FanOut("0")},
            "g": {"join": Join(timeout_s=20)},
            "c": {"timeout_s": 900},
        },
    )
    execution, _, _ = live(Story(made, {"c": Behaviour("hang")}))
    assert execution.failure.kind == "GATE_TIMEOUT"


@pytest.mark.parametrize(
    "arrows", ["a>x a>b b>y x>g y>g g>b g>z", "a>b b>x b>w w>y x>g y>g g>b g>z"]
)
@pytest.mark.parametrize("beside", ["", " a>h h>z"])
def test_the_time_of_a_gate_is_that_of_its_iteration(live, arrows, beside):
    made = flow(
        arrows + beside,
        edges={"g>b": TWICE},
        nodes={"g": {"join": Join(timeout_s=20)}, "h": {"timeout_s": 900}},
        retries={"y": LATER},
    )
    story = Story(made, {"y": Behaviour(fails_below=128), "h": Behaviour("hang")})
    execution, out, _ = live(story, payload=failing_later(arrows))
    assert {"g", "b#2"} < set(out)
    assert execution.failure.kind == "GATE_TIMEOUT"


@pytest.mark.parametrize("parallel", [0, 1])
def test_what_its_loop_drops_does_not_keep_an_execution_from_its_end(live, parallel):
    # The second list is empty, and all that an empty list leads to here is an edge for failures.
    back = dice("items 2", answer("z", b"NODE_ERROR of b"))
    most = next(n for n in itertools.count(3) if back % (n + 1) == 0)
    made = flow(
        "a>b b>z z>b z>y",
        edges={"b>z": {"on_error": True}, "z>b": TWICE},
        nodes={
            "b": {"fan_out": FanOut(f"dice {most}", parallel)},
            "z": {"join": Join(quorum=1), "gathers": True},
        },
    )
    payload = next(
        payload
        for payload in map(b"%d".__mod__, itertools.count())
        if dice("items 0", answer("a", payload)) % (most + 1) > 2
    )
    execution, out, _ = live(Story(made, {"b": Behaviour("fail")}), payload)
    assert (execution.status, execution.ended_at) == ("COMPLETED", ("b",))
    assert {"y", "z"} & set(out) == {"z"}


def slow_to_stop(world, pause_s):
    """What becomes of calls whose nodes take so long to end; written down from now on."""
    come_to, seen = world.nodes._come_to, []

    async def noted(call, emit):
        seen.append(call.position)
        try:
            return await come_to(call, emit)
        except trio.Cancelled:
            seen.append(f"told to stop {call.position}")
            with trio.CancelScope(shield=True):
                await trio.sleep(pause_s)
            seen.append(f"{call.position} is stopped")
            raise

    world.nodes._come_to = noted
    return seen


def failing_later(arrows):
    """An input with which `y` fails in the second iteration, and not in the first."""

    def reached(given):
        """What `y` is given if that is what `b` is given."""
        made = answer("b", given)
        return answer("w", made) if "w>y" in arrows else made

    def fits(payload):
        begun = answer("a", payload)
        first = reached(begun)
        x = answer("x", begun if "a>x" in arrows else answer("b", begun))
        second = reached(answer("g", x + answer("y", first)))
        return dice("fails", first) >= 128 > dice("fails", second)

    return next(filter(fits, map(b"%d".__mod__, itertools.count())))
