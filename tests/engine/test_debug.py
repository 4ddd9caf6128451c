"""Debug sessions: what is held, what a command lets go, and that a session outlives the box."""

from functools import partial

import pytest
import trio
from worlds.box import Physics, World, open_box
from worlds.disk import Cut
from worlds.flows import BRANCHING, TENANT, Behaviour, Story, flow
from worlds.invariants import stored_executions
from worlds.oracle import expected
from worlds.seeds import run_seeded
from worlds.shapes import FANNING, LOOPING

from axiomd.errors import NotFound, WrongState
from axiomd.execution import debugging
from axiomd.execution.execution import Debug
from axiomd.execution.journal import EntryKind
from axiomd.execution.position import Position
from axiomd.execution.status import Residence, Status

PAUSED = Debug("pause")
LINE = Story(flow("a>b b>c"))


async def begin(box, debug=PAUSED, payload=b"x"):
    artifact = box.world.story.artifact
    return (await box.engine.accept(artifact, payload, debug=debug)).execution_id


async def stopped(box, execution_id):
    """The record once a session has stopped everything, or all is over."""
    return await box.reached(
        execution_id, lambda found: found.status is Status.DEBUG_PAUSED or found.status.ended
    )


async def command(box, execution_id, kind, visit="", value=None):
    return await box.engine.direct(TENANT, execution_id, debugging.command(kind), visit, value)


step = partial(command, kind=EntryKind.DEBUG_STEPPED)
go_on = partial(command, kind=EntryKind.DEBUG_CONTINUED)
pause = partial(command, kind=EntryKind.DEBUG_PAUSED)


async def step_to_the_end(box, execution_id):
    """Step the oldest visit each time; which those were."""
    stepped = []
    while not (execution := await stopped(box, execution_id)).status.ended:
        assert len(stepped) < 1_000, "a visit that was let go is held again"
        stepped.append(execution.held[0])
        await step(box, execution_id, visit=execution.held[0])
    return stepped


async def test_a_paused_session_stops_before_the_first_node(make_world, autojump_clock):
    async with open_box(make_world(LINE)) as box:
        execution_id = await begin(box)
        execution = await stopped(box, execution_id)
        assert (execution.status, execution.held) == (Status.DEBUG_PAUSED, ("a",))
        await trio.sleep(80_000)
        assert box.world.nodes.starts == []
        assert box.engine.statistics()["attempts"] == 0
        assert box.broken() == []


@pytest.mark.parametrize("story", [LINE, BRANCHING, LOOPING, FANNING])
async def test_each_step_runs_exactly_one_node(make_world, autojump_clock, story):
    async with open_box(make_world(story)) as box:
        execution_id = await begin(box)
        steps = await step_to_the_end(box, execution_id)
        assert len(box.world.nodes.starts) == len(steps) == len(set(steps))
        assert box.reader.find_execution(execution_id).status is Status.COMPLETED
        await box.disk.finish()
        assert box.broken() == []


async def test_a_step_may_name_any_visit_that_is_held(make_world, autojump_clock):
    async with open_box(make_world(Story(flow("a>b a>c b>d c>d")))) as box:
        execution_id = await begin(box)
        await stopped(box, execution_id)
        await step(box, execution_id, visit="a")
        execution = await box.reached(execution_id, lambda found: len(found.held) == 2)
        assert set(execution.held) == {"b", "c"}
        await step(box, execution_id, visit="c")
        await box.reached(execution_id, lambda _: "c" in box.outputs(execution_id))
        assert (await stopped(box, execution_id)).held == ("b",)
        assert set(box.outputs(execution_id)) == {"a", "c"}
        for visit in ("c", "d", "a"):
            with pytest.raises(WrongState, match="is not held"):
                await step(box, execution_id, visit=visit)
        assert box.broken() == []


async def test_what_becomes_due_beside_a_call_in_flight_is_held(make_world, autojump_clock):
    story = Story(flow("a>b a>c c>e b>d e>d"), {"b": Behaviour("hang")})
    async with open_box(make_world(story)) as box:
        execution_id = await begin(box)
        for visit in ("a", "b", "c"):
            await box.reached(execution_id, lambda found, visit=visit: visit in found.held)
            await step(box, execution_id, visit=visit)
        execution = await box.reached(execution_id, lambda found: found.held == ("e",))
        assert execution.status is Status.RUNNING
        assert {start.alias for start in box.world.nodes.starts} == {"a", "b", "c"}
        assert box.broken() == []


async def test_it_runs_to_a_breakpoint_and_from_there_to_the_end(make_world, autojump_clock):
    async with open_box(make_world(LINE)) as box:
        execution_id = await begin(box, Debug("run", ("b",)))
        assert (await stopped(box, execution_id)).held == ("b",)
        assert set(box.outputs(execution_id)) == {"a"}
        await go_on(box, execution_id)
        assert (await box.ended(execution_id)).status is Status.COMPLETED
        assert box.outputs(execution_id) == expected(LINE, b"x").outputs
        await box.disk.finish()
        assert box.broken() == []


async def test_breakpoints_change_while_it_stands(make_world, autojump_clock):
    async with open_box(make_world(LINE)) as box:
        execution_id = await begin(box, Debug("run", ("a",)))
        await stopped(box, execution_id)
        found = await box.engine.direct(TENANT, execution_id, debugging.stops_at(("c",)))
        assert (found.debug, found.held) == (Debug("run", ("c",)), ("a",))
        await go_on(box, execution_id)
        assert (await box.reached(execution_id, lambda e: e.held == ("c",))).debug.mode == "run"
        await go_on(box, execution_id)
        assert (await box.ended(execution_id)).status is Status.COMPLETED
        assert box.broken() == []


