"""Flows that turn back, fan out and gather, and leave some of their edges."""

import attrs
from worlds.flows import Story, flow

from axiomd.flow.artifact import Artifact, Edge, FanOut


def with_loop(artifact: Artifact, back: str, **policy: object) -> Artifact:
    """The artifact with an edge that leads back: `"c>b"`."""
    source, destination = (artifact.index_of[alias] for alias in back.split(">"))
    loop = Edge(source, destination, loop=True, **policy)  # type: ignore[arg-type]
    return attrs.evolve(artifact, edges=(*artifact.edges, loop), graph_id=f"{back:x<26}")


def with_fan(artifact: Artifact, alias: str, items: str, most: int = 0) -> Artifact:
    """The artifact with a placement that fans out."""
    placements = list(artifact.placements)
    number = artifact.index_of[alias]
    placements[number] = attrs.evolve(placements[number], fan_out=FanOut(items, most))
    return attrs.evolve(artifact, placements=tuple(placements), graph_id=f"{alias:f<26}")


LOOPING = Story(with_loop(flow("a>b b>c c>d"), "c>b", condition="< 140", max_iterations=200))
"""Unary: the middle goes round for as long as the dice say."""

_FANNED = with_fan(flow("a>f f>g g>j a>j j>k"), "f", "5", 2)
FANNING = Story(_FANNED)
"""Unary: two placements for each of five items, two at a time, beside an arm that has none."""
