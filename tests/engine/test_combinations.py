"""Forms of the language together: sessions, pauses, subflows, forks and undoing in one flow."""

import pytest
import trio
from worlds.box import open_box
from worlds.flows import TENANT, Behaviour, Story, answer, flow, nesting, paused
from worlds.invariants import stored_executions

from axiomd.clock import NS_PER_S
from axiomd.execution import debugging
from axiomd.execution.execution import Debug
from axiomd.execution.journal import EntryKind
from axiomd.execution.position import Position
from axiomd.execution.status import Status
from axiomd.flow.artifact import Hitl, Join, Retry

CHILD = Story(flow("p>q"))
HANGING = Behaviour("hang")


def out_of_child(payload):
    return answer("q", answer("p", payload))


def children_of(box, parent_id):
    return [one for one in stored_executions(box.store) if one.parent_id == parent_id]


async def in_session(box, mode="pause", breakpoints=()):
    artifact = box.world.story.artifact
    debug = Debug(mode, breakpoints)
    return (await box.engine.accept(artifact, b"x", debug=debug)).execution_id


async def held(box, execution_id, *visits):
    return await box.reached(
        execution_id, lambda one: one.held == visits and one.status is Status.DEBUG_PAUSED
    )


async def tell(box, execution_id, kind, visit="", value=None):
    await box.engine.direct(TENANT, execution_id, debugging.command(kind), visit, value)


async def step(box, execution_id, visit):
    await held(box, execution_id, visit)
    await tell(box, execution_id, EntryKind.DEBUG_STEPPED, visit)


async def asked(box, execution_id, *visits):
    return await box.reached(
        execution_id, lambda one: tuple(pause.position for pause in one.pauses) == visits
    )


async def approve(box, execution_id, visit, value=None):
    await box.engine.answer(TENANT, execution_id, visit, approved=True, value=value)


async def sound(box):
    await box.disk.finish()
    assert box.broken() == []


# A session


async def test_a_session_holds_a_paused_visit_once_somebody_has_answered(
    make_world, autojump_clock
):
    async with open_box(make_world(Story(paused(flow("a>b b>c"), b=Hitl())))) as box:
        execution_id = await in_session(box)
        await step(box, execution_id, "a")
        execution = await asked(box, execution_id, "b")
        assert (execution.held, "b" in box.outputs(execution_id)) == ((), False)
        await box.reached(execution_id, lambda one: one.status is Status.PAUSED_HITL)
        await approve(box, execution_id, "b", b"told")
        await held(box, execution_id, "b")
        await tell(box, execution_id, EntryKind.DEBUG_EDITED, "b", b"edited")
        await step(box, execution_id, "b")
        await step(box, execution_id, "c")
        assert (await box.ended(execution_id)).status is Status.COMPLETED
        assert box.outputs(execution_id)["b"] == answer("b", b"edited")
        assert box.kinds(execution_id).count("pause_opened") == 1
        await sound(box)


async def test_what_is_held_and_what_is_asked_are_let_go_apart(make_world, autojump_clock):
    story = Story(paused(flow("a>b a>c b>d c>d"), b=Hitl(timeout_s=60, timeout_policy="CONTINUE")))
    async with open_box(make_world(story)) as box:
        execution_id = await in_session(box)
        await step(box, execution_id, "a")
        execution = await held(box, execution_id, "c")
        assert [pause.position for pause in execution.pauses] == ["b"]
        # Its time is over while the session stands still; then it is held like the other one.
        await held(box, execution_id, "c", "b")
        await tell(box, execution_id, EntryKind.DEBUG_CONTINUED)
        await step_over_rest(box, execution_id)
        assert box.outputs(execution_id).keys() == set("abcd")
        await sound(box)


async def step_over_rest(box, execution_id):
    """To the end, whatever is held on the way."""
    while True:
        execution = await box.reached(
            execution_id, lambda one: one.status is Status.DEBUG_PAUSED or one.status.ended
        )
        if execution.status.ended:
            return
        await tell(box, execution_id, EntryKind.DEBUG_CONTINUED)


async def test_a_step_over_a_subflow_runs_its_whole_child(make_world, autojump_clock):
    story = nesting("a>s s>b", {"s": CHILD})
    async with open_box(make_world(story)) as box:
        execution_id = await in_session(box)
        await step(box, execution_id, "a")
        await held(box, execution_id, "s")
        assert children_of(box, execution_id) == []
        await tell(box, execution_id, EntryKind.DEBUG_EDITED, "s", b"edited")
        await step(box, execution_id, "s")
        await held(box, execution_id, "b")
        (child,) = children_of(box, execution_id)
        assert (child.status, child.debug) == (Status.COMPLETED, None)
        assert box.outputs(execution_id)["s"] == out_of_child(b"edited")
        await step(box, execution_id, "b")
        assert (await box.ended(execution_id)).status is Status.COMPLETED
        await sound(box)


