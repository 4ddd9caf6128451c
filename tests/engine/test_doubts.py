"""Nodes that must run once: what becomes of a call of which nobody can tell how it ended."""

import pytest
import trio
from worlds.box import open_box
from worlds.flows import TENANT, Behaviour, Story, flow
from worlds.oracle import expected

from axiomd.errors import NotFound, WrongState
from axiomd.execution.status import Status
from axiomd.flow.artifact import Retry

ONCE = flow("a>b b>c", once="b")
DOUBTFUL = Story(ONCE, {"b": Behaviour(losses=1)})


async def doubted(box, execution_id, visit="b"):
    """The record once a visit of the execution is in doubt."""
    return await box.reached(execution_id, lambda found: visit in found.doubts)


async def settle(box, execution_id, output, visit="b"):
    await box.engine.settle(TENANT, execution_id, visit, output, '{"by": "ada"}')


@pytest.mark.parametrize(
    "behaviour",
    [Behaviour(losses=1), Behaviour(crashes=1), Behaviour("hang")],
    ids=["lost", "crashed", "timed out"],
)
async def test_a_call_that_ended_without_an_answer_waits_for_a_person(
    make_world, autojump_clock, behaviour
):
    async with open_box(make_world(Story(ONCE, {"b": behaviour}))) as box:
        execution_id = await box.accept(b"x")
        await doubted(box, execution_id)
        await trio.sleep(80_000)
        execution = box.reader.find_execution(execution_id)
        assert (execution.status, execution.doubts) == (Status.PAUSED_HITL, ("b",))
        assert box.kinds(execution_id).count("node_started") == 2
        assert box.engine.statistics()["attempts"] == 0
        assert box.broken() == []


async def test_a_failure_that_the_node_told_is_no_doubt(make_world, autojump_clock):
    story = Story(
        flow("a>b", once="b", retries={"b": Retry(2, initial_interval_ms=1)}),
        {"b": Behaviour(stumbles=1)},
    )
    async with open_box(make_world(story)) as box:
        execution = await box.ended(await box.accept(b"x"))
        assert execution.status is Status.COMPLETED
        assert "node_in_doubt" not in box.kinds(execution.execution_id)


async def test_what_has_not_happened_runs_again(make_world, autojump_clock):
    async with open_box(make_world(DOUBTFUL)) as box:
        execution_id = await box.accept(b"x")
        await doubted(box, execution_id)
        await settle(box, execution_id, None)
        assert (await box.ended(execution_id)).status is Status.COMPLETED
        assert box.outputs(execution_id) == expected(DOUBTFUL, b"x").outputs


async def test_what_has_happened_goes_on_with_the_output_that_a_person_gives(
    make_world, autojump_clock
):
    async with open_box(make_world(DOUBTFUL)) as box:
        execution_id = await box.accept(b"x")
        await doubted(box, execution_id)
        await settle(box, execution_id, b"told" * 30_000)
        assert (await box.ended(execution_id)).status is Status.COMPLETED
        assert box.outputs(execution_id)["b"] == b"told" * 30_000
        assert box.kinds(execution_id).count("node_started") == 3
        await box.disk.finish()
        assert box.broken() == []


async def test_a_box_that_died_during_the_call_leaves_it_in_doubt(make_world, autojump_clock):
    world = make_world(Story(ONCE, {"b": Behaviour("hang")}))
    async with open_box(world) as box:
        execution_id = await box.accept(b"x")
        while "b" not in [start.alias for start in world.nodes.starts]:
            await trio.sleep(0.001)
    async with open_box(world) as box:
        await doubted(box, execution_id)
    assert [start.alias for start in world.nodes.starts] == ["a", "b"]
    async with open_box(world) as box:
        await settle(box, execution_id, b"told")
        assert (await box.ended(execution_id)).status is Status.COMPLETED


async def test_a_visit_is_settled_while_another_branch_is_at_work(make_world, autojump_clock):
    story = Story(
        flow("a>b a>c b>d c>d", once="b"), {"b": Behaviour(losses=1), "c": Behaviour("hang")}
    )
    async with open_box(make_world(story)) as box:
        execution_id = await box.accept(b"x")
        assert (await doubted(box, execution_id)).status is Status.RUNNING
        await settle(box, execution_id, None)
        while "b" not in box.outputs(execution_id):
            await trio.sleep(0.001)
        assert box.reader.find_execution(execution_id).status is Status.RUNNING
        assert box.kinds(execution_id).count("execution_claimed") == 1


async def test_only_the_first_answer_counts(make_world, autojump_clock):
    async with open_box(make_world(DOUBTFUL)) as box:
        execution_id = await box.accept(b"x")
        await doubted(box, execution_id)
        refused = []

        async def answer(output):
            try:
                await settle(box, execution_id, output)
            except WrongState as refusal:
                refused.append(str(refusal))

        async with trio.open_nursery() as nursery:
            for number in range(5):
                nursery.start_soon(answer, b"%d" % number)
        assert len(refused) == 4
        assert (await box.ended(execution_id)).status is Status.COMPLETED
        assert box.kinds(execution_id).count("node_settled") == 1


async def test_two_visits_in_doubt_are_settled_one_after_the_other(make_world, autojump_clock):
    story = Story(
        flow("a>b a>c b>d c>d", once="b c"), {"b": Behaviour(losses=1), "c": Behaviour(losses=1)}
    )
    async with open_box(make_world(story)) as box:
        execution_id = await box.accept(b"x")
        await doubted(box, execution_id)
        await doubted(box, execution_id, "c")
        await trio.sleep(1)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(settle, box, execution_id, b"told")
            nursery.start_soon(settle, box, execution_id, None, "c")
        assert (await box.ended(execution_id)).status is Status.COMPLETED
        await box.disk.finish()
        assert box.broken() == []


async def test_what_is_not_in_doubt_cannot_be_settled(make_world, autojump_clock):
    async with open_box(make_world(DOUBTFUL)) as box:
        execution_id = await box.accept(b"x")
        await doubted(box, execution_id)
        for visit in ("a", "c", "nowhere", "b#2"):
            with pytest.raises(WrongState, match="is not in doubt"):
                await settle(box, execution_id, None, visit)
        with pytest.raises(NotFound):
            await box.engine.settle("somebody else", execution_id, "b", None, "{}")
        await box.engine.cancel(TENANT, execution_id)
        with pytest.raises(WrongState, match="is not in doubt"):
            await settle(box, execution_id, None)
        cancelled = box.reader.find_execution(execution_id)
        assert (cancelled.status, cancelled.doubts) == (Status.CANCELLED, ())
        assert box.broken() == []
