"""Schedules fire: at their times, over restarts, and whatever is done to them meanwhile."""

import itertools

import attrs
import pytest
import trio
from worlds.box import Physics, open_box
from worlds.flows import RETRYING, STREAMING, TENANT
from worlds.invariants import stored_executions
from worlds.schedules import SOMEBODY, TICKING, definition, fired

from axiomd.clock import NS_PER_S
from axiomd.engine import schedules as firing
from axiomd.errors import Draining, Invalid, NotFound
from axiomd.execution import schedules
from axiomd.execution.schedules import Timing
from axiomd.execution.status import Status
from axiomd.limits import SCHEDULES_MAX
from axiomd.settings import EngineSettings
from axiomd.store import keys
from axiomd.store.commit import RowsCommit, ScheduleCommit
from axiomd.store.records import TenantRecord, encode_tenant

MINUTE = Timing(every_s=60)


async def create(box, timing=MINUTE, **changes):
    return await box.engine.schedules.create(TENANT, definition(timing, **changes), SOMEBODY)


async def change(box, made, **changes):
    return await box.engine.schedules.change(
        TENANT,
        made.schedule_id,
        lambda before: attrs.evolve(before.definition, **changes),
        SOMEBODY,
    )


def stored(box, made):
    return box.parts.timetable.schedule(TENANT, made.schedule_id)


def times_of(box, made):
    """The times that were fired, as seconds since the creation; each of them once."""
    counts = {due_ns: count for due_ns, count in fired(box.store).items() if due_ns}
    assert set(counts.values()) <= {1}, "a time was fired twice"
    return sorted((due_ns - made.created_ns) / NS_PER_S for due_ns in counts)


async def test_an_interval_fires_at_each_of_its_times_and_names_itself(make_world, autojump_clock):
    async with open_box(make_world(TICKING)) as box:
        made = await create(box, priority=9)
        await trio.sleep(190)
        executions = await box.all_ended()
        assert times_of(box, made) == [60, 120, 180]
        assert {one.status for one in executions} == {Status.COMPLETED}
        assert {one.schedule_id for one in executions} == {made.schedule_id}
        assert {one.priority for one in executions} == {9}
        late_ns = max(one.created_ns - one.scheduled_ns for one in executions)
        assert 0 <= late_ns < NS_PER_S, "the box was not asleep"
        now = stored(box, made)
        assert now.next_ns == made.created_ns + 240 * NS_PER_S
        assert now.last_execution_id == executions[-1].execution_id
        await box.disk.finish()
        assert box.broken() == []


async def test_what_is_due_at_once_is_fired_all_of_it(make_world, autojump_clock, monkeypatch):
    monkeypatch.setattr(firing, "DUE_BATCH_MAX", 8)
    async with open_box(make_world(TICKING)) as box:
        made = [await create(box, timing=Timing(cron="* * * * *")) for _ in range(30)]
        await trio.sleep(61)
        await box.all_ended()
        assert len(stored_executions(box.store)) == 30
        assert {stored(box, one).last_ns > 0 for one in made} == {True}


async def test_a_pipeline_fires_too(make_world, autojump_clock):
    async with open_box(make_world(TICKING, STREAMING)) as box:
        artifact = STREAMING.artifact
        await create(box, graph_id=artifact.graph_id, flow=artifact.flow)
        await trio.sleep(61)
        (execution,) = await box.all_ended()
        assert (execution.mode, execution.status) == ("pipeline", Status.COMPLETED)
        assert box.frames(execution.execution_id)[artifact.placements[artifact.terminal].alias]


async def test_a_new_schedule_is_noticed_by_a_loop_that_sleeps(make_world, autojump_clock):
    async with open_box(make_world(TICKING)) as box:
        await create(box, Timing(every_s=3600))
        await trio.sleep(1)
        made = await create(box, Timing(every_s=2))
        await trio.sleep(5)
        assert times_of(box, made) == [2, 4]


CATCH_UPS = {"none": [60, 600, 660], "one": [60, 540, 600, 660], "all": [60, *range(120, 661, 60)]}


@pytest.mark.parametrize("catch_up", CATCH_UPS)
async def test_what_came_while_the_box_was_off_is_done_as_the_policy_says(
    make_world, autojump_clock, catch_up
):
    world = make_world(TICKING)
    async with open_box(world) as box:
        made = await create(box, catch_up=catch_up)
        await trio.sleep(70)
    world.clock.advance(500 * NS_PER_S)
    async with open_box(world) as box:
        await trio.sleep(100)
        await box.all_ended()
        assert times_of(box, made) == CATCH_UPS[catch_up]
        await box.disk.finish()
        assert box.broken() == []


