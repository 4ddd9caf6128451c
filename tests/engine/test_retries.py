"""Visits that fail and are tried again later: when, at what cost, and through any restart."""

import pytest
import trio
from worlds.box import Physics, open_box
from worlds.flows import TENANT, Behaviour, Story, flow
from worlds.oracle import expected

from axiomd.clock import NS_PER_S
from axiomd.execution.journal import EntryKind
from axiomd.execution.status import Residence, Status
from axiomd.flow.artifact import Retry
from axiomd.limits import DUE_BATCH_MAX
from axiomd.settings import EngineSettings

HOUR_S = 3_600.0
DAY_S = 24 * HOUR_S
HOURLY = Retry(3, initial_interval_ms=HOUR_S * 1_000, max_interval_ms=2 * HOUR_S * 1_000)
ONE_SLOT = Physics(settings=EngineSettings(slots=1, drain_s=0, started_delay_ms=1))


def stumbling(times, policy=HOURLY, mode="unary"):
    return Story(flow("a>b", retries={"b": policy}, mode=mode), {"b": Behaviour(stumbles=times)})


def starts(box, execution_id, placement=1):
    """When each call of a placement began, in seconds after the first one."""
    times = [
        entry.at_ns
        for entry in box.reader.journal(execution_id)
        if entry.kind is EntryKind.NODE_STARTED and entry.position.placement == placement
    ]
    return [(at_ns - times[0]) / NS_PER_S for at_ns in times]


async def parked(box, execution_id):
    """The record once nobody works on the execution."""
    return await box.reached(execution_id, lambda found: found.residence is Residence.PARKED)


@pytest.mark.parametrize("mode", ["unary", "pipeline"])
async def test_a_visit_that_fails_is_called_again_when_its_policy_says(
    make_world, autojump_clock, mode
):
    async with open_box(make_world(stumbling(2, mode=mode))) as box:
        execution = await box.ended(await box.accept(b"x"), DAY_S)
        assert execution.status is Status.COMPLETED
        first, second, third = starts(box, execution.execution_id)
        assert second - first == pytest.approx(HOUR_S, abs=1)
        assert third - second == pytest.approx(2 * HOUR_S, abs=1)
        await box.disk.finish()
        assert box.broken() == []


@pytest.mark.parametrize("mode", ["unary", "pipeline"])
async def test_attempts_that_are_used_up_fail_the_execution(make_world, autojump_clock, mode):
    async with open_box(make_world(stumbling(3, mode=mode))) as box:
        execution = await box.ended(await box.accept(b"x"), DAY_S)
        assert execution.status is Status.FAILED
        failure = execution.failure
        assert (failure.kind, failure.placement, failure.attempts) == ("NODE_ERROR", "b", 3)
        assert box.kinds(execution.execution_id).count("node_retry_scheduled") == 2


async def test_a_failure_that_the_policy_calls_final_is_not_tried_again(make_world, autojump_clock):
    policy = Retry(9, non_retryable=("NODE_ERROR",))
    async with open_box(make_world(stumbling(1, policy))) as box:
        execution = await box.ended(await box.accept(b"x"), DAY_S)
        assert (execution.status, execution.failure.attempts) == (Status.FAILED, 1)


async def test_a_crash_is_charged_and_a_loss_is_not(make_world, autojump_clock):
    story = Story(
        flow("a>b", retries={"b": Retry(3, initial_interval_ms=1)}),
        {"b": Behaviour(crashes=2, losses=4)},
    )
    async with open_box(make_world(story)) as box:
        execution = await box.ended(await box.accept(b"x"), DAY_S)
        assert execution.status is Status.COMPLETED
        kinds = box.kinds(execution.execution_id)
        assert (kinds.count("node_failed"), kinds.count("node_lost")) == (2, 4)


async def test_an_execution_that_sleeps_holds_no_slot_and_no_memory(make_world, autojump_clock):
    quick = Story(flow("p>q"))
    world = make_world(stumbling(1), quick)
    async with open_box(world, ONE_SLOT) as box:
        execution_id = await box.accept(b"x")
        asleep = await parked(box, execution_id)
        assert asleep.status is Status.RUNNING
        assert asleep.wake_ns == pytest.approx(world.clock.now_ns() + HOUR_S * NS_PER_S, rel=1e-9)
        assert (await box.ended(await box.accept(b"y", story=quick))).status is Status.COMPLETED
        await trio.sleep(0.1)
        assert box.engine.statistics()["attempts"] == 0
        assert (await box.ended(execution_id, DAY_S)).status is Status.COMPLETED


async def test_a_gate_whose_other_arm_sleeps_shows_that_it_waits(make_world, autojump_clock):
    story = Story(flow("a>b a>c b>d c>d", retries={"c": HOURLY}), {"c": Behaviour(stumbles=1)})
    async with open_box(make_world(story)) as box:
        execution_id = await box.accept(b"x")
        assert (await parked(box, execution_id)).status is Status.WAITING_ON_GATE
        execution = await box.ended(execution_id, DAY_S)
        assert execution.status is Status.COMPLETED
        assert box.outputs(execution_id) == expected(story, b"x").outputs


