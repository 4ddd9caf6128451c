"""Random flows, random mishaps, a power cut at a random commit: against a naive oracle.

Seeds are played until every kind of entry, every trigger and every row of the table of statuses
has been seen that these flows can come to, and for a while longer. Pipelines are here alone; the
rest of the language has a model of its own, `test_language_model.py`, and pauses, children, debug
sessions, forks and compensation are cut at every commit in `tests/crash` and `tests/engine` too.
"""

import random
import shutil

import attrs
import pytest
import trio
from worlds.box import Physics, World, open_box
from worlds.client import follow
from worlds.coverage import transitions_of
from worlds.disk import Cut
from worlds.flows import Behaviour, Story, flow
from worlds.invariants import stored_executions
from worlds.oracle import doomed, expected
from worlds.person import answer_doubts
from worlds.seeds import run_seeded

from axiomd.errors import WrongState
from axiomd.execution.journal import EntryKind
from axiomd.execution.status import TRANSITIONS, Status, Trigger
from axiomd.flow.artifact import Retry
from axiomd.settings import EngineSettings

SEEDS_MIN = 120
SEEDS_MAX = 400
FAMILIES = ("execution_", "node_", "edge_taken", "gate_arrived", "gate_opened")
KINDS = {kind for kind in EntryKind if kind.wire.startswith(FAMILIES)} - {
    EntryKind.EXECUTION_FORKED,
    EntryKind.NODE_FANNED_OUT,
    EntryKind.NODE_ITEM,
    EntryKind.NODE_CHILD_STARTED,
}
"""What the journals of these flows say."""
ELSEWHERE = {Trigger.HOLD, Trigger.UNDO, Trigger.COMPENSATE}
ROWS = {
    (status, trigger)
    for status, trigger in TRANSITIONS
    if trigger not in ELSEWHERE and status not in (Status.DEBUG_PAUSED, Status.COMPENSATING)
}
"""The rows of the table of statuses that these flows come to."""
FAILURES = {"fail": "NODE_ERROR", "crash": "NODE_CRASHED", "vanish": "NODE_CRASHED"}
FAILURES |= {"hang": "TIMEOUT"}


def random_arrows(dice):
    """A flow with one entry and one terminal."""
    count = dice.randint(2, 7)
    pairs = set()
    for place in range(1, count):
        for source in dice.sample(range(place), min(place, dice.choice((1, 1, 2, 3)))):
            pairs.add((source, place))
    for place in range(count - 1):
        if all(source != place for source, _ in pairs):
            pairs.add((place, count - 1))
    return " ".join(f"n{a}>n{b}" for a, b in sorted(pairs)), [f"n{n}" for n in range(count)]


def random_behaviour(dice):
    return Behaviour(
        fate=dice.choices(("fine", "fail", "crash", "vanish", "hang"), (40, 1, 1, 1, 1), k=1)[0],
        crashes=dice.choice((0, 0, 0, 0, 1, 2)),
        losses=dice.choice((0, 0, 0, 1, 2)),
        stumbles=dice.choice((0, 0, 0, 0, 1, 2)),
        pad=dice.choice((0, 0, 0, 70_000)),
        fan=dice.randint(1, 4),
        rest=dice.randint(0, 2),
        says=dice.random() < 0.2,
        fickle=dice.random() < 0.3,
    )


def random_story(dice):
    arrows, aliases = random_arrows(dice)
    mode = dice.choice(("unary", "pipeline"))
    streams = [a for a in aliases if dice.random() < 0.5] if mode == "pipeline" else []
    xor = [a for a in aliases if dice.random() < 0.5] if mode == "pipeline" else []
    behaviours = {alias: random_behaviour(dice) for alias in aliases}
    once = [a for a in aliases if mode == "unary" and dice.random() < 0.25]
    for alias in once:
        # What hangs or dies each time would be in doubt for ever.
        behaviours[alias] = attrs.evolve(behaviours[alias], fate=dice.choice(("fine", "fail")))
    made = flow(
        arrows,
        mode=mode,
        streams=" ".join(streams),
        retries={alias: random_retry(dice, behaviours[alias]) for alias in aliases},
        once=" ".join(once),
        xor=" ".join(xor),
    )
    return Story(made, behaviours)


def random_retry(dice, behaviour):
    """Attempts enough for what passes: a power cut forgets calls, and a node does not."""
    return Retry(
        max_attempts=behaviour.crashes + behaviour.stumbles + dice.choice((1, 2)),
        initial_interval_ms=dice.choice((0, 2, 9)),
        jitter=dice.choice((0, 0.5)),
    )


