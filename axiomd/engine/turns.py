"""Whose turn it is: tenants one after the other, and of each what matters most, then the oldest.

A tenant of which nothing runs comes before all others, and does not wait for a free slot: whatever
the others have running, and however long that takes, each tenant gets on.

Pure, and in memory: it knows which queues may hold something, from which place on, and how many
executions of whom run; it knows none of those that wait. A tenant that has all it may have is out
of the round until one of its own ends, and a flow out of the tenant's choice, so nobody ever looks
at what waits for either. A choice costs O(log f), f being the flows of the tenant with something
to do; everything else O(1).

What runs is what has a worker. An execution that is parked, for a time, a person or a child, is
none of them: so a parent never keeps its own children waiting.
"""

import heapq
from collections import Counter, OrderedDict
from collections.abc import Callable

import attrs

from axiomd.settings import LimitsSettings
from axiomd.store.ready import Queue

Round = OrderedDict[str, None]
LimitsOf = Callable[[str], LimitsSettings]
"""Tenant to the limits in force for it, from memory."""


@attrs.define(eq=False)
class Lane:
    """One tenant."""

    running: int = 0
    of_flow: Counter[str] = attrs.field(factory=Counter)
    """Its running executions by flow."""
    bounds: dict[str, bytes] = attrs.field(factory=dict)
    """Flows that may have something to do, and the place before which they have nothing."""
    heap: list[tuple[bytes, str]] = attrs.field(factory=list)
    """The same, ordered; with pairs that hold no longer, and without flows at their maximum."""

    def may_run(self, limits: LimitsSettings) -> bool:
        """Whether one more of the tenant's may run."""
        return not limits.executions_max or self.running < limits.executions_max

    def may_run_of(self, flow: str, limits: LimitsSettings) -> bool:
        """Whether one more of its flow may."""
        most = limits.flow_executions_max
        return not most or self.of_flow[flow] < most

    def first(self, limits: LimitsSettings) -> str | None:
        """The flow that is next, if anything of the tenant may run."""
        if not self.may_run(limits):
            return None
        while self.heap:
            bound, flow = self.heap[0]
            if self.bounds.get(flow) == bound and self.may_run_of(flow, limits):
                return flow
            heapq.heappop(self.heap)
        return None

    def put(self, flow: str, bound: bytes) -> None:
        """Nothing of the flow is to do before `bound`, and something may be from there on."""
        self.bounds[flow] = bound
        heapq.heappush(self.heap, (bound, flow))

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to know of it."""
        return not self.running and not self.bounds


class Turns:
    """Everybody's."""

    def __init__(self, limits_of: LimitsOf) -> None:
        self._limits_of = limits_of
        self._lanes: dict[str, Lane] = {}
        self._resting: Round = OrderedDict()
        self._round: Round = OrderedDict()
        """The tenants that may have something to do, in the order of their turns: those of which
        nothing runs, and those of which something does."""

    def next(self, *, resting_only: bool = False) -> tuple[Queue, bytes] | None:
        """The queue whose turn it is, and the place from which on it may hold something.

        resting_only: of tenants of which nothing runs.
        """
        found = self._next_of(self._resting)
        return found if found or resting_only else self._next_of(self._round)

    def _next_of(self, tenants: Round) -> tuple[Queue, bytes] | None:
        while tenants:
            tenant = next(iter(tenants))
            lane = self._lanes[tenant]
            flow = lane.first(self._limits_of(tenant))
            if flow is not None:
                return (tenant, flow), lane.bounds[flow]
            del tenants[tenant]
            self._forget_empty(tenant, lane)
        return None

    def expect(self, queue: Queue, bound: bytes) -> None:
        """Something may be to do in a queue, from a place on."""
        tenant, flow = queue
        lane = self._lane(tenant)
        known = lane.bounds.get(flow)
        if known is None or bound < known:
            lane.put(flow, bound)
        self._join_round(tenant, lane)

    def correct(self, queue: Queue, bound: bytes | None) -> None:
        """What is really first in a queue; None if it is empty."""
        tenant, flow = queue
        lane = self._lanes[tenant]
        if bound is None:
            del lane.bounds[flow]
        else:
            lane.put(flow, bound)

    def pass_on(self, tenant: str) -> None:
        """It had its turn, and something of it runs."""
        if tenant in self._round:
            self._round.move_to_end(tenant)

    def is_resting(self, tenant: str) -> bool:
        """Whether nothing of a tenant runs, and nothing waits."""
        lane = self._lanes.get(tenant)
        return lane is None or lane.is_empty

    def may_start(self, queue: Queue) -> bool:
        """Whether the limits let one more of this queue run."""
        tenant, flow = queue
        lane, limits = self._lanes.get(tenant), self._limits_of(tenant)
        return lane is None or (lane.may_run(limits) and lane.may_run_of(flow, limits))

    def started(self, queue: Queue) -> None:
        """One more of it runs."""
        tenant, flow = queue
        lane = self._lane(tenant)
        lane.running += 1
        lane.of_flow[flow] += 1
        if tenant in self._resting:
            del self._resting[tenant]
            self._round[tenant] = None

    def ended(self, queue: Queue) -> None:
        """One of it runs no longer."""
        tenant, flow = queue
        lane = self._lanes[tenant]
        limits = self._limits_of(tenant)
        was_full = not lane.may_run_of(flow, limits)
        lane.running -= 1
        lane.of_flow[flow] -= 1
        if not lane.of_flow[flow]:
            del lane.of_flow[flow]
        if was_full and flow in lane.bounds:
            lane.put(flow, lane.bounds[flow])
        if not lane.running:
            self._round.pop(tenant, None)
        if lane.bounds:
            self._join_round(tenant, lane)
        else:
            self._forget_empty(tenant, lane)

    def limits_changed(self, tenant: str) -> None:
        """Look at everything of a tenant again."""
        lane = self._lanes.get(tenant)
        if lane is not None:
            lane.heap = [(bound, flow) for flow, bound in lane.bounds.items()]
            heapq.heapify(lane.heap)
            self._join_round(tenant, lane)

    def running(self, tenant: str) -> int:
        """Executions of a tenant that have a worker."""
        lane = self._lanes.get(tenant)
        return lane.running if lane is not None else 0

    def _lane(self, tenant: str) -> Lane:
        lane = self._lanes.get(tenant)
        if lane is None:
            lane = self._lanes[tenant] = Lane()
        return lane

    def _join_round(self, tenant: str, lane: Lane) -> None:
        (self._round if lane.running else self._resting).setdefault(tenant)

    def _forget_empty(self, tenant: str, lane: Lane) -> None:
        if lane.is_empty:
            self._resting.pop(tenant, None)
            self._round.pop(tenant, None)
            del self._lanes[tenant]
