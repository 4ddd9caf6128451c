"""Published shapes of hundreds of tasks, with gates of a hundred arms, through losses and cuts."""

import json
import random

import pytest
from worlds.box import Physics, World, open_box
from worlds.disk import Cut
from worlds.flows import Behaviour, Story
from worlds.interpreter import interpret
from worlds.invariants import stored_executions
from worlds.seeds import run_seeded
from worlds.wfcommons import artifact_of, epigenomics, genome, montage

SHAPES = {
    "epigenomics": epigenomics(110),
    "montage": montage(105),
    "1000genome": genome(2, 100, 7),
}
TASKS_MIN = 200
ARMS_MIN = 100
CUTS = 8
EARLY, LATE = 2, 7
"""The batches of a life that can be its last. A batch holds the checkpoints of dozens of visits:
much later, and the run is over before its power goes."""


async def live(world, physics):
    async with open_box(world, physics) as box:
        await box.accept(b"in", b"key")
        await box.all_ended()
        await box.disk.finish()
        broken = box.broken()
        assert broken == []
        (execution,) = stored_executions(box.store)
        return execution.status, box.outputs(execution.execution_id)
    return None


@pytest.mark.parametrize("name", SHAPES)
def test_a_published_shape_runs_to_its_end_through_losses_and_power_cuts(tmp_path, name):
    artifact = artifact_of(json.loads(json.dumps(SHAPES[name])))
    assert len(artifact.placements) >= TASKS_MIN
    assert max(map(len, artifact.incoming)) >= ARMS_MIN
    dice = random.Random(name)
    lossy = {p.alias: Behaviour(losses=1) for p in artifact.placements if dice.random() < 0.1}
    story = Story(artifact, lossy)
    world = World(tmp_path, [story], seed=1)
    # Whether a call is due is looked up in the whole journal each time: too slow for so many.
    world.nodes.strict = False
    ending = None
    done_before: dict[int, set[str]] = {1: set()}
    while ending is None:
        more = world.lives < CUTS
        cut = Cut(dice.randint(EARLY, LATE), dice.choice(("before", "after"))) if more else None
        ending = run_seeded(world.lives, live, world, Physics(cut=cut))
        done_before[world.lives + 1] = {alias for _, alias, _ in world.durable_at_cut}
    status, outputs = ending
    assert status == "COMPLETED"
    assert outputs == interpret(story, b"in").outputs
    assert world.lives == CUTS + 1, "a cut did not meet the run"
    assert done_before[world.lives], "no cut met the execution under way"
    again = [s.alias for s in world.nodes.starts if s.alias in done_before[s.life]]
    assert again == [], "checkpointed work was done again"
