"""The identity of one node visit: which placement, which loop iteration, which item."""

import re
from typing import NamedTuple

_TEXT = re.compile(r"(?P<alias>[^#\[\]]+)(?:#(?P<iteration>\d+))?(?:\[(?P<item>\d+)\])?")


class Position(NamedTuple):
    """Names checkpoints, events and effect keys. A tuple, because the engine keys by it."""

    placement: int
    """Index in the artifact."""
    iteration: int = 1
    """1 for the first visit; a loop edge raises it."""
    item: int = -1
    """Fan-out item, counted from 0; -1 outside a fan-out."""


def position_text(position: Position, alias: str) -> str:
    """`alias`, `alias#2` for the second loop iteration, `alias[3]` for a fan-out item."""
    iteration = f"#{position.iteration}" if position.iteration > 1 else ""
    item = f"[{position.item}]" if position.item >= 0 else ""
    return f"{alias}{iteration}{item}"


def parse_position(text: str) -> tuple[str, int, int]:
    """Alias, iteration and item of a position text; ValueError if it is none."""
    match = _TEXT.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is not a position such as 'alias', 'alias#2' or 'alias[3]'")
    return match["alias"], int(match["iteration"] or 1), int(match["item"]) if match["item"] else -1
