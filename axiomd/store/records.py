"""Records as bytes and back: one pair of functions for each, and the gate for what is on disk.

Each value starts with one version byte. Decoding asserts the version, so that a store of a later
axiomd is refused and never misread.
"""

import struct

import attrs

from axiomd.errors import StoreFailed
from axiomd.execution.arrivals import Arrival
from axiomd.execution.execution import Debug, DebugMode, Ending, Execution, OpenPause
from axiomd.execution.journal import Entry, EntryKind, Payload
from axiomd.execution.position import Position
from axiomd.execution.status import Status, Trigger
from axiomd.execution.targets import Target
from axiomd.execution.trace_context import NO_ORIGIN, Origin
from axiomd.flow.artifact import (
    Mode,
)
from axiomd.limits import PRIORITY_DEFAULT
from axiomd.store import keys
from axiomd.store import record_pb2 as pb
from axiomd.store.versions import VERSION, body, one_of, reads

_INLINE = b"\x01"
_BLOB = b"\x02"
_HASH_BYTES = 32
_ARRIVAL = struct.Struct(">III")


@attrs.frozen
class PackageRecord:
    """What one version of a package names."""

    name: str
    version: str
    digest: str
    manifest: str
    """`axiom.yaml` as pushed."""
    descriptor_set: bytes
    bundle: bytes
    """SHA-256 of the blob that holds the packed files."""
    own_proto: bytes
    """`messages.proto`, for packages that import it."""
    pushed_ns: int


@attrs.frozen
class DraftRecord:
    """A flow as somebody is editing it."""

    name: str
    document: str
    """JSON of the flow source."""
    updated_ns: int
    graph_id: str = ""
    """The artifact it was last compiled to."""


@attrs.frozen
class ApiKeyRecord:
    """What is known of an API key: never the key."""

    tenant: str
    name: str
    first8: str
    last4: str
    created_ns: int
    revoked_ns: int = 0
    console: bool = False
    """Whether it stands for who signs in by a link; nobody has it as a key."""
    last_used_ns: int = 0


@attrs.frozen
class SessionRecord:
    """A browser that has signed in; its token, by hash, and its time are the key."""

    api_key: bytes
    """SHA-256 of the API key that it stands for."""
    created_ns: int


@attrs.frozen
class SignInLinkRecord:
    """A link that signs in once; its token, by hash, and its time are the key."""

    api_key: bytes
    """SHA-256 of the API key that its session will stand for."""
    created_ns: int
    used_ns: int = 0


@attrs.frozen
class TenantRecord:
    """What is set for one tenant."""

    retention_days: float | None = None
    """Days that its ended executions are kept; 0 for ever, None as the box is set."""
    name: str = ""
    """What people call it; empty for its ID."""
    created_ns: int = 0
    """0 of one that came to be with its first key."""
    disabled_ns: int = 0


@attrs.frozen
class IdempotencyRecord:
    """The execution an Idempotency-Key made, and from which body."""

    execution_id: str
    body_hash: bytes


def encode_execution(execution: Execution) -> bytes:
    """An execution record; its ID is the key."""
    failure = execution.failure
    record = pb.Execution(
        tenant=execution.tenant,
        flow=execution.flow,
        graph_id=execution.graph_id,
        mode=execution.mode,
        status=execution.status.value,
        created_ns=execution.created_ns,
        updated_ns=execution.updated_ns,
        node_timeout_s=execution.node_timeout_s,
        started_ns=execution.started_ns,
        completed_ns=execution.completed_ns,
        attempt=execution.attempt,
        losses=execution.losses,
        entries=execution.entries,
        config_id=execution.config_id,
        config_ids=execution.config_ids,
        parent_id=execution.parent_id,
        forked_from=execution.forked_from,
        wake_ns=execution.wake_ns,
        doubts=execution.doubts,
        idempotency=execution.idempotency,
        ended_at=execution.ended_at,
        pauses=[pb.Pause(**attrs.asdict(pause)) for pause in execution.pauses],
        children=execution.children,
        parent_position=execution.parent_position,
        depth=execution.depth,
        held=execution.held,
        undoing=execution.undoing,
        schedule_id=execution.schedule_id,
        scheduled_ns=execution.scheduled_ns,
    )
    if execution.origin.traceparent:
        record.traceparent = execution.origin.traceparent
        record.tracestate = execution.origin.tracestate
    if execution.debug is not None:
        record.debug.mode = execution.debug.mode
        record.debug.breakpoints.extend(execution.debug.breakpoints)
    if failure is not None:
        record.failure.CopyFrom(pb.Ending(**attrs.asdict(failure)))
    if execution.webhook is not None:
        record.webhook.CopyFrom(target_record(execution.webhook))
    if execution.priority != PRIORITY_DEFAULT:
        record.priority = execution.priority
    return VERSION + record.SerializeToString()


