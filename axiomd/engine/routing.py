"""From a message to what its edges do with it: expressions are evaluated here, once.

Between the pure decision, which wants payloads, and the expressions, which want bytes. What an
edge makes of a message is durable where it has to be before a decision names it.
"""

from collections.abc import Awaitable, Callable, Container, Sequence

import attrs

from axiomd.execution.call import Content
from axiomd.execution.execution import Ending
from axiomd.execution.journal import Payload
from axiomd.execution.plan import edge_text
from axiomd.execution.position import Position
from axiomd.execution.spread import Turn
from axiomd.flow.artifact import Artifact
from axiomd.flow.node_error import NodeError
from axiomd.flow.rules import EdgeFault, Rules, Way


@attrs.frozen(eq=False)
class Routing:
    """The expressions of one attempt's artifact, over payloads."""

    artifact: Artifact
    rules: Rules
    read: Callable[[tuple[Payload, ...]], Awaitable[bytes]]
    """The bytes of a message, or of the merge of several."""
    keep: Callable[[Content], Awaitable[Payload]]
    """A payload that is durable where it has to be."""

    async def of_output(
        self,
        position: Position,
        payload: Payload,
        content: Content | None = None,
        spent: Container[int] = frozenset(),
    ) -> Sequence[Turn] | None:
        """What each outgoing edge does with an output; None if there is nothing to evaluate.

        content: the bytes of `payload`, if they are at hand. spent: loops without iterations left.
        Raises EdgeFault.
        """
        if position.placement not in self.artifact.decides:
            return None
        known = bytes(content) if content is not None else await self.read((payload,))
        return await self._turns(self.rules.ways(position.placement, known, spent))

    async def of_failure(
        self, position: Position, kind: str, message: str, attempts: int
    ) -> Sequence[Turn]:
        """What each edge for failures does; none if there is none. Raises EdgeFault."""
        if not self.artifact.rescues[position.placement]:
            return ()
        alias = self.artifact.placements[position.placement].alias
        error = NodeError(message, kind, alias, attempts)
        return await self._turns(self.rules.rescues(position.placement, error))

    async def compose(
        self, position: Position, edges: Sequence[int], payloads: Sequence[Payload]
    ) -> Payload:
        """The composed input of a gate, from what came over each edge. Raises EdgeFault."""
        arms: dict[int, bytes] = {}
        for edge, payload in zip(edges, payloads, strict=True):
            arms[edge] = arms.get(edge, b"") + await self.read((payload,))
        return await self.keep(self.rules.compose(position.placement, arms))

    def ending(self, position: Position, fault: EdgeFault) -> Ending:
        """How an execution ends of which an edge, or a gate's input, cannot be made."""
        alias = self.artifact.placements[position.placement].alias
        edge = edge_text(self.artifact, fault.edge) if fault.edge >= 0 else ""
        return Ending("EDGE_ADAPTER", fault.message, alias, edge=edge)

    async def _turns(self, ways: Sequence[Way]) -> list[Turn]:
        return [
            Turn(
                way.edge,
                way.fires,
                None if way.content is None else await self.keep(way.content),
                tuple([await self.keep(item) for item in way.items or ()]),
            )
            for way in ways
        ]
