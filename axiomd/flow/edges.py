"""What an edge passes on and when: conditions, adapters, loops and the types of messages.

Each edge is compiled on its own, from what its ends resolve to. The shape that all of them make
together is `axiomd.flow.shape`'s business, and what a gate does with its arms `axiomd.flow.gates`'.
"""

from collections.abc import Collection, Iterator

from google.protobuf.descriptor import FieldDescriptor

from axiomd.errors import Problem
from axiomd.flow.artifact import Edge
from axiomd.flow.casting import overlaps
from axiomd.flow.cel import BadExpression, Scope
from axiomd.flow.leaf import leaf_text
from axiomd.flow.messages import MessageType, edge_problems
from axiomd.flow.node_error import NODE_ERROR
from axiomd.flow.resolve import ResolvedFlow
from axiomd.flow.rules import edge_scope, items_scope
from axiomd.flow.shape import Arrow
from axiomd.flow.source import CEL_OP, EdgeSource
from axiomd.limits import ITERATIONS_DEFAULT
from axiomd.strict import join


class EdgeRules:
    """The edges of a flow: their problems, and what they compile to."""

    def __init__(self, flow: ResolvedFlow) -> None:
        self._flow = flow
        self._mismatches: dict[tuple[int, int], tuple[str, ...]] = {}
        self._scopes: dict[int, Scope] = {}
        self._items: dict[tuple[int, str], MessageType | FieldDescriptor] = {}
        self._sound: set[tuple[object, ...]] = set()
        """Expressions that have been found to be right, with the messages that they are over."""
        self._conditions: dict[int, str] = {}
        """CEL by number of the edge, of those that have been checked."""

    def problems(self) -> Iterator[Problem]:
        """Everything that is wrong with one edge or another."""
        for arrow in self._arrows():
            edge = self._flow.source.edges[arrow.index]
            path = join("edges", arrow.index)
            yield from _loop_problems(path, edge)
            yield from self._condition_problems(path, edge, arrow)
            if edge.adapter is not None:
                yield from self._adapter_problems(path, edge, arrow)
            elif self._must_fit(arrow):
                yield from self._type_problems(path, arrow)

    def type_problems(self) -> Iterator[Problem]:
        """Every output that does not fit where its edge leads without further ado."""
        for arrow in self._arrows():
            edge = self._flow.source.edges[arrow.index]
            if edge.adapter is None and not arrow.on_error and not arrow.loop:
                yield from self._type_problems(join("edges", arrow.index), arrow)

    def compiled(self) -> tuple[Edge, ...]:
        """The edges of a flow without problems, in source order."""
        return tuple(map(self._compile, self._arrows()))

    def _arrows(self) -> list[Arrow]:
        shape = self._flow.shape
        return sorted((*shape.arrows, *shape.loops), key=lambda arrow: arrow.index)

    def _compile(self, arrow: Arrow) -> Edge:
        edge = self._flow.source.edges[arrow.index]
        return Edge(
            arrow.source,
            arrow.destination,
            fields=None if edge.adapter is None else tuple(edge.adapter.items()),
            condition=self._conditions.get(arrow.index, ""),
            loop=arrow.loop,
            max_iterations=(edge.max_iterations or ITERATIONS_DEFAULT) if arrow.loop else 0,
            on_error=arrow.on_error,
        )

    def sent(self, arrow: Arrow) -> MessageType | None:
        """What the source of an edge sends over it; None where that is unknown."""
        if arrow.on_error:
            return NODE_ERROR
        node = self._flow.nodes[arrow.source]
        return node.output if node is not None else None

    def arriving(self, arrow: Arrow) -> MessageType | None:
        """What arrives at the destination: what its source sends, or its adapter makes of that."""
        if self._flow.source.edges[arrow.index].adapter is None:
            return self.sent(arrow)
        node = self._flow.nodes[arrow.destination]
        return node.input if node is not None else None

    def scope(self, sent: MessageType) -> Scope:
        """What a condition over a message may name: its fields, and the whole as `value`."""
        if id(sent) not in self._scopes:
            self._scopes[id(sent)] = edge_scope(sent)
        return self._scopes[id(sent)]

    def item(self, sent: MessageType, items: str) -> MessageType | FieldDescriptor:
        """What one item is of the list in a message that arrives. Raises BadExpression."""
        key = (id(sent), items)
        if key not in self._items:
            self._items[key] = items_scope(sent).check_items(items)
        return self._items[key]

    def _condition_problems(self, path: str, edge: EdgeSource, arrow: Arrow) -> Iterator[Problem]:
        sent = self.sent(arrow)
        if edge.condition is None or sent is None:
            return
        is_cel = edge.condition.op == CEL_OP
        where = join(path, "condition.cel" if is_cel else "condition")
        try:
            text = leaf_text(edge.condition, sent)
            if (id(sent), text) not in self._sound:
                self.scope(sent).check_condition(text)
        except BadExpression as failure:
            yield Problem(where, f"the condition of {self._flow.shape.pair(arrow)}: {failure}")
        else:
            self._sound.add((id(sent), text))
            self._conditions[arrow.index] = text

    def _adapter_problems(self, path: str, edge: EdgeSource, arrow: Arrow) -> Iterator[Problem]:
        sent, node = self.sent(arrow), self._flow.nodes[arrow.destination]
        if sent is None or node is None:
            return
        scope = self.scope(sent)
        fan_out = self._flow.config(arrow.destination).fan_out
        if fan_out is not None:
            try:
                item = self.item(sent, fan_out.items)
            except BadExpression:
                # What the items are is said of the fan-out; the adapter waits for them.
                return
            scope = edge_scope(sent, item)
        fields = tuple((edge.adapter or {}).items())
        items = fan_out.items if fan_out is not None else None
        key = (id(sent), items, id(node.input), fields)
        if key in self._sound:
            return
        said = f"the adapter of {self._flow.shape.pair(arrow)}"
        found = list(field_problems(join(path, "adapter"), said, fields, scope, node.input))
        yield from found
        if not found:
            self._sound.add(key)

    def _must_fit(self, arrow: Arrow) -> bool:
        # A gate that composes its input takes its arms as they are, a fan-out takes their items.
        config = self._flow.config(arrow.destination)
        return config.fan_out is None and (config.compose is None or arrow.loop)

    def _type_problems(self, path: str, arrow: Arrow) -> Iterator[Problem]:
        sent, node = self.sent(arrow), self._flow.nodes[arrow.destination]
        if sent is None or node is None:
            return
        pair = (id(sent), id(node.input))
        if pair not in self._mismatches:
            self._mismatches[pair] = edge_problems(sent, node.input)
        aliases = self._flow.shape.aliases
        source = f"a failure of '{aliases[arrow.source]}'" if arrow.on_error else None
        head = (
            f"{source or repr(aliases[arrow.source])} sends {sent.full_name}, "
            f"'{aliases[arrow.destination]}' takes {node.input.full_name}"
        )
        for said in self._mismatches[pair]:
            yield Problem(path, f"{head}: {said}")


def field_problems(
    path: str,
    said: str,
    fields: Collection[tuple[str, str]],
    scope: Scope,
    destination: MessageType,
) -> Iterator[Problem]:
    """What is wrong with the expressions that make a message, each under its field."""
    names = [field for field, _ in fields]
    for field, reason in overlaps(destination.descriptor, names):
        yield Problem(join(path, field), f"{said}: {reason}")
    for field, text in fields:
        try:
            scope.check_field(field, text, destination)
        except BadExpression as failure:
            yield Problem(join(path, field), f"{said}: {failure}")


def _loop_problems(path: str, edge: EdgeSource) -> Iterator[Problem]:
    pair = f"'{edge.source}' → '{edge.destination}'"
    if not edge.loop:
        if edge.max_iterations is not None:
            said = f"{pair} is no loop, and only a loop has max_iterations"
            yield Problem(join(path, "max_iterations"), said)
        return
    if edge.condition is None and edge.max_iterations is None:
        yield Problem(path, f"the loop {pair} never ends: give it a condition or max_iterations")
    if edge.on_error:
        said = f"{pair} cannot be a loop and an on_error edge at once: a failure is led to a"
        yield Problem(
            join(path, "on_error"), f"{said} placement, and a loop may go back from there"
        )
