"""The power goes at every commit of schedules that fire, are edited, and are fired by hand."""

import shutil
from contextlib import suppress

import attrs
import pytest
import trio
from worlds.box import Physics, World, open_box
from worlds.disk import Cut
from worlds.flows import TENANT
from worlds.invariants import stored_executions
from worlds.schedules import SOMEBODY, TICKING, definition
from worlds.seeds import run_seeded

from axiomd.clock import NS_PER_S
from axiomd.errors import NotFound
from axiomd.execution.schedules import Timing

SIDES = ("before", "after")
POLICIES = ("none", "one", "all")
LIFE_S = 2.5
OFF_S = 3.0


async def create_missing(box):
    """One schedule for each policy: those that a power cut has left out are made."""
    there = {one.definition.name for one in box.parts.timetable.schedules(TENANT, 10).rows}
    for catch_up in POLICIES:
        if catch_up not in there:
            wanted = definition(Timing(every_s=1), name=catch_up, catch_up=catch_up)
            await box.engine.schedules.create(TENANT, wanted, SOMEBODY)


async def disturb(box, told):
    """Somebody edits every schedule and has it fire, again and again, at the worst times."""
    for number in range(2):
        await trio.sleep(0.998)
        for one in box.parts.timetable.schedules(TENANT, 10).rows:
            identity = one.schedule_id
            await box.engine.schedules.change(
                TENANT,
                identity,
                lambda before, number=number: attrs.evolve(before.definition, priority=number),
                SOMEBODY,
            )
            with suppress(NotFound):
                told.append(await box.engine.schedules.trigger(TENANT, identity))


async def live(world, physics, told):
    """One life; what there is of each policy at its end, or None after a power cut."""
    async with open_box(world, physics) as box:
        await create_missing(box)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(disturb, box, told)
            await trio.sleep(LIFE_S)
            nursery.cancel_scope.cancel()
        await box.all_ended()
        # Nothing fires while it is looked at.
        box.engine.schedules.close()
        await trio.sleep(0.1)
        await box.disk.finish()
        executions = stored_executions(box.store)
        schedules = box.parts.timetable.schedules(TENANT, 10).rows
        return box.disk.batches, box.broken(), schedules, executions
    return None


def check(ending, told):
    """Whatever the cut: no time fired twice, and of `all` none was left out."""
    _, broken, schedules, executions = ending
    assert broken == []
    assert sorted(one.definition.name for one in schedules) == sorted(POLICIES)
    by_hand = {one.execution_id for one in executions if not one.scheduled_ns}
    assert set(told) <= by_hand, "an execution that somebody was told of is gone"
    for schedule in schedules:
        own = [one for one in executions if one.schedule_id == schedule.schedule_id]
        times = sorted(one.scheduled_ns for one in own if one.scheduled_ns)
        assert len(times) == len(set(times)), "a time was fired twice"
        numbers = [(ns - schedule.created_ns) // NS_PER_S for ns in times]
        assert all(ns < schedule.next_ns for ns in times), "a time was fired and is due still"
        if schedule.definition.catch_up == "all":
            done = (schedule.next_ns - schedule.created_ns) // NS_PER_S
            assert numbers == list(range(1, done)), "a time was left out"
        else:
            assert numbers[-2:] == [numbers[-2], numbers[-2] + 1]


@pytest.mark.parametrize(("seed", "sync_s"), [(0, 0.0005), (1, 0.05)], ids=["calm", "slow"])
def test_a_power_cut_at_any_commit_of_a_schedule_fires_each_of_its_times_once(
    tmp_path, seed, sync_s
):
    world, told = World(tmp_path / "whole", [TICKING], seed), []
    ending = run_seeded(seed, live, world, Physics(sync_s), told)
    check(ending, told)
    stride = 1 if seed == 0 else 2
    cuts = [Cut(batch, side) for batch in range(0, ending[0], stride) for side in SIDES]
    for number, cut in enumerate(cuts):
        world, told = World(tmp_path / f"{number}", [TICKING], seed), []
        assert run_seeded(seed, live, world, Physics(sync_s, cut=cut), told) is None
        world.clock.advance(int(OFF_S * NS_PER_S))
        ending = run_seeded(seed + 1, live, world, Physics(sync_s), told)
        shutil.rmtree(world.directory)
        try:
            check(ending, told)
        except AssertionError as failure:
            raise AssertionError(f"seed {seed}, {cut}: {failure}") from failure
    assert len(cuts) >= 30
