"""Spans on their way out: OTLP over HTTP, by OpenTelemetry's own exporter.

The exporter encodes, compresses, sends and tries again; it blocks, so it works on a thread. Of
the rest of that library nothing is used: no provider, no context, no state of the process.
"""

from collections.abc import Mapping, Sequence

from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.trace.export import SpanExportResult
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, SpanContext, SpanKind, TraceFlags, TraceState
from opentelemetry.trace.status import Status, StatusCode

from axiomd.execution.spans import Span
from axiomd.execution.trace_context import Origin
from axiomd.settings import TraceSettings

_PATH = "/v1/traces"
_TIMEOUT_S = 10.0
"""For a batch, with all that is tried again."""
_SCOPE = InstrumentationScope("axiomd")
_KINDS: Mapping[str, SpanKind] = {
    "internal": SpanKind.INTERNAL,
    "server": SpanKind.SERVER,
    "client": SpanKind.CLIENT,
}


class Collector:
    """Where spans are sent."""

    def __init__(self, settings: TraceSettings) -> None:
        endpoint = settings.otlp_endpoint.rstrip("/")
        self._resource = Resource({"service.name": settings.service_name})
        self._exporter = OTLPSpanExporter(
            endpoint=endpoint if endpoint.endswith(_PATH) else endpoint + _PATH,
            headers=settings.header_pairs,
            timeout=_TIMEOUT_S,
            compression=Compression.Gzip,
        )

    def take(self, spans: Sequence[Span]) -> bool:
        """Send spans; whether the collector has them. Blocks for ten seconds at most."""
        found = self._exporter.export([readable(span, self._resource) for span in spans])
        return found is SpanExportResult.SUCCESS

    def stop(self) -> None:
        """Try nothing again from now on."""
        self._exporter.shutdown()  # type: ignore[no-untyped-call]


def readable(span: Span, resource: Resource) -> ReadableSpan:
    """A span as the exporter takes it."""
    return ReadableSpan(
        name=span.name,
        context=_context(span.trace_id, span.span_id),
        parent=_context(span.trace_id, span.parent_id) if span.parent_id else None,
        resource=resource,
        attributes=span.attributes,
        events=[Event(one.name, one.attributes, one.at_ns) for one in span.events],
        links=[_link(origin) for origin in span.links],
        kind=_KINDS[span.kind],
        status=Status(StatusCode.UNSET) if span.error is None else _error(span.error),
        start_time=span.start_ns,
        end_time=span.end_ns,
        instrumentation_scope=_SCOPE,
    )


def _error(words: str) -> Status:
    return Status(StatusCode.ERROR, words)


def _context(trace_id: str, span_id: str) -> SpanContext:
    flags = TraceFlags(TraceFlags.SAMPLED)
    return SpanContext(int(trace_id, 16), int(span_id, 16), is_remote=False, trace_flags=flags)


def _link(origin: Origin) -> Link:
    flags = TraceFlags(TraceFlags.SAMPLED if origin.sampled else TraceFlags.DEFAULT)
    state = TraceState.from_header([origin.tracestate]) if origin.tracestate else None
    trace_id, span_id = int(origin.trace_id, 16), int(origin.span_id, 16)
    context = SpanContext(trace_id, span_id, is_remote=True, trace_flags=flags, trace_state=state)
    # As an attribute too: the exporter leaves out the state of links.
    return Link(context, {"tracestate": origin.tracestate} if origin.tracestate else {})
