"""The compiled form of a flow: immutable, everything resolved, with its lookup tables.

Placements and edges refer to each other by index, so that journal and frames can too.
"""

import json
from collections.abc import Sequence
from functools import cached_property
from typing import Literal, Protocol

import attrs

Mode = Literal["unary", "pipeline"]
JoinKind = Literal["AND", "XOR"]
FailurePolicy = Literal["FAIL_FAST", "TOLERATE_FAILURES"]
GatePolicy = Literal["FAIL", "PROCEED"]
PausePolicy = Literal["CANCEL", "FAIL", "CONTINUE"]
Fields = tuple[tuple[str, str], ...]
"""How a message is made: (field of it, CEL expression of the field's value)."""


@attrs.frozen
class Retry:
    """How often, and how long apart, a node visit is tried that fails."""

    max_attempts: int = 1
    """Charged calls in all, the first one included."""
    initial_interval_ms: float = 1_000.0
    backoff_coefficient: float = 2.0
    max_interval_ms: float = 60_000.0
    jitter: float = 0.0
    """Share of a pause, from 0 to 1, that is left to chance."""
    non_retryable: tuple[str, ...] = ()
    """Exception classes and failure kinds that are final."""


@attrs.frozen
class Join:
    """How a gate takes its arms."""

    kind: JoinKind = "AND"
    failure_policy: FailurePolicy = "FAIL_FAST"
    """Whether an arm that fails fails the flow, or is only missing."""
    quorum: int = 0
    """Arms that are enough; 0 for all that come."""
    timeout_s: float = 0.0
    """Seconds from the first arrival that it waits for the others; 0 for ever."""
    timeout_policy: GatePolicy = "FAIL"


@attrs.frozen
class FanOut:
    """One visit for each item of a list."""

    items: str
    """CEL expression of the list, over the message that arrives, called `value`."""
    max_parallel: int = 0
    """Items that are worked on at a time; 0 for all."""


@attrs.frozen
class Hitl:
    """A person is asked before the node runs."""

    payload: str = "null"
    """JSON of what the person is shown beside the input."""
    timeout_s: float = 0.0
    """Seconds that the answer may take; 0 for ever."""
    timeout_policy: PausePolicy = "FAIL"


@attrs.frozen
class Compensate:
    """The node that undoes what a placement has done."""

    package: str
    """`handle/package@version` as written."""
    node: str
    digest: str
    input_type: str
    output_type: str
    fields: Fields | None = None
    """Its input over `input` and `output` of the placement; None: the output as it is."""
    concurrency: int = 1


@attrs.frozen
class Placement:
    """A node placed in a flow, resolved to the code that will run."""

    alias: str
    """The canvas ID."""
    package: str
    """`handle/package@version` as written; `digest` says which content that was."""
    node: str
    """PascalCase name of the node in its package."""
    digest: str
    """SHA-256 of the package's content, 64 hex characters."""
    kind: Mode
    """`pipeline` for a generator node."""
    input_type: str
    """Full name of the input message in the package's descriptor set."""
    output_type: str
    """Full name of the output message."""
    runner: str = "process"
    """The registered runner that runs it."""
    timeout_s: float | None = None
    """Seconds one call may take; None takes the execution's default."""
    once: bool = False
    """The node must never be run again silently after a loss."""
    concurrency: int = 1
    """Calls one process may run side by side (async nodes)."""
    x: float | None = None
    """Canvas position, if the source gave one."""
    y: float | None = None
    memory_mib: int | None = None
    """Memory one node process may take; None for what the box allows."""
    cpu_seconds: int | None = None
    """Processor seconds one call may take; None for no bound but its time."""
    fresh: bool = False
    """Whether every call gets a process that has run nothing before."""
    retry: Retry = Retry()
    join: Join = Join()
    """How it takes its arms, if it is a gate."""
    gathers: bool = False
    """Whether it is a gate for the items of a fan-out even if only one edge leads to it."""
    compose: Fields | None = None
    """How a gate makes its input, over `inputs.<alias>`; None: the arms are merged."""
    fan_out: FanOut | None = None
    hitl: Hitl | None = None
    compensate: Compensate | None = None
    subflow: str = ""
    """ID of the artifact that runs as a child execution in the place of a node."""


