"""Schedules as bytes and back, and the index row that follows from one."""

from axiomd.execution.schedules import CatchUp, Definition, Overlap, Schedule, Timing
from axiomd.store import keys
from axiomd.store import record_pb2 as pb
from axiomd.store.versions import VERSION, body, one_of, reads


def encode_schedule(schedule: Schedule) -> bytes:
    """A schedule; its tenant and its ID are the row's key."""
    definition, timing = schedule.definition, schedule.definition.timing
    record = pb.Schedule(
        name=definition.name,
        graph_id=definition.graph_id,
        flow=definition.flow,
        content=definition.content,
        cron=timing.cron,
        every_s=timing.every_s,
        time_zone=timing.time_zone,
        starts_ns=timing.starts_ns,
        ends_ns=timing.ends_ns,
        catch_up=definition.catch_up,
        overlap=definition.overlap,
        paused=definition.paused,
        config_id=definition.config_id,
        priority=definition.priority,
        created_ns=schedule.created_ns,
        updated_ns=schedule.updated_ns,
        since_ns=schedule.since_ns,
        next_ns=schedule.next_ns,
        last_ns=schedule.last_ns,
        last_execution_id=schedule.last_execution_id,
        last_error=schedule.last_error,
        skipped_ns=schedule.skipped_ns,
    )
    return VERSION + record.SerializeToString()


@reads
def decode_schedule(key: bytes, value: bytes) -> Schedule:
    """The schedule stored under `key`."""
    record = pb.Schedule.FromString(body(value))
    tenant, schedule_id = keys.schedule_place(key)
    return Schedule(
        schedule_id=schedule_id,
        tenant=tenant,
        definition=_definition(record),
        created_ns=record.created_ns,
        updated_ns=record.updated_ns,
        since_ns=record.since_ns,
        next_ns=record.next_ns,
        last_ns=record.last_ns,
        last_execution_id=record.last_execution_id,
        last_error=record.last_error,
        skipped_ns=record.skipped_ns,
    )


def _definition(record: pb.Schedule) -> Definition:
    timing = Timing(
        cron=record.cron,
        every_s=record.every_s,
        time_zone=record.time_zone,
        starts_ns=record.starts_ns,
        ends_ns=record.ends_ns,
    )
    return Definition(
        name=record.name,
        graph_id=record.graph_id,
        flow=record.flow,
        content=record.content,
        timing=timing,
        catch_up=one_of(record.catch_up, CatchUp),
        overlap=one_of(record.overlap, Overlap),
        paused=record.paused,
        config_id=record.config_id,
        priority=record.priority,
    )


def due_row(schedule: Schedule) -> bytes | None:
    """The key of its row in SCHEDULES_DUE; None if it is never due."""
    if not schedule.due_ns:
        return None
    own = keys.schedule_key(schedule.tenant, schedule.schedule_id)
    return keys.due_schedule_key(schedule.due_ns, own)
