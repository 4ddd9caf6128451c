"""Artifacts as bytes and back."""

import attrs

from axiomd.flow.artifact import (
    Artifact,
    Compensate,
    Edge,
    FailurePolicy,
    FanOut,
    Fields,
    GatePolicy,
    Hitl,
    Join,
    JoinKind,
    Mode,
    PausePolicy,
    Placement,
    Retry,
)
from axiomd.store import record_pb2 as pb
from axiomd.store.versions import VERSION, body, one_of, reads


def encode_artifact(artifact: Artifact) -> bytes:
    """A compiled artifact."""
    record = pb.Artifact(
        graph_id=artifact.graph_id,
        tenant=artifact.tenant,
        flow=artifact.flow,
        mode=artifact.mode,
        placements=[_placement_record(placement) for placement in artifact.placements],
        edges=[_edge_record(edge) for edge in artifact.edges],
        entry=artifact.entry,
        terminal=artifact.terminal,
        content_hash=artifact.content_hash,
        created_ns=artifact.created_ns,
        description=artifact.description,
    )
    return VERSION + record.SerializeToString()


@reads
def decode_artifact(value: bytes) -> Artifact:
    """The artifact stored as `value`."""
    record = pb.Artifact.FromString(body(value))
    return Artifact(
        graph_id=record.graph_id,
        tenant=record.tenant,
        flow=record.flow,
        mode=one_of(record.mode, Mode),
        placements=tuple(_placement(placement) for placement in record.placements),
        edges=tuple(_edge(edge) for edge in record.edges),
        entry=record.entry,
        terminal=record.terminal,
        content_hash=record.content_hash,
        created_ns=record.created_ns,
        description=record.description,
    )


def _edge_record(edge: Edge) -> pb.Edge:
    record = pb.Edge(
        source=edge.source,
        destination=edge.destination,
        condition=edge.condition,
        loop=edge.loop,
        max_iterations=edge.max_iterations,
        on_error=edge.on_error,
    )
    if edge.fields is not None:
        record.fields.CopyFrom(_fields_record(edge.fields))
    return record


def _edge(record: pb.Edge) -> Edge:
    return Edge(
        source=record.source,
        destination=record.destination,
        fields=_fields(record.fields) if record.HasField("fields") else None,
        condition=record.condition,
        loop=record.loop,
        max_iterations=record.max_iterations,
        on_error=record.on_error,
    )


def _fields_record(fields: Fields) -> pb.Fields:
    return pb.Fields(fields=[pb.Field(name=name, cel=cel) for name, cel in fields])


def _fields(record: pb.Fields) -> Fields:
    return tuple((field.name, field.cel) for field in record.fields)


def _placement_record(placement: Placement) -> pb.Placement:
    blocks = ("compose", "fan_out", "hitl", "compensate")
    plain = attrs.asdict(placement, filter=lambda field, _: field.name not in blocks)
    record = pb.Placement(**plain)
    if placement.compose is not None:
        record.compose.CopyFrom(_fields_record(placement.compose))
    if placement.fan_out is not None:
        record.fan_out.CopyFrom(pb.FanOut(**attrs.asdict(placement.fan_out)))
    if placement.hitl is not None:
        record.hitl.CopyFrom(pb.Hitl(**attrs.asdict(placement.hitl)))
    if placement.compensate is not None:
        record.compensate.CopyFrom(_compensate_record(placement.compensate))
    return record


def _compensate_record(compensate: Compensate) -> pb.Compensate:
    plain = attrs.asdict(compensate, filter=lambda field, _: field.name != "fields")
    record = pb.Compensate(**plain)
    if compensate.fields is not None:
        record.fields.CopyFrom(_fields_record(compensate.fields))
    return record


def _placement(record: pb.Placement) -> Placement:
    return Placement(
        alias=record.alias,
        package=record.package,
        node=record.node,
        digest=record.digest,
        kind=one_of(record.kind, Mode),
        input_type=record.input_type,
        output_type=record.output_type,
        runner=record.runner,
        timeout_s=record.timeout_s if record.HasField("timeout_s") else None,
        once=record.once,
        concurrency=record.concurrency,
        x=record.x if record.HasField("x") else None,
        y=record.y if record.HasField("y") else None,
        memory_mib=record.memory_mib if record.HasField("memory_mib") else None,
        cpu_seconds=record.cpu_seconds if record.HasField("cpu_seconds") else None,
        fresh=record.fresh,
        retry=_retry(record.retry) if record.HasField("retry") else Retry(),
        join=_join(record),
        gathers=record.gathers,
        compose=_fields(record.compose) if record.HasField("compose") else None,
        fan_out=_fan_out(record.fan_out) if record.HasField("fan_out") else None,
        hitl=_hitl(record.hitl) if record.HasField("hitl") else None,
        compensate=_compensate(record.compensate) if record.HasField("compensate") else None,
        subflow=record.subflow,
    )


def _join(record: pb.Placement) -> Join:
    if not record.HasField("join"):
        return Join(kind=one_of(record.join_kind or "AND", JoinKind))
    join = record.join
    return Join(
        kind=one_of(join.kind, JoinKind),
        failure_policy=one_of(join.failure_policy, FailurePolicy),
        quorum=join.quorum,
        timeout_s=join.timeout_s,
        timeout_policy=one_of(join.timeout_policy, GatePolicy),
    )


def _fan_out(record: pb.FanOut) -> FanOut:
    return FanOut(record.items, record.max_parallel)


def _hitl(record: pb.Hitl) -> Hitl:
    policy = one_of(record.timeout_policy, PausePolicy)
    return Hitl(record.payload, record.timeout_s, policy)


def _compensate(record: pb.Compensate) -> Compensate:
    return Compensate(
        package=record.package,
        node=record.node,
        digest=record.digest,
        input_type=record.input_type,
        output_type=record.output_type,
        fields=_fields(record.fields) if record.HasField("fields") else None,
        concurrency=record.concurrency,
    )


def _retry(record: pb.Retry) -> Retry:
    return Retry(
        max_attempts=record.max_attempts,
        initial_interval_ms=record.initial_interval_ms,
        backoff_coefficient=record.backoff_coefficient,
        max_interval_ms=record.max_interval_ms,
        jitter=record.jitter,
        non_retryable=tuple(record.non_retryable),
    )
