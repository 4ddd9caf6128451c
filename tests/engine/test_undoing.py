"""Executions that undo what they have done: in which order, how often, and how they end."""

import itertools

import attrs
import pytest
import trio
from worlds.box import World, open_box
from worlds.flows import KIB, TENANT, UNDOING, Behaviour, Story, flow
from worlds.oracle import expected_undone, to_undo
from worlds.seeds import run_seeded

from axiomd.clock import NS_PER_S
from axiomd.engine.attempt import Attempt
from axiomd.errors import WrongState
from axiomd.execution.journal import EntryKind
from axiomd.execution.status import Residence, Status
from axiomd.flow.artifact import Edge, FanOut, Retry
from axiomd.limits import LOSSES_MAX

HOUR_S = 3_600.0
FAILING = {"c": Behaviour("fail")}
LINE = flow("a>b b>c", compensate={"a": "undo-a", "b": "undo-b"})


def undone(world):
    """What node code was started to undo, in order."""
    return [start.alias for start in world.nodes.undone]


async def undoing_begun(box, execution_id, visit):
    """Wait until node code is at work that undoes a visit."""
    while visit not in undone(box.world):
        await trio.sleep(0.001)
    return box.reader.find_execution(execution_id)


async def sound(box):
    await box.disk.finish()
    assert box.broken() == []


async def test_a_failure_undoes_what_was_done_the_last_of_it_first(make_world, autojump_clock):
    world = make_world(Story(LINE, FAILING))
    async with open_box(world) as box:
        execution = await box.ended(await box.accept(b"x"))
        assert (execution.status, execution.undoing) == (Status.FAILED, True)
        failure = execution.failure
        assert (failure.kind, failure.placement, failure.message) == (
            "NODE_ERROR",
            "c",
            "ValueError: as told",
        )
        assert undone(world) == ["b", "a"]
        assert box.undone(execution.execution_id) == [("b", "DONE"), ("a", "DONE")]
        await sound(box)


async def test_steps_fail_or_stumble_and_the_rest_still_run(make_world, autojump_clock):
    world = make_world(UNDOING)
    async with open_box(world) as box:
        execution = await box.ended(await box.accept(b"x"))
        entries = box.reader.journal(execution.execution_id)
        assert (execution.status, execution.failure.placement) == (Status.FAILED, "e")
        assert box.undone(execution.execution_id) == expected_undone(UNDOING, entries)
        assert len(to_undo(UNDOING.artifact, entries)) == 3
        kinds = box.kinds(execution.execution_id)
        assert kinds.count("compensation_retry_scheduled") == 3
        assert kinds.count("compensation_lost") == 1
        assert kinds[-1] == "execution_failed"
        await sound(box)


async def test_what_has_nothing_to_undo_just_fails(make_world, autojump_clock):
    async with open_box(make_world(Story(LINE, {"a": Behaviour("fail")}))) as box:
        execution = await box.ended(await box.accept(b"x"))
        assert (execution.status, execution.undoing) == (Status.FAILED, False)
        assert "compensation_begun" not in box.kinds(execution.execution_id)


async def test_what_caught_its_failure_undoes_nothing(make_world, autojump_clock):
    async with open_box(make_world(Story(LINE))) as box:
        execution = await box.ended(await box.accept(b"x"))
        assert (execution.status, execution.undoing) == (Status.COMPLETED, False)


async def test_the_status_of_one_that_undoes_is_compensating(make_world, autojump_clock):
    world = make_world(Story(LINE, FAILING | {"undo-b": Behaviour("hang")}))
    async with open_box(world) as box:
        execution_id = await box.accept(b"x")
        execution = await undoing_begun(box, execution_id, "b")
        assert execution.status is Status.COMPENSATING
        assert execution.failure is None


async def test_the_effect_key_is_one_for_every_call_and_another_than_that_of_what_is_undone(
    make_world, autojump_clock
):
    twice = tuple(attrs.evolve(placement, retry=Retry(2)) for placement in LINE.placements)
    behaviours = {"c": Behaviour("fail"), "undo-b": Behaviour(stumbles=1)}
    story = Story(attrs.evolve(LINE, placements=twice), behaviours)
    world = make_world(story)
    async with open_box(world) as box:
        keys = []
        come_to = world.nodes._come_to

        async def seen(call, emit):
            keys.append((call.node, call.placement, call.position, call.attempt, call.effect_key))
            return await come_to(call, emit)

        world.nodes._come_to = seen
        await box.ended(await box.accept(b"x"))
    assert [key[:4] for key in keys if key[1] == "b"] == [
        ("Plain", "b", "b", 1),
        ("undo-b", "b", "b", 1),
        ("undo-b", "b", "b", 2),
    ]
    visit, first, second = (key[4] for key in keys if key[1] == "b")
    assert first == second != visit


