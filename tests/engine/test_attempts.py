"""What becomes of visits that fail, are lost, crash, or meet a full store."""

import resource
from contextlib import contextmanager

import attrs
import pytest
import trio
from worlds.box import Physics, open_box
from worlds.flows import BRANCHING, STREAMING, Behaviour, Story, flow
from worlds.oracle import expected
from worlds.rows import ballast, new_execution

from axiomd.errors import StoreFull
from axiomd.execution.journal import EntryKind, Payload
from axiomd.execution.status import Status
from axiomd.limits import (
    LOSSES_MAX,
    MIB,
    STREAM_AHEAD_FRAMES_MAX,
    STREAM_BATCH_BYTES_MAX,
    STREAM_BATCH_FRAMES_MAX,
    STREAM_UNWRITTEN_BYTES_MAX,
)
from axiomd.store import commit as commits
from axiomd.store.writer import commit_bytes

PAIR = flow("a>b")
PIPES = {"mode": "pipeline"}


async def end_of(box, payload=b"x"):
    return await box.ended(await box.accept(payload))


def count(box, execution, kind):
    return box.kinds(execution.execution_id).count(kind)


@pytest.mark.parametrize(
    ("behaviour", "kind", "calls"),
    [
        (Behaviour("fail"), "NODE_ERROR", 1),
        (Behaviour("hang"), "TIMEOUT", 1),
        (Behaviour("crash"), "NODE_CRASHED", 1),
        (Behaviour("vanish"), "NODE_CRASHED", LOSSES_MAX),
    ],
    ids=lambda value: getattr(value, "fate", None),
)
@pytest.mark.parametrize("mode", ["unary", "pipeline"])
async def test_a_visit_that_cannot_end_well_fails_its_execution(
    make_world, autojump_clock, behaviour, kind, calls, mode
):
    async with open_box(make_world(Story(flow("a>b", mode=mode), {"b": behaviour}))) as box:
        execution = await end_of(box)
        assert execution.status is Status.FAILED
        failure = execution.failure
        assert (failure.kind, failure.placement, failure.attempts) == (kind, "b", calls)
        assert count(box, execution, "node_started") == calls + 1
        assert box.broken() == []


async def test_losses_below_the_cap_cost_no_attempt(make_world, autojump_clock):
    behaviour = Behaviour(losses=LOSSES_MAX - 1)
    async with open_box(make_world(Story(PAIR, {"b": behaviour}))) as box:
        execution = await end_of(box)
        assert execution.status is Status.COMPLETED
        assert count(box, execution, "node_lost") == LOSSES_MAX - 1


async def test_a_failing_arm_stops_the_other_ones(make_world, autojump_clock):
    story = Story(BRANCHING.artifact, {"b": Behaviour("hang"), "g": Behaviour("fail")})
    async with open_box(make_world(story)) as box:
        execution = await end_of(box)
        assert execution.failure.placement == "g"
        assert box.reader.journal(execution.execution_id)[-1].kind is EntryKind.EXECUTION_FAILED


async def test_each_call_of_a_visit_has_its_number(make_world, autojump_clock):
    async with open_box(make_world(Story(PAIR, {"b": Behaviour(losses=2)}))) as box:
        execution = await end_of(box)
        numbers = [
            entry.attempt
            for entry in box.reader.journal(execution.execution_id)
            if entry.kind is EntryKind.NODE_STARTED and entry.position.placement == 1
        ]
        assert numbers == [1, 2, 3]


async def test_each_frame_of_a_mapped_node_has_an_effect_key_of_its_own(make_world, autojump_clock):
    world = make_world(Story(flow("s>m", streams="s", **PIPES), {"s": Behaviour(fan=5)}))
    async with open_box(world) as box:
        await end_of(box)
        mapped = [start for start in world.nodes.starts if start.alias == "m"]
        assert [start.frame for start in mapped] == list(range(5))
        assert len(world.nodes._calls) == 6


