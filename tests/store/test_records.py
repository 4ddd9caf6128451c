"""Every record comes back from disk as it went, and a later version is refused."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from worlds.flows import BRANCHING, STREAMING

from axiomd.errors import StoreFailed
from axiomd.execution.arrivals import Arrival
from axiomd.execution.execution import Debug, Ending, Execution, OpenPause
from axiomd.execution.journal import Entry, EntryKind, Payload
from axiomd.execution.position import Position
from axiomd.execution.status import Status, Trigger
from axiomd.execution.trace_context import Origin
from axiomd.store import artifact_records as a
from axiomd.store import keys
from axiomd.store import record_pb2 as pb
from axiomd.store import records as r
from axiomd.store.acts import masked

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
NS = st.integers(0, 2**63)
U32 = st.integers(0, 2**32 - 1)
IDENTITY = st.binary(min_size=16, max_size=16).map(bytes.hex)
PAYLOADS = st.one_of(
    st.binary(max_size=50).map(lambda content: Payload(len(content), content)),
    st.builds(Payload, st.integers(1, 2**40), st.none(), st.binary(min_size=32, max_size=32)),
)
POSITIONS = st.builds(
    Position,
    st.integers(0, 0xFFFF),
    st.integers(1, 2**20),
    st.lists(st.integers(0, 2**20), max_size=2).map(tuple),
)
ENTRIES = st.builds(
    Entry,
    kind=st.sampled_from(EntryKind),
    at_ns=NS,
    position=st.none() | POSITIONS,
    attempt=U32,
    edge=st.integers(-1, 40_000),
    edges=st.lists(st.integers(0, 40_000), max_size=5).map(tuple),
    payload=st.none() | PAYLOADS,
    frames=U32,
    due_ns=NS,
    trigger=st.none() | st.sampled_from(Trigger),
    detail=TEXT,
    failed=st.booleans(),
    seq=U32,
)
EXECUTIONS = st.builds(
    Execution,
    execution_id=IDENTITY,
    tenant=TEXT,
    flow=TEXT,
    graph_id=TEXT,
    mode=st.sampled_from(["unary", "pipeline"]),
    status=st.sampled_from(Status),
    created_ns=NS,
    updated_ns=NS,
    node_timeout_s=st.floats(0, 1e9),
    started_ns=NS,
    completed_ns=NS,
    attempt=U32,
    losses=U32,
    entries=U32,
    failure=st.none() | st.builds(Ending, TEXT, TEXT, TEXT, TEXT, U32),
    config_id=TEXT,
    config_ids=st.lists(TEXT, max_size=3).map(tuple),
    parent_id=TEXT,
    forked_from=TEXT,
    wake_ns=NS,
    doubts=st.lists(TEXT, max_size=3).map(tuple),
    ended_at=st.lists(TEXT, max_size=3).map(tuple),
    pauses=st.lists(st.builds(OpenPause, TEXT, NS, NS), max_size=3).map(tuple),
    children=st.lists(IDENTITY, max_size=3).map(tuple),
    parent_position=TEXT,
    depth=U32,
    debug=st.none()
    | st.builds(
        Debug, st.sampled_from(["run", "pause", "step"]), st.lists(TEXT, max_size=3).map(tuple)
    ),
    held=st.lists(TEXT, max_size=3).map(tuple),
    undoing=st.booleans(),
    origin=st.just(Origin()) | st.builds(Origin, TEXT.filter(bool), TEXT),
)


@given(EXECUTIONS)
def test_an_execution_comes_back_as_it_went(execution):
    value = r.encode_execution(execution)
    assert r.decode_execution(execution.execution_id, value) == execution


@given(ENTRIES)
def test_an_entry_comes_back_as_it_went(entry):
    assert r.decode_entry(entry.seq, r.encode_entry(entry)) == entry


@given(PAYLOADS)
def test_a_frame_comes_back_as_it_went(payload):
    assert r.decode_frame(r.encode_frame(payload)) == payload


@given(st.builds(Arrival, st.integers(0, 0xFFFF), U32, st.integers(0, 40_000), U32, U32), IDENTITY)
def test_an_arrival_comes_back_as_it_went(arrival, identity):
    key = keys.arrival_key(keys.execution_key(identity), arrival.gate, arrival.index)
    assert r.decode_arrival(key, r.encode_arrival(arrival)) == arrival


@given(st.builds(r.PackageRecord, TEXT, TEXT, TEXT, TEXT, *[st.binary(max_size=9)] * 3, NS))
@settings(max_examples=30)
def test_a_package_comes_back_as_it_went(package):
    assert r.decode_package(r.encode_package(package)) == package


@given(st.builds(r.DraftRecord, TEXT, TEXT, NS, TEXT))
@settings(max_examples=30)
def test_a_draft_comes_back_as_it_went(draft):
    assert r.decode_draft(r.encode_draft(draft)) == draft


@given(st.builds(r.ApiKeyRecord, TEXT, TEXT, TEXT, TEXT, NS, NS, st.booleans()))
@settings(max_examples=30)
def test_a_key_comes_back_as_it_went(key):
    assert r.decode_api_key(r.encode_api_key(key)) == key
    assert masked(key) == f"{key.first8}…{key.last4}"


def test_records_of_before_are_read_with_what_they_do_not_know_left_out():
    old = r.VERSION + pb.ApiKey(tenant="t", name="n", first8="12345678").SerializeToString()
    assert masked(r.decode_api_key(old)) == "12345678…"
    assert r.decode_api_key(old).last_used_ns == 0
    kept = r.VERSION + pb.Tenant(retention_days=7).SerializeToString()
    assert r.decode_tenant(kept) == r.TenantRecord(7)
    assert r.encode_tenant(r.TenantRecord(7)) == kept
    whole = r.TenantRecord(0, "Acme", 5, 6)
    assert r.decode_tenant(r.encode_tenant(whole)) == whole


@given(st.builds(r.SessionRecord, st.binary(max_size=9), NS))
@settings(max_examples=30)
def test_a_session_comes_back_as_it_went(session):
    assert r.decode_session(r.encode_session(session)) == session


@given(st.builds(r.SignInLinkRecord, st.binary(max_size=9), NS, NS))
@settings(max_examples=30)
def test_a_sign_in_link_comes_back_as_it_went(link):
    assert r.decode_link(r.encode_link(link)) == link


@given(st.builds(r.IdempotencyRecord, IDENTITY, st.binary(min_size=32, max_size=32)))
@settings(max_examples=30)
def test_an_idempotency_record_comes_back_as_it_went(record):
    assert r.decode_idempotency(r.encode_idempotency(record)) == record


@pytest.mark.parametrize("artifact", [BRANCHING.artifact, STREAMING.artifact])
def test_an_artifact_comes_back_as_it_went(artifact):
    again = a.decode_artifact(a.encode_artifact(artifact))
    for field in ("graph_id", "tenant", "flow", "mode", "placements", "edges", "entry"):
        assert getattr(again, field) == getattr(artifact, field)
    assert (again.outgoing, again.incoming) == (artifact.outgoing, artifact.incoming)


DECODERS = [
    lambda value: r.decode_execution("0" * 32, value),
    lambda value: r.decode_entry(0, value),
    a.decode_artifact,
    r.decode_package,
    r.decode_draft,
    r.decode_api_key,
    r.decode_session,
    r.decode_link,
    r.decode_idempotency,
]


@pytest.mark.parametrize("decode", DECODERS)
@pytest.mark.parametrize("value", [b"", b"\x02", b"\x00rest"])
def test_a_record_of_another_version_is_refused(decode, value):
    with pytest.raises(StoreFailed, match="version"):
        decode(value)


def test_a_frame_of_another_form_is_refused():
    with pytest.raises(StoreFailed, match="form"):
        r.decode_frame(b"\x03abc")


def test_a_mode_nobody_knows_is_refused():
    value = a.encode_artifact(BRANCHING.artifact).replace(b"\x05unary", b"\x05mixed")
    with pytest.raises(StoreFailed, match="unary"):
        a.decode_artifact(value)