async def test_a_large_output_is_what_undoing_is_given(make_world, autojump_clock):
    # In a blob, and yet handed over whole: pieces are read on a thread, which this clock outruns.
    world = make_world(Story(LINE, FAILING | {"b": Behaviour(pad=600 * KIB)}))
    async with open_box(world) as box:
        execution = await box.ended(await box.accept(b"x"))
        assert box.undone(execution.execution_id) == [("b", "DONE"), ("a", "DONE")]
        await sound(box)


def adapted(fields):
    placements = [
        attrs.evolve(p, compensate=p.compensate and attrs.evolve(p.compensate, fields=fields))
        for p in LINE.placements
    ]
    return attrs.evolve(LINE, placements=tuple(placements))


async def test_an_adapter_makes_the_input_of_what_undoes(make_world, autojump_clock):
    world = make_world(Story(adapted((("x", "output.x"),)), FAILING))
    async with open_box(world) as box:
        execution = await box.ended(await box.accept(b"x"))
        (answer, _) = [
            box.blobs.get(entry.payload)
            for entry in box.reader.journal(execution.execution_id)
            if entry.kind is EntryKind.COMPENSATION_COMPLETED
        ]
        assert answer.startswith(b"undo-b.0(undo b.0(")


async def test_an_adapter_that_fails_is_a_step_that_fails(make_world, autojump_clock):
    world = make_world(Story(adapted((("fault", ""),)), FAILING))
    async with open_box(world) as box:
        execution = await box.ended(await box.accept(b"x"))
        assert box.undone(execution.execution_id) == [("b", "FAILED"), ("a", "FAILED")]
        assert undone(world) == []
        assert execution.failure.placement == "c"
        await sound(box)


async def test_what_must_run_once_is_undone_like_anything_else(make_world, autojump_clock):
    once = flow("a>b", compensate={"a": "undo-a"}, once="a")
    world = make_world(Story(once, {"b": Behaviour("fail"), "undo-a": Behaviour(losses=2)}))
    async with open_box(world) as box:
        execution = await box.ended(await box.accept(b"x"))
        assert box.undone(execution.execution_id) == [("a", "DONE")]
        assert undone(world) == ["a"] * 3


async def test_losses_without_end_are_a_step_that_fails(make_world, autojump_clock):
    world = make_world(Story(LINE, FAILING | {"undo-b": Behaviour("vanish")}))
    async with open_box(world) as box:
        execution = await box.ended(await box.accept(b"x"))
        assert box.undone(execution.execution_id) == [("b", "FAILED"), ("a", "DONE")]
        assert undone(world) == ["b"] * LOSSES_MAX + ["a"]


# -- loops and items --------------------------------------------------------------------------


async def test_every_iteration_of_a_loop_is_undone(make_world, autojump_clock):
    edges = (*LINE.edges, Edge(1, 0, loop=True, max_iterations=3))
    world = make_world(Story(attrs.evolve(LINE, edges=edges), FAILING))
    async with open_box(world) as box:
        execution = await box.ended(await box.accept(b"x"))
        assert undone(world) == ["b#3", "a#3", "b#2", "a#2", "b", "a"]
        assert execution.status is Status.FAILED
        await sound(box)


async def test_every_item_of_a_fan_out_is_undone(make_world, autojump_clock):
    line = flow("a>b b>c", compensate={"b": "undo-b"})
    placements = list(line.placements)
    placements[1] = attrs.evolve(placements[1], fan_out=FanOut("3"))
    placements[2] = attrs.evolve(placements[2], gathers=True)
    world = make_world(Story(attrs.evolve(line, placements=tuple(placements)), FAILING))
    async with open_box(world) as box:
        execution = await box.ended(await box.accept(b"x"))
        entries = box.reader.journal(execution.execution_id)
        assert undone(world) == to_undo(box.artifact_of(execution.execution_id), entries)
        assert sorted(undone(world)) == ["b[0]", "b[1]", "b[2]"]
        await sound(box)


# -- attempts ---------------------------------------------------------------------------------


def patient(stumbles):
    hourly = Retry(3, initial_interval_ms=HOUR_S * 1_000, max_interval_ms=HOUR_S * 1_000)
    made = flow("a>b", compensate={"a": "undo-a"}, retries={"a": hourly})
    return Story(made, {"b": Behaviour("fail"), "undo-a": Behaviour(stumbles=stumbles)})


