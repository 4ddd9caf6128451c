"""axiomd's side of the frames: whatever a node process sends is a value or a ProtocolError."""

import json

import attrs
import pytest

from axiomd.execution.call import Failure, NodeCall, NodeEvent
from axiomd.runners.child.wire import HEAD, LOG, PROGRESS, RUN, split_run
from axiomd.runners.frames import ProtocolError, RunFrames, read_event, read_failure

CALL = NodeCall(
    execution_id="e" * 32,
    graph_id="G",
    tenant="t",
    placement="p",
    position="p#2",
    attempt=3,
    effect_key="a\nb",
    digest="d",
    node="ProcessOrder",
    kind="unary",
    input_type="a.In",
    output_type="a.Out",
    payload=b"payload",
    timeout_s=1,
    config={"k": "v"},
    span_id="5" * 16,
)


def test_a_run_frame_carries_visit_placement_and_payload():
    head, payload = RunFrames(99).frame(CALL, 7, CALL.payload)
    size, kind, number = HEAD.unpack_from(head)
    body = head[HEAD.size :] + payload
    assert (size, kind, number) == (len(body), RUN, 7)
    visit, spec, rest = split_run(body)
    assert visit.decode().split("\n", 5) == ["3", "0", "e" * 32, "5" * 16, "", "a\nb"]
    assert json.loads(spec)["module"] == "process_order"
    assert json.loads(spec)["output_max"] == 99
    assert rest == b"payload"


@pytest.mark.parametrize(
    "change",
    [
        {"config": {"k": "w"}},
        {"reflection": "[]"},
        {"output_type": "a.Other"},
        {"tenant": "u"},
        {"graph_id": "H"},
    ],
)
def test_a_kept_header_is_never_used_for_another_placement(change):
    frames = RunFrames(99)
    _, before, _ = split_run(frames.frame(CALL, 1, b"")[0][HEAD.size :])
    _, after, _ = split_run(frames.frame(attrs.evolve(CALL, **change), 2, b"")[0][HEAD.size :])
    assert before != after


def test_secrets_travel_with_the_visit_and_not_with_what_is_kept():
    frames = RunFrames(99)
    call = attrs.evolve(CALL, secrets={"TOKEN": "x\ny"})
    visit, spec, _ = split_run(frames.frame(call, 1, b"")[0][HEAD.size :])
    assert json.loads(visit.decode().split("\n", 5)[4]) == {"TOKEN": "x\ny"}
    assert "TOKEN" not in spec.decode()
    assert "x\\ny" not in repr(frames._headers)
    without, again, _ = split_run(frames.frame(CALL, 2, b"")[0][HEAD.size :])
    assert (again, "TOKEN" in without.decode()) == (spec, False)
    assert "x\\ny" not in repr(call)


def test_what_a_node_says_is_read():
    assert read_event(LOG, b'["info","x",{"a":"1"}]') == NodeEvent("log", "info", "x", {"a": "1"})
    assert read_event(PROGRESS, b'[0.5,"x"]') == NodeEvent("progress", "", "x", fraction=0.5)
    assert read_failure(b'["BAD_OUTPUT","m","d",["A"]]') == Failure("BAD_OUTPUT", "m", "d", ("A",))
    assert read_failure(b'["NODE_ERROR","\\ud800","",[]]').message == "?"


@pytest.mark.parametrize(
    "body", [b"", b"\xff", b"{}", b"[]", b'["x","y","z"]', b"[" * 100_000, b"1", b" " * 2**23]
)
def test_what_no_node_process_says_is_a_protocol_error(body):
    with pytest.raises(ProtocolError):
        read_failure(body)
    with pytest.raises(ProtocolError):
        read_event(LOG, body)
