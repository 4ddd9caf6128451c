"""Whose turn it is: tenants one after the other, and of each what matters most, then the oldest.

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
        self._round: OrderedDict[str, None] = OrderedDict()
        """The tenants that may have something to do, in the order of their turns."""

    @property
    def is_anybody_next(self) -> bool:
        """Whether somebody may have something to do, and may have it done."""
        return self.next() is not None

    def next(self) -> tuple[Queue, bytes] | None:
        """The queue whose turn it is, and the place from which on it may hold something."""
        while self._round:
            tenant = next(iter(self._round))
            lane = self._lanes[tenant]
            flow = lane.first(self._limits_of(tenant))
            if flow is not None:
                return (tenant, flow), lane.bounds[flow]
            self._leave_round(tenant, lane)
        return None

    def expect(self, queue: Queue, bound: bytes) -> None:
        """Something may be to do in a queue, from a place on."""
        tenant, flow = queue
        lane = self._lane(tenant)
        known = lane.bounds.get(flow)
        if known is None or bound < known:
            lane.put(flow, bound)
        self._round.setdefault(tenant)

    def correct(self, queue: Queue, bound: bytes | None) -> None:
        """What is really first in a queue; None if it is empty."""
        tenant, flow = queue
        lane = self._lanes[tenant]
        if bound is None:
            del lane.bounds[flow]
        else:
            lane.put(flow, bound)

    def pass_on(self, tenant: str) -> None:
        """It had its turn."""
        if tenant in self._round:
            self._round.move_to_end(tenant)

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
        if lane.bounds:
            self._round.setdefault(tenant)
        elif lane.is_empty:
            self._leave_round(tenant, lane)

    def limits_changed(self, tenant: str) -> None:
        """Look at everything of a tenant again."""
        lane = self._lanes.get(tenant)
        if lane is not None:
            lane.heap = [(bound, flow) for flow, bound in lane.bounds.items()]
            heapq.heapify(lane.heap)
            self._round.setdefault(tenant)

    def running(self, tenant: str) -> int:
        """Executions of a tenant that have a worker."""
        lane = self._lanes.get(tenant)
        return lane.running if lane is not None else 0

    def _lane(self, tenant: str) -> Lane:
        lane = self._lanes.get(tenant)
        if lane is None:
            lane = self._lanes[tenant] = Lane()
        return lane

    def _leave_round(self, tenant: str, lane: Lane) -> None:
        self._round.pop(tenant, None)
        if lane.is_empty:
            del self._lanes[tenant]
