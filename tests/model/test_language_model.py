"""Random flows of the whole language, with power cuts, against a naive interpreter.

Loops lead from where all ways meet again back to where they parted, so that nothing runs beside
an iteration: what comes out then depends on no order.
"""

import random
import shutil

import pytest
from worlds.box import Physics, World, open_box
from worlds.disk import Cut
from worlds.flows import CHOOSING, Behaviour, Story, flow
from worlds.interpreter import interpret
from worlds.invariants import stored_executions
from worlds.seeds import run_seeded

from axiomd.execution.history import History
from axiomd.execution.join import TABLE, matching
from axiomd.execution.journal import EntryKind
from axiomd.execution.position import position_text
from axiomd.execution.status import Status
from axiomd.flow.artifact import FanOut, Join, Retry

SEEDS_MIN = 150
SEEDS_MAX = 900
TOLERANT = Join(failure_policy="TOLERATE_FAILURES")
KINDS = {
    EntryKind.NODE_FANNED_OUT,
    EntryKind.NODE_ITEM,
    EntryKind.EDGE_TAKEN,
    EntryKind.EDGE_NOT_TAKEN,
    EntryKind.GATE_ARRIVED,
    EntryKind.GATE_OPENED,
    EntryKind.GATE_NOT_TAKEN,
    EntryKind.GATE_FAILED,
}


class Sketch:
    """A flow that is drawn piece by piece, each piece between two placements."""

    def __init__(self, dice):
        self.dice = dice
        self.count = 0
        self.arrows, self.edges, self.nodes, self.behaviours = [], {}, {}, {}
        first = self.place()
        last = self.grow(first, depth=dice.randint(1, 3), fans=2)
        end = self.place()
        self.arrow(last, end)
        if dice.random() < 0.5:
            self.nodes.setdefault(end, {})["join"] = TOLERANT
        self.gather_at(end)

    def place(self):
        alias = f"n{self.count}"
        self.count += 1
        self.behaviours[alias] = Behaviour(
            fate=self.dice.choices(("fine", "fail", "crash"), (160, 1, 1), k=1)[0],
            losses=self.dice.choice((0, 0, 0, 1)),
            fails_below=self.dice.choice((0,) * 12 + (40, 128)),
            pad=self.dice.choice((0,) * 12 + (70_000,)),
        )
        return alias

    def arrow(self, source, destination, **edge):
        text = f"{source}>{destination}"
        self.arrows.append(text)
        if not edge and self.dice.random() < 0.12:
            edge = {"condition": f"< {self.dice.choice((30, 128, 220))}"}
        if self.dice.random() < 0.2:
            edge["fields"] = (("x", "y"),)
        if edge:
            self.edges[text] = edge

    def gather_at(self, alias):
        self.nodes.setdefault(alias, {})["gathers"] = True

    def grow(self, start, depth, fans):
        """Add pieces behind `start`; where they end."""
        for _ in range(self.dice.randint(1, 2)):
            shape = self.dice.choice(("step", "split", "loop", "fan", "rescue"))
            if depth == 0:
                shape = "step"
            if shape == "fan" and not fans:
                shape = "split"
            start = getattr(self, shape)(start, depth, fans)
        return start

    def step(self, start, depth, fans):
        there = self.place()
        self.arrow(start, there)
        return there

    def split(self, start, depth, fans):
        meet = self.place()
        for _ in range(self.dice.randint(2, 3)):
            first = self.place()
            self.arrow(start, first)
            # A gate inside of the arm would gather the items of a fan-out around it.
            last = self.grow(first, depth - 1, 0) if fans == 2 else first
            self.arrow(last, meet)
        self.nodes[meet] = {"join": TOLERANT} if self.dice.random() < 0.6 else {}
        return meet

    def loop(self, start, depth, fans):
        first = self.place()
        self.arrow(start, first)
        last = self.grow(first, depth - 1, fans)
        back = f"{last}>{first}"
        self.arrows.append(back)
        self.edges[back] = {"loop": True, "max_iterations": self.dice.randint(1, 3)}
        if self.dice.random() < 0.5:
            self.edges[back] |= {"condition": "< 90", "max_iterations": 9}
        return last

    def fan(self, start, depth, fans):
        each = self.place()
        self.nodes[each] = {
            "fan_out": FanOut(self.dice.choice(("dice 3", "0", "2")), self.dice.randint(0, 2))
        }
        self.arrow(start, each)
        last = each
        if fans == 2 and self.dice.random() < 0.3:
            last = self.fan(each, 0, 1)
        elif self.dice.random() < 0.5:
            last = self.step(each, 0, 0)
        gather = self.place()
        self.arrow(last, gather)
        self.gather_at(gather)
        if self.dice.random() < 0.5:
            self.nodes[gather]["join"] = TOLERANT
        return gather

    def rescue(self, start, depth, fans):
        """One placement whose failures have a way of their own."""
        if fans < 2:
            return self.step(start, depth, fans)
        risky, mend, meet = self.place(), self.place(), self.place()
        self.arrow(start, risky)
        self.arrow(risky, meet)
        self.arrow(risky, mend, on_error=True)
        self.arrow(mend, meet)
        self.behaviours[risky] = Behaviour(fails_below=128)
        return meet

    def story(self):
        retries = {alias: Retry() for alias in self.behaviours}
        made = flow(" ".join(self.arrows), retries=retries, edges=self.edges, nodes=self.nodes)
        return Story(made, self.behaviours)


