"""What an artifact's expressions decide: which edges fire, and what moves over them.

Compiled at the first use of each edge and kept as long as the artifact is; edges without
expressions cost nothing. Pure: the same bytes give the same answer, which is recorded and never
asked for again.
"""

from collections.abc import Callable, Container, Mapping, Sequence
from typing import Protocol, TypeVar

import attrs
from google.protobuf.descriptor import FieldDescriptor

from axiomd.flow.artifact import Artifact, Edge
from axiomd.flow.cel import Fault, Given, Scope
from axiomd.flow.messages import MessageType
from axiomd.flow.node_error import NODE_ERROR, NodeError

_T = TypeVar("_T")
NO_EDGE = -1
"""Stands for a gate's compose or a compensation's input in an EdgeFault."""


@attrs.frozen
class Way:
    """What one edge does with a message."""

    edge: int
    """Its index in the artifact."""
    fires: bool
    """Whether its condition holds, or it has none."""
    content: bytes | None = None
    """The message that it makes; None: the source's as it is."""
    items: tuple[bytes, ...] | None = None
    """If it leads to a fan-out: what each item's visit is given."""


class EdgeFault(Exception):
    """An expression that failed on this message."""

    def __init__(self, edge: int, message: str) -> None:
        super().__init__(message)
        self.edge = edge
        self.message = message


class Rules(Protocol):
    """The decisions of one artifact. Each of them raises EdgeFault."""

    def ways(
        self, source: int, content: bytes, spent: Container[int] = frozenset()
    ) -> tuple[Way, ...]:
        """What each outgoing edge does with an output, in the artifact's order, loops included.

        spent: loops that have no iterations left. Of the edges after a loop whose own condition
        holds, or that has none and iterations left, none fires, nor is it evaluated: that loop is
        taken or fails the execution. Nor is one evaluated that has neither.
        """
        ...

    def rescues(self, source: int, error: NodeError) -> tuple[Way, ...]:
        """What each on_error edge does with a failure; one that fires always has content."""
        ...

    def compose(self, gate: int, arms: Mapping[int, bytes]) -> bytes:
        """A gate's input from the messages of its arms, by edge; what has not come is empty."""
        ...

    def compensation(self, placement: int, given: bytes, returned: bytes) -> bytes:
        """The input of the node that undoes a visit, from the visit's input and output."""
        ...


def edge_scope(source: MessageType, item: MessageType | FieldDescriptor | None = None) -> Scope:
    """What conditions and adapters name: the source's fields, `value`, and an `item` of it."""
    types: dict[str, MessageType | FieldDescriptor] = {"value": source}
    if item is not None:
        types["item"] = item
    return Scope(types, root=source)


def items_scope(source: MessageType) -> Scope:
    """What a fan-out's `items` names: `value`, the message that arrives."""
    return Scope({"value": source})


def compose_scope(arms: Mapping[str, MessageType]) -> Scope:
    """What a gate's compose names: `inputs.<alias>`, by the aliases of its arms."""
    return Scope({f"inputs.{alias}": arm for alias, arm in arms.items()})


def undo_scope(given: MessageType, returned: MessageType) -> Scope:
    """What a compensation's input names: `input` and `output` of the visit that it undoes."""
    return Scope({"input": given, "output": returned})


def compile_rules(
    artifact: Artifact,
    inputs: Sequence[MessageType],
    outputs: Sequence[MessageType],
    undos: Mapping[int, MessageType] | None = None,
) -> Rules:
    """The rules of an artifact whose expressions have been checked.

    inputs, outputs: the messages of each placement. undos: the input of each placement's
    compensating node, where that has an adapter.
    """
    return _Compiled(artifact, tuple(inputs), tuple(outputs), undos or {})


_Turn = Callable[[bytes], tuple[bool, bytes | None, tuple[bytes, ...] | None]]
"""A message to whether an edge fires, what it makes, and the items."""