async def test_an_arm_that_works_is_not_held_up_by_one_that_sleeps(make_world, autojump_clock):
    story = Story(
        flow("a>b a>c b>d c>e d>e", retries={"c": HOURLY, "d": HOURLY}),
        {"c": Behaviour(stumbles=1), "d": Behaviour(stumbles=1)},
    )
    async with open_box(make_world(story)) as box:
        execution_id = await box.accept(b"x")
        execution = await box.ended(execution_id, DAY_S)
        assert execution.status is Status.COMPLETED
        # Both slept the same hour, not one after the other.
        assert (execution.completed_ns - execution.created_ns) / NS_PER_S < 1.1 * HOUR_S


async def test_due_times_outlive_the_box(make_world, autojump_clock):
    world = make_world(stumbling(1))
    async with open_box(world) as box:
        execution_id = await box.accept(b"x")
        asleep = await parked(box, execution_id)
    world.clock.advance(int(HOUR_S * NS_PER_S / 2))
    async with open_box(world) as box:
        await trio.sleep(HOUR_S / 4)
        assert box.reader.find_execution(execution_id) == asleep
        assert (await box.ended(execution_id, DAY_S)).status is Status.COMPLETED
        assert starts(box, execution_id)[1] == pytest.approx(HOUR_S, abs=1)


async def test_what_came_due_while_the_box_was_off_goes_on_at_once(make_world, autojump_clock):
    world = make_world(stumbling(1))
    async with open_box(world) as box:
        execution_id = await box.accept(b"x")
        await parked(box, execution_id)
    world.clock.advance(int(5 * HOUR_S * NS_PER_S))
    async with open_box(world) as box:
        with trio.fail_after(1):
            assert (await box.ended(execution_id, DAY_S)).status is Status.COMPLETED


async def test_a_clock_that_is_set_back_does_not_shorten_a_pause(make_world, autojump_clock):
    world = make_world(stumbling(1))
    async with open_box(world) as box:
        execution_id = await box.accept(b"x")
        asleep = await parked(box, execution_id)
        world.clock.advance(-int(HOUR_S * NS_PER_S))
        await trio.sleep(1.5 * HOUR_S)
        assert box.reader.find_execution(execution_id) == asleep
        assert (await box.ended(execution_id, DAY_S)).status is Status.COMPLETED


@pytest.mark.parametrize("arrows", ["a>b", "a>b a>c b>d c>d"], ids=["asleep", "at a gate"])
async def test_a_parked_execution_that_is_cancelled_never_wakes(make_world, autojump_clock, arrows):
    world = make_world(Story(flow(arrows, retries={"b": HOURLY}), {"b": Behaviour(stumbles=1)}))
    async with open_box(world) as box:
        execution_id = await box.accept(b"x")
        await parked(box, execution_id)
        assert await box.engine.cancel(TENANT, execution_id) == []
        cancelled = box.reader.find_execution(execution_id)
        assert (cancelled.status, cancelled.wake_ns) == (Status.CANCELLED, 0)
        await trio.sleep(3 * HOUR_S)
        assert box.reader.find_execution(execution_id) == cancelled
        assert len(starts(box, execution_id)) == 1
    async with open_box(world) as box:
        await trio.sleep(3 * HOUR_S)
        assert box.reader.find_execution(execution_id) == cancelled
        assert box.broken() == []


async def test_many_due_at_once_all_go_on(make_world, autojump_clock):
    world = make_world(stumbling(1))
    async with open_box(world) as box:
        made = [await box.accept(b"%d" % number) for number in range(DUE_BATCH_MAX + 20)]
        for execution_id in made:
            await parked(box, execution_id)
    world.clock.advance(int(2 * HOUR_S * NS_PER_S))
    async with open_box(world) as box:
        assert {(await box.ended(e)).status for e in made} == {Status.COMPLETED}


@pytest.mark.parametrize("pause_ms", range(10, 200, 10))
async def test_nothing_is_called_while_its_execution_is_being_parked(
    make_world, autojump_clock, pause_ms
):
    """An arm comes due while the other one has just let go, and the disk is slow."""
    policy = Retry(2, initial_interval_ms=pause_ms)
    story = Story(
        flow("a>b a>c b>d c>e d>f e>f", retries={"b": policy, "c": Retry(2)}),
        {"b": Behaviour(stumbles=1), "c": Behaviour(stumbles=1)},
    )
    world = make_world(story, seed=pause_ms)
    async with open_box(world, Physics(sync_s=0.1)) as box:
        execution = await box.ended(await box.accept(b"x"), DAY_S)
        assert execution.status is Status.COMPLETED
        await box.disk.finish()
        assert len(world.nodes.starts) == box.kinds(execution.execution_id).count("node_started")
