"""A disk that is full for one batch and has room for the next: nothing builds on what was lost."""

import random
from contextlib import contextmanager

import attrs
import pytest
import trio
from worlds.box import Physics, open_box
from worlds.flows import MIXING, STREAMING, Story, flow
from worlds.oracle import expected

from axiomd.errors import StoreFull
from axiomd.execution.journal import EntryKind
from axiomd.execution.status import Status

ARMS = 4
STORY = Story(flow("a>b a>c a>d a>e b>z c>z d>z e>z"))


@contextmanager
def full(writer):
    """The writer's store has no room."""
    store = writer._store

    @attrs.frozen(eq=False)
    class Full:
        tables: object = store.tables

        def transact(self, body):
            raise StoreFull

    writer._store = Full()
    try:
        yield
    finally:
        writer._store = store


def flicker(writer, seed):
    """One batch of an attempt in four finds no room."""
    write, chance = writer.write, random.Random(seed)

    def flickering(batch):
        if any(getattr(t.commit, "fence", 0) for t in batch) and chance.random() < 0.25:
            with full(writer):
                return write(batch)
        return write(batch)

    writer.write = flickering


async def accept(box, content):
    while True:
        try:
            return await box.accept(content)
        except StoreFull:
            await trio.sleep(0.1)


@pytest.mark.parametrize("seed", range(12))
async def test_no_branch_builds_on_the_refused_commit_of_another(make_world, seed, autojump_clock):
    async with open_box(make_world(STORY, seed=seed), Physics(sync_s=0.001)) as box:
        flicker(box.writer, seed)
        executions = [await accept(box, b"%d" % number) for number in range(4)]
        for execution_id in executions:
            await box.ended(execution_id)
            journal = box.reader.journal(execution_id)
            opened = [entry.seq for entry in journal if entry.kind is EntryKind.GATE_OPENED]
            arrived = {e.edge for e in journal if e.kind is EntryKind.GATE_ARRIVED}
            assert (len(opened), len(arrived)) == (1, ARMS)
            assert sum(e.kind is EntryKind.GATE_ARRIVED for e in journal[: opened[0]]) == ARMS
        assert box.broken() == []


@pytest.mark.parametrize("story", [STREAMING, MIXING], ids=["streaming", "mixing"])
@pytest.mark.parametrize("seed", range(12))
async def test_no_pump_builds_on_the_refused_commit_of_another(
    make_world, story, seed, autojump_clock
):
    async with open_box(make_world(story, seed=seed), Physics(sync_s=0.001)) as box:
        flicker(box.writer, seed)
        executions = [await accept(box, b"%d" % number) for number in range(4)]
        for number, execution_id in enumerate(executions):
            assert (await box.ended(execution_id)).status is Status.COMPLETED
            out = box.frames(execution_id)
            assert out == expected(story, b"%d" % number, out).frames
        assert box.broken() == []
