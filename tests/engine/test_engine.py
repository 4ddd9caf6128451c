"""The only door for commands: accept, cancel, wait, drain."""

import gc
import tracemalloc

import attrs
import pytest
import trio
from worlds.box import Physics, open_box
from worlds.flows import BRANCHING, STREAMING, Behaviour, Story, flow
from worlds.oracle import expected
from worlds.rows import waiting
from worlds.seeds import run_seeded

from axiomd.engine.calls import effect_key
from axiomd.errors import Draining, IdempotencyConflict, NotFound, WrongState
from axiomd.execution.call import Failure, Output
from axiomd.execution.journal import Payload
from axiomd.execution.status import Status
from axiomd.limits import LOSSES_MAX
from axiomd.settings import EngineSettings
from axiomd.store import commit as commits
from axiomd.store.commit import IdempotencyClaim

HANGING = Story(flow("a>b"), {"b": Behaviour("hang")})
ONE_SLOT = Physics(settings=EngineSettings(slots=1, drain_s=0))


async def test_a_branching_execution_returns_what_the_oracle_says(make_world, autojump_clock):
    async with open_box(make_world(BRANCHING)) as box:
        execution_id = await box.accept(b"hello")
        assert (await box.ended(execution_id)).status is Status.COMPLETED
        assert box.outputs(execution_id) == expected(BRANCHING, b"hello").outputs
        await box.disk.finish()
        assert box.broken() == []


async def test_a_pipeline_emits_what_the_oracle_says(make_world, autojump_clock):
    async with open_box(make_world(STREAMING)) as box:
        execution_id = await box.accept(b"hello")
        assert (await box.ended(execution_id)).status is Status.COMPLETED
        assert box.frames(execution_id) == expected(STREAMING, b"hello").frames
        await box.disk.finish()
        assert box.broken() == []


async def test_an_idempotency_key_is_answered_with_the_first_execution(make_world, autojump_clock):
    async with open_box(make_world(BRANCHING)) as box:
        accept, artifact = box.engine.accept, BRANCHING.artifact
        key = IdempotencyClaim(b"k" * 32, b"b" * 32)
        first = await accept(artifact, b"x", key)
        again = await accept(artifact, b"x", key)
        assert (again.execution_id, again.duplicate) == (first.execution_id, True)
        with pytest.raises(IdempotencyConflict):
            await accept(artifact, b"x", attrs.evolve(key, body_hash=b"c" * 32))
        await box.ended(first.execution_id)
        await trio.sleep(1)
        assert box.engine.statistics() == {"attempts": 0, "commits_queued": 0, "watches": 0}


async def test_a_large_input_is_a_blob(make_world, autojump_clock):
    async with open_box(make_world(BRANCHING)) as box:
        execution_id = await box.accept(b"x" * 100_000)
        await box.ended(execution_id)
        accepted = box.reader.journal(execution_id)[0]
        assert accepted.payload.inline is None
        assert box.outputs(execution_id) == expected(BRANCHING, b"x" * 100_000).outputs


async def test_a_cancel_says_which_calls_it_stopped(make_world, autojump_clock):
    async with open_box(make_world(HANGING)) as box:
        execution_id = await box.accept(b"x")
        await trio.sleep(1)
        (stopped,) = await box.engine.cancel("tenant", execution_id)
        assert (stopped.placement, stopped.attempt, stopped.how) == ("b", 1, "cooperative")
        assert stopped.ms >= 0
        assert (await box.ended(execution_id)).status is Status.CANCELLED
        with pytest.raises(WrongState):
            await box.engine.cancel("tenant", execution_id)


async def test_a_cancel_stops_every_pump_of_a_pipeline(make_world, autojump_clock):
    story = Story(STREAMING.artifact, {"m": Behaviour("hang"), "g": Behaviour("hang")})
    async with open_box(make_world(story)) as box:
        execution_id = await box.accept(b"x")
        await trio.sleep(1)
        stopped = await box.engine.cancel("tenant", execution_id)
        # s has ended by then, and a pump that waits for input has no call.
        assert {"m", "g"} <= {call.placement for call in stopped} <= {"m", "g", "z", "t"}
        await box.disk.finish()
        assert box.broken() == []


async def test_what_waits_for_a_slot_can_be_cancelled_without_a_trace(make_world, autojump_clock):
    async with open_box(make_world(HANGING), ONE_SLOT) as box:
        first = await box.accept(b"1")
        second, third = await box.accept(b"2"), await box.accept(b"3")
        assert await box.engine.cancel("tenant", second) == []
        assert box.kinds(second) == ["execution_accepted", "execution_cancelled"]
        await box.engine.cancel("tenant", first)
        await trio.sleep(1)
        assert box.reader.find_execution(third).status is Status.RUNNING


