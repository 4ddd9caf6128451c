"""What is forgotten, cut by a loss of power at every commit; and blobs that were never named."""

import shutil

import pytest
import trio
from worlds.box import Physics, open_box
from worlds.disk import Cut
from worlds.flows import BRANCHING, STREAMING, Behaviour, Story
from worlds.invariants import rows, stored_executions
from worlds.seeds import run_seeded

from axiomd.clock import NS_PER_S
from axiomd.limits import FORGET_ROWS_MAX
from axiomd.settings import StoreSettings
from axiomd.store import keys
from axiomd.store.env import open_store

MONTH_NS = 31 * 86_400 * NS_PER_S
LONG = Story(
    STREAMING.artifact, {"s": Behaviour(fan=FORGET_ROWS_MAX * 3 // 5), "m": Behaviour(pad=66_000)}
)
"""Longer than a slice, with blobs all through it."""


def fill(world):
    """Executions of both kinds, all of which end; then a month goes by."""

    async def live():
        async with open_box(world, Physics(sync_s=0.0)) as box:
            for number in range(4):
                await box.accept(b"hello %d" % number, b"key %d" % number)
            await box.accept(b"long", story=world.stories[LONG.artifact.graph_id])
            await box.all_ended()
            await box.disk.finish()

    run_seeded(0, live)
    world.clock.advance(MONTH_NS)


def forget(world, cut=None):
    """A life in which everything is forgotten; the batches it took, or None if it was cut."""

    async def live():
        async with open_box(world, Physics(sync_s=0.0005, cut=cut)) as box:
            while left(box):
                # Never half: what can be found at all has its whole history.
                for execution in stored_executions(box.store):
                    assert len(box.kinds(execution.execution_id)) == execution.entries
                await trio.sleep(0.001)
            # Files go after the commit that released them.
            await trio.sleep(1)
            await box.disk.finish()
            assert box.broken() == []
            return box.disk.batches
        return None

    return run_seeded(1, live)


def left(box):
    """Rows of executions, in any table."""
    with box.store.read() as transaction:
        tables = set(keys.TABLES) - {keys.META}
        return [t for t in tables if transaction.stat(box.store.tables[t])["entries"]]


def blobs_in(directory):
    return [path.name for path in (directory / "blobs").glob("??/*")]


@pytest.mark.parametrize("side", ["before", "after"])
def test_a_power_cut_in_the_middle_of_forgetting_leaves_a_whole_store_and_no_rest(make_world, side):
    world = make_world(BRANCHING, LONG)
    fill(world)
    assert blobs_in(world.directory)
    kept = world.directory.with_name("kept")
    shutil.copytree(world.directory, kept)
    batches = forget(world)
    assert blobs_in(world.directory) == []
    assert batches > 5
    for batch in range(batches):
        shutil.rmtree(world.directory)
        shutil.copytree(kept, world.directory)
        assert forget(world, Cut(batch, side)) is None
        assert world.nodes.violations == []
        assert forget(world) is not None
        assert blobs_in(world.directory) == []


def test_a_blob_that_was_written_and_never_named_is_collected_by_the_next_start(make_world):
    """The power goes between the blob and the commit that names it, at any commit there is."""
    orphans = 0
    for batch in range(14):
        world = make_world(Story(BRANCHING.artifact, {a: Behaviour(pad=70_000) for a in "abcdef"}))

        async def live(payload, world=world, cut=None):
            async with open_box(world, Physics(sync_s=0.0005, cut=cut)) as box:
                await box.accept(payload * 20_000)
                await box.all_ended()
                await trio.sleep(10)
                assert box.broken() == []

        run_seeded(0, lambda: live(b"first", cut=Cut(batch, "before")))  # noqa: B023
        before = set(blobs_in(world.directory))
        # Who asked first does not ask again: what was written for it is nobody's for good.
        run_seeded(1, live, b"second")
        assert world.nodes.violations == []
        named = named_in(world)
        orphans += len(before - named)
        assert set(blobs_in(world.directory)) == named
    assert orphans > 0, "no cut fell between a blob and its name"


def named_in(world):
    """The blobs that the store of a world at rest names."""
    with open_store(StoreSettings(sync=False), world.directory) as store:
        return {key[: keys.BLOB_BYTES].hex() for key, _ in rows(store, keys.BLOB_REFERENCES)}


def test_a_blob_whose_call_was_cancelled_before_its_commit_can_go(make_world):
    world = make_world(BRANCHING)

    async def live():
        async with open_box(world) as box:
            blobs, reader = box.blobs, box.reader
            payload = blobs.put(b"never named" * 10_000)
            digest = payload.blob
            assert not blobs.collect(digest, reader.blob_is_named)
            del payload
            assert blobs.collect(digest, reader.blob_is_named)

    run_seeded(0, live)