async def test_a_pause_lets_the_call_in_flight_finish_and_stops_the_next(
    make_world, autojump_clock
):
    async with open_box(make_world(LINE)) as box:
        execution_id = await begin(box, Debug("run"))
        while not box.world.nodes.starts:
            await trio.sleep(0.0001)
        await pause(box, execution_id)
        execution = await stopped(box, execution_id)
        assert execution.status is Status.DEBUG_PAUSED
        assert len(box.outputs(execution_id)) == len(box.world.nodes.starts) < 3
        await go_on(box, execution_id)
        assert (await box.ended(execution_id)).status is Status.COMPLETED
        assert box.broken() == []


async def test_a_held_input_can_be_edited(make_world, autojump_clock):
    async with open_box(make_world(LINE)) as box:
        execution_id = await begin(box)
        await stopped(box, execution_id)
        await command(box, execution_id, EntryKind.DEBUG_EDITED, "a", b"other")
        execution = box.reader.find_execution(execution_id)
        assert (execution.status, execution.held) == (Status.DEBUG_PAUSED, ("a",))
        await go_on(box, execution_id)
        await box.ended(execution_id)
        assert box.outputs(execution_id) == expected(LINE, b"other").outputs
        assert box.broken() == []


async def test_the_merged_input_of_a_gate_can_be_edited(make_world, autojump_clock):
    async with open_box(make_world(Story(flow("a>b a>c b>d c>d")))) as box:
        execution_id = await begin(box, Debug("run", ("d",)))
        await stopped(box, execution_id)
        await command(box, execution_id, EntryKind.DEBUG_EDITED, "d", b"one")
        await go_on(box, execution_id)
        await box.ended(execution_id)
        assert b"(one)" in box.outputs(execution_id)["d"]
        assert box.broken() == []


async def test_a_fork_begins_in_a_session(make_world, autojump_clock):
    async with open_box(make_world(LINE)) as box:
        source = await box.accept(b"x")
        await box.ended(source)
        fork_id = await box.engine.fork(TENANT, source, Position(0), debug=PAUSED)
        assert (await stopped(box, fork_id)).held == ("b",)
        assert await step_to_the_end(box, fork_id) == ["b", "c"]
        assert box.outputs(fork_id) == box.outputs(source)
        assert box.broken() == []


async def test_a_fork_of_a_session_keeps_what_was_edited_and_done(make_world, autojump_clock):
    async with open_box(make_world(LINE)) as box:
        source = await begin(box)
        await stopped(box, source)
        await command(box, source, EntryKind.DEBUG_EDITED, "a", b"other" * 20_000)
        await step(box, source, visit="a")
        await box.reached(source, lambda found: found.held == ("b",))
        fork_id = await box.engine.fork(TENANT, source, Position(0))
        assert (await box.ended(fork_id)).status is Status.COMPLETED
        assert box.outputs(fork_id) == expected(LINE, b"other" * 20_000).outputs
        assert "debug_held" not in box.kinds(fork_id)
        assert box.broken() == []


async def test_what_is_no_session_takes_no_commands(make_world, autojump_clock):
    async with open_box(make_world(Story(LINE.artifact, {"b": Behaviour("hang")}))) as box:
        plain = await box.accept(b"x")
        with pytest.raises(WrongState, match="is in no debug session"):
            await pause(box, plain)
        execution_id = await begin(box)
        with pytest.raises(NotFound):
            await box.engine.direct("somebody else", execution_id, debugging.stops_at(()))
        await stopped(box, execution_id)
        await box.engine.cancel(TENANT, execution_id)
        execution = box.reader.find_execution(execution_id)
        assert (execution.status, execution.held) == (Status.CANCELLED, ())
        with pytest.raises(WrongState, match="is cancelled"):
            await go_on(box, execution_id)
        assert box.broken() == []


async def session(world, physics):
    """A life that steps one execution to its end; what came out."""
    async with open_box(world, physics) as box:
        found = stored_executions(box.store)
        execution_id = found[0].execution_id if found else await begin(box, payload=b"hello")
        await step_to_the_end(box, execution_id)
        await box.disk.finish()
        record = box.reader.find_execution(execution_id)
        return box.disk.batches, record.status, box.outputs(execution_id), box.broken()
    return None


@pytest.mark.parametrize("side", ["before", "after"])
def test_a_session_goes_on_after_a_power_cut_at_any_of_its_commits(tmp_path, side):
    story = Story(flow("a>b a>c b>d c>d"))
    calm = Physics(sync_s=0.0005)
    batches, *_ = run_seeded(3, session, World(tmp_path / "whole", [story], 3), calm)
    for number in range(batches):
        world = World(tmp_path / f"{number}", [story], 3)
        cut = Physics(sync_s=0.0005, cut=Cut(number, side))
        assert run_seeded(3, session, world, cut) is None
        _, status, outputs, broken = run_seeded(4, session, world, calm)
        assert (status, broken) == (Status.COMPLETED, [])
        assert outputs == expected(story, b"hello").outputs


async def test_a_held_execution_stays_held_through_restarts(make_world, autojump_clock):
    world = make_world(LINE)
    async with open_box(world) as box:
        execution_id = await begin(box)
        await stopped(box, execution_id)
    for _ in range(3):
        async with open_box(world) as box:
            await trio.sleep(1_000)
            execution = box.reader.find_execution(execution_id)
            assert (execution.status, execution.held) == (Status.DEBUG_PAUSED, ("a",))
            assert execution.residence is Residence.PARKED
    assert world.nodes.starts == []