@reads
def decode_execution(execution_id: str, value: bytes) -> Execution:
    """The record stored under `execution_id`."""
    record = pb.Execution.FromString(body(value))
    failure = record.failure
    return Execution(
        execution_id=execution_id,
        tenant=record.tenant,
        flow=record.flow,
        graph_id=record.graph_id,
        mode=one_of(record.mode, Mode),
        status=Status(record.status),
        created_ns=record.created_ns,
        updated_ns=record.updated_ns,
        node_timeout_s=record.node_timeout_s,
        started_ns=record.started_ns,
        completed_ns=record.completed_ns,
        attempt=record.attempt,
        losses=record.losses,
        entries=record.entries,
        failure=Ending(
            failure.kind, failure.message, failure.placement, failure.edge, failure.attempts
        )
        if record.HasField("failure")
        else None,
        config_id=record.config_id,
        config_ids=tuple(record.config_ids),
        parent_id=record.parent_id,
        forked_from=record.forked_from,
        wake_ns=record.wake_ns,
        doubts=tuple(record.doubts),
        idempotency=record.idempotency,
        ended_at=tuple(record.ended_at),
        pauses=tuple(
            OpenPause(pause.position, pause.opened_ns, pause.expires_ns) for pause in record.pauses
        ),
        children=tuple(record.children),
        parent_position=record.parent_position,
        depth=record.depth,
        debug=_debug(record.debug) if record.HasField("debug") else None,
        held=tuple(record.held),
        undoing=record.undoing,
        webhook=read_target(record.webhook) if record.HasField("webhook") else None,
        priority=record.priority if record.HasField("priority") else PRIORITY_DEFAULT,
        schedule_id=record.schedule_id,
        scheduled_ns=record.scheduled_ns,
        origin=Origin(record.traceparent, record.tracestate) if record.traceparent else NO_ORIGIN,
    )


def _debug(record: pb.Debug) -> Debug:
    return Debug(one_of(record.mode, DebugMode), tuple(record.breakpoints))


def target_record(target: Target) -> pb.Target:
    """Where a webhook leads."""
    headers = [pb.Header(name=name, value=value) for name, value in target.headers]
    return pb.Target(url=target.url, headers=headers)


def read_target(record: pb.Target) -> Target:
    """What `target_record` has written."""
    return Target(record.url, tuple((header.name, header.value) for header in record.headers))


def encode_entry(entry: Entry) -> bytes:
    """A journal entry; its seq is in the key."""
    record = pb.Entry(
        kind=entry.kind,
        at_ns=entry.at_ns,
        attempt=entry.attempt,
        edge=entry.edge + 1,
        edges=entry.edges,
        frames=entry.frames,
        detail=entry.detail,
        due_ns=entry.due_ns,
        trigger=entry.trigger.value if entry.trigger else "",
        failed=entry.failed,
    )
    if entry.position is not None:
        record.placement = entry.position.placement + 1
        record.iteration = entry.position.iteration
        record.items.extend(entry.position.items)
    if entry.payload is not None:
        record.payload.size = entry.payload.size
        record.payload.inline = entry.payload.inline or b""
        record.payload.blob = entry.payload.blob
    return VERSION + record.SerializeToString()


@reads
def decode_entry(seq: int, value: bytes) -> Entry:
    """The entry stored at `seq`."""
    record = pb.Entry.FromString(body(value))
    position = payload = None
    if record.placement:
        position = Position(record.placement - 1, record.iteration, tuple(record.items))
    if record.HasField("payload"):
        blob = record.payload.blob
        payload = Payload(record.payload.size, None if blob else record.payload.inline, blob)
    return Entry(
        kind=EntryKind(record.kind),
        at_ns=record.at_ns,
        position=position,
        attempt=record.attempt,
        edge=record.edge - 1,
        edges=tuple(record.edges),
        payload=payload,
        frames=record.frames,
        detail=record.detail,
        due_ns=record.due_ns,
        trigger=Trigger(record.trigger) if record.trigger else None,
        failed=record.failed,
        seq=seq,
    )


@reads
def blob_in_entry(value: bytes) -> bytes:
    """The blob that a stored entry names; empty if it names none."""
    blob: bytes = pb.Entry.FromString(body(value)).payload.blob
    return blob


