"""The power goes at every commit of flows of each kind, on both sides of the sync.

Each point is a whole story: two clients invoke, the box dies, the clients ask again with the same
Idempotency-Key, and the box works to the end in the same directory.
"""

import shutil
from contextlib import suppress
from random import Random

import pytest
import trio
from contract.chaos import Chaos
from worlds.box import Physics, World, open_box
from worlds.client import follow
from worlds.disk import Cut
from worlds.flows import (
    ASKING,
    BRANCHING,
    FANNING,
    MIXING,
    NESTING,
    RETRYING,
    STREAMING,
    UNDOING,
)
from worlds.invariants import stored_executions
from worlds.oracle import expected, expected_undone
from worlds.person import answer_doubts, answer_pauses
from worlds.seeds import run_seeded

from axiomd.errors import WrongState
from axiomd.execution.status import Status

STORIES = pytest.mark.parametrize(
    "story",
    [BRANCHING, RETRYING, STREAMING, MIXING, ASKING],
    ids=["branching", "retrying", "streaming", "mixing", "asking"],
)
PARENTS = pytest.mark.parametrize("story", [NESTING, FANNING], ids=["nesting", "fanning"])
CLIENTS = {b"first": b"hello", b"second": b"world"}
SIDES = ("before", "after")


def seeds(first, *others):
    """One course of things in every run, others in the long ones."""
    return pytest.mark.parametrize(
        "seed", [first, *(pytest.param(other, marks=pytest.mark.soak) for other in others)]
    )


CALM = Physics(sync_s=0.0005)
SLOW = Physics(sync_s=0.02)
WILD = Physics(sync_s=0.005, chaos=Chaos())


async def client(box, key, payload):
    """Invoke, and follow what comes; once the power is back, ask again and go on."""
    execution_id = await box.accept(payload, key)
    if box.world.story.artifact.mode == "pipeline":
        await follow(box, execution_id)


async def live(world, physics):
    """One life: the clients invoke and wait; what became of it, or None after a power cut."""
    async with open_box(world, physics) as box:
        async with trio.open_nursery() as nursery:
            for key, payload in CLIENTS.items():
                nursery.start_soon(client, box, key, payload)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(answer_doubts, box, Random(world.seed))
            for _ in range(2):
                nursery.start_soon(answer_pauses, box)
            await box.all_ended()
            nursery.cancel_scope.cancel()
        await box.disk.finish()
        return box.disk.batches, box.broken(), results(box)
    return None


def results(box):
    """By request: its execution, how it ended, and all that came out."""
    found = {}
    for execution in stored_executions(box.store):
        identity = execution.execution_id
        if execution.undoing:
            entries = box.reader.journal(identity)
            wanted = expected_undone(box.world.story, entries)
            out = {"undone": box.undone(identity), "wanted": wanted}
        else:
            unary = execution.mode == "unary"
            out = box.outputs(identity) if unary else box.frames(identity)
        found[identity] = (execution.status.value, out)
    return found


async def live_with_children(world, physics):
    """`live`, and how each child ended, and with what."""
    async with open_box(world, physics) as box:
        async with trio.open_nursery() as nursery:
            for key, payload in CLIENTS.items():
                nursery.start_soon(client, box, key, payload)
        await box.all_ended()
        await box.disk.finish()
        return box.disk.batches, box.broken(), *family(box)
    return None


def family(box):
    """As `results`: of those that clients asked for by ID, of their children by their place."""
    stored = {one.execution_id: one for one in stored_executions(box.store)}
    found, children = {}, []
    for execution in stored.values():
        out = (execution.status.value, box.visits(execution.execution_id))
        path, ancestor = [], execution
        while ancestor.parent_id:
            path.append(ancestor.parent_position)
            ancestor = stored[ancestor.parent_id]
        if path:
            # The power may have gone before its client was told of it: its input tells whose it is.
            (accepted,) = box.reader.journal(ancestor.execution_id, limit=1)
            children.append((box.blobs.get(accepted.payload), path, out))
        else:
            found[execution.execution_id] = out
    return found, sorted(children, key=str)


def play(directory, story, seed, physics, cut):
    """A life that is cut, and the next one."""
    world = World(directory, [story], seed)
    cut_physics = Physics(physics.sync_s, physics.chaos, cut)
    assert run_seeded(seed, live, world, cut_physics) is None
    told = dict(world.told)
    ending = run_seeded(seed + 1, live, world, physics)
    shutil.rmtree(directory)
    return world, told, ending