@pytest.mark.parametrize("catch_up", CATCH_UPS)
async def test_a_pause_is_like_a_box_that_is_off(make_world, autojump_clock, catch_up):
    async with open_box(make_world(TICKING)) as box:
        made = await create(box, catch_up=catch_up)
        await trio.sleep(70)
        paused = await change(box, made, paused=True)
        assert paused.due_ns == 0
        await trio.sleep(500)
        assert times_of(box, made) == [60], "it was paused"
        resumed = await change(box, made, paused=False)
        if catch_up == "none":
            assert resumed.next_ns == made.created_ns + 600 * NS_PER_S
        await trio.sleep(100)
        assert times_of(box, made) == CATCH_UPS[catch_up]


async def test_a_long_absence_is_made_up_for_within_a_bound(
    make_world, autojump_clock, monkeypatch
):
    monkeypatch.setattr(schedules, "SCHEDULE_CATCH_UP_MAX", 100)
    world = make_world(TICKING)
    async with open_box(world) as box:
        made = await create(box, Timing(every_s=1), catch_up="all", paused=True)
        await trio.sleep(5_000)
        await change(box, made, paused=False)
        await trio.sleep(10.5)
        seen = times_of(box, made)
        assert len(seen) == 100 + 10
        assert seen == list(range(int(seen[0]), int(seen[-1]) + 1))


async def test_the_clock_may_be_set_forward_and_back(make_world, autojump_clock):
    world = make_world(TICKING)
    async with open_box(world) as box:
        made = await create(box, Timing(every_s=60))
        await trio.sleep(70)
        world.clock.advance(3600 * NS_PER_S)
        await trio.sleep(60)
        # The hour was missed, and the time of it that is not a minute ago.
        assert times_of(box, made)[1:] == [3660, 3720]
        world.clock.advance(-1800 * NS_PER_S)
        await trio.sleep(600)
        assert len(times_of(box, made)) == 3, "a time was fired again"
        await trio.sleep(1300)
        assert times_of(box, made)[3] == 3780


async def test_who_skips_does_not_fire_while_the_last_one_goes_on(make_world, autojump_clock):
    async with open_box(make_world(RETRYING)) as box:
        artifact = RETRYING.artifact
        asked = {"graph_id": artifact.graph_id, "flow": artifact.flow}
        made = await create(box, Timing(every_s=1), overlap="skip", **asked)
        other = await create(box, Timing(every_s=1), **asked)
        await trio.sleep(20.5)
        by_schedule = [one.schedule_id for one in stored_executions(box.store)]
        assert by_schedule.count(other.schedule_id) == 20
        executions = [
            one for one in stored_executions(box.store) if one.schedule_id == made.schedule_id
        ]
        assert 1 <= len(executions) < 20
        for before, after in itertools.pairwise(executions):
            assert before.completed_ns <= after.created_ns
        assert stored(box, made).skipped_ns > 0


async def test_of_what_is_made_up_for_at_once_the_first_one_counts_as_going_on(
    make_world, autojump_clock
):
    async with open_box(make_world(TICKING)) as box:
        made = await create(box, catch_up="all", overlap="skip", paused=True)
        await trio.sleep(610)
        await change(box, made, paused=False)
        await trio.sleep(1)
        assert times_of(box, made) == [60]


async def test_somebody_has_it_fire_beside_its_times_paused_or_not(make_world, autojump_clock):
    async with open_box(make_world(TICKING)) as box:
        made = await create(box, overlap="skip", paused=True)
        first = await box.engine.schedules.trigger(TENANT, made.schedule_id)
        second = await box.engine.schedules.trigger(TENANT, made.schedule_id)
        assert first != second
        execution = await box.ended(second)
        assert (execution.schedule_id, execution.scheduled_ns) == (made.schedule_id, 0)
        now = stored(box, made)
        assert (now.next_ns, now.last_execution_id) == (made.next_ns, second)
        assert fired(box.store) == {0: 2}


async def test_many_who_have_it_fire_at_once_all_get_their_execution(make_world, autojump_clock):
    async with open_box(make_world(TICKING)) as box:
        made = await create(box, Timing(every_s=1))
        got = []

        async def trigger():
            got.append(await box.engine.schedules.trigger(TENANT, made.schedule_id))

        async with trio.open_nursery() as nursery:
            for _ in range(20):
                nursery.start_soon(trigger)
        await trio.sleep(3.5)
        assert len(set(got)) == 20
        assert times_of(box, made) == [1, 2, 3]
        assert len(stored_executions(box.store)) == 23


