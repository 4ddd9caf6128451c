"""What a placement makes of what arrives: gates, their merge, fan-outs, and the items they share.

Scopes say for which items a placement is visited; `axiomd.flow.artifact.find_scopes` finds them,
here is what they have to be. Speaks of flows whose shape is sound.
"""

from collections.abc import Iterator
from functools import cached_property

import attrs
from google.protobuf.descriptor import Descriptor, FieldDescriptor

from axiomd.errors import Problem
from axiomd.flow.artifact import FanOut, Fields, Join, Placement, find_scopes
from axiomd.flow.cel import BadExpression
from axiomd.flow.compatibility import edge_problems
from axiomd.flow.descriptors import is_map
from axiomd.flow.edges import EdgeRules, field_problems
from axiomd.flow.messages import MessageType
from axiomd.flow.naming import quoted
from axiomd.flow.resolve import ResolvedFlow
from axiomd.flow.rules import compose_scope
from axiomd.flow.shape import Arrow
from axiomd.flow.source import ComposeSource, JoinSource
from axiomd.limits import FAN_OUT_DEPTH_MAX
from axiomd.strict import join, nearest


class GateRules:
    """The gates and fan-outs of a flow."""

    def __init__(self, flow: ResolvedFlow, edges: EdgeRules) -> None:
        self._flow = flow
        self._edges = edges
        self._count = len(flow.source.nodes)

    @cached_property
    def scopes(self) -> tuple[tuple[int, ...], ...]:
        """For each placement the fan-outs whose items it is visited for, the outermost first."""
        placements = [self._outline(number) for number in range(self._count)]
        return find_scopes(placements, self._flow.shape.arrows)

    def _outline(self, placement: int) -> Placement:
        """A placement as far as scopes go; one that could gather does so where there are items."""
        config = self._flow.config(placement)
        may_gather = config.join is not None or not self._flow.shape.outgoing[placement]
        fan_out = FanOut("") if config.fan_out is not None else None
        alias = self._flow.shape.aliases[placement]
        nameless = Placement(alias, "", "", "", "unary", "", "")
        return attrs.evolve(nameless, fan_out=fan_out, gathers=may_gather)

    def outer(self, placement: int) -> tuple[int, ...]:
        """The scope in which a placement is reached."""
        scope = self.scopes[placement]
        return scope[:-1] if self._flow.config(placement).fan_out is not None else scope

    def gathers(self, placement: int) -> bool:
        """Whether a placement takes the items of a fan-out together without further arms."""
        arms = self._flow.shape.incoming[placement]
        return len(arms) == 1 and len(self.scopes[arms[0].source]) > len(self.outer(placement))

    def is_gate(self, placement: int) -> bool:
        """Whether a placement waits for several arms, or for the items of a fan-out."""
        return len(self._flow.shape.incoming[placement]) > 1 or self.gathers(placement)

    def stray_join_problems(self) -> Iterator[Problem]:
        """Join blocks of what has nothing to join."""
        for placement in range(self._count):
            if self._flow.config(placement).join is not None and not self.is_gate(placement):
                said = "has one way in at most and no items to gather, so there is nothing to join"
                path = self._flow.config_path(placement, "join")
                yield Problem(path, f"'{self._flow.shape.aliases[placement]}' {said}")

    def problems(self) -> Iterator[Problem]:
        """Everything that is wrong with a gate, a fan-out, or how they stand to each other."""
        for placement in range(self._count):
            config = self._flow.config(placement)
            if config.join is not None and self.is_gate(placement):
                yield from self._join_problems(placement, config.join)
            if config.compose is not None:
                yield from self._compose_problems(placement)
            if config.fan_out is not None:
                yield from self._fan_out_problems(placement)
            yield from self._scope_problems(placement)
        yield from self._loop_problems()

    # -- gates --------------------------------------------------------------------------------

    def _join_problems(self, placement: int, gate: JoinSource) -> Iterator[Problem]:
        path = self._flow.config_path(placement, "join")
        alias = self._flow.shape.aliases[placement]
        if gate.timeout_policy is not None and gate.timeout_seconds is None:
            said = f"the gate '{alias}' never times out: timeout_policy needs timeout_seconds"
            yield Problem(join(path, "timeout_policy"), said)
        if gate.kind == "XOR":
            for key in ("quorum", "timeout_seconds"):
                if getattr(gate, key) is not None:
                    said = f"the XOR gate '{alias}' opens with its first arm, and so has no {key}"
                    yield Problem(join(path, key), said)
            return
        arms = self._flow.shape.incoming[placement]
        known = all(self.scopes[arm.source] == self.outer(placement) for arm in arms)
        if known and gate.quorum is not None and gate.quorum > len(arms):
            said = f"the gate '{alias}' has {len(arms)} arms, and a quorum of {gate.quorum} never"
            yield Problem(join(path, "quorum"), f"{said} comes")

    def _compose_problems(self, placement: int) -> Iterator[Problem]:
        path = self._flow.config_path(placement, "compose")
        alias = self._flow.shape.aliases[placement]
        compose = self._flow.config(placement).compose or {}
        if not self.is_gate(placement):
            yield Problem(path, f"'{alias}' is no gate: an adapter on its edge makes its input")
            return
        arms = {self._flow.shape.aliases[a.source]: a for a in self._flow.shape.incoming[placement]}
        lost = [
            Problem(join(join(path, field), "src"), _no_arm(alias, part.src, arms))
            for field, part in compose.items()
            if part.src is not None and part.src not in arms
        ]
        yield from lost
        types = {name: self._edges.arriving(arm) for name, arm in arms.items()}
        node = self._flow.nodes[placement]
        known = {name: kind for name, kind in types.items() if kind is not None}
        if node is None or lost or len(known) < len(arms):
            return
        fields = [(field, compose_text(part)) for field, part in compose.items()]
        yield from field_problems(
            path, f"compose of '{alias}'", fields, compose_scope(known), node.input
        )

    def compose(self, placement: int) -> Fields | None:
        """How a gate of a flow without problems makes its input."""
        parts = self._flow.config(placement).compose
        if parts is None:
            return None
        return tuple((field, compose_text(part)) for field, part in parts.items())

    # -- fan-outs -----------------------------------------------------------------------------

    def _fan_out_problems(self, placement: int) -> Iterator[Problem]:
        path = self._flow.config_path(placement, "fan_out")
        alias = self._flow.shape.aliases[placement]
        shape = self._flow.shape
        if not shape.incoming[placement]:
            said = f"'{alias}' is the entry, and nothing arrives there over an edge to fan out"
            yield Problem(path, said)
        if len(shape.incoming[placement]) > 1:
            said = f"'{alias}' is a gate and cannot fan out as well: put a placement behind it"
            yield Problem(path, said)
        elif not shape.outgoing[placement]:
            said = f"'{alias}' is the terminal: no placement behind it gathers its items"
            yield Problem(path, said)
        elif self._flow.config(placement).join is not None and self.is_gate(placement):
            said = f"'{alias}' gathers items by its join and cannot fan out as well"
            yield Problem(path, said)
        arriving = [*shape.incoming[placement]]
        arriving += [loop for loop in shape.loops if loop.destination == placement]
        for arrow in arriving:
            yield from self._items_problems(join(path, "items"), arrow)

    def _items_problems(self, path: str, arrow: Arrow) -> Iterator[Problem]:
        sent, node = self._edges.sent(arrow), self._flow.nodes[arrow.destination]
        fan_out = self._flow.config(arrow.destination).fan_out
        if sent is None or fan_out is None:
            return
        alias = self._flow.shape.aliases[arrow.destination]
        try:
            item = self._edges.item(sent, fan_out.items)
        except BadExpression as failure:
            yield Problem(path, f"the items of '{alias}': {failure}")
            return
        if node is None or self._flow.source.edges[arrow.index].adapter is not None:
            return
        pair = self._flow.shape.pair(arrow)
        brought = _message(item)
        if brought is None:
            said = f"the items of '{alias}' are no messages: {pair} needs an adapter that makes"
            yield Problem(path, f"{said} a {node.input.full_name} of each `item`")
            return
        for said in edge_problems(brought, node.input.descriptor):
            head = f"{pair} brings items that are {brought.full_name}, '{alias}' takes"
            yield Problem(path, f"{head} {node.input.full_name}: {said}")

    def _scope_problems(self, placement: int) -> Iterator[Problem]:
        shape = self._flow.shape
        path, alias = join("nodes", placement), shape.aliases[placement]
        if len(self.scopes[placement]) > FAN_OUT_DEPTH_MAX:
            if self._flow.config(placement).fan_out is not None:
                names = " in ".join(f"'{shape.aliases[p]}'" for p in self.scopes[placement][::-1])
                said = f"fan-outs nest at most {FAN_OUT_DEPTH_MAX} deep, but these do so: {names}"
                yield Problem(self._flow.config_path(placement, "fan_out"), said)
            return
        outer = self.outer(placement)
        if not shape.outgoing[placement] and outer:
            said = f"the items of {shape.names(outer)} are not gathered before the terminal"
            yield Problem(path, f"{said} '{alias}', which gathers one fan-out only")
        if not self.is_gate(placement):
            return
        for arm in shape.incoming[placement]:
            scope = self.scopes[arm.source]
            if len(scope) > len(outer) + 1:
                said = (
                    f"the arm {shape.pair(arm)} brings items of {shape.names(scope[len(outer) :])}"
                )
                rule = "a gate gathers one fan-out: put a placement with a join between them"
                yield Problem(join("edges", arm.index), f"{said}, but {rule}")

    def _loop_problems(self) -> Iterator[Problem]:
        shape = self._flow.shape
        for loop in shape.loops:
            if self.scopes[loop.source] != self.outer(loop.destination):
                where = [
                    f"'{shape.aliases[end]}' is {self._inside(scope)}"
                    for end, scope in (
                        (loop.source, self.scopes[loop.source]),
                        (loop.destination, self.outer(loop.destination)),
                    )
                ]
                said = f"the loop {shape.pair(loop)} crosses a fan-out: {', '.join(where)}"
                yield Problem(join("edges", loop.index), said)

    def _inside(self, scope: tuple[int, ...]) -> str:
        if not scope:
            return "reached outside of every fan-out"
        return f"visited for the items of {self._flow.shape.names(scope)}"


def compile_join(source: JoinSource | None) -> Join:
    """How a gate takes its arms."""
    if source is None:
        return Join()
    return Join(
        kind=source.kind,
        failure_policy=source.failure_policy,
        quorum=source.quorum or 0,
        timeout_s=source.timeout_seconds or 0.0,
        timeout_policy=source.timeout_policy or "FAIL",
    )


def compose_text(part: ComposeSource) -> str:
    """Where one field of a gate's input comes from, as CEL."""
    if part.src is None:
        return part.cel or ""
    path = (part.path or "").split(".")
    return ".".join(("inputs", part.src, *(quoted(name) for name in path if name)))


def _message(item: MessageType | FieldDescriptor) -> Descriptor | None:
    """What message an item is; None for a text, a number or an entry of a map."""
    if isinstance(item, MessageType):
        return item.descriptor
    return None if is_map(item) else item.message_type


def _no_arm(alias: str, name: str, arms: dict[str, Arrow]) -> str:
    guess = nearest(name, arms)
    hint = f", did you mean '{guess}'?" if guess else f"; its arms are {', '.join(map(repr, arms))}"
    return f"'{name}' is no arm of the gate '{alias}'{hint}"
