"""What one step of a plan costs, early and late in a long history: no store, no processes.

    python tests/bench/plan.py

One flow goes round a loop of two placements, the other through a fan-out of very many items. Each
figure is the median of the decision and its fold for the steps around the one that is named: it
must not grow with what has been. The last ones are the whole of a fan-out by its items: what each
of them costs must not grow with how many there are.
"""

import statistics
import sys
import time
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from worlds.flows import flow

from axiomd.execution.history import History
from axiomd.execution.journal import Entry, EntryKind, Payload
from axiomd.execution.plan import after_output
from axiomd.execution.position import Position
from axiomd.execution.spread import Turn
from axiomd.flow.artifact import Artifact, FanOut

AROUND = 5
OUTPUT = Payload(2, b"ok")


def steps(artifact: Artifact, items: int) -> Iterator[float]:
    """Microseconds of each step, until the execution has completed."""
    history = History(artifact)
    history.apply(Entry(EntryKind.EXECUTION_ACCEPTED, 1, payload=OUTPUT))
    due = history.take_due()
    while due:
        position = due.pop(0)
        began = time.perf_counter()
        history.apply(Entry(EntryKind.NODE_STARTED, 1, position, attempt=1))
        turns = turns_of(artifact, position, items)
        decision = after_output(artifact, history, position, OUTPUT, 1, turns)
        for entry in decision.entries:
            history.apply(entry)
        due += history.take_due()
        yield (time.perf_counter() - began) * 1e6


def turns_of(artifact: Artifact, position: Position, items: int) -> list[Turn]:
    """Every edge fires; one to a fan-out brings its items."""
    placements, edges = artifact.placements, artifact.edges
    return [
        Turn(edge, items=(OUTPUT,) * items)
        if placements[edges[edge].destination].fan_out
        else Turn(edge)
        for edge in artifact.outgoing[position.placement]
    ]


def main() -> None:
    loop = flow("a>b b>a b>c", edges={"b>a": {"loop": True, "max_iterations": 6_000}})
    fan = flow("a>b b>c c>d", nodes={"b": {"fan_out": FanOut("")}, "d": {"gathers": True}})
    for name, artifact, items in (("loop", loop, 0), ("fan-out", fan, 6_000)):
        taken = list(steps(artifact, items))
        for step in (10, 1_000, 10_000):
            around = taken[step - AROUND : step + AROUND]
            print(f"{name}, step {step:,}: {statistics.median(around):.1f} µs")
    for items in (500, 2_000, 10_000):
        each = sum(steps(fan, items)) / items
        print(f"fan-out of {items:,} items, two visits each: {each:.1f} µs an item")


if __name__ == "__main__":
    main()