async def test_an_end_of_a_child_does_not_wake_what_a_session_holds(make_world, autojump_clock):
    story = nesting("a>s a>b s>z b>z", {"s": CHILD})
    world = make_world(story)
    async with open_box(world) as box:
        execution_id = await in_session(box, "run", ("b",))
        await held(box, execution_id, "b")
        await box.reached(execution_id, lambda _: "s" in box.outputs(execution_id))
        await held(box, execution_id, "b")
    async with open_box(world) as box:
        await tell(box, execution_id, EntryKind.DEBUG_CONTINUED)
        assert (await box.ended(execution_id)).status is Status.COMPLETED
        await sound(box)


# A pause before a subflow


@pytest.mark.parametrize("value", [None, b"told"])
async def test_a_subflow_that_is_approved_begins_its_child_with_what_was_given(
    make_world, autojump_clock, value
):
    story = nesting("a>s s>b", {"s": CHILD}, nodes={"s": {"hitl": Hitl()}})
    async with open_box(make_world(story)) as box:
        execution_id = await box.accept(b"x")
        await asked(box, execution_id, "s")
        assert children_of(box, execution_id) == []
        await approve(box, execution_id, "s", value)
        assert (await box.ended(execution_id)).status is Status.COMPLETED
        out = box.outputs(execution_id)
        assert out["s"] == out_of_child(value or out["a"])
        await sound(box)


async def test_a_subflow_that_is_rejected_has_no_child(make_world, autojump_clock):
    story = nesting("a>s s>b", {"s": CHILD}, nodes={"s": {"hitl": Hitl()}})
    async with open_box(make_world(story)) as box:
        execution_id = await box.accept(b"x")
        await asked(box, execution_id, "s")
        await box.engine.answer(TENANT, execution_id, "s", approved=False, by="somebody")
        execution = await box.ended(execution_id)
        assert (execution.status, execution.failure.kind) == (Status.FAILED, "REJECTED")
        assert children_of(box, execution_id) == []
        await sound(box)


async def test_a_subflow_is_asked_for_once_whatever_its_attempts(make_world, autojump_clock):
    failing = Story(flow("p>q"), {"q": Behaviour("fail")})
    story = nesting(
        "a>s s>b",
        {"s": failing},
        nodes={"s": {"hitl": Hitl()}},
        retries={"s": Retry(3, initial_interval_ms=5)},
    )
    async with open_box(make_world(story)) as box:
        execution_id = await box.accept(b"x")
        await asked(box, execution_id, "s")
        await approve(box, execution_id, "s")
        assert (await box.ended(execution_id)).failure.kind == "SUBFLOW_FAILED"
        assert len(children_of(box, execution_id)) == 3
        assert box.kinds(execution_id).count("pause_opened") == 1
        await sound(box)


# Forks


async def test_a_fork_asks_for_what_waits_and_not_for_what_was_let_go(make_world, autojump_clock):
    made = flow(
        "a>b a>c a>x x>y b>d c>d y>d",
        nodes={"b": {"hitl": Hitl()}, "c": {"hitl": Hitl(timeout_s=600)}},
        retries={"y": Retry(2, initial_interval_ms=50_000)},
    )
    story = Story(made, {"b": HANGING, "y": Behaviour(stumbles=1)})
    async with open_box(make_world(story)) as box:
        source = await box.accept(b"x")
        await box.reached(source, lambda one: len(one.pauses) == 2)
        await box.reached(source, lambda _: "x" in box.outputs(source))
        await approve(box, source, "b", b"told")
        await box.reached(source, lambda _: "y" in box.outputs(source))
        box.world.stories[made.graph_id] = Story(made)
        for alias, visits in (("x", {"b", "c"}), ("y", {"c"})):
            fork = await box.engine.fork(TENANT, source, Position(made.index_of[alias]))
            record = await box.reached(fork, lambda one, all_=visits: len(one.pauses) == len(all_))
            asked_for = {pause.position: pause for pause in record.pauses}
            assert asked_for.keys() == visits
            assert asked_for["c"].expires_ns - record.created_ns >= 600 * NS_PER_S
            for visit in visits:
                await approve(box, fork, visit)
            assert (await box.ended(fork)).status is Status.COMPLETED
            given = b"told" if alias == "y" else box.outputs(fork)["a"]
            assert box.outputs(fork)["b"] == answer("b", given)
        await box.engine.cancel(TENANT, source)
        await sound(box)


async def test_a_retry_does_not_ask_again_for_what_was_let_go(make_world, autojump_clock):
    story = Story(paused(flow("a>b b>c"), b=Hitl()), {"b": Behaviour("fail")})
    async with open_box(make_world(story)) as box:
        source = await box.accept(b"x")
        await asked(box, source, "b")
        await approve(box, source, "b", b"told")
        assert (await box.ended(source)).status is Status.FAILED
        box.world.stories[story.artifact.graph_id] = Story(story.artifact)
        fork = await box.ended(await box.engine.retry(TENANT, source))
        assert fork.status is Status.COMPLETED
        assert box.outputs(fork.execution_id)["b"] == answer("b", b"told")
        await sound(box)


