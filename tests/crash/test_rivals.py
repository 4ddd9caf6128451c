"""Two attempts at one execution at the same time, which only a fence can keep apart.

One box never does that to itself. A box that was thought dead, or a runner that answers late,
does; so here attempts are superseded while they work, on a slow disk, under a hostile runner.
"""

import random

import pytest
import trio
from contract.chaos import Chaos
from worlds.box import Physics, World, open_box
from worlds.flows import BRANCHING, MIXING, STREAMING
from worlds.oracle import expected
from worlds.seeds import run_seeded

from axiomd.engine.attempt import Attempt
from axiomd.engine.pipeline import run_pipeline
from axiomd.engine.unary import run_unary
from axiomd.errors import Fenced, WrongState
from axiomd.execution.status import Status
from axiomd.store import commit as commits

BODIES = {"unary": run_unary, "pipeline": run_pipeline}
PHYSICS = Physics(sync_s=0.01, chaos=Chaos(late=0.5))
STORIES = pytest.mark.parametrize(
    "story", [BRANCHING, STREAMING, MIXING], ids=["branching", "streaming", "mixing"]
)


async def usurp(box, execution_id, dice, nursery):
    """Take the execution away from whoever works on it, and let somebody else begin."""
    for _ in range(4):
        await trio.sleep(dice.random() * 0.05)
        execution = box.reader.find_execution(execution_id)
        if execution is None or execution.status is not Status.RUNNING:
            continue
        give_up = commits.requeue(execution_id, execution.attempt, execution.updated_ns, "usurped")
        # Together: the rival's claim waits in the queue behind whatever the loser still submits.
        box.writer.submit(give_up)
        nursery.start_soon(Attempt(box.parts, execution_id).run, BODIES)


async def live_with_rivals(world, payload):
    async with open_box(world, PHYSICS) as box:
        execution_id = await box.accept(payload)
        async with trio.open_nursery() as nursery:
            await usurp(box, execution_id, random.Random(world.seed), nursery)
            execution = await box.ended(execution_id)
        await box.disk.finish()
        unary = execution.mode == "unary"
        out = box.outputs(execution_id) if unary else box.frames(execution_id)
        return execution, out, box.broken()


@STORIES
@pytest.mark.parametrize("seed", range(15))
def test_a_superseded_attempt_changes_nothing(tmp_path, story, seed):
    world = World(tmp_path, [story], seed)
    world.nodes.strict = False
    execution, out, broken = run_seeded(seed, live_with_rivals, world, b"hello")
    assert broken == []
    assert execution.status is Status.COMPLETED
    wanted = expected(story, b"hello", out)
    assert out == (wanted.outputs or wanted.frames)


async def cancel_midway(world, delay_s):
    async with open_box(world, PHYSICS) as box:
        execution_id = await box.accept(b"hello")
        await trio.sleep(delay_s)
        try:
            await box.engine.cancel("tenant", execution_id)
        except WrongState:
            # It had ended before.
            assert box.reader.find_execution(execution_id).status is Status.COMPLETED
        await trio.sleep(1)
        await box.disk.finish()
        return box.reader.find_execution(execution_id).status, box.broken()


@STORIES
@pytest.mark.parametrize("seed", range(10))
def test_what_answers_after_a_cancel_is_not_heard(tmp_path, story, seed):
    world = World(tmp_path, [story], seed)
    world.nodes.strict = False
    delay_s = random.Random(seed).random() * 0.1
    status, broken = run_seeded(seed, cancel_midway, world, delay_s)
    assert broken == []
    assert status in (Status.CANCELLED, Status.COMPLETED)


async def read_while_cancelled(world):
    async with open_box(world, Physics(sync_s=0.01)) as box:
        execution_id = await box.accept(b"hello")
        while not (fence := box.reader.find_execution(execution_id).attempt):
            await trio.sleep(0.001)
        await box.engine.cancel("tenant", execution_id)
        stale = commits.requeue(execution_id, fence, box.world.clock.now_ns(), "late")
        with pytest.raises(Fenced):
            await box.writer.submit(stale).wait()
        return box.reader.find_execution(execution_id).status


def test_an_execution_that_has_ended_is_nobodys_any_more(make_world):
    assert run_seeded(0, read_while_cancelled, make_world(BRANCHING)) is Status.CANCELLED