def encode_frame(payload: Payload) -> bytes:
    """A frame: mostly its own bytes, so that streams stay cheap."""
    if payload.inline is not None:
        return _INLINE + payload.inline
    return _BLOB + payload.blob + payload.size.to_bytes(8, "big")


@reads
def decode_frame(value: bytes) -> Payload:
    """The frame stored as `value`."""
    if value[:1] == _INLINE:
        return Payload(len(value) - 1, value[1:])
    if value[:1] != _BLOB:
        raise StoreFailed(f"a frame has form {value[:1].hex()}, this axiomd reads 01 and 02")
    size = int.from_bytes(value[1 + _HASH_BYTES :], "big")
    return Payload(size, None, value[1 : 1 + _HASH_BYTES])


def encode_arrival(arrival: Arrival) -> bytes:
    """An arrival; its gate and index are the key's."""
    return VERSION + _ARRIVAL.pack(arrival.edge, arrival.frame, arrival.count)


@reads
def decode_arrival(key: bytes, value: bytes) -> Arrival:
    """The arrival stored under `key`."""
    return Arrival(*keys.arrival_place(key), *_ARRIVAL.unpack(body(value)))


def encode_package(package: PackageRecord) -> bytes:
    """A pushed package."""
    return VERSION + pb.Package(**attrs.asdict(package)).SerializeToString()


@reads
def decode_package(value: bytes) -> PackageRecord:
    """The package stored as `value`."""
    record = pb.Package.FromString(body(value))
    return PackageRecord(
        name=record.name,
        version=record.version,
        digest=record.digest,
        manifest=record.manifest,
        descriptor_set=record.descriptor_set,
        bundle=record.bundle,
        own_proto=record.own_proto,
        pushed_ns=record.pushed_ns,
    )


def encode_draft(draft: DraftRecord) -> bytes:
    """A flow draft."""
    return VERSION + pb.FlowDraft(**attrs.asdict(draft)).SerializeToString()


@reads
def decode_draft(value: bytes) -> DraftRecord:
    """The draft stored as `value`."""
    record = pb.FlowDraft.FromString(body(value))
    return DraftRecord(record.name, record.document, record.updated_ns, record.graph_id)


def encode_api_key(key: ApiKeyRecord) -> bytes:
    """What is known of an API key."""
    return VERSION + pb.ApiKey(**attrs.asdict(key)).SerializeToString()


@reads
def decode_api_key(value: bytes) -> ApiKeyRecord:
    """The API key record stored as `value`."""
    record = pb.ApiKey.FromString(body(value))
    return ApiKeyRecord(
        tenant=record.tenant,
        name=record.name,
        first8=record.first8,
        last4=record.last4,
        created_ns=record.created_ns,
        revoked_ns=record.revoked_ns,
        console=record.console,
        last_used_ns=record.last_used_ns,
    )


def encode_session(session: SessionRecord) -> bytes:
    """A browser's session."""
    return VERSION + pb.Session(**attrs.asdict(session)).SerializeToString()


@reads
def decode_session(value: bytes) -> SessionRecord:
    """The session stored as `value`."""
    record = pb.Session.FromString(body(value))
    return SessionRecord(record.api_key, record.created_ns)


def encode_link(link: SignInLinkRecord) -> bytes:
    """A sign-in link."""
    return VERSION + pb.SignInLink(**attrs.asdict(link)).SerializeToString()


@reads
def decode_link(value: bytes) -> SignInLinkRecord:
    """The sign-in link stored as `value`."""
    record = pb.SignInLink.FromString(body(value))
    return SignInLinkRecord(record.api_key, record.created_ns, record.used_ns)


def encode_tenant(tenant: TenantRecord) -> bytes:
    """What is set for a tenant."""
    return VERSION + pb.Tenant(**attrs.asdict(tenant)).SerializeToString()


@reads
def decode_tenant(value: bytes) -> TenantRecord:
    """The tenant's record stored as `value`."""
    record = pb.Tenant.FromString(body(value))
    days = record.retention_days if record.HasField("retention_days") else None
    return TenantRecord(days, record.name, record.created_ns, record.disabled_ns)


def encode_idempotency(record: IdempotencyRecord) -> bytes:
    """An Idempotency-Key's execution."""
    identity = bytes.fromhex(record.execution_id)
    return (
        VERSION
        + pb.Idempotency(execution_id=identity, body_hash=record.body_hash).SerializeToString()
    )


@reads
def decode_idempotency(value: bytes) -> IdempotencyRecord:
    """The Idempotency-Key record stored as `value`."""
    record = pb.Idempotency.FromString(body(value))
    return IdempotencyRecord(record.execution_id.hex(), record.body_hash)
