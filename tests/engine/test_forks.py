"""Forks and retries: what is taken over of a history, and what becomes of it."""

import pytest
import trio
from worlds.box import Physics, World, open_box
from worlds.disk import Cut
from worlds.flows import BRANCHING, TENANT, Behaviour, Story, flow, paused
from worlds.invariants import rows, stored_executions
from worlds.oracle import expected
from worlds.seeds import run_seeded
from worlds.shapes import FANNING, LOOPING

from axiomd.engine.forks import Onto
from axiomd.errors import Invalid, NotFound, WrongMode, WrongState
from axiomd.execution.journal import EntryKind
from axiomd.execution.position import Position
from axiomd.execution.status import Status
from axiomd.flow.artifact import Hitl, Retry
from axiomd.store import keys

UNARY = {"branching": BRANCHING, "looping": LOOPING, "fanning": FANNING}


def same_wire(old, new):
    return ()


def checkpoints(box, execution_id):
    return [
        entry.position
        for entry in box.reader.journal(execution_id)
        if entry.kind is EntryKind.NODE_COMPLETED
    ]


def all_outputs(box, execution_id):
    """What each completed visit returned."""
    return {
        entry.position: box.blobs.get(entry.payload)
        for entry in box.reader.journal(execution_id)
        if entry.kind is EntryKind.NODE_COMPLETED
    }


@pytest.mark.parametrize("story", UNARY.values(), ids=UNARY)
async def test_a_fork_from_any_checkpoint_comes_to_the_same_output(
    make_world, autojump_clock, story
):
    async with open_box(make_world(story)) as box:
        source = await box.ended(await box.accept(b"x"))
        assert source.status is Status.COMPLETED
        outputs = all_outputs(box, source.execution_id)
        for number, at in enumerate(checkpoints(box, source.execution_id), 1):
            fork_id = await box.engine.fork(TENANT, source.execution_id, at)
            fork = await box.ended(fork_id)
            assert (fork.status, fork.forked_from) == (Status.COMPLETED, source.execution_id)
            assert all_outputs(box, fork_id) == outputs, at
            starts = [s for s in box.world.nodes.starts if s.execution_id == fork_id]
            assert len(starts) <= len(outputs) - number
        await box.disk.finish()
        assert box.broken() == []


@pytest.mark.parametrize("story", UNARY.values(), ids=UNARY)
async def test_a_fork_of_a_fork_from_any_of_its_checkpoints_does_too(
    make_world, autojump_clock, story
):
    async with open_box(make_world(story)) as box:
        source = await box.ended(await box.accept(b"x"))
        outputs = all_outputs(box, source.execution_id)
        first = checkpoints(box, source.execution_id)[1]
        fork_id = await box.engine.fork(TENANT, source.execution_id, first)
        await box.ended(fork_id)
        for at in checkpoints(box, fork_id):
            again = await box.engine.fork(TENANT, fork_id, at)
            assert (await box.ended(again)).forked_from == fork_id
            assert all_outputs(box, again) == outputs
        await box.disk.finish()
        assert box.broken() == []


async def test_what_a_pause_without_an_answer_has_cancelled_is_asked_for_again(
    make_world, autojump_clock
):
    story = Story(paused(flow("a>b b>c"), b=Hitl(timeout_s=5, timeout_policy="CANCEL")))
    async with open_box(make_world(story)) as box:
        source = await box.ended(await box.accept(b"x"))
        assert source.status is Status.CANCELLED
        identity = await box.engine.retry(TENANT, source.execution_id)
        await box.reached(identity, lambda found: found.status is Status.PAUSED_HITL)
        await box.engine.answer(TENANT, identity, "b", approved=True)
        assert (await box.ended(identity)).status is Status.COMPLETED
        await box.disk.finish()
        assert box.broken() == []


async def test_an_edited_output_gives_what_a_run_with_that_output_gives(make_world, autojump_clock):
    story = Story(flow("a>b b>c c>d"))
    async with open_box(make_world(story)) as box:
        source = await box.accept(b"x")
        other = await box.accept(b"y")
        await box.ended(source)
        await box.ended(other)
        told = box.outputs(other)["b"]
        fork_id = await box.engine.fork(TENANT, source, Position(1), told)
        await box.ended(fork_id)
        assert box.outputs(fork_id) == {
            **box.outputs(other),
            "a": box.outputs(source)["a"],
        }
        await box.disk.finish()
        assert box.broken() == []


