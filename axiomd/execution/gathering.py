"""What waits in a history for others: gates with their arms, fan-outs with their items."""

from collections.abc import Container

import attrs

from axiomd.execution.join import Tally
from axiomd.execution.journal import Payload
from axiomd.execution.position import Position

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


def arrived_tally(tally: Tally, arms: int) -> Tally:
    """The tally after an arrival; of no arms at all, if a fan-out had no items."""
    return attrs.evolve(tally, arrived=tally.arrived + 1, coming=tally.coming - max(arms, 0))


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
