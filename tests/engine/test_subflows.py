"""Placements that run an artifact: children begin, are waited for, and end with their parent."""

from collections import Counter

import attrs
import trio
from worlds.box import Physics, open_box
from worlds.flows import Behaviour, Story, answer, flow, nesting
from worlds.invariants import stored_executions
from worlds.seeds import run_seeded

from axiomd.execution.journal import EntryKind, Payload
from axiomd.execution.status import Residence, Status
from axiomd.flow.artifact import FanOut, Join, Retry
from axiomd.limits import KIB, SUBFLOW_DEPTH_MAX
from axiomd.settings import EngineSettings, StoreSettings
from axiomd.store import commit as commits
from axiomd.store.commit import ForgetCommit
from axiomd.store.env import open_store
from axiomd.store.writer import write_now

CHILD = Story(flow("p>q"))
FAILING = Story(flow("p>q"), {"q": Behaviour("fail")})
HANGING = Story(flow("p>q"), {"q": Behaviour("hang")})
SIMPLE = nesting("a>s s>b", {"s": CHILD})
TWICE = Retry(2, initial_interval_ms=5)


def out_of_child(payload):
    return answer("q", answer("p", payload))


def children_of(box, parent_id):
    found = [one for one in stored_executions(box.store) if one.parent_id == parent_id]
    return sorted(found, key=lambda one: one.created_ns)


async def settled(box):
    """Nothing is wrong, nor left over, once everything has become quiet."""
    await trio.sleep(1)
    await box.disk.finish()
    assert box.broken() == []
    assert {one.status.ended for one in stored_executions(box.store)} == {True}
    assert box.engine.statistics() == {"attempts": 0, "commits_queued": 0, "watches": 0}


async def parked(box, execution_id):
    return await box.reached(execution_id, lambda one: one.residence is Residence.PARKED)


async def test_a_subflow_returns_what_its_child_returns(make_world, autojump_clock):
    async with open_box(make_world(SIMPLE)) as box:
        execution = await box.ended(await box.accept(b"in"))
        assert execution.status is Status.COMPLETED
        out = box.outputs(execution.execution_id)
        assert out["s"] == out_of_child(out["a"])
        assert out["b"] == answer("b", out["s"])
        (child,) = children_of(box, execution.execution_id)
        assert (child.status, child.depth, child.tenant) == (Status.COMPLETED, 1, "tenant")
        assert (child.parent_position, child.graph_id) == ("s", CHILD.artifact.graph_id)
        assert box.kinds(execution.execution_id).count("node_child_started") == 1
        await settled(box)


async def test_a_parent_that_waits_is_parked_and_holds_no_slot(make_world, autojump_clock):
    """With one slot, a parent that kept it would wait for its child for ever."""
    settings = EngineSettings(slots=1, drain_s=0)
    async with open_box(make_world(SIMPLE), Physics(settings=settings)) as box:
        execution_id = await box.accept(b"in")
        waiting = await parked(box, execution_id)
        (child,) = children_of(box, execution_id)
        assert (waiting.status, waiting.children) == (Status.RUNNING, (child.execution_id,))
        assert (await box.ended(execution_id)).status is Status.COMPLETED
        await settled(box)


async def test_a_gate_with_an_arm_waits_for_a_child_as_waiting_on_gate(make_world, autojump_clock):
    story = nesting("a>b a>s b>z s>z", {"s": HANGING})
    async with open_box(make_world(story)) as box:
        execution_id = await box.accept(b"in")
        assert (await parked(box, execution_id)).status is Status.WAITING_ON_GATE
        await box.engine.cancel("tenant", execution_id)
        await settled(box)


async def test_a_large_output_is_the_childs_own_blob(make_world, autojump_clock):
    child = Story(CHILD.artifact, {"q": Behaviour(pad=70 * KIB)})
    async with open_box(make_world(nesting("a>s s>b", {"s": child}))) as box:
        execution = await box.ended(await box.accept(b"in"))
        (made,) = children_of(box, execution.execution_id)
        payloads = [
            entry.payload
            for identity in (execution.execution_id, made.execution_id)
            for entry in box.reader.journal(identity)
            if entry.kind is EntryKind.NODE_COMPLETED and entry.payload.blob
        ]
        assert len(payloads) == 2
        assert payloads[0] == payloads[1]
        await settled(box)


async def test_a_large_input_of_a_merging_gate_reaches_the_child(make_world, autojump_clock):
    story = nesting("a>b a>c b>s c>s s>z", {"s": CHILD}, {"b": Behaviour(pad=70 * KIB)})
    async with open_box(make_world(story)) as box:
        execution = await box.ended(await box.accept(b"in"))
        out = box.outputs(execution.execution_id)
        assert out["s"] == out_of_child(out["b"] + out["c"])
        await settled(box)