async def test_an_edited_output_decides_its_edges_anew(make_world, autojump_clock):
    async with open_box(make_world(LOOPING)) as box:
        source = await box.ended(await box.accept(b"x"))
        lengths = set()
        for number in range(8):
            at = checkpoints(box, source.execution_id)[-2]
            fork_id = await box.engine.fork(TENANT, source.execution_id, at, b"%d" % number)
            assert (await box.ended(fork_id)).status is Status.COMPLETED
            lengths.add(len(checkpoints(box, fork_id)))
        assert len(lengths) > 1
        await box.disk.finish()
        assert box.broken() == []


async def test_visits_in_flight_begin_anew_in_the_fork_of_a_running_source(
    make_world, autojump_clock
):
    story = Story(flow("a>b a>c b>d c>d"), {"c": Behaviour("hang")})
    async with open_box(make_world(story)) as box:
        source = await box.accept(b"x")
        while "b" not in box.outputs(source):
            await trio.sleep(0.001)
        fork_id = await box.engine.fork(TENANT, source, Position(1))
        await box.reached(fork_id, lambda found: found.status is Status.RUNNING)
        while "c" not in [s.alias for s in box.world.nodes.starts if s.execution_id == fork_id]:
            await trio.sleep(0.001)
        assert set(box.outputs(fork_id)) == {"a", "b"}
        assert box.broken() == []


async def test_a_failed_execution_is_retried_from_what_failed(make_world, autojump_clock):
    story = Story(
        flow("a>b a>c b>d c>d", retries={"c": Retry(2, initial_interval_ms=1)}),
        {"c": Behaviour(stumbles=2)},
    )
    async with open_box(make_world(story)) as box:
        source = await box.ended(await box.accept(b"x"))
        assert source.status is Status.FAILED
        # What the nodes do depends on the execution: there is no stumble left to be retried.
        box.world.stories[story.artifact.graph_id] = Story(story.artifact)
        fork_id = await box.engine.retry(TENANT, source.execution_id)
        assert (await box.ended(fork_id)).status is Status.COMPLETED
        starts = [s.alias for s in box.world.nodes.starts if s.execution_id == fork_id]
        done = set(box.outputs(source.execution_id))
        assert not done & set(starts)
        assert "c" in starts
        assert box.outputs(fork_id) == expected(Story(story.artifact), b"x").outputs
        await box.disk.finish()
        assert box.broken() == []


async def test_a_retry_has_all_its_attempts(make_world, autojump_clock):
    story = Story(
        flow("a>b", retries={"b": Retry(3, initial_interval_ms=1)}), {"b": Behaviour("fail")}
    )
    async with open_box(make_world(story)) as box:
        source = await box.ended(await box.accept(b"x"))
        fork = await box.ended(await box.engine.retry(TENANT, source.execution_id))
        assert (fork.status, fork.failure.attempts) == (Status.FAILED, 3)
        assert box.kinds(fork.execution_id).count("node_started") == 4
        assert box.broken() == []


async def test_a_cancelled_execution_is_retried(make_world, autojump_clock):
    story = Story(flow("a>b b>c"), {"b": Behaviour("hang")})
    async with open_box(make_world(story)) as box:
        source = await box.accept(b"x")
        while "a" not in box.outputs(source):
            await trio.sleep(0.001)
        await box.engine.cancel(TENANT, source)
        box.world.stories[story.artifact.graph_id] = Story(story.artifact)
        fork = await box.ended(await box.engine.retry(TENANT, source))
        assert fork.status is Status.COMPLETED
        assert box.broken() == []


async def test_what_cannot_be_forked_is_refused(make_world, autojump_clock):
    stream = Story(flow("s>t", mode="pipeline", streams="s"))
    async with open_box(make_world(BRANCHING, stream)) as box:
        source = (await box.ended(await box.accept(b"x"))).execution_id
        with pytest.raises(WrongState, match="has not failed"):
            await box.engine.retry(TENANT, source)
        with pytest.raises(Invalid) as refusal:
            await box.engine.fork(TENANT, source, Position(0, 2))
        assert "unknown checkpoint 'a#2'; known here: a, b" in str(refusal.value.problems[0])
        with pytest.raises(NotFound):
            await box.engine.fork("somebody else", source, Position(0))
        pipeline = (await box.ended(await box.accept(b"x", story=stream))).execution_id
        with pytest.raises(WrongMode):
            await box.engine.fork(TENANT, pipeline, Position(0))
        assert len(stored_executions(box.store)) == 2
        assert rows(box.store, keys.FORGOTTEN) == []


