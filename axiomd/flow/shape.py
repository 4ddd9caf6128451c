"""The shape of a flow: which placements lead where, and whether that is a flow at all.

One entry, one reachable terminal, everything reachable, no pair connected twice, no way back.
Knows aliases and edge numbers only; linear in the size of the flow, and never recursive.
"""

from collections.abc import Iterator, Sequence

import attrs

from axiomd.errors import Problem
from axiomd.strict import join

_NAMES_MAX = 10


@attrs.frozen
class Arrow:
    """A forward edge between two placements, by placement number."""

    index: int
    """Number of the edge in the source."""
    source: int
    destination: int
    on_error: bool = False


@attrs.frozen(eq=False)
class Shape:
    """Placements and the forward edges between them."""

    aliases: Sequence[str]
    arrows: Sequence[Arrow]
    whole: bool
    """False when some edges or names are in doubt: then entry and terminal would be guesses."""
    outgoing: list[list[Arrow]] = attrs.field(init=False)
    starts: list[int] = attrs.field(init=False)
    """Placements that no edge leads to."""

    def __attrs_post_init__(self) -> None:
        outgoing: list[list[Arrow]] = [[] for _ in self.aliases]
        led_to = set()
        for arrow in self.arrows:
            # An edge to itself is refused, and says nothing about the rest.
            if arrow.source != arrow.destination:
                outgoing[arrow.source].append(arrow)
                led_to.add(arrow.destination)
        object.__setattr__(self, "outgoing", outgoing)
        starts = [p for p in range(len(self.aliases)) if p not in led_to]
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

    def names(self, placements: Sequence[int]) -> str:
        """The canvas IDs of `placements`, of very many only the first."""
        shown = ", ".join(f"'{self.aliases[p]}'" for p in placements[:_NAMES_MAX])
        more = len(placements) - _NAMES_MAX
        return f"{shown} and {more} more" if more > 0 else shown


def shape_problems(shape: Shape) -> Iterator[Problem]:
    """Everything that keeps `shape` from being a flow."""
    yield from _pair_problems(shape)
    yield from _cycle_problems(shape)
    if shape.whole:
        yield from _end_problems(shape)


def _pair_problems(shape: Shape) -> Iterator[Problem]:
    first: dict[tuple[int, int], Arrow] = {}
    for arrow in shape.arrows:
        source, destination = shape.aliases[arrow.source], shape.aliases[arrow.destination]
        path = join("edges", arrow.index)
        if arrow.source == arrow.destination:
            yield Problem(path, f"'{source}' leads to itself")
            continue
        other = first.setdefault((arrow.source, arrow.destination), arrow)
        if other is not arrow:
            pair = f"'{source}' → '{destination}' is already connected by edges[{other.index}]"
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