async def test_a_step_that_is_made_again_later_holds_no_worker(make_world, autojump_clock):
    world = make_world(patient(2))
    async with open_box(world) as box:
        execution_id = await box.accept(b"x")
        asleep = await box.reached(execution_id, lambda e: e.undoing and e.wake_ns > 0)
        assert (asleep.status, asleep.residence) == (Status.COMPENSATING, Residence.PARKED)
        await trio.sleep(1)
        assert box.engine.statistics()["attempts"] == 0
    async with open_box(world) as box:
        await box.ended(execution_id, 24 * HOUR_S)
        times = [
            entry.at_ns
            for entry in box.reader.journal(execution_id)
            if entry.kind is EntryKind.COMPENSATION_STARTED
        ]
        pauses = [(after - before) / NS_PER_S for before, after in itertools.pairwise(times)]
        assert pauses == pytest.approx([HOUR_S, HOUR_S], abs=1)
        assert box.undone(execution_id) == [("a", "DONE")]
        await sound(box)


async def test_a_box_that_dies_goes_on_at_the_first_step_that_is_not_over(
    make_world, autojump_clock
):
    world = make_world(Story(LINE, FAILING | {"undo-a": Behaviour("hang")}))
    async with open_box(world) as box:
        execution_id = await box.accept(b"x")
        await undoing_begun(box, execution_id, "a")
    world.stories = {LINE.graph_id: Story(LINE, FAILING)}
    world.nodes._stories = world.stories
    async with open_box(world) as box:
        execution = await box.ended(execution_id)
        assert (execution.status, execution.attempt) == (Status.FAILED, 3)
        assert undone(world) == ["b", "a", "a"]
        await sound(box)


async def test_a_worker_that_is_lost_while_it_undoes_is_followed_by_another(
    make_world, autojump_clock, monkeypatch
):
    world, broken = make_world(Story(LINE, FAILING)), []
    keep = Attempt.keep

    async def breaks(self, content):
        if self.history.undoing and not broken:
            broken.append(self.fence)
            raise RuntimeError("a fault of ours")
        return await keep(self, content)

    monkeypatch.setattr(Attempt, "keep", breaks)
    async with open_box(world) as box:
        execution = await box.ended(await box.accept(b"x"))
        assert execution.status is Status.FAILED
        assert box.kinds(execution.execution_id).count("execution_requeued") == 1
        assert undone(world) == ["b", "b", "a"]
        await sound(box)


# -- cancels ----------------------------------------------------------------------------------

HANGING = Story(LINE, {"c": Behaviour("hang")})


async def started(box, alias):
    while alias not in [start.alias for start in box.world.nodes.starts]:
        await trio.sleep(0.001)


async def test_a_cancel_stops_what_runs_and_undoes_what_is_done(make_world, autojump_clock):
    world = make_world(HANGING)
    async with open_box(world) as box:
        execution_id = await box.accept(b"x")
        await started(box, "c")
        status, stopped = await box.engine.compensate(TENANT, execution_id)
        assert status is Status.COMPENSATING
        assert [(call.placement, call.how) for call in stopped] == [("c", "cooperative")]
        execution = await box.ended(execution_id)
        assert (execution.status, execution.failure.kind) == (Status.CANCELLED, "CANCELLED")
        assert undone(world) == ["b", "a"]
        await sound(box)


async def test_a_cancel_without_anything_to_undo_is_a_plain_one(make_world, autojump_clock):
    async with open_box(make_world(Story(LINE, {"a": Behaviour("hang")}))) as box:
        execution_id = await box.accept(b"x")
        await started(box, "a")
        status, stopped = await box.engine.compensate(TENANT, execution_id)
        execution = box.reader.find_execution(execution_id)
        assert (status, execution.status) == (Status.CANCELLED, Status.CANCELLED)
        assert [call.placement for call in stopped] == ["a"]
        assert execution.undoing is False


@pytest.mark.parametrize("delay_ms", range(16))
async def test_a_visit_that_completes_in_the_same_instant_is_undone_or_fenced(
    make_world, autojump_clock, delay_ms
):
    world = make_world(Story(LINE, {}), seed=delay_ms)
    async with open_box(world) as box:
        execution_id = await box.accept(b"x")
        await trio.sleep(delay_ms / 1000)
        try:
            await box.engine.compensate(TENANT, execution_id)
        except WrongState:
            assert box.reader.find_execution(execution_id).status is Status.COMPLETED
            return
        assert (await box.ended(execution_id)).status is Status.CANCELLED
        entries = box.reader.journal(execution_id)
        assert undone(world) == to_undo(LINE, entries)
        await sound(box)


