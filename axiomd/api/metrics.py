"""`GET /metrics`: what the box has counted, and how it stands, for Prometheus.

METRICS is the one list of names; the README's table is held to it. Everything is read when it is
asked for, from plain numbers (`axiomd/measures.py`) and from sizes that the store keeps itself:
a scrape costs the same on a store of any size. The registry is the box's own.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Literal

import attrs
from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.registry import Collector
from quart import Blueprint, Response, request

from axiomd.api.auth import caller_of, shown_by
from axiomd.api.box import Box
from axiomd.clock import NS_PER_S
from axiomd.engine.keyring import DEFAULT_TENANT
from axiomd.errors import Forbidden
from axiomd.limits import SCAN_ROWS_MAX
from axiomd.measures import Histogram, Measures
from axiomd.store.sizes import Sizes

METRICS_PATH = "/metrics"

_Labels = tuple[str, ...]
Samples = Iterable[tuple[_Labels, float | Histogram]]
_Kind = Literal["counter", "gauge", "histogram"]


class Look:
    """The box at the instant of a scrape."""

    def __init__(self, box: Box) -> None:
        self.box = box
        self.measures: Measures = box.engine.parts.measures
        self.sizes: Sizes = box.reader.sizes()
        self.engine = box.engine.statistics()
        self.nodes = box.engine.parts.runners["process"].statistics()

    def oldest_ready_s(self) -> float:
        """Seconds for which the first of any queue has waited, the longest; 0 if none does."""
        found = [
            execution
            for identity in self.box.reader.ready.heads(SCAN_ROWS_MAX)
            if (execution := self.box.reader.find_execution(identity)) is not None
        ]
        now_ns = self.box.clock.now_ns()
        return max((now_ns - one.updated_ns) / NS_PER_S for one in found) if found else 0.0


@attrs.frozen
class Family:
    """One metric: its name, what it says, and where its numbers are."""

    name: str
    kind: _Kind
    says: str
    """For people, as a sentence fragment."""
    read: Callable[[Look], Samples]
    labels: _Labels = ()


def _one(read: Callable[[Look], float | Histogram]) -> Callable[[Look], Samples]:
    return lambda look: [((), read(look))]


def _node_processes(look: Look) -> Samples:
    idle = look.nodes["processes_idle"]
    return [(("idle",), idle), (("busy",), look.nodes["processes"] - idle)]


def _node_calls(look: Look) -> Samples:
    for labels, node in look.measures.nodes.items():
        for how, count in node.ends.items():
            yield (*labels, how), count


METRICS: tuple[Family, ...] = (
    Family(
        "axiomd_executions_ended_total",
        "counter",
        "executions that have ended, by how",
        lambda look: look.measures.ends.items(),
        ("tenant", "flow", "status"),
    ),
    Family(
        "axiomd_executions",
        "gauge",
        "executions that have not ended",
        lambda look: [((status,), n) for status, n in look.measures.living.items()],
        ("status",),
    ),
    Family(
        "axiomd_executions_stored",
        "gauge",
        "executions in the store, ended or not",
        _one(lambda look: look.sizes.executions),
    ),
    Family(
        "axiomd_queue_depth",
        "gauge",
        "executions that wait for a worker slot",
        _one(lambda look: look.sizes.ready),
    ),
    Family(
        "axiomd_queue_oldest_seconds",
        "gauge",
        "how long the next one of the queue has waited; 0 if none waits",
        _one(Look.oldest_ready_s),
    ),
    Family(
        "axiomd_slots",
        "gauge",
        "worker slots",
        _one(lambda look: look.box.engine.parts.settings.slots),
    ),
    Family(
        "axiomd_slots_used",
        "gauge",
        "worker slots that are at work on an execution",
        _one(lambda look: look.engine["attempts"]),
    ),
    Family(
        "axiomd_node_calls_total",
        "counter",
        "node calls that are over: `completed`, `failed`, `crashed`, `lost`, `cancelled`",
        _node_calls,
        ("package", "node", "outcome"),
    ),
    Family(
        "axiomd_node_call_seconds",
        "histogram",
        "how long node processes had calls; a stream is one call",
        lambda look: [(labels, node.seconds) for labels, node in look.measures.nodes.items()],
        ("package", "node"),
    ),
    Family("axiomd_node_processes", "gauge", "node processes", _node_processes, ("state",)),
    Family(
        "axiomd_node_packages_loaded",
        "gauge",
        "packages that have a zygote",
        _one(lambda look: look.nodes["zygotes"]),
    ),
    Family(
        "axiomd_node_calls_in_flight",
        "gauge",
        "calls that a node process has",
        _one(lambda look: look.nodes["calls_in_flight"]),
    ),
    Family(
        "axiomd_node_calls_waiting",
        "gauge",
        "calls that wait for a node process",
        _one(lambda look: look.nodes["calls_waiting"]),
    ),
    Family(
        "axiomd_frames_total",
        "counter",
        "frames that are durable",
        _one(lambda look: look.measures.frames),
    ),
    Family(
        "axiomd_commit_batch_commits",
        "histogram",
        "commits that shared a sync",
        _one(lambda look: look.measures.batch_commits),
    ),
    Family(
        "axiomd_commit_batch_seconds",
        "histogram",
        "how long such a batch took until it was on disk",
        _one(lambda look: look.measures.batch_s),
    ),
    Family(
        "axiomd_commits_queued",
        "gauge",
        "commits that wait for a batch",
        _one(lambda look: look.engine["commits_queued"]),
    ),
    Family(
        "axiomd_webhooks_pending",
        "gauge",
        "deliveries of webhooks that are still to be made, now or later",
        _one(lambda look: look.sizes.deliveries_due),
    ),
    Family(
        "axiomd_webhooks_ended_total",
        "counter",
        "deliveries that are over: `DELIVERED`, `FAILED`",
        lambda look: look.measures.webhooks_ended.items(),
        ("status",),
    ),
    Family(
        "axiomd_webhook_requests_total",
        "counter",
        "requests to receivers, by their answer: `2xx`, `5xx`, `none`",
        lambda look: look.measures.webhook_requests.items(),
        ("answer",),
    ),
    Family(
        "axiomd_store_bytes",
        "gauge",
        "the store's file, as far as it was ever written",
        _one(lambda look: look.sizes.used_bytes),
    ),
    Family(
        "axiomd_store_map_bytes",
        "gauge",
        "what the file may grow to before its map has to grow",
        _one(lambda look: look.sizes.map_bytes),
    ),
    Family(
        "axiomd_event_loop_lag_seconds",
        "histogram",
        "how late the event loop came to a task that wanted to run",
        _one(lambda look: look.measures.loop_lag_s),
    ),
    Family(
        "axiomd_http_requests_total",
        "counter",
        "answers, by route",
        lambda look: look.measures.requests.items(),
        ("method", "route", "status"),
    ),
    Family(
        "axiomd_http_request_seconds",
        "histogram",
        "how long an answer took to begin; `wait: true` is part of it",
        lambda look: look.measures.request_s.items(),
        ("method", "route"),
    ),
    Family(
        "axiomd_watches",
        "gauge",
        "executions that somebody waits for or follows",
        _one(lambda look: look.engine["watches"]),
    ),
    Family(
        "axiomd_spans_exported_total",
        "counter",
        "spans that the collector has taken",
        _one(lambda look: look.measures.spans_exported),
    ),
    Family(
        "axiomd_spans_dropped_total",
        "counter",
        "spans that it has not",
        _one(lambda look: look.measures.spans_dropped),
    ),
    Family(
        "axiomd_traces_dropped_total",
        "counter",
        "ends of executions and webhook requests of which no span was made",
        _one(lambda look: look.measures.traces_dropped),
    ),
    Family(
        "axiomd_traces_queued",
        "gauge",
        "those that wait for it",
        _one(lambda look: look.box.traces_queued()),
    ),
)


class _Box(Collector):
    """The metrics of a box, as the library asks for them."""

    def __init__(self, box: Box) -> None:
        self._box = box

    def describe(self) -> Iterable[Metric]:
        """Nothing: its names are its own, and nothing is to be read before somebody asks."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """Every metric with its samples."""
        look = Look(self._box)
        for family in METRICS:
            yield _metric(family, family.read(look))


def _metric(family: Family, samples: Samples) -> Metric:
    name, says, labels = family.name, family.says, list(family.labels)
    if family.kind == "histogram":
        histogram = HistogramMetricFamily(name, says, labels=labels)
        for values, found in samples:
            assert isinstance(found, Histogram)
            histogram.add_metric(values, list(_buckets(found)), found.total)
        return histogram
    kind = CounterMetricFamily if family.kind == "counter" else GaugeMetricFamily
    metric = kind(name, says, labels=labels)
    for values, found in samples:
        assert not isinstance(found, Histogram)
        metric.add_metric(values, found)
    return metric


def _buckets(histogram: Histogram) -> Iterator[tuple[str, float]]:
    """Upper bound of each bucket, and how many values are below it."""
    below = 0
    bounds = [*map(str, map(float, histogram.bounds)), "+Inf"]
    for bound, count in zip(bounds, histogram.counts, strict=True):
        below += count
        yield bound, below


def metrics_routes(box: Box) -> Blueprint:
    """GET /metrics."""
    routes = Blueprint("metrics", __name__)
    registry = CollectorRegistry()
    registry.register(_Box(box))
    ProcessCollector(namespace="axiomd", registry=registry)

    async def metrics() -> Response:
        """Everything, as text."""
        if not box.settings.open_metrics:
            _require_operator(box)
        return Response(generate_latest(registry), content_type=CONTENT_TYPE_PLAIN_0_0_4)

    routes.get(METRICS_PATH)(metrics)
    return routes


def _require_operator(box: Box) -> None:
    """The numbers are of all tenants. Raises Unauthorized, Forbidden."""
    if not caller_of(box, shown_by(request)).is_operator:
        raise Forbidden(f"Metrics are of all tenants: they need a key of tenant {DEFAULT_TENANT}.")
