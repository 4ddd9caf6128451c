"""The identity of one node visit: which placement, which loop iteration, which item."""

import re
from typing import NamedTuple

from axiomd.flow.artifact import Artifact

_TEXT = re.compile(r"(?P<alias>[^#\[\]]+)(?:#(?P<iteration>\d+))?(?P<items>(?:\[\d+\])*)")
_ITEM = re.compile(r"\d+")


class Position(NamedTuple):
    """Names checkpoints, events and effect keys. A tuple, because the engine keys by it."""

    placement: int
    """Index in the artifact."""
    iteration: int = 1
    """1 for the first visit; a loop that leads back to it, or before it, raises it."""
    items: tuple[int, ...] = ()
    """Fan-out items, counted from 0, of the outermost fan-out first; none outside of one."""


def position_text(position: Position, alias: str) -> str:
    """`alias`, `alias#2` for the second loop iteration, `alias[3]` for a fan-out item."""
    iteration = f"#{position.iteration}" if position.iteration > 1 else ""
    return f"{alias}{iteration}{''.join(f'[{item}]' for item in position.items)}"


def visit_text(artifact: Artifact, position: Position) -> str:
    """`position_text` of a visit of an artifact's placement."""
    return position_text(position, artifact.placements[position.placement].alias)


def parse_position(text: str) -> tuple[str, int, tuple[int, ...]]:
    """Alias, iteration and items of a position text; ValueError if it is none."""
    match = _TEXT.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is not a position such as 'alias', 'alias#2' or 'alias[3]'")
    items = tuple(int(item) for item in _ITEM.findall(match["items"]))
    return match["alias"], int(match["iteration"] or 1), items