async def test_an_edit_that_races_with_a_firing_loses_neither(make_world, autojump_clock):
    async with open_box(make_world(TICKING), Physics(sync_s=0.4)) as box:
        made = await create(box, Timing(every_s=1))
        for number in range(12):
            await change(box, made, name=f"name {number}")
            await trio.sleep(0.31)
        await trio.sleep(2)
        assert stored(box, made).definition.name == "name 11"
        seen = times_of(box, made)
        assert seen == list(range(1, len(seen) + 1))


async def test_a_deleted_schedule_fires_no_more_and_its_executions_stay(make_world, autojump_clock):
    async with open_box(make_world(TICKING)) as box:
        made = await create(box)
        await trio.sleep(61)
        await box.engine.schedules.remove(TENANT, made.schedule_id, SOMEBODY)
        await trio.sleep(200)
        assert len(stored_executions(box.store)) == 1
        for call in (
            box.engine.schedules.remove(TENANT, made.schedule_id, SOMEBODY),
            box.engine.schedules.trigger(TENANT, made.schedule_id),
        ):
            with pytest.raises(NotFound):
                await call


async def test_what_cannot_be_accepted_says_why_and_the_times_go_on(make_world, autojump_clock):
    world = make_world(TICKING)
    async with open_box(world) as box:
        made = await create(box)
        (gone,) = world.stories.items()
        find = box.parts.artifact

        def refuse(tenant, graph_id):
            raise NotFound(f"There is no artifact {graph_id}.")

        object.__setattr__(box.parts, "artifact", refuse)
        batches = box.disk.batches
        await trio.sleep(130)
        now = stored(box, made)
        assert now.last_error == f"There is no artifact {gone[0]}."
        assert now.next_ns == made.created_ns + 180 * NS_PER_S
        assert box.disk.batches - batches == 2, "one commit for each time"
        object.__setattr__(box.parts, "artifact", find)
        await trio.sleep(60)
        assert stored(box, made).last_error == ""
        assert times_of(box, made) == [180]


async def test_a_disabled_tenants_schedules_do_not_fire(make_world, autojump_clock):
    async with open_box(make_world(TICKING)) as box:
        made = await create(box)
        for disabled_ns in (1, 0):
            record = encode_tenant(TenantRecord(disabled_ns=disabled_ns))
            await box.writer.submit(RowsCommit(((keys.TENANTS, TENANT.encode(), record),))).wait()
            await trio.sleep(61)
            assert bool(stored(box, made).last_error) is bool(disabled_ns)
        assert times_of(box, made) == [120]


async def test_a_schedule_whose_times_cannot_be_found_stops_alone(make_world, autojump_clock):
    async with open_box(make_world(TICKING)) as box:
        bad = await create(box, Timing(cron="* * * * *"))
        good = await create(box)
        spoilt = attrs.evolve(
            bad.definition, timing=attrs.evolve(bad.definition.timing, time_zone="Mars/Phobos")
        )
        await box.writer.submit(ScheduleCommit(bad, attrs.evolve(bad, definition=spoilt))).wait()
        await trio.sleep(61)
        assert "its next time cannot be found" in stored(box, bad).last_error
        assert stored(box, bad).next_ns == 0
        assert times_of(box, good) == [60]


async def test_a_box_that_is_stopping_fires_nothing_and_the_next_start_decides(
    make_world, autojump_clock
):
    world = make_world(TICKING)
    physics = Physics(settings=EngineSettings(drain_s=100))
    async with open_box(world, physics) as box:
        made = await create(box, catch_up="all")
        await box.engine.drain()
        with pytest.raises(Draining):
            await box.engine.schedules.trigger(TENANT, made.schedule_id)
        await trio.sleep(130)
        assert stored_executions(box.store) == []
    async with open_box(world) as box:
        await trio.sleep(1)
        assert times_of(box, made) == [60, 120]


async def test_a_schedule_that_would_never_fire_is_refused(make_world, autojump_clock):
    async with open_box(make_world(TICKING)) as box:
        with pytest.raises(Invalid, match="would never fire"):
            await create(box, Timing(every_s=60, ends_ns=box.world.clock.now_ns() + NS_PER_S))


async def test_a_tenant_has_so_many_schedules_and_no_more(make_world, autojump_clock):
    async with open_box(make_world(TICKING)) as box:
        async with trio.open_nursery() as nursery:
            for _ in range(SCHEDULES_MAX):
                nursery.start_soon(create, box, Timing(every_s=86_400))
        with pytest.raises(Invalid) as refusal:
            await create(box)
        (problem,) = refusal.value.problems
        assert problem.message == f"there are {SCHEDULES_MAX} schedules already, which is the most"