async def test_a_generator_that_differs_when_it_runs_again_loses_to_the_record(
    make_world, autojump_clock
):
    story = Story(flow("s>m", streams="s", **PIPES), {"s": Behaviour(fan=3, fickle=True)})
    world = make_world(story)
    async with open_box(world) as box:
        execution_id = await box.accept(b"x")
        while not box.frames(execution_id)["s"]:
            await trio.sleep(0.001)
    async with open_box(world) as box:
        recorded = box.frames(execution_id)["s"]
        execution = await box.ended(execution_id)
        assert execution.status is Status.COMPLETED
        frames = box.frames(execution_id)["s"]
        assert frames[: len(recorded)] == recorded
        assert len(frames) == 3
        assert count(box, execution, "node_diverged") == len(recorded)


# -- a store that is full --------------------------------------------------------------------------


def small(story, make_world):
    """A world whose store takes a few checkpoints and then no more."""
    return make_world(story), Physics(map_size_bytes=2**20)


@pytest.mark.parametrize("story", [BRANCHING, STREAMING], ids=["branching", "streaming"])
@pytest.mark.parametrize("room", range(0, 60_000, 6_000))
async def test_an_execution_goes_on_once_a_full_store_has_room(
    make_world, autojump_clock, story, room
):
    padded = {p.alias: Behaviour(pad=9_000, fan=4) for p in story.artifact.placements}
    story = Story(story.artifact, padded)
    world, physics = small(story, make_world)
    async with open_box(world, physics) as box:
        await fill(box, room)
        execution_id = None
        with trio.move_on_after(30):
            try:
                execution_id = await box.accept(b"hello")
                await trio.sleep(30)
            except StoreFull:
                pass
        box.store.room._bytes_max = 2**24
        execution = await box.ended(execution_id or await box.accept(b"hello"))
        assert execution.status is Status.COMPLETED, execution.failure
        wanted = expected(story, b"hello")
        out = box.outputs(execution.execution_id) or box.frames(execution.execution_id)
        assert out == (wanted.outputs or wanted.frames)
        await box.disk.finish()
        assert box.broken() == []


