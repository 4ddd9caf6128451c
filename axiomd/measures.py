"""What a box counts while it works: plain numbers that are looked at when somebody asks.

Nothing here knows of names on the wire (`axiomd/api/metrics.py` has those), of a registry or of
other processes; each box has a `Measures` of its own. Everything is counted on the event loop.
Labels come from users, so there is a bounded number of them: what is new beyond it counts as
`other`.
"""

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence

from axiomd.limits import METRIC_SERIES_MAX

OTHER = "other"

_FAST_S = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
_LONG_S = (*_FAST_S, 5.0, 10.0, 30.0, 60.0, 300.0, 3600.0)
_COMMITS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)


class Histogram:
    """How often a value was at most each of some bounds, and all values together."""

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        """Of the values up to each bound and above the one before; the last one has no bound."""
        self.total = 0.0

    def observe(self, value: float) -> None:
        """Count one value."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value


class Counts:
    """How often something has happened, by labels."""

    def __init__(self, free: int, most: int = METRIC_SERIES_MAX) -> None:
        """free: how many labels, the first ones, may be anything. most: series there can be."""
        self._free = free
        self._most = most
        self._counts: dict[tuple[str, ...], int] = {}

    def add(self, *labels: str) -> None:
        """Count one."""
        counts = self._counts
        if labels not in counts and len(counts) >= self._most:
            labels = (*[OTHER] * self._free, *labels[self._free :])
        counts[labels] = counts.get(labels, 0) + 1

    def items(self) -> Iterator[tuple[tuple[str, ...], int]]:
        """Labels and how often."""
        yield from self._counts.items()


class Histograms:
    """A histogram for each set of labels, all of which may be anything."""

    def __init__(self, bounds: Sequence[float], most: int = METRIC_SERIES_MAX) -> None:
        self._bounds = bounds
        self._most = most
        self._made: dict[tuple[str, ...], Histogram] = {}

    def observe(self, value: float, *labels: str) -> None:
        """Count one value."""
        found = self._made.get(labels)
        if found is None:
            if len(self._made) >= self._most:
                labels = (OTHER,) * len(labels)
            found = self._made.setdefault(labels, Histogram(self._bounds))
        found.observe(value)

    def items(self) -> Iterator[tuple[tuple[str, ...], Histogram]]:
        """Labels and histogram."""
        yield from self._made.items()


class NodeCalls:
    """Calls of one node that are over."""

    __slots__ = ("ends", "seconds")

    def __init__(self) -> None:
        self.ends: dict[str, int] = {}
        """How many ended how."""
        self.seconds = Histogram(_LONG_S)
        """How long a node process had them."""


class Measures:
    """Everything that is counted in one box."""

    def __init__(self, living: Mapping[str, int] | None = None) -> None:
        """living: executions that have not ended, by status, when it begins."""
        self.batch_commits = Histogram(_COMMITS)
        """Commits of each batch of the writer."""
        self.batch_s = Histogram(_FAST_S)
        """Seconds from the beginning of a batch until it is on disk."""
        self.frames = 0
        """Frames that are durable."""
        self.ends = Counts(free=2)
        """Ends of executions, by tenant, flow and status."""
        self.living = dict(living or {})
        """Executions that have not ended, by status."""
        self.nodes: dict[tuple[str, str], NodeCalls] = {}
        """By package and node; `node` makes them."""
        self.requests = Counts(free=0)
        """Answers by method, route and status."""
        self.request_s = Histograms(_LONG_S)
        """Seconds until an answer began, by method and route."""
        self.loop_lag_s = Histogram(_FAST_S)
        """Seconds by which the event loop came late to a task."""
        self.webhook_requests = Counts(free=0)
        """Requests to receivers of webhooks, by what came of them."""
        self.webhooks_ended = Counts(free=0)
        """Deliveries that are over, by how."""
        self.spans_exported = 0
        """Spans that the collector has taken."""
        self.spans_dropped = 0
        """Spans that were made and that it has not."""
        self.traces_dropped = 0
        """Executions and deliveries of which no span was made, since too many waited."""

    def node(self, package: str, node: str) -> NodeCalls:
        """The calls of a node, to be kept by who counts them."""
        labels = (package, node)
        if labels not in self.nodes and len(self.nodes) >= METRIC_SERIES_MAX:
            labels = (OTHER, OTHER)
        return self.nodes.setdefault(labels, NodeCalls())

    def change_living(self, changes: dict[str, int]) -> None:
        """Take in how many more, or fewer, executions have each status."""
        for status, change in changes.items():
            self.living[status] = self.living.get(status, 0) + change