async def test_a_child_that_ends_before_its_terminal_gives_an_empty_message(
    make_world, autojump_clock
):
    child = Story(flow("p>q", edges={"p>q": {"condition": "< 0"}}))
    async with open_box(make_world(nesting("a>s s>b", {"s": child}))) as box:
        execution = await box.ended(await box.accept(b"in"))
        out = box.outputs(execution.execution_id)
        assert (out["s"], out["b"]) == (b"", answer("b", b""))
        await settled(box)


async def test_a_subflow_may_be_the_whole_flow(make_world, autojump_clock):
    async with open_box(make_world(nesting("s", {"s": nesting("t", {"t": CHILD})}))) as box:
        execution = await box.ended(await box.accept(b"in"))
        assert box.outputs(execution.execution_id) == {"s": out_of_child(b"in")}
        await settled(box)


async def test_a_childs_failure_is_the_visits_failure(make_world, autojump_clock):
    async with open_box(make_world(nesting("a>s s>b", {"s": FAILING}))) as box:
        execution = await box.ended(await box.accept(b"in"))
        (child,) = children_of(box, execution.execution_id)
        failure = execution.failure
        assert (failure.kind, failure.placement, failure.attempts) == ("SUBFLOW_FAILED", "s", 1)
        assert child.execution_id in failure.message
        assert child.failure.sentence in failure.message
        await settled(box)


async def test_each_attempt_is_a_child_of_its_own(make_world, autojump_clock):
    child = Story(flow("p>q"), {"q": Behaviour("fail")})
    story = nesting("a>s s>b", {"s": child}, retries={"s": TWICE})
    async with open_box(make_world(story)) as box:
        execution = await box.ended(await box.accept(b"in"))
        assert (execution.failure.kind, execution.failure.attempts) == ("SUBFLOW_FAILED", 2)
        first, second = children_of(box, execution.execution_id)
        assert first.completed_ns < second.created_ns
        assert second.execution_id in execution.failure.message
        await settled(box)


async def test_a_kind_of_failure_of_the_child_can_be_final(make_world, autojump_clock):
    final = Retry(5, initial_interval_ms=5, non_retryable=("NODE_ERROR",))
    async with open_box(make_world(nesting("a>s", {"s": FAILING}, retries={"s": final}))) as box:
        execution = await box.ended(await box.accept(b"in"))
        assert execution.failure.attempts == 1
        await settled(box)


async def test_an_edge_for_failures_catches_a_childs(make_world, autojump_clock):
    story = nesting("a>s s>z s>r r>z", {"s": FAILING}, edges={"s>r": {"on_error": True}})
    async with open_box(make_world(story)) as box:
        execution = await box.ended(await box.accept(b"in"))
        assert execution.status is Status.COMPLETED
        out = box.outputs(execution.execution_id)
        assert out["r"] == answer("r", b"SUBFLOW_FAILED of s")
        await settled(box)


async def test_a_tolerant_gate_does_without_a_child_that_failed(make_world, autojump_clock):
    tolerant = {"join": Join(failure_policy="TOLERATE_FAILURES")}
    story = nesting("a>b a>s b>z s>z", {"s": FAILING}, nodes={"z": tolerant})
    async with open_box(make_world(story)) as box:
        execution = await box.ended(await box.accept(b"in"))
        assert execution.status is Status.COMPLETED
        out = box.outputs(execution.execution_id)
        assert out["z"] == answer("z", out["b"])
        await settled(box)


async def test_a_child_that_somebody_cancels_fails_its_visit(make_world, autojump_clock):
    async with open_box(make_world(nesting("a>s s>b", {"s": HANGING}))) as box:
        execution_id = await box.accept(b"in")
        await parked(box, execution_id)
        (child,) = children_of(box, execution_id)
        await trio.sleep(1)
        (stopped,) = await box.engine.cancel("tenant", child.execution_id)
        assert (stopped.execution_id, stopped.placement) == (child.execution_id, "q")
        execution = await box.ended(execution_id)
        assert execution.failure.kind == "SUBFLOW_FAILED"
        assert "was cancelled" in execution.failure.message
        await settled(box)


async def test_a_timeout_ends_the_child_and_the_visit(make_world, autojump_clock):
    timed = {"s": {"timeout_s": 2.0}}
    story = nesting("a>s s>b", {"s": HANGING}, nodes=timed, retries={"s": TWICE})
    async with open_box(make_world(story)) as box:
        execution_id = await box.accept(b"in")
        assert (await parked(box, execution_id)).wake_ns < 2**61
        execution = await box.ended(execution_id)
        assert (execution.failure.kind, execution.failure.attempts) == ("TIMEOUT", 2)
        assert box.kinds(execution_id).count("node_timed_out") == 2
        children = children_of(box, execution_id)
        assert [child.status for child in children] == [Status.CANCELLED] * 2
        assert execution_id in children[0].failure.message
        await settled(box)


