"""What waits in a history for others: gates with their arms, fan-outs with their items.

`Gathering` is the part of the fold that signals of edges go through, and that a loop begins anew.
"""

from collections.abc import Container, Iterator

import attrs

from axiomd.clock import NS_PER_S
from axiomd.execution.join import Tally
from axiomd.execution.journal import Payload
from axiomd.execution.position import Position
from axiomd.flow.artifact import Artifact

Place = tuple[int, tuple[int, ...]]
"""A placement and the items its visits are for: a gate, or a fan-out, that may be at work."""


@attrs.frozen
class Signal:
    """What came over an edge to a gate: a message, or that there will be none."""

    edge: int
    items: tuple[int, ...]
    payload: Payload | None = None
    failed: bool = False


@attrs.define(eq=False)
class Gate:
    """What has come to a gate."""

    tally: Tally
    arms: dict[tuple[int, tuple[int, ...]], Payload] = attrs.field(factory=dict)
    """What arrived, by edge and by the items that it gathers."""
    opened: bool = False
    """Whether it is decided; what comes now comes too late."""
    due_ns: int = 0
    """When it waits no longer; 0 for never."""
    closed: dict[tuple[int, tuple[int, ...]], bool] = attrs.field(factory=dict)
    """Items that will not come, by edge as in `arms`: whether they have failed."""
    lasting: list[Signal] = attrs.field(factory=list)
    """What came from outside of the loops around it, for the iterations that follow."""


@attrs.define(eq=False)
class Fan:
    """A fan-out whose items are at work."""

    count: int
    limit: int
    """Items that may be in work at a time; 0 for all."""
    waiting: dict[Position, tuple[Payload, ...]] = attrs.field(factory=dict)
    """Visits of items that are not yet in work, in their order."""
    live: dict[int, int] = attrs.field(factory=dict)
    """For each item in work its pending visits."""
    idle: set[int] = attrs.field(factory=set)
    """Items that ran out of pending visits since there was last a look; some may have new ones."""


class Gathering:
    """What has come to each gate of an execution, and how far its fan-outs are."""

    def __init__(self, artifact: Artifact) -> None:
        self._artifact = artifact
        self.gates: dict[Place, Gate] = {}
        """Gates that something has come to."""
        self.fans: dict[Place, Fan] = {}
        """Fan-outs, by placement and outer items."""

    def clear(self) -> None:
        """Nothing waits any more."""
        self.gates.clear()
        self.fans.clear()

    def fan_out(self, place: Place, fan: Fan) -> None:
        """A fan-out begins; now those who gather it know how many arms that is."""
        self.fans[place] = fan
        placement, items = place
        for gate, edges in self._artifact.gatherers[placement].items():
            there = self.gates.get((gate, items))
            if there is not None and not there.opened:
                there.tally = sized_tally(there.tally, edges, fan.count)

    def gate(self, place: Place) -> Gate:
        """A gate, from the first time that something comes to it."""
        if place not in self.gates:
            self.gates[place] = Gate(self.first_tally(place))
        return self.gates[place]

    def first_tally(self, place: Place, anew: Container[int] = ()) -> Tally:
        """The arms that a gate may get; how many a fan-out brings is known once it has begun.

        anew: fan-outs whose last beginning does not count.
        """
        placement, items = place
        coming = unsized = 0
        for edge in self._artifact.incoming[placement]:
            fan = self._artifact.gathered(edge)
            if fan is None:
                coming += 1
            elif fan not in anew and (fan, items) in self.fans:
                coming += self.fans[fan, items].count
            else:
                unsized += 1
        return Tally(coming=coming, unsized=unsized)

    def arms_of(self, edge: int, items: tuple[int, ...]) -> int:
        """How many arms of a gate a signal over `edge` from a visit with `items` stands for.

        One; but all items of a fan-out that was not taken, or has none, give one signal together:
        -1 if it has never begun.
        """
        destination = self._artifact.edges[edge].destination
        fan = self._artifact.gathered(edge)
        if fan is None or len(items) > len(self._artifact.outer(destination)):
            return 1
        there = self.fans.get((fan, items))
        return there.count if there is not None else -1

    def signal(self, gate: Gate, signal: Signal) -> None:
        """Something has come to a gate, or will not come."""
        edge, items = signal.edge, signal.items
        arms = self.arms_of(edge, items)
        inner = items[len(self._artifact.outer(self._artifact.edges[edge].destination)) :]
        if edge in self._artifact.lasting:
            gate.lasting.append(signal)
        if signal.payload is None:
            gate.tally = closed_tally(gate.tally, arms, failed=signal.failed)
            if not gate.opened and inner:
                gate.closed[edge, inner] = signal.failed
            return
        gate.tally = arrived_tally(gate.tally, arms)
        if not gate.opened:
            gate.arms[edge, inner] = signal.payload

    def renewed(self, place: Place, loop: int, items: tuple[int, ...]) -> Gate:
        """A gate as a loop leaves it that begins anew: with what came from outside of the loop.

        items: those that the loop is for. A gate that gathers them keeps what the others brought.
        """
        body, depth = self._artifact.body(loop), len(place[1])
        if depth < len(items):
            edges = [
                e
                for e in self._artifact.incoming[place[0]]
                if self._artifact.edges[e].source in body
            ]
            there = self.gates.get(place)
            return without(there or Gate(self.first_tally(place)), edges, items, depth)
        gate = Gate(self.first_tally(place, body))
        # Whoever goes back to a gate has gone past its arms.
        gate.opened = self._artifact.edges[loop].destination == place[0]
        before = self.gates.get(place)
        for signal in before.lasting if before is not None else ():
            if self._artifact.edges[signal.edge].source not in body:
                self.signal(gate, signal)
        return gate

    def begun_anew(self, loop: int, items: tuple[int, ...]) -> list[Place]:
        """The gates something has come to that a loop begins anew."""
        body = self._artifact.body(loop)
        return [p for p in self.gates if p[0] in body and is_around(p[1], items)]

    def fans_after(self, loop: tuple[int, tuple[int, ...]] | None) -> Iterator[Fan]:
        """The fan-outs that go on, once this loop is taken for its items; all without one."""
        for place, fan in self.fans.items():
            if loop is None or not self._is_within(place, *loop):
                yield fan

    def _is_within(self, place: Place, loop: int, items: tuple[int, ...]) -> bool:
        return place[0] in self._artifact.body(loop) and place[1][: len(items)] == items

    def begin_anew(self, loop: int, items: tuple[int, ...], at_ns: int) -> None:
        """Drop what is left of the iteration before of a loop."""
        for place in self.begun_anew(loop, items):
            gate = self.gates[place] = self.renewed(place, loop, items)
            timeout_s = self._artifact.placements[place[0]].join.timeout_s
            if timeout_s and gate.tally.arrived and not gate.opened and not gate.due_ns:
                # What lasts is the first of its arms in this iteration.
                gate.due_ns = at_ns + int(timeout_s * NS_PER_S)
        for place in [p for p in self.fans if self._is_within(p, loop, items)]:
            del self.fans[place]