@contextmanager
def files_no_larger_than(size):
    """What a full disk does to large files only: the store goes on, blobs do not."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


async def test_an_output_waits_for_room_and_its_node_does_not_run_again(make_world, autojump_clock):
    """There is room for commits, and none for the output."""
    async with open_box(make_world(Story(PAIR, {"b": Behaviour(pad=3 * MIB)}))) as box:
        with files_no_larger_than(2 * MIB):
            execution_id = await box.accept(b"hello")
            await trio.sleep(60)
        assert (await box.ended(execution_id)).status is Status.COMPLETED
        assert box.kinds(execution_id).count("node_completed") == 2
        assert box.kinds(execution_id).count("node_started") == 2


async def fill(box, room):
    """Leave about `room` bytes."""
    left = 0
    for size in (64_000, 8_000):
        with trio.CancelScope():
            while True:
                left += 1
                try:
                    await box.writer.submit(ballast(f"{size}.{left}", size)).wait()
                except StoreFull:
                    break
    await box.writer.submit(box_rows(box, room)).wait()


def box_rows(box, room):
    """Take some of the ballast away again."""
    names = [key for key, _ in ballast_rows(box)][: room // 8_000]
    return attrs.evolve(ballast("last", 10), deletes=tuple(("dr", name) for name in names))


def ballast_rows(box):
    with box.store.read() as transaction:
        rows = list(transaction.cursor(box.store.tables["dr"]))
    return [row for row in rows if b"\0" + b"8000." in row[0]]


async def test_an_execution_that_could_not_be_claimed_is_claimed_later(make_world, autojump_clock):
    async with open_box(make_world(BRANCHING)) as box:
        queued = new_execution(1)
        await box.writer.submit(commits.accept(queued, Payload(1, b"x"))).wait()
        with files_no_larger_than(4096):
            await trio.sleep(10)
            assert box.kinds(queued.execution_id) == ["execution_accepted"]
        # Nothing else happens in this box that could wake the scheduler.
        assert (await box.ended(queued.execution_id)).status is Status.COMPLETED


# -- pipelines that branch -------------------------------------------------------------------------

MANY = STREAM_AHEAD_FRAMES_MAX * 3


async def test_an_arm_that_collects_does_not_starve_the_gate(make_world, autojump_clock):
    """c must not be held back by the gate while b still reads all that a emits."""
    behaviours = {"a": Behaviour(fan=MANY), "b": Behaviour(fan=0, rest=2)}
    story = Story(flow("a>b a>c b>d c>d", streams="a b", **PIPES), behaviours)
    world = make_world(story)
    world.nodes.strict = False
    async with open_box(world, Physics(sync_s=0)) as box:
        execution = await end_of(box)
        assert execution.status is Status.COMPLETED
        assert box.frames(execution.execution_id)["d"] == expected(story, b"x").frames["d"]


async def test_a_fast_generator_waits_for_the_node_that_reads_it(make_world, autojump_clock):
    behaviours = {"s": Behaviour(fan=MANY), "m": Behaviour("hang")}
    world = make_world(Story(flow("s>m", streams="s", **PIPES), behaviours))
    async with open_box(world, Physics(sync_s=0)) as box:
        execution_id = await box.accept(b"x")
        await trio.sleep(200)
        ahead = box.reader.frame_count(execution_id, 0)
        assert ahead <= STREAM_AHEAD_FRAMES_MAX


async def test_frames_on_their_way_to_a_slow_disk_are_bounded_in_bytes(make_world, autojump_clock):
    story = Story(flow("s>t", streams="s", **PIPES), {"s": Behaviour(fan=400, pad=60_000)})
    world, most = make_world(story), 0
    async with open_box(world, Physics(sync_s=5)) as box:
        execution_id = await box.accept(b"x")
        while not box.reader.find_execution(execution_id).status.ended:
            most = max(most, sum(commit_bytes(t.commit) for t in box.writer._queue))
            await trio.sleep(0.01)
        assert (await box.ended(execution_id)).status is Status.COMPLETED
    assert most < STREAM_UNWRITTEN_BYTES_MAX + STREAM_BATCH_BYTES_MAX


# -- XOR gates -------------------------------------------------------------------------------------


def mixing(behaviours, streams="a b c"):
    return Story(flow("a>b a>c b>d c>d", streams=streams, xor="d", **PIPES), behaviours)


@pytest.mark.parametrize("streams", ["a b c", "a b c d"], ids=["mapped", "generator"])
@pytest.mark.parametrize("fan", [0, 1, 3])
async def test_an_xor_gate_passes_all_frames_of_all_arms(make_world, autojump_clock, streams, fan):
    story = mixing({"a": Behaviour(fan=7), "c": Behaviour(fan=fan)}, streams)
    async with open_box(make_world(story)) as box:
        execution = await end_of(box)
        assert execution.status is Status.COMPLETED
        out = box.frames(execution.execution_id)
        assert len(out["d"]) == 7 + 7 * fan
        assert out == expected(story, b"x", out).frames
        assert box.broken() == []


async def test_an_xor_gate_does_not_wait_for_an_arm_that_is_silent(make_world, autojump_clock):
    story = mixing({"a": Behaviour(fan=5), "b": Behaviour("hang")})
    async with open_box(make_world(story)) as box:
        execution_id = await box.accept(b"x")
        await trio.sleep(100)
        assert len(box.frames(execution_id)["d"]) == 5
        assert box.reader.find_execution(execution_id).status is Status.RUNNING


async def test_an_xor_gate_lets_its_arms_be_only_so_far_ahead(make_world, autojump_clock):
    story = mixing({"a": Behaviour(fan=MANY), "d": Behaviour("hang")})
    world = make_world(story)
    world.nodes.strict = False
    async with open_box(world, Physics(sync_s=0)) as box:
        execution_id = await box.accept(b"x")
        await trio.sleep(250)
        for arm in (1, 2):
            ahead = box.reader.frame_count(execution_id, arm)
            assert ahead <= STREAM_AHEAD_FRAMES_MAX + STREAM_BATCH_FRAMES_MAX


async def test_an_xor_gate_that_keeps_up_holds_nobody_back(make_world, autojump_clock):
    story = mixing({"a": Behaviour(fan=MANY)})
    world = make_world(story)
    world.nodes.strict = False
    async with open_box(world, Physics(sync_s=0)) as box:
        execution = await end_of(box)
        assert execution.status is Status.COMPLETED
        out = box.frames(execution.execution_id)
        assert out["d"] == expected(story, b"x", out).frames["d"]
        assert len(out["d"]) == 2 * MANY