@attrs.frozen
class Edge:
    """A connection from one placement to another, by placement index."""

    source: int
    destination: int
    fields: Fields | None = None
    """The adapter: the destination's message over the source's; None passes it on as it is."""
    condition: str = ""
    """CEL over the source's message: whether the edge fires; empty if it always does."""
    loop: bool = False
    """Whether it leads back, to a further iteration."""
    max_iterations: int = 0
    """Of a loop: the last iteration there may be; 0 for an edge that is none."""
    on_error: bool = False
    """Whether it fires when the source has failed, with an `axiom.NodeError`."""

    @property
    def is_plain(self) -> bool:
        """Whether nothing has to be evaluated to follow it."""
        return not (self.condition or self.fields is not None or self.loop or self.on_error)


class Leads(Protocol):
    """What leads from one placement to another, as far as their order goes."""

    @property
    def source(self) -> int:
        """Number of the placement it leaves."""
        ...

    @property
    def destination(self) -> int:
        """Number of the placement it leads to."""
        ...

    @property
    def loop(self) -> bool:
        """Whether it leads back."""
        ...


@attrs.frozen(eq=False)
class Artifact:
    """What an execution runs."""

    graph_id: str
    """Its ULID."""
    tenant: str
    flow: str
    """`handle/name` of the flow it was compiled from."""
    mode: Mode
    placements: tuple[Placement, ...]
    edges: tuple[Edge, ...]
    """In source order; gates merge their arms in this order."""
    entry: int
    terminal: int
    content_hash: str
    """SHA-256 of everything above but the ID: same content, same artifact."""
    created_ns: int = 0
    description: str = ""
    outgoing: tuple[tuple[int, ...], ...] = attrs.field(init=False)
    """For each placement the indexes of the edges that an output may take, loops included."""
    rescues: tuple[tuple[int, ...], ...] = attrs.field(init=False)
    """For each placement the indexes of the edges that a failure may take."""
    incoming: tuple[tuple[int, ...], ...] = attrs.field(init=False)
    """For each placement the indexes of its incoming forward edges; two or more make it a gate."""
    scopes: tuple[tuple[int, ...], ...] = attrs.field(init=False)
    """For each placement the fan-outs, from the outermost in, whose items its visits are for."""
    index_of: dict[str, int] = attrs.field(init=False)
    """Alias to placement index."""

    def __attrs_post_init__(self) -> None:
        outgoing: list[list[int]] = [[] for _ in self.placements]
        rescues: list[list[int]] = [[] for _ in self.placements]
        incoming: list[list[int]] = [[] for _ in self.placements]
        for index, edge in enumerate(self.edges):
            (rescues if edge.on_error else outgoing)[edge.source].append(index)
            if not edge.loop:
                incoming[edge.destination].append(index)
        lookup: dict[str, object] = {
            "outgoing": tuple(map(tuple, outgoing)),
            "rescues": tuple(map(tuple, rescues)),
            "incoming": tuple(map(tuple, incoming)),
            "index_of": {placement.alias: p for p, placement in enumerate(self.placements)},
        }
        for name, table in lookup.items():
            object.__setattr__(self, name, table)
        object.__setattr__(self, "scopes", find_scopes(self.placements, self.edges))
        assert len(self.index_of) == len(self.placements)

    @property
    def pinned(self) -> frozenset[str]:
        """The packages' contents that it runs, by digest."""
        nodes = {placement.digest for placement in self.placements if not placement.subflow}
        undoing = {p.compensate.digest for p in self.placements if p.compensate is not None}
        return frozenset(nodes | undoing)

    def is_gate(self, placement: int) -> bool:
        """Whether the placement waits for several arms, or for the items of a fan-out."""
        return len(self.incoming[placement]) > 1 or self.placements[placement].gathers

    def is_xor_gate(self, placement: int) -> bool:
        """Whether the placement takes what comes, from whichever of its arms."""
        return self.is_gate(placement) and self.placements[placement].join.kind == "XOR"

    def outer(self, placement: int) -> tuple[int, ...]:
        """The scope in which the placement is reached: its own, without a fan-out of its own."""
        scope = self.scopes[placement]
        return scope[:-1] if self.placements[placement].fan_out is not None else scope

    def gathered(self, edge: int) -> int | None:
        """The fan-out whose items come over this edge to a gate that gathers them; None if it is
        no such edge."""
        ends = self.edges[edge]
        depth = len(self.outer(ends.destination))
        scope = self.scopes[ends.source]
        gathers = self.is_gate(ends.destination) and len(scope) > depth
        return scope[depth] if gathers else None

    @cached_property
    def gatherers(self) -> dict[int, dict[int, int]]:
        """For each fan-out the gates that gather its items, with the edges these come over."""
        found: dict[int, dict[int, int]] = {
            number: {}
            for number, placement in enumerate(self.placements)
            if placement.fan_out is not None
        }
        for index, edge in enumerate(self.edges):
            fan = None if edge.loop else self.gathered(index)
            if fan is not None:
                gates = found[fan]
                gates[edge.destination] = gates.get(edge.destination, 0) + 1
        return found

    def is_gathered(self, fan: int) -> bool:
        """Whether a gate waits for the items of a fan-out, and not for their failures alone."""
        return any(
            self.gathered(index) == fan
            for index, edge in enumerate(self.edges)
            if not edge.loop and not edge.on_error
        )

    @cached_property
    def decides(self) -> frozenset[int]:
        """Placements whose output has to be looked at to follow their edges."""
        return frozenset(
            edge.source
            for edge in self.edges
            if edge.condition
            or edge.fields is not None
            or (self.placements[edge.destination].fan_out is not None)
        )

    @cached_property
    def compensates(self) -> bool:
        """Whether anything in it can be undone."""
        return any(placement.compensate is not None for placement in self.placements)

    @cached_property
    def has_alarms(self) -> bool:
        """Whether a gate or a pause of it waits only so long."""
        return any(
            placement.join.timeout_s or (placement.hitl is not None and placement.hitl.timeout_s)
            for placement in self.placements
        )

    @cached_property
    def visits_all(self) -> bool:
        """Whether every placement is visited, exactly once, before a unary flow completes."""
        joins = (placement.join for placement in self.placements)
        return (
            self.mode == "unary"
            and all(edge.is_plain for edge in self.edges)
            and all(join == Join() for join in joins)
            and all(placement.fan_out is None for placement in self.placements)
        )

    @cached_property
    def tolerant(self) -> frozenset[int]:
        """Placements whose failure is only missing: every way on from them comes to a gate that
        tolerates failures before anything else could need their output."""
        return frozenset(p for p in range(len(self.placements)) if self._tolerates[p])

    @cached_property
    def _tolerates(self) -> list[bool]:
        """For each placement whether every way on leads to a tolerant gate first."""
        found = [False] * len(self.placements)
        for placement in reversed(self.order):
            ways = [
                self.edges[e].destination
                for e in self.outgoing[placement]
                if not self.edges[e].loop
            ]
            found[placement] = bool(ways) and all(
                self.placements[way].join.failure_policy == "TOLERATE_FAILURES"
                if self.is_gate(way)
                else found[way]
                for way in ways
            )
        return found

    @cached_property
    def order(self) -> tuple[int, ...]:
        """Placements so that forward edges lead from earlier to later ones."""
        return forward_order(len(self.placements), self.edges)

    def body(self, loop: int) -> frozenset[int]:
        """What a loop edge begins anew: all that forward edges lead to from where it goes."""
        return self.reached(self.edges[loop].destination)

    def inner(self, loop: int) -> frozenset[int]:
        """The loops that begin anew with a loop: those in its body, but for loops around it.

        Of loops to one placement only what leads to the source of another is inside of that one:
        so no two begin each other anew, and each comes to its last iteration.
        """
        if loop not in self._inner:
            body, ends = self.body(loop), self.edges[loop]
            self._inner[loop] = frozenset(
                index
                for index, other in enumerate(self.edges)
                if other.loop
                and other.source in body
                and other.destination in body
                and (
                    other.destination != ends.destination
                    or (other.source != ends.source and ends.source in self.reached(other.source))
                )
            )
        return self._inner[loop]

    def reached(self, start: int) -> frozenset[int]:
        """A placement, and all that forward edges lead to from there."""
        if start not in self._reaches:
            reached = {start}
            for placement in self.order:
                if placement in reached:
                    reached.update(
                        self.edges[e].destination
                        for e in (*self.outgoing[placement], *self.rescues[placement])
                        if not self.edges[e].loop
                    )
            self._reaches[start] = frozenset(reached)
        return self._reaches[start]

    @cached_property
    def lasting(self) -> frozenset[int]:
        """Edges to gates inside of a loop from outside of it: what comes over them lasts for every
        iteration."""
        loops = [index for index, edge in enumerate(self.edges) if edge.loop]
        return frozenset(
            edge
            for loop in loops
            for gate in self.body(loop)
            if self.is_gate(gate)
            for edge in self.incoming[gate]
            if self.edges[edge].source not in self.body(loop)
        )

    @cached_property
    def _reaches(self) -> dict[int, frozenset[int]]:
        return {}

    @cached_property
    def _inner(self) -> dict[int, frozenset[int]]:
        return {}

    @cached_property
    def reflection(self) -> str:
        """JSON of what `ax.reflection.flow` shows to a node."""
        aliases = [placement.alias for placement in self.placements]
        return json.dumps(
            {
                "name": self.flow,
                "nodes": [
                    {"alias": p.alias, "package": p.package, "node": p.node}
                    for p in self.placements
                ],
                "edges": [
                    {"from": aliases[e.source], "to": aliases[e.destination]} for e in self.edges
                ],
            }
        )


