"""The shape of a flow: which placements lead where, and whether that is a flow at all.

One entry, one reachable terminal, everything reachable, no pair connected twice, no way back but
loops, and loops that lead back and out. Knows aliases and edge numbers only, and is never
recursive.
"""

from collections.abc import Iterator, Sequence

import attrs

from axiomd.errors import Problem
from axiomd.flow.artifact import forward_order
from axiomd.strict import join

_NAMES_MAX = 10


@attrs.frozen
class Arrow:
    """An edge between two placements, by placement number."""

    index: int
    """Number of the edge in the source."""
    source: int
    destination: int
    on_error: bool = False
    loop: bool = False


@attrs.frozen(eq=False)
class Shape:
    """Placements and the edges between them."""

    aliases: Sequence[str]
    arrows: Sequence[Arrow]
    """Forward edges."""
    loops: Sequence[Arrow]
    whole: bool
    """False when some edges or names are in doubt: then entry and terminal would be guesses."""
    outgoing: list[list[Arrow]] = attrs.field(init=False)
    """For each placement its forward edges."""
    incoming: list[list[Arrow]] = attrs.field(init=False)
    starts: list[int] = attrs.field(init=False)
    """Placements that no edge leads to."""

    def __attrs_post_init__(self) -> None:
        outgoing: list[list[Arrow]] = [[] for _ in self.aliases]
        incoming: list[list[Arrow]] = [[] for _ in self.aliases]
        for arrow in self.arrows:
            # An edge to itself is refused, and says nothing about the rest.
            if arrow.source != arrow.destination:
                outgoing[arrow.source].append(arrow)
                incoming[arrow.destination].append(arrow)
        object.__setattr__(self, "outgoing", outgoing)
        object.__setattr__(self, "incoming", incoming)
        starts = [p for p, arrows in enumerate(incoming) if not arrows]
        object.__setattr__(self, "starts", starts)

    def entry(self) -> int | None:
        """The one placement where the flow begins.

        Of several that no edge leads to, those without edges at all are left over, not entries.
        """
        connected = [p for p in self.starts if self.outgoing[p]]
        candidates = self.starts if len(self.starts) == 1 else connected
        return candidates[0] if len(candidates) == 1 else None

    def reachable(self, starts: Sequence[int]) -> set[int]:
        """`starts` and every placement that edges lead to from there."""
        found = set(starts)
        todo = list(starts)
        while todo:
            for arrow in self.outgoing[todo.pop()]:
                if arrow.destination not in found:
                    found.add(arrow.destination)
                    todo.append(arrow.destination)
        return found

    def ends(self, reached: set[int]) -> list[int]:
        """Those of `reached` that no edge leaves."""
        return [p for p in sorted(reached) if not self.outgoing[p]]

    def pair(self, arrow: Arrow) -> str:
        """The ends of an edge."""
        return f"'{self.aliases[arrow.source]}' → '{self.aliases[arrow.destination]}'"

    def names(self, placements: Sequence[int]) -> str:
        """The canvas IDs of `placements`, of very many only the first."""
        shown = ", ".join(f"'{self.aliases[p]}'" for p in placements[:_NAMES_MAX])
        more = len(placements) - _NAMES_MAX
        return f"{shown} and {more} more" if more > 0 else shown


def shape_problems(shape: Shape) -> Iterator[Problem]:
    """Everything that keeps `shape` from being a flow."""
    yield from _pair_problems(shape)
    cycles = False
    for problem in _cycle_problems(shape):
        cycles = True
        yield problem
    if shape.whole:
        yield from _end_problems(shape)
    # What leads back to where is open while there are cycles.
    if not cycles:
        yield from _loop_problems(shape)


