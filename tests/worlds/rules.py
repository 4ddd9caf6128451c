"""Expressions for flows without descriptors: what edges do follows from the bytes alone."""

import hashlib
from collections.abc import Mapping

from worlds.flows import Story

from axiomd.flow.node_error import NodeError
from axiomd.flow.rules import EdgeFault, Way


def dice(word: str, content: bytes) -> int:
    """A number from 0 to 255 that depends on nothing else."""
    return hashlib.sha256(word.encode() + b"/" + content).digest()[0]


class StoryRules:
    """The rules of a story.

    A condition `< N` holds with a chance of N in 256, by the content. An adapter wraps the
    content. A list has as many items as its text says, or the dice: `2`, or `dice 3`. The adapter
    `fault` fails.
    """

    def __init__(self, story: Story) -> None:
        self._artifact = story.artifact

    def ways(self, source: int, content: bytes, spent=frozenset()) -> tuple[Way, ...]:
        edges, outgoing = self._artifact.edges, self._artifact.outgoing[source]
        found: dict[int, Way] = {}
        back = False
        for edge in sorted(outgoing, key=lambda edge: not edges[edge].loop):
            over = edge in spent and not edges[edge].condition
            found[edge] = Way(edge, fires=False) if back or over else self.way(edge, content)
            back = back or (edges[edge].loop and found[edge].fires)
        return tuple(found[edge] for edge in outgoing)

    def rescues(self, source: int, error: NodeError) -> tuple[Way, ...]:
        content = f"{error.kind} of {error.placement}".encode()
        ways = (self.way(edge, content) for edge in self._artifact.rescues[source])
        return tuple(Way(way.edge, way.fires, way.content or content, way.items) for way in ways)

    def way(self, edge: int, content: bytes) -> Way:
        ends = self._artifact.edges[edge]
        if ends.condition and dice(f"condition {edge}", content) >= int(ends.condition[2:]):
            return Way(edge, fires=False)
        fan_out = self._artifact.placements[ends.destination].fan_out
        if fan_out is not None:
            return Way(edge, fires=True, items=self._items(edge, fan_out.items, content))
        return Way(edge, fires=True, content=self._adapted(edge, content))

    def _adapted(self, edge: int, content: bytes) -> bytes | None:
        fields = self._artifact.edges[edge].fields
        if fields is None:
            return None
        if fields == (("fault", ""),):
            raise EdgeFault(edge, "1:1: it cannot be done")
        return b"<%d:%s>" % (edge, content[:40])

    def _items(self, edge: int, text: str, content: bytes) -> tuple[bytes, ...]:
        word, _, most = text.rpartition(" ")
        count = dice(f"items {edge}", content) % (int(most) + 1) if word else int(most)
        return tuple(b"%d/%s" % (item, content[:40]) for item in range(count))

    def compose(self, gate: int, arms: Mapping[int, bytes]) -> bytes:
        return b"|".join(b"%d=%s" % (edge, arms[edge][:40]) for edge in sorted(arms))

    def compensation(self, placement: int, given: bytes, returned: bytes) -> bytes:
        undo = self._artifact.placements[placement].compensate
        if undo is not None and undo.fields == (("fault", ""),):
            raise EdgeFault(-1, "1:1: it cannot be done")
        return b"undo " + returned[:40]