@attrs.frozen(eq=False)
class _Compiled:
    artifact: Artifact
    inputs: tuple[MessageType, ...]
    outputs: tuple[MessageType, ...]
    undos: Mapping[int, MessageType]
    _turns: dict[int, _Turn] = attrs.field(factory=dict)
    _orders: dict[int, tuple[int, ...]] = attrs.field(factory=dict)
    _composed: dict[int, Callable[[Given], bytes]] = attrs.field(factory=dict)
    _undone: dict[int, Callable[[Given], bytes]] = attrs.field(factory=dict)

    def ways(
        self, source: int, content: bytes, spent: Container[int] = frozenset()
    ) -> tuple[Way, ...]:
        edges = self.artifact.edges
        outgoing = self.artifact.outgoing[source]
        found: dict[int, Way] = {}
        back = False
        # Loops come first: what leads on is not decided by a message that goes back.
        for edge in _kept(self._orders, source, lambda: _loops_first(outgoing, edges)):
            over = edges[edge].loop and not edges[edge].condition and edge in spent
            found[edge] = Way(edge, fires=False) if back or over else self._way(edge, content)
            back = back or (edges[edge].loop and found[edge].fires)
        return tuple(found[edge] for edge in outgoing)

    def rescues(self, source: int, error: NodeError) -> tuple[Way, ...]:
        rescues = self.artifact.rescues[source]
        if not rescues:
            return ()
        content = error.encode()
        ways = []
        for edge in rescues:
            way = self._way(edge, content)
            is_bare = way.fires and way.content is None
            ways.append(attrs.evolve(way, content=content) if is_bare else way)
        return tuple(ways)

    def compose(self, gate: int, arms: Mapping[int, bytes]) -> bytes:
        incoming = self.artifact.incoming[gate]
        given = {self._arm_name(edge): arms.get(edge, b"") for edge in incoming}
        return _faulted(
            NO_EDGE, _kept(self._composed, gate, lambda: self._compile_compose(gate)), given
        )

    def compensation(self, placement: int, given: bytes, returned: bytes) -> bytes:
        undo = self.artifact.placements[placement].compensate
        assert undo is not None
        if undo.fields is None:
            return returned
        make = _kept(self._undone, placement, lambda: self._compile_undo(placement))
        return _faulted(NO_EDGE, make, {"input": given, "output": returned})

    def _way(self, index: int, content: bytes) -> Way:
        edge = self.artifact.edges[index]
        if edge.fields is None and not edge.condition and not self._fans_out(edge):
            return Way(index, fires=True)
        turn = _kept(self._turns, index, lambda: self._compile_edge(edge))
        return Way(index, *_faulted(index, turn, content))

    def _fans_out(self, edge: Edge) -> bool:
        return self.artifact.placements[edge.destination].fan_out is not None

    def _source_of(self, edge: Edge) -> MessageType:
        return NODE_ERROR if edge.on_error else self.outputs[edge.source]

    def _arm_name(self, edge: int) -> str:
        return f"inputs.{self.artifact.placements[self.artifact.edges[edge].source].alias}"

    def _compile_edge(self, edge: Edge) -> _Turn:
        source, destination = self._source_of(edge), self.inputs[edge.destination]
        scope = edge_scope(source)
        holds = scope.condition(edge.condition) if edge.condition else _always
        fan_out = self.artifact.placements[edge.destination].fan_out
        if fan_out is not None:
            listed = items_scope(source)
            items = listed.items(fan_out.items)
            make_item: Callable[[Given], bytes] = _item
            if edge.fields is not None:
                item_scope = edge_scope(source, listed.check_items(fan_out.items))
                make_item = item_scope.fields(edge.fields, destination)
            return _fanning_turn(holds, items, make_item)
        if edge.fields is None:
            return lambda content: (holds(_given(content)), None, None)
        make = scope.fields(edge.fields, destination)

        def turn(content: bytes) -> tuple[bool, bytes | None, None]:
            given = _given(content)
            fires = holds(given)
            return fires, make(given) if fires else None, None

        return turn

    def _compile_compose(self, gate: int) -> Callable[[Given], bytes]:
        fields = self.artifact.placements[gate].compose
        assert fields is not None
        edges = [self.artifact.edges[e] for e in self.artifact.incoming[gate]]
        arms = {
            self.artifact.placements[edge.source].alias: (
                self._source_of(edge) if edge.fields is None else self.inputs[gate]
            )
            for edge in edges
        }
        return compose_scope(arms).fields(fields, self.inputs[gate])

    def _compile_undo(self, placement: int) -> Callable[[Given], bytes]:
        undo = self.artifact.placements[placement].compensate
        assert undo is not None
        assert undo.fields is not None
        scope = undo_scope(self.inputs[placement], self.outputs[placement])
        return scope.fields(undo.fields, self.undos[placement])


def _loops_first(outgoing: tuple[int, ...], edges: Sequence[Edge]) -> tuple[int, ...]:
    return tuple(sorted(outgoing, key=lambda edge: not edges[edge].loop))


def _given(content: bytes) -> dict[str, object]:
    return {"": content, "value": content}


def _always(_: Given) -> bool:
    return True


def _item(given: Given) -> bytes:
    content: bytes = given["item"]
    return content


def _fanning_turn(
    holds: Callable[[Given], bool],
    items: Callable[[Given], Sequence[object]],
    make_item: Callable[[Given], bytes],
) -> _Turn:
    def turn(content: bytes) -> tuple[bool, None, tuple[bytes, ...] | None]:
        given = _given(content)
        if not holds(given):
            return False, None, None
        return True, None, tuple(make_item({**given, "item": item}) for item in items(given))

    return turn


def _kept(kept: dict[int, _T], key: int, make: Callable[[], _T]) -> _T:
    if key not in kept:
        kept[key] = make()
    return kept[key]


_In = TypeVar("_In")


def _faulted(edge: int, evaluate: Callable[[_In], _T], given: _In) -> _T:
    try:
        return evaluate(given)
    except Fault as fault:
        raise EdgeFault(edge, str(fault)) from None