class Script:
    """What the clients of one run do."""

    def __init__(self, seed):
        dice = random.Random(seed)
        self.seed = seed
        self.story = random_story(dice)
        self.clients = {b"%d" % n: b"input %d" % n for n in range(dice.randint(1, 3))}
        self.cancels = {key: dice.random() * 0.03 for key in self.clients if dice.random() < 0.3}
        self.slots = dice.choice((1, 1, 8))
        self.sync_s = dice.choice((0.0, 0.001, 0.01))
        self.cut = Cut(dice.randint(0, 30), dice.choice(("before", "after")))
        self.cancelled = set()
        """Executions whose cancellation was acknowledged."""

    def physics(self, cut):
        # Whoever answers looks all the time: a node that hangs costs by the second.
        settings = EngineSettings(slots=self.slots, drain_s=0, started_delay_ms=1, node_timeout_s=1)
        return Physics(sync_s=self.sync_s, cut=cut, settings=settings)


async def client(box, script, key, payload):
    execution_id = await box.accept(payload, key)
    if key in script.cancels:
        await trio.sleep(script.cancels[key])
        try:
            await box.engine.cancel("tenant", execution_id)
        except WrongState:
            assert box.reader.find_execution(execution_id).status.ended
        else:
            script.cancelled.add(execution_id)
    if script.story.artifact.mode == "pipeline":
        await follow(box, execution_id)


async def live(world, script, cut):
    """One life; what the store says in the end, or None after a power cut."""
    async with open_box(world, script.physics(cut)) as box:
        async with trio.open_nursery() as nursery:
            for key, payload in script.clients.items():
                nursery.start_soon(client, box, script, key, payload)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(answer_doubts, box, random.Random(script.seed))
            await box.all_ended()
            nursery.cancel_scope.cancel()
        await box.disk.finish()
        assert box.broken() == []
        return [
            (
                execution,
                box.reader.journal(execution.execution_id),
                box.outputs(execution.execution_id)
                if execution.mode == "unary"
                else box.frames(execution.execution_id),
            )
            for execution in stored_executions(box.store)
        ]
    return None


def check(script, world, endings):
    story = script.story
    assert set(world.told) <= {execution.execution_id for execution, *_ in endings}
    assert len(endings) == len(script.clients)
    for execution, _, out in endings:
        if execution.execution_id in script.cancelled:
            assert execution.status is Status.CANCELLED, "a cancel was acknowledged"
        if execution.status is Status.CANCELLED:
            assert world.told[execution.execution_id] in script.cancels
            continue
        if execution.mode == "pipeline":
            terminal = story.artifact.placements[story.artifact.terminal].alias
            assert world.streamed[execution.execution_id] == out[terminal]
        wanted = expected(story, script.clients[world.told[execution.execution_id]], out)
        if wanted.failing and not outran(story, execution):
            assert execution.status is Status.FAILED
            assert execution.failure.placement in wanted.failing
            fate = story.behaviour(execution.failure.placement).fate
            assert execution.failure.kind == FAILURES[fate]
            continue
        assert execution.status is Status.COMPLETED, execution.failure
        check_results(story, wanted, out)


def outran(story, execution):
    """Whether it completed before a placement came to the failing that it was bound to.

    An XOR gate passes the other arms' frames meanwhile, and a gate behind it that zips may have all
    that it wants.
    """
    placements = range(len(story.artifact.placements))
    return execution.status is Status.COMPLETED and any(map(story.artifact.is_xor_gate, placements))


def check_results(story, wanted, out):
    if story.artifact.mode == "unary":
        assert out == wanted.outputs
        return
    fickle = any(behaviour.fickle for behaviour in story.behaviours.values())
    terminal = story.artifact.placements[story.artifact.terminal].alias
    for alias, frames in wanted.frames.items():
        # An arm that a gate did not wait for may have been cut short by the end.
        seen = out[alias] if alias == terminal else out[alias][: len(frames)]
        if fickle:
            assert len(seen) <= len(frames)
        else:
            assert seen == frames[: len(seen)]
    assert len(out[terminal]) == len(wanted.frames[terminal])


def play(directory, seed):
    script = Script(seed)
    world = World(directory, [script.story], seed)
    endings = run_seeded(seed, live, world, script, script.cut)
    if endings is None:
        endings = run_seeded(seed + 1, live, world, script, None)
    check(script, world, endings)
    shutil.rmtree(directory)
    return [journal for _, journal, _ in endings]


def test_random_flows_do_what_the_oracle_says_through_any_power_cut(tmp_path):
    kinds, transitions, seed = set(), set(), 0
    while seed < SEEDS_MIN or not (kinds >= KINDS and transitions >= ROWS):
        assert seed < SEEDS_MAX, (KINDS - kinds, ROWS - transitions)
        try:
            journals = play(tmp_path / str(seed), seed)
        except BaseException as failure:
            failure.add_note(f"seed {seed}")
            raise
        for journal in journals:
            kinds |= {entry.kind for entry in journal}
            transitions |= set(transitions_of(journal))
        seed += 1
    assert {trigger for _, trigger in transitions} == set(Trigger) - ELSEWHERE


@pytest.mark.parametrize("fate", ["fail", "crash", "vanish", "hang"])
def test_the_oracle_knows_every_fate(fate):
    story = Story(flow("a>b"), {"b": Behaviour(fate)})
    assert doomed(story, "b")
    assert expected(story, b"x").failing == {"b"}