def _pair_problems(shape: Shape) -> Iterator[Problem]:
    first: dict[tuple[int, int], Arrow] = {}
    for arrow in shape.arrows:
        path = join("edges", arrow.index)
        if arrow.source == arrow.destination:
            said = f"'{shape.aliases[arrow.source]}' leads to itself; only a loop may do so"
            yield Problem(path, said)
            continue
        other = first.setdefault((arrow.source, arrow.destination), arrow)
        if other is not arrow:
            pair = f"{shape.pair(arrow)} is already connected by edges[{other.index}]"
            mixed = other.on_error != arrow.on_error
            rule = "has a normal or an on_error edge, never both" if mixed else "has one edge"
            yield Problem(path, f"{pair}: a pair {rule}")


def _cycle_problems(shape: Shape) -> Iterator[Problem]:
    """One problem for each edge that closes a cycle, found by walking depth first."""
    done: set[int] = set()
    for start in range(len(shape.aliases)):
        if start in done:
            continue
        way = {start: 0}
        stack = [iter(shape.outgoing[start])]
        while stack:
            arrow = next(stack[-1], None)
            if arrow is None:
                stack.pop()
                done.add(way.popitem()[0])
            elif arrow.destination in way:
                yield _cycle(shape, arrow, list(way)[way[arrow.destination] :])
            elif arrow.destination not in done:
                way[arrow.destination] = len(way)
                stack.append(iter(shape.outgoing[arrow.destination]))


def _cycle(shape: Shape, closing: Arrow, way: list[int]) -> Problem:
    names = [shape.aliases[p] for p in way]
    if len(names) > _NAMES_MAX:
        names[_NAMES_MAX - 1 : -1] = ["…"]
    said = f"closes the cycle {' → '.join([*names, names[0]])}"
    return Problem(join("edges", closing.index), f"{said}; only a loop may lead back")


def _loop_problems(shape: Shape) -> Iterator[Problem]:
    reached = _reached(shape) if shape.loops else []
    for loop in shape.loops:
        path = join("edges", loop.index)
        if not reached[loop.destination] >> loop.source & 1:
            said = f"the loop {shape.pair(loop)} leads nowhere back: forward edges must lead from"
            ends = [f"'{shape.aliases[end]}'" for end in (loop.destination, loop.source)]
            yield Problem(path, f"{said} {ends[0]} to {ends[1]}")
        onward = shape.outgoing[loop.source]
        if onward and all(arrow.on_error for arrow in onward):
            said = f"the loop {shape.pair(loop)} has no way out: '{shape.aliases[loop.source]}'"
            yield Problem(path, f"{said} is left by on_error edges and loops only")


def _reached(shape: Shape) -> list[int]:
    """For each placement a bit for every one that forward edges lead to from it, and its own."""
    found = [1 << p for p in range(len(shape.aliases))]
    for placement in reversed(forward_order(len(shape.aliases), shape.arrows)):
        for arrow in shape.outgoing[placement]:
            found[placement] |= found[arrow.destination]
    return found


def _end_problems(shape: Shape) -> Iterator[Problem]:
    if not shape.aliases:
        yield Problem("nodes", "a flow has at least one placement")
    if not shape.starts:
        # Every way comes from a cycle, and the cycle has been reported.
        return
    entry = shape.entry()
    if entry is None:
        said = (
            f"a flow has exactly one entry, but no edge leads to any of {shape.names(shape.starts)}"
        )
        yield Problem("nodes", said)
    reached = shape.reachable(shape.starts if entry is None else [entry])
    ends = shape.ends(reached)
    if len(ends) > 1:
        said = f"a flow has exactly one terminal, but no edge leaves any of {shape.names(ends)}"
        yield Problem("nodes", said)
    for placement in range(len(shape.aliases)):
        if placement not in reached:
            yield _unreachable(shape, placement, entry)


def _unreachable(shape: Shape, placement: int, entry: int | None) -> Problem:
    start = "an entry" if entry is None else f"the entry '{shape.aliases[entry]}'"
    said = f"'{shape.aliases[placement]}' is unreachable: no way leads to it from {start}"
    return Problem(join("nodes", placement), said)