async def test_a_retry_of_what_was_rejected_asks_again(make_world, autojump_clock):
    story = Story(paused(flow("a>b b>c"), b=Hitl()))
    async with open_box(make_world(story)) as box:
        source = await box.accept(b"x")
        await asked(box, source, "b")
        await box.engine.answer(TENANT, source, "b", approved=False, by="somebody")
        assert (await box.ended(source)).failure.kind == "REJECTED"
        fork = await box.engine.retry(TENANT, source)
        await asked(box, fork, "b")
        await approve(box, fork, "b")
        assert (await box.ended(fork)).status is Status.COMPLETED
        await sound(box)


@pytest.mark.parametrize("policy", ["PROCEED", "FAIL"])
async def test_a_gate_of_a_fork_waits_its_whole_time(make_world, autojump_clock, policy):
    made = flow(
        "a>b a>c b>d c>d d>e",
        nodes={
            "d": {"join": Join(timeout_s=20, timeout_policy=policy)},
            "c": {"timeout_s": 900},
        },
    )
    async with open_box(make_world(Story(made, {"c": HANGING}))) as box:
        source = await box.accept(b"x")
        await box.reached(source, lambda _: "b" in box.outputs(source))
        await trio.sleep(15)
        fork = await box.ended(await box.engine.fork(TENANT, source, Position(1)))
        wanted = "gate_opened" if policy == "PROCEED" else "gate_failed"
        (gate,) = [e for e in box.reader.journal(fork.execution_id) if e.kind.wire == wanted]
        waited_s = (gate.at_ns - fork.created_ns) / NS_PER_S
        assert 19 < waited_s < 25
        assert fork.status is (Status.COMPLETED if policy == "PROCEED" else Status.FAILED)
        await box.ended(source)
        await sound(box)


async def test_what_failed_in_a_subflow_is_retried_with_a_new_child(make_world, autojump_clock):
    broken = Story(flow("p>q"), {"q": Behaviour("fail")})
    story = nesting("a>s s>b", {"s": broken})
    async with open_box(make_world(story)) as box:
        source = await box.ended(await box.accept(b"x"))
        assert source.failure.kind == "SUBFLOW_FAILED"
        box.world.stories[broken.artifact.graph_id] = Story(broken.artifact)
        fork = await box.ended(await box.engine.retry(TENANT, source.execution_id))
        assert fork.status is Status.COMPLETED
        (child,) = children_of(box, fork.execution_id)
        (old,) = children_of(box, source.execution_id)
        assert (child.status, old.status) == (Status.COMPLETED, Status.FAILED)
        out = box.outputs(fork.execution_id)
        assert out["s"] == out_of_child(out["a"])
        await sound(box)


async def test_a_fork_of_a_parent_that_waits_begins_a_child_of_its_own(make_world, autojump_clock):
    story = nesting("a>s s>b", {"s": Story(flow("p>q"), {"q": HANGING})})
    async with open_box(make_world(story)) as box:
        source = await box.accept(b"x")
        await box.reached(source, lambda one: bool(one.children))
        fork = await box.engine.fork(TENANT, source, Position(0))
        await box.reached(fork, lambda one: bool(one.children))
        assert children_of(box, source) != children_of(box, fork)
        await box.engine.cancel(TENANT, fork)
        assert [one.status for one in children_of(box, source)] == [Status.RUNNING]
        await box.engine.cancel(TENANT, source)
        await sound(box)


# Undoing


async def test_a_subflow_is_undone_by_its_placements_node(make_world, autojump_clock):
    story = nesting(
        "a>s s>c",
        {"s": CHILD},
        {"c": Behaviour("fail"), "undo-s": Behaviour(stumbles=1)},
        compensate={"a": "undo-a", "s": "undo-s"},
        retries={"s": Retry(2, initial_interval_ms=5)},
    )
    async with open_box(make_world(story)) as box:
        execution = await box.ended(await box.accept(b"x"))
        assert (execution.status, execution.failure.placement) == (Status.FAILED, "c")
        assert box.undone(execution.execution_id) == [("s", "DONE"), ("a", "DONE")]
        assert len(children_of(box, execution.execution_id)) == 1
        await sound(box)


async def test_a_child_that_failed_is_nothing_to_undo(make_world, autojump_clock):
    story = nesting(
        "a>s s>c",
        {"s": Story(flow("p>q", compensate={"p": "undo-p"}), {"q": Behaviour("fail")})},
        compensate={"a": "undo-a", "s": "undo-s"},
    )
    async with open_box(make_world(story)) as box:
        execution = await box.ended(await box.accept(b"x"))
        assert execution.failure.kind == "SUBFLOW_FAILED"
        assert box.undone(execution.execution_id) == [("a", "DONE")]
        # The child has undone its own before it failed.
        (child,) = children_of(box, execution.execution_id)
        assert box.undone(child.execution_id) == [("p", "DONE")]
        await sound(box)
