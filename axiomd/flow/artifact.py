"""The compiled form of a flow: immutable, everything resolved, with its lookup tables.

Placements and edges refer to each other by index, so that journal and frames can too.
"""

import json
from functools import cached_property
from typing import Literal

import attrs

Mode = Literal["unary", "pipeline"]
JoinKind = Literal["AND", "XOR"]


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
    join_kind: JoinKind = "AND"
    """How it takes its arms, if it is a gate."""


@attrs.frozen
class Edge:
    """A connection from one placement to another, by placement index."""

    source: int
    destination: int


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
    """For each placement the indexes of its outgoing edges."""
    incoming: tuple[tuple[int, ...], ...] = attrs.field(init=False)
    """For each placement the indexes of its incoming edges; two or more make it a gate."""
    index_of: dict[str, int] = attrs.field(init=False)
    """Alias to placement index."""

    def __attrs_post_init__(self) -> None:
        outgoing: list[list[int]] = [[] for _ in self.placements]
        incoming: list[list[int]] = [[] for _ in self.placements]
        for index, edge in enumerate(self.edges):
            outgoing[edge.source].append(index)
            incoming[edge.destination].append(index)
        lookup: dict[str, object] = {
            "outgoing": tuple(map(tuple, outgoing)),
            "incoming": tuple(map(tuple, incoming)),
            "index_of": {placement.alias: p for p, placement in enumerate(self.placements)},
        }
        for name, table in lookup.items():
            object.__setattr__(self, name, table)
        assert len(self.index_of) == len(self.placements)

    def is_gate(self, placement: int) -> bool:
        """Whether the placement waits for several arms."""
        return len(self.incoming[placement]) > 1

    def is_xor_gate(self, placement: int) -> bool:
        """Whether the placement takes what comes, from whichever of its arms."""
        return self.is_gate(placement) and self.placements[placement].join_kind == "XOR"

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