def forward_order(placements: int, edges: Sequence[Leads]) -> tuple[int, ...]:
    """Placement numbers in topological order of the forward edges (Kahn); what lies on a cycle
    of them is left out."""
    after: list[list[int]] = [[] for _ in range(placements)]
    waiting = [0] * placements
    for edge in edges:
        if not edge.loop:
            after[edge.source].append(edge.destination)
            waiting[edge.destination] += 1
    order = [p for p in range(placements) if not waiting[p]]
    for placement in order:
        for following in after[placement]:
            waiting[following] -= 1
            if not waiting[following]:
                order.append(following)
    return tuple(order)


def find_scopes(
    placements: Sequence[Placement], edges: Sequence[Leads]
) -> tuple[tuple[int, ...], ...]:
    """For each placement the fan-outs whose items its visits are for, the outermost first.

    A placement is in the scope of what leads to it, and opens one more if it fans out. A gate
    ends the innermost: its scope is what all of its arms share, and one less if they are all of
    the same one. Whether that makes sense is the compiler's business (`flow/shape.py`).
    """
    arms: list[list[int]] = [[] for _ in placements]
    for edge in edges:
        if not edge.loop:
            arms[edge.destination].append(edge.source)
    scopes: list[tuple[int, ...]] = [()] * len(placements)
    for placement in forward_order(len(placements), edges):
        sources = [scopes[source] for source in arms[placement]]
        scope = sources[0] if sources else ()
        if len(sources) > 1 or placements[placement].gathers:
            same = all(source == scope for source in sources)
            scope = scope[:-1] if same else _shared(sources)
        if placements[placement].fan_out is not None:
            scope = (*scope, placement)
        scopes[placement] = scope
    return tuple(scopes)


def _shared(scopes: Sequence[tuple[int, ...]]) -> tuple[int, ...]:
    """How all of them begin."""
    shared: list[int] = []
    for level in zip(*scopes, strict=False):
        if len(set(level)) > 1:
            break
        shared.append(level[0])
    return tuple(shared)
