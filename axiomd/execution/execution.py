"""The record of one accepted invocation, and the index rows that follow from it.

Index rows are never written by hand: the writer stores the difference between `index_keys` of
the old record and of the new one.
"""

from typing import Literal

import attrs

from axiomd.execution.flow_configs import Terms
from axiomd.execution.status import Residence, Status, residence
from axiomd.execution.targets import Target
from axiomd.execution.trace_context import NO_ORIGIN, Origin
from axiomd.flow.artifact import Artifact, Mode
from axiomd.limits import PRIORITY_DEFAULT, PRIORITY_MAX


@attrs.frozen
class Ending:
    """Why an execution failed."""

    kind: str
    """NODE_ERROR, TIMEOUT, CANCELLED, …"""
    message: str
    """One sentence."""
    placement: str = ""
    """Alias of the placement at fault; empty if none is."""
    edge: str = ""
    """`a → b` if an edge is at fault."""
    attempts: int = 0
    """Calls made of the node visit at fault."""

    @property
    def sentence(self) -> str:
        """What went wrong and where."""
        if self.edge:
            ends = " → ".join(f'"{end}"' for end in self.edge.split(" → "))
            return f"edge {ends}: {self.message}"
        return f"{self.placement}: {self.message}" if self.placement else self.message


@attrs.frozen
class OpenPause:
    """A node visit that a person has to answer for before it runs."""

    position: str
    """The node visit, as text."""
    opened_ns: int
    expires_ns: int = 0
    """When its policy answers; 0 for never."""


DebugMode = Literal["run", "pause", "step"]


@attrs.frozen
class Debug:
    """Where a debug session stops."""

    mode: DebugMode
    """`pause` before every node, `step` for one node and then `pause`, `run` to a breakpoint."""
    breakpoints: tuple[str, ...] = ()
    """Aliases of placements before which it stops."""


@attrs.frozen
class Execution:
    """One accepted invocation."""

    execution_id: str
    tenant: str
    flow: str
    graph_id: str
    mode: Mode
    status: Status
    created_ns: int
    updated_ns: int
    node_timeout_s: float
    """Seconds a node call may take unless its placement says otherwise; fixed at invocation."""
    started_ns: int = 0
    """First claim; 0 before."""
    completed_ns: int = 0
    """When it ended; 0 before."""
    attempt: int = 0
    """Claims so far. The number is the fence: writes of an older attempt are refused."""
    losses: int = 0
    """Attempts lost since the last checkpoint."""
    entries: int = 0
    """Length of its journal; the next entry's seq."""
    failure: Ending | None = None
    wake_ns: int = 0
    """When it goes on by itself; 0 if no time of its own wakes it."""
    doubts: tuple[str, ...] = ()
    """Node visits, as text, of which a person has to say whether they happened."""
    config_id: str = ""
    """The flow config that its invocation named."""
    config_ids: tuple[str, ...] = ()
    """Flow configs whose secrets stand for the tenant's in its calls, the first one first."""
    parent_id: str = ""
    forked_from: str = ""
    idempotency: bytes = b""
    """SHA-256 of the Idempotency-Key that made it; empty if there was none."""
    ended_at: tuple[str, ...] = ()
    """Aliases at which its branches ended, if it completed without coming to the terminal."""
    pauses: tuple[OpenPause, ...] = ()
    """What a person has to answer, oldest first."""
    children: tuple[str, ...] = ()
    """Child executions that have not ended, by ID."""
    parent_position: str = ""
    """The node visit of the parent that a child runs for, as text."""
    depth: int = 0
    """How many parents it has above it."""
    debug: Debug | None = None
    """Its debug session, if it is in one."""
    held: tuple[str, ...] = ()
    """Node visits, as text, before which a debug session has stopped."""
    undoing: bool = False
    """Whether nothing is left to do but to compensate; it stays so after the end."""
    webhook: Target | None = None
    """Who is told of its end."""
    priority: int = PRIORITY_DEFAULT
    """0 to PRIORITY_MAX: of what waits of one tenant, the higher goes first."""
    schedule_id: str = ""
    """The schedule that made it, if one did."""
    scheduled_ns: int = 0
    """The time of that schedule for which it was made; 0 if somebody had it fire."""

    @property
    def terms(self) -> Terms:
        """What it was given at its invocation."""
        return Terms(self.node_timeout_s, self.config_id, self.config_ids)

    origin: Origin = NO_ORIGIN
    """The span, of whomever, that it was invoked in."""

    @property
    def residence(self) -> Residence:
        """Where it lives: with a worker, waiting for one, parked, or ended."""
        return residence(self.status, asleep=self.wake_ns > 0)


def queued(
    execution_id: str,
    artifact: Artifact,
    terms: Terms,
    at_ns: int,
    debug: Debug | None = None,
    webhook: Target | None = None,
    priority: int = PRIORITY_DEFAULT,
    origin: Origin = NO_ORIGIN,
) -> Execution:
    """The record of a new execution of an artifact, which waits for its first worker."""
    return Execution(
        execution_id=execution_id,
        tenant=artifact.tenant,
        flow=artifact.flow,
        graph_id=artifact.graph_id,
        mode=artifact.mode,
        status=Status.QUEUED,
        created_ns=at_ns,
        updated_ns=at_ns,
        node_timeout_s=terms.node_timeout_s,
        config_id=terms.config_id,
        config_ids=terms.config_ids,
        debug=debug,
        webhook=webhook,
        priority=priority,
        origin=origin,
    )


def ready_parts(execution: Execution) -> tuple[str, str, int, int, str]:
    """Its place among those that wait for a worker: its queue, and where in it."""
    rank = PRIORITY_MAX - execution.priority
    place = (rank, execution.created_ns, execution.execution_id)
    return (execution.tenant, execution.flow, *place)


IndexKey = tuple[str, tuple[object, ...]]
"""An index's name and the parts of its key."""


def index_keys(execution: Execution) -> frozenset[IndexKey]:
    """Every index row this record has."""
    created, identity = execution.created_ns, execution.execution_id
    tenant, status = execution.tenant, execution.status
    keys: set[IndexKey] = {
        ("by_tenant", (tenant, created, identity)),
        ("by_status", (tenant, status.value, created, identity)),
        ("by_flow", (tenant, execution.flow, created, identity)),
    }
    keys |= {("pauses", (tenant, pause.opened_ns, identity)) for pause in execution.pauses}
    if execution.wake_ns:
        keys.add(("due", (execution.wake_ns, identity)))
    match execution.residence:
        case Residence.READY:
            keys.add(("ready", ready_parts(execution)))
        case Residence.CLAIMED:
            keys.add(("claimed", (identity,)))
        case Residence.ENDED:
            keys.add(("ended", (tenant, execution.completed_ns, identity)))
        case Residence.PARKED:
            pass
    return frozenset(keys)