async def test_a_child_that_is_quick_enough_is_not_timed_out(make_world, autojump_clock):
    story = nesting("a>s s>b", {"s": CHILD}, nodes={"s": {"timeout_s": 3600.0}})
    async with open_box(make_world(story)) as box:
        execution = await box.ended(await box.accept(b"in"))
        assert execution.status is Status.COMPLETED
        await settled(box)


# -- a parent that ends, or goes on without a child --------------------------------------------


THREE = nesting("a>s s>b", {"s": nesting("c>t", {"t": HANGING})})


async def test_a_cancel_reaches_every_level_and_tells_what_it_stopped(make_world, autojump_clock):
    async with open_box(make_world(THREE)) as box:
        execution_id = await box.accept(b"in")
        await trio.sleep(2)
        (middle,) = children_of(box, execution_id)
        (inner,) = children_of(box, middle.execution_id)
        (stopped,) = await box.engine.cancel("tenant", execution_id)
        assert (stopped.execution_id, stopped.placement) == (inner.execution_id, "q")
        for one in (execution_id, middle.execution_id, inner.execution_id):
            assert box.reader.find_execution(one).status is Status.CANCELLED
        await settled(box)


async def test_a_cancel_during_a_restart_reaches_every_level(make_world, autojump_clock):
    """Before anything was claimed again, and with nobody at work to be told."""
    world = make_world(THREE)
    async with open_box(world) as box:
        execution_id = await box.accept(b"in")
        await trio.sleep(2)
    async with open_box(world, Physics(sync_s=0.2)) as box:
        assert await box.engine.cancel("tenant", execution_id) == []
        assert {one.status for one in stored_executions(box.store)} == {Status.CANCELLED}
        await settled(box)


async def test_a_parent_that_fails_takes_its_children_along(make_world, autojump_clock):
    story = nesting("a>s a>b b>c s>z c>z", {"s": THREE}, {"c": Behaviour("fail")})
    async with open_box(make_world(story)) as box:
        execution = await box.ended(await box.accept(b"in"))
        assert (execution.failure.kind, execution.children) == ("NODE_ERROR", ())
        await box.disk.finish()
        others = [one.status for one in stored_executions(box.store) if one.parent_id]
        assert set(others) <= {Status.CANCELLED}
        await settled(box)


async def test_a_parent_that_completes_by_another_branch_takes_its_children_along(
    make_world, autojump_clock
):
    story = nesting("a>s a>b b>z s>z", {"s": HANGING}, xor="z")
    async with open_box(make_world(story)) as box:
        execution = await box.ended(await box.accept(b"in"))
        assert execution.status is Status.COMPLETED
        (child,) = children_of(box, execution.execution_id)
        assert child.status is Status.CANCELLED
        await settled(box)


async def test_a_loop_that_begins_anew_cancels_the_children_it_drops(make_world, autojump_clock):
    """a gives the child and the way back; only the child of the last iteration is waited for."""
    quick = Story(flow("p>q"), {"q": Behaviour(losses=2)})
    story = nesting(
        "a>s a>b b>a b>z s>z",
        {"s": quick},
        edges={"b>a": {"loop": True, "max_iterations": 3}},
    )
    async with open_box(make_world(story)) as box:
        execution = await box.ended(await box.accept(b"in"))
        assert execution.status is Status.COMPLETED
        children = children_of(box, execution.execution_id)
        assert [child.parent_position for child in children] == ["s", "s#2", "s#3"]
        assert children[-1].status is Status.COMPLETED
        assert Status.CANCELLED in {child.status for child in children}
        assert {child.status for child in children} <= {Status.CANCELLED, Status.COMPLETED}
        await settled(box)


async def test_a_cancel_whose_caller_is_gone_still_stops_the_children(make_world, autojump_clock):
    async with open_box(make_world(THREE), Physics(sync_s=0.2)) as box:
        execution_id = await box.accept(b"in")
        await trio.sleep(5)
        with trio.move_on_after(0.001):
            await box.engine.cancel("tenant", execution_id)
        await settled(box)


async def lives_through(make_world, seed):
    """A parent whose other branch ends at about the time at which its child does."""
    story = nesting("a>s a>b b>c c>d d>z s>z", {"s": Story(flow("p"))})
    async with open_box(make_world(story, seed=seed), Physics(sync_s=0.02)) as box:
        execution = await box.ended(await box.accept(b"in"))
        await box.disk.finish()
        kinds = box.kinds(execution.execution_id)
        at = kinds.index("execution_parked") if "execution_parked" in kinds else -1
        return execution.status, kinds[at + 1] == "execution_woken", box.broken()