async def test_a_fork_goes_on_on_another_artifact(make_world, autojump_clock):
    old, new = Story(flow("a>b b>c c>d")), Story(flow("a>b b>e e>d"))
    async with open_box(make_world(old, new)) as box:
        source = (await box.ended(await box.accept(b"x"))).execution_id
        onto = Onto(new.artifact, same_wire)
        fork_id = await box.engine.fork(TENANT, source, Position(1), onto=onto)
        assert (await box.ended(fork_id)).graph_id == new.artifact.graph_id
        assert box.outputs(fork_id) == expected(new, b"x").outputs
        await box.disk.finish()
        assert box.broken() == []


@pytest.mark.parametrize(
    ("arrows", "reason"),
    [
        ("a>b b>x x>d", "unknown placement 'c'"),
        ("a>c c>d", "unknown placement 'b'"),
        ("a>b a>x b>c x>c c>d", "other edges lead on from a, which is done"),
        ("a>b b>x x>c c>d", "it has no edge b → c"),
        ("a>b b>c b>x c>d x>d", "other edges lead on from b, which is done"),
    ],
)
async def test_an_artifact_that_does_not_fit_is_refused_with_reasons(
    make_world, autojump_clock, arrows, reason
):
    old, new = Story(flow("a>b b>c c>d")), Story(flow(arrows))
    async with open_box(make_world(old, new)) as box:
        source = (await box.ended(await box.accept(b"x"))).execution_id
        with pytest.raises(Invalid) as refusal:
            await box.engine.fork(TENANT, source, Position(2), onto=Onto(new.artifact, same_wire))
        assert any(reason in problem.message for problem in refusal.value.problems)
        assert len(stored_executions(box.store)) == 1


async def forked_life(world, physics):
    """A life in which the first execution is forked; what is there in the end."""
    async with open_box(world, physics) as box:
        source = await box.accept(b"hello", b"first")
        await box.ended(source)
        if not any(e.forked_from for e in stored_executions(box.store)):
            at = checkpoints(box, source)[-2]
            fork_id = await box.engine.fork(TENANT, source, at)
            world.told[fork_id] = b"fork"
        for execution in await box.all_ended():
            assert box.outputs(execution.execution_id) == expected(world.story, b"hello").outputs
        with trio.fail_after(1_000):
            while rows(box.store, keys.FORGOTTEN):
                await trio.sleep(1)
        await box.disk.finish()
        return (
            box.disk.batches,
            box.broken(),
            {e.execution_id for e in stored_executions(box.store)},
        )
    return None


@pytest.mark.parametrize("side", ["before", "after"])
def test_a_power_cut_at_any_commit_of_a_fork_leaves_it_whole_or_nothing(
    tmp_path, side, monkeypatch
):
    monkeypatch.setattr("axiomd.engine.forks.FORK_SLICE_ENTRIES_MAX", 3)
    physics = Physics(sync_s=0.0005)
    batches, broken, found = run_seeded(
        1, forked_life, World(tmp_path / "w", [BRANCHING], 1), physics
    )
    assert (broken, len(found)) == ([], 2)
    for number in range(batches):
        world = World(tmp_path / f"{side}{number}", [BRANCHING], 1)
        cut = Physics(sync_s=0.0005, cut=Cut(number, side))
        assert run_seeded(1, forked_life, world, cut) is None
        told = set(world.told)
        ending = run_seeded(2, forked_life, world, physics)
        assert ending is not None
        _, broken, found = ending
        assert broken == []
        assert told <= found
        assert len(found) == 2


async def test_what_a_fork_in_the_making_wrote_is_not_forgotten_under_its_hands(
    make_world, autojump_clock, monkeypatch
):
    monkeypatch.setattr("axiomd.engine.forks.FORK_SLICE_ENTRIES_MAX", 1)
    async with open_box(make_world(BRANCHING), Physics(sync_s=30)) as box:
        source = (await box.ended(await box.accept(b"x"), 10**6)).execution_id
        fork_id = await box.engine.fork(TENANT, source, checkpoints(box, source)[-1])
        assert (await box.ended(fork_id, 10**6)).status is Status.COMPLETED
        await box.disk.finish()
        assert box.broken() == []


async def test_a_fork_that_nobody_waits_for_any_more_leaves_nothing(
    make_world, autojump_clock, monkeypatch
):
    monkeypatch.setattr("axiomd.engine.forks.FORK_SLICE_ENTRIES_MAX", 2)
    async with open_box(make_world(BRANCHING), Physics(sync_s=0.1)) as box:
        source = (await box.ended(await box.accept(b"x"))).execution_id
        with trio.move_on_after(0.5):
            await box.engine.fork(TENANT, source, checkpoints(box, source)[-1])
        assert rows(box.store, keys.FORGOTTEN) != []
        await trio.sleep(200)
        assert len(stored_executions(box.store)) == 1
        assert rows(box.store, keys.FORGOTTEN) == []
        assert box.broken() == []