def check(story, world, told, ending):
    """Every promise about one crash point."""
    _, broken, found = ending
    assert broken == []
    assert set(told) <= set(found), "an execution that a client was told of is gone"
    assert len(found) == len(CLIENTS), "a request that was made again made two executions"
    for key in CLIENTS:
        (identity,) = (i for i, k in world.told.items() if k == key)
        assert told.get(identity, key) == key
        status, out = found[identity]
        wanted = expected(story, CLIENTS[key], out)
        assert status == "COMPLETED"
        assert out == (wanted.outputs or wanted.frames)
        if wanted.frames:
            terminal = story.artifact.placements[story.artifact.terminal].alias
            assert world.streamed[identity] == wanted.frames[terminal]
    again = {(s.execution_id, s.alias, s.frame) for s in world.nodes.starts if s.life == 2}
    assert not again & world.durable_at_cut, "checkpointed work was done again"


def undisturbed_batches(tmp_path, story, seed, physics):
    world = World(tmp_path / "undisturbed", [story], seed)
    batches, broken, _ = run_seeded(seed, live, world, physics)
    assert broken == []
    return batches


def check_undone(story, world, told, ending):
    """Every promise about one crash point of a flow that fails and is undone."""
    _, broken, found = ending
    assert broken == []
    assert set(told) <= set(found)
    assert len(found) == len(CLIENTS)
    for identity, (status, out) in found.items():
        assert status == "FAILED"
        assert out["undone"] == out["wanted"]
        assert len(out["undone"]) == 3
        again = {s.alias for s in world.nodes.undone if (s.life, s.execution_id) == (2, identity)}
        was_over = {alias for e, alias in world.undone_at_cut if e == identity}
        assert not was_over & again, "what was undone was undone again"


def enumerate_points(tmp_path, story, seed, physics, stride=1, check=check):
    """Cut at every `stride`-th commit, before and after the sync; how many points that were."""
    batches = undisturbed_batches(tmp_path, story, seed, physics)
    points = [Cut(batch, side) for batch in range(seed % stride, batches, stride) for side in SIDES]
    for number, cut in enumerate(points):
        world, told, ending = play(tmp_path / f"{number}", story, seed, physics, cut)
        try:
            check(story, world, told, ending)
        except AssertionError as failure:
            raise AssertionError(f"seed {seed}, {cut}: {failure}") from failure
    return len(points)


def check_family(world, told, ending, undisturbed):
    """Every promise about one crash point of a parent or a child."""
    _, broken, found, offspring = ending
    assert broken == []
    assert set(told) <= set(found), "an execution that a client was told of is gone"
    by_request = {world.told[identity]: result for identity, result in found.items()}
    assert by_request == undisturbed[0]
    assert offspring == undisturbed[1], "a child is missing, was made twice, or ended otherwise"
    again = {(s.execution_id, s.alias, s.frame) for s in world.nodes.starts if s.life == 2}
    # The visits of a fan-out share their alias; the node code itself looks whether one is repeated.
    placements = (p for one in world.stories.values() for p in one.artifact.placements)
    fans = {p.alias for p in placements if p.fan_out is not None}
    done = {place for place in world.durable_at_cut if place[1] not in fans}
    assert not again & done, "checkpointed work was done again"


def enumerate_family(tmp_path, story, seed, physics, stride=1):
    """Cut at every `stride`-th commit of parents and children; how many points that were."""
    world = World(tmp_path / "undisturbed", [story], seed)
    batches, broken, found, offspring = run_seeded(seed, live_with_children, world, physics)
    assert broken == []
    undisturbed = ({world.told[i]: result for i, result in found.items()}, offspring)
    points = [Cut(batch, side) for batch in range(seed % stride, batches, stride) for side in SIDES]
    for number, cut in enumerate(points):
        world = World(tmp_path / f"{number}", [story], seed)
        cut_physics = Physics(physics.sync_s, physics.chaos, cut)
        assert run_seeded(seed, live_with_children, world, cut_physics) is None
        told = dict(world.told)
        ending = run_seeded(seed + 1, live_with_children, world, physics)
        shutil.rmtree(world.directory)
        try:
            check_family(world, told, ending, undisturbed)
        except AssertionError as failure:
            raise AssertionError(f"seed {seed}, {cut}: {failure}") from failure
    return len(points)