def test_a_parent_that_parks_in_the_instant_in_which_its_child_ends_goes_on(make_world):
    lives = [run_seeded(seed, lives_through, make_world, seed) for seed in range(40)]
    assert {(status, *broken) for status, _, broken in lives} == {(Status.COMPLETED,)}
    assert any(woken for _, woken, _ in lives)


# -- many, and deep ------------------------------------------------------------------------------


async def test_a_hundred_children_run_as_many_at_a_time_as_allowed(make_world, autojump_clock):
    fan = {"s": {"fan_out": FanOut("100", 7)}, "z": {"gathers": True}}
    story = nesting("a>s s>z", {"s": CHILD}, nodes=fan)
    async with open_box(make_world(story)) as box:
        most = 0

        def count():
            nonlocal most
            live = sum(
                bool(one.parent_id) and not one.status.ended for one in stored_executions(box.store)
            )
            most = max(most, live)
            told()

        told, box.disk.on_told = box.disk.on_told, count
        execution = await box.ended(await box.accept(b"in"))
        assert execution.status is Status.COMPLETED
        positions = Counter(c.parent_position for c in children_of(box, execution.execution_id))
        assert positions == {f"s[{item}]": 1 for item in range(100)}
        assert 1 < most <= 7
        out = box.outputs(execution.execution_id)
        inputs = [b"%d/%s" % (item, out["a"][:40]) for item in range(100)]
        assert out["z"] == answer("z", b"".join(map(out_of_child, inputs)))
        await settled(box)


async def test_all_of_a_fan_out_end_with_their_parent(make_world, autojump_clock):
    fan = {"s": {"fan_out": FanOut("20")}, "z": {"gathers": True}}
    async with open_box(make_world(nesting("a>s s>z", {"s": HANGING}, nodes=fan))) as box:
        execution_id = await box.accept(b"in")
        await trio.sleep(2)
        stopped = await box.engine.cancel("tenant", execution_id)
        assert len({call.execution_id for call in stopped}) == 20
        await settled(box)


async def test_subflows_nest_only_so_deep(make_world, autojump_clock):
    story = CHILD
    for _ in range(SUBFLOW_DEPTH_MAX):
        story = nesting("s", {"s": story})
    async with open_box(make_world(story, nesting("s", {"s": story}))) as box:
        deepest = await box.ended(await box.accept(b"in"))
        assert deepest.status is Status.COMPLETED
        assert max(one.depth for one in stored_executions(box.store)) == SUBFLOW_DEPTH_MAX
        too_deep = await box.ended(await box.accept(b"in", story=nesting("s", {"s": story})))
        assert too_deep.failure.kind == "SUBFLOW_FAILED"
        assert f"more than {SUBFLOW_DEPTH_MAX} deep" in too_deep.failure.message
        await settled(box)


# -- what is not there any more ----------------------------------------------------------------


async def test_a_child_that_was_forgotten_before_its_parent_looked_fails_the_visit(
    make_world, autojump_clock
):
    """As after a long absence of the box; each is kept for its own time."""
    world = make_world(nesting("a>s s>b", {"s": HANGING}))
    async with open_box(world) as box:
        execution_id = await box.accept(b"in")
        await parked(box, execution_id)
        (child,) = children_of(box, execution_id)
    with open_store(StoreSettings(sync=False), world.directory) as store:
        write_now(store, commits.cancel(child.execution_id, child.updated_ns, "{}"))
        forgotten = write_now(store, ForgetCommit((child.execution_id,), "tenant", 2**62))
        assert forgotten.executions == 1
    async with open_box(world) as box:
        execution = await box.ended(execution_id)
        assert execution.failure.kind == "SUBFLOW_FAILED"
        assert execution.failure.message.endswith("is not there any more")
        await settled(box)


async def test_an_output_that_is_about_to_be_named_is_not_collected(make_world, autojump_clock):
    """Nor is it named if it was collected before."""
    async with open_box(make_world(SIMPLE)) as box:
        payload = box.blobs.put(b"x" * 70 * KIB)
        known = attrs.evolve(payload)
        del payload
        held = box.blobs.hold(known)
        assert held == known
        assert not box.blobs.collect(known.blob, lambda _: False)
        del held
        assert box.blobs.collect(known.blob, lambda _: False)
        assert box.blobs.hold(known) is None
        assert box.blobs.hold(Payload(1, b"x")) == Payload(1, b"x")