async def test_another_tenants_execution_cannot_be_cancelled(make_world, autojump_clock):
    async with open_box(make_world(HANGING)) as box:
        execution_id = await box.accept(b"x")
        with pytest.raises(NotFound):
            await box.engine.cancel("somebody else", execution_id)
        assert (await box.engine.wait_ended(execution_id, 5)) is None


async def test_more_executions_than_slots_all_end(make_world, autojump_clock):
    settings = EngineSettings(slots=3, drain_s=0)
    async with open_box(make_world(BRANCHING), Physics(settings=settings)) as box:
        for number in range(40):
            await box.accept(b"%d" % number)
        assert {e.status for e in await box.all_ended()} == {Status.COMPLETED}


async def test_a_draining_engine_takes_nothing_and_finishes_what_runs(make_world, autojump_clock):
    settings = EngineSettings(drain_s=10)
    async with open_box(make_world(BRANCHING), Physics(settings=settings)) as box:
        await trio.sleep(1)
        execution_id = await box.accept(b"x")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(box.engine.drain)
            await trio.testing.wait_all_tasks_blocked()
            with pytest.raises(Draining):
                await box.accept(b"y")
            with pytest.raises(Draining):
                await box.engine.call_node(BRANCHING.artifact, b"y")
        assert box.reader.find_execution(execution_id).status is Status.COMPLETED


async def test_what_a_drain_cuts_off_is_finished_by_the_next_life(make_world, autojump_clock):
    world = make_world(HANGING)
    async with open_box(world) as box:
        execution_id = await box.accept(b"x")
        await trio.sleep(1)
    assert box.engine.draining
    world.stories[HANGING.artifact.graph_id] = Story(HANGING.artifact)
    world.nodes._stories = world.stories
    async with open_box(world) as box:
        execution = await box.ended(execution_id)
        assert (execution.status, execution.attempt) == (Status.COMPLETED, 2)
        kinds = box.kinds(execution_id)
        assert kinds.count("execution_requeued") == 1
        assert kinds.count("node_completed") == 2


async def test_any_number_of_deaths_of_the_box_costs_an_execution_nothing(
    make_world, autojump_clock
):
    world = make_world(HANGING)
    async with open_box(world) as box:
        execution_id = await box.accept(b"x")
        await trio.sleep(1)
    for _ in range(LOSSES_MAX + 2):
        async with open_box(world) as box:
            await trio.sleep(1)
            execution = box.reader.find_execution(execution_id)
            assert (execution.status, execution.losses) == (Status.RUNNING, 0)


async def test_a_single_node_can_be_called_without_a_history(make_world, autojump_clock):
    async with open_box(make_world(BRANCHING)) as box:
        outcome = await box.engine.call_node(BRANCHING.artifact, b"x")
        assert outcome == Output(b"a.0(x)")
        assert await box.all_ended() == []


async def test_a_single_node_that_fails_is_a_value(make_world, autojump_clock):
    story = Story(flow("a>b"), {"a": Behaviour("fail")})
    async with open_box(make_world(story)) as box:
        outcome = await box.engine.call_node(story.artifact, b"x")
        assert isinstance(outcome, Failure)
        assert outcome.kind == "NODE_ERROR"


def test_an_effect_key_names_one_visit_of_one_execution():
    keys = {effect_key(execution, position) for execution in "12" for position in ("a", "a#2")}
    assert len(keys) == 4
    assert effect_key("1", "a") in keys


async def queue_many(world, count):
    """Engine memory with `count` executions waiting for the one slot."""
    async with open_box(world, Physics(sync_s=0, settings=ONE_SLOT.settings)) as box:
        await box.accept(b"first")
        await trio.sleep(1)
        gc.collect()
        tracemalloc.start()
        for number in range(count):
            record = attrs.evolve(
                box.reader.find_execution(next(iter(world.told))),
                execution_id=world.ids.execution_id(),
                status=Status.QUEUED,
                attempt=0,
                entries=0,
                started_ns=0,
            )
            box.writer.submit(commits.accept(record, Payload(5, b"%05d" % number)))
        await box.disk.finish()
        gc.collect()
        grown, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert len(waiting(box.reader)) == count
        return grown


def test_an_execution_that_waits_costs_no_memory(make_world):
    grown = run_seeded(0, queue_many, make_world(HANGING), 10_000)
    assert grown / 10_000 < 1024, f"{grown / 10_000:.0f} bytes each"


async def test_a_cancel_is_real_even_if_whoever_asked_is_gone(make_world, autojump_clock):
    async with open_box(make_world(HANGING)) as box:
        execution_id = await box.accept(b"x")
        await trio.sleep(1)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(box.engine.cancel, "tenant", execution_id)
            await trio.testing.wait_all_tasks_blocked()
            nursery.cancel_scope.cancel()
        await trio.sleep(1)
        assert box.reader.find_execution(execution_id).status is Status.CANCELLED
        assert box.engine.statistics()["attempts"] == 0