@pytest.mark.parametrize(
    ("physics", "stride", "least"),
    # The slower the disk, the more share a commit.
    [(CALM, 1, 25), pytest.param(SLOW, 2, 20, marks=pytest.mark.soak), (WILD, 2, 25)],
    ids=["calm", "slow", "wild"],
)
@seeds(0)
@PARENTS
def test_a_power_cut_at_any_commit_of_parents_and_children_loses_and_repeats_nothing(
    tmp_path, story, seed, physics, stride, least
):
    assert enumerate_family(tmp_path, story, seed, physics, stride) >= least


async def cancelled_midway(world, physics):
    """Two executions are invoked, and cancelled as soon as they have children."""
    async with open_box(world, physics) as box:
        for key, payload in CLIENTS.items():
            identity = await box.accept(payload, key)
            await box.reached(identity, lambda one: one.children or one.status.ended)
            await trio.sleep(0.002 * Random(world.seed).random())
            with suppress(WrongState):
                await box.engine.cancel("tenant", identity)
        await box.all_ended()
        await box.disk.finish()
        return box.disk.batches, box.broken(), statuses(box)
    return None


def statuses(box):
    """How each execution ended, and how its parent did."""
    stored = {one.execution_id: one for one in stored_executions(box.store)}
    return [
        (one.status, stored[one.parent_id].status if one.parent_id else None)
        for one in stored.values()
    ]


@seeds(0, 1)
@PARENTS
def test_a_power_cut_during_a_cancel_leaves_no_child_behind(tmp_path, story, seed):
    world = World(tmp_path / "undisturbed", [story], seed)
    batches, broken, ended = run_seeded(seed, cancelled_midway, world, CALM)
    assert broken == []
    assert (Status.CANCELLED, Status.CANCELLED) in ended, "no child was cancelled with its parent"
    for number, cut in enumerate(Cut(batch, side) for batch in range(batches) for side in SIDES):
        world = World(tmp_path / f"{number}", [story], seed)
        cut_physics = Physics(CALM.sync_s, cut=cut)
        assert run_seeded(seed, cancelled_midway, world, cut_physics) is None
        _, broken, ended = run_seeded(seed + 1, cancelled_midway, world, CALM)
        shutil.rmtree(world.directory)
        assert broken == [], cut
        assert all(s.ended and (p is None or p.ended) for s, p in ended), cut


@seeds(0, 1, 2)
@STORIES
def test_a_power_cut_at_any_commit_loses_and_repeats_nothing(tmp_path, story, seed):
    assert enumerate_points(tmp_path, story, seed, CALM) >= 30


@pytest.mark.soak
@pytest.mark.parametrize("seed", [10, 11])
@STORIES
def test_a_slow_disk_changes_nothing_about_that(tmp_path, story, seed):
    assert enumerate_points(tmp_path, story, seed, SLOW) >= 25


@pytest.mark.parametrize(
    ("seed", "stride", "least"), [(20, 3, 10), pytest.param(21, 1, 25, marks=pytest.mark.soak)]
)
@STORIES
def test_nor_does_a_runner_that_is_late_and_loses_and_repeats(tmp_path, story, seed, stride, least):
    assert enumerate_points(tmp_path, story, seed, WILD, stride) >= least


@pytest.mark.parametrize(
    ("physics", "seed", "stride", "least"),
    [
        (CALM, 0, 1, 40),
        pytest.param(CALM, 1, 1, 40, marks=pytest.mark.soak),
        (WILD, 20, 3, 12),
        pytest.param(WILD, 21, 1, 40, marks=pytest.mark.soak),
    ],
    ids=["calm", "calm again", "wild", "all of wild"],
)
def test_a_power_cut_at_any_commit_undoes_everything_in_its_order_and_once(
    tmp_path, physics, seed, stride, least
):
    points = enumerate_points(tmp_path, UNDOING, seed, physics, stride, check_undone)
    assert points >= least


def test_one_seed_is_one_history(tmp_path):
    """Else no failure of the tests above could be played again."""

    def trace(name):
        world = World(tmp_path / name, [BRANCHING], 7)
        return run_seeded(7, live, world, WILD), world.nodes.starts

    assert trace("one") == trace("other")
