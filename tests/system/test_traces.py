"""Traces of a real box, as a collector gets them: decoded from what it was sent over HTTP."""

import gzip
import json
import time
from pathlib import Path

import attrs
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from system.box import User
from system.lab import flow, single
from worlds.receivers import Receiver, receiving

from axiomd.execution.trace_context import root_span_id

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
ORIGIN = {"traceparent": f"00-{TRACE}-{SPAN}-01", "tracestate": "vendor=1"}


@attrs.frozen
class Seen:
    """A span as it arrived."""

    name: str
    trace_id: str
    span_id: str
    parent_id: str
    attributes: dict
    links: list
    failed: bool
    ns: int


def spans(receiver: Receiver) -> list[Seen]:
    """Every span that the collector has got."""
    found = []
    for got in list(receiver.got):
        body = (
            gzip.decompress(got.body) if got.headers.get("content-encoding") == "gzip" else got.body
        )
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            names = {a.key: a.value.string_value for a in resource.resource.attributes}
            assert names["service.name"] == "box of tests"
            found += [_seen(span) for scope in resource.scope_spans for span in scope.spans]
    return found


def _seen(span) -> Seen:
    return Seen(
        span.name,
        span.trace_id.hex(),
        span.span_id.hex(),
        span.parent_span_id.hex(),
        {a.key: a.value.string_value or a.value.int_value for a in span.attributes},
        [
            (
                link.trace_id.hex(),
                link.span_id.hex(),
                [a.value.string_value for a in link.attributes],
            )
            for link in span.links
        ],
        span.status.code == span.status.STATUS_CODE_ERROR,
        span.end_time_unix_nano - span.start_time_unix_nano,
    )


def trace(receiver: Receiver, identity: str, count: int, within_s: float = 20.0) -> list[Seen]:
    """The spans of an execution, once there are so many."""
    deadline = time.monotonic() + within_s
    while len(found := [s for s in spans(receiver) if s.trace_id == identity]) < count:
        assert time.monotonic() < deadline, found
        time.sleep(0.02)
    assert len(found) == count
    return found


def settings(receiver: Receiver) -> dict:
    return {
        "traces_otlp_endpoint": f"http://127.0.0.1:{receiver.port}",
        "traces_service_name": "box of tests",
        "traces_headers": "authorization=Bearer%20s3cret",
        "webhooks_allow_private": True,
    }


def roots(found: list[Seen]) -> list[Seen]:
    return [span for span in found if not span.parent_id]


def test_an_execution_is_a_trace_that_is_linked_to_who_invoked_it(open_box, tmp_path: Path):
    told = flow("told", {"first": "Execute", "second": "Echo"}, ("first second",))
    with receiving() as receiver:
        box = open_box(**settings(receiver))
        with box.client() as user:
            graph_id = user.compile(told)
            code = {"text": "result = ax.traceparent"}
            identity = user.accepted(graph_id, code, headers=ORIGIN)
            user.ended(identity)
            output = user.execution(identity, "/output")["output"]["text"]
            found = trace(receiver, identity, 3)
    (root,) = roots(found)
    assert (root.name, root.span_id) == ("acme/told", root_span_id(identity))
    assert root.links == [(TRACE, SPAN, ["vendor=1"])]
    assert root.attributes["axiomd.status"] == "COMPLETED"
    first, second = (next(s for s in found if s.name == name) for name in ("first", "second"))
    assert first.parent_id == second.parent_id == root.span_id
    assert first.attributes["axiomd.node"] == "Execute"
    # What the node was told to hand on is its own span.
    assert output == f"00-{identity}-{first.span_id}-01"
    assert receiver.got[0].url == "/v1/traces"
    assert receiver.got[0].headers["authorization"] == "Bearer s3cret"


def test_a_trace_is_whole_though_the_box_was_killed_in_the_middle(open_box, tmp_path: Path):
    steps = flow("kept", {"one": "Echo", "two": "Nap", "three": "Echo"}, ("one two", "two three"))
    with receiving() as receiver:
        box = open_box(**settings(receiver))
        with box.client() as user:
            graph_id = user.compile(steps)
            identity = user.accepted(graph_id, {"count": 600, "log": str(tmp_path / "nap")})
            user.started(identity, "two")
            box.restart()
            user.ended(identity)
            found = trace(receiver, identity, 5)
    by_name = {(s.name, s.attributes["axiomd.attempt"]): s for s in found}
    assert set(by_name) == {("acme/kept", 2), ("one", 1), ("two", 1), ("two", 2), ("three", 1)}
    assert by_name["two", 1].failed
    assert by_name["two", 1].attributes["axiomd.outcome"] == "lost"
    assert not by_name["two", 2].failed


def test_children_retries_and_webhooks_have_their_spans(open_box, tmp_path: Path):
    with receiving() as receiver, receiving() as hook:
        box = open_box(**settings(receiver))
        with box.client() as user:
            child = user.compile(single("Flaky"))
            retry = {"retry": {"max_attempts": 3, "initial_interval_ms": 1}}
            document = flow("parent", {"x": "Echo"})
            document["nodes"][0] = {"alias": "x", "subflow": child, "config": retry}
            graph_id = user.compile(document)
            given = {"count": 0, "log": str(tmp_path / "log")}
            identity = user.accepted(graph_id, given, webhook={"url": hook.url})
            user.ended(identity)
            found = trace(receiver, identity, 3)
            call = next(s for s in found if s.name == "x")
            below = trace(receiver, call.attributes["axiomd.child_id"], 2)
    (root,) = roots(below)
    assert root.links == [(identity, call.span_id, [])]
    told = next(s for s in found if s.name.startswith("webhook"))
    assert told.attributes["http.response.status_code"] == 200
    assert told.parent_id == root_span_id(identity)
    assert hook.got


def test_a_collector_that_is_not_there_disturbs_nobody(open_box):
    with receiving() as receiver:
        given = settings(receiver)
        receiver.answers = lambda _: (400, {}, b"no")
        box = open_box(**given)
        with box.client() as user:
            graph_id = user.compile(single("Echo"))
            for _ in range(3):
                assert user.ended(user.accepted(graph_id, {}))["status"] == "COMPLETED"
            dropped = _until_dropped(user, 6)
            assert dropped == 6
    with box.client() as user:
        # Nobody listens there any more.
        assert user.ended(user.accepted(graph_id, {}))["status"] == "COMPLETED"
    assert box.stop()[0] == 0
    lines = [
        json.loads(line) for line in box.log.read_text().splitlines() if "spans_dropped" in line
    ]
    assert lines


def _until_dropped(user: User, count: int, within_s: float = 20.0) -> int:
    deadline = time.monotonic() + within_s
    while True:
        text = user.http.get("/metrics").text
        (line,) = [s for s in text.splitlines() if s.startswith("axiomd_spans_dropped_total ")]
        found = int(float(line.split()[1]))
        if found >= count:
            return found
        assert time.monotonic() < deadline, found
        time.sleep(0.02)
