"""The power goes at every commit while a tenant has more to do than may run at a time.

What was set for it, and how much what was accepted matters, is there afterwards; and there is no
instant, on disk, in which more of its executions have a worker than may have one.
"""

import shutil

import attrs
import pytest
from worlds.box import Physics, World, open_box
from worlds.disk import Cut
from worlds.flows import BRANCHING, FANNING, NESTING, TENANT
from worlds.invariants import stored_executions
from worlds.seeds import run_seeded

from axiomd.execution.tenant_limits import OwnLimits
from axiomd.store.acts import Actor
from axiomd.store.commit import IdempotencyClaim

OPERATOR = Actor("first start", "default")
PRIORITIES = {b"one": 0, b"two": 9, b"three": 5, b"four": 2}
SIDES = ("before", "after")


@attrs.define
class Course:
    """What has come of all lives in a directory."""

    own: OwnLimits
    told: bool = False
    """Whether somebody was told that the limits are set."""
    most: int = 0
    """The most executions that were claimed at a time, on disk."""
    faults: list = attrs.field(factory=list)

    def watch(self, box):
        """Look at who is claimed after each batch that is on disk."""
        write = box.writer.write

        def looked(batch):
            written = write(batch)
            self.most = max(self.most, len(box.reader.claimed()))
            return written

        box.writer.write = looked
        self.most = max(self.most, len(box.reader.claimed()))
        if self.told and box.engine.limits.own(TENANT) != self.own:
            self.faults.append("the limits that were set are gone")


async def live(world, physics, course):
    """One life: the limits are set, all clients invoke, and everything ends; None after a cut."""
    async with open_box(world, physics) as box:
        course.watch(box)
        await box.engine.limits.put(TENANT, course.own, OPERATOR)
        course.told = True
        for key, priority in PRIORITIES.items():
            claim = IdempotencyClaim(key.rjust(32), key.rjust(32))
            artifact = world.story.artifact
            accepted = await box.engine.accept(artifact, key, claim, priority=priority)
            world.told[accepted.execution_id] = key
        await box.all_ended()
        await box.disk.finish()
        course.faults += box.broken() + priority_faults(box)
        return box.disk.batches
    return None


def priority_faults(box):
    """Whose priority is not what was asked for, or its parent's."""
    found = []
    stored = {one.execution_id: one for one in stored_executions(box.store)}
    for one in stored.values():
        if one.parent_id:
            wanted = stored[one.parent_id].priority
        else:
            (accepted,) = box.reader.journal(one.execution_id, limit=1)
            wanted = PRIORITIES[box.blobs.get(accepted.payload)]
        if one.priority != wanted:
            found.append(f"{one.execution_id} has priority {one.priority}, not {wanted}")
    return found


@pytest.mark.parametrize(
    ("story", "own"),
    [
        (BRANCHING, OwnLimits(executions_max=1)),
        (BRANCHING, OwnLimits(flow_executions_max=2)),
        (NESTING, OwnLimits(executions_max=1)),
        (FANNING, OwnLimits(executions_max=2)),
    ],
    ids=["one", "two of a flow", "a parent and its children", "a fan-out of children"],
)
def test_a_power_cut_at_any_commit_leaves_limits_and_priorities_and_none_too_many(
    tmp_path, story, own
):
    most = own.executions_max or own.flow_executions_max
    physics = Physics(sync_s=0.0005)
    course = Course(own)
    batches = run_seeded(3, live, World(tmp_path / "undisturbed", [story], 3), physics, course)
    assert course.faults == []
    assert course.most == most
    stride = max(1, batches // 10)
    for number, batch in enumerate(range(0, batches, stride)):
        for side in SIDES:
            world, course = World(tmp_path / f"{number}{side}", [story], 3), Course(own)
            cut = attrs.evolve(physics, cut=Cut(batch, side))
            assert run_seeded(3, live, world, cut, course) is None
            told = dict(world.told)
            assert run_seeded(4, live, world, physics, course) is not None
            shutil.rmtree(world.directory)
            assert course.faults == [], (batch, side)
            assert course.most <= most, (batch, side)
            assert set(told) <= set(world.told), (batch, side)
            assert len(world.told) == len(PRIORITIES)