async def live(world, payload, physics):
    """One life: what is stored in the end; None after a power cut."""
    async with open_box(world, physics) as box:
        await box.accept(payload, b"key")
        await box.all_ended()
        await box.disk.finish()
        broken = box.broken()
        assert broken == []
        (execution,) = stored_executions(box.store)
        journal = box.reader.journal(execution.execution_id)
        placements = world.story.artifact.placements
        outputs = {
            position_text(e.position, placements[e.position.placement].alias): box.blobs.get(
                e.payload
            )
            for e in journal
            if e.kind is EntryKind.NODE_COMPLETED
        }
        return execution, journal, outputs
    return None


def play(directory, story, seed, payload, cut):
    """A life that is cut, unless it ends before, and the next one; its journal, and whether."""
    world = World(directory, [story], seed)
    first = run_seeded(seed, live, world, payload, Physics(sync_s=0.001, cut=cut))
    ending = first or run_seeded(seed + 1, live, world, payload, Physics(sync_s=0.001))
    shutil.rmtree(directory)
    check(story, interpret(story, payload), *ending)
    return ending[1], first is None


def play_sketch(directory, seed):
    dice = random.Random(seed)
    story = Sketch(dice).story()
    cut = Cut(dice.randint(0, 40), dice.choice(("before", "after")))
    journal, _ = play(directory, story, seed, b"input %d" % seed, cut)
    return story.artifact, journal


def check(story, told, execution, journal, outputs):
    if told.failures:
        assert execution.status is Status.FAILED, told.failures
        assert (execution.failure.kind, execution.failure.placement) in told.failures
        # Whatever was running beside may have come further, but to nothing else.
        assert outputs.items() <= told.outputs.items()
        return
    assert execution.status is Status.COMPLETED, execution.failure
    assert outputs == told.outputs
    assert bool(execution.ended_at) is not told.completed
    if not told.completed:
        assert set(execution.ended_at) == told.ended_at


def rows_of(artifact, journal):
    """The rows of the gates' table that were met."""
    history = History(artifact)
    for entry in journal:
        history.apply(entry)
        for (placement, _), gate in history.gates.items():
            yield from matching(artifact.placements[placement].join, gate.tally)


def test_random_flows_of_the_whole_language_do_what_the_interpreter_says(tmp_path):
    kinds, rows, seed = set(), set(), 0
    wanted = {row for row in TABLE if row.all}
    while seed < SEEDS_MIN or not (kinds >= KINDS and rows >= wanted):
        assert seed < SEEDS_MAX, (KINDS - kinds, wanted - rows)
        try:
            artifact, journal = play_sketch(tmp_path / str(seed), seed)
        except BaseException as failure:
            failure.add_note(f"seed {seed}")
            raise
        kinds |= {entry.kind for entry in journal}
        rows |= set(rows_of(artifact, journal))
        seed += 1


@pytest.mark.parametrize("side", ["before", "after"])
@pytest.mark.parametrize("payload", [b"one", b"two", b"three"])
def test_a_power_cut_at_any_commit_of_a_flow_of_everything_changes_nothing(tmp_path, payload, side):
    for batch in range(1_000):
        _, was_cut = play(tmp_path / str(batch), CHOOSING, 3, payload, Cut(batch, side))
        if not was_cut:
            break
    assert batch >= 10
