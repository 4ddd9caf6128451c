"""Random flows of the whole language, with people around and power cuts, against an interpreter."""

import json
import random
import shutil

import attrs
import pytest
from worlds.box import Physics, World, open_box
from worlds.coverage import rows_of, transitions_of
from worlds.disk import Cut
from worlds.flows import CHOOSING, Story
from worlds.interpreter import Seen, interpret
from worlds.invariants import stored_executions
from worlds.oracle import expected_undone, to_undo, visit_of
from worlds.people import Script, play_out, random_script
from worlds.seeds import run_seeded

from axiomd.execution.execution import Execution
from axiomd.execution.join import TABLE
from axiomd.execution.journal import Entry, EntryKind
from axiomd.execution.status import TRANSITIONS, Status
from axiomd.settings import EngineSettings

SEEDS = 240
RARE = (242, 290, 430, 560, 578, 630, 671, 742, 878, 1058, 1140)
"""Seeds of which histories tell what few others do."""
CUT_ANYWHERE = (137, 242, 290)
NEVER = {
    # Only a generator can say something else the second time.
    EntryKind.NODE_DIVERGED,
    # Who is told is no part of a flow: power cuts of deliveries have worlds of their own.
    *(kind for kind in EntryKind if kind.name.startswith("WEBHOOK_")),
}
"""What no history of a unary execution tells."""


@attrs.frozen
class Ended:
    """What the store says of an execution in the end."""

    execution: Execution
    story: Story
    payload: bytes
    journal: list[Entry]
    outputs: dict[str, bytes]
    undone: list[tuple[str, str]]
    seen: Seen


def ended(box, execution):
    identity = execution.execution_id
    story = box.world.stories[execution.graph_id]
    journal = box.reader.journal(identity)
    broken = {
        visit_of(story.artifact, entry): json.loads(entry.detail)["kind"]
        for entry in journal
        if entry.kind is EntryKind.GATE_FAILED
    }
    return Ended(
        execution,
        story,
        box.blobs.get(journal[0].payload),
        journal,
        box.visits(identity),
        box.undone(identity) if execution.undoing else [],
        Seen(box.world.nodes.inputs.get(identity, {}), broken),
    )


async def live(world, script, physics):
    """One life: what is stored in the end; None after a power cut."""
    async with open_box(world, physics) as box:
        await play_out(box, script)
        await box.disk.finish()
        broken = box.broken()
        assert broken == []
        return [ended(box, execution) for execution in stored_executions(box.store)]
    return None


def play(directory, script, cut):
    """A life that is cut, unless it ends before, and the next one; what came of it, and whether."""
    world = World(directory, [script.story], script.seed)
    settings = EngineSettings(slots=script.slots, drain_s=0, started_delay_ms=1, node_timeout_s=1)
    calm = Physics(sync_s=0.001, settings=settings)
    first = run_seeded(script.seed, live, world, script, attrs.evolve(calm, cut=cut))
    last = first or run_seeded(script.seed + 1, live, world, script, calm)
    shutil.rmtree(directory)
    by_id = {one.execution.execution_id: one for one in last}
    assert world.told.keys() <= by_id.keys()
    originals = [e for e in last if not (e.execution.parent_id or e.execution.forked_from)]
    assert len(originals) == len(script.clients)
    for one in last:
        check(script, one, by_id)
    return last, first is None


def check(script, one, by_id):
    execution, failure = one.execution, one.execution.failure
    told = interpret(one.story, one.payload, one.seen)
    # Whatever was running beside may have come further, but to nothing else.
    assert one.outputs.items() <= told.outputs.items()
    undone = expected_undone(one.story, one.journal) if execution.undoing else []
    if script.cancel is not None and execution.status is Status.CANCELLED:
        # What was being undone when it was cancelled stays as it is from there on.
        undone = [
            (v, s if s == "PENDING" else w)
            for (v, w), (_, s) in zip(undone, one.undone, strict=True)
        ]
    assert one.undone == undone
    if execution.execution_id in script.cancelled:
        assert execution.status is Status.CANCELLED, "a cancel was acknowledged"
    if execution.status is Status.CANCELLED and may_be_cancelled(script, execution, by_id):
        return
    if told.failures and not outran(script, told, execution):
        ends = Status.CANCELLED if failure.kind == "CANCELLED" else Status.FAILED
        assert execution.status is ends, told.failures
        assert (failure.kind, failure.placement) in told.failures
        undoable = ends is Status.FAILED and to_undo(one.story.artifact, one.journal)
        assert bool(execution.undoing) is bool(undoable)
        return
    assert execution.status is Status.COMPLETED, failure
    if not (script.hasty and told.completed):
        assert one.outputs == told.outputs
    assert bool(execution.ended_at) is not told.completed
    if not told.completed:
        assert set(execution.ended_at) == told.ended_at


def may_be_cancelled(script, execution, by_id):
    """Whether somebody has asked for it, or its parent has ended without it."""
    if execution.parent_id:
        return by_id[execution.parent_id].execution.status.ended
    return script.cancel is not None


def outran(script, told, execution):
    """Whether it came to its end before what was bound to fail beside it did."""
    completed = execution.status is Status.COMPLETED
    return script.hasty and told.completed and completed


def play_seed(directory, seed):
    script = random_script(seed)
    dice = random.Random(seed)
    cut = Cut(dice.randint(0, 40), dice.choice(("before", "after")))
    try:
        return play(directory, script, cut)[0]
    except BaseException as failure:
        failure.add_note(f"seed {seed}")
        raise


def test_everything_occurs_in_random_flows_and_does_what_the_interpreter_says(tmp_path):
    kinds, transitions, rows = set(EntryKind) - NEVER, set(TRANSITIONS), set(TABLE)
    for seed in (*range(SEEDS), *RARE):
        for one in play_seed(tmp_path / str(seed), seed):
            kinds -= {entry.kind for entry in one.journal}
            rows -= set(rows_of(one.story.artifact, one.journal))
            if not one.execution.forked_from:
                transitions -= set(transitions_of(one.journal))
    never = [*sorted(kinds), *sorted(transitions), *rows]
    assert not never, f"never occurred: {never}"


@pytest.mark.soak
def test_many_more_random_flows_do_too(tmp_path):
    for seed in range(SEEDS, 50 * SEEDS):
        play_seed(tmp_path / str(seed), seed)


@pytest.mark.parametrize("side", ["before", "after"])
@pytest.mark.parametrize("payload", [b"one", b"two", b"three"])
def test_a_power_cut_at_any_commit_of_a_flow_of_everything_changes_nothing(tmp_path, payload, side):
    for batch in range(1_000):
        script = Script(3, CHOOSING, {b"key": payload})
        _, was_cut = play(tmp_path / str(batch), script, Cut(batch, side))
        if not was_cut:
            break
    assert batch >= 10


@pytest.mark.parametrize("side", ["before", "after"])
@pytest.mark.parametrize("seed", CUT_ANYWHERE)
def test_a_power_cut_at_any_commit_of_a_random_flow_changes_nothing_either(tmp_path, seed, side):
    for batch in range(1_000):
        script = random_script(seed)
        _, was_cut = play(tmp_path / str(batch), script, Cut(batch, side))
        if not was_cut:
            break
    assert batch >= 10
