"""What the edges of an artifact do with messages: the seam between expressions and decisions."""

from collections.abc import Mapping
from typing import Protocol

import attrs

from axiomd.flow.node_error import NodeError


@attrs.frozen
class Way:
    """What one edge does with one message."""

    edge: int
    fires: bool
    content: bytes | None = None
    """The message as the edge has made it; None if it is passed on as it is."""
    items: tuple[bytes, ...] | None = None
    """Where the destination fans out: its input for each item."""


class EdgeFault(Exception):
    """An expression of an edge has failed."""

    def __init__(self, edge: int, message: str) -> None:
        super().__init__(message)
        self.edge = edge
        """By index; -1 for what is no edge's."""
        self.message = message


class Rules(Protocol):
    """The expressions of one artifact."""

    def ways(self, source: int, content: bytes) -> tuple[Way, ...]:
        """What each outgoing edge does with an output, in the artifact's order.

        A loop fires if its condition holds. Raises EdgeFault.
        """
        ...

    def rescues(self, source: int, error: NodeError) -> tuple[Way, ...]:
        """What each edge for failures does; the content of one that fires is never None.

        Raises EdgeFault.
        """
        ...

    def compose(self, gate: int, arms: Mapping[int, bytes]) -> bytes:
        """The input of a gate from what has arrived, by edge. Raises EdgeFault."""
        ...

    def compensation(self, placement: int, given: bytes, returned: bytes) -> bytes:
        """The input of what undoes a visit, from its input and its output. Raises EdgeFault."""
        ...


def compile_rules(artifact: object, inputs: object, outputs: object) -> Rules:
    """Placeholder."""
    raise NotImplementedError