def is_around(some: tuple[int, ...], others: tuple[int, ...]) -> bool:
    """Whether one of two paths of items begins with the other one."""
    return all(one == other for one, other in zip(some, others, strict=False))


def arrived_tally(tally: Tally, arms: int) -> Tally:
    """The tally after an arrival; of no arms at all, if a fan-out had no items."""
    return attrs.evolve(
        tally,
        arrived=tally.arrived + 1,
        coming=tally.coming - max(arms, 0),
        empty=tally.empty + (arms == 0),
    )


def closed_tally(tally: Tally, arms: int, *, failed: bool) -> Tally:
    """The tally after `arms` of them will not come; -1 for those of a fan-out that never began."""
    word = "failed" if failed else "missing"
    if arms < 0:
        return attrs.evolve(tally, unsized=tally.unsized - 1, **{word: getattr(tally, word) + 1})
    return attrs.evolve(tally, coming=tally.coming - arms, **{word: getattr(tally, word) + arms})


def sized_tally(tally: Tally, edges: int, count: int) -> Tally:
    """The tally once it is known that each of `edges` brings `count` arms."""
    return attrs.evolve(tally, unsized=tally.unsized - edges, coming=tally.coming + edges * count)


def without(gate: Gate, edges: Container[int], items: tuple[int, ...], depth: int) -> Gate:
    """What has come to a gate but for what an item brought over `edges`: that comes once more.

    depth: how many of `items` are the gate's own.
    """
    if gate.opened:
        return gate
    inner = items[depth:]
    arms = {arm: p for arm, p in gate.arms.items() if not (arm[0] in edges and arm[1] == inner)}
    closed = {a: failed for a, failed in gate.closed.items() if a[0] not in edges or a[1] != inner}
    arrived = len(gate.arms) - len(arms)
    failed = sum(gate.closed.values()) - sum(closed.values())
    missing = len(gate.closed) - len(closed) - failed
    tally = attrs.evolve(
        gate.tally,
        arrived=gate.tally.arrived - arrived,
        failed=gate.tally.failed - failed,
        missing=gate.tally.missing - missing,
        coming=gate.tally.coming + arrived + failed + missing,
    )
    lasting = [s for s in gate.lasting if s.edge not in edges or s.items != items]
    due_ns = gate.due_ns if tally.arrived else 0
    return Gate(tally, arms, due_ns=due_ns, closed=closed, lasting=lasting)