@pytest.mark.parametrize("early_us", range(-3_000, 6_000, 300))
async def test_whoever_begins_meanwhile_is_the_one_that_undoes(
    make_world, autojump_clock, early_us
):
    """Its time comes, and a worker claims it, while the cancel is on its way to the disk."""
    later = Retry(2, initial_interval_ms=50)
    made = flow("a>b b>c", compensate={"a": "undo-a"}, retries={"b": later})
    world = make_world(Story(made, {"b": Behaviour(stumbles=1), "c": Behaviour("hang")}))
    async with open_box(world) as box:
        execution_id = await box.accept(b"x")
        asleep = await box.reached(execution_id, lambda found: found.wake_ns > 0)
        left_ns = asleep.wake_ns - world.clock.now_ns()
        await trio.sleep(left_ns / NS_PER_S - early_us / 1_000_000)
        await box.engine.compensate(TENANT, execution_id)
        assert (await box.ended(execution_id)).status is Status.CANCELLED
        assert undone(world) == ["a"]
        assert box.kinds(execution_id).count("execution_requeued") == 0
        await sound(box)


async def cancelled_as_it_wakes(world):
    async with open_box(world) as box:
        execution_id = await box.accept(b"x")
        await box.reached(execution_id, lambda found: found.wake_ns > 0)
        await box.reached(execution_id, lambda found: found.status is Status.QUEUED)
        await box.engine.compensate(TENANT, execution_id)
        assert (await box.ended(execution_id)).status is Status.CANCELLED
        assert undone(world) == ["a"]
        await sound(box)


@pytest.mark.parametrize("seed", range(12))
def test_whoever_is_chosen_and_has_not_claimed_yet_is_the_one_that_undoes(tmp_path, seed):
    """The scheduler has chosen it, in the same breath in which the cancel is submitted."""
    made = flow("a>b b>c", compensate={"a": "undo-a"}, retries={"b": Retry(2, 50)})
    story = Story(made, {"b": Behaviour(stumbles=1), "c": Behaviour("hang")})
    run_seeded(seed, cancelled_as_it_wakes, World(tmp_path, [story], seed))


async def test_a_plain_cancel_ends_a_compensation_with_the_rest_not_undone(
    make_world, autojump_clock
):
    world = make_world(Story(LINE, FAILING | {"undo-a": Behaviour("hang")}))
    async with open_box(world) as box:
        execution_id = await box.accept(b"x")
        await undoing_begun(box, execution_id, "a")
        (stopped,) = await box.engine.cancel(TENANT, execution_id)
        assert (stopped.placement, stopped.attempt) == ("a", 1)
        assert box.reader.find_execution(execution_id).status is Status.CANCELLED
        assert box.undone(execution_id) == [("b", "DONE"), ("a", "PENDING")]
        await sound(box)


async def test_what_is_being_undone_cannot_be_undone_again(make_world, autojump_clock):
    world = make_world(Story(LINE, FAILING | {"undo-b": Behaviour("hang")}))
    async with open_box(world) as box:
        execution_id = await box.accept(b"x")
        await undoing_begun(box, execution_id, "b")
        with pytest.raises(WrongState, match="is compensating"):
            await box.engine.compensate(TENANT, execution_id)
        assert box.reader.find_execution(execution_id).status is Status.COMPENSATING
        await box.engine.cancel(TENANT, execution_id)
        with pytest.raises(WrongState, match="is cancelled"):
            await box.engine.compensate(TENANT, execution_id)


async def test_a_visit_in_doubt_is_left_and_what_is_certain_is_undone(make_world, autojump_clock):
    once = flow("a>b b>c", compensate={"a": "undo-a"}, once="b")
    world = make_world(Story(once, {"b": Behaviour(losses=1)}))
    async with open_box(world) as box:
        execution_id = await box.accept(b"x")
        await box.reached(execution_id, lambda found: found.status is Status.PAUSED_HITL)
        status, stopped = await box.engine.compensate(TENANT, execution_id)
        assert (status, stopped) == (Status.COMPENSATING, [])
        assert box.reader.find_execution(execution_id).doubts == ()
        with pytest.raises(WrongState):
            await box.engine.settle(TENANT, execution_id, "b", b"told", "{}")
        assert (await box.ended(execution_id)).status is Status.CANCELLED
        assert undone(world) == ["a"]
        await sound(box)


async def test_one_that_sleeps_is_undone_at_once(make_world, autojump_clock):
    hourly = Retry(3, initial_interval_ms=HOUR_S * 1_000, max_interval_ms=HOUR_S * 1_000)
    made = flow("a>b b>c", compensate={"a": "undo-a"}, retries={"b": hourly})
    world = make_world(Story(made, {"b": Behaviour(stumbles=1)}))
    async with open_box(world) as box:
        execution_id = await box.accept(b"x")
        await box.reached(execution_id, lambda found: found.wake_ns > 0)
        await box.engine.compensate(TENANT, execution_id)
        execution = await box.ended(execution_id)
        assert execution.status is Status.CANCELLED
        assert (execution.completed_ns - execution.created_ns) / NS_PER_S < HOUR_S
        await sound(box)
